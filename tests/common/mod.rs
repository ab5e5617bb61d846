//! Starting examples as a user starts them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Builds all examples once, and starts them without what cargo sets for its own children: they must find LibTorch by
/// themselves.
pub(crate) fn example(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "marque", "--examples"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.unwrap().success());
        let executable = std::env::current_exe().unwrap();
        executable
            .parent()
            .and_then(Path::parent)
            .unwrap()
            .join("examples")
    });
    let mut command = Command::new(folder.join(name));
    for variable in ["LD_LIBRARY_PATH", "LIBTORCH", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
    command
}
