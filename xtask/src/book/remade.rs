//! Figures of the book that come from trainings and measurements: made again by the commands that stand beside them.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::run as run_command;
use crate::workspace::Workspace;

/// A program whose results the book shows.
struct Experiment {
    name: &'static str,
    example: &'static str,
    flags: &'static str,
    /// Whether it needs a folder of photos.
    on_photos: bool,
    /// Where its files go in `docs`.
    folder: &'static str,
    /// Names of its files, and their names in the book.
    files: &'static [(&'static str, &'static str)],
}

const EXPERIMENTS: [Experiment; 7] = [
    Experiment {
        name: "schedules",
        example: "schedules",
        flags: "",
        on_photos: false,
        folder: "training",
        files: &[("schedules.svg", "schedules.svg")],
    },
    Experiment {
        name: "gradient_flow",
        example: "gradient_flow",
        flags: "",
        on_photos: false,
        folder: "experiments",
        files: &[
            ("gradient_flow.svg", "gradient_flow.svg"),
            ("gradient_flow.csv", "gradient_flow.csv"),
            ("products.svg", "products.svg"),
            ("products.csv", "products.csv"),
        ],
    },
    Experiment {
        name: "degradation",
        example: "degradation",
        flags: "--image-size 48 --epochs 16",
        on_photos: true,
        folder: "experiments",
        files: &[
            ("degradation.svg", "degradation.svg"),
            ("degradation.csv", "degradation.csv"),
            ("plain18.csv", "degradation-plain18.csv"),
            ("plain34.csv", "degradation-plain34.csv"),
            ("resnet18.csv", "degradation-resnet18.csv"),
            ("resnet34.csv", "degradation-resnet34.csv"),
        ],
    },
    Experiment {
        name: "shortcut_options",
        example: "shortcut_options",
        flags: "--image-size 48 --arch-depth 18 --epochs 6",
        on_photos: true,
        folder: "experiments",
        files: &[
            ("shortcut_options.svg", "shortcut_options.svg"),
            ("shortcut_options.csv", "shortcut_options.csv"),
            ("A.csv", "shortcut_options-A.csv"),
            ("B.csv", "shortcut_options-B.csv"),
            ("C.csv", "shortcut_options-C.csv"),
        ],
    },
    Experiment {
        name: "landscape-near",
        example: "loss_landscape",
        flags: "--image-size 48 --photos 64 --points 17 --reach 0.3 \
                --model runs/degradation/plain18.safetensors --model runs/degradation/resnet18.safetensors \
                --model runs/degradation/plain34.safetensors --model runs/degradation/resnet34.safetensors",
        on_photos: true,
        folder: "experiments",
        files: &[
            ("plain18.csv", "landscape-plain18.csv"),
            ("plain34.csv", "landscape-plain34.csv"),
            ("resnet18.csv", "landscape-resnet18.csv"),
            ("resnet34.csv", "landscape-resnet34.csv"),
            ("plain18-contour.svg", "plain18-contour.svg"),
            ("plain34-contour.svg", "plain34-contour.svg"),
            ("resnet18-contour.svg", "resnet18-contour.svg"),
            ("resnet34-contour.svg", "resnet34-contour.svg"),
        ],
    },
    Experiment {
        name: "landscape-far",
        example: "loss_landscape",
        flags: "--image-size 48 --photos 64 --points 21 --reach 1 \
                --model runs/degradation/plain34.safetensors --model runs/degradation/resnet34.safetensors",
        on_photos: true,
        folder: "experiments",
        files: &[
            ("plain34-surface.svg", "plain34-surface.svg"),
            ("resnet34-surface.svg", "resnet34-surface.svg"),
        ],
    },
    Experiment {
        name: "comparison",
        example: "compare",
        flags: "--train --densenet-weights none --xception-weights xception-keras.kitchenware \
                --scratch-recipe docs/results/scratch.json --finetune-recipe docs/results/fast.json \
                --validation 0.1 --threads 2",
        on_photos: true,
        folder: "results",
        files: &[
            ("compare.json", "compare.json"),
            (
                "compare-validation-accuracy.svg",
                "compare-validation-accuracy.svg",
            ),
            ("compare-roc.svg", "compare-roc.svg"),
            ("compare-multiply-adds.svg", "compare-multiply-adds.svg"),
        ],
    },
];

/// Runs an experiment into `runs` and puts its results into the book.
pub(super) fn remake(workspace: &Workspace, name: &str, data: Option<&Path>) -> Result<()> {
    let Some(experiment) = EXPERIMENTS.iter().find(|experiment| experiment.name == name) else {
        let known: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.name).collect();
        bail!("there is no experiment {name}; there are {}", known.join(", "));
    };
    let out = Path::new("runs").join(name);
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--example", experiment.example, "--"]);
    if experiment.on_photos {
        let data = data.with_context(|| format!("{name} needs --data, a folder of photos"))?;
        let data = data
            .canonicalize()
            .with_context(|| format!("{} is no folder", data.display()))?;
        command.arg("--data").arg(data);
    }
    command
        .arg("--out")
        .arg(&out)
        .args(experiment.flags.split_whitespace());
    run_command(&mut command)?;
    let (made, book) = (
        workspace.root().join(out),
        workspace.root().join("docs").join(experiment.folder),
    );
    for (from, to) in experiment.files {
        let content =
            std::fs::read(made.join(from)).with_context(|| made.join(from).display().to_string())?;
        marque_fs::write_atomically(&book.join(to), |file| file.write_all(&content))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_an_experiment_is_in_the_book() {
        let docs = Workspace::locate().unwrap().root().join("docs");
        for experiment in &EXPERIMENTS {
            for (_, name) in experiment.files {
                let file = docs.join(experiment.folder).join(name);
                assert!(file.is_file(), "{} of {}", file.display(), experiment.name);
            }
        }
    }

    #[test]
    fn unknown_experiments_and_missing_photos_are_named() {
        let workspace = Workspace::locate().unwrap();
        let error = remake(&workspace, "no", None).unwrap_err().to_string();
        assert!(error.contains("gradient_flow"), "{error}");
        let error = remake(&workspace, "degradation", None).unwrap_err().to_string();
        assert!(error.contains("--data"), "{error}");
    }
}
