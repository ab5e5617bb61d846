use std::fmt;

/// What can go wrong when a graph is run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A device was asked for that is not there.
    #[error("device {requested} is not available: {reason}")]
    NoDevice {
        /// What was asked for.
        requested: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// A text that names no device.
    #[error("{found:?} is not a device; expected cpu, cuda or cuda:N")]
    UnknownDevice {
        /// The text.
        found: String,
    },
    /// LibTorch refused an operation.
    #[error("LibTorch failed in {place}: {source}")]
    LibTorch {
        /// The node, parameter or step that was being worked on.
        place: String,
        /// What LibTorch said.
        source: tch::TchError,
    },
    /// A pass was to start from outputs of nodes on which its end does not wholly depend.
    #[error(
        "the pass needs the images, too: the outputs of {given} do not cover all that its end depends on"
    )]
    Uncovered {
        /// The nodes whose outputs were given.
        given: String,
    },
    /// In training a batch norm would get one value per channel, of which there is no variance: its running variance would
    /// be no number from then on. Nothing has been changed.
    #[error(
        "{node}: a batch norm cannot be trained on one value per channel, and its input is 1×{channels}×1×1; give it batches \
         of at least 2 photos or larger photos, or freeze it"
    )]
    SingleValue {
        /// The batch norm.
        node: String,
        /// Its channels.
        channels: usize,
    },
    /// The graph itself is at fault, or does not fit the input.
    #[error(transparent)]
    Graph(#[from] marque_arch::Error),
    /// The checkpoint does not fit the graph.
    #[error(transparent)]
    Weights(#[from] marque_weights::Error),
    /// A tensor of another shape or type than the operation takes.
    #[error("{place} expects {expected}, got {found}")]
    WrongTensor {
        /// Where the tensor was given.
        place: &'static str,
        /// What was expected, in words.
        expected: String,
        /// The tensor's shape or type.
        found: String,
    },
}

/// Adds the place to an error of LibTorch.
pub(crate) trait At<T> {
    fn at(self, place: impl fmt::Display) -> Result<T, Error>;
}

impl<T> At<T> for Result<T, tch::TchError> {
    fn at(self, place: impl fmt::Display) -> Result<T, Error> {
        self.map_err(|source| Error::LibTorch {
            place: place.to_string(),
            source: without_frames(source),
        })
    }
}

/// What LibTorch says without the account of its stack, fifty lines that tell a user nothing.
pub fn without_frames(error: tch::TchError) -> tch::TchError {
    match error {
        tch::TchError::Torch(text) => {
            let said = text.split("\nframe #").next().unwrap_or_default();
            tch::TchError::Torch(said.trim_end().to_owned())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_the_stack_are_not_told() {
        let text = "can't allocate memory\nError code 12\nframe #0: c10::alloc_cpu\nframe #1: main\n";
        let failed: Result<(), _> = Err(tch::TchError::Torch(text.to_owned()));
        let said = failed.at("conv1").unwrap_err().to_string();
        assert_eq!(
            said,
            "LibTorch failed in conv1: Internal torch error: can't allocate memory\nError code 12"
        );
    }
}
