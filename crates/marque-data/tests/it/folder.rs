//! Listing and splitting data folders.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::touch;
use marque_data::{Error, ImageFolder, Part, PartUse, Sample, Split, SplitConfig, Stratify};

fn names(folder: &ImageFolder) -> Vec<String> {
    let relative = |sample: &Sample| {
        sample
            .path
            .strip_prefix(folder.root())
            .unwrap()
            .display()
            .to_string()
    };
    folder
        .samples()
        .map(|sample| format!("{} {}", sample.label, relative(sample).replace('\\', "/")))
        .collect()
}

#[test]
fn classes_are_sorted_by_bytes_and_files_by_path() {
    let root = tempfile::tempdir().unwrap();
    touch(
        root.path(),
        &[
            "SUV/b.jpg",
            "SUV/a.txt",
            "Pickup Truck/deep/er/z.JPG",
            "Pickup Truck/a",
            "mini/1.png",
            "README.md",
            ".git/x.jpg",
            "SUV/.hidden.jpg",
            "SUV/Thumbs.db",
            "SUV/desktop.ini",
            "__MACOSX/SUV/b.jpg",
        ],
    );
    let folder = ImageFolder::scan(root.path()).unwrap();
    assert_eq!(folder.class_names(), ["Pickup Truck", "SUV", "mini"]);
    let expected = [
        "0 Pickup Truck/a",
        "0 Pickup Truck/deep/er/z.JPG",
        "1 SUV/a.txt",
        "1 SUV/b.jpg",
        "2 mini/1.png",
    ];
    assert_eq!(names(&folder), expected);
    assert_eq!((folder.len(), folder.is_empty()), (5, false));
    assert_eq!(folder.class_counts(), [2, 2, 1]);
    assert_eq!(folder.ignored(), [root.path().join("README.md")]);
}

#[test]
fn parts_are_found_in_any_case_and_their_classes_united() {
    let root = tempfile::tempdir().unwrap();
    touch(
        root.path(),
        &[
            "Train/B/1",
            "Train/C/1",
            "TEST/A/1",
            "valid/B/1",
            "labels.csv",
            "extra/B/1",
        ],
    );
    let folder = ImageFolder::scan(root.path()).unwrap();
    assert_eq!(folder.class_names(), ["A", "B", "C"]);
    assert_eq!(
        names(&folder),
        ["1 Train/B/1", "2 Train/C/1", "1 valid/B/1", "0 TEST/A/1"]
    );
    assert_eq!(
        folder.ignored(),
        [root.path().join("extra"), root.path().join("labels.csv")]
    );
}

#[test]
fn a_class_may_be_called_train() {
    let root = tempfile::tempdir().unwrap();
    touch(root.path(), &["train/1.jpg", "tram/1.jpg"]);
    assert_eq!(
        ImageFolder::scan(root.path()).unwrap().class_names(),
        ["train", "tram"]
    );
}

#[test]
fn bad_folders_are_explained() {
    let root = tempfile::tempdir().unwrap();
    let scan = |sub: &str| ImageFolder::scan(&root.path().join(sub)).unwrap_err();
    assert!(matches!(scan("missing"), Error::Read { .. }));

    touch(
        root.path(),
        &[
            "flat/1.jpg",
            "twice/train/A/1",
            "twice/val/A/1",
            "twice/valid/A/1",
            "empty/B/1",
        ],
    );
    std::fs::create_dir_all(root.path().join("empty/A")).unwrap();
    assert!(matches!(scan("flat"), Error::NoClasses { .. }));
    assert!(
        matches!(scan("twice"), Error::PartTwice { first, second, .. } if first == "val" && second == "valid")
    );
    let empty = scan("empty");
    assert!(matches!(&empty, Error::EmptyClass { class, .. } if class == "A"));
    assert!(
        empty
            .to_string()
            .ends_with(r#"class "A" has no photos (classes found: A, B)"#),
        "{empty}"
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_loops_end() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    touch(
        root.path(),
        &[
            "data/A/1.jpg",
            "data/B/2.jpg",
            "elsewhere/3.jpg",
            "elsewhere/sub/4.jpg",
        ],
    );
    let data = root.path().join("data");
    symlink(root.path().join("elsewhere"), data.join("C")).unwrap();
    symlink(root.path().join("elsewhere/3.jpg"), data.join("A/linked.jpg")).unwrap();
    symlink(&data, data.join("B/up")).unwrap();
    symlink(data.join("A"), data.join("A/self")).unwrap();
    symlink(root.path().join("gone"), data.join("A/broken.jpg")).unwrap();
    let folder = ImageFolder::scan(&data).unwrap();
    let expected = [
        "0 A/1.jpg",
        "0 A/broken.jpg",
        "0 A/linked.jpg",
        "1 B/2.jpg",
        "2 C/3.jpg",
        "2 C/sub/4.jpg",
    ];
    assert_eq!(names(&folder), expected);
}

#[cfg(target_os = "linux")]
#[test]
fn a_class_name_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join(std::ffi::OsStr::from_bytes(b"caf\xE9"))).unwrap();
    assert!(matches!(
        ImageFolder::scan(root.path()),
        Err(Error::ClassNameNotUtf8 { .. })
    ));
}

