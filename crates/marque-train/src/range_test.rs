//! The learning-rate range test.

use crate::observer::Event;
use crate::schedule::{Exponential, Per};
use crate::{Error, Examples, FitConfig, Observer, Schedule, Training};
use marque_core::SettingError;
use marque_core::setting::{at_least, positive, require};
use marque_torch::Network;
use serde::{Deserialize, Serialize};

/// A learning-rate range test (Smith 2015, arXiv:1506.01186): a short training whose rate rises from step to step until the loss
/// does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RangeTest {
    /// The first rate, positive; 1e-6 by default.
    pub from: f64,
    /// The last rate, above the first; 1 by default.
    pub to: f64,
    /// Steps from one to the other, at least 20; 100 by default. The rate is multiplied by the same factor in each.
    pub steps: usize,
}

impl Default for RangeTest {
    fn default() -> Self {
        Self {
            from: 1e-6,
            to: 1.0,
            steps: 100,
        }
    }
}

/// A step of a range test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatePoint {
    /// The rate of the step.
    pub learning_rate: f64,
    /// The loss of its batch, before the step.
    pub loss: f64,
    /// The mean of this loss and those before it, the later ones more.
    pub smoothed: f64,
}

/// What a range test has shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LossByRate {
    /// The steps, up to where the smoothed loss was four times its lowest.
    pub points: Vec<RatePoint>,
}

/// Decay of the mean of losses. Ten steps are enough to see through the noise of batches, and few beside a hundred.
const DECAY: f64 = 0.9;
/// Steps whose mean is too young to be looked at.
const YOUNG: usize = 10;
/// The smoothed loss of a training that diverges is so many times its lowest.
const DIVERGED: f64 = 4.0;

impl RangeTest {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        positive("from", self.from)?;
        positive("to", self.to)?;
        require("to", self.to > self.from, format!("above {}", self.from), self.to)?;
        at_least("steps", self.steps, 2 * YOUNG)
    }
}

impl LossByRate {
    fn add(&mut self, learning_rate: f64, loss: f64) {
        // The mean of nothing is 0; divided by the weight of all losses it is theirs alone.
        let weight = |count: usize| 1.0 - DECAY.powi(i32::try_from(count).unwrap_or(i32::MAX));
        let before = self.points.len();
        let sum = self.points.last().map_or(0.0, |last| last.smoothed) * weight(before);
        self.points.push(RatePoint {
            learning_rate,
            loss,
            smoothed: (DECAY * sum + (1.0 - DECAY) * loss) / weight(before + 1),
        });
    }

    fn has_diverged(&self) -> bool {
        let lowest = self
            .points
            .iter()
            .map(|point| point.smoothed)
            .fold(f64::INFINITY, f64::min);
        let last = self.points.last().map_or(0.0, |point| point.smoothed);
        self.points.len() > YOUNG && last > DIVERGED * lowest
    }

    /// The rate at which the smoothed loss fell fastest, per factor on the rate, before it was lowest: a good first largest rate.
    /// `None` if it never fell.
    pub fn suggestion(&self) -> Option<f64> {
        let lowest = (0..self.points.len())
            .min_by(|&one, &other| self.points[one].smoothed.total_cmp(&self.points[other].smoothed))?;
        let falling = self.points.get(YOUNG..=lowest)?;
        let slope = |pair: &[RatePoint]| pair[1].smoothed - pair[0].smoothed;
        let steepest = falling
            .windows(2)
            .min_by(|one, other| slope(one).total_cmp(&slope(other)))?;
        (slope(steepest) < 0.0).then_some(steepest[1].learning_rate)
    }
}

