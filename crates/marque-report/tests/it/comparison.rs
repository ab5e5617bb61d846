//! Several runs side by side, and the folders they are read from.

use std::error::Error as _;
use std::fs;
use std::path::Path;

use crate::common::{car_classes, history, run};
use marque_metrics::{McNemar, Predictions};
use marque_report::{
    Comparison, Cost, Error, FinishedRun, RunDetails, read_run, write_comparison, write_run,
};
use ndarray::Array2;
use serde_json::Value;

const HOSTILE: &str = "<script>alert('x')</script>\"&,|\u{0}";

/// Predictions for four photos per class, of which those in `wrong` are given the class after the true one.
fn predictions(class_names: &[String], wrong: &[usize]) -> Predictions {
    let (classes, samples) = (class_names.len(), 4 * class_names.len());
    let labels: Vec<usize> = (0..samples).map(|sample| sample % classes).collect();
    let probabilities = Array2::from_shape_fn((samples, classes), |(sample, class)| {
        let given = (labels[sample] + usize::from(wrong.contains(&sample))) % classes;
        if class == given {
            0.7
        } else {
            0.3 / (classes as f32 - 1.0)
        }
    });
    Predictions {
        class_names: class_names.to_vec(),
        paths: (0..samples).map(|sample| format!("test/{sample}.png")).collect(),
        labels,
        probabilities,
    }
}

fn finished(title: &str, predictions: Predictions, epochs: u32) -> FinishedRun {
    FinishedRun {
        details: RunDetails {
            title: title.to_owned(),
            ..RunDetails::default()
        },
        history: history(epochs),
        metrics: predictions.metrics().unwrap(),
        predictions,
    }
}

fn two_runs() -> Vec<FinishedRun> {
    let classes = car_classes();
    vec![
        finished("First", predictions(&classes, &[0, 1, 2, 9]), 5),
        finished("Second", predictions(&classes, &[2, 3]), 2),
    ]
}

/// A value as it is read from JSON: the reader's last digit may differ from what was written.
fn as_read(value: &impl serde::Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

struct Written {
    folder: tempfile::TempDir,
    html: String,
    csv: String,
    json: Value,
}

fn write(runs: Vec<FinishedRun>, photo_root: Option<&Path>) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let comparison = Comparison {
        runs,
        photos: photo_root.map(Into::into),
    };
    let files = write_comparison(folder.path(), &comparison).unwrap();
    for chart in &files.charts {
        assert!(chart.is_file(), "{}", chart.display());
    }
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    Written {
        html: text(&files.compare_html),
        csv: text(&files.compare_csv),
        json: serde_json::from_str(&text(&files.compare_json)).unwrap(),
        folder,
    }
}

#[test]
fn the_numbers_are_those_of_the_runs() {
    let mut runs = two_runs();
    runs[1].details.cost = Some(Cost {
        parameters: 21_284_672,
        multiply_adds: 3_664_000_000,
        latency_seconds: Some(0.0415),
    });
    let written = write(runs.clone(), None);
    let lines: Vec<Vec<&str>> = written
        .csv
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(lines.len(), 3);
    for (index, run) in runs.iter().enumerate() {
        let cell = |name: &str| {
            let column = lines[0].iter().position(|column| *column == name).unwrap();
            lines[index + 1][column]
        };
        let number = |name| cell(name).parse::<f64>().unwrap();
        let (metrics, average) = (&run.metrics, run.metrics.macro_average);
        assert_eq!(cell("run"), run.details.title);
        assert_eq!(number("photos"), 28.0);
        for (name, expected) in [
            ("accuracy", metrics.accuracy),
            ("balanced_accuracy", metrics.balanced_accuracy),
            ("macro_precision", average.precision),
            ("macro_recall", average.recall),
            ("macro_f1", average.f1),
            ("macro_auc", metrics.auc.macro_ovr.unwrap()),
            ("log_loss", metrics.log_loss),
        ] {
            assert_eq!(number(name), expected, "{name}");
        }
        let interval = run.predictions.accuracy_interval(2000, 0.95, 0).unwrap().unwrap();
        assert_eq!(
            (number("accuracy_low"), number("accuracy_high")),
            (interval.lower, interval.upper)
        );
        let seconds: f64 = run.history.epochs.iter().map(|epoch| epoch.seconds).sum();
        assert_eq!(number("training_seconds"), seconds);
        assert_eq!(cell("parameters"), ["", "21284672"][index]);
        assert_eq!(cell("multiply_adds"), ["", "3664000000"][index]);
        assert_eq!(cell("latency_seconds"), ["", "0.0415"][index]);
        assert_eq!(written.json["runs"][index]["metrics"], as_read(metrics));
        assert!(written.html.contains(&format!("data-value=\"{}\"", average.f1)));
    }
    // 24 and 26 of 28.
    assert!(
        written
            .html
            .contains("Second has the highest test accuracy, 92.9 %."),
        "{}",
        written.html
    );
    assert!(written.html.contains(">85.7 %<") && written.html.contains(">41.5 ms<"));
    assert!(written.html.contains("Accuracy against multiply-adds"));
    assert!(written.html.contains(">Confusions of Second</text>"));
    assert!(written.folder.path().join("compare-parameters.png").is_file());
    assert!(written.folder.path().join("compare-confusion-2.svg").is_file());
}

