use std::borrow::Cow;

/// What is wrong with an HDF5 file, or with what was asked of it. Offsets are those of bytes in the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No superblock is where one may be.
    #[error("not an HDF5 file: it has no signature")]
    NotHdf5,
    /// A structure reaches beyond the end of the file, or of the structure that it lies in.
    #[error("byte {offset}: the {what} needs {needed} bytes, {found} are there")]
    Truncated {
        /// The structure.
        what: &'static str,
        /// Where it begins, or where in it the file ends.
        offset: u64,
        /// Bytes that it needs from there.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A structure contradicts the specification or the rest of the file.
    #[error("byte {offset}: {problem}")]
    Malformed {
        /// Where it is.
        offset: u64,
        /// What is wrong with it.
        problem: Cow<'static, str>,
    },
    /// A structure has changed since it was written.
    #[error("byte {offset}: the checksum of the {what} is wrong")]
    Checksum {
        /// The structure.
        what: &'static str,
        /// Where it begins.
        offset: u64,
    },
    /// The file is sound as far as can be seen, but has something that is not read.
    #[error("byte {offset}: {feature} is not supported")]
    Unsupported {
        /// What is not read.
        feature: Cow<'static, str>,
        /// Where it is.
        offset: u64,
    },
    /// The guard against small files that unfold into endless work.
    #[error("reading its {what} would take more than {limit} bytes")]
    TooMuch {
        /// The structure or the contents.
        what: &'static str,
        /// What may be read or decoded in all.
        limit: u64,
    },
    /// A group is a member of itself, directly or by way of others.
    #[error("link points back to an ancestor")]
    Cycle,
    /// Groups are nested too deeply.
    #[error("nested more than {limit} levels deep")]
    TooDeep {
        /// The most levels that are followed.
        limit: usize,
    },
    /// A group has no member of this name.
    #[error("there is no {name:?}")]
    Missing {
        /// The name that was asked for.
        name: String,
    },
    /// A group was asked for where a dataset is, or the other way round.
    #[error("expected a {expected}")]
    WrongKind {
        /// What was asked for.
        expected: &'static str,
    },
    /// Where in the file the error is.
    #[error("{kind} {path}: {source}")]
    In {
        /// `group`, `dataset`, `attribute`, or `object` where that is not known yet.
        kind: &'static str,
        /// Its path from the root, with a leading slash; of an attribute, the object's path, `@` and the attribute's name.
        path: String,
        /// What is wrong there.
        source: Box<Error>,
    },
}

impl Error {
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