/// Photos by class of the subject's set, in `train/` and `test/`: 4,165 in all.
fn large(root: &Path) -> ImageFolder {
    for (class, (train, test)) in [
        (800, 199),
        (270, 67),
        (320, 82),
        (300, 98),
        (420, 109),
        (440, 101),
        (802, 157),
    ]
    .into_iter()
    .enumerate()
    {
        for (part, count) in [("train", train), ("test", test)] {
            let folder = root.join(part).join(format!("class {class}"));
            std::fs::create_dir_all(&folder).unwrap();
            for photo in 0..count {
                std::fs::write(folder.join(format!("{part}_{photo:04}.jpg")), b"").unwrap();
            }
        }
    }
    ImageFolder::scan(root).unwrap()
}

fn sizes(split: &Split) -> (usize, usize, usize) {
    (split.train.len(), split.validation.len(), split.test.len())
}

fn class_share(samples: &[Sample], label: usize) -> f64 {
    samples.iter().filter(|sample| sample.label == label).count() as f64 / samples.len() as f64
}

#[test]
fn the_subjects_split_and_the_stratified_ones() {
    let root = tempfile::tempdir().unwrap();
    let folder = large(root.path());
    assert_eq!(folder.len(), 4165);
    let joined = SplitConfig {
        stratify: Stratify::Plain,
        parts: PartUse::Joined,
        ..SplitConfig::default()
    };
    let split = folder.split(&joined).unwrap();
    assert_eq!(sizes(&split), (2915, 625, 625));
    let all: BTreeSet<&Path> = [&split.train, &split.validation, &split.test]
        .into_iter()
        .flatten()
        .map(|sample| &*sample.path)
        .collect();
    assert_eq!(all.len(), 4165);
    assert_eq!(split, folder.split(&joined).unwrap());
    assert_ne!(
        split,
        folder
            .split(&SplitConfig {
                seed: 43,
                ..joined.clone()
            })
            .unwrap()
    );

    let stratified = folder
        .split(&SplitConfig {
            stratify: Stratify::ByClass,
            ..joined
        })
        .unwrap();
    let (train, validation, test) = sizes(&stratified);
    assert_eq!(train + validation + test, 4165);
    for label in 0..7 {
        let share = class_share(&stratified.train, label);
        for part in [&stratified.validation, &stratified.test] {
            // A photo of 600.
            assert!((class_share(part, label) - share).abs() < 0.002, "class {label}");
        }
    }

    let given = folder.split(&SplitConfig::default()).unwrap();
    assert_eq!(given.test.len(), 813);
    assert!(
        given
            .test
            .iter()
            .all(|sample| sample.path.starts_with(root.path().join("test")))
    );
    // 0.15 / 0.85 of 3,352 train photos, rounded in each of seven classes.
    assert!((given.validation.len() as f64 - 3352.0 * 0.15 / 0.85).abs() < 7.0);
    assert_eq!(given.train.len() + given.validation.len(), 3352);
}

