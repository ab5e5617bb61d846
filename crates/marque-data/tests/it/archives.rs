//! Photos in tar files and Parquet tables.

use image::{ImageFormat, Rgb, RgbImage};
use marque_data::{AlikeClasses, Error, ImageFolder, Part, Sample, Split, SplitConfig};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const TAGS: [u8; 4] = [10, 80, 150, 220];

/// A photo that is told from others by its colour.
fn png(tag: u8) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_pixel(3, 2, Rgb([tag; 3]))
        .write_to(&mut file, ImageFormat::Png)
        .unwrap();
    file.into_inner()
}

fn tar(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, &content[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

/// WebDataset's samples of two classes, not in the order of their names.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("b/2.png", png(TAGS[2])),
        ("b/2.cls", b"SUV\n".to_vec()),
        ("1.jpg", png(TAGS[1])),
        (
            "1.json",
            br#"{"width": 3, "note": ["x"], "Label": "van", "weight": 2.5}"#.to_vec(),
        ),
        ("1.txt", b"a red van".to_vec()),
        ("0.PNG", png(TAGS[0])),
        ("0.cls", b" SUV".to_vec()),
        ("._0.png", b"what macOS leaves".to_vec()),
    ]
}

fn written(folder: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

/// Names in the archive, labels and colours of photos.
fn seen(samples: &[Sample], root: &Path) -> Vec<(String, usize, u8)> {
    let see = |sample: &Sample| {
        let name = sample.path.strip_prefix(root).unwrap().display().to_string();
        let tag = sample.decode().unwrap().get_pixel(0, 0).0[0];
        assert_eq!(sample.state().unwrap().bytes, sample.read().unwrap().len() as u64);
        (name, sample.label, tag)
    };
    samples.iter().map(see).collect()
}

/// What is not given is training.
fn as_given() -> SplitConfig {
    SplitConfig {
        train: 1.0,
        validation: 0.0,
        test: 0.0,
        ..SplitConfig::default()
    }
}

fn all(images: &ImageFolder) -> Vec<Sample> {
    images.samples().cloned().collect()
}

fn refused(folder: &TempDir, path: &Path) -> String {
    let error = ImageFolder::scan(path).unwrap_err();
    assert!(matches!(error, Error::List { .. }), "{error:?}");
    error
        .to_string()
        .replace(&folder.path().display().to_string(), "…")
}

#[test]
fn samples_of_webdataset_are_photos_with_fields() {
    let folder = tempfile::tempdir().unwrap();
    let files = samples();
    let path = written(&folder, "cars.tar", &tar(&files));
    let images = ImageFolder::scan(&path).unwrap();
    assert_eq!(images.root(), folder.path());
    assert_eq!(images.class_names(), ["SUV", "van"]);
    let expected = [
        ("cars.tar/0.PNG", 0, TAGS[0]),
        ("cars.tar/b/2.png", 0, TAGS[2]),
        ("cars.tar/1.jpg", 1, TAGS[1]),
    ];
    let expected = expected.map(|(name, label, tag)| (name.to_owned(), label, tag));
    assert_eq!(seen(&all(&images), images.root()), expected);
    let weights: Vec<f64> = images.samples().map(|sample| sample.weight).collect();
    assert_eq!(weights, [1.0, 1.0, 2.5]);
    assert!(images.ignored().is_empty(), "a caption is part of its sample");

    // The same, compressed.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&tar(&files)).unwrap();
    let path = written(&folder, "cars.tar.gz", &packed.finish().unwrap());
    let images = ImageFolder::scan(&path).unwrap();
    let named = expected.map(|(name, label, tag)| (name.replace(".tar/", ".tar.gz/"), label, tag));
    assert_eq!(seen(&all(&images), images.root()), named);
}

#[test]
fn what_is_wrong_in_an_archive_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let photo = || ("a/1.png", png(1));
    type Files<'a> = Vec<(&'a str, Vec<u8>)>;
    let cases: [(Files<'_>, &str); 8] = [
        (
            vec![
                photo(),
                ("a/1.cls", vec![]),
                ("b.png", png(2)),
                ("b.cls", b"van".to_vec()),
            ],
            "a/1.png: there is no label",
        ),
        (
            vec![photo(), ("a/1.jpg", png(2)), ("a/1.cls", b"van".to_vec())],
            "a/1.png and a/1.jpg are two photos of one sample",
        ),
        (
            vec![photo(), ("a/1.json", b"{\"label\": [1]}".to_vec())],
            "a/1.json: label is [1], neither a text nor a number",
        ),
        (
            vec![photo(), ("a/1.json", b"{".to_vec())],
            "a/1.json: EOF while parsing an object at line 1 column 1",
        ),
        (
            vec![photo(), ("a/1.cls", vec![0xff])],
            "a/1.cls: the text is not UTF-8",
        ),
        (
            vec![photo(), ("a/1.cls", b"van".to_vec())],
            "\"van\" is the only label; a classifier needs at least two",
        ),
        (
            vec![("train/a/1.png", png(1)), ("b/c/2.png", png(2))],
            "train/a/1.png lies in a part of the data, b/c/2.png in none: all photos do, or none",
        ),
        (vec![("notes.txt", vec![1])], "it lists no photos"),
    ];
    for (files, problem) in cases {
        let path = written(&folder, "bad.tar", &tar(&files));
        assert_eq!(refused(&folder, &path), format!("…/bad.tar: {problem}"));
    }
}

