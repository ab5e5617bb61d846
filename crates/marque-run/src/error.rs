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
