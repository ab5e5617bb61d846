use super::pickle::PickleError;
use crate::archive::ArchiveError;
use crate::source::Source;
use crate::{Error, Format};

/// What can be wrong with a PyTorch checkpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TorchError {
    #[error(transparent)]
    Pickle(#[from] PickleError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("its byte order is called {found:?}, expected \"little\" or \"big\"")]
    ByteOrder { found: String },
    #[error("its stream has {found} where {expected} belongs")]
    Stream { expected: &'static str, found: String },
    #[error("it ends within the numbers of storage {key:?}, at byte {offset}")]
    Truncated { key: String, offset: usize },
    #[error(
        "it holds {found} and no dictionary of tensors; save the network's state with torch.save(model.state_dict(), path)"
    )]
    NoStateDict { found: String },
    #[error(
        "its entry {name:?} is {found} where a tensor belongs; convert it to a plain tensor and save the state dict again"
    )]
    NotATensor { name: String, found: String },
    #[error(
        "its module {name:?} is {found}, whose parameters cannot be seen; save the network's state with \
         torch.save(model.state_dict(), path)"
    )]
    NotAModule { name: String, found: String },
    #[error("tensor {name:?}: {source}")]
    Tensor { name: String, source: TensorError },
    #[error("its values hold each other {limit} deep")]
    TooDeep { limit: usize },
    #[error("its dictionaries have more entries or longer names than any network's")]
    TooMany,
}

/// What can be wrong with one tensor.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TensorError {
    #[error("its {what} is not written as PyTorch writes it")]
    Malformed { what: &'static str },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("the file has no storage {key:?}")]
    NoStorage { key: String },
    #[error("its storage {key:?} should have {claimed} bytes and has {found}")]
    StorageSize {
        key: String,
        claimed: usize,
        found: usize,
    },
    #[error(
        "shape {shape:?} with strides {strides:?} from {offset} on does not lie within its storage of {numbers} numbers"
    )]
    Outside {
        shape: Vec<usize>,
        strides: Vec<usize>,
        offset: usize,
        numbers: usize,
    },
    #[error("shape {shape:?} with strides {strides:?} repeats its storage's {numbers} numbers")]
    Repeats {
        shape: Vec<usize>,
        strides: Vec<usize>,
        numbers: usize,
    },
    #[error("its storage takes more memory than a file of this size can ask for")]
    TooLarge,
    #[error("it is of type {found}")]
    Unsupported { found: String },
}

impl TorchError {
    /// The error of the crate, with the file's name.
    pub(super) fn of(self, source: &Source, format: Format) -> Error {
        match self {
            TorchError::Tensor {
                name: tensor,
                source: TensorError::Unsupported { found },
            } => Error::UnsupportedType {
                path: source.path.clone(),
                tensor,
                found,
            },
            error => source.malformed(format, error),
        }
    }
}

/// The beginning of a text out of the file, for an error.
pub(super) fn short(text: &str) -> String {
    const MAX_CHARACTERS: usize = 200;
    text.chars().take(MAX_CHARACTERS).collect()
}
