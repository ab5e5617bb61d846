use crate::averaging::Average;
use crate::error::During;
use crate::evaluate::{Evaluation, Sums, evaluate};
use crate::examples::ExampleBatch;
use crate::observer::{Event, Observer, StepProgress};
use crate::{Error, Examples, Optimizer, OptimizerConfig, Schedule};
use marque_arch::Graph;
use marque_core::SettingError;
use marque_core::setting::{Within, at_least, below_one, positive};
use marque_metrics::{EpochRecord, History};
use marque_torch::{Network, TrainedParameter};
use marque_weights::StateDict;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// How a network is trained.
#[derive(Debug, Clone)]
pub struct FitConfig {
    /// The most epochs.
    pub epochs: u32,
    /// Which rule changes the parameters.
    pub optimizer: OptimizerConfig,
    /// The largest learning rate; 1e-3 by default.
    pub learning_rate: f64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Share of each label that is spread over all classes, 0 by default.
    pub label_smoothing: f64,
    /// Factor on the learning rate of what stands upon the last feature maps, 1 by default: a new head has more to learn
    /// than pretrained layers.
    pub head_rate: f64,
    /// Decay per step of a moving average of the weights, which takes their place wherever the network is measured or kept;
    /// `None`, the default, for the weights themselves. 0.99 averages over about a hundred steps.
    pub averaging: Option<f64>,
    /// How many randomly changed views of each photo there are, looked at in turn; `None`, the default, for a new one in
    /// every epoch. Kept features have as many as were computed.
    pub views: Option<u32>,
    /// End when the validation loss has not improved for this many epochs; `None` for never.
    pub patience: Option<u32>,
    /// Set by another thread (a Ctrl-C handler, say) to end after the current step.
    pub stop: Arc<AtomicBool>,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            epochs: 100,
            optimizer: OptimizerConfig::default(),
            learning_rate: 1e-3,
            schedule: Schedule::Constant,
            label_smoothing: 0.0,
            head_rate: 1.0,
            averaging: None,
            views: None,
            patience: None,
            stop: Arc::default(),
        }
    }
}

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

