//! A training as a value: what it has, the step that it takes next, and its state.

mod config;
mod epoch;
mod identity;
mod photo_sizes;
mod reduction;
mod resizing;
mod saving;
mod state;
mod state_file;
mod step;

pub use config::{FitConfig, NonFinite};
pub use identity::{Identity, Place};
pub use resizing::ProgressiveResizing;
pub use saving::SaveConfig;
pub use state::{BestEpoch, Position, TrainingState};
pub(crate) use state::{damaged, restored};

use crate::averaging::Average;
use crate::evaluate::{Evaluation, evaluate_among};
use crate::examples::Part;
use crate::groups::Groups;
use crate::loss::LossFunction;
use crate::observer::{Communication, Event, Observer, TrainingStart};
use crate::ranks::Ranks;
use crate::{Error, Examples, Optimizer};
use epoch::RunningEpoch;
use marque_core::setting::require;
use marque_dist::Group;
use marque_metrics::{EpochRecord, History};
use marque_torch::Network;
use marque_weights::StateDict;
use photo_sizes::PhotoSizes;
use reduction::Reduction;
use saving::Saving;
use std::borrow::BorrowMut;
use std::sync::Arc;
use std::time::Instant;

/// Why a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// All epochs were run.
    Finished,
    /// The validation loss had not improved for as many epochs as the patience allows.
    NoImprovement,
    /// It was asked to stop.
    Interrupted,
}

/// What a training was like. The network has its best weights: those of `best_epoch`.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The finished epochs.
    pub history: History,
    /// The epoch with the lowest validation loss, or the last one if there is no validation part; `None` if no
    /// epoch was finished, and the network then has the weights of the last step.
    pub best_epoch: Option<u32>,
    /// Why it ended.
    pub reason: StopReason,
}

/// Trains `network` on `train` by cross-entropy, measures it on `validation` after every epoch, and leaves it with
/// the weights of its best epoch: a whole [`Training`] in one call.
///
/// The same network, loaders and configuration give the same weights and history, bit for bit, on a CPU with the same
/// number of LibTorch's threads; how many workers the loaders have does not matter.
///
/// # Errors
/// [`Error::NonFiniteLoss`] names the step and its photos, [`Error::NonFiniteValidationLoss`] the epoch, both after the weights
/// of the best epoch so far have been put back; [`Error::Torch`] with [`SingleValue`](marque_torch::Error::SingleValue) for a
/// batch of one photo of which a batch norm cannot take a variance; [`Error::NothingReadable`]; [`Error::Data`] if a photo cannot be read and the loader is to stop at it; any error of an observer.
pub fn fit(
    network: &mut Network,
    train: impl Into<Examples>,
    validation: Option<Examples>,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    let mut training = Training::new(network, train, validation, config)?;
    let outcome = training.run(observer);
    training.end(outcome)
}

/// A training: a network, what it learns from and is measured on, and everything that decides what becomes of it.
///
/// It goes on by steps, by epochs, or to its end. Between two steps its [`state`](Self::state) can be taken; a training of the
/// same network on the same photos that is given the state goes on to the same bits. No random generator is part of it:
/// order, changes of photos and dropouts are functions of seed, epoch, step and index.
///
/// Several processes can take the steps together: see [`join`](Self::join).
///
/// The network is borrowed (`Training<&mut Network>`) or owned (`Training<Network>`).
///
/// ```no_run
/// use marque_torch::Network;
/// use marque_train::{FitConfig, Prepared, Progress, Training};
///
/// # fn train(network: Network, data: &Prepared) -> Result<(), marque_train::Error> {
/// let mut training = Training::new(network, &data.train, data.validation(), &FitConfig::default())?;
/// while training.epoch(&mut Progress::new())?.is_none() {
///     println!("{:?}", training.history().epochs.last());
/// }
/// let (network, history, best_epoch) = training.into_best()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Training<N> {
    network: N,
    train: Examples,
    validation: Option<Examples>,
    config: FitConfig,
    identity: Identity,
    optimizer: Optimizer,
    loss: LossFunction,
    average: Option<Average>,
    history: History,
    best: Option<Best>,
    /// The epoch that has begun and not ended.
    running: Option<RunningEpoch>,
    saving: Option<Saving>,
    /// Of the photos that are read in every epoch; kept features need none.
    photos: Option<PhotoSizes>,
    validation_photos: Option<PhotoSizes>,
    /// Batches that were left out one after the other because of their losses.
    skipped_in_a_row: usize,
    /// The processes that take the steps together.
    ranks: Ranks,
    /// What they sum; `None` for a process that is alone.
    reduction: Option<Reduction>,
}

