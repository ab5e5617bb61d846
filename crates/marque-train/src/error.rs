use marque_core::{HashError, SettingError};
use marque_data::BadFile;
use marque_torch::without_frames;
use std::path::PathBuf;

/// What can go wrong between prepared data and a trained model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Photos, folders, splits.
    #[error(transparent)]
    Data(#[from] marque_data::Error),
    /// The network.
    #[error(transparent)]
    Torch(#[from] marque_torch::Error),
    /// A checkpoint.
    #[error(transparent)]
    Weights(#[from] marque_weights::Error),
    /// Predictions that make no sense.
    #[error(transparent)]
    Metrics(#[from] marque_metrics::Error),
    /// The graph.
    #[error(transparent)]
    Graph(#[from] marque_arch::Error),
    /// The other processes of the training.
    #[error(transparent)]
    Group(#[from] marque_dist::Error),
    /// What another process gave cannot be read.
    #[error("what another process gave cannot be read: {reason}")]
    Gathered {
        /// What is wrong with it.
        reason: String,
    },
    /// The processes were not started for the same training.
    #[error("rank {rank} is to do another training than rank 0: its {what} is {found}, not {expected}")]
    OtherRank {
        /// The process.
        rank: usize,
        /// What differs.
        what: &'static str,
        /// What rank 0 has.
        expected: String,
        /// What it has.
        found: String,
    },
    /// LibTorch refused a step of training.
    #[error("LibTorch failed in {place}: {source}")]
    LibTorch {
        /// The step.
        place: &'static str,
        /// What LibTorch said.
        source: tch::TchError,
    },
    /// The loss is infinite or not a number: the learning rate is too high, or a photo or weight is broken.
    #[error(
        "the loss is {loss} and the norm of its gradients {gradient_norm} in epoch {epoch}, step {step}, at a learning rate of \
         {learning_rate}; the photos of the step: {photos}"
    )]
    NonFiniteLoss {
        /// The loss.
        loss: f64,
        /// The norm of the gradients.
        gradient_norm: f64,
        /// The epoch, from 1.
        epoch: u32,
        /// The step in the epoch, from 1.
        step: usize,
        /// The learning rate of the step.
        learning_rate: f64,
        /// Paths of the photos in the batch.
        photos: String,
    },
    /// The loss of the validation photos is infinite or not a number, although that of the training photos was not: the
    /// network overflows in evaluation mode, or its running statistics are broken.
    #[error(
        "the validation loss is {loss} in epoch {epoch}, at a learning rate of {learning_rate}, over {photos} photos; the \
         training loss of the epoch was {train_loss}"
    )]
    NonFiniteValidationLoss {
        /// The loss.
        loss: f64,
        /// The epoch, from 1.
        epoch: u32,
        /// The learning rate of the epoch's last step.
        learning_rate: f64,
        /// The mean training loss of the epoch.
        train_loss: f64,
        /// Photos that were measured.
        photos: usize,
    },
    /// There is nothing to learn from or to measure, because no photo can be read.
    #[error("none of the {photos} photos of the {part} part can be read; the first is {first}")]
    NothingReadable {
        /// `training`, or `evaluation` for what a network is measured on.
        part: &'static str,
        /// How many there are.
        photos: usize,
        /// The first of them, and why it cannot be read.
        first: String,
    },
    /// A setting out of its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A name that no setting of a recipe has.
    #[error("there is no setting {setting:?}; did you mean {nearest:?}?")]
    UnknownSetting {
        /// The name.
        setting: String,
        /// The setting whose name is nearest to it.
        nearest: String,
    },
    /// A setting in a file.
    #[error("the recipe {}: {source}", path.display())]
    InRecipe {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<Error>,
    },
    /// What kept features depend on cannot be told in a form that is hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No recipe of this name.
    #[error("no recipe is called {name:?}; known are {known}")]
    UnknownRecipe {
        /// The name that was asked for.
        name: String,
        /// All known names.
        known: String,
    },
    /// A file of a recipe cannot be read or written, or is none.
    #[error("the recipe {}: {source}", path.display())]
    RecipeFile {
        /// The file.
        path: PathBuf,
        /// What the file system said, or the reader of JSON.
        source: std::io::Error,
    },
    /// A file of a search space cannot be read, or is none.
    #[error("the search space {}: {source}", path.display())]
    SearchSpaceFile {
        /// The file.
        path: PathBuf,
        /// What the file system said, or the reader of TOML or JSON.
        source: std::io::Error,
    },
    /// A part of the data that is needed has no photos.
    #[error("the {part} part of {} has no photos", folder.display())]
    EmptyPart {
        /// `training`, `validation` or `test`.
        part: &'static str,
        /// The data folder.
        folder: PathBuf,
    },
    /// A photo is not what it was when the training began.
    #[error(
        "{} has changed since the training began: it was {expected}, and is {found}; with the photos as they were the training can \
         go on, with others it is another one",
        path.display()
    )]
    PhotoChanged {
        /// The photo.
        path: PathBuf,
        /// Its size when the training began.
        expected: String,
        /// Its size now.
        found: String,
    },
    /// A state that no training can go on from.
    #[error("{tensor} has an infinite number or one that is none: what was kept before is left as it is")]
    NonFiniteState {
        /// The tensor's name in the state.
        tensor: String,
    },
    /// A file that is no state of a training.
    #[error("{} is no state of a training: {reason}", path.display())]
    StateFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A state is one of another training.
    #[error(
        "the state is one of another training: its {what} is {found}, not {expected}; go on with what it was made with, or begin \
         anew without it"
    )]
    OtherTraining {
        /// What differs.
        what: &'static str,
        /// What this training has.
        expected: String,
        /// What the state's has.
        found: String,
    },
    /// A state lacks something, or has it in another shape.
    #[error("the state of the training is damaged: {what}")]
    DamagedState {
        /// What is missing or wrong.
        what: String,
    },
    /// What an observer did has failed.
    #[error(transparent)]
    Observer(Box<dyn std::error::Error + Send + Sync>),
    /// It was asked to stop before training began. The features computed so far are kept.
    #[error("stopped before training began")]
    Interrupted,
    /// The folder of kept features cannot be used.
    #[error("cannot keep features in {}: {source}", folder.display())]
    FeatureFolder {
        /// The folder.
        folder: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The network's logits are not one per class.
    #[error("the network answers with {found} logits for {expected} classes")]
    ClassCount {
        /// Number of classes.
        expected: usize,
        /// Length of the logits.
        found: usize,
    },
    /// An optimiser was given the gradients of other parameters than those that it was made for.
    #[error(
        "the optimiser was made for {expected} parameters and got gradients of {found}, or of others: make a new one \
         when other nodes are trained"
    )]
    ForeignGradients {
        /// How many parameters it changes.
        expected: usize,
        /// How many gradients it got.
        found: usize,
    },
}

impl Error {
    /// The failure of something that an [`Observer`](crate::Observer) did, which ends the training.
    pub fn observer(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Observer(Box::new(source))
    }

    /// Of a pass over the data in which all photos were left out.
    pub(crate) fn nothing_readable(part: &'static str, photos: usize, skipped: &[BadFile]) -> Self {
        let first = skipped.first().map_or_else(
            || "not known".to_owned(),
            |bad| format!("{}: {}", bad.path.display(), bad.reason),
        );
        Self::NothingReadable { part, photos, first }
    }
}

/// Adds the step to an error of LibTorch.
pub(crate) trait During<T> {
    fn during(self, place: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for Result<T, tch::TchError> {
    fn during(self, place: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::LibTorch {
            place,
            source: without_frames(source),
        })
    }
}
