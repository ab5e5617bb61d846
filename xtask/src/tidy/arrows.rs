//! Which crate may know which: dependencies point one way.

use anyhow::{Context, Result};
use serde_json::Value;

/// The crates of the workspace, and those of them that each may depend on.
const ALLOWED: [(&str, &[&str]); 26] = [
    ("first-answer", &["marque"]),
    ("marque-arch", &["marque-core"]),
    ("marque-core", &[]),
    ("marque-data", &["marque-core", "marque-fs", "marque-resize"]),
    ("marque-dist", &["marque-torch"]),
    ("marque-fs", &[]),
    ("marque-hdf5", &[]),
    // A test compares the list with the architectures.
    ("marque-hub", &["marque-arch", "marque-fs"]),
    (
        "marque-infer",
        &["marque-arch", "marque-kernels", "marque-model", "marque-weights"],
    ),
    ("marque-kernels", &[]),
    ("marque-metrics", &[]),
    (
        "marque-model",
        &["marque-arch", "marque-data", "marque-metrics", "marque-weights"],
    ),
    ("marque-onnx", &["marque-arch", "marque-fs", "marque-weights"]),
    ("marque-page", &["marque-data", "marque-infer", "marque-model"]),
    ("marque-report", &["marque-fs", "marque-metrics"]),
    ("marque-resize", &[]),
    (
        "marque-run",
        &[
            "marque-arch",
            "marque-data",
            "marque-dist",
            "marque-fs",
            "marque-hub",
            "marque-metrics",
            "marque-model",
            "marque-onnx",
            "marque-report",
            "marque-tensorboard",
            "marque-torch",
            "marque-train",
            "marque-weights",
        ],
    ),
    ("marque-synthetic", &["marque-data", "marque-fs"]),
    ("marque-tensorboard", &[]),
    ("marque-testkit", &["marque-hub"]),
    (
        "marque-torch",
        &["marque-arch", "marque-kernels", "marque-model", "marque-weights"],
    ),
    (
        "marque-train",
        &[
            "marque-arch",
            "marque-core",
            "marque-data",
            "marque-dist",
            "marque-fs",
            "marque-metrics",
            "marque-torch",
            "marque-weights",
        ],
    ),
    ("marque-weights", &["marque-arch", "marque-fs", "marque-hdf5"]),
    ("serve", &["marque-data", "marque-infer", "marque-model"]),
    ("unified", &[]),
    ("xtask", &["marque-arch", "marque-fs", "marque-hub", "unified"]),
];

/// The facade may depend on everything that is for its users.
const FACADE: &str = "marque";

/// Only for tests: any crate may have it among its dev-dependencies, none among the others.
const TESTKIT: &str = "marque-testkit";

/// What a crate may have among its dev-dependencies besides: photos, weights by their names, and readers of what it wrote.
const FOR_TESTS: [(&str, &str); 9] = [
    // What a file says is what the engine computes.
    ("marque-onnx", "marque-infer"),
    ("marque-page", "marque-synthetic"),
    ("marque-torch", "marque-hub"),
    // Golden logits and random graphs are for both.
    ("marque-torch", "marque-infer"),
    ("marque-train", "marque-model"),
    ("marque-train", "marque-synthetic"),
    // Models for it are packed by an example of its own.
    ("serve", "marque-arch"),
    ("serve", "marque-synthetic"),
    ("serve", "marque-weights"),
];

/// What links LibTorch, and who may.
const LIBTORCH: [&str; 2] = ["tch", "torch-sys"];
const LINKS_LIBTORCH: [&str; 5] = [
    FACADE,
    "marque-dist",
    "marque-run",
    "marque-torch",
    "marque-train",
];

/// The packages that are no crates for anybody.
const CHORES: [&str; 4] = ["first-answer", "serve", "unified", "xtask"];

/// The names of the workspace's crates, without the chores.
pub(super) fn crate_names(metadata: &Value) -> Result<Vec<String>> {
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    let names = packages.iter().filter_map(|package| package["name"].as_str());
    Ok(names
        .filter(|name| !CHORES.contains(name))
        .map(str::to_owned)
        .collect())
}

