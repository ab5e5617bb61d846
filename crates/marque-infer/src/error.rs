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
