//! The links of the book and of the documents beside it: every file, page and heading that is pointed at exists. And the
//! snippets in Rust: every page that has some is among the doc tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::page::{Link, Page};

/// The folder of the book.
const BOOK: &str = "docs";
/// The book's table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";
/// Documents that are not part of the book and point into it.
const BESIDE: [&str; 3] = ["README.md", "CHANGELOG.md", "weights/README.md"];
/// Where pages are included as doc tests.
const DOC_TESTS: &str = "src/lib.rs";

/// What was checked.
pub(super) struct Counted {
    pub(super) pages: usize,
    pub(super) links: usize,
}

/// Checks all pages below a root; the error lists every problem.
pub(super) fn check(root: &Path) -> Result<Counted> {
    let mut pages = BTreeMap::new();
    for path in BESIDE.map(PathBuf::from) {
        pages.insert(path.clone(), read(root, &path)?);
    }
    for path in markdown_below(root, Path::new(BOOK))? {
        let page = read(root, &path)?;
        pages.insert(path, page);
    }
    let mut problems = Vec::new();
    for (path, page) in &pages {
        problems.extend(
            page.html_lines
                .iter()
                .map(|line| format!("{}:{line}: HTML; Markdown looks alike everywhere", path.display())),
        );
        problems.extend(page.links.iter().filter_map(|link| {
            problem(root, &pages, path, link).map(|what| format!("{}:{}: {what}", path.display(), link.line))
        }));
    }
    problems.extend(unlisted(&pages)?);
    problems.extend(untested(root, &pages)?);
    if !problems.is_empty() {
        bail!(
            "{} problems of the book:\n  {}",
            problems.len(),
            problems.join("\n  ")
        );
    }
    Ok(Counted {
        pages: pages.len(),
        links: pages.values().map(|page| page.links.len()).sum(),
    })
}

fn read(root: &Path, path: &Path) -> Result<Page> {
    let text =
        fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Page::parse(&text))
}