#[test]
fn runs_without_a_cost_have_no_chart_of_it() {
    let written = write(two_runs(), None);
    assert!(!written.folder.path().join("compare-parameters.svg").exists());
    assert!(!written.html.contains("Accuracy against"));
}

#[test]
fn pairs_are_compared_photo_by_photo_in_any_order() {
    let mut runs = two_runs();
    // The same answers, the last photo first.
    let second = &mut runs[1].predictions;
    second.paths.reverse();
    second.labels.reverse();
    second.probabilities.invert_axis(ndarray::Axis(0));
    let written = write(runs, None);
    let pair = &written.json["pairs"][0];
    assert_eq!(pair["only_first_right"], serde_json::json!(["test/3.png"]));
    let expected = serde_json::json!(["test/0.png", "test/1.png", "test/9.png"]);
    assert_eq!(pair["only_second_right"], expected);
    let right = |wrong: &[usize]| (0..28).map(|sample| !wrong.contains(&sample)).collect::<Vec<_>>();
    let test = McNemar::of(&right(&[0, 1, 2, 9]), &right(&[2, 3])).unwrap();
    assert_eq!(pair["mcnemar"], as_read(&test));
    // Twice the chance of at most one head in four throws: 2 · 5 / 16, up to rounding.
    assert!((test.p_value - 0.625).abs() < 1e-12, "{}", test.p_value);
    assert!(
        written.html.contains(
            "<td class=\"number\">1</td><td class=\"number\">3</td><td class=\"number\">0.625</td>"
        )
    );
    assert!(written.html.contains("tested on the same 28 photos"));
}

#[test]
fn of_three_runs_only_those_on_the_same_photos_are_paired() {
    let mut runs = two_runs();
    let mut other = predictions(&car_classes(), &[]);
    other.paths[5] = "elsewhere/5.png".to_owned();
    runs.push(finished("Third", other, 0));
    let written = write(runs, None);
    let pairs = written.json["pairs"].as_array().unwrap();
    let same: Vec<_> = pairs
        .iter()
        .map(|pair| {
            (
                pair["first"].as_str().unwrap(),
                pair["second"].as_str().unwrap(),
                pair["same_photos"] == true,
            )
        })
        .collect();
    assert_eq!(
        same,
        [
            ("First", "Second", true),
            ("First", "Third", false),
            ("Second", "Third", false)
        ]
    );
    assert!(pairs[1]["mcnemar"].is_null() && pairs[1]["only_first_right"].as_array().unwrap().is_empty());
    assert_eq!(written.html.matches("tested on different photos").count(), 2);
    assert!(
        written
            .html
            .contains("Not all runs were tested on the same photos")
    );
    assert!(
        written.json["runs"][2]["training_seconds"].is_null(),
        "there was no epoch"
    );
}

#[test]
fn the_same_path_with_another_true_class_is_another_photo() {
    let mut runs = two_runs();
    let second = &mut runs[1].predictions;
    second.labels[7] = 3;
    runs[1].metrics = runs[1].predictions.metrics().unwrap();
    assert_eq!(write(runs, None).json["pairs"][0]["same_photos"], false);
}

#[test]
fn photos_of_disagreements_are_shown_and_missing_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("test")).unwrap();
    for sample in [0, 3] {
        let photo = image::RgbImage::from_pixel(40, 20, image::Rgb([200, 30, 30]));
        photo
            .save(folder.path().join(format!("test/{sample}.png")))
            .unwrap();
    }
    let html = write(two_runs(), Some(folder.path())).html;
    assert!(html.contains("First is right, Second is not: 1 photo<"));
    assert!(html.contains("Second is right, First is not: 3 photos<"));
    assert_eq!(html.matches("src=\"data:image/jpeg;base64,").count(), 2);
    assert!(html.contains("alt=\"Convertible, taken for Coupe\""));
    assert!(html.contains("test/9.png cannot be shown"));
}

