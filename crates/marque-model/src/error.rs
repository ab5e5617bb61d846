use std::path::PathBuf;

/// What can go wrong with a model file and the photos that it is asked about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A photo, or the preprocessing that the card asks for.
    #[error(transparent)]
    Data(#[from] marque_data::Error),
    /// The file, or its weights.
    #[error(transparent)]
    Weights(#[from] marque_weights::Error),
    /// The graph.
    #[error(transparent)]
    Graph(#[from] marque_arch::Error),
    /// What runs the network.
    #[error(transparent)]
    Engine(Box<dyn std::error::Error + Send + Sync>),
    /// A `.safetensors` file that is not a model of marque.
    #[error("{} is not a model of marque: {reason}", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// The network's logits are not one per class.
    #[error("the network answers with {found} logits for {expected} classes")]
    ClassCount {
        /// Number of classes.
        expected: usize,
        /// Length of the logits.
        found: usize,
    },
    /// Photos to be computed together that a model has not looked at in one way, or none at all.
    #[error("look {look} expects images of one size, at least one of them; got {found}")]
    OtherLooks {
        /// Which look, from 0.
        look: usize,
        /// The photos' sizes.
        found: String,
    },
    /// An ensemble of no model.
    #[error("an ensemble needs a model at least")]
    NoModels,
    /// Models of an ensemble or a mean that know different classes.
    #[error("a model knows the classes {found}; the first one knows {expected}")]
    OtherClasses {
        /// The classes of the first model.
        expected: String,
        /// Those of another.
        found: String,
    },
    /// Models whose weights have no mean, because they are of different networks.
    #[error("{} is of another network than the first model: its {what}", path.display())]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
    },
}

impl Error {
    pub(crate) fn engine(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Engine(Box::new(error))
    }
}
