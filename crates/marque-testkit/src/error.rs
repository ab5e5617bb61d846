use std::path::PathBuf;

/// Why a golden file cannot be read, or a reference kernel not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not there or cannot be read.
    #[error("cannot read {}; `cargo xtask goldens` makes it", path.display())]
    Read {
        /// The golden file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is not in safetensors format.
    #[error("{} is not a safetensors file", path.display())]
    Parse {
        /// The golden file.
        path: PathBuf,
        /// What the parser says.
        source: safetensors::SafeTensorError,
    },
    /// The file lacks a tensor.
    #[error("{} holds no tensor {name:?}; it holds {}", path.display(), available.join(", "))]
    MissingTensor {
        /// The golden file.
        path: PathBuf,
        /// The name that was asked for.
        name: String,
        /// The names that it has, sorted.
        available: Vec<String>,
    },
    /// A tensor's numbers are not of a type that can be answered without loss.
    #[error("tensor {name:?} of {} is of type {found}, expected {expected}", path.display())]
    DataType {
        /// The golden file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The types that would do.
        expected: &'static str,
        /// The type that it has.
        found: String,
    },
    /// The shapes that a reference kernel got do not fit each other.
    #[error("{operation}: expected {expected}, got {found}")]
    Shape {
        /// The kernel.
        operation: &'static str,
        /// What would fit.
        expected: String,
        /// What came.
        found: String,
    },
}
