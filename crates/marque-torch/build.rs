//! Works out how the linker must be called so that an executable finds LibTorch when it starts, for the tests and benches
//! of this crate and, as `DEP_MARQUE_TORCH_LINK_ARGS`, for the build scripts of the crates upon it: cargo does not pass
//! such arguments on by itself.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Set by `torch-sys`, the build script of which has found LibTorch.
    let Some(folder) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        return;
    };
    build_node(&folder);
    // The link in the repository may be moved to another LibTorch; an executable keeps the one it was built with.
    let folder = folder.canonicalize().unwrap_or(folder);
    let target = |name: &str| std::env::var(name).unwrap_or_default();
    let mut arguments = Vec::new();
    if target("CARGO_CFG_TARGET_FAMILY") == "unix" {
        arguments.push(format!("-Wl,-rpath,{}", folder.display()));
    }
    // No symbol names the CUDA library, so that the linker would drop it; it registers itself when it is loaded.
    if target("CARGO_CFG_TARGET_OS") == "linux" && folder.join("libtorch_cuda.so").exists() {
        arguments.extend(["-Wl,--no-as-needed".to_owned(), "-ltorch_cuda".to_owned()]);
    }
    if let Some(version) = folder.parent().and_then(version_in_headers) {
        println!("cargo:rustc-env=MARQUE_LIBTORCH_VERSION={version}");
    }
    for argument in &arguments {
        println!("cargo:rustc-link-arg={argument}");
    }
    println!("cargo:link_args={}", arguments.join(";"));
}

/// The C++ that adds a node to LibTorch's backward pass; compiled as `torch-sys` compiles its own.
fn build_node(libraries: &Path) {
    const SOURCE: &str = "src/autograd/node.cc";
    println!("cargo:rerun-if-changed={SOURCE}");
    println!("cargo:rerun-if-env-changed=LIBTORCH_CXX11_ABI");
    println!("cargo:rerun-if-env-changed=LIBTORCH_INCLUDE");
    let beside = libraries.parent().unwrap_or(libraries);
    let include = std::env::var_os("LIBTORCH_INCLUDE").map_or(beside.to_owned(), PathBuf::from);
    let abi = std::env::var("LIBTORCH_CXX11_ABI").unwrap_or("1".to_owned());
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .include(include.join("include"))
        .include(include.join("include/torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .define("GLOG_USE_GLOG_EXPORT", None)
        .file(SOURCE)
        .compile("marque_autograd");
}

/// Headers of LibTorch say its version in numbers.
fn version_in_headers(installation: &Path) -> Option<String> {
    let include = installation.join("include/torch");
    let places = ["headeronly/version.h", "version.h"];
    let text = places
        .iter()
        .find_map(|place| std::fs::read_to_string(include.join(place)).ok())?;
    let number = |part: &str| {
        let definition = format!("#define TORCH_VERSION_{part} ");
        text.lines()
            .find_map(|line| line.strip_prefix(&definition)?.trim().parse::<u32>().ok())
    };
    let [major, minor, patch] = ["MAJOR", "MINOR", "PATCH"].map(number);
    Some(format!("{}.{}.{}", major?, minor?, patch?))
}
