//! Compiles the C++ file that reaches LibTorch's process groups, where they are asked for, and lets the tests find LibTorch when they
//! start.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Set by `marque-torch`.
    let arguments = std::env::var("DEP_MARQUE_TORCH_LINK_ARGS").unwrap_or_default();
    for argument in arguments.split(';').filter(|argument| !argument.is_empty()) {
        println!("cargo:rustc-link-arg={argument}");
    }
    println!("cargo:link_args={arguments}");
    #[cfg(feature = "distributed")]
    shim::build();
}

#[cfg(feature = "distributed")]
mod shim {
    use std::path::{Path, PathBuf};

    const SOURCE: &str = "src/c10d/shim.cc";
    /// The headers of gloo that LibTorch does not ship, as far as its own headers need them.
    const STUBS: &str = "src/c10d/stubs";
    /// The minor version of LibTorch whose classes the stubs were written for.
    const TESTED: [&str; 2] = ["2", "13"];

    pub(super) fn build() {
        println!("cargo:rerun-if-changed={SOURCE}");
        println!("cargo:rerun-if-changed={STUBS}");
        println!("cargo:rerun-if-env-changed=LIBTORCH_CXX11_ABI");
        println!("cargo:rerun-if-env-changed=LIBTORCH_INCLUDE");
        // Set by `torch-sys`; absent where only the documentation is made.
        let Some(libraries) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
            return;
        };
        let beside = libraries.parent().unwrap_or(&libraries);
        let include = std::env::var_os("LIBTORCH_INCLUDE").map_or(beside.to_owned(), PathBuf::from);
        let include = include.join("include");
        if let Err(refusal) = check_version(&include) {
            // The only thing of a build script that cargo shows as the reason of a failure.
            println!("cargo::error={refusal}");
            return;
        }
        let abi = std::env::var("LIBTORCH_CXX11_ABI").unwrap_or("1".to_owned());
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .warnings(false)
            .include(STUBS)
            .include(&include)
            .include(include.join("torch/csrc/api/include"))
            .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
            .define("GLOG_USE_GLOG_EXPORT", None)
            .define("USE_C10D_GLOO", None)
            .file(SOURCE)
            .compile("marque_dist");
    }

    fn check_version(include: &Path) -> Result<(), String> {
        let places = ["torch/headeronly/version.h", "torch/version.h"];
        let text = places
            .iter()
            .find_map(|place| std::fs::read_to_string(include.join(place)).ok());
        let text =
            text.ok_or_else(|| format!("no version.h of LibTorch lies under {}", include.display()))?;
        let number = |part: &str| {
            let definition = format!("#define TORCH_VERSION_{part} ");
            let found = text.lines().find_map(|line| line.strip_prefix(&definition));
            found.map_or("unknown", str::trim)
        };
        let found = [number("MAJOR"), number("MINOR")];
        if found == TESTED {
            return Ok(());
        }
        Err(format!(
            "the feature `distributed` of marque-dist was tested with LibTorch {}, and {} has {}: other versions may lay out their \
             classes otherwise; `cargo xtask libtorch` fetches the one that fits",
            TESTED.join("."),
            include.display(),
            found.join(".")
        ))
    }
}
