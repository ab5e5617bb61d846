//! A step of a training.

use super::epoch::RunningEpoch;
use super::{NonFinite, Training};
use crate::averaging::copy_of;
use crate::error::During;
use crate::mixing::{BatchAddress, MixedBatch};
use crate::observer::{Event, Observer, SkippedBatch, StepProgress};
use crate::{Error, SchedulePoint, SharpnessAware};
use marque_metrics::EpochRecord;
use marque_torch::{Gradients, Network, Tensor};
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

/// What a pass forwards and backwards came to.
struct Pass {
    /// The mean loss of all its examples.
    loss: f64,
    correct: f64,
    gradients: Gradients,
}

impl Pass {
    fn plus(self, other: Self) -> Result<Self, Error> {
        Ok(Self {
            loss: self.loss + other.loss,
            correct: self.correct + other.correct,
            gradients: self.gradients.plus(other.gradients)?,
        })
    }
}

/// What a schedule that waits for an improvement looks at.
fn validated_loss(record: &EpochRecord) -> f64 {
    record.validation_loss.unwrap_or(record.train_loss)
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
        let batches = self.next_batches(running)?;
        if batches.is_empty() {
            return Ok(Taken::None);
        }
        let images = batches.iter().map(|mixed| mixed.batch.len()).sum();
        let steps = self.steps_per_epoch();
        let position = (running.epoch as usize - 1) * steps + running.delivered;
        let losses: Vec<f64> = self.history.epochs.iter().map(validated_loss).collect();
        let learning_rate = self.config.learning_rate
            * self.config.schedule.factor(SchedulePoint {
                step: position,
                steps_per_epoch: steps,
                epochs: self.config.epochs,
                losses: &losses,
            });
        let wants_norm = observer.wants_gradient_norm() || self.config.non_finite == NonFinite::Skip;
        let learnt = self.learn(&batches, position, learning_rate, wants_norm)?;
        if !learnt.is_finite {
            self.skipped_in_a_row += 1;
            let photos = self.photos_of(&batches);
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
        running.add(learnt.loss, learnt.correct, images, learning_rate);
        Ok(Taken::Step(StepProgress {
            epoch: running.epoch,
            step: position + 1,
            images,
            batch_loss: learnt.loss,
            learning_rate,
            gradient_norm: learnt.gradient_norm,
            loss: running.sums.mean_loss(),
            accuracy: running.sums.accuracy(),
        }))
    }

    /// The batches of the next step as they are to be learnt from; none if the epoch has no more.
    fn next_batches(&self, running: &mut RunningEpoch) -> Result<Vec<MixedBatch>, Error> {
        let mut batches = Vec::new();
        while batches.len() < self.config.accumulation as usize {
            let batch = running.next();
            if let Some(photos) = &self.photos {
                photos.check_skipped(running.newly_skipped())?;
            }
            let Some(batch) = batch else {
                break;
            };
            let address = BatchAddress {
                seed: self.train.loader().config().seed,
                epoch: running.epoch,
                epochs: self.config.epochs,
                batch: running.delivered * self.config.accumulation as usize + batches.len(),
            };
            batches.push(match self.config.mixing {
                Some(mixing) => mixing.applied(batch?, address)?,
                None => MixedBatch::unmixed(batch?),
            });
        }
        Ok(batches)
    }

    /// The step of this number. A loss that is not finite changes nothing; nor, where such batches are left out, do gradients.
    fn learn(
        &mut self,
        batches: &[MixedBatch],
        position: usize,
        learning_rate: f64,
        wants_norm: bool,
    ) -> Result<Learnt, Error> {
        let statistics = Statistics::copied(self.network())?;
        let Pass {
            loss,
            correct,
            gradients,
        } = self.pass(batches, position)?;
        let gradient_norm = (wants_norm || !loss.is_finite())
            .then(|| gradients.norm())
            .transpose()?;
        let mut learnt = Learnt {
            loss,
            correct,
            gradient_norm,
            is_finite: self.is_trusted(loss, gradient_norm),
        };
        let mut gradients = Some(gradients);
        if learnt.is_finite
            && let Some(sharpness) = self.config.sharpness
            && let Some(flat) = gradients.take()
        {
            let steep = self.pass_near(batches, position, &flat, sharpness)?;
            let norm = wants_norm.then(|| steep.gradients.norm()).transpose()?;
            learnt.is_finite = self.is_trusted(steep.loss, norm);
            learnt.gradient_norm = norm;
            gradients = Some(steep.gradients);
        }
        let Some(gradients) = gradients.filter(|_| learnt.is_finite) else {
            statistics.put_back()?;
            return Ok(learnt);
        };
        let gradients = match self.config.clipping {
            Some(clipping) => clipping.applied(gradients, learnt.gradient_norm, self.network())?,
            None => gradients,
        };
        self.optimizer.step(&gradients, learning_rate)?;
        if let Some(average) = &mut self.average {
            average.after_step(self.network.borrow())?;
        }
        Ok(learnt)
    }

    fn is_trusted(&self, loss: f64, gradient_norm: Option<f64>) -> bool {
        let is_norm_trusted = match self.config.non_finite {
            NonFinite::Stop => true,
            NonFinite::Skip => gradient_norm.is_some_and(f64::is_finite),
        };
        loss.is_finite() && is_norm_trusted
    }

    /// The mean loss of all examples and its gradients.
    fn pass(&self, batches: &[MixedBatch], position: usize) -> Result<Pass, Error> {
        let network = self.network();
        let images: usize = batches.iter().map(|mixed| mixed.batch.len()).sum();
        let mut sum: Option<Pass> = None;
        for (place, mixed) in batches.iter().enumerate() {
            let number = position * self.config.accumulation as usize + place;
            let outputs = network.forward_training(mixed.batch.input.start(), number as u64)?;
            let mut loss = self.loss.of(&outputs.logits, mixed.targets())?;
            for (logits, weight) in &outputs.auxiliary {
                let auxiliary = self.loss.of(logits, mixed.targets())?;
                let sum = auxiliary
                    .f_mul_scalar(*weight)
                    .and_then(|auxiliary| loss.f_add(&auxiliary));
                loss = sum.during("the loss of a batch")?;
            }
            let share = mixed.batch.len() as f64 / images as f64;
            let value = loss.f_double_value(&[]).during("the loss of a batch")?;
            if batches.len() > 1 {
                loss = loss.f_mul_scalar(share).during("the loss of a batch")?;
            }
            let own = Pass {
                loss: value * share,
                correct: mixed.batch.correct(&outputs.logits)?,
                gradients: network.gradients(&loss)?,
            };
            sum = Some(match sum {
                Some(before) => before.plus(own)?,
                None => own,
            });
        }
        sum.ok_or_else(|| Error::nothing_readable("training", images, &[]))
    }

    /// The pass of the same batches with the weights at which the loss near the network's own is highest. The network is left as it
    /// was.
    fn pass_near(
        &self,
        batches: &[MixedBatch],
        position: usize,
        gradients: &Gradients,
        sharpness: SharpnessAware,
    ) -> Result<Pass, Error> {
        let statistics = Statistics::copied(self.network())?;
        let climbed = sharpness.climb(self.network(), gradients)?;
        let pass = self.pass(batches, position);
        climbed.put_back()?;
        statistics.put_back()?;
        pass
    }

    fn photos_of(&self, batches: &[MixedBatch]) -> String {
        let samples = self.train.loader().samples();
        let indices = batches.iter().flat_map(|mixed| &mixed.batch.indices);
        let paths = indices.map(|&index| samples[index].path.display().to_string());
        paths.collect::<Vec<_>>().join(", ")
    }
}