#[test]
fn class_folders_in_an_archive_are_read_as_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("./cars/readme.md", b"about".to_vec()),
        ("./cars/test/van/3.png", png(TAGS[3])),
        ("./cars/train/van/deep/2.png", png(TAGS[2])),
        ("./cars/train/SUV/1.png", png(TAGS[1])),
        ("./cars/train/van/._2.png", vec![0]),
        ("./cars/train/SUV/0.png", png(TAGS[0])),
    ];
    let path = written(&folder, "cars.tar", &tar(&files));
    let images = ImageFolder::scan(&path).unwrap();
    assert_eq!(images.class_names(), ["SUV", "van"]);
    assert_eq!(images.ignored(), [path.join("cars/readme.md")]);
    let split = images.split(&as_given());
    let split = split.unwrap();
    let names = |part: Part| -> Vec<(String, usize, u8)> { seen(split.part(part), &path.join("cars")) };
    let named = |name: &str, label, tag| (name.to_owned(), label, tag);
    assert_eq!(
        names(Part::Train),
        [
            named("train/SUV/0.png", 0, TAGS[0]),
            named("train/SUV/1.png", 0, TAGS[1]),
            named("train/van/deep/2.png", 1, TAGS[2])
        ]
    );
    assert_eq!(names(Part::Test), [named("test/van/3.png", 1, TAGS[3])]);
}

#[test]
fn shards_say_their_parts_and_a_file_beside_them_the_classes() {
    let folder = tempfile::tempdir().unwrap();
    let shard = |numbers: [usize; 2]| {
        let names = numbers.map(|number| (format!("{number}.png"), format!("{number}.cls")));
        let mut files = Vec::new();
        for ((photo, class), number) in names.iter().zip(numbers) {
            files.push((photo.as_str(), png(TAGS[number % 4])));
            files.push((class.as_str(), (number % 2 + 9).to_string().into_bytes()));
        }
        tar(&files)
    };
    for (name, numbers) in [
        ("cars-train-000.tar", [0, 1]),
        ("cars-train-001.tar", [2, 3]),
        ("cars-test-000.tar", [4, 5]),
    ] {
        written(&folder, &format!("data/{name}"), &shard(numbers));
    }
    written(&folder, "README.md", b"a card");
    let images = ImageFolder::scan(folder.path()).unwrap();
    assert_eq!(images.class_names(), ["9", "10"], "by their size");
    assert_eq!(images.class_counts(), [3, 3]);
    let split = images.split(&as_given()).unwrap();
    let tested = seen(&split.test, folder.path());
    assert_eq!(tested[0], ("data/cars-test-000.tar/4.png".to_owned(), 0, TAGS[0]));
    assert_eq!(tested.len(), 2);

    let names = "a\nb\nc\nd\ne\nf\ng\nh\ni\nvan\nSUV\n";
    written(&folder, "data/classes.txt", names.as_bytes());
    let images = ImageFolder::scan(folder.path()).unwrap();
    assert_eq!(images.class_names(), ["SUV", "van"]);
    written(&folder, "data/classes.txt", b"a\nb\n");
    let problem = "…/data/classes.txt: there is no line 10 for class 9 of …/data/cars-test-000.tar/4.png";
    assert_eq!(refused(&folder, folder.path()), problem);
    std::fs::remove_file(folder.path().join("data/classes.txt")).unwrap();
    written(&folder, "data/more.tar", &shard([6, 7]));
    let problem = "…/data: \"cars-test-000.tar\" says which part of the data it holds, and \"more.tar\" does not: name all of \
                   them so, or none";
    assert_eq!(refused(&folder, folder.path()), problem);
}