#[derive(Debug, Clone)]
struct Best {
    epoch: u32,
    validation_loss: Option<f64>,
    weights: StateDict,
}

impl<N: BorrowMut<Network>> Training<N> {
    /// A training that has not taken a step.
    ///
    /// # Errors
    /// [`Error::Setting`]; [`Error::LibTorch`] if there is no memory for an average of the weights.
    pub fn new(
        network: N,
        train: impl Into<Examples>,
        validation: Option<Examples>,
        config: &FitConfig,
    ) -> Result<Self, Error> {
        config.validate()?;
        let train = train.into();
        let own = network.borrow();
        let groups = Groups::new(own.graph(), config)?;
        let optimizer =
            Optimizer::with_factors(own, config.optimizer, |parameter| groups.factors(parameter))?;
        let average = Average::new(own, config)?;
        let loader = train.loader();
        let loss = LossFunction::new(
            config.loss,
            config.label_smoothing,
            config.class_weights.as_ref(),
            loader.samples().iter().map(|sample| sample.label),
            (loader.class_count(), own.device()),
        )?;
        let photos = PhotoSizes::of(train.loader());
        let validated = validation
            .as_ref()
            .map(|examples| PhotoSizes::of(examples.loader()));
        let identity = Identity::new(own, &train, (&photos, validated.as_ref()), config)?;
        Ok(Self {
            photos: matches!(train, Examples::Photos(_)).then_some(photos),
            validation_photos: validated.filter(|_| matches!(validation, Some(Examples::Photos(_)))),
            train,
            validation,
            config: config.clone(),
            identity,
            optimizer,
            loss,
            average,
            history: History::default(),
            best: None,
            running: None,
            saving: None,
            skipped_in_a_row: 0,
            ranks: Ranks::alone(),
            reduction: None,
            network,
        })
    }

    /// Takes the steps together with the other processes of a group, each of which has a training of the same network on the same
    /// photos. All of them join before their first step, and before a state is restored; all begin with the weights of rank 0.
    ///
    /// Each batch is split by rank, in the order of the plan: a photo is seen by one rank once an epoch, changed as it would be in one
    /// process. Gradients are weighed by the number of photos and summed, validation photos are split, too, and their sums are those
    /// of all ranks. So for a network without batch norms and dropouts N processes do what one does, but for rounding. A batch norm takes
    /// mean and variance of its own rank's photos, or of all ranks' ([`FitConfig::synchronized_norms`]), what mixes photos mixes those of a rank, a loss whose classes have weights is
    /// normalised on each rank by those of its photos, and a dropout drops others on each rank; running statistics are the mean over
    /// ranks. All ranks have the same network after every step, and the next training with as many ranks has the same bits.
    ///
    /// Every rank tells its observer what happens, with loss and accuracy of all ranks; rank 0 alone writes a state
    /// ([`save_to`](Self::save_to)). Where the observer of one asks to stop, all stop after the same step.
    ///
    /// # Errors
    /// [`Error::Setting`] for synchronised norms with kept features; [`Error::OtherRank`] if the processes are not of one training;
    /// [`Error::Group`] if one is gone: the training is not to be used
    /// then. So it is with every step that follows.
    pub fn join(&mut self, group: Arc<dyn Group>) -> Result<(), Error> {
        let ranks = Ranks::of(group)?;
        if ranks.is_alone() {
            return Ok(());
        }
        let keeps_features = matches!(self.train, Examples::Features(_));
        require(
            "fit.synchronized_norms",
            !(self.config.synchronized_norms && keeps_features),
            "false where what a frozen part gives is kept",
            true,
        )?;
        let identities = ranks.gathered(self.identity.clone())?;
        for (rank, other) in identities.iter().enumerate() {
            identities[0].check(other).map_err(|error| match error {
                Error::OtherTraining {
                    what,
                    expected,
                    found,
                } => Error::OtherRank {
                    rank,
                    what,
                    expected,
                    found,
                },
                error => error,
            })?;
        }
        ranks.copy_from_first(self.network())?;
        self.average = Average::new(self.network.borrow(), &self.config)?;
        if self.config.synchronized_norms {
            self.network
                .borrow_mut()
                .synchronise_norms(Some(Arc::new(ranks.clone())));
        }
        self.reduction = Some(Reduction::new(self.network.borrow())?);
        self.identity.place.ranks = ranks.count();
        self.ranks = ranks;
        Ok(())
    }

