//! Starting examples as a user starts them.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

// Its file alone: what this package's tests depend on, its examples are built with.
#[allow(unreachable_pub, reason = "in its own crate it is for others")]
#[path = "../../crates/marque-testkit/src/cargo.rs"]
mod cargo;

/// Builds all examples once, and starts them without what cargo sets for its own children: they must find LibTorch by
/// themselves.
pub(crate) fn example(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let mut build = cargo::cargo();
        // The command that the checks build them with: other features would compile them a second time.
        build.args(["build", "--quiet", "--workspace", "--examples"]);
        if cfg!(feature = "distributed") {
            build.args(["--features", "distributed"]);
        }
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

pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

pub(crate) fn synthetic_cars(folder: &Path) -> PathBuf {
    let cars = folder.join("cars");
    let counts = [
        "--train-per-class",
        "4",
        "--test-per-class",
        "2",
        "--width",
        "48",
        "--height",
        "40",
    ];
    let (code, out, err) = run(example("synthetic_cars").arg("--out").arg(&cars).args(counts));
    assert_eq!(
        (code, out.contains("42 photos of 7 classes")),
        (Some(0), true),
        "{out}{err}"
    );
    cars
}

pub(crate) fn any_photo(folder: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(folder).unwrap();
    entries.next().unwrap().unwrap().path()
}

/// A short training of a small network.
pub(crate) fn training(data: &Path, out: &Path, epochs: &str) -> Command {
    let mut command = example("resnet_from_scratch");
    command.arg("--data").arg(data).arg("--out").arg(out);
    command.args(["--arch", "resnet18", "--image-size", "32", "--batch-size", "8"]);
    command.args(["--epochs", epochs]);
    command
}