/// Makes a range test. The network is left as it was.
///
/// The optimiser, the loss and what is done to photos are those of `config`; rate, schedule and averages are not. A loss that is not
/// finite ends the test.
///
/// # Errors
/// [`Error::Setting`]; otherwise as [`fit()`](crate::fit()).
///
/// ```no_run
/// use marque_train::{Prepared, Progress, RangeTest, Recipe, range_test};
///
/// # fn test(network: &mut marque_torch::Network, data: &Prepared) -> Result<(), marque_train::Error> {
/// let recipe = Recipe::light();
/// let rates = range_test(network, &data.train, &recipe.fit, RangeTest::default(), &mut Progress::new())?;
/// println!("{:?}", rates.suggestion());
/// # Ok(())
/// # }
/// ```
pub fn range_test(
    network: &mut Network,
    train: impl Into<Examples>,
    config: &FitConfig,
    test: RangeTest,
    observer: &mut dyn Observer,
) -> Result<LossByRate, Error> {
    test.validate()?;
    let train = train.into();
    let before = network.state_dict()?;
    let batches = train.loader().batches_per_epoch();
    let steps_per_epoch = batches.div_ceil(config.accumulation.max(1) as usize).max(1);
    let config = FitConfig {
        epochs: u32::try_from(test.steps.div_ceil(steps_per_epoch)).unwrap_or(u32::MAX),
        learning_rate: test.from,
        schedule: Schedule::Exponential(Exponential {
            warmup: 0.0,
            factor: (test.to / test.from).powf(1.0 / (test.steps - 1) as f64),
            per: Per::Step,
        }),
        averaging: None,
        swa: None,
        resizing: None,
        patience: None,
        ..config.clone()
    };
    let outcome = Training::new(&mut *network, train, None, &config)
        .and_then(|training| steps(training, test.steps, observer));
    network.load_state_dict(&before)?;
    outcome
}

fn steps(
    mut training: Training<&mut Network>,
    count: usize,
    observer: &mut dyn Observer,
) -> Result<LossByRate, Error> {
    let mut found = LossByRate::default();
    while found.points.len() < count && !found.has_diverged() && !observer.should_stop() {
        match training.step() {
            Ok(Some(step)) => {
                found.add(step.learning_rate, step.batch_loss);
                observer.observe(&Event::Step(step))?;
            }
            // All batches of the epoch have been used: this begins the next.
            Ok(None) => drop(training.epoch(&mut |_: &Event<'_>| Ok(()))?),
            Err(Error::NonFiniteLoss { .. }) if !found.points.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss that falls about a rate of 1e-3 and rises about 1e-1.
    fn curve() -> LossByRate {
        let mut curve = LossByRate::default();
        for step in 0..120 {
            let rate = 1e-6 * 10_f64.powf(f64::from(step) / 20.0);
            let fall = 1.0 / (1.0 + (rate / 1e-3).powi(2));
            curve.add(rate, 0.5 + 2.0 * fall + (rate / 0.1).powi(2));
            if curve.has_diverged() {
                break;
            }
        }
        curve
    }

    #[test]
    fn the_suggestion_lies_where_the_loss_falls() {
        let curve = curve();
        // The mean follows the losses some steps later, a factor of 10^(1/20) each.
        let suggestion = curve.suggestion().unwrap();
        assert!((7e-4..4e-3).contains(&suggestion), "{suggestion}");
        let last = curve.points.last().unwrap();
        assert!(last.learning_rate < 1.0 && last.smoothed > 2.0);
    }

    #[test]
    fn a_loss_that_never_falls_suggests_nothing() {
        let mut rising = LossByRate::default();
        assert_eq!(rising.suggestion(), None);
        for step in 0..50 {
            rising.add(1e-3 * f64::from(step + 1), 1.0 + f64::from(step));
        }
        assert_eq!(rising.suggestion(), None);
    }

    #[test]
    fn the_first_mean_is_the_first_loss() {
        let mut curve = LossByRate::default();
        curve.add(1e-3, 2.0);
        curve.add(1e-3, 2.0);
        assert!(
            curve
                .points
                .iter()
                .all(|point| (point.smoothed - 2.0).abs() < 1e-12)
        );
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        for (from, to, steps) in [
            (0.0, 1.0, 100),
            (1.0, 1.0, 100),
            (1e-3, 1.0, 3),
            (1e-3, f64::NAN, 100),
        ] {
            assert!(RangeTest { from, to, steps }.validate().is_err());
        }
    }
}