/// The Markdown files of a folder and the folders in it, relative to the root.
fn markdown_below(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(root.join(folder)).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            found.extend(markdown_below(root, &path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(found)
}

/// What is wrong with a link, if anything is.
fn problem(root: &Path, pages: &BTreeMap<PathBuf, Page>, from: &Path, link: &Link) -> Option<String> {
    let target = &link.target;
    if is_address(target) {
        return link
            .is_image
            .then(|| format!("the image {target} is not in the repository"));
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target.as_str(), None),
    };
    let Some(path) = resolve(from, file) else {
        return Some(format!("{target} leads out of the repository"));
    };
    if from.starts_with(BOOK) && !path.starts_with(BOOK) {
        return Some(format!(
            "{target} leads out of the book, which is built without it"
        ));
    }
    if !root.join(&path).exists() {
        return Some(format!("{target}: there is no {}", path.display()));
    }
    let anchor = anchor?;
    match pages.get(&path) {
        None => Some(format!("{target}: {} has no headings", path.display())),
        Some(page) if page.anchors.iter().any(|name| name == anchor) => None,
        Some(_) => Some(format!("{target}: {} has no heading #{anchor}", path.display())),
    }
}

/// An address of the web or of mail, and not a path: something with a scheme.
fn is_address(target: &str) -> bool {
    target.starts_with("//")
        || target.split_once(':').is_some_and(|(scheme, _)| {
            !scheme.is_empty()
                && scheme
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
        })
}

/// The path that is meant, from the root; `None` where it leads out of the repository.
fn resolve(from: &Path, target: &str) -> Option<PathBuf> {
    if target.is_empty() {
        return Some(from.to_path_buf());
    }
    let mut path = from.parent()?.to_path_buf();
    for component in Path::new(target).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// Pages of the book that its table of contents does not name, or names twice.
fn unlisted(pages: &BTreeMap<PathBuf, Page>) -> Result<Vec<String>> {
    let summary_path = Path::new(SUMMARY);
    let summary = pages
        .get(summary_path)
        .with_context(|| format!("there is no {SUMMARY}"))?;
    let listed: Vec<PathBuf> = summary
        .links
        .iter()
        .filter_map(|link| resolve(summary_path, &link.target))
        .collect();
    let times = |path: &PathBuf| listed.iter().filter(|name| *name == path).count();
    Ok(pages
        .keys()
        .filter(|path| path.starts_with(BOOK) && path.as_path() != summary_path)
        .filter_map(|path| match times(path) {
            1 => None,
            0 => Some(format!("{SUMMARY} does not list {}", path.display())),
            many => Some(format!("{SUMMARY} lists {} {many} times", path.display())),
        })
        .collect())
}

/// Pages of the book whose snippets in Rust are not compiled as doc tests.
fn untested(root: &Path, pages: &BTreeMap<PathBuf, Page>) -> Result<Vec<String>> {
    let tests =
        fs::read_to_string(root.join(DOC_TESTS)).with_context(|| format!("cannot read {DOC_TESTS}"))?;
    let is_tested = |path: &Path| tests.contains(&format!("include_str!(\"../{}\")", path.display()));
    Ok(pages
        .iter()
        .filter(|(path, page)| page.has_rust && path.starts_with(BOOK) && !is_tested(path))
        .map(|(path, _)| {
            format!(
                "{DOC_TESTS} does not include {}, which has snippets in Rust",
                path.display()
            )
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with one page that has the given text.
    fn repository(text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in [
            (
                "README.md",
                "# The book\n\n[Book](docs/page.md#here) of ![it](docs/figures/a.svg)\n",
            ),
            ("CHANGELOG.md", "# Changes\n"),
            ("weights/README.md", "[Up](../README.md#the-book)\n"),
            (SUMMARY, "# Summary\n\n- [Page](page.md)\n"),
            ("docs/page.md", text),
            ("docs/figures/a.svg", "<svg/>"),
            ("src/lib.rs", "#[doc = include_str!(\"../docs/tested.md\")]"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    fn problems(text: &str) -> Vec<String> {
        match check(repository(text).path()) {
            Ok(_) => Vec::new(),
            Err(error) => error
                .to_string()
                .lines()
                .skip(1)
                .map(|line| line.trim().to_owned())
                .collect(),
        }
    }

    #[test]
    fn links_to_what_is_there_pass_and_are_counted() {
        let text =
            "# Here\n\n[a](#here) [b](./page.md#here) ![c](figures/a.svg) [d](https://example.org/x.md#no)\n";
        let counted = check(repository(text).path()).unwrap();
        assert_eq!((counted.pages, counted.links), (5, 8));
    }

    #[test]
    fn each_kind_of_broken_link_is_named_with_its_line() {
        let text = "# Here\n\n[a](no.md)\n[b](#nowhere)\n![c](https://example.org/c.png)\n[d](../README.md)\n\
                    [e](figures/a.svg#x)\n[f](../../x.md)\n[g](/etc/hosts)\n";
        assert_eq!(
            problems(text),
            [
                "docs/page.md:3: no.md: there is no docs/no.md",
                "docs/page.md:4: #nowhere: docs/page.md has no heading #nowhere",
                "docs/page.md:5: the image https://example.org/c.png is not in the repository",
                "docs/page.md:6: ../README.md leads out of the book, which is built without it",
                "docs/page.md:7: figures/a.svg#x: docs/figures/a.svg has no headings",
                "docs/page.md:8: ../../x.md leads out of the repository",
                "docs/page.md:9: /etc/hosts leads out of the repository",
            ]
        );
    }

    #[test]
    fn documents_beside_the_book_are_checked_too() {
        // The README points at a heading that this page has not.
        assert_eq!(
            problems("# There\n"),
            ["README.md:3: docs/page.md#here: docs/page.md has no heading #here"]
        );
    }

    #[test]
    fn every_page_is_listed_once() {
        let root = repository("# Here\n");
        fs::write(root.path().join("docs/figures/more.md"), "# More\n").unwrap();
        let summary = "- [Page](page.md)\n- [Again](page.md)\n";
        fs::write(root.path().join(SUMMARY), summary).unwrap();
        let Err(error) = check(root.path()) else {
            panic!("a page is listed twice, another not at all");
        };
        let error = error.to_string();
        assert!(
            error.contains("docs/SUMMARY.md does not list docs/figures/more.md"),
            "{error}"
        );
        assert!(
            error.contains("docs/SUMMARY.md lists docs/page.md 2 times"),
            "{error}"
        );
    }

    #[test]
    fn snippets_must_be_among_the_doc_tests() {
        assert_eq!(
            problems("# Here\n\n```rust\nlet a = 1;\n```\n"),
            ["src/lib.rs does not include docs/page.md, which has snippets in Rust"]
        );
    }

    #[test]
    fn html_is_a_problem() {
        assert_eq!(
            problems("# Here\n\n<img src=\"no.png\">\n"),
            ["docs/page.md:3: HTML; Markdown looks alike everywhere"]
        );
    }
}