#[test]
fn names_from_outside_are_escaped_and_equal_titles_told_apart() {
    let classes: Vec<String> = (0..3).map(|index| format!("{HOSTILE}{index}")).collect();
    let runs = (0..3)
        .map(|wrong| finished(HOSTILE, predictions(&classes, &[wrong]), 2))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let written = write(runs, Some(folder.path()));
    assert_eq!(written.html.matches("<script").count(), 1, "only the page's own");
    assert!(!written.html.contains("alert('x')"));
    let names: Vec<_> = (0..3)
        .map(|index| written.json["runs"][index]["name"].clone())
        .collect();
    assert_eq!(
        names,
        [
            HOSTILE.to_owned(),
            format!("{HOSTILE} (2)"),
            format!("{HOSTILE} (3)")
        ]
    );
    assert_eq!(written.csv.lines().count(), 4);
    assert!(
        written
            .csv
            .contains("\"<script>alert('x')</script>\"\"&,|\u{0} (3)\",")
    );
    for source in ["src=\"http", "href=\"http", "url(http", "<link"] {
        assert!(!written.html.contains(source), "{source}");
    }
}

#[test]
fn runs_of_one_class_can_be_compared_though_they_have_no_curve() {
    let one = ["Van".to_owned()];
    let only = Predictions {
        class_names: one.to_vec(),
        paths: vec!["a".to_owned()],
        labels: vec![0],
        probabilities: Array2::ones((1, 1)),
    };
    let runs = vec![finished("A", only.clone(), 0), finished("B", only, 0)];
    let written = write(runs, None);
    assert!(written.html.contains("2 runs have the highest test accuracy"));
    assert!(written.html.contains("no values to draw"));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let compare = |runs| {
        let comparison = Comparison { runs, photos: None };
        write_comparison(folder.path(), &comparison).unwrap_err()
    };
    assert!(matches!(
        compare(two_runs()[..1].to_vec()),
        Error::TooFewRuns { found: 1 }
    ));
    assert!(matches!(compare(Vec::new()), Error::TooFewRuns { found: 0 }));
    let mut renamed = car_classes();
    renamed[4] = "Wagon".to_owned();
    for (classes, expected) in [
        (renamed, "class 4 is \"Wagon\", expected \"SUV\""),
        (car_classes()[..6].to_vec(), "class 6 is absent, expected \"Van\""),
    ] {
        let runs = vec![
            two_runs().remove(0),
            finished("Other", predictions(&classes, &[]), 1),
        ];
        let message = compare(runs).to_string();
        assert!(
            message.ends_with(expected) && message.contains("\"Other\""),
            "{message}"
        );
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing was written"
    );
}

#[test]
fn a_folder_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("resnet18");
    let mut written = run(car_classes(), 30, history(3));
    written.cost = Some(Cost {
        parameters: 11,
        multiply_adds: 22,
        latency_seconds: None,
    });
    write_run(&home, &written).unwrap();
    let read = read_run(&home).unwrap();
    assert_eq!(read.details.title, "ResNet-18 from scratch");
    assert_eq!(
        (read.details.cost, &read.details.facts),
        (written.cost, &written.facts)
    );
    assert_eq!(
        (&read.predictions, &read.history),
        (&written.predictions, &written.history)
    );
    assert_eq!(read.metrics, written.metrics);

    // Older versions wrote no run.json.
    fs::remove_file(home.join("run.json")).unwrap();
    let old = read_run(&home).unwrap().details;
    assert_eq!(
        old,
        RunDetails {
            title: "resnet18".to_owned(),
            ..RunDetails::default()
        }
    );
}

#[test]
fn bad_folders_name_the_file_at_fault() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &run(car_classes(), 30, history(3))).unwrap();
    for (name, content) in [
        ("run.json", "{\"title\": 7}"),
        ("run.json", ""),
        ("history.csv", "epoch,mood\n1,good\n"),
        ("predictions.csv", "path,true\n"),
        ("predictions.csv", "path,true,predicted,confidence,Van\n"),
    ] {
        let (path, spare) = (folder.path().join(name), folder.path().join("spare"));
        fs::rename(&path, &spare).unwrap();
        fs::write(&path, content).unwrap();
        let error = read_run(folder.path()).unwrap_err();
        assert!(
            error.to_string().contains(name) && error.source().is_some(),
            "{name}: {error}"
        );
        fs::remove_file(&path).unwrap();
        if name != "run.json" {
            let error = read_run(folder.path()).unwrap_err();
            assert!(
                matches!(&error, Error::Read { path: at, .. } if *at == path),
                "{error}"
            );
            fs::create_dir(&path).unwrap();
            assert!(matches!(read_run(folder.path()).unwrap_err(), Error::Read { .. }));
            fs::remove_dir(&path).unwrap();
        }
        fs::rename(&spare, &path).unwrap();
    }
    assert!(
        read_run(&folder.path().join("nowhere"))
            .unwrap_err()
            .to_string()
            .contains("nowhere")
    );
}
