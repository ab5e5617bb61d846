//! Tests and chores that have cargo build something.

use std::process::Command;

/// What cargo tells the programs that it runs of their package. Build scripts of dependencies look at it: with other values they, and all
/// that depends on them, would be compiled once more, and again by the next call from a shell.
const OF_A_PACKAGE: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "OUT_DIR"];

/// A call of the cargo that runs this program, or of the one on the PATH when it was started directly, as from a shell.
///
/// ```
/// let output = marque_testkit::cargo().arg("--version").output().unwrap();
/// assert!(output.stdout.starts_with(b"cargo "));
/// ```
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let is_of_a_package = |name: &str| OF_A_PACKAGE.iter().any(|prefix| name.starts_with(prefix));
        if name.to_str().is_some_and(is_of_a_package) {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_called_as_from_a_shell() {
        let removed: Vec<_> = cargo()
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_os_string())
            .collect();
        // Cargo has set the first two for this very test, and the third where its package has a build script.
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "OUT_DIR"] {
            let is_set = std::env::var_os(name).is_some();
            assert!(is_set || name == "OUT_DIR");
            let is_removed = removed.iter().any(|removed| removed == name);
            assert_eq!(is_removed, is_set, "{name}: {removed:?}");
        }
        assert!(!removed.iter().any(|removed| removed == "CARGO_HOME"));
    }
}