#[test]
fn shards_in_folders_of_parts_are_of_these_parts() {
    let folder = tempfile::tempdir().unwrap();
    for (part, tag) in [("train", 1), ("validation", 2), ("test", 3)] {
        let shard = tar(&[("a/1.png", png(tag)), ("b/2.png", png(tag + 10))]);
        written(&folder, &format!("{part}/0000.tar"), &shard);
    }
    let split = ImageFolder::scan(folder.path())
        .unwrap()
        .split(&as_given())
        .unwrap();
    let tags: [Vec<u8>; 3] = Part::ALL.map(|part| {
        seen(split.part(part), folder.path())
            .into_iter()
            .map(|(_, _, tag)| tag)
            .collect()
    });
    assert_eq!(tags, [vec![1, 11], vec![2, 12], vec![3, 13]]);
}

#[test]
fn a_split_of_archives_is_kept_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let photos = ["a/0.png", "a/1.png", "b/2.png", "b/3.png"];
    let files: Vec<(&str, Vec<u8>)> = photos.into_iter().zip(TAGS.map(png)).collect();
    let path = written(&folder, "cars.tar", &tar(&files));
    let images = ImageFolder::scan(&path).unwrap();
    let mut samples = all(&images);
    samples[1].weight = 0.25;
    let split = Split {
        test: vec![samples.remove(3)],
        train: samples,
        validation: Vec::new(),
    };
    let list = folder.path().join("run/split.csv");
    std::fs::create_dir(folder.path().join("run")).unwrap();
    split.write_list(&list, images.class_names()).unwrap();
    let again = ImageFolder::scan(&list).unwrap().split(&as_given());
    let again = again.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.test, split.test);
    assert_eq!(
        seen(&again.test, folder.path()),
        [("cars.tar/b/3.png".to_owned(), 1, TAGS[3])]
    );

    std::fs::write(
        &list,
        "path,label\n../cars.tar/a/0.png,a\n../cars.tar/a/9.png,b\n",
    )
    .unwrap();
    let message = ImageFolder::scan(&list).unwrap_err().to_string();
    assert!(
        message.contains("line 3") && message.contains("there is no"),
        "{message}"
    );
}

#[test]
fn hostile_tar_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = tar(&[("a/1.png", png(1)), ("b/2.png", png(2))]);
    // Cut at every place that a download may end at.
    for length in 0..good.len() {
        let path = written(&folder, "cut.tar", &good[..length]);
        // Never a panic; and never a photo that is not whole.
        if let Ok(images) = ImageFolder::scan(&path) {
            assert_eq!(images.len(), 2);
            assert_eq!(seen(&all(&images), folder.path()).len(), 2);
        }
    }
    let mut longer = good.clone();
    // The size of the first file, in octal: more than there is.
    longer[124..135].copy_from_slice(b"00077777777");
    let header: Vec<u8> = longer[..512].to_vec();
    let blank = header.iter().enumerate().map(|(place, &byte)| match place {
        148..156 => u32::from(b' '),
        _ => u32::from(byte),
    });
    let sum = format!("{:06o}\0 ", blank.sum::<u32>());
    longer[148..156].copy_from_slice(sum.as_bytes());
    let path = written(&folder, "longer.tar", &longer);
    let message = refused(&folder, &path);
    assert!(
        message.contains("a/1.png is said to be 16777215 bytes long"),
        "{message}"
    );

    let mut up = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_old();
    header.as_mut_bytes()[..14].copy_from_slice(b"../../evil.png");
    header.set_size(1);
    header.set_cksum();
    up.append(&header, &b"x"[..]).unwrap();
    let path = written(&folder, "up.tar", &up.into_inner().unwrap());
    let message = refused(&folder, &path);
    assert!(
        message.ends_with("the name \"../../evil.png\" leads out of the archive"),
        "{message}"
    );

    // A bomb: a thousand times its length.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 64 << 20]).unwrap();
    let path = written(&folder, "bomb.tar.gz", &bomb.finish().unwrap());
    assert!(refused(&folder, &path).contains("more than 64 times its length"));
}

