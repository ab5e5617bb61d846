use std::path::PathBuf;

/// Why a browser cannot be started, or does not do what it is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program does not start.
    #[error("cannot start {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file or folder cannot be made or read.
    #[error("cannot use {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The browser has ended.
    #[error("the browser ended before it answered {method}; its last words: {last_words}")]
    Ended {
        /// What it was asked or waited for.
        method: String,
        /// The end of its standard error.
        last_words: String,
    },
    /// The browser does not answer.
    #[error("no answer to {method} within {seconds} s")]
    Timeout {
        /// What it was asked or waited for.
        method: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The browser answers with an error.
    #[error("{method}: {message}")]
    Refused {
        /// What it was asked.
        method: String,
        /// What it says.
        message: String,
    },
    /// The browser's answer lacks what the protocol promises.
    #[error("{method}: expected {expected}, found {found}")]
    Answer {
        /// What it was asked.
        method: String,
        /// What should be there.
        expected: &'static str,
        /// The answer.
        found: String,
    },
    /// A script has thrown.
    #[error("the script has thrown: {message}")]
    Script {
        /// What it has thrown.
        message: String,
    },
    /// A page cannot be opened.
    #[error("cannot open {}: {message}", path.display())]
    Open {
        /// The page's file.
        path: PathBuf,
        /// What the browser says.
        message: String,
    },
}
