//! Rules on single files: sizes, unfinished work, paths of somebody's machine.

/// A file of the repository, its path relative to the root.
pub(super) struct Tracked {
    pub(super) path: String,
    pub(super) content: Vec<u8>,
}

const MAX_MODULE_LINES: usize = 600;
const MAX_FILE_BYTES: usize = 1_000_000;
const MAX_GOLDEN_BYTES: usize = 200_000;
const MAX_GOLDENS_BYTES: usize = 6_000_000;

/// Marks of unfinished work. In pieces, so that this file does not break its own rule.
const UNFINISHED: [&str; 3] = [
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("FIX", "ME"),
];

/// Where people's home folders are; a path below one of them is of no use to anyone else.
const HOMES: [&str; 3] = [
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/ro", "ot/"),
];

/// Every breach, as `path:line: what is wrong`.
pub(super) fn check(tracked: &[Tracked]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut goldens = 0;
    for file in tracked {
        problems.extend(too_large(file));
        if is_golden(&file.path) {
            goldens += file.content.len();
        }
        let Ok(text) = std::str::from_utf8(&file.content) else {
            continue;
        };
        if file.path.ends_with(".rs") {
            problems.extend(too_long(&file.path, text));
            problems.extend(unfinished(&file.path, text));
        }
        problems.extend(machine_paths(&file.path, text));
    }
    if goldens > MAX_GOLDENS_BYTES {
        problems.push(format!(
            "crates/*/tests/golden: {goldens} bytes in all; at most {MAX_GOLDENS_BYTES} belong into the repository"
        ));
    }
    problems
}

fn is_golden(path: &str) -> bool {
    path.starts_with("crates/") && path.contains("/tests/golden/")
}

fn too_large(file: &Tracked) -> Option<String> {
    let limit = if is_golden(&file.path) {
        MAX_GOLDEN_BYTES
    } else {
        MAX_FILE_BYTES
    };
    let bytes = file.content.len();
    (bytes > limit).then(|| {
        format!(
            "{}: {bytes} bytes; at most {limit} belong into the repository",
            file.path
        )
    })
}

fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MAX_MODULE_LINES).then(|| {
        format!("{path}:{MAX_MODULE_LINES}: {lines} lines; split a module of over {MAX_MODULE_LINES}")
    })
}

fn unfinished(path: &str, text: &str) -> Vec<String> {
    find(text, |line| {
        UNFINISHED
            .into_iter()
            .find(|mark| line.contains(mark))
            .map(str::to_owned)
    })
    .map(|(line, mark)| format!("{path}:{line}: unfinished: `{mark}`"))
    .collect()
}

fn machine_paths(path: &str, text: &str) -> Vec<String> {
    find(text, |line| {
        HOMES.into_iter().find_map(|home| {
            let (start, _) = line
                .match_indices(home)
                .find(|(start, _)| is_path_below(line, *start, home))?;
            Some(
                line[start..]
                    .split([' ', '"', '\'', '`', ')', ','])
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            )
        })
    })
    .map(|(line, found)| format!("{path}:{line}: a path of somebody's machine: `{found}`"))
    .collect()
}

/// A path below a home folder, but neither such a path after a host name nor the folder of all homes alone.
fn is_path_below(line: &str, start: usize, home: &str) -> bool {
    let before = line[..start].chars().next_back();
    let after = line[start + home.len()..].chars().next();
    !before.is_some_and(|character| character.is_alphanumeric() || "._-~}$".contains(character))
        && after.is_some_and(|character| character.is_alphanumeric() || "._".contains(character))
}

fn find<'a, T>(
    text: &'a str,
    mut rule: impl FnMut(&str) -> Option<T> + 'a,
) -> impl Iterator<Item = (usize, T)> + 'a {
    text.lines()
        .enumerate()
        .filter_map(move |(index, line)| Some((index + 1, rule(line)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, content: impl Into<Vec<u8>>) -> Vec<String> {
        check(&[Tracked {
            path: path.to_owned(),
            content: content.into(),
        }])
    }

    #[test]
    fn an_ordinary_file_passes() {
        assert_eq!(of("src/lib.rs", "//! A library.\nfn main() {}\n"), [""; 0]);
        assert_eq!(of("photo.png", [0xff, 0xd8, 0xff]), [""; 0]);
    }

    #[test]
    fn a_module_of_600_lines_passes_and_one_more_does_not() {
        assert_eq!(of("src/a.rs", "\n".repeat(600)), [""; 0]);
        assert_eq!(
            of("src/a.rs", "\n".repeat(601)),
            ["src/a.rs:600: 601 lines; split a module of over 600"]
        );
        assert_eq!(of("data.csv", "\n".repeat(601)), [""; 0]);
    }

    #[test]
    fn sizes_are_limited_for_files_and_more_tightly_for_goldens() {
        assert_eq!(of("docs/a.png", vec![0xff; 1_000_000]), [""; 0]);
        assert_eq!(of("docs/a.png", vec![0xff; 1_000_001]).len(), 1);
        assert_eq!(of("crates/x/tests/golden/a/y.npy", vec![0xff; 200_001]).len(), 1);
        let goldens: Vec<_> = (0..32)
            .map(|n| Tracked {
                path: format!("crates/x/tests/golden/{n}.npy"),
                content: vec![0xff; 190_000],
            })
            .collect();
        assert_eq!(check(&goldens[..31]), [""; 0]);
        assert!(check(&goldens)[0].contains("6080000 bytes in all"));
    }

    #[test]
    fn unfinished_work_is_found_with_its_line() {
        let text = format!("fn a() {{\n    {}\"later\")\n}}\n", UNFINISHED[0]);
        assert_eq!(
            of("src/a.rs", text.clone()),
            [format!("src/a.rs:2: unfinished: `{}`", UNFINISHED[0])]
        );
        assert_eq!(of("notes.md", text), [""; 0]);
    }

    #[test]
    fn paths_of_somebodys_machine_are_found() {
        for home in HOMES {
            let text = format!("first\ncd \"{home}ann/marque\"\n");
            assert_eq!(
                of("README.md", text),
                [format!(
                    "README.md:2: a path of somebody's machine: `{home}ann/marque`"
                )]
            );
            assert_eq!(of("README.md", format!("below {home} there is")), [""; 0]);
            assert_eq!(
                of("README.md", format!("see https://example.org{home}page")),
                [""; 0]
            );
        }
    }
}
