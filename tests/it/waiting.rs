//! What LibTorch's threads do while they wait: what the programs choose reaches the OpenMP library, and a user's choice wins.

#![cfg(all(feature = "torch", target_os = "linux"))]

use crate::common::example;
use std::process::Command;

const VARIABLES: [&str; 3] = ["GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_WAIT_POLICY"];

/// A program as it is started without cargo, which says by which settings its OpenMP library has been loaded.
fn program(folder: &std::path::Path) -> Command {
    let mut command = example("initial_weights");
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.env("OMP_DISPLAY_ENV", "verbose");
    command.args(["--arch", "resnet18", "--classes", "2", "--out"]);
    command.arg(folder.join("weights é.safetensors"));
    command
}

/// The value of a setting, every time that the OpenMP library was loaded.
fn values(log: &str, setting: &str) -> Vec<String> {
    let lines = log.lines().filter_map(|line| line.split_once(" = "));
    let found = lines.filter(|(name, _)| name.rsplit(' ').next() == Some(setting));
    found
        .map(|(_, value)| value.trim_matches('\'').to_owned())
        .collect()
}

#[test]
fn programs_have_threads_wait_briefly_unless_the_user_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |command: &mut Command| {
        let output = command.output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{log}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("weights é.safetensors"));
        (values(&log, "OMP_WAIT_POLICY"), values(&log, "GOMP_SPINCOUNT"))
    };
    // Started once as it is, and once more in its own place.
    let (_, spins) = settings(&mut program(folder.path()));
    assert_eq!((spins.len(), spins[1].as_str()), (2, "1000"), "{spins:?}");
    assert_ne!(spins[0], "1000");
    // What is said to another OpenMP library is not heard by this one.
    let (_, spins) = settings(program(folder.path()).env("KMP_BLOCKTIME", "200"));
    assert_eq!(spins.last().map(String::as_str), Some("1000"), "{spins:?}");

    // Nothing is left to do where the user has spoken.
    let (policies, spins) = settings(program(folder.path()).env("OMP_WAIT_POLICY", "active"));
    assert_eq!((policies, spins.len()), (vec!["ACTIVE".to_owned()], 1));
    let (_, spins) = settings(program(folder.path()).env("OMP_WAIT_POLICY", "passive"));
    assert_eq!(spins, ["0"]);
    let (_, spins) = settings(program(folder.path()).env("GOMP_SPINCOUNT", "1234"));
    assert_eq!(spins, ["1234"]);
}
