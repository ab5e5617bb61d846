//! The three runs that the comparison makes: ResNet-34, DenseNet-121 and Xception on the same photos.

use crate::flags::{MachineOptions, RecordOptions, TrainingOptions, download_progress, stop_at_signals};
use crate::terminal::{self, note};
use anyhow::{Result, ensure};
use clap::Args;
use marque::report::read_run;
use marque::run::{Error, Run, weights_file};
use marque::train::{Progress, Recipe, StopFlag};
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
    pub(crate) records: &'a RecordOptions,
    pub(crate) machine: &'a MachineOptions,
    pub(crate) start: &'a StartingPoints,
}

impl ThreeRuns<'_> {
    /// Makes the runs that are not there yet, and goes on with one that was left. Gives the three folders; `None` if it was asked
    /// to stop.
    pub(crate) fn make(&self) -> Result<Option<Vec<PathBuf>>> {
        let networks = [
            ("resnet34", None),
            ("densenet121", weights(&self.start.densenet_weights)?),
            ("xception-keras", weights(&self.start.xception_weights)?),
        ];
        let stop = stop_at_signals()?;
        let mut folders = Vec::new();
        for (arch, weights) in networks {
            let folder = self.out.join(arch);
            if !is_there(&folder)? {
                note!("\n{arch}");
                let run = self.run(arch, weights, &folder)?;
                if let Err(error) = self.finish(run, &stop) {
                    let Some(Error::Interrupted { .. }) = error.downcast_ref() else {
                        return Err(error);
                    };
                    note!("left before {arch} was finished; the same command goes on with it");
                    return Ok(None);
                }
            }
            folders.push(folder);
        }
        Ok(Some(folders))
    }

    /// The run that was begun in a folder by this very command, or else a new one.
    fn run(&self, arch: &str, weights: Option<PathBuf>, out: &Path) -> Result<Run> {
        if out.join("start.json").exists() {
            let run = Run::resume(out)?;
            let made_by = run.recorded_command().unwrap_or_default();
            ensure_own(out, made_by)?;
            note!("{} was begun before", out.display());
            return Ok(run);
        }
        let run = self.options.run(&[self.data.to_owned()], out).architecture(arch);
        let run = self.records.applied(run);
        Ok(match weights {
            None => run.recipe(self.options.recipe(&self.start.scratch_recipe, Recipe::named)?),
            Some(weights) => {
                let recipe = self
                    .options
                    .recipe(&self.start.finetune_recipe, Recipe::fine_tuning)?;
                run.weights(weights).recipe(recipe)
            }
        })
    }

    fn finish(&self, run: Run, stop: &StopFlag) -> Result<()> {
        let mut observer = (Progress::new(), stop.clone());
        self.machine.applied(run).start_with(&mut observer)?;
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
    ensure_own(folder, &made_by)?;
    note!("{} is finished", folder.display());
    Ok(true)
}

fn ensure_own(folder: &Path, made_by: &str) -> Result<()> {
    ensure!(
        made_by == terminal::command(),
        "{} was made by another command: {made_by}\nchoose another --out, remove the folder, or compare finished runs without --train",
        folder.display()
    );
    Ok(())
}