    /// Keeps the state in a file while [`run`](Self::run) and [`epoch`](Self::epoch) go on.
    pub fn save_to(&mut self, config: SaveConfig) {
        self.saving = Some(Saving::new(config));
    }

    /// The network as it is now: behind the last step, not at its best.
    pub fn network(&self) -> &Network {
        self.network.borrow()
    }

    /// The finished epochs.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The best epoch so far: see [`Fit::best_epoch`].
    pub fn best_epoch(&self) -> Option<u32> {
        self.best.as_ref().map(|best| best.epoch)
    }

    /// Why no epoch follows, if none does.
    pub fn ended(&self) -> Option<StopReason> {
        let done = self.history.epochs.last().map_or(0, |record| record.epoch);
        if self.running.is_some() {
            return None;
        }
        if done >= self.config.epochs {
            return Some(StopReason::Finished);
        }
        let since = done - self.best_epoch().unwrap_or(0);
        let patience = self.config.patience?;
        (done > 0 && since >= patience).then_some(StopReason::NoImprovement)
    }

    /// Goes on until the end, or until the observer asks it to stop; then it can go on later.
    ///
    /// # Errors
    /// As [`fit()`]. The network keeps the weights that it has.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<StopReason, Error> {
        let taken = self.running.as_ref().map_or(0, |running| running.delivered);
        let steps_per_epoch = self.steps_per_epoch();
        observer.observe(&Event::Start(TrainingStart {
            network: self.network.borrow(),
            config: &self.config,
            history: &self.history,
            steps_per_epoch,
            step: (self.next_epoch() as usize - 1) * steps_per_epoch + taken,
        }))?;
        let reason = loop {
            if let Some(reason) = self.epoch(observer)? {
                break reason;
            }
        };
        observer.observe(&Event::End(reason))?;
        Ok(reason)
    }

    /// Goes on to the end of the epoch under way, or of the next one. Answers why no other follows, if none does.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn epoch(&mut self, observer: &mut dyn Observer) -> Result<Option<StopReason>, Error> {
        if let Some(reason) = self.ended() {
            return Ok(Some(reason));
        }
        for photos in self.photos.iter().chain(&self.validation_photos) {
            photos.check()?;
        }
        let mut is_announced = false;
        loop {
            // An epoch of which all steps have been taken is worth its measurement.
            let is_stepped = self.running.as_ref().is_some_and(RunningEpoch::is_finished);
            if self.ranks.any(observer.should_stop())? && !is_stepped {
                self.keep(observer)?;
                return Ok(Some(StopReason::Interrupted));
            }
            if !std::mem::replace(&mut is_announced, true) {
                observer.observe(&Event::EpochStart {
                    epoch: self.next_epoch(),
                    epochs: self.config.epochs,
                    images: self.train.loader().len(),
                    done: self.running.as_ref().map_or(0, |running| running.sums.images),
                })?;
            }
            match self.advance(observer)? {
                Some(progress) => observer.observe(&Event::Step(progress))?,
                None => break,
            }
            if self.saving.as_ref().is_some_and(Saving::is_due) {
                self.keep(observer)?;
            }
        }
        self.end_epoch(observer)?;
        let ended = self.ended();
        let is_kept = self
            .saving
            .as_ref()
            .is_some_and(|saving| saving.config.each_epoch);
        if is_kept || ended.is_some() {
            self.keep(observer)?;
        }
        Ok(ended)
    }

    /// Writes the state into its file, if it is to be kept. That of the first rank is that of all.
    fn keep(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let Some(saving) = self.saving.as_ref().filter(|_| self.ranks.is_first()) else {
            return Ok(());
        };
        let begun = Instant::now();
        let bytes = self.state()?.write(&saving.config.file)?;
        let seconds = begun.elapsed().as_secs_f64();
        observer.observe(&Event::Saved {
            path: &saving.config.file,
            bytes,
            seconds,
        })?;
        if let Some(saving) = &mut self.saving {
            saving.done();
        }
        Ok(())
    }

    /// Steps of an epoch, if all photos can be read.
    fn steps_per_epoch(&self) -> usize {
        let batches = self.train.loader().batches_per_epoch();
        batches.div_ceil(self.config.accumulation as usize)
    }

    /// The number of the epoch under way, or of the next one.
    fn next_epoch(&self) -> u32 {
        match &self.running {
            Some(running) => running.epoch,
            None => 1 + self.history.epochs.last().map_or(0, |record| record.epoch),
        }
    }

    /// Measures the network, records the epoch under way, and keeps the weights if they are the best so far.
    fn end_epoch(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        if running.sums.images == 0 {
            return Err(Error::nothing_readable(
                "training",
                self.train.loader().len(),
                &running.skipped(),
            ));
        }
        let trained_seconds = running.seconds();
        self.tell_communication(&running, observer)?;
        let measures_average = self.average_epoch(running.epoch)?;
        if measures_average {
            self.exchange_for_average()?;
        }
        let measured = self.measure_epoch(&running, trained_seconds, observer);
        // Put back also where the training fails here: its state may still be asked for.
        if measures_average {
            self.exchange_for_average()?;
        }
        let is_recorded = self.history.epochs.last().map(|record| record.epoch) == Some(running.epoch);
        if !is_recorded {
            self.running = Some(running);
        }
        measured
    }

    fn measure_epoch(
        &mut self,
        running: &RunningEpoch,
        trained_seconds: f64,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        if self.ends_with_equal_average(running.epoch) {
            self.measure_statistics(running.epoch)?;
        }
        let validation = self
            .validation
            .as_ref()
            .map(|examples| evaluate_among(&self.ranks, self.network.borrow(), examples))
            .transpose()?;
        if let Some(validation) = &validation {
            if let Some(photos) = &self.validation_photos {
                photos.check_skipped(&validation.skipped)?;
            }
            check_validation(validation, running)?;
        }
        let record = running.record(trained_seconds, validation.as_ref());
        self.history.epochs.push(record);
        let is_best = self.keep_if_best(&record)?;
        let skipped = self.ranks.all_files(&running.skipped())?.len()
            + validation.map_or(0, |validation| validation.skipped.len());
        observer.observe(&Event::EpochEnd {
            record: &record,
            is_best,
            skipped,
            network: self.network.borrow(),
        })?;
        if let Some(best) = self.best.as_ref().filter(|_| is_best) {
            observer.observe(&Event::Improved {
                epoch: best.epoch,
                weights: &best.weights,
            })?;
        }
        Ok(())
    }

    /// Tells what the steps of an epoch have spent on the other ranks, if there are any.
    fn tell_communication(&self, running: &RunningEpoch, observer: &mut dyn Observer) -> Result<(), Error> {
        if self.ranks.is_alone() {
            return Ok(());
        }
        let traffic = self.ranks.take_traffic();
        let seconds = traffic.time.as_secs_f64();
        observer.observe(&Event::Communication(Communication {
            epoch: running.epoch,
            ranks: self.ranks.count(),
            seconds,
            share: seconds / running.seconds_here(),
            bytes: traffic.bytes,
        }))
    }

    /// Tells the average of the end of an epoch. Answers whether it is what the epoch is measured with.
    fn average_epoch(&mut self, epoch: u32) -> Result<bool, Error> {
        match &mut self.average {
            Some(average) => average.after_epoch(self.network.borrow(), epoch, self.config.epochs),
            None => Ok(false),
        }
    }

    /// Whether the epoch is the last of a training that ends with the equal average of its weights.
    fn ends_with_equal_average(&self, epoch: u32) -> bool {
        self.config.swa.is_some() && epoch == self.config.epochs
    }

    /// Measures the running statistics of batch norms anew, as the mean over the batches of an epoch: those of averaged weights are
    /// not the average of those of the weights.
    fn measure_statistics(&mut self, epoch: u32) -> Result<(), Error> {
        let device = self.network().device();
        let part = Part {
            planned: 0,
            share: self.ranks.share(),
        };
        let batches = self.train.epoch(epoch, &self.config, part, device)?;
        let mut seen = 0;
        let outcome: Result<(), Error> = (|| {
            for batch in batches {
                let batch = batch?;
                // All ranks make the pass of a batch of which one of them has something, or each those of its own.
                let is_passed = match self.config.synchronized_norms {
                    true => self.ranks.any(!batch.is_empty())?,
                    false => !batch.is_empty(),
                };
                if !is_passed {
                    continue;
                }
                let network = self.network.borrow_mut();
                network.set_statistics_momentum(Some(1.0 / (seen + 1) as f64));
                tch::no_grad(|| {
                    network
                        .forward_training(batch.input.start(), seen as u64)
                        .map_err(Error::from)
                })?;
                seen += 1;
            }
            Ok(())
        })();
        self.network.borrow_mut().set_statistics_momentum(None);
        outcome?;
        if let Some(reduction) = &self.reduction
            && !self.config.synchronized_norms
        {
            let all = self.ranks.total(seen)?;
            reduction.statistics(&self.ranks, self.network.borrow(), seen as f64 / all as f64)?;
        }
        Ok(())
    }

    /// Puts the average in the weights' place, or the weights back.
    fn exchange_for_average(&mut self) -> Result<(), Error> {
        match &mut self.average {
            Some(average) => average.exchange(self.network.borrow()),
            None => Ok(()),
        }
    }

    /// Without a validation part the last epoch is the best.
    fn keep_if_best(&mut self, record: &EpochRecord) -> Result<bool, Error> {
        let lowest = self.best.as_ref().and_then(|best| best.validation_loss);
        let is_best = match (record.validation_loss, lowest) {
            (Some(loss), Some(lowest)) => loss < lowest,
            _ => true,
        } || self.ends_with_equal_average(record.epoch);
        if is_best {
            self.best = Some(Best {
                epoch: record.epoch,
                validation_loss: record.validation_loss,
                weights: self.network().state_dict()?,
            });
        }
        Ok(is_best)
    }

    /// Ends the training: the network with the weights of its best epoch, the finished epochs, and the best of them. Where no
    /// epoch was finished the network has the weights of the last step.
    ///
    /// # Errors
    /// [`Error::Torch`] if the weights cannot be copied.
    pub fn into_best(mut self) -> Result<(N, History, Option<u32>), Error> {
        let best_epoch = self.best_epoch();
        // Whoever has the network next waits for nobody.
        self.network.borrow_mut().synchronise_norms(None);
        if let Some(best) = self.best {
            self.network.borrow_mut().load_state_dict(&best.weights)?;
        }
        Ok((self.network, self.history, best_epoch))
    }

    /// Ends the training with what its run came to: the network gets its best weights also where the run has failed.
    ///
    /// # Errors
    /// That of the run; [`Error::Torch`] if the weights cannot be copied.
    pub fn end(self, outcome: Result<StopReason, Error>) -> Result<Fit, Error> {
        let (_, history, best_epoch) = self.into_best()?;
        Ok(Fit {
            history,
            best_epoch,
            reason: outcome?,
        })
    }
}

/// A network that cannot be measured is no better than one that cannot be trained: no later epoch mends it.
fn check_validation(validation: &Evaluation, running: &RunningEpoch) -> Result<(), Error> {
    if validation.loss.is_finite() {
        return Ok(());
    }
    Err(Error::NonFiniteValidationLoss {
        loss: validation.loss,
        epoch: running.epoch,
        learning_rate: running.learning_rate,
        train_loss: running.sums.mean_loss(),
        photos: validation.images,
    })
}