#[test]
fn a_hard_link_is_the_photo_that_it_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    for (name, tag) in [("a/1.png", 7), ("b/2.png", 9)] {
        let content = png(tag);
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, &content[..]).unwrap();
    }
    for (kind, name, target) in [
        (tar::EntryType::Link, "b/3.png", "a/1.png"),
        (tar::EntryType::Link, "b/4.png", "a/9.png"),
        (tar::EntryType::Symlink, "b/5.png", "/etc/passwd"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        archive.append_link(&mut header, name, target).unwrap();
    }
    let path = written(&folder, "linked.tar", &archive.into_inner().unwrap());
    let images = ImageFolder::scan(&path).unwrap();
    let found: Vec<(usize, u8)> = seen(&all(&images), folder.path())
        .into_iter()
        .map(|(_, label, tag)| (label, tag))
        .collect();
    assert_eq!(found, [(0, 7), (1, 9), (1, 7)]);
    assert_eq!(
        images.ignored(),
        ["b/4.png", "b/5.png"].map(|name| path.join(name))
    );
}

#[test]
fn several_places_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let more = tar(&[("van/8.png", png(8)), ("bus/9.png", png(9))]);
    let more = written(&folder, "more.tar", &more);
    for (name, tag) in [
        ("train/SUV/1.png", 1),
        ("train/van/2.png", 2),
        ("test/van/3.png", 3),
    ] {
        written(&folder, &format!("cars/{name}"), &png(tag));
    }
    let cars = folder.path().join("cars");
    let images = ImageFolder::scan_all(&[cars.clone(), more], AlikeClasses::Refuse).unwrap();
    assert_eq!(images.root(), folder.path());
    assert_eq!(images.class_names(), ["SUV", "bus", "van"]);
    let split = images.split(&as_given());
    let split = split.unwrap();
    let tags = |samples: &[Sample]| -> Vec<u8> {
        let seen = seen(samples, folder.path()).into_iter();
        seen.map(|(_, _, tag)| tag).collect()
    };
    assert_eq!(tags(&split.train), [1, 9, 2, 8]);
    assert_eq!(tags(&split.test), [3]);

    let twice = [cars.clone(), cars.clone()];
    let message = ImageFolder::scan_all(&twice, AlikeClasses::Refuse)
        .unwrap_err()
        .to_string();
    assert!(message.contains("is there twice"), "{message}");
    written(&folder, "other/suv/1.png", &png(1));
    written(&folder, "other/van/1.png", &png(1));
    let places = [cars, folder.path().join("other")];
    let error = ImageFolder::scan_all(&places, AlikeClasses::Refuse).unwrap_err();
    assert!(matches!(error, Error::AlikeClasses { .. }), "{error}");
    let images = ImageFolder::scan_all(&places, AlikeClasses::Merge).unwrap();
    assert_eq!(images.class_names(), ["SUV", "van"]);
    assert_eq!(images.class_counts(), [2, 3]);
    assert!(matches!(
        ImageFolder::scan_all(&[], AlikeClasses::Merge),
        Err(Error::NoSamples)
    ));
}

#[test]
fn classes_whose_names_hardly_differ_are_one_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "train/caf\u{e9}/1.png",
        "train/Cafe\u{301}/2.png",
        "train/van/3.png",
        "test/CAF\u{c9}/4.png",
    ];
    for (name, tag) in names.into_iter().zip(TAGS) {
        written(&folder, &format!("cars/{name}"), &png(tag));
    }
    let files: Vec<(&str, Vec<u8>)> = names.into_iter().zip(TAGS.map(png)).collect();
    let rows = names.map(|name| name.splitn(3, '/').collect::<Vec<_>>());
    let rows = rows
        .iter()
        .zip(names)
        .map(|(row, name)| format!("{name},{},{}", row[1], row[0]));
    let list = format!("path,label,split\n{}\n", rows.collect::<Vec<_>>().join("\n"));
    let cars = folder.path().join("cars");
    for place in [
        cars.clone(),
        written(&folder, "cars.tar", &tar(&files)),
        written(&folder, "cars/cars.csv", list.as_bytes()),
    ] {
        let places = [place];
        assert!(
            ImageFolder::scan_all(&places, AlikeClasses::Refuse).is_err(),
            "{places:?}"
        );
        let images = ImageFolder::scan_all(&places, AlikeClasses::Merge).unwrap();
        assert_eq!(images.class_names(), ["CAF\u{c9}", "van"], "{places:?}");
        assert_eq!(images.class_counts(), [3, 1]);
        images.split(&as_given()).unwrap();
    }
}

