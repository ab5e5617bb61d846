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

/// What a step learns from.
struct Material {
    /// This rank's share; batches of which nothing falls to it are there without examples.
    batches: Vec<MixedBatch>,
    /// Examples of all ranks.
    images: usize,
    /// The number of the step over all epochs.
    position: usize,
}

impl Material {
    fn own_images(&self) -> usize {
        self.batches.iter().map(|mixed| mixed.batch.len()).sum()
    }
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

/// What a pass forwards and backwards came to, on all ranks.
struct Pass {
    /// The mean loss of all its examples.
    loss: f64,
    correct: f64,
    gradients: Gradients,
}

impl Pass {
    fn told(&self) -> [f64; 2] {
        [self.loss, self.correct]
    }

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
            None => {
                // What was spent before is none of the steps'.
                self.ranks.take_traffic();
                let (epoch, network) = (self.next_epoch(), self.network());
                RunningEpoch::begin(epoch, &self.train, &self.config, network, &self.ranks)?
            }
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
        let material = self.material(running)?;
        if material.batches.is_empty() {
            return Ok(Taken::None);
        }
        let steps = self.steps_per_epoch();
        let (images, position) = (material.images, material.position);
        let losses: Vec<f64> = self.history.epochs.iter().map(validated_loss).collect();
        let learning_rate = self.config.learning_rate
            * self.config.schedule.factor(SchedulePoint {
                step: position,
                steps_per_epoch: steps,
                epochs: self.config.epochs,
                losses: &losses,
            });
        let wants_norm = observer.wants_gradient_norm() || self.config.non_finite == NonFinite::Skip;
        let learnt = self.learn(&material, learning_rate, wants_norm)?;
        if !learnt.is_finite {
            self.skipped_in_a_row += 1;
            let photos = self.photos_of(&material.batches);
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
    fn material(&self, running: &mut RunningEpoch) -> Result<Material, Error> {
        let position = (running.epoch as usize - 1) * self.steps_per_epoch() + running.delivered;
        let (mut batches, mut images) = (Vec::new(), 0);
        while batches.len() < self.config.accumulation as usize {
            let batch = running.next();
            if let Some(photos) = &self.photos {
                photos.check_skipped(running.newly_skipped())?;
            }
            let Some(batch) = batch else {
                break;
            };
            let batch = batch?;
            let of_all_ranks = self.ranks.total(batch.len())?;
            if of_all_ranks == 0 {
                // None of its photos could be read: no step counts it.
                continue;
            }
            images += of_all_ranks;
            let address = BatchAddress {
                seed: self.train.loader().config().seed,
                epoch: running.epoch,
                epochs: self.config.epochs,
                batch: running.delivered * self.config.accumulation as usize + batches.len(),
            };
            batches.push(match self.config.mixing {
                Some(mixing) => mixing.applied(batch, address)?,
                None => MixedBatch::unmixed(batch),
            });
        }
        Ok(Material {
            batches,
            images,
            position,
        })
    }

    /// The step of this number. A loss that is not finite changes nothing; nor, where such batches are left out, do gradients.
    fn learn(&mut self, material: &Material, learning_rate: f64, wants_norm: bool) -> Result<Learnt, Error> {
        let statistics = Statistics::copied(self.network())?;
        let Pass {
            loss,
            correct,
            gradients,
        } = self.pass(material)?;
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
            let steep = self.pass_near(material, &flat, sharpness)?;
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

    /// The mean loss of all ranks' examples and its gradients.
    fn pass(&self, material: &Material) -> Result<Pass, Error> {
        let own = self.own_pass(material)?;
        let Some(reduction) = &self.reduction else {
            return own.ok_or_else(|| Error::nothing_readable("training", material.images, &[]));
        };
        let told = own.as_ref().map_or([0.0; 2], Pass::told);
        let gradients = own.map(|own| own.gradients);
        let ([loss, correct], gradients) = reduction.gradients(&self.ranks, told, gradients)?;
        if !self.config.synchronized_norms {
            let weight = material.own_images() as f64 / material.images as f64;
            reduction.statistics(&self.ranks, self.network(), weight)?;
        }
        Ok(Pass {
            loss,
            correct,
            gradients,
        })
    }

    /// What this rank's examples add to the mean loss and its gradients; `None` if it has none, and no other rank waits for it in a
    /// batch norm.
    fn own_pass(&self, material: &Material) -> Result<Option<Pass>, Error> {
        let network = self.network();
        let is_awaited = self.config.synchronized_norms && !self.ranks.is_alone();
        let is_sum = material.batches.len() > 1 || !self.ranks.is_alone();
        let mut sum: Option<Pass> = None;
        let batches = material.batches.iter().enumerate();
        for (place, mixed) in batches.filter(|(_, mixed)| is_awaited || !mixed.batch.is_empty()) {
            let number = material.position * self.config.accumulation as usize + place;
            // No rank drops what another one drops.
            let number = number * self.ranks.count() + self.ranks.rank();
            let outputs = network.forward_training(mixed.batch.input.start(), number as u64)?;
            let mut loss = self.loss_of(&outputs.logits, mixed)?;
            for (logits, weight) in &outputs.auxiliary {
                let auxiliary = self.loss_of(logits, mixed)?;
                let sum = auxiliary
                    .f_mul_scalar(*weight)
                    .and_then(|auxiliary| loss.f_add(&auxiliary));
                loss = sum.during("the loss of a batch")?;
            }
            let share = mixed.batch.len() as f64 / material.images as f64;
            let value = loss.f_double_value(&[]).during("the loss of a batch")?;
            if is_sum {
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
        Ok(sum)
    }

    /// The mean loss of a batch. That of no examples is 0, with gradients that are 0, too.
    fn loss_of(&self, logits: &Tensor, mixed: &MixedBatch) -> Result<Tensor, Error> {
        if mixed.batch.is_empty() {
            return logits.f_sum(logits.kind()).during("the loss of no examples");
        }
        self.loss.of(logits, mixed.targets())
    }

    /// The pass of the same batches with the weights at which the loss near the network's own is highest. The network is left as it
    /// was.
    fn pass_near(
        &self,
        material: &Material,
        gradients: &Gradients,
        sharpness: SharpnessAware,
    ) -> Result<Pass, Error> {
        let statistics = Statistics::copied(self.network())?;
        let climbed = sharpness.climb(self.network(), gradients)?;
        let pass = self.pass(material);
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
