use std::borrow::Cow;

/// What is wrong with an HDF5 file. Offsets are those of bytes in the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Hdf5Error {
    #[error("not an HDF5 file: it has no signature")]
    NotHdf5,
    #[error("byte {offset}: the {what} needs {needed} bytes, {found} are there")]
    Truncated {
        what: &'static str,
        offset: u64,
        needed: u64,
        found: u64,
    },
    #[error("byte {offset}: {problem}")]
    Malformed { offset: u64, problem: Cow<'static, str> },
    #[error("byte {offset}: the checksum of the {what} is wrong")]
    Checksum { what: &'static str, offset: u64 },
    #[error("byte {offset}: {feature} is not supported")]
    Unsupported { feature: Cow<'static, str>, offset: u64 },
    /// The guard against small files that unfold into endless work.
    #[error("reading its {what} would take more than {limit} bytes")]
    TooMuch { what: &'static str, limit: u64 },
    #[error("link points back to an ancestor")]
    Cycle,
    #[error("nested more than {limit} levels deep")]
    TooDeep { limit: usize },
    #[error("there is no {name:?}")]
    Missing { name: String },
    #[error("expected a {expected}")]
    WrongKind { expected: &'static str },
    #[error("{kind} {path}: {source}")]
    In {
        kind: &'static str,
        path: String,
        source: Box<Hdf5Error>,
    },
}

impl Hdf5Error {
    pub(super) fn malformed(offset: usize, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed {
            offset: offset as u64,
            problem: problem.into(),
        }
    }

    pub(super) fn unsupported(offset: usize, feature: impl Into<Cow<'static, str>>) -> Self {
        Self::Unsupported {
            feature: feature.into(),
            offset: offset as u64,
        }
    }

    /// Says in which object the error is, unless it says so already.
    pub(super) fn within(self, kind: &'static str, path: &str) -> Self {
        match self {
            Self::In { .. } => self,
            source => Self::In {
                kind,
                path: path.to_owned(),
                source: Box::new(source),
            },
        }
    }
}
