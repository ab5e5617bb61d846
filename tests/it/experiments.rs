//! The examples that repeat experiments of papers, as a user starts them: their files, tables and numbers.

#![cfg(all(feature = "report", feature = "train"))]

use crate::common::example;
use marque::weights::{StateDict, Tensor};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a run that succeeds prints.
fn printed(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let log = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{command:?}\n{log}");
    String::from_utf8(stdout).unwrap()
}

/// What a run that fails says.
fn complaint(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    let log = String::from_utf8(stderr).unwrap();
    assert!(matches!(status.code(), Some(1 | 2)), "{command:?}\n{log}");
    assert!(!log.contains("panicked"), "{log}");
    log
}

/// Photos of synthetic cars: four of each class to train on, one of each to test on.
fn cars(folder: &Path) -> PathBuf {
    let cars = folder.join("cars");
    let mut command = example("synthetic_cars");
    command.arg("--out").arg(&cars);
    command.args(["--train-per-class", "4", "--test-per-class", "1"]);
    printed(command.args(["--width", "40", "--height", "32"]));
    cars
}

/// The cells of a CSV file without quotes, its header first.
fn table(file: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    text.lines().map(cells).collect()
}

fn number(cell: &str) -> f64 {
    let number: f64 = cell.parse().unwrap_or_else(|_| panic!("{cell:?} is no number"));
    assert!(number.is_finite(), "{cell}");
    number
}

/// The numbers under a column.
fn column(table: &[Vec<String>], name: &str) -> Vec<f64> {
    let position = table[0].iter().position(|column| column == name).expect(name);
    table[1..].iter().map(|row| number(&row[position])).collect()
}

fn first_cells(table: &[Vec<String>]) -> Vec<&str> {
    table.iter().map(|row| row[0].as_str()).collect()
}

fn assert_chart(folder: &Path, name: &str) {
    let svg = std::fs::read_to_string(folder.join(format!("{name}.svg"))).unwrap();
    assert!(
        svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"),
        "{name}"
    );
    let png = std::fs::read(folder.join(format!("{name}.png"))).unwrap();
    assert!(png.starts_with(b"\x89PNG"), "{name}");
}

/// What a row of results says of a training is what the last epoch of its history says, rounded to three digits.
fn assert_row(results: &[Vec<String>], row: usize, history: &[Vec<String>]) {
    let last = |name: &str| *column(history, name).last().unwrap();
    let error = column(results, "training error")[row];
    assert!((0.0..=1.0).contains(&error), "{error}");
    assert!(
        (error - (1.0 - last("train_accuracy"))).abs() <= 5e-4 + 1e-9,
        "{error}"
    );
    let loss = column(results, "training loss")[row];
    assert!(
        loss > 0.0 && (loss - last("train_loss")).abs() <= 5e-4 + 1e-9,
        "{loss}"
    );
}

#[test]
fn gradients_vanish_in_plain_chains_and_not_beside_shortcuts() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = example("gradient_flow");
    command.args([
        "--depth",
        "8",
        "--width",
        "8",
        "--image-size",
        "16",
        "--batch-size",
        "8",
    ]);
    let said = printed(command.arg("--out").arg(&out));
    assert_eq!(said.lines().count(), 10, "{said}");
    assert_chart(&out, "gradient_flow");
    assert_chart(&out, "products");

    let sizes = table(&out.join("gradient_flow.csv"));
    assert_eq!((sizes.len(), sizes[0].len()), (9, 9));
    let fall = |name: &str| {
        let sizes = column(&sizes, name);
        assert!(sizes.iter().all(|size| *size > 0.0), "{name}: {sizes:?}");
        sizes[1] / sizes[7]
    };
    // The first layer has three channels only: the second is compared with the last.
    assert!(fall("plain; sigmoid") < 1e-2, "{}", fall("plain; sigmoid"));
    assert!(fall("plain; sigmoid") < fall("plain; ReLU"));
    assert!(fall("residual; sigmoid") > 10.0 * fall("plain; sigmoid"));
    assert!(fall("residual; ReLU; batch norm") > 0.1);

    let products = table(&out.join("products.csv"));
    assert_eq!(products.len(), 16);
    assert_eq!(products[3], ["3", "0.216000", "4.096"]);
    assert_eq!(products[15], ["15", "0.000470", "1152.922"]);
}