#[test]
fn a_given_validation_folder_is_kept_and_the_test_part_cut_off() {
    let root = tempfile::tempdir().unwrap();
    let train: Vec<String> = (0..20)
        .map(|photo| format!("train/{}/{photo}", photo % 2))
        .collect();
    touch(root.path(), &train.iter().map(String::as_str).collect::<Vec<_>>());
    touch(root.path(), &["val/0/a", "val/1/b"]);
    let folder = ImageFolder::scan(root.path()).unwrap();
    let config = SplitConfig {
        train: 0.6,
        validation: 0.2,
        test: 0.2,
        ..SplitConfig::default()
    };
    // A quarter of ten photos of each class is two and a half.
    assert_eq!(sizes(&folder.split(&config).unwrap()), (16, 2, 4));
    let no_test = SplitConfig {
        train: 0.8,
        validation: 0.2,
        test: 0.0,
        ..SplitConfig::default()
    };
    assert_eq!(sizes(&folder.split(&no_test).unwrap()), (20, 2, 0));
}

#[test]
fn photos_to_test_on_need_no_others_but_none_are_learnt_from() {
    let root = tempfile::tempdir().unwrap();
    let photos = ["test/A/1.jpg", "test/A/2.jpg", "test/B/1.jpg", "val/B/1.jpg"];
    touch(root.path(), &photos);
    let folder = ImageFolder::scan(root.path()).unwrap();
    assert_eq!(folder.given(Part::Test).unwrap().len(), 3);
    assert_eq!(folder.given(Part::Validation).unwrap().len(), 1);
    assert!(folder.given(Part::Train).is_none());
    let message = folder.split(&SplitConfig::default()).unwrap_err().to_string();
    let expected = "no photo is of the train part; there are 1 validation and 3 test photos";
    assert!(message.ends_with(expected), "{message}");
    // Joined, they are photos like others.
    let joined = SplitConfig {
        train: 0.5,
        validation: 0.0,
        test: 0.5,
        parts: PartUse::Joined,
        ..SplitConfig::default()
    };
    assert_eq!(sizes(&folder.split(&joined).unwrap()), (2, 0, 2));
    // Folders without parts give none.
    let flat = ImageFolder::scan(&root.path().join("test")).unwrap();
    assert!(Part::ALL.into_iter().all(|part| flat.given(part).is_none()));
}

#[test]
fn a_part_that_was_asked_for_is_not_empty() {
    let root = tempfile::tempdir().unwrap();
    touch(root.path(), &["A/1", "A/2", "B/1"]);
    let folder = ImageFolder::scan(root.path()).unwrap();
    let error = folder.split(&SplitConfig::default()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::EmptyPart {
                part: "validation" | "test",
                available: 3,
                ..
            }
        ),
        "{error}"
    );
    let all = SplitConfig {
        train: 1.0,
        validation: 0.0,
        test: 0.0,
        ..SplitConfig::default()
    };
    assert_eq!(sizes(&folder.split(&all).unwrap()), (3, 0, 0));
    for bad in [
        SplitConfig {
            train: 0.0,
            validation: 0.5,
            test: 0.5,
            ..SplitConfig::default()
        },
        SplitConfig {
            train: 0.9,
            ..SplitConfig::default()
        },
        SplitConfig {
            test: f64::NAN,
            ..SplitConfig::default()
        },
        SplitConfig {
            train: 1.15,
            validation: -0.15,
            test: 0.0,
            ..SplitConfig::default()
        },
    ] {
        assert!(matches!(folder.split(&bad), Err(Error::Setting { .. })));
    }
}

#[test]
fn the_same_photos_joined_split_alike_however_they_were_laid_out() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for photo in 0..40 {
        let (class, part) = (photo % 3, if photo % 4 == 0 { "test" } else { "train" });
        touch(one.path(), &[&format!("{class}/{photo:02}.jpg")]);
        touch(two.path(), &[&format!("{part}/{class}/{photo:02}.jpg")]);
    }
    let config = SplitConfig {
        parts: PartUse::Joined,
        ..SplitConfig::default()
    };
    let file_names = |root: &Path| {
        let split = ImageFolder::scan(root).unwrap().split(&config).unwrap();
        [split.train, split.validation, split.test].map(|part| {
            part.iter()
                .map(|sample| sample.path.file_name().unwrap().to_owned())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(file_names(one.path()), file_names(two.path()));
}
