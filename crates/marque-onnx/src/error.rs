use std::fmt;
use std::path::PathBuf;

/// What can go wrong with an ONNX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The file is damaged, is no ONNX file, or holds what such a file must not hold.
    #[error("{} is not a sound ONNX file: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is sound, but its network is none that a graph of marque can say.
    #[error("{}: {lacks}", path.display())]
    Lacking {
        /// The file.
        path: PathBuf,
        /// All that a graph cannot say.
        lacks: Lacks,
    },
    /// The weights do not fit the graph.
    #[error(transparent)]
    Weights(#[from] marque_weights::Error),
    /// The graph is at fault, or does not fit the size of the images.
    #[error(transparent)]
    Graph(#[from] marque_arch::Error),
    /// A node that can be written for images of one size alone.
    #[error(
        "node {node:?} ({op}) can be written to an ONNX file for images of one size only; say which, as \
         ExportOptions::image_size"
    )]
    SizeNeeded {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
    },
    /// A setting of an export that cannot be.
    #[error("{setting} must be {expected}, got {found}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A file would be larger than the format allows, 2 GiB.
    #[error("an ONNX file of this network would have {bytes} bytes; the format ends at {most}")]
    TooLarge {
        /// How many it would have.
        bytes: u64,
        /// How many it may have.
        most: u64,
    },
}

/// All nodes of an ONNX file that a graph cannot say, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacks(pub Vec<Lack>);

/// A node of an ONNX file that a graph cannot say, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The node's name, or that of its first output where it has none.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// What is lacking.
    pub reason: String,
}

/// How many nodes an error's text names; all of them are in the list.
const MOST_SHOWN: usize = 20;

impl fmt::Display for Lacks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "marque lacks what {} of its nodes do", self.0.len())?;
        for lack in self.0.iter().take(MOST_SHOWN) {
            write!(
                formatter,
                "; {:?} ({}): {}",
                lack.node, lack.operator, lack.reason
            )?;
        }
        match self.0.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(formatter, "; and {more} more"),
        }
    }
}

/// What is wrong with a file: the sources of [`Error::Malformed`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Wire(#[from] crate::proto::WireError),
    #[error("it has no version of the format, or no graph, and is some other file")]
    NoModel,
    #[error("it is made for version {found} of ONNX's operators; {least} to {most} are read")]
    Opset { found: u64, least: u64, most: u64 },
    #[error("tensor {tensor:?} has the shape {dims:?}, which no memory holds")]
    Dims { tensor: String, dims: Vec<i64> },
    #[error("tensor {tensor:?} has {found} bytes of numbers; its shape {dims:?} needs {expected}")]
    Length {
        tensor: String,
        dims: Vec<usize>,
        expected: usize,
        found: usize,
    },
    #[error("tensor {tensor:?} has numbers of type {found}, which are not read")]
    DataType { tensor: String, found: u64 },
    #[error("tensor {tensor:?} is a part of one, which is not read")]
    Segment { tensor: String },
    #[error("tensor {tensor:?} lies in {location:?}; {reason}")]
    External {
        tensor: String,
        location: String,
        reason: String,
    },
    #[error("two values are called {value:?}")]
    TwoValues { value: String },
    #[error("node {node:?} reads {value:?}, which no node before it and no input gives")]
    NoValue { node: String, value: String },
    #[error("it takes {found} inputs, expected one: {names:?}")]
    Inputs { found: usize, names: Vec<String> },
    #[error("it has {found} outputs, expected one that is a classifier's: {names:?}")]
    Outputs { found: usize, names: Vec<String> },
    #[error("its input {input:?} has the shape {found}, expected images: N×C×H×W or N×H×W×C")]
    InputShape { input: String, found: String },
    #[error("its input {input:?} has numbers of type {found}, expected floats or bytes")]
    InputType { input: String, found: u64 },
    #[error("its output {output:?} is a constant")]
    ConstantOutput { output: String },
    #[error("computing its constants beforehand would take more than {most} bytes, at node {node:?}")]
    Budget { node: String, most: usize },
}
