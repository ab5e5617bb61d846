use std::path::PathBuf;

/// What can go wrong in a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Photos, and folders for results.
    #[error(transparent)]
    Data(#[from] marque_data::Error),
    /// Training, evaluation and prediction.
    #[error(transparent)]
    Train(#[from] marque_train::Error),
    /// The other processes of the run.
    #[error(transparent)]
    Group(#[from] marque_dist::Error),
    /// The network.
    #[error(transparent)]
    Torch(#[from] marque_torch::Error),
    /// The architecture.
    #[error(transparent)]
    Graph(#[from] marque_arch::Error),
    /// The model file.
    #[error(transparent)]
    Model(#[from] marque_model::Error),
    /// Results that make no sense.
    #[error(transparent)]
    Metrics(#[from] marque_metrics::Error),
    /// The run folder.
    #[error(transparent)]
    Report(#[from] marque_report::Error),
    /// An ONNX file with pretrained weights.
    #[error(transparent)]
    Onnx(#[from] marque_onnx::Error),
    /// The file of the pretrained weights.
    #[error("in {}: {source}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: marque_weights::Error,
    },
    /// Weights that are neither a file nor a name that marque knows.
    #[error("there is no file {name}, and it is no name of official weights: {source}")]
    UnknownWeights {
        /// What was asked for.
        name: String,
        /// The names that are near to it.
        source: marque_hub::Error,
    },
    /// A folder without a run.
    #[error("no run was begun in {}: it has no start.json", folder.display())]
    NotStarted {
        /// The folder.
        folder: PathBuf,
    },
    /// A run that is done: there is nothing to go on with.
    #[error("the run in {} is finished", folder.display())]
    Finished {
        /// Its folder.
        folder: PathBuf,
    },
    /// A new run would overwrite one that is not finished.
    #[error(
        "{} has a run that is not finished: go on with it, begin anew in its place if it may be lost, or choose another folder",
        folder.display()
    )]
    Unfinished {
        /// Its folder.
        folder: PathBuf,
    },
    /// A run folder in which another process is at work.
    #[error("the run folder {} cannot be used: {source}", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
        /// Who is at work there, or what the file system said.
        source: std::io::Error,
    },
    /// What a run was started with cannot be told or read.
    #[error("in {}: {reason}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A search in whose folder another one is.
    #[error("{} is of another search: go on with the same space, recipe, seed and trials, or choose another folder", path.display())]
    OtherSearch {
        /// What is kept of it.
        path: PathBuf,
    },
    /// A search among recipes without photos to measure them on.
    #[error("there are no validation photos to measure trials on: ask for a share of them with --validation")]
    NoValidation,
    /// The photos of a run that is gone on with were listed by its caller and have not been given again.
    #[error("the photos of this run were listed by the program that began it: it has to list them again")]
    NoPhotos,
    /// The run was left before its end, and can be gone on with.
    #[error("the run in {} was left before its end; it can be gone on with", folder.display())]
    Interrupted {
        /// Its folder.
        folder: PathBuf,
    },
    /// A log that is needed cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// Something that TensorBoard cannot be told.
    #[error(transparent)]
    TensorBoard(marque_tensorboard::Error),
    /// Official weights that cannot be had.
    #[error(transparent)]
    Download(#[from] marque_hub::Error),
    /// Official weights, in a program that cannot fetch any.
    #[error(
        "{name} are official weights, and this program was built without the feature `download` that fetches them"
    )]
    NoDownload {
        /// Their name.
        name: String,
    },
}

/// What the file system refuses is told like that of every other log.
impl From<marque_tensorboard::Error> for Error {
    fn from(error: marque_tensorboard::Error) -> Self {
        match error {
            marque_tensorboard::Error::Folder { path, source }
            | marque_tensorboard::Error::Write { path, source } => Self::Log { path, source },
            other => Self::TensorBoard(other),
        }
    }
}
