//! Tells the linker where LibTorch lies, so that test, bench and example executables of this crate start
//! without `LD_LIBRARY_PATH`, and passes the folder on to the crates that build executables upon this one.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Set by `torch-sys`, the build script of which has found LibTorch.
    let Some(folder) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    // The link into the repository may be moved to another LibTorch; an executable keeps the one it was built with.
    let folder = std::path::PathBuf::from(folder);
    let folder = folder.canonicalize().unwrap_or(folder);
    println!("cargo:libtorch_lib={}", folder.display());
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
    // The linker drops libraries that no symbol names, and CUDA is found only by being loaded.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        if folder.join("libtorch_cuda.so").exists() {
            println!("cargo:rustc-link-arg=-ltorch_cuda");
        }
    }
}
