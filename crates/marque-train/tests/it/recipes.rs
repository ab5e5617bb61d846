//! Recipes from the outside: names, files, and what they decide for a network.

use crate::common::{photos, prepared, recipe};
use marque_arch::{ArchitectureOptions, architecture};
use marque_data::{ImageSize, Loader};
use marque_train::{Error, Framing, Normalization, OptimizerConfig, Recipe, TrainedFrom};
use std::path::Path;
use tempfile::TempDir;

fn named() -> Vec<Recipe> {
    let scratch = ["subject", "scratch", "quick"].map(|name| Recipe::named(name).unwrap());
    let fine_tuning = ["subject", "fast", "light"].map(|name| Recipe::fine_tuning(name).unwrap());
    scratch.into_iter().chain(fine_tuning).collect()
}

fn file(folder: &TempDir, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn refused(path: &Path) -> String {
    Recipe::read(path).unwrap_err().to_string()
}

#[test]
fn files_hold_all_settings_and_need_none() {
    let folder = tempfile::tempdir().unwrap();
    for recipe in named() {
        recipe.validate().unwrap();
        for name in ["recipe.json", "recipe.toml"] {
            let path = folder.path().join(name);
            recipe.write(&path).unwrap();
            assert_eq!(Recipe::read(&path).unwrap(), recipe, "{name}");
            // As an editor saves it.
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
            assert_eq!(Recipe::read(&path).unwrap(), recipe, "{name}");
        }
    }
    assert_eq!(
        Recipe::read(&file(&folder, "none.json", "{}")).unwrap(),
        Recipe::default()
    );
    assert_eq!(
        Recipe::read(&file(&folder, "none.toml", "")).unwrap(),
        Recipe::default()
    );
    let text = "[data]\nimage_size = { height = 96, width = 160 }\n[fit]\noptimizer = { rule = \"sgd\", momentum = 0.9 }\n";
    let recipe = Recipe::read(&file(&folder, "few.toml", text)).unwrap();
    assert_eq!(
        recipe.data.image_size,
        marque_data::ImageSize {
            height: 96,
            width: 160
        }
    );
    let sgd = marque_train::Sgd {
        momentum: 0.9,
        ..Default::default()
    };
    assert_eq!(recipe.fit.optimizer, OptimizerConfig::Sgd(sgd));
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, expected) in [
        (
            "a.json",
            r#"{"fit": {"epoks": 3}}"#,
            "did you mean \"fit.epochs\"?",
        ),
        ("a.toml", "[fit]\nepoks = 3\n", "did you mean \"fit.epochs\"?"),
        ("b.json", r#"{"epochs": 3}"#, "did you mean \"fit.epochs\"?"),
        (
            "c.json",
            r#"{"fit": {"learning_rate": -1}}"#,
            "fit.learning_rate: expected positive",
        ),
        (
            "c.toml",
            "[data.augment]\nhorizontal_flip = 2.0\n",
            "data.augment.horizontal_flip: expected",
        ),
        ("d.json", "{\n  \"fit\": {\"epochs\": \"many\"}\n}", "line 2"),
        ("d.toml", "[fit]\nepochs = \"many\"\n", "epochs"),
        ("e.toml", "[fit\n", "e.toml"),
        ("f.json", "[]", "f.json"),
        (
            "g.json",
            r#"{"model": {"trained_from": "everywhere"}}"#,
            "\"all\", \"auto\", \"subject\"",
        ),
        (
            "h.json",
            r#"{"fit": {"optimizer": {"rule": "sgd", "beta1": 0.5}}}"#,
            "beta1",
        ),
    ] {
        let path = file(&folder, name, text);
        let message = refused(&path);
        assert!(message.contains(name) && message.contains(expected), "{message}");
    }
    let unknown = Recipe::named("sbuject").unwrap_err().to_string();
    assert_eq!(
        unknown,
        "no recipe is called \"sbuject\"; known are subject, scratch, quick"
    );
    let unknown = Recipe::fine_tuning("fats").unwrap_err().to_string();
    assert!(unknown.contains("subject, fast, light"), "{unknown}");
}

/// The `recipe.json` of a run of version 0.1, `fast` for Xception.
const FLAT: &str = r#"{
  "name": "fast",
  "image_size": {"height": 160, "width": 256},
  "epochs": 20,
  "batch_size": 32,
  "optimizer": {"rule": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.05},
  "learning_rate": 0.0005,
  "schedule": {"kind": "warmup_cosine", "warmup": 0.1},
  "label_smoothing": 0.1,
  "patience": null,
  "normalization": "minus_one_to_one",
  "framing": "squash",
  "augment": {
    "width_shift": 0.0, "height_shift": 0.0, "horizontal_flip": 0.5,
    "random_resized_crop": {"area": [0.5, 1.0], "aspect": [0.8, 1.25]},
    "color_jitter": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3},
    "random_erasing": null
  },
  "head": "linear",
  "trained_from": ["block3.skip", "block3.rep.0"],
  "views": 8,
  "head_rate": 5.0,
  "averaging": 0.99,
  "mixed_precision": true,
  "mirrored": true
}"#;

