//! The examples that start from weights of others, as a user starts them.

#![cfg(all(feature = "download", feature = "run"))]

use crate::common::{any_photo, example, run, synthetic_cars};
use std::path::Path;

/// From a file of weights to a classifier: frozen layers, kept features, the curve, and a photo's class.
#[test]
fn pretrained_networks_are_fine_tuned() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    for (program, arch) in [
        ("xception_finetune", "xception-keras"),
        ("densenet_finetune", "densenet121"),
        ("finetune", "resnet18"),
    ] {
        let (weights, out) = (
            folder.path().join(format!("{arch}.safetensors")),
            folder.path().join(arch),
        );
        let (code, _, log) = run(example("initial_weights")
            .args(["--arch", arch, "--out"])
            .arg(&weights));
        assert_eq!(code, Some(0), "{log}");
        let fine_tune = |recipe: &Path| {
            let mut command = example(program);
            command
                .arg("--data")
                .arg(&data)
                .arg("--out")
                .arg(&out)
                .arg("--weights")
                .arg(&weights)
                .args(["--arch", arch]);
            command.arg("--recipe").arg(recipe);
            command.args([
                "--image-size",
                "64x96",
                "--epochs",
                "1",
                "--batch-size",
                "8",
                "--curve",
            ]);
            run(&mut command)
        };
        let (code, printed, log) = fine_tune(Path::new("fast"));
        assert_eq!(code, Some(0), "{log}");
        assert!(
            log.contains("new head: head.classifier.bias, head.classifier.weight"),
            "{log}"
        );
        assert!(
            log.contains("Trained from") && log.contains("% of the multiply-adds"),
            "{log}"
        );
        assert!(
            printed.contains("precision    recall  f1-score   support"),
            "{printed}"
        );
        let details = std::fs::read_to_string(out.join("run.json")).unwrap();
        let stages = [
            "Preparing",
            "Outputs of the frozen layers",
            "Training and validation",
        ];
        for stage in stages {
            assert!(details.contains(&format!("\"name\": \"{stage}\"")), "{details}");
        }
        let curve = std::fs::read_to_string(out.join("curve.csv")).unwrap();
        assert_eq!(curve.lines().count(), 2, "{curve}");
        let first = std::fs::read(out.join("model.safetensors")).unwrap();

        // Again with the recipe that the run has left behind: the features are found, and the bits are the same.
        let (code, _, log) = fine_tune(&out.join("recipe.json"));
        assert_eq!(code, Some(0), "{log}");
        assert!(std::fs::read(out.join("model.safetensors")).unwrap() == first);

        let photo = any_photo(&data.join("test/Van"));
        let (code, printed, log) = run(example("classify")
            .arg("--model")
            .arg(out.join("model.safetensors"))
            .arg(&photo));
        assert_eq!(code, Some(0), "{printed}{log}");
    }
}

/// Three runs and their comparison in one command, which goes on where it was interrupted.
#[test]
fn three_runs_are_made_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    let weights = folder.path().join("xception.safetensors");
    let (code, _, log) = run(example("initial_weights")
        .args(["--arch", "xception-keras", "--out"])
        .arg(&weights));
    assert_eq!(code, Some(0), "{log}");
    let out = folder.path().join("compared");
    let compare = |weights: &Path, epochs: &str| {
        let mut command = example("compare");
        command
            .arg("--train")
            .arg("--data")
            .arg(&data)
            .arg("--out")
            .arg(&out);
        command.arg("--xception-weights").arg(weights);
        command.args(["--densenet-weights", "none", "--scratch-recipe", "quick"]);
        command.args(["--image-size", "64x96", "--batch-size", "8", "--epochs", epochs]);
        run(&mut command)
    };
    let (code, _, log) = compare(Path::new("no such file"), "1");
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("no such file") && !out.exists(),
        "nothing is trained: {log}"
    );

    let (code, printed, log) = compare(&weights, "1");
    assert_eq!(code, Some(0), "{log}");
    for title in [
        "resnet34 from scratch: ",
        "densenet121 from scratch: ",
        "xception-keras, fine-tuned: ",
    ] {
        assert!(printed.contains(title), "{printed}");
    }
    let page = std::fs::read_to_string(out.join("compare.html")).unwrap();
    assert!(page.contains("xception-keras, fine-tuned"));
    let model = |arch: &str| std::fs::read(out.join(arch).join("model.safetensors")).unwrap();
    let first = [model("resnet34"), model("densenet121")];

    // As if it had been killed during the second run.
    std::fs::remove_file(out.join("densenet121/run.json")).unwrap();
    let (code, _, log) = compare(&weights, "1");
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("resnet34 is finished") && log.contains("xception-keras is finished"),
        "{log}"
    );
    assert!(!log.contains("densenet121 is finished"), "{log}");
    assert!(
        [model("resnet34"), model("densenet121")] == first,
        "the same bits again"
    );

    let (code, _, log) = compare(&weights, "2");
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("was made by another command"), "{log}");
}

/// What would be ignored is refused.
#[test]
fn flags_of_training_go_with_train() {
    let (code, _, log) = run(example("compare").args(["--out", "compared", "--epochs", "2", "a", "b"]));
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("--epochs says how to train"), "{log}");
}

#[test]
fn weights_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    let mut command = example("xception_finetune");
    command
        .arg("--data")
        .arg(&data)
        .arg("--out")
        .arg(folder.path().join("run"));
    let (code, _, log) = run(command.args(["--weights", "xception.timn", "--image-size", "64"]));
    assert_eq!(code, Some(1));
    assert!(
        log.contains("there is no file xception.timn") && log.contains("xception.timm"),
        "{log}"
    );
}
