//! The examples as a user starts them: their contract of flags, files, JSON keys and exit codes.

#![cfg(all(feature = "download", feature = "report", feature = "train"))]

mod scores;

use crate::common::{any_photo, example, run, synthetic_cars, training};
use marque::weights::{StateDict, Tensor};
use ndarray::Array4;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

#[test]
fn photos_in_report_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    std::fs::write(data.join("train/Van/broken.jpg"), b"no photo").unwrap();
    let out = folder.path().join("run");
    let (code, printed, log) = run(&mut training(&data, &out, "2"));
    assert_eq!(code, Some(0), "{log}");
    assert!(
        printed.contains("precision    recall  f1-score   support"),
        "{printed}"
    );
    assert!(log.contains("epoch   2/2"), "{log}");
    let table = log.find("7 classes  ").expect("the classes are told");
    assert!(
        log.find("class  ").unwrap() < table && table < log.find("epoch   1/2").unwrap(),
        "{log}"
    );
    assert!(
        log.contains("1 photo left out as unreadable: train/Van/broken.jpg (not an image"),
        "{log}"
    );
    // In a part of seven, or in a class of four.
    assert!(
        log.contains("WARNING: 1 of ") && log.contains(" cannot be read and are left out"),
        "{log}"
    );
    for file in [
        "history.csv",
        "predictions.csv",
        "report.html",
        "report.txt",
        "loss.svg",
        "accuracy.png",
        "confusion.png",
    ] {
        assert!(out.join(file).metadata().unwrap().len() > 100, "{file}");
    }
    let metrics: Value = serde_json::from_slice(&std::fs::read(out.join("metrics.json")).unwrap()).unwrap();
    for key in [
        "accuracy",
        "balanced_accuracy",
        "log_loss",
        "top5_accuracy",
        "macro",
        "weighted",
        "auc",
        "mcc",
        "ece",
    ] {
        assert!(!metrics[key].is_null(), "{key}");
    }
    assert_eq!(metrics["per_class"].as_array().unwrap().len(), 7);
    assert_eq!(metrics["confusion"].as_array().unwrap().len(), 7);
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(
        page.contains("broken.jpg"),
        "the page names the photo that was left out"
    );
    assert!(page.contains("id=\"explained\""), "photos are explained");

    let table = std::fs::read_to_string(out.join("predictions.csv")).unwrap();
    let is_relative = |row: &str| row.starts_with("test/");
    assert!(table.lines().skip(1).all(is_relative), "{table}");

    let compared = folder.path().join("compared");
    let compare = |runs: &[&Path]| run(example("compare").arg("--out").arg(&compared).args(runs));
    let (code, _, log) = compare(&[&out, &out]);
    assert_eq!(code, Some(0), "{log}");
    for file in ["compare.html", "compare.csv", "compare.json", "compare-roc.png"] {
        assert!(compared.join(file).metadata().unwrap().len() > 100, "{file}");
    }
    let (code, _, log) = compare(&[&out]);
    assert_eq!(code, Some(2), "{log}");
    let (code, _, log) = compare(&[&out, folder.path()]);
    assert_eq!(code, Some(1));
    assert!(log.contains("predictions.csv"), "{log}");

    one_answer_per_photo(&data, &out.join("model.safetensors"), &folder);
    folders_are_gone_through(&data, &out.join("model.safetensors"), &folder);
    logits_from_npy(&out.join("model.safetensors"), &folder);
    one_picture_per_photo(&data, &out.join("model.safetensors"), &folder);
}

