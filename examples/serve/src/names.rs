//! Names of photos as clients send them, made harmless.

/// The longest name that is repeated in an answer, in characters.
const LONGEST: usize = 100;

/// The last part of a path, without what terminals and pages would take as more than text.
///
/// `None` if nothing is left.
pub(crate) fn harmless(sent: &str) -> Option<String> {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = last.chars().filter(|&character| !is_hidden(character));
    let name: String = kept.take(LONGEST).collect();
    let name = name.trim();
    (!name.is_empty() && name != "." && name != "..").then(|| name.to_owned())
}

/// Control characters, and those that have no width or turn the direction of writing.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

/// The file name in a `Content-Disposition`: `form-data; name="photo"; filename="a.jpg"`.
pub(crate) fn in_disposition(value: &str) -> Option<String> {
    parameter(value, "filename").and_then(|name| harmless(&name.replace("%22", "\"")))
}

/// A parameter of a header's value, out of its quotation marks. Its name is compared in any case.
pub(crate) fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        // A parameter without a value stands before this one.
        let key = key.rsplit(';').next().unwrap_or(key).trim();
        let (found, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if key.eq_ignore_ascii_case(wanted) {
            return Some(found);
        }
        rest = after.split_once(';')?.1;
    }
}

/// What stands before the closing quotation mark, and what behind it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut found = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((found, &text[place + 1..])),
            // Old browsers send paths with single backslashes: only marks are masked.
            '\\' => match characters.clone().next() {
                Some((_, masked @ ('"' | '\\'))) => {
                    found.push(masked);
                    characters.next();
                }
                _ => found.push('\\'),
            },
            _ => found.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_folders_and_what_cannot_be_seen() {
        for (sent, expected) in [
            ("a.jpg", Some("a.jpg")),
            ("/etc/passwd", Some("passwd")),
            ("C:\\photos\\b.png", Some("b.png")),
            ("../../c.png", Some("c.png")),
            ("a\r\nb\u{202e}gpj.\u{7}", Some("abgpj.")),
            ("Škoda à vendre.jpg", Some("Škoda à vendre.jpg")),
            ("", None),
            ("..", None),
            ("x/", None),
            ("\u{200b}", None),
        ] {
            assert_eq!(harmless(sent).as_deref(), expected, "{sent:?}");
        }
        assert_eq!(harmless(&"ä".repeat(5000)).unwrap().chars().count(), LONGEST);
    }

    #[test]
    fn the_file_name_is_found_in_every_way_to_write_it() {
        for (value, expected) in [
            ("form-data; name=\"photo\"; filename=\"a.jpg\"", Some("a.jpg")),
            ("form-data; filename=a.jpg; name=photo", Some("a.jpg")),
            ("attachment; FileName = \"a;b=c.jpg\"", Some("a;b=c.jpg")),
            (
                "form-data; name=\"filename=x\"; filename=\"a\\\"b.jpg\"",
                Some("a\"b.jpg"),
            ),
            ("form-data; filename=\"%22.jpg\"", Some("\".jpg")),
            ("form-data; filename=\"C:\\photos\\a.jpg\"", Some("a.jpg")),
            ("form-data; odd; filename=\"a.jpg\"", Some("a.jpg")),
            ("form-data; name=\"photo\"", None),
            ("form-data; filename=\"never closed", None),
            ("form-data", None),
            ("", None),
        ] {
            assert_eq!(in_disposition(value).as_deref(), expected, "{value:?}");
        }
    }
}
