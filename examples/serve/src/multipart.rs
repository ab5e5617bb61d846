//! Bodies of `multipart/form-data` (RFC 7578), in memory as a whole.

use crate::names;
use crate::problem::Problem;
use axum::body::Bytes;

/// The longest head of a part.
const MAX_HEAD_BYTES: usize = 8192;
/// The longest boundary that RFC 2046 allows.
const MAX_BOUNDARY_BYTES: usize = 70;
/// Parts that are no photos, such as fields of a form, and are passed over.
const MAX_OTHER_PARTS: usize = 64;

/// A part with a file name.
#[derive(Debug, PartialEq)]
pub(crate) struct Part {
    /// The name, made harmless; `None` if nothing was left of it.
    pub(crate) name: Option<String>,
    pub(crate) bytes: Bytes,
}

/// The boundary that a content type names; `None` for what is not multipart.
pub(crate) fn boundary(content_type: &str) -> Option<Result<String, Problem>> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let is_multipart = kind
        .get(..10)
        .is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
    is_multipart.then(|| {
        let found = names::parameter(content_type, "boundary").unwrap_or_default();
        let is_sound = (1..=MAX_BOUNDARY_BYTES).contains(&found.len());
        if !kind.eq_ignore_ascii_case("multipart/form-data") || !is_sound {
            return Err(Problem::Multipart {
                expected: "the content type multipart/form-data with a boundary of 1 to 70 bytes",
                found: content_type.chars().take(200).collect(),
            });
        }
        Ok(found)
    })
}

/// The parts that have a file name, at most so many. They share the body's memory.
pub(crate) fn parts(body: &Bytes, boundary: &str, most: usize) -> Result<Vec<Part>, Problem> {
    let first = format!("--{boundary}");
    let next = format!("\r\n--{boundary}");
    let mut place = if body.starts_with(first.as_bytes()) {
        first.len()
    } else {
        // What stands before the first boundary is no part.
        find(body, next.as_bytes(), 0).ok_or_else(|| damaged("the boundary", "a body without it"))?
            + next.len()
    };
    let mut parts = Vec::new();
    let mut others = 0;
    while !body[place..].starts_with(b"--") {
        let head = after_line_end(body, place)?;
        let (head_end, start) = head_end(body, head)?;
        let end = find(body, next.as_bytes(), start.saturating_sub(2))
            .ok_or_else(|| damaged("a boundary after each part", "the end of the body"))?;
        // A part without content has its line end in common with the boundary.
        let content = start.min(end)..end;
        match file_name(&body[head..head_end]) {
            Some(name) => parts.push(Part {
                name,
                bytes: body.slice(content),
            }),
            None => others += 1,
        }
        if parts.len() > most {
            return Err(Problem::TooManyPhotos {
                limit: most,
                found: format!("more than {most}"),
            });
        }
        if others > MAX_OTHER_PARTS {
            return Err(damaged("few parts without a file name", "more than 64"));
        }
        place = end + next.len();
    }
    Ok(parts)
}

fn damaged(expected: &'static str, found: &str) -> Problem {
    Problem::Multipart {
        expected,
        found: found.to_owned(),
    }
}

/// Where the head of a part begins: behind the rest of the boundary's line.
fn after_line_end(body: &[u8], place: usize) -> Result<usize, Problem> {
    let padding = body[place..]
        .iter()
        .take_while(|&&byte| byte == b' ' || byte == b'\t')
        .count();
    let place = place + padding;
    if body[place..].starts_with(b"\r\n") {
        Ok(place + 2)
    } else {
        Err(damaged("a line end after the boundary", "something else"))
    }
}

/// Where the head of a part ends, and where its content begins.
fn head_end(body: &[u8], head: usize) -> Result<(usize, usize), Problem> {
    if body[head..].starts_with(b"\r\n") {
        return Ok((head, head + 2));
    }
    let most = body.len().min(head + MAX_HEAD_BYTES);
    let end = find(&body[..most], b"\r\n\r\n", head)
        .ok_or_else(|| damaged("an empty line after at most 8192 bytes of a part's head", "none"))?;
    Ok((end, end + 4))
}

/// The file name that a head gives, if it gives one.
fn file_name(head: &[u8]) -> Option<Option<String>> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(key, _)| key.trim().eq_ignore_ascii_case("content-disposition"))?;
    names::parameter(value, "filename").map(|_| names::in_disposition(value))
}

/// Where `wanted` stands at or after `from`.
fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    Some(from + memchr::memmem::find(body.get(from..)?, wanted)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Part>, Problem> {
        parts(&Bytes::copy_from_slice(text.as_bytes()), "B", 3)
    }

    fn part(name: &str, content: &str) -> String {
        format!(
            "--B\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"{name}\"\r\n\r\n{content}\r\n"
        )
    }

    #[test]
    fn parts_with_a_file_name_are_photos() {
        let text = format!(
            "before\r\n{}--B  \r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nnone\r\n{}{}--B--\r\nafter",
            part("a.jpg", "\r\n--A\r\n\r\n--"),
            part("/x/", ""),
            part("c.jpg", "three"),
        );
        let found = of(&text).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|part| (part.name.as_deref(), &part.bytes[..]))
            .collect();
        assert_eq!(
            found,
            [
                (Some("a.jpg"), &b"\r\n--A\r\n\r\n--"[..]),
                (None, b""),
                (Some("c.jpg"), b"three")
            ]
        );
    }

    #[test]
    fn a_body_that_is_cut_anywhere_is_an_error_and_never_a_panic() {
        let text = part("a.jpg", "one") + &part("b.jpg", "two") + "--B--";
        assert_eq!(of(&text).unwrap().len(), 2);
        for end in 0..text.len() {
            let found = of(&text[..end]);
            assert!(
                matches!(found, Err(Problem::Multipart { .. })),
                "{end}: {found:?}"
            );
        }
    }

    #[test]
    fn numbers_of_parts_are_limited() {
        let photos = part("a", "").repeat(4) + "--B--";
        assert!(matches!(
            of(&photos),
            Err(Problem::TooManyPhotos { limit: 3, .. })
        ));
        let fields = "--B\r\n\r\nx\r\n".repeat(65) + "--B--";
        assert!(matches!(of(&fields), Err(Problem::Multipart { .. })));
        let head = format!("--B\r\nA: {}\r\n\r\nx\r\n--B--", "x".repeat(9000));
        assert!(matches!(of(&head), Err(Problem::Multipart { .. })));
    }

    #[test]
    fn boundaries_are_found_in_the_content_type() {
        for (text, expected) in [
            ("multipart/form-data; boundary=AaB03x", Some("AaB03x")),
            (
                "Multipart/Form-Data; charset=utf-8; boundary=\"a b\"",
                Some("a b"),
            ),
        ] {
            assert_eq!(boundary(text).unwrap().ok().as_deref(), expected, "{text}");
        }
        for text in [
            "multipart/form-data",
            "multipart/mixed; boundary=x",
            "multipart/form-data; boundary=",
        ] {
            assert!(boundary(text).unwrap().is_err(), "{text}");
        }
        assert!(boundary("image/jpeg").is_none());
    }
}
