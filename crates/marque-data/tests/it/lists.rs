//! Photos that a list names.

use marque_data::{Error, ImageFolder, Inventory, Part, Sample, SplitConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tempfile::TempDir;

fn list(folder: &TempDir, name: &str, text: &str) -> Result<ImageFolder, Error> {
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    ImageFolder::scan(&file)
}

fn refused(name: &str, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let message = list(&folder, name, text).unwrap_err().to_string();
    assert!(message.contains(name), "{message}");
    message.replace(&folder.path().display().to_string(), "…")
}

fn names(samples: &[Sample], root: &Path) -> Vec<String> {
    let shown = |sample: &Sample| sample.path.strip_prefix(root).unwrap().display().to_string();
    samples.iter().map(shown).collect()
}

const ROWS: [[&str; 3]; 5] = [
    ["b.jpg", "SUV", "train"],
    ["sub/a.jpg", "SUV", "Training"],
    ["c.jpg", "Limousine; lang", "train"],
    ["d.jpg", "SUV", "val"],
    ["e.jpg", "Limousine; lang", "test"],
];

/// The same photos in every dialect.
fn dialects() -> Vec<(&'static str, String)> {
    let table = |header: &str, delimiter: &str| {
        let quoted = |cell: &str| {
            if cell.contains(delimiter) {
                format!("\"{cell}\"")
            } else {
                cell.to_owned()
            }
        };
        let lines = ROWS.map(|row| row.map(quoted).join(delimiter));
        format!("{}\n{}\n", header.replace(',', delimiter), lines.join("\n"))
    };
    let json = ROWS.map(|[path, label, split]| {
        serde_json::json!({"file_name": path, "label": label, "split": split, "width": 40}).to_string()
    });
    let mixed = "note,split,label,path\n".to_owned()
        + &ROWS
            .map(|[path, label, split]| format!("\"two\nlines\",{split} , {label},{path}"))
            .join("\r\n");
    vec![
        ("a.csv", table("path,label,split", ",")),
        ("b.csv", table("Image,Class,Subset", ";")),
        ("c.tsv", table("path,label,split", "\t")),
        ("d.csv", format!("\u{feff}{}", table("path,label,split", ","))),
        ("e.jsonl", json.join("\n\n") + "\n"),
        ("f.csv", mixed),
    ]
}

#[test]
fn every_dialect_lists_the_same_photos() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in dialects() {
        let images = list(&folder, name, &text).unwrap();
        assert_eq!(images.class_names(), ["Limousine; lang", "SUV"], "{name}");
        assert_eq!(images.root(), folder.path());
        let split = images.split(&SplitConfig::default()).unwrap();
        assert_eq!(
            names(&split.train, folder.path()),
            ["c.jpg", "b.jpg", "sub/a.jpg"],
            "{name}"
        );
        assert_eq!(names(&split.validation, folder.path()), ["d.jpg"], "{name}");
        assert_eq!(names(&split.test, folder.path()), ["e.jpg"], "{name}");
    }
}