impl FitConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`] naming the first setting that is out of range.
    pub fn validate(&self) -> Result<(), SettingError> {
        self.optimizer.validate().within("optimizer")?;
        self.schedule.validate().within("schedule")?;
        at_least("epochs", self.epochs, 1)?;
        positive("learning_rate", self.learning_rate)?;
        positive("head_rate", self.head_rate)?;
        if let Some(decay) = self.averaging {
            below_one("averaging", decay)?;
        }
        below_one("label_smoothing", self.label_smoothing)
    }
}

/// Trains `network` on `train` by cross-entropy, measures it on `validation` after every epoch, and leaves it with
/// the weights of its best epoch.
///
/// The same network, loaders and configuration give the same weights and history, bit for bit, on a CPU with the same
/// number of LibTorch's threads; how many workers the loaders have does not matter.
///
/// # Errors
/// [`Error::NonFiniteLoss`] names the step and its photos, [`Error::NonFiniteValidationLoss`] the epoch, both after the weights
/// of the best epoch so far have been put back; [`Error::Torch`] with [`SingleValue`](marque_torch::Error::SingleValue) for a
/// batch of one photo of which a batch norm cannot take a variance; [`Error::NothingReadable`]; [`Error::Data`] if a photo cannot be read and the loader is to stop at it; any error of an observer.
pub fn fit<'a>(
    network: &mut Network,
    train: impl Into<Examples<'a>>,
    validation: Option<Examples<'a>>,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    config.validate().within("fit")?;
    let head = head_of(network.graph());
    let rate = |parameter: &TrainedParameter| {
        if head.contains(&parameter.name) {
            config.head_rate
        } else {
            1.0
        }
    };
    let optimizer = Optimizer::with_rates(network, config.optimizer, rate)?;
    let average = config
        .averaging
        .map(|decay| Average::new(network, decay))
        .transpose()?;
    let mut run = Run {
        network,
        train: train.into(),
        validation,
        config,
        optimizer,
        average,
        history: History::default(),
        best: None,
    };
    let outcome = run.epochs(observer);
    let best_epoch = run.best.as_ref().map(|best| best.epoch);
    if let Some(best) = run.best {
        run.network.load_state_dict(&best.weights)?;
    }
    Ok(Fit {
        history: run.history,
        best_epoch,
        reason: outcome?,
    })
}

/// Names of the parameters that stand upon the last feature maps; none where the graph does not say which those are.
fn head_of(graph: &Graph) -> HashSet<String> {
    let above = graph.descendants(graph.features());
    let parameters = graph.parameters().into_iter();
    let head = parameters
        .filter(|parameter| Some(parameter.node) != graph.features() && above[parameter.node.index()]);
    head.map(|parameter| parameter.name).collect()
}

/// The state of a training between epochs.
struct Run<'a> {
    network: &'a mut Network,
    train: Examples<'a>,
    validation: Option<Examples<'a>>,
    config: &'a FitConfig,
    optimizer: Optimizer,
    average: Option<Average>,
    history: History,
    best: Option<Best>,
}

struct Best {
    epoch: u32,
    validation_loss: Option<f64>,
    weights: StateDict,
}

/// What the training part of an epoch comes to; `None` in its place if it was interrupted.
struct Trained {
    sums: Sums,
    learning_rate: f64,
    seconds: f64,
    waiting_seconds: f64,
    skipped: usize,
}

/// A network that cannot be measured is no better than one that cannot be trained: no later epoch mends it.
fn check_validation(validation: &Evaluation, epoch: u32, trained: &Trained) -> Result<(), Error> {
    if validation.loss.is_finite() {
        return Ok(());
    }
    Err(Error::NonFiniteValidationLoss {
        loss: validation.loss,
        epoch,
        learning_rate: trained.learning_rate,
        train_loss: trained.sums.loss(),
        photos: validation.images,
    })
}

impl Run<'_> {
    fn epochs(&mut self, observer: &mut dyn Observer) -> Result<StopReason, Error> {
        for epoch in 1..=self.config.epochs {
            let start = Instant::now();
            let images = self.train.loader().len();
            observer.observe(&Event::EpochStart {
                epoch,
                epochs: self.config.epochs,
                images,
            })?;
            let Some(trained) = self.train_epoch(epoch, observer)? else {
                return Ok(StopReason::Interrupted);
            };
            self.exchange_for_average()?;
            let validation = self
                .validation
                .map(|examples| evaluate(self.network, examples))
                .transpose()?;
            if let Some(validation) = &validation {
                check_validation(validation, epoch, &trained)?;
            }
            let record = EpochRecord {
                epoch,
                train_loss: trained.sums.loss(),
                train_accuracy: trained.sums.accuracy(),
                validation_loss: validation.as_ref().map(|validation| validation.loss),
                validation_accuracy: validation.as_ref().map(|validation| validation.accuracy),
                learning_rate: trained.learning_rate,
                images_per_second: trained.sums.images as f64 / trained.seconds,
                seconds: start.elapsed().as_secs_f64(),
                waiting_for_data: (trained.waiting_seconds / trained.seconds).min(1.0),
            };
            self.history.epochs.push(record);
            let is_best = self.keep_if_best(&record)?;
            let skipped = trained.skipped + validation.map_or(0, |validation| validation.skipped.len());
            observer.observe(&Event::EpochEnd {
                record: &record,
                is_best,
                skipped,
                network: self.network,
            })?;
            if let Some(best) = self.best.as_ref().filter(|_| is_best) {
                observer.observe(&Event::Improved {
                    epoch,
                    weights: &best.weights,
                })?;
            }
            self.exchange_for_average()?;
            if self.is_out_of_patience(epoch) {
                return Ok(StopReason::NoImprovement);
            }
        }
        Ok(StopReason::Finished)
    }

    fn train_epoch(&mut self, epoch: u32, observer: &mut dyn Observer) -> Result<Option<Trained>, Error> {
        let start = Instant::now();
        let steps = self.train.loader().batches_per_epoch();
        let mut trained = Trained {
            sums: Sums::default(),
            learning_rate: 0.0,
            seconds: 0.0,
            waiting_seconds: 0.0,
            skipped: 0,
        };
        let views = self.config.views;
        let mut batches = self.train.epoch(u64::from(epoch), views, self.network.device());
        for (step, batch) in (&mut batches).enumerate() {
            if self.config.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let batch = batch?;
            let position = (epoch as usize - 1) * steps + step;
            let factor = self
                .config
                .schedule
                .factor(position, self.config.epochs as usize * steps);
            trained.learning_rate = self.config.learning_rate * factor;
            let (loss, correct) = self.step(&batch, position, trained.learning_rate)?;
            if !loss.is_finite() {
                let learning_rate = trained.learning_rate;
                let photos = self.photos(&batch);
                return Err(Error::NonFiniteLoss {
                    loss,
                    epoch,
                    step: step + 1,
                    learning_rate,
                    photos,
                });
            }
            trained.sums.add(loss, correct, batch.len());
            let (loss, accuracy) = (trained.sums.loss(), trained.sums.accuracy());
            observer.observe(&Event::Step(StepProgress {
                images: batch.len(),
                loss,
                accuracy,
            }))?;
        }
        trained.waiting_seconds = batches.waiting().as_secs_f64();
        if trained.sums.images == 0 {
            return Err(Error::nothing_readable(
                "training",
                self.train.loader().len(),
                batches.skipped(),
            ));
        }
        trained.skipped = batches.skipped().len();
        trained.seconds = start.elapsed().as_secs_f64();
        Ok(Some(trained))
    }

    /// The step of this number; answers with the mean loss of the batch and its right predictions. A loss that is not
    /// finite changes nothing.
    fn step(
        &mut self,
        batch: &ExampleBatch,
        position: usize,
        learning_rate: f64,
    ) -> Result<(f64, f64), Error> {
        let outputs = self
            .network
            .forward_training(batch.input.start(), position as u64)?;
        let smoothing = self.config.label_smoothing;
        let mut loss = batch.cross_entropy(&outputs.logits, smoothing)?;
        for (logits, weight) in &outputs.auxiliary {
            let auxiliary = batch.cross_entropy(logits, smoothing)?;
            let sum = auxiliary
                .f_mul_scalar(*weight)
                .and_then(|auxiliary| loss.f_add(&auxiliary));
            loss = sum.during("the loss of a batch")?;
        }
        let value = loss.f_double_value(&[]).during("the loss of a batch")?;
        if value.is_finite() {
            let gradients = self.network.gradients(&loss)?;
            self.optimizer.step(&gradients, learning_rate)?;
            if let Some(average) = &mut self.average {
                average.update(self.network)?;
            }
        }
        Ok((value, batch.correct(&outputs.logits)?))
    }

    /// Puts the average in the weights' place, or the weights back.
    fn exchange_for_average(&mut self) -> Result<(), Error> {
        match &mut self.average {
            Some(average) => average.exchange(self.network),
            None => Ok(()),
        }
    }

    /// Without a validation part the last epoch is the best.
    fn keep_if_best(&mut self, record: &EpochRecord) -> Result<bool, Error> {
        let is_best = match (
            record.validation_loss,
            self.best.as_ref().and_then(|best| best.validation_loss),
        ) {
            (Some(loss), Some(lowest)) => loss < lowest,
            _ => true,
        };
        if is_best {
            let weights = self.network.state_dict()?;
            self.best = Some(Best {
                epoch: record.epoch,
                validation_loss: record.validation_loss,
                weights,
            });
        }
        Ok(is_best)
    }

    fn is_out_of_patience(&self, epoch: u32) -> bool {
        let best = self.best.as_ref().map_or(0, |best| best.epoch);
        self.config
            .patience
            .is_some_and(|patience| epoch - best >= patience.max(1))
            && epoch < self.config.epochs
    }

    fn photos(&self, batch: &ExampleBatch) -> String {
        let samples = self.train.loader().samples();
        let paths = batch
            .indices
            .iter()
            .map(|&index| samples[index].path.display().to_string());
        paths.collect::<Vec<_>>().join(", ")
    }
}