fn one_answer_per_photo(data: &Path, model: &Path, folder: &TempDir) {
    let path = |name: &str| folder.path().join(name);
    let good = std::fs::read_dir(data.join("test/Van"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::write(path("text.jpg"), "not a photo").unwrap();
    std::fs::write(path("empty.jpg"), "").unwrap();
    std::fs::create_dir(path("empty")).unwrap();
    let images = [
        path("empty"),
        path("missing.jpg"),
        path("text.jpg"),
        path("empty.jpg"),
        good.clone(),
    ];
    let classify = || {
        let mut command = example("classify");
        command.arg("--model").arg(model);
        command
    };
    let (code, out, err) = run(classify().args(&images));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((code, lines.len()), (Some(1), 5), "{out}{err}");
    for (line, image) in lines.iter().zip(&images) {
        assert!(line.starts_with(&image.display().to_string()), "{line}");
        assert_eq!(line.contains(": error: "), *image != good, "{line}");
    }
    assert!(lines[4].ends_with('%'), "{}", lines[4]);

    let (code, out, _) = run(classify()
        .args(["--json", "--top", "3"])
        .args([&good, &path("empty.jpg")]));
    let objects: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((code, objects.len()), (Some(1), 2));
    assert_eq!(objects[0]["top"].as_array().unwrap().len(), 3);
    assert_eq!(objects[0]["label"], objects[0]["top"][0]["label"]);
    assert!(objects[1]["error"].is_string());

    assert_eq!(run(classify().arg(&good)).0, Some(0));
    let (code, _, err) = run(example("classify")
        .arg("--model")
        .arg(path("text.jpg"))
        .arg(&good));
    assert_eq!(code, Some(2));
    assert!(
        err.contains("no checkpoint that can be read: it is text"),
        "{err}"
    );
    let (code, _, err) = run(classify().args(["--device", "cuda:97"]).arg(&good));
    assert_eq!(code, Some(2));
    assert!(err.contains("cuda:97 is not available"), "{err}");
}

fn folders_are_gone_through(data: &Path, model: &Path, folder: &TempDir) {
    let mixed = folder.path().join("mixed");
    let good = any_photo(&data.join("test/Van"));
    for (name, content) in [
        ("b/bad.jpg", &b"no photo"[..]),
        ("b/@eaDir/thumb.jpg", b"residue"),
        ("notes.txt", b"notes"),
        ("nothing", b""),
    ] {
        let path = mixed.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    for name in ["c.jpg", "b/1.jpg", "without ending"] {
        std::fs::copy(&good, mixed.join(name)).unwrap();
    }
    let classify = |images: &[&Path]| run(example("classify").arg("--model").arg(model).args(images));
    let (code, out, err) = classify(&[&mixed, &good]);
    let lines: Vec<&str> = out.lines().collect();
    let expected = ["b/1.jpg", "b/bad.jpg", "c.jpg", "without ending"].map(|name| mixed.join(name));
    assert_eq!((code, lines.len()), (Some(1), 5), "{out}{err}");
    for (line, image) in lines.iter().zip(expected.iter().chain([&good])) {
        assert!(line.starts_with(&format!("{}: ", image.display())), "{line}");
        assert_eq!(line.contains(": error: "), image.ends_with("bad.jpg"), "{line}");
    }
    assert!(
        err.contains("files in folders that are no photos: 2, first") && err.contains("notes.txt"),
        "{err}"
    );
    // What was named is answered for.
    let (code, out, _) = classify(&[&mixed.join("notes.txt")]);
    assert_eq!(
        (code, out.contains("notes.txt: error: ")),
        (Some(1), true),
        "{out}"
    );
    let (code, out, err) = classify(&[&data.join("test")]);
    assert_eq!((code, out.lines().count()), (Some(0), 14), "{out}{err}");
}

fn one_picture_per_photo(data: &Path, model: &Path, folder: &TempDir) {
    let (good, bad) = (any_photo(&data.join("test/Van")), folder.path().join("text.jpg"));
    let out = folder.path().join("explained");
    let explain = |flags: &[&str]| {
        let mut command = example("explain");
        command.arg("--model").arg(model).arg("--out").arg(&out);
        run(command.args(flags).args([&bad, &good]))
    };
    let (code, printed, log) = explain(&["--class", "Van", "--node", "layer3.0.relu"]);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!((code, lines.len()), (Some(1), 2), "{printed}{log}");
    assert!(lines[0].contains(": error: "), "{}", lines[0]);
    assert!(lines[1].contains(": Van, "), "{}", lines[1]);
    let pictures = || std::fs::read_dir(&out).unwrap().map(|file| file.unwrap().path());
    assert_eq!(pictures().count(), 1);
    assert!(image::open(pictures().next().unwrap()).is_ok());

    let (code, _, log) = explain(&["--class", "Tram"]);
    assert_eq!(code, Some(1));
    assert!(log.contains(r#"there is no class "Tram"; there are: "#), "{log}");
    let (code, _, log) = explain(&["--node", "layer9"]);
    assert_eq!(code, Some(1));
    assert!(log.contains("layer9"), "{log}");
}

fn logits_from_npy(model: &Path, folder: &TempDir) {
    let (input, output) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
    let forward = |weights: &Path| {
        let mut command = example("forward");
        command
            .args(["--arch", "resnet18", "--classes", "7"])
            .arg("--weights")
            .arg(weights);
        command.arg("--input").arg(&input).arg("--output").arg(&output);
        command
    };
    ndarray_npy::write_npy(&input, &Array4::<f32>::from_elem((2, 3, 40, 33), 0.5)).unwrap();
    let (code, out, err) = run(&mut forward(model));
    assert_eq!(
        (code, out.contains("2 × 7 logits")),
        (Some(0), true),
        "{out}{err}"
    );
    let logits: ndarray::Array2<f32> = ndarray_npy::read_npy(&output).unwrap();
    assert!(logits.iter().all(|logit| logit.is_finite()));
    assert_eq!(logits.row(0), logits.row(1));

    // The same weights under the names of another program's file.
    let own = StateDict::read(model).unwrap();
    let mut wrapped: StateDict = own
        .iter()
        .map(|(name, tensor)| (format!("module.{name}"), tensor.clone()))
        .collect();
    wrapped.insert("criterion.weight", Tensor::from_f32(&[7], &[1.0; 7]).unwrap());
    let file = folder.path().join("wrapped.pth");
    wrapped.write_torch(&file).unwrap();
    let (code, out, err) = run(&mut forward(&file));
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains("beside the network: criterion.weight"), "{err}");
    let found: ndarray::Array2<f32> = ndarray_npy::read_npy(&output).unwrap();
    assert_eq!(found, logits);

    ndarray_npy::write_npy(&input, &Array4::<f32>::zeros((1, 1, 40, 40))).unwrap();
    let (code, _, err) = run(&mut forward(model));
    assert_ne!(code, Some(0));
    assert!(err.contains("N×3×H×W"), "{err}");
}

#[test]
fn inspect_answers_in_json_and_draws() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, dot) = (folder.path().join("net.svg"), folder.path().join("net.dot"));
    let mut command = example("inspect");
    command.args(["--arch", "resnet50", "--classes", "7", "--size", "96", "--json"]);
    let (code, out, err) = run(command.arg("--svg").arg(&svg).arg("--dot").arg(&dot));
    assert_eq!(code, Some(0), "{err}");
    let object: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(object["arch"], "resnet50");
    assert_eq!(object["classes"], 7);
    assert_eq!(object["input"], serde_json::json!([3, 96, 96]));
    assert_eq!(object["params"], 23_522_375);
    assert!(object["macs"].as_u64().unwrap() > 700_000_000);
    assert!(object["activation_bytes"].as_u64().unwrap() > 10_000_000);
    assert_eq!(object["receptive_field"], serde_json::json!([427, 427]));
    assert_eq!(
        object["parameters"][0],
        serde_json::json!({ "name": "conv1.weight", "shape": [64, 3, 7, 7] })
    );
    assert!(std::fs::read_to_string(svg).unwrap().starts_with("<svg"));
    assert!(std::fs::read_to_string(dot).unwrap().starts_with("digraph"));

    let mut command = example("inspect");
    command.args([
        "--arch",
        "vgg11",
        "--size",
        "64",
        "--head",
        "subject",
        "--channels",
        "1",
    ]);
    let (code, out, err) = run(&mut command);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("  1×64×64 ") && out.contains(" head.dense2 "),
        "{out}"
    );

    let (code, _, err) = run(example("inspect").args(["--arch", "resnet35"]));
    assert_ne!(code, Some(0));
    assert!(err.contains("resnet34"), "{err}");
}

#[test]
fn convert_renames_and_writes_by_ending() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let graph = marque::arch::ResNet::resnet18().num_classes(7).graph().unwrap();
    let mut wrapped = StateDict::default();
    for parameter in graph.parameters() {
        let values = vec![0.5; parameter.count()];
        let tensor = Tensor::from_f32(&parameter.shape, &values).unwrap();
        wrapped.insert(format!("module.{}", parameter.name), tensor);
    }
    wrapped.metadata.insert("epoch".into(), "3".into());
    wrapped.write(&path("wrapped")).unwrap();
    let convert = |from: &str, to: &str, more: &[&str]| {
        let mut command = example("convert");
        command.arg("--from").arg(path(from)).arg("--to").arg(path(to));
        run(command.args(more))
    };

    let (code, out, err) = convert("wrapped", "a.npz", &[]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("wrapped (safetensors): 102 tensors, 44758812 bytes: 102 f32"),
        "{out}"
    );
    assert!(
        out.contains("a.npz (npz): 102 tensors") && out.contains("left out"),
        "{out}"
    );
    let (code, out, err) = convert("a.npz", "b.pth", &["--arch", "resnet18"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("102 of 102 parameters loaded"), "{out}");
    let (code, _, err) = convert("b.pth", "c.safetensors", &[]);
    assert_eq!(code, Some(0), "{err}");
    let found = StateDict::read(&path("c.safetensors")).unwrap();
    let parameters = graph.parameters();
    let needed = parameters
        .iter()
        .map(|parameter| (parameter.name.as_str(), &parameter.shape[..]));
    found.check(needed).unwrap();

    let (code, _, err) = convert("wrapped", "d.safetensors", &["--arch", "resnet34"]);
    assert_ne!(code, Some(0));
    assert!(err.contains("resnet18"), "{err}");
    let (code, _, err) = convert("wrapped", "d.h5", &[]);
    assert_ne!(code, Some(0));
    assert!(err.contains(".safetensors, .pth, .pt or .npz"), "{err}");
    std::fs::write(path("page"), "<!DOCTYPE html>").unwrap();
    let (code, _, err) = convert("page", "d.npz", &[]);
    assert_ne!(code, Some(0));
    assert!(
        err.contains("it is a web page") && !path("d.npz").exists(),
        "{err}"
    );
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no such folder");
    let (code, _, err) = run(&mut training(&missing, &folder.path().join("run"), "1"));
    assert_ne!(code, Some(0));
    assert!(err.contains("no such folder"), "{err}");
}

/// Where results go × the words of the error; nothing is read or written.
#[test]
fn results_go_neither_among_the_photos_nor_where_nothing_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // No photo could be read: the place of the results is looked at first.
    for class in ["SUV", "Van"] {
        std::fs::create_dir_all(path("photos").join(class)).unwrap();
        for photo in 0..10 {
            let photo = path("photos").join(class).join(format!("{photo}.jpg"));
            std::fs::write(photo, "no photo").unwrap();
        }
    }
    std::fs::write(path("file"), "").unwrap();
    for (out, message) in [
        ("photos/run", "lies in the data folder"),
        ("photos", "lies in the data folder"),
        ("file", "cannot write"),
        ("file/run", "cannot write"),
    ] {
        let (code, _, log) = run(&mut training(&path("photos"), &path(out), "1"));
        assert_eq!((code, log.contains(message)), (Some(1), true), "{out}: {log}");
        assert!(!log.contains("epoch"), "{log}");
    }
    assert_eq!(std::fs::read_dir(path("photos")).unwrap().count(), 2);
    let (code, _, log) = run(&mut training(&path("photos"), &path("run"), "1"));
    assert_eq!(
        (code, log.contains("photos can be read")),
        (Some(1), true),
        "{log}"
    );
    assert!(!path("run").exists());
}
