//! Folder shapes × the classes that are read or the error: nothing is guessed in silence.

use crate::common::touch;
use marque_data::{Error, ImageFolder, LayoutProblem, has_photo_name, list_photos};

/// What a scan says: the classes with their photos, or a word for the error and the name in it.
fn scanned(files: &[&str]) -> String {
    let root = tempfile::tempdir().unwrap();
    touch(root.path(), files);
    match ImageFolder::scan(root.path()) {
        Ok(folder) => {
            let counts = folder.class_counts();
            let classes = folder.class_names().iter().zip(counts);
            let classes: Vec<String> = classes.map(|(name, count)| format!("{name} {count}")).collect();
            classes.join(", ")
        }
        Err(Error::Layout { problem, found, .. }) => {
            assert!(found.contains("/  "), "the message shows what was found: {found}");
            match problem {
                LayoutProblem::OneLevelTooHigh { path, .. } => {
                    let path = path.strip_prefix(&root.path().display().to_string());
                    format!("pass {}", path.unwrap().replace('\\', "/"))
                }
                LayoutProblem::OneClass { name } => format!("one class {name}"),
                LayoutProblem::NoPhotosInClassFolders { names, .. } => format!("folders only: {names}"),
                LayoutProblem::LevelInsideParts { names } => format!("level inside parts: {names}"),
                LayoutProblem::UnknownPart { name } => format!("unknown part {name}"),
                LayoutProblem::PartsInside { name, inner, .. } => format!("parts inside {name}: {inner}"),
                LayoutProblem::FlatPart { name } => format!("flat part {name}"),
                LayoutProblem::ClassBesidePart { part, name } => format!("beside {part} {name}"),
                LayoutProblem::ImagesAndLabels { images, labels } => format!("{images} and {labels}"),
                other => panic!("{other:?}"),
            }
        }
        Err(Error::PartTwice { first, second, .. }) => format!("twice {first} {second}"),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn shapes_are_read_right_or_refused() {
    let grid: &[(&[&str], &str)] = &[
        // Read.
        (&["SUV/1.jpg", "Van/1.jpg"], "SUV 1, Van 1"),
        (&["SUV/1.jpg", "Van/2019/1.jpg", "Van/2020/1.jpg"], "SUV 1, Van 2"),
        (&["SUV/1.jpg", "SUV/more/2.jpg", "Van/1.jpg"], "SUV 2, Van 1"),
        (&["train/SUV/1", "train/Van/1", "test/SUV/1"], "SUV 2, Van 1"),
        (&["Training/a/1", "Training/b/1", "Testing/a/1"], "a 2, b 1"),
        (&["TRAIN/a/1", "TRAIN/b/1", "Valid/a/1", "test/b/1"], "a 2, b 2"),
        (&["train/1.jpg", "tram/1.jpg"], "train 1, tram 1"),
        (
            &["freight train/1.jpg", "passenger train/1.jpg"],
            "freight train 1, passenger train 1",
        ),
        (&["mask/1.jpg", "no mask/1.jpg"], "mask 1, no mask 1"),
        (
            &["photo/1.jpg", "label/1.jpg", "text/1.jpg"],
            "label 1, photo 1, text 1",
        ),
        (
            &["crash test dummy/1.jpg", "person/1.jpg"],
            "crash test dummy 1, person 1",
        ),
        (&["A/1.jpg", "a/1.jpg", "b/1.jpg"], "A 1, a 1, b 1"),
        (
            &["train/a/1", "train/b/1", "test/a/1", "samples/1.jpg"],
            "a 2, b 1",
        ),
        (&["train/a/1", "train/b/1", "extra/a/1"], "a 1, b 1"),
        (&["test/a/1", "test/b/1", "val/a/1"], "a 2, b 1"),
        // A level too high.
        (
            &["Cars Dataset/SUV/1.jpg", "Cars Dataset/Van/1.jpg"],
            "pass /Cars Dataset",
        ),
        (
            &["Cars/train/a/1", "Cars/train/b/1", "Cars/test/a/1"],
            "parts inside Cars: test",
        ),
        (&["Cars/train/a/1", "notes/1.jpg"], "parts inside Cars: train"),
        (&["x/a/1.jpg", "x/b/1.jpg", "y/a/1.jpg"], "folders only: x, y"),
        (
            &["x/a/1.jpg", "x/b/1.jpg", "docs/readme.txt"],
            "folders only: docs, x",
        ),
        (
            &["train/x/a/1.jpg", "train/x/b/1.jpg", "test/x/a/1.jpg"],
            "level inside parts: x",
        ),
        (
            &["SUV/train/1.jpg", "SUV/test/1.jpg", "Van/train/1.jpg"],
            "parts inside SUV: test",
        ),
        (
            &["SUV/1.jpg", "SUV/test/1.jpg", "Van/1.jpg"],
            "parts inside SUV: test",
        ),
        // Parts by other names.
        (
            &["seg_train/seg_train/a/1", "seg_test/seg_test/a/1"],
            "unknown part seg_test",
        ),
        (
            &["seg_train/a/1", "seg_train/b/1", "seg_pred/1.jpg"],
            "unknown part seg_train",
        ),
        (
            &["ILSVRC2012_train/a/1", "ILSVRC2012_train/b/1"],
            "unknown part ILSVRC2012_train",
        ),
        (&["Train/a/1", "Train/b/1", "Eval/a/1"], "unknown part Eval"),
        (&["train/a/1", "train/b/1", "dev/a/1"], "unknown part dev"),
        (
            &["train/a/1", "train/b/1", "hold-out/a/1"],
            "unknown part hold-out",
        ),
        (&["training_set/a/1", "test_set/a/1"], "unknown part test_set"),
        (&["TrainImages/a/1", "TestImages/a/1"], "unknown part TestImages"),
        (&["holdout/a/1", "x/1.jpg"], "unknown part holdout"),
        (
            &["train/train/a/1", "train/train/b/1", "test/test/a/1"],
            "level inside parts: test, train",
        ),
        (&["train/a/1", "training/a/1"], "twice train training"),
        (&["test/a/1", "other/a/1"], "one class a"),
        // Parts without classes.
        (&["train/1.jpg", "test/1.jpg"], "flat part test"),
        (&["train/1.jpg", "test1/1.jpg"], "flat part test1"),
        (&["train/a/1", "train/b/1", "test/1.jpg"], "flat part test"),
        (&["train/a/1", "train/b/1", "val/1.jpg"], "flat part val"),
        // One class, and none.
        (&["SUV/1.jpg"], "one class SUV"),
        (&["train/SUV/1.jpg", "test/SUV/1.jpg"], "one class SUV"),
        (&["SUV/1.jpg", "Van.jpg", "a.jpg"], "one class SUV"),
        // Others.
        (
            &["train/steam/1.jpg", "train/electric/1.jpg", "tram/1.jpg"],
            "beside train tram",
        ),
        (&["test/a/1", "test/b/1", "SUV/1.jpg"], "beside test SUV"),
        (&["images/1.jpg", "annotations/1.xml"], "images and annotations"),
        (
            &["images/a/1.jpg", "images/b/1.jpg", "annotations/1.jpg"],
            "images and annotations",
        ),
        (
            &["train/images/1.jpg", "train/labels/1.txt", "val/images/1.jpg"],
            "images and labels",
        ),
        (
            &["JPEGImages/1.jpg", "Annotations/1.xml", "ImageSets/Main/1.txt"],
            "JPEGImages and Annotations",
        ),
    ];
    assert_eq!(grid.len(), 48);
    let wrong: Vec<String> = grid
        .iter()
        .map(|(files, expected)| (files, expected, scanned(files)))
        .filter(|(_, expected, found)| found != *expected)
        .map(|(files, expected, found)| format!("{files:?}: expected {expected}, found {found}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_message_shows_what_was_found_and_what_to_pass() {
    let root = tempfile::tempdir().unwrap();
    touch(
        root.path(),
        &["Cars Dataset/SUV/1.jpg", "Cars Dataset/SUV/2.jpg", "list.csv"],
    );
    touch(root.path(), &["Cars Dataset/Van/1.jpg"]);
    for number in 0..9 {
        touch(root.path(), &[&format!("Cars Dataset/W{number}/1.jpg")]);
    }
    let message = ImageFolder::scan(root.path()).unwrap_err().to_string();
    let shown = root.path().display();
    let expected = format!(
        "{shown}: the only folder in it is \"Cars Dataset\", which holds folders and no photos: pass {}\nfound:\n  \
         Cars Dataset/  11 folders, 0 files\n    SUV/  0 folders, 2 files\n    Van/  0 folders, 1 file\n",
        root.path().join("Cars Dataset").display()
    );
    assert!(message.starts_with(&expected), "{message}");
    assert!(
        message.ends_with("    … and 3 more folders\n  1 file"),
        "{message}"
    );
}

#[test]
fn names_that_a_copy_has_changed_are_refused_with_their_parts() {
    let alike = |first: &str, second: &str| {
        let root = tempfile::tempdir().unwrap();
        for folder in [
            format!("train/{first}"),
            "train/other".into(),
            format!("test/{second}"),
        ] {
            touch(root.path(), &[&format!("{folder}/1.jpg")]);
        }
        match ImageFolder::scan(root.path()) {
            Err(Error::AlikeClasses { names, .. }) => names,
            other => panic!("{first:?} {second:?}: {other:?}"),
        }
    };
    let grid = [
        ("SUV", "suv", r#""SUV" in train, "suv" in test"#),
        (
            "Bl\u{e5}",
            "Bla\u{30a}",
            r#""Bla\u{30a}" in test, "Bl\u{e5}" in train"#,
        ),
        ("Blå", "BLÅ", r#""BLÅ" in test, "Blå" in train"#),
        ("Van", "Van ", r#""Van" in train, "Van " in test"#),
        ("Van", " Van", r#"" Van" in test, "Van" in train"#),
        (
            "Rolls Royce",
            "Rolls_Royce",
            r#""Rolls Royce" in train, "Rolls_Royce" in test"#,
        ),
        (
            "Rolls Royce",
            "rolls-royce",
            r#""Rolls Royce" in train, "rolls-royce" in test"#,
        ),
        (
            "Rolls Royce",
            "Rolls  Royce",
            r#""Rolls  Royce" in test, "Rolls Royce" in train"#,
        ),
        (
            "Rolls Royce",
            "Rolls\u{a0}Royce",
            r#""Rolls Royce" in train, "Rolls\u{a0}Royce" in test"#,
        ),
        ("Van", "Van\u{200b}", r#""Van" in train, "Van\u{200b}" in test"#),
        ("\u{e9}", "e\u{301}", r#""e\u{301}" in test, "\u{e9}" in train"#),
    ];
    assert_eq!(grid.len(), 11);
    for (first, second, expected) in grid {
        assert_eq!(alike(first, second), expected);
    }
    // In one folder as well, and not where the names mean different things.
    assert!(
        matches!(scan(&["SUV/1", "suv/1", "Van/1"]), Err(Error::AlikeClasses { names, .. }) if names == r#""SUV", "suv""#)
    );
    for distinct in [["A", "A-"], ["1", "-1"], ["C", "c"], ["SUV", "SUVs"]] {
        let found = scan(
            &distinct
                .map(|name| format!("{name}/1"))
                .each_ref()
                .map(String::as_str),
        );
        assert_eq!(found.unwrap().class_names().len(), 2, "{distinct:?}");
    }
}

fn scan(files: &[&str]) -> Result<ImageFolder, Error> {
    let root = tempfile::tempdir().unwrap();
    touch(root.path(), files);
    ImageFolder::scan(root.path())
}

#[test]
fn a_model_gets_the_composed_form_of_names() {
    let folder = scan(&["Bla\u{30a}/1", "Bl\u{f6}/1", "Blz/1"]).unwrap();
    assert_eq!(folder.class_names(), ["Blz", "Bl\u{e5}", "Bl\u{f6}"]);
    assert_eq!(folder.class_counts(), [1, 1, 1]);
}

#[test]
fn a_class_without_training_photos_is_named_with_its_counts() {
    let root = tempfile::tempdir().unwrap();
    let in_class = |part: &str, class: &str, count: usize| {
        for photo in 0..count {
            touch(root.path(), &[&format!("{part}/{class}/{photo}")]);
        }
    };
    for class in ["a", "b"] {
        in_class("train", class, 9);
        in_class("test", class, 2);
    }
    in_class("test", "only tested", 3);
    in_class("val", "only seen", 2);
    in_class("val", "a", 2);
    let folder = ImageFolder::scan(root.path()).unwrap();
    let error = folder.split(&Default::default()).unwrap_err();
    assert!(
        error.to_string().contains(
            r#"no training photos of "only seen" (validation: 2, test: 0), "only tested" (validation: 0, test: 3); "#
        ),
        "{error}"
    );
    let joined = marque_data::SplitConfig {
        parts: marque_data::PartUse::Joined,
        ..Default::default()
    };
    let split = folder.split(&joined).unwrap();
    assert!(split.class_counts(4).iter().all(|counts| counts[0] > 0));
}

/// What lies among photos without being one.
const RESIDUE: [&str; 16] = [
    "@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
    "$RECYCLE.BIN/1.jpg",
    "lost+found/1.jpg",
    "System Volume Information/1.jpg",
    ".ipynb_checkpoints/1-checkpoint.jpg",
    "._1.jpg",
    "Icon\r",
    "@Recycle/1.jpg",
    "#recycle/1.jpg",
    "#snapshot/1.jpg",
    "__MACOSX/1.jpg",
    ".DS_Store",
    "THUMBS.DB",
    "Desktop.ini",
    "ehthumbs.db",
    "RECYCLER/1.jpg",
];

#[test]
fn residue_is_no_class_and_no_photo_at_any_level() {
    for parts in [&[""][..], &["train/", "test/"]] {
        let root = tempfile::tempdir().unwrap();
        for part in parts {
            touch(
                root.path(),
                &[&format!("{part}a/1.jpg"), &format!("{part}b/sub/1.jpg")],
            );
            for residue in RESIDUE {
                for level in ["", "a/", "b/sub/"] {
                    touch(root.path(), &[&format!("{part}{level}{residue}")]);
                }
                touch(root.path(), &[residue]);
            }
        }
        let folder = ImageFolder::scan(root.path()).unwrap();
        assert_eq!(folder.class_names(), ["a", "b"]);
        assert_eq!(folder.len(), 2 * parts.len());
        assert!(folder.ignored().is_empty(), "{:?}", folder.ignored());
        assert_eq!(list_photos(root.path()).unwrap().len(), 2 * parts.len());
    }
}

#[test]
fn folders_of_runs_are_no_classes() {
    let root = tempfile::tempdir().unwrap();
    touch(
        root.path(),
        &[
            "a/1.jpg",
            "b/1.jpg",
            "b/old run/run.json",
            "b/old run/predictions.csv",
            "b/old run/loss.png",
            "run/model.safetensors",
            "run/features/1.safetensors",
            "runs/one/model.safetensors",
            "runs/compared/compare.json",
            "runs/compared/compare-roc.png",
        ],
    );
    let folder = ImageFolder::scan(root.path()).unwrap();
    assert_eq!(folder.class_names(), ["a", "b"]);
    assert_eq!(folder.len(), 2);
    let ignored = ["b/old run", "run", "runs/compared", "runs/one"].map(|path| root.path().join(path));
    assert_eq!(folder.ignored(), ignored);
    assert_eq!(
        list_photos(root.path()).unwrap(),
        ["a/1.jpg", "b/1.jpg"].map(|path| root.path().join(path))
    );
}

#[test]
fn files_of_a_folder_are_listed_in_order_whatever_they_are() {
    let root = tempfile::tempdir().unwrap();
    touch(
        root.path(),
        &["b.jpg", "a/2.png", "a/10.png", "c.txt", "B.JPG", "d/e/f"],
    );
    let expected = ["B.JPG", "a/10.png", "a/2.png", "b.jpg", "c.txt", "d/e/f"];
    let listed = list_photos(root.path()).unwrap();
    assert_eq!(listed, expected.map(|path| root.path().join(path)));
    let photos: Vec<bool> = listed.iter().map(|path| has_photo_name(path)).collect();
    assert_eq!(photos, [true, true, true, true, false, false]);
    assert!(matches!(
        list_photos(&root.path().join("no")),
        Err(Error::Read { .. })
    ));
}
