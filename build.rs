//! Lets the examples, tests and benches find LibTorch when they start, and tells the build scripts of the programs that
//! depend on this package how to do the same.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Set by `marque-torch`; absent without the features that link LibTorch.
    let arguments = std::env::var("DEP_MARQUE_TORCH_LINK_ARGS").unwrap_or_default();
    for argument in arguments.split(';').filter(|argument| !argument.is_empty()) {
        println!("cargo:rustc-link-arg={argument}");
    }
    println!("cargo:link_args={arguments}");
}
