//! `evaluate_scores`, and what `compare` makes of its folders.

use marque::weights::{StateDict, Tensor};
use serde_json::Value;

use crate::common::{example, run};

#[test]
fn predictions_of_other_programs_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    ndarray_npy::write_npy(
        path("p.npy"),
        &ndarray::array![[0.75f32, 0.25], [0.25, 0.75], [1.0, 0.0]],
    )
    .unwrap();
    ndarray_npy::write_npy(path("y.npy"), &ndarray::array![0i32, 1, 1]).unwrap();
    std::fs::write(path("p.csv"), "car, van\n0.75,0.25\n0.25,0.75\n1,0\n").unwrap();
    std::fs::write(path("y.csv"), "label\n0\n1\n1\n").unwrap();
    let evaluate = |scores: &str, labels: &str| {
        let mut command = example("evaluate_scores");
        command
            .arg("--scores")
            .arg(path(scores))
            .arg("--labels")
            .arg(path(labels));
        run(command.arg("--json").arg(path("m.json")))
    };
    let read = || -> Value { serde_json::from_slice(&std::fs::read(path("m.json")).unwrap()).unwrap() };
    let (code, _, log) = evaluate("p.npy", "y.npy");
    assert_eq!(code, Some(0), "{log}");
    let mut from_npy = read();
    assert_eq!(from_npy["confusion"], serde_json::json!([[1, 0], [1, 1]]));
    let (code, printed, log) = evaluate("p.csv", "y.csv");
    assert_eq!(code, Some(0), "{log}");
    assert!(
        printed.contains("van       1.00      0.50      0.67         2"),
        "{printed}"
    );
    for (class, name) in ["car", "van"].into_iter().enumerate() {
        from_npy["per_class"][class]["name"] = name.into();
    }
    assert_eq!(read(), from_npy);

    // A whole run folder, which can be compared with another one.
    std::fs::write(path("photos.txt"), "a.jpg\nb.jpg\nc.jpg\n").unwrap();
    let written = |scores: &str, out: &str, title: &str| {
        let mut command = example("evaluate_scores");
        command
            .arg("--scores")
            .arg(path(scores))
            .arg("--labels")
            .arg(path("y.csv"));
        command
            .arg("--out")
            .arg(path(out))
            .args(["--title", title, "--paths"]);
        run(command.arg(path("photos.txt")))
    };
    std::fs::write(path("q.csv"), "car, van\n0.25,0.75\n0.25,0.75\n0,1\n").unwrap();
    for (scores, out, title) in [("p.csv", "first", "A net"), ("q.csv", "second", "Another")] {
        let (code, printed, log) = written(scores, out, title);
        assert_eq!(code, Some(0), "{log}");
        assert!(printed.contains("report.html"), "{printed}");
        let page = std::fs::read_to_string(path(out).join("report.html")).unwrap();
        assert!(page.contains(title) && page.contains("van"));
    }
    let roc = std::fs::read_to_string(path("first").join("roc.csv")).unwrap();
    assert!(
        roc.starts_with("curve,threshold,false_positive_rate,true_positive_rate\ncar,inf,0,0\n"),
        "{roc}"
    );
    let mut compare = example("compare");
    compare
        .arg("--out")
        .arg(path("compared"))
        .arg(path("first"))
        .arg(path("second"));
    let (code, printed, log) = run(&mut compare);
    assert_eq!(code, Some(0), "{log}");
    assert!(printed.contains("A net: 66.67 % of 3 photos"), "{printed}");
    let compared: Value =
        serde_json::from_slice(&std::fs::read(path("compared").join("compare.json")).unwrap()).unwrap();
    assert_eq!(
        compared["pairs"][0]["only_second_right"],
        serde_json::json!(["c.jpg"])
    );

    for (name, content) in [
        ("ragged.csv", "1,0\n1\n"),
        ("negative.csv", "-1\n0\n1\n"),
        ("gap.csv", "0\n\n1\n1\n"),
        ("two.csv", "0\n1\n"),
        ("twice.csv", "car,car\n0.75,0.25\n0.25,0.75\n1,0\n"),
    ] {
        std::fs::write(path(name), content).unwrap();
    }
    std::fs::remove_file(path("m.json")).unwrap();
    for (scores, labels, message) in [
        ("ragged.csv", "y.csv", "line 2: expected 2 fields, found 1"),
        ("p.csv", "negative.csv", "the label of sample 0 is -1"),
        ("p.csv", "gap.csv", "line 2 is empty"),
        (
            "p.csv",
            "two.csv",
            "expected 2 rows of probabilities, one for each label, found 3",
        ),
        ("twice.csv", "y.csv", "\"car\" occurs more than once"),
        ("y.npy", "y.npy", "are these the labels?"),
        ("p.npy", "p.npy", "the label of sample 0 is 0.75"),
        ("p.npy", "p.csv", "expected the columns 0,1, found car, van"),
        ("p.npy", "no.npy", "cannot read"),
        ("no.npy", "y.npy", "cannot read"),
        ("no.csv", "y.npy", "cannot read"),
    ] {
        let (code, _, log) = evaluate(scores, labels);
        assert_eq!(code, Some(1), "{scores} {labels}");
        assert!(log.contains(message), "{log}");
        assert!(!path("m.json").exists(), "{scores} {labels}");
    }
}

