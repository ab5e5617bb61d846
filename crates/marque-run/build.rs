//! Lets the tests find LibTorch when they start, and tells the build scripts of the crates that
//! depend on this one how to do the same.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Set by `marque-torch`.
    let arguments = std::env::var("DEP_MARQUE_TORCH_LINK_ARGS").unwrap_or_default();
    for argument in arguments.split(';').filter(|argument| !argument.is_empty()) {
        println!("cargo:rustc-link-arg={argument}");
    }
    println!("cargo:link_args={arguments}");
}