#[test]
fn four_networks_are_trained_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (cars(folder.path()), folder.path().join("run"));
    let mut command = example("degradation");
    command.arg("--data").arg(&data).arg("--out").arg(&out);
    let said = printed(command.args(["--image-size", "32", "--epochs", "1", "--batch-size", "8"]));
    let names = ["plain18", "plain34", "resnet18", "resnet34"];
    let results = table(&out.join("degradation.csv"));
    assert_eq!(first_cells(&results)[1..], names);
    assert_eq!(said.lines().count(), 6, "{said}");
    // Of seven classes: torchvision's networks with 512×7 + 7 numbers in the head, and without the 173,824 of projections.
    let parameters = [11_006_279.0, 21_114_439.0, 11_180_103.0, 21_288_263.0];
    assert_eq!(column(&results, "parameters"), parameters);
    assert_chart(&out, "degradation");
    let chart = std::fs::read_to_string(out.join("degradation.svg")).unwrap();
    for (row, name) in names.into_iter().enumerate() {
        let history = table(&out.join(format!("{name}.csv")));
        assert_eq!(column(&history, "epoch"), [1.0]);
        assert_row(&results, row, &history);
        assert!(chart.contains(name), "{name}");
        let model = StateDict::read(&out.join(format!("{name}.safetensors"))).unwrap();
        let trained = |(name, _): &(&str, &Tensor)| !name.contains("running_");
        let numbers = model.iter().filter(trained).map(|(_, tensor)| tensor.len());
        assert_eq!(numbers.sum::<usize>() as f64, parameters[row], "{name}");
    }
    surfaces_of_models(&data, &out);
}

/// The models of the trainings above, on a grid of 5 × 5 points.
fn surfaces_of_models(data: &Path, models: &Path) {
    let out = models.join("landscape");
    let mut command = example("loss_landscape");
    command.arg("--data").arg(data).arg("--out").arg(&out);
    for name in ["plain18", "resnet18"] {
        command
            .arg("--model")
            .arg(models.join(format!("{name}.safetensors")));
    }
    printed(command.args([
        "--points",
        "5",
        "--image-size",
        "32",
        "--photos",
        "6",
        "--reach",
        "0.5",
    ]));
    let summary = table(&out.join("loss_landscape.csv"));
    assert_eq!(first_cells(&summary)[1..], ["plain18", "resnet18"]);
    for name in ["plain18", "resnet18"] {
        assert_chart(&out, &format!("{name}-contour"));
        assert_chart(&out, &format!("{name}-surface"));
        let points = table(&out.join(format!("{name}.csv")));
        assert_eq!(points.len(), 26);
        assert_eq!(points[13][..2], ["0", "0"], "the middle");
        assert!(column(&points, "loss").iter().all(|loss| *loss > 0.0));
        // Shares of six photos.
        for share in column(&points, "accuracy") {
            let photos = 6.0 * share;
            assert!(
                (0.0..=1.0).contains(&share) && (photos - photos.round()).abs() < 0.01,
                "{share}"
            );
        }
        assert_eq!(column(&points, "alpha")[..5], [-0.5, -0.25, 0.0, 0.25, 0.5]);
    }
    let mut foreign = example("loss_landscape");
    foreign.arg("--data").arg(data).arg("--out").arg(&out);
    let said = complaint(foreign.arg("--model").arg(data.join("no such model")));
    assert!(said.contains("no such model"), "{said}");
}

