//! How the learning rate changes.

mod kinds;

pub use kinds::{
    Constant, Cosine, Exponential, MultiStepDecay, OneCycle, Per, Plateau, Polynomial, StepDecay,
};

use marque_core::SettingError;
use marque_core::setting::{at_least, below_one, fraction, positive, require};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the learning rate changes from step to step, as a factor on its largest value. Each kind but one-cycle may begin with a linear
/// rise from nothing, while an optimiser's means are still guesses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Schedule {
    /// Always the same. The default.
    Constant(Constant),
    /// Lower every few epochs.
    Step(StepDecay),
    /// Lower after given epochs.
    MultiStep(MultiStepDecay),
    /// Lower by the same factor again and again.
    Exponential(Exponential),
    /// Along a power of the time that is left.
    Polynomial(Polynomial),
    /// Half a cosine down, once or several times.
    #[serde(alias = "warmup_cosine")]
    Cosine(Cosine),
    /// Half a cosine up, half a cosine down.
    OneCycle(OneCycle),
    /// Lower whenever the loss does not fall any more.
    Plateau(Plateau),
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::Constant(Constant::default())
    }
}

/// Where a training stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SchedulePoint<'a> {
    /// The step, from 0.
    pub step: usize,
    /// Steps of an epoch, at least 1.
    pub steps_per_epoch: usize,
    /// Epochs of the whole training.
    pub epochs: u32,
    /// The losses of the finished epochs: those of the validation photos, where there are any.
    pub losses: &'a [f64],
}

impl SchedulePoint<'_> {
    fn steps(&self) -> usize {
        self.steps_per_epoch.max(1) * self.epochs as usize
    }

    /// The epoch, from 0.
    fn epoch(&self) -> usize {
        self.step / self.steps_per_epoch.max(1)
    }

    /// The time that has passed and the whole time, in steps or epochs.
    fn time(&self, per: Per) -> (usize, usize) {
        match per {
            Per::Step => (self.step, self.steps()),
            Per::Epoch => (self.epoch(), self.epochs as usize),
        }
    }
}

/// What the times of a rise and a fall are at a point.
enum Part {
    /// The factor on the way up.
    Rise(f64),
    /// The time since the end of the rise, and the time from there to the end.
    Fall(f64, f64),
}

/// The first step of a rise is not at zero: it would be a step for nothing.
fn part(warmup: f64, (time, whole): (usize, usize)) -> Part {
    let rise = (warmup * whole as f64).round() as usize;
    if time < rise {
        return Part::Rise((time + 1) as f64 / rise as f64);
    }
    Part::Fall((time - rise) as f64, whole.saturating_sub(rise).max(1) as f64)
}

/// From `start` to `end` along half a cosine, `share` of the way.
fn along_cosine(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) * 0.5 * (1.0 + (PI * share.clamp(0.0, 1.0)).cos())
}

impl Schedule {
    /// A rise over `warmup` of the steps, then half a cosine down to nothing.
    pub fn cosine(warmup: f64) -> Self {
        Schedule::Cosine(Cosine {
            warmup,
            ..Cosine::default()
        })
    }