/// Every dependency that goes against the arrows.
pub(super) fn check(metadata: &Value) -> Result<Vec<String>> {
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    let mut problems = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package has no name")?;
        let manifest = package["manifest_path"].as_str().unwrap_or(name);
        let known = name == FACADE || ALLOWED.iter().any(|(known, _)| *known == name);
        if !known {
            problems.push(format!(
                "{manifest}: {name} is new; say in xtask/src/tidy/arrows.rs what it may know"
            ));
            continue;
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().context("a dependency has no name")?;
            let for_tests = dependency["kind"].as_str() == Some("dev");
            if let Some(reason) = breach(name, on, for_tests) {
                problems.push(format!("{manifest}: {name} must not depend on {on}: {reason}"));
            }
        }
    }
    Ok(problems)
}

fn breach(name: &str, on: &str, for_tests: bool) -> Option<&'static str> {
    if LIBTORCH.contains(&on) {
        return (!LINKS_LIBTORCH.contains(&name))
            .then_some("only marque-torch, marque-dist, marque-train and marque-run link LibTorch");
    }
    if on == TESTKIT {
        return (!for_tests).then_some("it is for tests only");
    }
    if for_tests && FOR_TESTS.contains(&(name, on)) {
        return None;
    }
    if on != FACADE && !ALLOWED.iter().any(|(known, _)| *known == on) {
        return None;
    }
    let allowed = match ALLOWED.iter().find(|(known, _)| *known == name) {
        Some((_, allowed)) => allowed.contains(&on),
        None => on != "xtask",
    };
    (!allowed).then_some("the arrow points the other way (docs/architecture.md)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(name: &str, on: &str, kind: Value) -> Vec<String> {
        let dependency = json!({ "name": on, "kind": kind });
        let package = json!({ "name": name, "manifest_path": "x/Cargo.toml", "dependencies": [dependency] });
        check(&json!({ "packages": [package] })).unwrap()
    }

    #[test]
    fn arrows_that_point_the_right_way_pass() {
        for (name, on, kind) in [
            ("marque-report", "marque-metrics", Value::Null),
            ("marque-train", "marque-torch", Value::Null),
            ("marque-train", "tch", Value::Null),
            ("marque-arch", "marque-testkit", json!("dev")),
            ("marque-arch", "thiserror", Value::Null),
            ("marque-train", "marque-synthetic", json!("dev")),
            ("marque", "marque-train", Value::Null),
            ("marque", "marque-testkit", json!("dev")),
        ] {
            assert_eq!(problems(name, on, kind), Vec::<String>::new(), "{name} on {on}");
        }
    }

    #[test]
    fn arrows_that_point_the_wrong_way_are_named() {
        for (name, on, kind) in [
            ("marque-arch", "marque-torch", Value::Null),
            ("marque-arch", "marque-weights", json!("dev")),
            ("marque-data", "tch", json!("dev")),
            ("marque-weights", "torch-sys", json!("build")),
            ("marque-metrics", "marque-testkit", Value::Null),
            ("marque-data", "marque", json!("dev")),
            ("marque-train", "marque-synthetic", Value::Null),
            ("marque", "xtask", Value::Null),
        ] {
            let found = problems(name, on, kind);
            assert_eq!(found.len(), 1, "{name} on {on}");
            assert!(
                found[0].starts_with(&format!("x/Cargo.toml: {name} must not depend on {on}: ")),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_crate_without_a_place_in_the_table_is_asked_for_one() {
        assert!(problems("marque-new", "thiserror", Value::Null)[0].contains("marque-new is new"));
    }

    #[test]
    fn the_table_names_only_crates_that_it_lists() {
        for (name, allowed) in ALLOWED {
            for on in allowed {
                // A program may know the facade, which is not in the table.
                if *on == FACADE && CHORES.contains(&name) {
                    continue;
                }
                let known = ALLOWED.iter().find(|(known, _)| known == on);
                let (_, back) = known.unwrap_or_else(|| panic!("{name} may know {on}, which is unknown"));
                assert!(!back.contains(&name), "{name} and {on} may know each other");
            }
        }
    }
}
