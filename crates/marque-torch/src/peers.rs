use std::error::Error;
use std::fmt;

/// The processes that train one network together, as far as a pass through it needs them: for batch norms that normalise by the photos of
/// all ([`Network::synchronise_norms`](crate::Network::synchronise_norms)).
///
/// All processes make the same calls in the same order. An error ends the pass that it comes in, and stands in that of the pass as text.
pub trait Peers: fmt::Debug + Send + Sync {
    /// How many there are, this one included.
    fn count(&self) -> usize;

    /// The number of this one, from 0.
    fn rank(&self) -> usize;

    /// Puts the sums over all processes in the numbers' places. All have as many, and get the same bits.
    ///
    /// # Errors
    /// If a process is gone.
    fn sum(&self, numbers: &mut [f64]) -> Result<(), Box<dyn Error + Send + Sync>>;
}
