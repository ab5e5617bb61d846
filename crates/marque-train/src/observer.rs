use crate::{FeatureProgress, FitConfig, StopReason};
use marque_metrics::{EpochRecord, History, Predictions};
use marque_torch::Network;
use marque_weights::StateDict;
use std::path::Path;
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
    /// A training begins, or goes on from a state.
    Start(TrainingStart<'a>),
    /// An epoch begins, or goes on.
    EpochStart {
        /// Its number, from 1.
        epoch: u32,
        /// The most epochs there will be.
        epochs: u32,
        /// Training images in it.
        images: usize,
        /// How many of them have been used before; 0 if it begins.
        done: usize,
    },
    /// A step has been taken.
    Step(StepProgress),
    /// A batch was left out since its loss is not finite; see [`NonFinite::Skip`](crate::NonFinite::Skip).
    BatchSkipped(SkippedBatch<'a>),
    /// The steps of an epoch have been taken by several processes: what that took.
    Communication(Communication),
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
    /// The state of the training is in its file.
    Saved {
        /// The file.
        path: &'a Path,
        /// Its size.
        bytes: u64,
        /// How long it took.
        seconds: f64,
    },
    /// The training ends, or is left to be gone on with later.
    End(StopReason),
    /// The trained network has been tested.
    Tested(&'a Predictions),
}

/// A training that begins or goes on.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TrainingStart<'a> {
    /// The network as it is now.
    pub network: &'a Network,
    /// How it is trained.
    pub config: &'a FitConfig,
    /// The epochs that are finished.
    pub history: &'a History,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// Steps that have been taken; 0 if it begins.
    pub step: usize,
}

/// What the steps of an epoch have spent on the other processes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Communication {
    /// The epoch, from 1.
    pub epoch: u32,
    /// How many processes there are.
    pub ranks: usize,
    /// Time in operations of the group, that of waiting for slower processes included.
    pub seconds: f64,
    /// Share of the time of the steps.
    pub share: f64,
    /// Bytes of this process's numbers that were summed with those of the others.
    pub bytes: u64,
}

/// A batch that was left out.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SkippedBatch<'a> {
    /// The epoch, from 1.
    pub epoch: u32,
    /// The step in the epoch, from 1.
    pub step: usize,
    /// Its loss.
    pub loss: f64,
    /// The learning rate that it would have had.
    pub learning_rate: f64,
    /// The norm of its gradients.
    pub gradient_norm: f64,
    /// Paths of its photos.
    pub photos: &'a str,
}

/// A step, and how far its epoch is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct StepProgress {
    /// The epoch, from 1.
    pub epoch: u32,
    /// The step over all epochs, from 1.
    pub step: usize,
    /// Images of this step.
    pub images: usize,
    /// Mean loss of this step.
    pub batch_loss: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// The norm of all gradients of this step, taken as one vector; where an observer
    /// [wants it](Observer::wants_gradient_norm).
    pub gradient_norm: Option<f64>,
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

    /// Whether steps are to tell the norm of their gradients, which takes about a hundredth of their time; not by default.
    fn wants_gradient_norm(&self) -> bool {
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

    fn wants_gradient_norm(&self) -> bool {
        self.0.wants_gradient_norm() || self.1.wants_gradient_norm()
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
