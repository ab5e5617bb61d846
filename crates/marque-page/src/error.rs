/// Why a model cannot be loaded, or a photo not be classified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model file, or what it says of a photo.
    #[error(transparent)]
    Model(#[from] marque_model::Error),
    /// The photo's pixels.
    #[error(transparent)]
    Photo(#[from] marque_data::Error),
    /// A photo was given before a model.
    #[error("no model is loaded")]
    NoModel,
    /// The model's answer is infinite or no number: its weights are damaged, or not for such photos.
    #[error("the model answers with a probability that is no number for class {class:?}")]
    NoNumber {
        /// The first class that it is so for.
        class: String,
    },
}
