//! Programs on marque's own engine and on LibTorch, and the small model that lies in the repository.

use crate::common::{any_photo, example, run, synthetic_cars};
use marque::infer::{Session, SessionOptions};
use marque::model::Classifier;
use marque::synthetic::{CLASS_NAMES, SyntheticCars};
use std::path::{Path, PathBuf};

fn small_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/synthetic-cars.safetensors")
}

/// Cars of another seed than those that it has seen.
#[test]
fn the_small_model_names_drawn_cars() {
    let path = small_model();
    assert!(std::fs::metadata(&path).unwrap().len() < 200_000);
    let classifier = Classifier::<Session>::open(&path, SessionOptions::default()).unwrap();
    let cars = SyntheticCars {
        seed: 1,
        ..SyntheticCars::default()
    };
    let is_right = |index: &u64| {
        let classes = classifier.classify_photo(&cars.render(*index)).unwrap();
        classes[0].class_name == CLASS_NAMES[cars.label(*index)]
    };
    let right = (0..140).filter(is_right).count();
    assert!(right >= 112, "{right} of 140");
}

#[test]
fn both_backends_answer_alike() {
    let folder = tempfile::tempdir().unwrap();
    let cars = synthetic_cars(folder.path());
    let probabilities = |backend: &str| -> Vec<(String, f64)> {
        let mut command = example("classify");
        command.args(["--json", "--top", "7", "--backend", backend, "--model"]);
        let (code, out, err) = run(command.arg(small_model()).arg(cars.join("test")));
        assert_eq!(code, Some(0), "{out}{err}");
        let lines = out
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 14);
        let of_line = |line: &serde_json::Value| {
            let mut classes: Vec<(String, f64)> = line["top"]
                .as_array()
                .unwrap()
                .iter()
                .map(|class| {
                    let name = format!("{} {}", line["image"], class["label"]);
                    (name, class["probability"].as_f64().unwrap())
                })
                .collect();
            classes.sort_by(|first, second| first.0.cmp(&second.0));
            classes
        };
        lines.iter().flat_map(of_line).collect()
    };
    let (native, torch) = (probabilities("native"), probabilities("torch"));
    for ((name, native), (other, torch)) in native.iter().zip(&torch) {
        assert_eq!(name, other);
        // Logits agree to 1e-4 of the largest, which lies below ten.
        assert!((native - torch).abs() < 1e-3, "{name}: {native} and {torch}");
    }
}

#[test]
fn photos_are_explained_alike() {
    let folder = tempfile::tempdir().unwrap();
    let cars = synthetic_cars(folder.path());
    let photo = any_photo(&cars.join("test/Sedan"));
    let pictures = ["native", "torch"].map(|backend| {
        let out = folder.path().join(backend);
        let mut command = example("explain");
        command.args(["--backend", backend, "--model"]).arg(small_model());
        let (code, printed, err) = run(command.arg("--out").arg(&out).arg(&photo));
        assert_eq!(code, Some(0), "{printed}{err}");
        let picture = std::fs::read_dir(&out).unwrap().next().unwrap().unwrap();
        image::open(picture.path()).unwrap().into_rgb8()
    });
    let differences = pictures[0]
        .iter()
        .zip(pictures[1].iter())
        .map(|(native, torch)| native.abs_diff(*torch));
    // Heat is rounded to one of 256 levels before it is drawn.
    assert!(differences.max().unwrap() <= 3);
    // What needs gradients is said.
    let mut command = example("explain");
    command
        .args(["--backend", "native", "--node", "relu", "--model"])
        .arg(small_model());
    let (code, printed, err) = run(command.arg("--out").arg(folder.path()).arg(&photo));
    assert_eq!(code, Some(1), "{err}");
    assert!(
        printed.contains("since others need gradients, got relu"),
        "{printed}"
    );
}

#[test]
fn a_folder_is_evaluated_alike_and_unknown_classes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cars = synthetic_cars(folder.path());
    let evaluate = |rest: &[&str]| {
        let mut command = example("evaluate");
        command
            .arg("--model")
            .arg(small_model())
            .arg("--data")
            .arg(&cars)
            .args(rest);
        run(&mut command)
    };
    let (table, json) = (
        folder.path().join("predictions.csv"),
        folder.path().join("metrics.json"),
    );
    let files = [table.to_str().unwrap(), json.to_str().unwrap()];
    let native = evaluate(&["--predictions", files[0], "--json", files[1]]);
    let torch = evaluate(&["--backend", "torch"]);
    assert_eq!((native.0, torch.0), (Some(0), Some(0)), "{}{}", native.2, torch.2);
    // The last line has the time.
    let report = |out: &str| out.split_once("\n14 photos").unwrap().0.to_owned();
    assert_eq!(report(&native.1), report(&torch.1));
    assert_eq!(std::fs::read_to_string(&table).unwrap().lines().count(), 15);
    assert!(std::fs::read_to_string(&json).unwrap().contains("\"accuracy\""));
    let (code, out, _) = evaluate(&["--all"]);
    assert!(code == Some(0) && out.contains("42 photos in"), "{out}");
    // Whoever only tests needs nothing to train on.
    std::fs::rename(cars.join("train"), folder.path().join("train")).unwrap();
    let (code, out, err) = evaluate(&[]);
    assert!(code == Some(0) && report(&out) == report(&native.1), "{err}");
    std::fs::rename(folder.path().join("train"), cars.join("train")).unwrap();
    // The same model twice is an ensemble of one opinion; its page shows the photos.
    let [page, model] = [folder.path().join("page"), small_model()];
    let (code, out, err) = evaluate(&[
        "--model",
        model.to_str().unwrap(),
        "--report",
        page.to_str().unwrap(),
    ]);
    assert!(
        code == Some(0) && report(&out).starts_with(&report(&native.1)),
        "{err}"
    );
    let page = std::fs::read_to_string(page.join("report.html")).unwrap();
    assert!(page.contains("Mean of the models") && page.contains("data:image/jpeg"));
    std::fs::create_dir(cars.join("test/Tank")).unwrap();
    std::fs::create_dir(cars.join("train/Tank")).unwrap();
    for part in ["train", "test"] {
        let photo = any_photo(&cars.join(part).join("Sedan"));
        std::fs::copy(photo, cars.join(part).join("Tank/1.jpg")).unwrap();
    }
    let (code, _, err) = evaluate(&[]);
    assert!(
        code != Some(0) && err.contains("the model knows no class \"Tank\""),
        "{err}"
    );
}

#[test]
fn what_a_backend_cannot_do_is_said() {
    let mut command = example("classify");
    command.args(["--backend", "native", "--device", "cuda:1", "--model"]);
    let (code, _, err) = run(command.arg(small_model()).arg("photo.jpg"));
    assert_ne!(code, Some(0));
    assert!(err.contains("--device cuda:1 needs --backend torch"), "{err}");
    let (code, out, err) =
        run(example("inspect").args(["--arch", "resnet18", "--size", "64", "--plan", "--threads", "1"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("winograd") && out.contains("threads: 1"), "{out}");
}