#[test]
fn numbers_are_sorted_by_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let text = "path,label\na,10\nb,9\nc,0\n";
    assert_eq!(
        list(&folder, "a.csv", text).unwrap().class_names(),
        ["0", "9", "10"]
    );
    let text = "{\"path\": \"a\", \"label\": 10}\n{\"path\": \"b\", \"label\": 9}\n";
    assert_eq!(list(&folder, "a.jsonl", text).unwrap().class_names(), ["9", "10"]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (name, text, expected) in [
        ("a.csv", "", "line 1: there is no column called path"),
        ("b.csv", "photo,label\na,SUV\n", "the columns are photo, label"),
        ("c.csv", "path,label\n", "lists no photos"),
        ("d.csv", "path,label\na,SUV\n,Van\n", "line 3: there is no path"),
        ("e.csv", "path,label\na,SUV\nb,\n", "line 3: there is no label"),
        (
            "f.csv",
            "path,label\na,SUV\nb,Van\na,Van\n",
            "line 4: …/a stands in line 2 already",
        ),
        ("g.csv", "path,label\na,SUV\nb,suv\n", "differ only in case"),
        ("h.csv", "path,label\na,SUV\nb,SUV\n", "the only label"),
        (
            "i.csv",
            "path,label,split\na,SUV,train\nb,Van,later\n",
            "line 3: \"later\" is no part",
        ),
        (
            "j.csv",
            "path,label,split\na,SUV,train\nb,Van,\n",
            "line 3: there is no part",
        ),
        ("l.csv", "path,label\na,SUV,3\n", "line 2"),
        (
            "m.jsonl",
            "{\"path\": \"a\", \"label\": \"SUV\"}\n{\"path\": \"b\"}\n",
            "line 2: there is no label",
        ),
        (
            "n.jsonl",
            "{\"path\": \"a\", \"label\": [1]}\n",
            "line 1: label is [1]",
        ),
        ("o.jsonl", "not json\n", "line 1"),
    ] {
        let message = refused(name, text);
        assert!(message.contains(expected), "{name}: {message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latin.csv");
    std::fs::write(&file, b"path,label\na,Gel\xe4ndewagen\n").unwrap();
    let message = ImageFolder::scan(&file).unwrap_err().to_string();
    assert!(message.ends_with("line 2: the text is not UTF-8"), "{message}");
}

/// Forty photos of each of two classes, of cars with one to four photos each.
fn grouped() -> (String, BTreeMap<String, String>) {
    let mut text = "path,label,group\n".to_owned();
    let mut groups = BTreeMap::new();
    for class in ["SUV", "Van"] {
        let (mut car, mut left) = (0, 0);
        for number in 0..40 {
            if left == 0 {
                car += 1;
                left = 1 + car % 4;
            }
            left -= 1;
            let path = format!("{class}-{number}.jpg");
            let group = format!("{class} {car}");
            text += &format!("{path},{class},{group}\n");
            groups.insert(path, group);
        }
    }
    (text, groups)
}

#[test]
fn photos_of_one_group_stay_together() {
    let folder = tempfile::tempdir().unwrap();
    let (text, groups) = grouped();
    let images = list(&folder, "cars.csv", &text).unwrap();
    let mut seen = BTreeSet::new();
    for seed in 0..20 {
        let config = SplitConfig {
            seed,
            ..SplitConfig::default()
        };
        let split = images.split(&config).unwrap();
        let mut parts: BTreeMap<&str, BTreeSet<Part>> = BTreeMap::new();
        for part in Part::ALL {
            for name in names(split.part(part), folder.path()) {
                parts.entry(&groups[&name]).or_default().insert(part);
            }
        }
        assert!(parts.values().all(|parts| parts.len() == 1));
        let counts = split.class_counts(2);
        for [train, validation, test] in &counts {
            assert_eq!(train + validation + test, 40);
            // 28, 6 and 6, to within a photo: single photos are dealt out last.
            assert!(
                train.abs_diff(28) <= 1 && validation.abs_diff(6) <= 1 && test.abs_diff(6) <= 1,
                "{counts:?}"
            );
        }
        seen.insert(names(&split.test, folder.path()));
        assert_eq!(images.split(&config).unwrap(), split);
    }
    assert!(seen.len() > 10);
}

#[test]
fn a_group_that_is_torn_apart_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "path,label,split,group\n".to_owned();
    for (number, (part, class)) in [
        ("train", "SUV"),
        ("train", "Van"),
        ("test", "SUV"),
        ("test", "Van"),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("{number}.png");
        let photo = image::RgbImage::from_pixel(4, 4, image::Rgb([60 * number as u8; 3]));
        photo.save(folder.path().join(&name)).unwrap();
        text += &format!(
            "{name},{class},{part},{}\n",
            if *class == "SUV" { "one car" } else { &name }
        );
    }
    let images = list(&folder, "cars.csv", &text).unwrap();
    let config = SplitConfig {
        train: 1.0,
        validation: 0.0,
        test: 0.0,
        ..SplitConfig::default()
    };
    let inventory = Inventory::take(&images, &images.split(&config).unwrap());
    assert_eq!(inventory.torn_groups, ["one car"]);
    let warnings = inventory.warnings();
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("1 group with photos in more than one part")),
        "{warnings:?}"
    );
}

#[test]
fn a_split_that_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (text, _) = grouped();
    let images = list(&folder, "cars.csv", &text).unwrap();
    let split = images.split(&SplitConfig::default()).unwrap();
    // Elsewhere: its paths are whole.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("split.csv");
    split.write_list(&file, images.class_names()).unwrap();
    let again = ImageFolder::scan(&file).unwrap();
    assert_eq!(again.class_names(), images.class_names());
    assert_eq!(again.split(&SplitConfig::default()).unwrap(), split);
}
