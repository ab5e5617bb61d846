//! A step of a training.

use super::epoch::RunningEpoch;
use super::{NonFinite, Training};
use crate::Error;
use crate::averaging::copy_of;
use crate::error::During;
use crate::examples::ExampleBatch;
use crate::observer::{Event, Observer, SkippedBatch, StepProgress};
use marque_torch::{Network, Tensor};
use std::borrow::BorrowMut;

/// So many batches in a row without a finite loss are no accident of their photos.
const MOST_SKIPPED_IN_A_ROW: usize = 10;

/// What became of the next batch.
enum Taken {
    Step(StepProgress),
    Skipped,
    /// There is none.
    None,
}

/// What a step came to.
struct Learnt {
    /// The mean loss of the batch.
    loss: f64,
    /// Its right predictions.
    correct: f64,
    gradient_norm: Option<f64>,
    is_finite: bool,
}

/// The running statistics as they were before a pass.
struct Statistics(Vec<(Tensor, Tensor)>);

impl Statistics {
    fn copied(network: &Network) -> Result<Self, Error> {
        let pairs = network.running_statistics().into_iter().map(|own| {
            let copy = copy_of(&own).during("a copy of running statistics")?;
            Ok((own, copy))
        });
        Ok(Self(tch::no_grad(|| pairs.collect::<Result<_, Error>>())?))
    }

    fn put_back(self) -> Result<(), Error> {
        tch::no_grad(|| {
            for (mut own, copy) in self.0 {
                own.f_copy_(&copy).during("a copy of running statistics")?;
            }
            Ok(())
        })
    }
}

impl<N: BorrowMut<Network>> Training<N> {
    /// Takes the next step of the epoch under way; between epochs it begins the next one. `None` if all batches of the epoch
    /// have been used: [`epoch`](Self::epoch) then measures and ends it.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn step(&mut self) -> Result<Option<StepProgress>, Error> {
        self.advance(&mut |_: &Event<'_>| Ok(()))
    }

    /// Takes the next step; the observer is told of batches that are left out before it.
    pub(super) fn advance(&mut self, observer: &mut dyn Observer) -> Result<Option<StepProgress>, Error> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => RunningEpoch::begin(self.next_epoch(), &self.train, &self.config, self.network())?,
        };
        let outcome = loop {
            match self.step_of(&mut running, observer) {
                Ok(Taken::Skipped) => {}
                Ok(Taken::Step(progress)) => break Ok(Some(progress)),
                Ok(Taken::None) => break Ok(None),
                Err(error) => break Err(error),
            }
        };
        self.running = Some(running);
        outcome
    }

    fn step_of(&mut self, running: &mut RunningEpoch, observer: &mut dyn Observer) -> Result<Taken, Error> {
        let batch = running.next();
        if let Some(photos) = &self.photos {
            photos.check_skipped(running.newly_skipped())?;
        }
        let Some(batch) = batch else {
            return Ok(Taken::None);
        };
        let batch = batch?;
        let steps = self.train.loader().batches_per_epoch();
        let position = (running.epoch as usize - 1) * steps + running.delivered;
        let total = self.config.epochs as usize * steps;
        let learning_rate = self.config.learning_rate * self.config.schedule.factor(position, total);
        let wants_norm = observer.wants_gradient_norm() || self.config.non_finite == NonFinite::Skip;
        let learnt = self.learn(&batch, position, learning_rate, wants_norm)?;
        if !learnt.is_finite {
            self.skipped_in_a_row += 1;
            let photos = self.photos_of(&batch);
            let gradient_norm = learnt.gradient_norm.unwrap_or(f64::NAN);
            let (epoch, step, loss) = (running.epoch, running.delivered + 1, learnt.loss);
            let most = MOST_SKIPPED_IN_A_ROW.min(steps);
            if self.config.non_finite == NonFinite::Stop || self.skipped_in_a_row >= most {
                return Err(Error::NonFiniteLoss {
                    loss,
                    gradient_norm,
                    epoch,
                    step,
                    learning_rate,
                    photos,
                });
            }
            observer.observe(&Event::BatchSkipped(SkippedBatch {
                epoch,
                step,
                loss,
                learning_rate,
                gradient_norm,
                photos: &photos,
            }))?;
            // The schedule goes on.
            running.delivered += 1;
            return Ok(Taken::Skipped);
        }
        self.skipped_in_a_row = 0;
        running.add(learnt.loss, learnt.correct, batch.len(), learning_rate);
        Ok(Taken::Step(StepProgress {
            epoch: running.epoch,
            step: position + 1,
            images: batch.len(),
            batch_loss: learnt.loss,
            learning_rate,
            gradient_norm: learnt.gradient_norm,
            loss: running.sums.mean_loss(),
            accuracy: running.sums.accuracy(),
        }))
    }

    /// The step of this number. A loss that is not finite changes nothing; nor, where such batches are left out, do gradients.
    fn learn(
        &mut self,
        batch: &ExampleBatch,
        position: usize,
        learning_rate: f64,
        wants_norm: bool,
    ) -> Result<Learnt, Error> {
        let network = self.network.borrow_mut();
        let statistics = Statistics::copied(network)?;
        let outputs = network.forward_training(batch.input.start(), position as u64)?;
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
        let gradients = network.gradients(&loss)?;
        let gradient_norm = (wants_norm || !value.is_finite())
            .then(|| gradients.norm())
            .transpose()?;
        let is_trusted = match self.config.non_finite {
            NonFinite::Stop => true,
            NonFinite::Skip => gradient_norm.is_some_and(f64::is_finite),
        };
        let is_finite = value.is_finite() && is_trusted;
        if is_finite {
            self.optimizer.step(&gradients, learning_rate)?;
            if let Some(average) = &mut self.average {
                average.update(network)?;
            }
        } else {
            statistics.put_back()?;
        }
        Ok(Learnt {
            loss: value,
            correct: batch.correct(&outputs.logits)?,
            gradient_norm,
            is_finite,
        })
    }

    fn photos_of(&self, batch: &ExampleBatch) -> String {
        let samples = self.train.loader().samples();
        let paths = batch
            .indices
            .iter()
            .map(|&index| samples[index].path.display().to_string());
        paths.collect::<Vec<_>>().join(", ")
    }
}
