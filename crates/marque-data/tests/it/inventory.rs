//! What is told of a folder before a training begins.

use std::path::Path;

use crate::common::noise;
use marque_data::{Error, ImageFolder, Inventory, Part, Split, SplitConfig, check_output};

/// Writes `count` photos of which the first `bad` are none; `variant` numbers the pictures.
fn photos(folder: &Path, count: u32, bad: u32, variant: u32) {
    std::fs::create_dir_all(folder).unwrap();
    for number in 0..count {
        let path = folder.join(format!("{number:02}.png"));
        if number < bad {
            std::fs::write(&path, "not a photo").unwrap();
        } else {
            noise(12, 8, variant + number).save(&path).unwrap();
        }
    }
}

/// A set of two classes in three parts; `bad` says how many photos of which folder are none.
fn set(root: &Path, bad: &[(&str, u32)]) -> (Inventory, Split) {
    let folders = [("train", 20), ("val", 10), ("test", 10)];
    let mut variant = 0;
    for (part, count) in folders {
        for class in ["SUV", "Tata Safari"] {
            let name = format!("{part}/{class}");
            let bad = bad
                .iter()
                .find(|(folder, _)| *folder == name)
                .map_or(0, |(_, bad)| *bad);
            photos(&root.join(&name), count, bad, variant);
            variant += 100;
        }
    }
    taken(root)
}

fn taken(root: &Path) -> (Inventory, Split) {
    let folder = ImageFolder::scan(root).unwrap();
    let split = folder.split(&SplitConfig::default()).unwrap();
    (Inventory::take(&folder, &split), split)
}

#[test]
fn the_classes_are_told_with_their_counts_per_part() {
    let root = tempfile::tempdir().unwrap();
    let (inventory, split) = set(root.path(), &[]);
    let expected = "\
class          train  validation     test
SUV               20          10       10
Tata Safari       20          10       10
2 classes         40          20       20
";
    assert_eq!(inventory.to_string(), expected);
    assert!(inventory.require_readable().is_ok() && inventory.warnings().is_empty());
    assert_eq!(inventory.readable(split.clone()), split);
}

#[test]
fn what_is_amiss_is_told_in_a_line_each() {
    let root = tempfile::tempdir().unwrap();
    set(root.path(), &[("train/SUV", 1), ("test/Tata Safari", 3)]);
    let copy = |from: &str, to: &str| std::fs::copy(root.path().join(from), root.path().join(to)).unwrap();
    copy("train/SUV/05.png", "test/SUV/copy.png");
    copy("val/SUV/05.png", "val/Tata Safari/copy.png");
    copy("val/SUV/06.png", "val/SUV/copy.png");
    for stray in ["README.md", "train/list.csv", "1.jpg", "2.jpg"] {
        std::fs::write(root.path().join(stray), "").unwrap();
    }
    let (inventory, split) = taken(root.path());
    let reason = "not an image of a known format";
    let text = inventory.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[1..4],
        [
            "SUV               19          11       11",
            "Tata Safari       20          11        7",
            "2 classes         39          22       18",
        ]
    );
    assert!(
        lines[4].starts_with(&format!(
            "4 photos left out as unreadable: train/SUV/00.png ({reason}"
        )),
        "{text}"
    );
    assert!(lines[4].ends_with("and 1 more"), "{text}");
    assert_eq!(
        lines[5..],
        [
            "3 photos there more than once: train/SUV/05.png = test/SUV/copy.png, val/SUV/05.png = val/Tata \
         Safari/copy.png, val/SUV/06.png = val/SUV/copy.png",
            "4 passed over beside the class folders: 1.jpg, 2.jpg, README.md, and 1 more",
            "WARNING: 3 of 21 test photos cannot be read and are left out",
            "WARNING: 1 photo in more than one part, which flatters the results: train/SUV/05.png = test/SUV/copy.png",
            "WARNING: 1 photo in more than one class, which cannot be learnt: val/SUV/05.png = val/Tata Safari/copy.png",
        ]
    );
    let readable = inventory.readable(split.clone());
    assert_eq!((split.train.len(), readable.train.len()), (40, 39));
    assert_eq!((split.test.len(), readable.test.len()), (21, 18));
}

