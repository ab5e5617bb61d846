use crate::{ImageSize, Shape};

/// Why a graph cannot be built, or not be run on an input of some size. Every variant that concerns a node
/// names it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two nodes of one name, or with a parameter of one name: parameters could not be told apart.
    #[error("two nodes are called {node:?}, or have parameters of one name; names must be unique")]
    DuplicateNode {
        /// The name in question.
        node: String,
    },
    /// A name was asked for that no node has.
    #[error("there is no node {node:?} in {graph:?}")]
    UnknownNode {
        /// The name that was asked for.
        node: String,
        /// The graph's name.
        graph: String,
    },
    /// A node refers to one that does not come before it.
    #[error(
        "node {node:?} takes its input from node number {input}, but only {available} nodes come before it"
    )]
    UnknownInput {
        /// The node with the bad reference.
        node: String,
        /// The position it refers to.
        input: usize,
        /// How many nodes there are before it.
        available: usize,
    },
    /// A node got more or fewer inputs than its operation takes.
    #[error("node {node:?} ({op}) takes {expected} inputs, got {found}")]
    InputCount {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// How many inputs the operation takes, in words.
        expected: &'static str,
        /// How many it got.
        found: usize,
    },
    /// The channels (or features) that arrive are not those the node was made for.
    #[error("node {node:?} ({op}) expects {expected} channels or features, got {found}")]
    ChannelMismatch {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// What it was made for.
        expected: usize,
        /// What arrives.
        found: usize,
    },
    /// The inputs of an addition differ in shape, or those of a concatenation in height or width.
    #[error("node {node:?} ({op}) joins shapes {first} and {other}, which do not fit")]
    ShapeMismatch {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// Shape of the first input.
        first: Shape,
        /// Shape of the input that differs.
        other: Shape,
    },
    /// An operation on feature maps got a vector, or the other way round.
    #[error("node {node:?} ({op}) takes {expected}, got shape {found}")]
    WrongRank {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// What the operation takes, in words.
        expected: &'static str,
        /// What it got.
        found: Shape,
    },
    /// The feature map is smaller than the window that should slide over it.
    #[error(
        "node {node:?} ({op}): a window of {window} pixels does not fit into {found} (padding included); \
         an input of {input} is too small for this network"
    )]
    InputTooSmall {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// Height and width of the window in pixels, dilation included.
        window: ImageSize,
        /// Height and width of what it slides over, padding included.
        found: ImageSize,
        /// The input size of the whole network.
        input: ImageSize,
    },
    /// A node's attribute is impossible, whatever its input.
    #[error("node {node:?} ({op}): {attribute} must be {expected}, got {found}")]
    InvalidAttribute {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// The attribute's name.
        attribute: &'static str,
        /// What it may be, in words.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// Sizes that no memory holds: the arithmetic itself would overflow.
    #[error("node {node:?}: its size overflows a machine word")]
    Overflow {
        /// The node.
        node: String,
    },
    /// A graph without an input, or with nothing in it.
    #[error("the graph {graph:?} must begin with exactly one input node")]
    NoInput {
        /// The graph's name.
        graph: String,
    },
    /// A node that is kept in another graph reads one that is not.
    #[error("node {node:?} reads {input:?}, which was left out")]
    LeftOut {
        /// The kept node, or `output`.
        node: String,
        /// What it reads.
        input: String,
    },
    /// Another head, a place to freeze the network up to, or an explanation was asked for where no feature maps are marked.
    #[error(
        "{graph:?} does not say which node has its last feature maps; another head, fine-tuning and \
         explanations need them"
    )]
    NoFeatures {
        /// The graph's name.
        graph: String,
    },
    /// Another number of classes was asked for of a graph that does not end in a linear layer.
    #[error("{graph:?} ends in node {node:?} ({op}); only a linear layer takes another number of classes")]
    NoClassifier {
        /// The graph's name.
        graph: String,
        /// The node where it ends.
        node: String,
        /// Its operation.
        op: &'static str,
    },
    /// Class activation maps were asked for of a network whose classifier is more than a mean over all places and a linear layer.
    #[error(
        "{graph:?}: node {node:?} ({op}) stands between the last feature maps and the logits; class activation maps need a mean \
         over all places and one linear layer there"
    )]
    NoClassMaps {
        /// The graph's name.
        graph: String,
        /// The node in the way.
        node: String,
        /// Its operation.
        op: &'static str,
    },
    /// No architecture of this name is known.
    #[error("no architecture is called {name:?}; the nearest names are {nearest}; known are {known}")]
    UnknownArchitecture {
        /// The name that was asked for.
        name: String,
        /// The known names that differ from it least.
        nearest: String,
        /// All known names.
        known: String,
    },
    /// An option that the architecture does not have.
    #[error("{architecture:?}: {option} must be {expected}, got {found}")]
    InvalidOption {
        /// The architecture's name.
        architecture: String,
        /// The option.
        option: &'static str,
        /// What it may be, in words.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}
