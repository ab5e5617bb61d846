//! Models that go out as ONNX files, and what comes in as one.

use crate::common::{any_photo, example, run, synthetic_cars, training};
use std::path::{Path, PathBuf};
use std::process::Command;

fn small_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/synthetic-cars.safetensors")
}

/// What a program prints that succeeds.
fn printed(command: &mut Command) -> String {
    let (code, out, err) = run(command);
    assert_eq!(code, Some(0), "{out}{err}");
    out
}

/// Classes of photos with their probabilities, by photo and class.
fn answers(model: &Path, photos: &Path, rest: &[&str]) -> Vec<(String, f64)> {
    let mut command = example("classify");
    command.args(["--json", "--top", "7"]).args(rest);
    let out = printed(command.arg("--model").arg(model).arg(photos));
    let of_line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let image = line["image"].to_string();
        let classes = line["top"].as_array().unwrap().clone().into_iter();
        let mut classes: Vec<(String, f64)> = classes
            .map(|class| {
                (
                    format!("{image} {}", class["label"]),
                    class["probability"].as_f64().unwrap(),
                )
            })
            .collect();
        classes.sort_by(|first, second| first.0.cmp(&second.0));
        classes
    };
    out.lines().flat_map(of_line).collect()
}

fn assert_same(found: &[(String, f64)], expected: &[(String, f64)]) {
    assert_eq!(found.len(), expected.len());
    for ((name, found), (expected_name, expected)) in found.iter().zip(expected) {
        assert_eq!(name, expected_name);
        assert!((found - expected).abs() < 1e-5, "{name}: {found} {expected}");
    }
}

#[test]
fn a_model_goes_out_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let cars = synthetic_cars(folder.path());
    let photos = cars.join("test");
    let expected = answers(&small_model(), &photos, &[]);
    for (name, rest) in [("images.onnx", &[][..]), ("photos.onnx", &["--photos"])] {
        let file = folder.path().join(name);
        let mut convert = example("convert");
        convert
            .arg("--from")
            .arg(small_model())
            .arg("--to")
            .arg(&file)
            .args(rest);
        printed(&mut convert);
        assert_same(&answers(&file, &photos, &[]), &expected);
        let mut evaluate = example("evaluate");
        let out = printed(evaluate.arg("--model").arg(&file).arg("--data").arg(&cars));
        assert!(out.contains("14 photos in"), "{out}");
        let mut explain = example("explain");
        let pictures = folder.path().join(format!("{name}-explained"));
        explain.arg("--model").arg(&file).arg("--out").arg(&pictures);
        printed(explain.arg(any_photo(&photos.join("Van"))));
        assert_eq!(std::fs::read_dir(&pictures).unwrap().count(), 1);
    }
}

/// A file that says nothing of itself, as other programs write them.
#[test]
fn a_file_of_another_program_is_asked_and_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let cars = synthetic_cars(folder.path());
    let run_folder = folder.path().join("run");
    let mut begun = training(&cars, &run_folder, "1");
    printed(&mut begun);
    let model = run_folder.join("model.safetensors");
    let [weights, file] = ["weights.safetensors", "bare.onnx"].map(|name| folder.path().join(name));
    // Under the architecture's names and without a card.
    let arch = ["--arch", "resnet18", "--classes", "7"];
    let convert = |from: &Path, to: &Path| {
        let mut command = example("convert");
        printed(command.arg("--from").arg(from).arg("--to").arg(to).args(arch));
    };
    convert(&model, &weights);
    convert(&weights, &file);
    let mut inspect = example("inspect");
    let out = printed(inspect.arg("--model").arg(&file));
    assert!(out.contains("layer4"), "{out}");

    let photos = cars.join("test");
    let mut bare = example("classify");
    let (code, _, err) = run(bare.arg("--model").arg(&file).arg(&photos));
    assert!(code != Some(0) && err.contains("--preprocess FILE does"), "{err}");
    let (card, _) = marque::model::read_model(&model).unwrap();
    let [names, preprocess] = ["names.txt", "preprocess.json"].map(|name| folder.path().join(name));
    std::fs::write(&names, card.class_names.join("\n")).unwrap();
    std::fs::write(&preprocess, serde_json::to_string(&card.preprocess).unwrap()).unwrap();
    let told = [
        "--classes",
        names.to_str().unwrap(),
        "--preprocess",
        preprocess.to_str().unwrap(),
    ];
    // What a card says beside, a bare file does not: mirror images, say.
    let alone: Vec<(String, f64)> = answers(&file, &photos, &told);
    assert_eq!(alone.len(), 14 * 7);

    let mut finetune = example("finetune");
    finetune.args([
        "--arch",
        "resnet18",
        "--epochs",
        "1",
        "--image-size",
        "32",
        "--recipe",
        "fast",
        "--weights",
    ]);
    finetune
        .arg(&file)
        .arg("--data")
        .arg(&cars)
        .arg("--out")
        .arg(folder.path().join("tuned"));
    let (code, out, err) = run(&mut finetune);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(folder.path().join("tuned/report.html").exists());
}