#[test]
fn predictions_are_read_however_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rows = ndarray::array![[0.75f32, 0.25], [0.25, 0.75], [1.0, 0.0]];
    let mut by_columns = ndarray::Array2::zeros(ndarray::ShapeBuilder::f((3, 2)));
    by_columns.assign(&rows);
    ndarray_npy::write_npy(path("p.npy"), &rows).unwrap();
    ndarray_npy::write_npy(path("columns.npy"), &by_columns).unwrap();
    ndarray_npy::write_npy(path("sigmoid.npy"), &ndarray::array![[0.25f64], [0.75], [0.0]]).unwrap();
    ndarray_npy::write_npy(path("y.npy"), &ndarray::array![[0u16], [1], [1]]).unwrap();
    ndarray_npy::write_npy(path("flags.npy"), &ndarray::array![false, true, true]).unwrap();
    let mut arrays = StateDict::default();
    arrays.insert(
        "arr_0",
        Tensor::from_f32(&[3, 2], rows.as_slice().unwrap()).unwrap(),
    );
    arrays.write_npz(&path("one.npz")).unwrap();
    // 0.75, 0.25, 0.25, 0.75, 1 and 0 in half precision, the higher byte first.
    let halves = [0x3a, 0, 0x34, 0, 0x34, 0, 0x3a, 0, 0x3c, 0, 0, 0];
    let header = "{'descr': '>f2', 'fortran_order': False, 'shape': (3, 2), }\n";
    let start = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..]].concat();
    std::fs::write(
        path("half.npy"),
        [&start[..], header.as_bytes(), &halves].concat(),
    )
    .unwrap();
    for (name, text) in [
        ("mark.csv", "\u{feff}0.75,0.25\r\n0.25,0.75\r\n1,0\r\n"),
        ("german.txt", "\u{feff}0,75;0,25\n0,25;0,75\n1;0"),
        ("savetxt", "7.5e-01 2.5e-01\n2.5e-01 7.5e-01\n1.0e+00 0.0e+00\n"),
        ("pandas.csv", ",0,1\n0,0.75,0.25\n1,0.25,0.75\n2,1.0,0.0\n"),
        ("y.csv", "\u{feff}0\r\n1\r\n1"),
        ("onehot.csv", "1;0\n0;1\n0;1\n"),
        ("names.csv", "label\nvan\nMini Cooper\nMini Cooper\n"),
        ("names.txt", "\u{feff}van\r\nMini Cooper\r\n\r\n"),
    ] {
        std::fs::write(path(name), text).unwrap();
    }
    let scores = [
        "p.npy",
        "one.npz",
        "columns.npy",
        "sigmoid.npy",
        "half.npy",
        "mark.csv",
        "german.txt",
        "savetxt",
        "pandas.csv",
    ];
    let labels = ["y.npy", "flags.npy", "y.csv", "onehot.csv", "names.csv"];
    let mut expected = None;
    for (scores, labels) in scores
        .iter()
        .flat_map(|scores| labels.map(|labels| (scores, labels)))
    {
        let mut command = example("evaluate_scores");
        command
            .arg("--scores")
            .arg(path(scores))
            .arg("--labels")
            .arg(path(labels));
        command
            .arg("--classes")
            .arg(path("names.txt"))
            .arg("--json")
            .arg(path("m.json"));
        let (code, _, log) = run(&mut command);
        assert_eq!(code, Some(0), "{scores} {labels}: {log}");
        let found: Value = serde_json::from_slice(&std::fs::read(path("m.json")).unwrap()).unwrap();
        assert_eq!(found["confusion"], serde_json::json!([[1, 0], [1, 1]]));
        assert_eq!(found["per_class"][1]["name"], "Mini Cooper");
        // Log losses of f32 probabilities, which were made f64 here, are the same.
        assert_eq!(*expected.get_or_insert(found.clone()), found, "{scores} {labels}");
    }
}
