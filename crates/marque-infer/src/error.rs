/// What can go wrong when a graph is run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The graph itself is at fault, or does not fit the input.
    #[error(transparent)]
    Graph(#[from] marque_arch::Error),
    /// The checkpoint does not fit the graph.
    #[error(transparent)]
    Weights(#[from] marque_weights::Error),
    /// There is no memory, or the processor lacks the instruction set that was asked for.
    #[error(transparent)]
    Kernels(#[from] marque_kernels::Error),
    /// A pass would take more memory than [`SessionOptions::most_working_bytes`](crate::SessionOptions::most_working_bytes).
    #[error("a pass takes {bytes} bytes of working memory; at most {most} are allowed")]
    TooLarge {
        /// What it would take.
        bytes: usize,
        /// What it may take.
        most: usize,
    },
    /// An array of another shape than the network takes or gives.
    #[error("{place} expects {expected}, got {found}")]
    WrongArray {
        /// Where.
        place: &'static str,
        /// What was expected, in words.
        expected: String,
        /// The array's shape.
        found: String,
    },
}
