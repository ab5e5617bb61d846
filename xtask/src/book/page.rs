//! What the checks of the book need to know of one Markdown page.

use std::collections::HashMap;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A link or an image of a page.
pub(super) struct Link {
    /// As it is written: a path, `#anchor`, both, or an address of the web.
    pub(super) target: String,
    pub(super) is_image: bool,
    /// Counted from 1.
    pub(super) line: usize,
}

/// The links, images and headings of a page.
#[derive(Default)]
pub(super) struct Page {
    pub(super) links: Vec<Link>,
    /// What `#` can point at: the headings, as GitHub and mdBook name them.
    pub(super) anchors: Vec<String>,
    /// Lines with HTML, which GitHub and mdBook treat differently and in which links would not be seen.
    pub(super) html_lines: Vec<usize>,
    /// Whether there are snippets in Rust, which are to be tested.
    pub(super) has_rust: bool,
}

impl Page {
    pub(super) fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        let mut seen: HashMap<String, usize> = HashMap::new();
        let line_at = |offset: usize| text[..offset].matches('\n').count() + 1;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url, .. }) => page.links.push(Link {
                    target: dest_url.into_string(),
                    is_image: false,
                    line: line_at(range.start),
                }),
                Event::Start(Tag::Image { dest_url, .. }) => page.links.push(Link {
                    target: dest_url.into_string(),
                    is_image: true,
                    line: line_at(range.start),
                }),
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(words) | Event::Code(words) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&words);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    page.anchors.push(distinct(anchor, &mut seen));
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                    page.has_rust |= language.split(',').next() == Some("rust");
                }
                // Comments are seen nowhere, and mark tables that are made by the code.
                Event::Html(text) if text.starts_with("<!-- ") && text.trim_end().ends_with(" -->") => {}
                Event::Html(_) | Event::InlineHtml(_) => page.html_lines.push(line_at(range.start)),
                _ => {}
            }
        }
        page
    }
}

/// The name of a heading: lower case, spaces as hyphens, no other punctuation.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|character| match character {
            '-' | '_' => Some(character),
            character if character.is_whitespace() => Some('-'),
            character if character.is_alphanumeric() => Some(character),
            _ => None,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

/// The second heading of a name gets `-1` behind it, the third `-2`.
fn distinct(anchor: String, seen: &mut HashMap<String, usize>) -> String {
    let count = seen.entry(anchor.clone()).or_insert(0);
    *count += 1;
    if *count == 1 {
        anchor
    } else {
        format!("{anchor}-{}", *count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_become_anchors_as_github_names_them() {
        let page = Page::parse(
            "# Two `mdbook` commands\n\n## Why, 1×1?\n\nText\n====\n\n## Text\n\n```\n# no\n```\n",
        );
        assert_eq!(page.anchors, ["two-mdbook-commands", "why-11", "text", "text-1"]);
    }

    #[test]
    fn links_are_found_where_markdown_has_them_and_nowhere_else() {
        let page = Page::parse(
            "[a](a.md#b) and `[no](no.md)`\n\n```sh\n[no](no.md)\n```\n\n| ![c](c.svg) | [d] |\n| --- | --- |\n\n[d]: d.csv\n",
        );
        let found: Vec<_> = page
            .links
            .iter()
            .map(|link| (link.target.as_str(), link.is_image, link.line))
            .collect();
        assert_eq!(
            found,
            [("a.md#b", false, 1), ("c.svg", true, 7), ("d.csv", false, 7)]
        );
    }

    #[test]
    fn snippets_in_rust_are_noticed() {
        assert!(Page::parse("```rust,no_run\nfn main() {}\n```\n").has_rust);
        assert!(!Page::parse("```toml\n[rust]\n```\n\n`rust`\n").has_rust);
    }

    #[test]
    fn html_is_noticed() {
        assert_eq!(Page::parse("a\n\n<img src=\"x.png\">\n").html_lines, [3]);
        assert_eq!(Page::parse("<!-- a --> <b>\n").html_lines, [1]);
        assert!(Page::parse("<!-- a -->\n\n1 < 2, `<img>`").html_lines.is_empty());
    }
}