    fn warmup(&self) -> f64 {
        match self {
            Schedule::Constant(kind) => kind.warmup,
            Schedule::Step(kind) => kind.warmup,
            Schedule::MultiStep(kind) => kind.warmup,
            Schedule::Exponential(kind) => kind.warmup,
            Schedule::Polynomial(kind) => kind.warmup,
            Schedule::Cosine(kind) => kind.warmup,
            Schedule::OneCycle(kind) => kind.warmup,
            Schedule::Plateau(kind) => kind.warmup,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        fraction("warmup", self.warmup())?;
        match self {
            Schedule::Constant(_) => Ok(()),
            Schedule::Step(kind) => {
                at_least("every", kind.every, 1)?;
                positive("factor", kind.factor)
            }
            Schedule::MultiStep(kind) => {
                let ascends = kind.at.is_sorted_by(|first, second| first < second);
                require("at", ascends, "ascending numbers", format!("{:?}", kind.at))?;
                positive("factor", kind.factor)
            }
            Schedule::Exponential(kind) => positive("factor", kind.factor),
            Schedule::Polynomial(kind) => {
                positive("power", kind.power)?;
                fraction("end", kind.end)
            }
            Schedule::Cosine(kind) => {
                fraction("end", kind.end)?;
                let is_bounded = (1..=100).contains(&kind.cycles);
                require("cycles", is_bounded, "from 1 to 100", kind.cycles)?;
                let is_bounded = (1.0..=100.0).contains(&kind.growth);
                require("growth", is_bounded, "from 1 to 100", kind.growth)
            }
            Schedule::OneCycle(kind) => {
                let is_share = kind.start > 0.0 && kind.start <= 1.0;
                require("start", is_share, "above 0, at most 1", kind.start)?;
                fraction("end", kind.end)
            }
            Schedule::Plateau(kind) => {
                positive("factor", kind.factor)?;
                below_one("factor", kind.factor)?;
                below_one("threshold", kind.threshold)?;
                fraction("end", kind.end)
            }
        }
    }

    /// The factor at a point of a training.
    ///
    /// ```
    /// use marque_train::{Schedule, SchedulePoint};
    ///
    /// let schedule = Schedule::cosine(0.1);
    /// let factor = |step| schedule.factor(SchedulePoint { step, steps_per_epoch: 10, epochs: 10, losses: &[] });
    /// assert_eq!(factor(9), 1.0);
    /// assert!((factor(54) - 0.5).abs() < 0.02);
    /// assert!(factor(99) < 0.001);
    /// ```
    pub fn factor(&self, at: SchedulePoint<'_>) -> f64 {
        let risen = |warmup| match part(warmup, at.time(Per::Step)) {
            Part::Rise(factor) => factor,
            Part::Fall(..) => 1.0,
        };
        match self {
            Schedule::Constant(kind) => risen(kind.warmup),
            Schedule::Step(kind) => {
                risen(kind.warmup) * power(kind.factor, at.epoch() / kind.every.max(1) as usize)
            }
            Schedule::MultiStep(kind) => {
                let passed = kind.at.iter().filter(|&&epochs| epochs as usize <= at.epoch());
                risen(kind.warmup) * power(kind.factor, passed.count())
            }
            Schedule::Exponential(kind) => {
                let (time, _) = at.time(kind.per);
                risen(kind.warmup) * power(kind.factor, time)
            }
            Schedule::Polynomial(kind) => match part(kind.warmup, at.time(kind.per)) {
                Part::Rise(factor) => factor,
                Part::Fall(time, whole) => {
                    kind.end + (1.0 - kind.end) * (1.0 - time / whole).max(0.0).powf(kind.power)
                }
            },
            Schedule::Cosine(kind) => match part(kind.warmup, at.time(kind.per)) {
                Part::Rise(factor) => factor,
                Part::Fall(time, whole) => along_cosine(1.0, kind.end, kind.share_of_cycle(time, whole)),
            },
            Schedule::OneCycle(kind) => kind.factor(at),
            Schedule::Plateau(kind) => risen(kind.warmup) * kind.factor(at.losses),
        }
    }
}

fn power(factor: f64, exponent: usize) -> f64 {
    factor.powi(i32::try_from(exponent).unwrap_or(i32::MAX))
}

impl Cosine {
    /// The share of the running cycle that has passed.
    fn share_of_cycle(&self, time: f64, whole: f64) -> f64 {
        let lengths = (0..self.cycles).scan(1.0, |length, _| {
            let own = *length;
            *length *= self.growth;
            Some(own)
        });
        let unit = whole / lengths.clone().sum::<f64>();
        let mut begin = 0.0;
        for length in lengths.map(|length| length * unit) {
            // What is lost in rounding must not make the first step of a cycle the last of the one before it.
            if time < begin + length - 1e-6 {
                return (time - begin).max(0.0) / length;
            }
            begin += length;
        }
        1.0
    }
}

impl OneCycle {
    fn factor(&self, at: SchedulePoint<'_>) -> f64 {
        let last = at.steps().saturating_sub(1) as f64;
        let top = (self.warmup * at.steps() as f64 - 1.0).max(0.0);
        let step = at.step as f64;
        if step <= top && top > 0.0 {
            along_cosine(self.start, 1.0, step / top)
        } else {
            along_cosine(1.0, self.end, (step - top) / (last - top).max(1.0))
        }
    }
}

impl Plateau {
    fn factor(&self, losses: &[f64]) -> f64 {
        let (mut factor, mut lowest) = (1.0_f64, f64::INFINITY);
        let (mut without, mut cooling) = (0, 0);
        for &loss in losses {
            if loss < lowest * (1.0 - self.threshold) {
                lowest = loss;
                without = 0;
            } else {
                without += 1;
            }
            if cooling > 0 {
                cooling -= 1;
                without = 0;
            }
            if without > self.patience {
                factor = (factor * self.factor).max(self.end);
                cooling = self.cooldown;
                without = 0;
            }
        }
        factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factors of a whole training.
    fn factors(schedule: &Schedule, steps_per_epoch: usize, epochs: u32) -> Vec<f64> {
        (0..steps_per_epoch * epochs as usize)
            .map(|step| {
                schedule.factor(SchedulePoint {
                    step,
                    steps_per_epoch,
                    epochs,
                    losses: &[],
                })
            })
            .collect()
    }

    #[test]
    fn a_warm_cosine_rises_and_falls_once_and_never_leaves_its_range() {
        for steps in [1, 2, 7, 100] {
            for warmup in [0.0, 0.05, 0.5, 1.0] {
                let factors = factors(&Schedule::cosine(warmup), steps, 1);
                assert!(
                    factors.iter().all(|&factor| factor > 0.0 && factor <= 1.0),
                    "{steps} {warmup} {factors:?}"
                );
                let turns = factors
                    .windows(3)
                    .filter(|three| (three[1] - three[0]) * (three[2] - three[1]) < 0.0)
                    .count();
                assert!(turns <= 1, "{factors:?}");
            }
        }
    }

    #[test]
    fn whatever_is_not_told_apart_by_steps_stays_for_an_epoch() {
        let by_epoch = [
            Schedule::Step(StepDecay {
                every: 2,
                ..StepDecay::default()
            }),
            Schedule::MultiStep(MultiStepDecay {
                at: vec![1, 4],
                ..MultiStepDecay::default()
            }),
            Schedule::Exponential(Exponential::default()),
            Schedule::Cosine(Cosine {
                per: Per::Epoch,
                cycles: 2,
                ..Cosine::default()
            }),
            Schedule::Polynomial(Polynomial {
                per: Per::Epoch,
                ..Polynomial::default()
            }),
        ];
        for schedule in by_epoch {
            schedule.validate().unwrap();
            let factors = factors(&schedule, 5, 6);
            assert!(
                factors
                    .chunks(5)
                    .all(|epoch| epoch.iter().all(|factor| *factor == epoch[0])),
                "{schedule:?}"
            );
            assert!(factors[0] > *factors.last().unwrap(), "{schedule:?}");
        }
    }

    #[test]
    fn a_rise_reaches_the_rate_of_every_kind() {
        for kind in [
            "constant",
            "step",
            "multi_step",
            "exponential",
            "polynomial",
            "cosine",
            "plateau",
        ] {
            let text = format!(r#"{{"kind": "{kind}", "warmup": 0.25}}"#);
            let schedule: Schedule = serde_json::from_str(&text).unwrap();
            let factors = factors(&schedule, 20, 1);
            assert_eq!(factors[..5], [0.2, 0.4, 0.6, 0.8, 1.0], "{kind}");
        }
    }

    #[test]
    fn numbers_out_of_their_range_are_refused() {
        for text in [
            r#"{"kind": "cosine", "warmup": -0.1}"#,
            r#"{"kind": "constant", "warmup": 1.1}"#,
            r#"{"kind": "cosine", "cycles": 0}"#,
            r#"{"kind": "cosine", "cycles": 4000000000}"#,
            r#"{"kind": "cosine", "growth": 0.5}"#,
            r#"{"kind": "step", "every": 0}"#,
            r#"{"kind": "multi_step", "at": [3, 2]}"#,
            r#"{"kind": "polynomial", "power": 0}"#,
            r#"{"kind": "one_cycle", "start": 0}"#,
            r#"{"kind": "plateau", "factor": 1}"#,
        ] {
            let schedule: Schedule = serde_json::from_str(text).unwrap();
            assert!(schedule.validate().is_err(), "{text}");
        }
        let unknown = serde_json::from_str::<Schedule>(r#"{"kind": "step", "power": 2}"#);
        assert!(unknown.unwrap_err().to_string().contains("power"));
    }
}
