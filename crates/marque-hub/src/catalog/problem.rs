/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Two entries have one name.
    #[error("the name is taken")]
    DuplicateName,
    /// Two entries have one file name, under which the cache could keep only one of them.
    #[error("the file name {file:?} is taken")]
    DuplicateFile {
        /// The file name.
        file: String,
    },
    /// A file name could lead out of the cache.
    #[error("{file:?} is not a plain file name")]
    FileName {
        /// The file name.
        file: String,
    },
    /// An entry must have exactly one of `sha256`, `sha256_prefix`, `md5` and `hub`.
    #[error("it has {found} of sha256, sha256_prefix, md5 and hub; expected exactly one")]
    Checksums {
        /// How many it has.
        found: usize,
    },
    /// A checksum is not of the form that its kind has.
    #[error("{kind} {found:?} is not {expected} hexadecimal digits in lower case")]
    ChecksumForm {
        /// `sha256`, `sha256_prefix` or `md5`.
        kind: &'static str,
        /// What stands there.
        found: String,
        /// How many digits it should have.
        expected: &'static str,
    },
    /// A file name that carries a checksum carries another one.
    #[error("the file name {file:?} does not carry the sha256_prefix {prefix:?}")]
    Prefix {
        /// The file name.
        file: String,
        /// The prefix.
        prefix: String,
    },
    /// An entry must have `urls` or `wheel`, and not both.
    #[error("it needs either urls or a wheel")]
    Source,
    /// An address is not one that this library fetches from.
    #[error("{url:?} does not start with https:// or file://")]
    Url {
        /// The address.
        url: String,
    },
    /// An entry refers to a table that is not there.
    #[error("there is no [{table}.{name}]")]
    NoTable {
        /// `licences` or `preprocessing`.
        table: &'static str,
        /// The name that is missing there.
        name: String,
    },
    /// A wheel's member cannot be checked.
    #[error("a wheel's member needs bytes and sha256")]
    Member,
}
