//! Lets the examples, tests and benches find LibTorch without `LD_LIBRARY_PATH`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Set by `marque-torch`; absent without the features that link LibTorch.
    let Some(folder) = std::env::var_os("DEP_MARQUE_TORCH_LIBTORCH_LIB") else {
        return;
    };
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix") {
        println!(
            "cargo:rustc-link-arg=-Wl,-rpath,{}",
            std::path::Path::new(&folder).display()
        );
    }
}