#[test]
fn an_archive_that_changes_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("a/1.png", png(1)), ("b/2.png", png(2))];
    let path = written(&folder, "cars.tar", &tar(&files));
    let sample = all(&ImageFolder::scan(&path).unwrap()).remove(0);
    assert!(sample.state().is_some());
    std::fs::write(&path, b"gone").unwrap();
    assert_eq!(sample.state(), None);
    assert!(matches!(sample.read(), Err(Error::Read { .. })));
    let elsewhere = Sample {
        path: path.join("c/3.png"),
        ..sample
    };
    assert!(matches!(elsewhere.read(), Err(Error::NoPhoto { .. })));
}

#[cfg(feature = "parquet")]
mod parquet {
    use super::*;

    fn golden(name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/archives");
        folder.join(name)
    }

    #[test]
    fn a_table_of_hugging_face_has_photos_and_names_of_classes() {
        let images = ImageFolder::scan(&golden("cars.parquet")).unwrap();
        assert_eq!(images.class_names(), ["Limousine", "SUV", "van"]);
        assert_eq!(images.class_counts(), [12; 3]);
        for sample in images.samples() {
            let name = sample.path.file_name().unwrap().to_str().unwrap();
            let (row, name) = name.split_once('-').unwrap();
            let row: usize = row.parse().unwrap();
            assert_eq!(name, format!("{row}.png"));
            // Class 0 is red and called SUV, 1 is green, 2 is blue.
            let pixel = sample.decode().unwrap().get_pixel(5, 5).0;
            let brightest = (0..3).max_by_key(|&channel| pixel[channel]).unwrap();
            assert_eq!(brightest, row % 3);
            assert_eq!(
                images.class_names()[sample.label],
                ["SUV", "Limousine", "van"][row % 3]
            );
            assert_eq!(sample.state().unwrap().bytes, sample.read().unwrap().len() as u64);
        }
    }

    #[test]
    fn other_words_and_compressions_say_the_same() {
        for name in ["written.parquet", "lz4.parquet"] {
            let images = ImageFolder::scan(&golden(name)).unwrap();
            let split = images.split(&as_given());
            let split = split.unwrap();
            assert_eq!((split.train.len(), split.test.len()), (3, 3), "{name}");
            let weights: Vec<f64> = images.samples().map(|sample| sample.weight).collect();
            assert_eq!(weights, [0.5, 1.0, 2.0, 1.0, 1.0, 1.0], "{name}");
            let mut groups: Vec<&str> = images.groups().values().map(String::as_str).collect();
            groups.sort_unstable();
            assert_eq!(groups, ["one", "one", "two", "two", "two"], "{name}");
            assert!(images.samples().all(|sample| sample.decode().is_ok()));
        }
    }

    #[test]
    fn what_is_wrong_in_a_table_is_named() {
        let cases = [
            (
                "unlabelled.parquet",
                "there is no column called label or class or class_name or category or target or cls; the columns are id, \
                 Image, split, group, weight, embedding",
            ),
            (
                "path_only.parquet",
                "row 1: the photo is not in the table, only its path: \"b.png\"",
            ),
            (
                "hidden_labels.parquet",
                "row 1: there is no class -1; there are 3",
            ),
        ];
        for (name, problem) in cases {
            let path = golden(name);
            let message = ImageFolder::scan(&path).unwrap_err().to_string();
            assert_eq!(message, format!("{}: {problem}", path.display()));
        }
        if cfg!(not(feature = "zstd")) {
            let error = ImageFolder::scan(&golden("zstd.parquet")).unwrap_err();
            assert!(
                matches!(error, Error::FeatureMissing { feature: "zstd", .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn damaged_tables_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let good = std::fs::read(golden("cars.parquet")).unwrap();
        for length in (0..good.len()).step_by(97) {
            let path = written(&folder, "cut.parquet", &good[..length]);
            assert!(ImageFolder::scan(&path).is_err(), "{length}");
        }
        // What a changed byte makes of it is not known, but it is no end of the program.
        for place in (0..good.len()).step_by(211) {
            let mut bad = good.clone();
            bad[place] ^= 0x5a;
            let path = written(&folder, "bad.parquet", &bad);
            let _ = ImageFolder::scan(&path);
        }
    }
}