#[test]
fn three_shortcuts_cost_what_they_cost() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (cars(folder.path()), folder.path().join("run"));
    let mut command = example("shortcut_options");
    command
        .arg("--data")
        .arg(&data)
        .arg("--out")
        .arg(&out)
        .args(["--arch-depth", "18"]);
    printed(command.args(["--image-size", "32", "--epochs", "1", "--batch-size", "8"]));
    let results = table(&out.join("shortcut_options.csv"));
    assert_eq!(first_cells(&results)[1..], ["A", "B", "C"]);
    // A has no projections, B 173,824 numbers of them, C has 354,304 more for the other five blocks.
    assert_eq!(
        column(&results, "parameters"),
        [11_006_279.0, 11_180_103.0, 11_534_407.0]
    );
    for error in column(&results, "test error") {
        // A share of seven photos, with three digits.
        let photos = 7.0 * error;
        assert!(
            (0.0..=1.0).contains(&error) && (photos - photos.round()).abs() < 7.0 * 5e-4,
            "{error}"
        );
    }
    assert_chart(&out, "shortcut_options");
    for (row, option) in ["A", "B", "C"].into_iter().enumerate() {
        let history = table(&out.join(format!("{option}.csv")));
        assert_eq!(history.len(), 2);
        assert_row(&results, row, &history);
    }
}

#[test]
fn a_landscape_trains_what_it_is_not_given() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (cars(folder.path()), folder.path().join("run"));
    let mut command = example("loss_landscape");
    command.arg("--data").arg(&data).arg("--out").arg(&out);
    command.args(["--arch", "resnet18", "--epochs", "1", "--image-size", "32"]);
    printed(command.args(["--points", "3", "--photos", "4"]));
    let points = table(&out.join("resnet18.csv"));
    assert_eq!(points.len(), 10);
    // Around a trained network the loss differs from point to point.
    let losses = column(&points, "loss");
    assert!(losses.iter().all(|loss| *loss > 0.0), "{losses:?}");
    assert!(
        losses.iter().any(|loss| (loss - losses[4]).abs() > 1e-3),
        "{losses:?}"
    );
    assert_chart(&out, "resnet18-surface");
}

#[test]
fn initial_weights_are_a_function_of_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let written = |seed: &str| {
        let out = folder.path().join(format!("{seed}.safetensors"));
        let mut command = example("initial_weights");
        command.args(["--arch", "resnet18", "--classes", "7", "--seed", seed]);
        let said = printed(command.arg("--out").arg(&out));
        assert!(
            said.starts_with("102 tensors with 11180103 trained numbers"),
            "{said}"
        );
        std::fs::read(out).unwrap()
    };
    let first = written("1");
    assert!(first == written("1"), "the same bytes");
    assert!(first != written("2"), "other bytes");
}

#[test]
fn what_cannot_be_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, out) = (folder.path().join("empty"), folder.path().join("run"));
    std::fs::create_dir(&empty).unwrap();
    for name in ["degradation", "shortcut_options", "loss_landscape"] {
        let said = complaint(example(name).arg("--data").arg(&empty).arg("--out").arg(&out));
        assert!(said.contains("empty"), "{said}");
        let mut unknown = example(name);
        unknown.arg("--data").arg(&empty).arg("--out").arg(&out);
        let said = complaint(unknown.args(["--recipe", "fast"]));
        assert!(said.contains("subject, scratch, quick"), "{said}");
    }
    let refused = |name: &str, flags: [&str; 2], reason: &str| {
        let mut command = example(name);
        if name != "gradient_flow" {
            command.arg("--data").arg(&empty);
        }
        let said = complaint(command.arg("--out").arg(&out).args(flags));
        assert!(said.contains(reason), "{flags:?}: {said}");
    };
    refused("gradient_flow", ["--depth", "1"], "expected at least 2");
    refused("gradient_flow", ["--width", "0"], "out_channels must be");
    refused("gradient_flow", ["--batch-size", "1"], "expected at least 2");
    refused("gradient_flow", ["--image-size", "0"], "expected two sides");
    refused("shortcut_options", ["--arch-depth", "50"], "expected 18 or 34");
    refused("loss_landscape", ["--points", "20"], "expected an odd number");
    refused("loss_landscape", ["--reach", "nan"], "expected a positive number");
    refused("loss_landscape", ["--photos", "0"], "at least 1");
    let said = complaint(example("initial_weights").args(["--arch", "resnet35", "--out", "x"]));
    assert!(said.contains("resnet34"), "{said}");
    assert!(!out.exists(), "nothing was written");
}
