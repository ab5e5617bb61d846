use std::io;
use std::path::PathBuf;

/// Why an event cannot be written. The file is then as it was before the call, unless the file system refuses even that.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder cannot be made or listed.
    #[error("cannot make or read the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },

    /// The file cannot be made or written to.
    #[error("cannot write {}", path.display())]
    Write {
        /// The event file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },

    /// Something has no name, or one of spaces, and could not be found in TensorBoard.
    #[error("{what} has no name: expected more than spaces")]
    EmptyName {
        /// What has none: a value, a metric, a hyper-parameter.
        what: &'static str,
    },

    /// A step is larger than TensorBoard can count.
    #[error("step {found} is too large: expected at most {limit}")]
    Step {
        /// The step.
        found: u64,
        /// The largest one, 2⁶³ − 1.
        limit: u64,
    },

    /// An image is no PNG with a size.
    #[error("the image {tag:?} is no PNG with a size, but {found} bytes of something else")]
    NotPng {
        /// The tag that it was to have.
        tag: String,
        /// How many bytes there are.
        found: usize,
    },

    /// A hyper-parameter is infinite or not a number, which TensorBoard cannot list.
    #[error("the hyper-parameter {name:?} is {found}: expected a finite number")]
    NotFinite {
        /// Its name.
        name: String,
        /// The value.
        found: f64,
    },

    /// Two hyper-parameters or two attributes of a node have the same name.
    #[error("the name {name:?} occurs more than once in one list")]
    DuplicateName {
        /// The name.
        name: String,
    },

    /// A graph has no nodes.
    #[error("expected a graph with at least one node, found none")]
    EmptyGraph,

    /// TensorBoard would take a node's name for something else.
    #[error(
        "{name:?} cannot be the name of a node: expected letters, digits, `_`, `.` and `-`, in parts between `/`, the first of \
         which begins with a letter, a digit or `.`"
    )]
    NodeName {
        /// The name.
        name: String,
    },

    /// Two nodes of a graph have the same name.
    #[error("the graph has more than one node {name:?}")]
    DuplicateNode {
        /// The name.
        name: String,
    },

    /// A node takes the output of a node that the graph lacks.
    #[error("the node {node:?} takes the output of {input:?}, which is not in the graph")]
    UnknownInput {
        /// The node.
        node: String,
        /// The name of its input.
        input: String,
    },

    /// A size in a node's output shape is below −1.
    #[error("an output size of the node {node:?} is {found}: expected 0 or more, or -1 for any")]
    OutputSize {
        /// The node.
        node: String,
        /// The size.
        found: i64,
    },
}

/// `Ok` for a name that shows.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        Err(Error::EmptyName { what })
    } else {
        Ok(())
    }
}

/// `Ok` if no name is there twice.
pub(crate) fn check_distinct<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::DuplicateName {
                name: name.to_owned(),
            });
        }
    }
    Ok(())
}
