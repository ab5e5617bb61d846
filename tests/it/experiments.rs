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
fn what_a_recipe_does_to_photos_is_one_picture() {
    let folder = tempfile::tempdir().unwrap();
    let data = cars(folder.path());
    let photo = std::fs::read_dir(data.join("train/Sedan"))
        .unwrap()
        .next()
        .unwrap();
    let out = folder.path().join("pictures");
    let mut command = example("augment");
    command.arg(photo.unwrap().path()).arg("--out").arg(&out);
    command.args(["--recipe", "fast", "--image-size", "30x40", "--epochs", "3"]);
    command.args([
        "--set",
        r#"data.augment.transforms=[{"kind":"aug_mix"},{"kind":"trivial_augment"}]"#,
    ]);
    printed(&mut command);
    let picture = image::open(out.join("augment.png")).unwrap().into_rgb8();
    // The photo as it is and three epochs, four pixels apart.
    assert_eq!(picture.dimensions(), (4 * 44 - 4, 30));
    let cell = |column: u32| image::imageops::crop_imm(&picture, column * 44, 0, 40, 30).to_image();
    assert!((1..4).all(|column| cell(column) != cell(0)));
    assert_ne!(cell(1), cell(2));
}

#[test]
fn schedules_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("schedules");
    let mut command = example("schedules");
    command
        .arg("--out")
        .arg(&out)
        .args(["--epochs", "4", "--steps", "5"]);
    printed(command.args(["--schedule", r#"{"kind": "step", "every": 2, "factor": 0.5}"#]));
    assert_chart(&out, "schedules");
    let text = std::fs::read_to_string(out.join("schedules.csv")).unwrap();
    let factors: Vec<&str> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next_back())
        .collect();
    assert_eq!(factors.len(), 20);
    assert_eq!((factors[9], factors[10]), ("1.000000", "0.500000"));
    let asked = |schedule: &str| {
        let mut command = example("schedules");
        command.arg("--out").arg(&out).args(["--schedule", schedule]);
        command
    };
    printed(&mut asked("cosine"));
    let said = complaint(&mut asked("cosin"));
    assert!(
        said.contains("fit.schedule: expected one of `constant`"),
        "{said}"
    );
}

#[test]
fn a_folder_is_looked_at_as_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (cars(folder.path()), folder.path().join("check"));
    let class = |part: &str| data.join(part).join("SUV");
    let photo = std::fs::read_dir(class("train"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    // The same photo, mirrored, among those of the test; and one that is none.
    let mirrored = image::imageops::flip_horizontal(&image::open(&photo).unwrap().into_rgb8());
    mirrored.save(class("test").join("again.png")).unwrap();
    std::fs::write(class("train").join("notes.jpg"), "no photo").unwrap();
    let mut command = example("check");
    let said = printed(command.arg("--data").arg(&data).arg("--out").arg(&out));
    assert!(
        said.contains("look the same in two parts") && said.contains("again.png"),
        "{said}"
    );
    assert!(said.contains("notes.jpg"), "{said}");
    let classes = table(&out.join("classes.csv"));
    assert_eq!(classes.len(), 8);
    for picture in ["contact.png", "alike.png"] {
        image::open(out.join(picture)).unwrap();
    }
    assert!(
        std::fs::read_to_string(out.join("check.html"))
            .unwrap()
            .contains("SUV")
    );
}

#[test]
fn a_search_is_made_in_rounds_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (cars(folder.path()), folder.path().join("search"));
    let space = folder.path().join("space.toml");
    std::fs::write(
        &space,
        "\"fit.learning_rate\" = { low = 1e-4, high = 1e-2, scale = \"log\" }\n",
    )
    .unwrap();
    let tune = |minutes: &str| {
        let mut command = example("tune");
        command
            .arg("--data")
            .arg(&data)
            .arg("--out")
            .arg(&out)
            .arg("--space")
            .arg(&space);
        command.args([
            "--arch",
            "resnet18",
            "--image-size",
            "32",
            "--batch-size",
            "8",
            "--validation",
            "0.3",
        ]);
        command.args([
            "--epochs",
            "2",
            "--trials",
            "3",
            "--rounds",
            "2",
            "--factor",
            "2",
            "--minutes",
            minutes,
        ]);
        command
    };
    // One trial is always made.
    printed(&mut tune("0.000001"));
    assert_eq!(table(&out.join("trials.csv")).len(), 2);
    printed(&mut tune("10"));
    let trials = table(&out.join("trials.csv"));
    // Three of one epoch, and the better two of them of two.
    assert_eq!(trials.len(), 1 + 3 + 2);
    let epochs = column(&trials, "epochs");
    assert_eq!(epochs, [2.0, 2.0, 1.0, 1.0, 1.0]);
    let rates = column(&trials, "fit.learning_rate");
    assert!(rates.iter().all(|rate| (1e-4..=1e-2).contains(rate)), "{rates:?}");
    let best = std::fs::read_to_string(out.join("best.toml")).unwrap();
    assert!(
        best.contains(&format!("learning_rate = {}", trials[1][5])),
        "{best}"
    );
    assert!(
        std::fs::read_to_string(out.join("search.html"))
            .unwrap()
            .contains("<table")
    );
    // Nothing is left of the trials but what was found.
    let left = std::fs::read_dir(&out)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(left.count(), 0);
}

#[test]
fn folds_are_tested_one_after_the_other_and_finished_ones_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (cars(folder.path()), folder.path().join("folds"));
    let cross = || {
        let mut command = example("cross_validate");
        command.arg("--data").arg(&data).arg("--out").arg(&out);
        command.args(["--folds", "2", "--arch", "resnet18", "--image-size", "32"]);
        command.args(["--epochs", "1", "--batch-size", "8"]);
        command
    };
    let said = printed(&mut cross());
    assert!(said.contains("accuracy of the folds: "), "{said}");
    let folds = table(&out.join("folds.csv"));
    assert_eq!(folds.len(), 3);
    let photos = column(&folds, "photos");
    // Five photos of each of seven classes.
    assert_eq!(photos.iter().sum::<f64>(), 35.0);
    let predictions = std::fs::read_to_string(out.join("predictions.csv")).unwrap();
    assert_eq!(predictions.lines().count(), 36);
    assert!(out.join("report.html").exists() && out.join("fold-2/model.safetensors").exists());
    // What is finished is not made again.
    let model = |fold: u32| {
        std::fs::metadata(out.join(format!("fold-{fold}/model.safetensors")))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = [model(1), model(2)];
    assert_eq!(printed(&mut cross()), said);
    assert_eq!([model(1), model(2)], before);
}

#[test]
fn a_curve_over_the_number_of_photos_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (cars(folder.path()), folder.path().join("shares"));
    let mut command = example("more_photos");
    command.arg("--data").arg(&data).arg("--out").arg(&out);
    command.args([
        "--arch",
        "resnet18",
        "--image-size",
        "32",
        "--epochs",
        "1",
        "--batch-size",
        "8",
    ]);
    let said = printed(command.args(["--shares", "0.5,1"]));
    assert_eq!(said.lines().count(), 3, "{said}");
    assert_chart(&out, "shares");
    let shares = table(&out.join("shares.csv"));
    let photos = column(&shares, "training_photos");
    assert!(photos[0] < photos[1], "{photos:?}");
}

#[test]
fn a_range_test_draws_the_loss_and_suggests_a_rate() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (cars(folder.path()), folder.path().join("run"));
    let mut command = example("learning_rate");
    command.arg("--data").arg(&data).arg("--out").arg(&out);
    command.args(["--arch", "resnet18", "--image-size", "32", "--batch-size", "8"]);
    let said = printed(command.args(["--steps", "30", "--from", "1e-5", "--to", "0.1"]));
    assert!(said.contains("--lr "), "{said}");
    assert_chart(&out, "learning_rate");
    let rates = table(&out.join("learning_rate.csv"));
    assert_eq!(rates[0], ["learning_rate", "loss", "smoothed"]);
    assert!(rates.len() > 12, "{rates:?}");
    assert_eq!(column(&rates, "learning_rate")[0], 1e-5);
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