/// A folder, and how many of its photos cannot be read.
type Unreadable = (&'static str, u32);

/// Unreadable photos per folder × what becomes of it.
#[test]
fn a_large_loss_is_a_warning_and_a_total_one_an_error() {
    let grid: &[(&[Unreadable], &[&str])] = &[
        (&[("test/SUV", 2)], &[]),
        (&[("test/SUV", 3)], &["3 of 20 test photos"]),
        (&[("test/SUV", 10)], &["10 of 20 test photos"]),
        (
            &[("val/SUV", 5), ("val/Tata Safari", 5)],
            &["10 of 20 validation photos"],
        ),
        (&[("train/SUV", 2), ("train/Tata Safari", 2)], &[]),
        (&[("train/SUV", 3)], &["3 of 20 train photos of class \"SUV\""]),
        (
            &[("train/SUV", 19)],
            &["19 of 40 train photos", "19 of 20 train photos of class \"SUV\""],
        ),
    ];
    assert_eq!(grid.len(), 7);
    for (bad, expected) in grid {
        let root = tempfile::tempdir().unwrap();
        let (inventory, _) = set(root.path(), bad);
        let warnings: Vec<String> = expected
            .iter()
            .map(|what| format!("{what} cannot be read and are left out"))
            .collect();
        assert_eq!(inventory.warnings(), warnings, "{bad:?}");
        inventory.require_readable().unwrap();
    }
    let total: &[(&[(&str, u32)], &str)] = &[
        (
            &[("test/SUV", 10), ("test/Tata Safari", 10)],
            "none of the 20 test photos can be read",
        ),
        (
            &[("val/SUV", 10), ("val/Tata Safari", 10)],
            "none of the 20 validation photos can be read",
        ),
        (
            &[("train/SUV", 20), ("train/Tata Safari", 20)],
            "none of the 40 train photos can be read",
        ),
        (
            &[("train/SUV", 20)],
            "none of the 20 train photos of class \"SUV\" can be read",
        ),
    ];
    assert_eq!(total.len(), 4);
    for (bad, expected) in total {
        let root = tempfile::tempdir().unwrap();
        let error = set(root.path(), bad).0.require_readable().unwrap_err();
        assert!(matches!(error, Error::NothingReadable { .. }));
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(error.to_string().contains("00.png: not an image"), "{error}");
    }
}

#[test]
fn thousands_of_things_are_a_few_lines() {
    let root = tempfile::tempdir().unwrap();
    for class in 0..130 {
        photos(&root.path().join(format!("train/{class:03}\u{7}")), 4, 2, 0);
        photos(&root.path().join(format!("test/{class:03}\u{7}")), 2, 0, 2);
    }
    let (inventory, _) = taken(root.path());
    assert_eq!(inventory.bad.len(), 260);
    assert!(inventory.bad.iter().all(|photo| photo.part != Part::Test));
    let text = inventory.to_string();
    assert!(text.contains("… and 30 more classes\n130 classes "), "{text}");
    assert!(!text.contains('\u{7}'));
    assert!(
        text.lines().count() < 260 && text.lines().all(|line| line.chars().count() < 400),
        "{text}"
    );
}

#[test]
fn photos_that_look_the_same_in_two_parts_are_a_warning() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    // Large enough to bear a JPEG's losses.
    let photo = |variant: u32| {
        image::imageops::resize(
            &noise(17, 16, variant),
            170,
            160,
            image::imageops::FilterType::Triangle,
        )
    };
    for (number, class) in ["SUV", "Van"].iter().enumerate() {
        for (place, part) in ["train", "val", "test"].iter().enumerate() {
            let variant = (10 * number + place) as u32;
            photo(variant)
                .save(path(&format!("{part}/{class}/own.png")))
                .unwrap();
        }
    }
    // The training photo of the SUV, compressed; that of the van, mirrored and smaller.
    photo(0).save(path("test/SUV/again.jpg")).unwrap();
    let mirrored = image::imageops::flip_horizontal(&photo(10));
    image::imageops::thumbnail(&mirrored, 120, 100)
        .save(path("test/Van/again.png"))
        .unwrap();
    let (inventory, _) = taken(root.path());
    assert_eq!(inventory.alike.len(), 2, "{:?}", inventory.alike);
    assert!(inventory.duplicates.is_empty());
    let warnings = inventory.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("2 pairs of photos that look the same in two parts"),
        "{warnings:?}"
    );
    assert!(
        warnings[0].contains("train/SUV/own.png ~ test/SUV/again.jpg"),
        "{warnings:?}"
    );
}

/// Where results go × whether that is in the data folder or cannot be.
#[test]
fn results_lie_neither_among_the_photos_nor_where_nothing_can_be_written() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    std::fs::create_dir_all(path("photos/SUV")).unwrap();
    std::fs::write(path("file"), "").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(path("photos"), path("link")).unwrap();
    let check = |out: &str, data: &str| check_output(&path(out), &path(data));
    for out in [
        "run",
        "photos run",
        "photos/../run",
        "new/../run",
        "photos/SUV/../../run",
        "",
    ] {
        check(out, "photos").unwrap();
    }
    let inside = [
        "photos",
        "photos/run",
        "photos/SUV",
        "photos/a/b",
        "new/../photos/run",
        "photos/../photos/run",
        #[cfg(unix)]
        "link/run",
    ];
    for out in inside {
        assert!(
            matches!(check(out, "photos"), Err(Error::OutputInData { .. })),
            "{out}"
        );
        assert!(
            matches!(check(out, "photos/../photos/."), Err(Error::OutputInData { .. })),
            "{out}"
        );
    }
    for out in ["file", "file/run", "file/a/b"] {
        assert!(matches!(check(out, "photos"), Err(Error::Write { .. })), "{out}");
    }
    assert!(!path("photos/run").exists() && !path("run").exists());
}
