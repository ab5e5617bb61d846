//! Several whole runs of one program, one after the other, each in a folder of its own: what is finished is not made again.

#![allow(dead_code, reason = "each program uses a part of it")]

use crate::flags::{MachineOptions, TrainingOptions, download_progress};
use crate::terminal::note;
use anyhow::{Context, Result};
use clap::Args;
use marque::data::ImageFolder;
use marque::metrics::Predictions;
use marque::run::{Error, Run};
use marque::train::{Progress, Recipe, StopFlag};
use std::path::{Path, PathBuf};

/// What every run of a series has in common.
#[derive(Args, Debug)]
pub(crate) struct SeriesArguments {
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*, a list of photos (CSV, TSV or a JSON object a line), or an archive of them
    /// or a folder of archives (tar files, WebDataset's too, and Parquet tables). Several times for several together.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) data: Vec<PathBuf>,
    /// Where the folders of the runs go, with the summary beside them. Called again with the same flags, what was left is gone on
    /// with.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// An architecture's name, such as resnet34 or tf_efficientnet_lite0.
    #[arg(long)]
    arch: String,
    /// Pretrained weights: a file, or a name that `cargo xtask weights --list` shows; none for trainings from nothing.
    #[arg(long, value_name = "FILE|NAME")]
    weights: Option<PathBuf>,
    /// How to train: the name of a recipe or its file; `scratch`, or what suits the architecture where there are weights, if not
    /// given.
    #[arg(long)]
    recipe: Option<String>,
    #[command(flatten)]
    pub(crate) options: TrainingOptions,
    #[command(flatten)]
    machine: MachineOptions,
}

impl SeriesArguments {
    /// The photos.
    pub(crate) fn images(&self) -> Result<ImageFolder> {
        Ok(ImageFolder::scan_all(&self.data, self.options.alike_classes())?)
    }

    /// The recipe that the flags describe.
    pub(crate) fn recipe(&self) -> Result<Recipe> {
        self.options
            .recipe_for(&self.arch, self.weights.is_some(), self.recipe.as_deref())
    }

    /// The predictions of the test photos of a run on these photos: of the finished run in the folder, or of one that is made or
    /// gone on with.
    pub(crate) fn tested(&self, name: &str, images: ImageFolder, stop: &StopFlag) -> Result<Predictions> {
        let folder = self.out.join(name);
        let run = match Run::resume(&folder) {
            Ok(run) => run.images(images),
            Err(Error::Finished { .. }) => return finished(&folder),
            Err(Error::NotStarted { .. }) => self.begun(&folder, self.recipe()?).images(images),
            Err(error) => return Err(error.into()),
        };
        note!("{name}");
        let mut observer = (Progress::new(), stop.clone());
        let done = self.machine.applied(run).start_with(&mut observer)?;
        Ok(done.predictions)
    }

    /// A run on the photos with this recipe.
    pub(crate) fn begun(&self, folder: &Path, recipe: Recipe) -> Run {
        let run = self.options.run(&self.data, folder);
        let run = self.machine.applied(run.architecture(&self.arch).recipe(recipe));
        match &self.weights {
            Some(weights) => run.weights(weights).download_progress(download_progress(weights)),
            None => run,
        }
    }
}

fn finished(folder: &Path) -> Result<Predictions> {
    let file = folder.join("predictions.csv");
    let table = std::fs::File::open(&file).with_context(|| file.display().to_string())?;
    Predictions::read_csv(table).with_context(|| file.display().to_string())
}
