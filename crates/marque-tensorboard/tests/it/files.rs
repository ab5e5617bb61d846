//! The bytes of event files, and what cannot be written.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use marque_tensorboard::{Error, EventWriter, HyperParameter};

use crate::reader::{Value, events, fields, inner};
use crate::{PNG, write_sample};

#[test]
fn a_file_begins_with_its_version_and_holds_each_event_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let before = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    let mut writer = EventWriter::create(&folder.path().join("a/b")).unwrap();
    let written = events(writer.path());
    let [first] = &written[..] else {
        panic!("{written:?}")
    };
    let [(1, Value::Double(time)), (2, Value::Varint(0)), (3, version)] = &fields(first)[..] else {
        panic!("{first:?}")
    };
    assert_eq!(*version, Value::Bytes(b"brain.Event:2"));
    assert!((before..before + 60.0).contains(time), "{time}");

    writer.scalar("train/loss", 300, 0.25).unwrap();
    let written = events(writer.path());
    assert_eq!(fields(&written[1])[1], (2, Value::Varint(300)));
    assert_eq!(
        fields(inner(&written[1], &[5, 1])),
        [(1, Value::Bytes(b"train/loss")), (2, Value::Float(0.25))]
    );
    writer.session_start(7).unwrap();
    let written = events(writer.path());
    assert_eq!(written.len(), 4);
    for start in &written[2..] {
        assert_eq!(fields(start)[1], (2, Value::Varint(7)));
        assert_eq!(fields(inner(start, &[7])), [(1, Value::Varint(1))]);
    }
}

#[test]
fn each_kind_of_event_is_one_record() {
    let folder = tempfile::tempdir().unwrap();
    write_sample(folder.path());
    let path = fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let written = events(&path);
    assert_eq!(written.len(), 15);
    let image = written.iter().find(|event| event.ends_with(PNG)).unwrap();
    assert_eq!(
        fields(inner(image, &[5, 1, 4])),
        [
            (1, Value::Varint(2)),
            (2, Value::Varint(3)),
            (3, Value::Varint(3)),
            (4, Value::Bytes(PNG))
        ]
    );
}

#[test]
fn a_later_file_comes_after_the_earlier_ones_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("events.out.tfevents.4000000000.elsewhere.1.0"),
        "",
    )
    .unwrap();
    let names: Vec<String> = (0..11)
        .map(|_| {
            let writer = EventWriter::create(folder.path()).unwrap();
            writer.path().file_name().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    let parts: Vec<&str> = names[0].split('.').collect();
    assert_eq!(parts[..4], ["events", "out", "tfevents", "4000000001"]);
    assert!(
        names[0].ends_with(&format!(".{}.0", std::process::id())),
        "{names:?}"
    );
}

#[test]
fn what_makes_no_sense_is_an_error_and_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::create(folder.path()).unwrap();
    let twice = [
        ("a", HyperParameter::Number(1.0)),
        ("a", HyperParameter::Boolean(true)),
    ];
    let infinite = [("fit.decay", HyperParameter::Number(f64::INFINITY))];
    let errors = [
        (
            writer.scalar(" ", 0, 1.0),
            "a value has no name: expected more than spaces",
        ),
        (
            writer.scalar("a", u64::MAX, 1.0),
            "step 18446744073709551615 is too large: expected at most 9223372036854775807",
        ),
        (
            writer.image("a", 0, &[]),
            "the image \"a\" is no PNG with a size, but 0 bytes of something else",
        ),
        (
            writer.hyper_parameters(&twice, &[]),
            "the name \"a\" occurs more than once in one list",
        ),
        (
            writer.hyper_parameters(&infinite, &[]),
            "the hyper-parameter \"fit.decay\" is inf: expected a finite number",
        ),
        (
            writer.hyper_parameters(&[], &[""]),
            "a metric has no name: expected more than spaces",
        ),
        (
            writer.graph(&[]),
            "expected a graph with at least one node, found none",
        ),
    ];
    for (result, expected) in errors {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
    assert_eq!(events(writer.path()).len(), 1);
}

#[test]
fn a_file_in_the_place_of_the_folder_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "").unwrap();
    match EventWriter::create(&taken) {
        Err(Error::Folder { path, .. }) => assert_eq!(path, taken),
        other => panic!("{other:?}"),
    }
}
