/// What kernels refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system has no memory left.
    #[error("there is no memory for {bytes} bytes")]
    OutOfMemory {
        /// How many were asked for.
        bytes: usize,
    },
    /// Maps, weights or working memory of another shape than the operation was made for.
    #[error("{operation}: {what} should be {expected}, found {found}")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// What does not fit.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What was given.
        found: String,
    },
    /// An instruction set that this processor, or this build, does not have.
    #[error("this processor cannot run kernels for {requested}; it can for {available}")]
    Unavailable {
        /// What was asked for.
        requested: String,
        /// What can be had.
        available: String,
    },
    /// A text that names no instruction set.
    #[error("{found:?} is no instruction set; expected avx512, avx2, neon, simd128 or scalar")]
    UnknownInstructionSet {
        /// The text.
        found: String,
    },
}
