use crate::FeatureProgress;
use marque_metrics::EpochRecord;
use marque_torch::Network;
use marque_weights::StateDict;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Something that happens during training.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Something that a reader wants to know: what the photos' folder gives, which weights were found, what was left out.
    Note(&'a str),
    /// Features of the frozen prefix have been computed.
    Features(FeatureProgress),
    /// An epoch begins.
    EpochStart {
        /// Its number, from 1.
        epoch: u32,
        /// The most epochs there will be.
        epochs: u32,
        /// Training images in it.
        images: usize,
    },
    /// A step has been taken.
    Step(StepProgress),
    /// An epoch has ended.
    EpochEnd {
        /// What it was like.
        record: &'a EpochRecord,
        /// Whether its validation loss is the lowest so far.
        is_best: bool,
        /// Photos that were left out because they could not be read.
        skipped: usize,
        /// The network as it was measured.
        network: &'a Network,
    },
    /// The network is better than ever before.
    Improved {
        /// The epoch, from 1.
        epoch: u32,
        /// Its parameters and running statistics.
        weights: &'a StateDict,
    },
}

/// How far an epoch is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepProgress {
    /// Images of this step.
    pub images: usize,
    /// Mean loss over the epoch so far.
    pub loss: f64,
    /// Share of rightly predicted training images so far.
    pub accuracy: f64,
}

/// Watches a training run: a progress bar, a log, a file of the best weights.
///
/// Any closure `FnMut(&Event) -> Result<(), Error>` is one, and a pair of observers is one that calls both.
pub trait Observer {
    /// Is told of an event.
    ///
    /// # Errors
    /// An error ends the training and is handed to the caller of [`fit`](crate::fit()).
    fn observe(&mut self, event: &Event<'_>) -> Result<(), crate::Error>;

    /// Whether the training is to end after the step under way. It is asked between steps; never, by default.
    fn should_stop(&self) -> bool {
        false
    }
}

impl<F> Observer for F
where
    F: FnMut(&Event<'_>) -> Result<(), crate::Error>,
{
    fn observe(&mut self, event: &Event<'_>) -> Result<(), crate::Error> {
        self(event)
    }
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), crate::Error> {
        self.0.observe(event)?;
        self.1.observe(event)
    }

    fn should_stop(&self) -> bool {
        self.0.should_stop() || self.1.should_stop()
    }
}

/// Asks a training to end after its step, from another thread or from within an observer: a Ctrl-C handler raises it. A clone
/// is the same flag.
///
/// ```
/// use marque_train::{Observer, Progress, StopFlag};
///
/// let flag = StopFlag::default();
/// let raised_elsewhere = flag.clone();
/// let observer = (Progress::new(), flag);
/// assert!(!observer.should_stop());
/// raised_elsewhere.raise();
/// assert!(observer.should_stop());
/// ```
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks for the end. Answers whether that had been done before.
    pub fn raise(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// Whether the end has been asked for.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Observer for StopFlag {
    fn observe(&mut self, _: &Event<'_>) -> Result<(), crate::Error> {
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.is_raised()
    }
}