#[test]
fn recipes_of_before_there_were_groups_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe::read(&file(&folder, "recipe.json", FLAT)).unwrap();
    let options = ArchitectureOptions {
        num_classes: 7,
        ..Default::default()
    };
    let graph = architecture("xception-keras", options).unwrap();
    assert_eq!(recipe, Recipe::fast().for_graph(&graph).unwrap());
    let all = FLAT.replace(r#"["block3.skip", "block3.rep.0"]"#, "[]");
    let recipe = Recipe::read(&file(&folder, "all.json", &all)).unwrap();
    assert_eq!(recipe.model.trained_from, TrainedFrom::All);
    let misspelt = FLAT.replace("views", "veiws");
    assert!(refused(&file(&folder, "misspelt.json", &misspelt)).contains("did you mean"));
}

#[test]
fn every_architecture_can_be_fine_tuned_by_every_recipe() {
    for name in marque_arch::architecture_names() {
        let pretrained = architecture(name, ArchitectureOptions::default()).unwrap();
        for recipe in [Recipe::fast(), Recipe::subject_fine_tuning()] {
            let graph = recipe.graph(&pretrained, 7).unwrap();
            let decided = recipe.clone().for_graph(&graph).unwrap();
            assert_ne!(decided.data.normalization, Normalization::Pretrained);
            let nodes = decided.model.trained_from.nodes().unwrap();
            assert!(!nodes.is_empty(), "{name}");
            let starts = nodes.iter().map(|node| graph.find(node).unwrap());
            let trained = graph.descendants(starts.collect::<Vec<_>>());
            assert!(trained[graph.output().index()], "{name}");
            assert!(!trained[1], "{name}: nothing is frozen");
            // What is decided stays decided.
            assert_eq!(decided.clone().for_graph(&graph).unwrap(), decided, "{name}");
        }
    }
    let undecided = Recipe::fast().model.trained_from.nodes().map(<[String]>::to_vec);
    assert!(matches!(undecided, Err(Error::Setting(_))));
}

#[test]
fn small_networks_are_trained_whole() {
    for (name, expected) in [
        ("tf_efficientnet_lite0", "light"),
        ("mobilenet_v3_large", "light"),
        ("efficientnet_b0", "light"),
        ("xception-keras", "fast"),
        ("resnet50", "fast"),
    ] {
        assert_eq!(Recipe::recommended(name).name, expected, "{name}");
    }
    let graph = architecture("mobilenet_v2", ArchitectureOptions::default()).unwrap();
    let decided = Recipe::light().for_graph(&graph).unwrap();
    assert_eq!(decided.model.trained_from, TrainedFrom::All);
    assert_eq!(decided.data.normalization, Normalization::ImageNet);
}

#[test]
fn photos_are_asked_about_at_a_size_of_their_own() {
    let folder = photos();
    let mut recipe = recipe(1);
    recipe.data.framing = Framing::CenterCrop;
    let as_trained = prepared(folder.path(), &recipe, 1);
    let whole = recipe.data.image_size;
    assert_eq!(as_trained.preprocess.image_size, whole);

    let larger = ImageSize {
        height: 30,
        width: 40,
    };
    recipe.data.test_image_size = Some(larger);
    let data = prepared(folder.path(), &recipe, 1);
    let size = |loader: &Loader| loader.preprocess().image_size;
    assert_eq!(size(&data.train), whole);
    assert_eq!(size(data.validation.as_ref().unwrap()), larger);
    assert_eq!(size(&data.test), larger);
    assert_eq!(data.preprocess.image_size, larger);
    assert_eq!(data.preprocess.mean, as_trained.preprocess.mean);

    recipe.data.test_image_size = Some(ImageSize::square(0));
    let message = recipe.validate().unwrap_err().to_string();
    assert!(message.contains("data.test_image_size"), "{message}");
}
