//! The three runs that the comparison makes: ResNet-34, DenseNet-121 and Xception on the same photos.

use crate::flags::{TrainingOptions, download_progress, stop_at_ctrl_c};
use crate::terminal::{self, note};
use anyhow::{Result, ensure};
use clap::Args;
use marque::report::read_run;
use marque::run::weights_file;
use marque::train::{Progress, Recipe, StopFlag, StopReason};
use std::path::{Path, PathBuf};

/// What the networks start from.
#[derive(Args, Debug)]
pub(crate) struct StartingPoints {
    /// Weights of DenseNet-121: a file, a name that `cargo xtask weights --list` shows, or `none` to train it from nothing.
    #[arg(
        long,
        value_name = "FILE|NAME|none",
        default_value = "densenet121.imagenet1k_v1"
    )]
    densenet_weights: PathBuf,
    /// Weights of Xception, likewise.
    #[arg(
        long,
        value_name = "FILE|NAME|none",
        default_value = "xception-keras.imagenet-notop"
    )]
    xception_weights: PathBuf,
    /// How to train what starts from nothing: `scratch`, `subject`, `quick`, or a file such as the recipe.json of a run.
    #[arg(long, value_name = "RECIPE", default_value = "scratch")]
    scratch_recipe: String,
    /// How to fine-tune: `fast`, `subject`, or a file such as the recipe.json of a run.
    #[arg(long, value_name = "RECIPE", default_value = "fast")]
    finetune_recipe: String,
}

/// Three runs on the same photos.
pub(crate) struct ThreeRuns<'a> {
    pub(crate) data: &'a Path,
    pub(crate) out: &'a Path,
    pub(crate) options: &'a TrainingOptions,
    pub(crate) start: &'a StartingPoints,
}

impl ThreeRuns<'_> {
    /// Makes the runs that are not there yet. Gives the three folders.
    pub(crate) fn make(&self) -> Result<Vec<PathBuf>> {
        let networks = [
            ("resnet34", None),
            ("densenet121", weights(&self.start.densenet_weights)?),
            ("xception-keras", weights(&self.start.xception_weights)?),
        ];
        let stop = stop_at_ctrl_c()?;
        let mut folders = Vec::new();
        for (arch, weights) in networks {
            let folder = self.out.join(arch);
            if !is_there(&folder)? {
                self.train(arch, weights, &folder, &stop)?;
            }
            folders.push(folder);
        }
        Ok(folders)
    }

    fn train(&self, arch: &str, weights: Option<PathBuf>, out: &Path, stop: &StopFlag) -> Result<()> {
        note!("\n{arch}");
        let run = self.options.run(self.data, out)?.architecture(arch);
        let run = match weights {
            None => run.recipe(self.options.recipe(&self.start.scratch_recipe, Recipe::named)?),
            Some(weights) => {
                let recipe = self
                    .options
                    .recipe(&self.start.finetune_recipe, Recipe::fine_tuning)?;
                run.weights(weights).recipe(recipe)
            }
        };
        let mut observer = (Progress::new(), stop.clone());
        let trained = run.prepare(&mut observer)?.train(&mut observer)?;
        // A run that was cut short must not be taken for a finished one.
        ensure!(
            trained.fit.reason != StopReason::Interrupted,
            "stopped before {arch} was finished; the same command begins again with it"
        );
        trained.finish(&mut observer)?;
        Ok(())
    }
}

/// The file to start from, if any. Asked before anything is trained: hours later is no time to learn that it cannot be had.
fn weights(name: &Path) -> Result<Option<PathBuf>> {
    if name == Path::new("none") {
        return Ok(None);
    }
    let progress = Box::new(download_progress(name));
    Ok(Some(weights_file(name, Some(progress))?))
}

/// Whether a folder holds a run that this very command has made.
fn is_there(folder: &Path) -> Result<bool> {
    if !folder.join("run.json").exists() {
        return Ok(false);
    }
    let made_by = read_run(folder)?.details.command.unwrap_or_default();
    ensure!(
        made_by == terminal::command(),
        "{} was made by another command: {made_by}\nchoose another --out, remove the folder, or compare finished runs without --train",
        folder.display()
    );
    note!("{} is finished", folder.display());
    Ok(true)
}
