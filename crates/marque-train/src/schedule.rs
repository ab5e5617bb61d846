use marque_core::SettingError;
use marque_core::setting::fraction;
use serde::{Deserialize, Serialize};

/// How the learning rate changes from step to step, as a factor on its largest value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    #[default]
    Constant,
    /// A linear rise from nothing, then half a cosine down to nothing (Loshchilov & Hutter 2016,
    /// arXiv:1608.03983, without restarts).
    WarmupCosine {
        /// Share of all steps that the rise takes, from 0 to 1; 0.1 by default.
        #[serde(default = "tenth")]
        warmup: f64,
    },
}

fn tenth() -> f64 {
    0.1
}

impl Schedule {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        match *self {
            Schedule::Constant => Ok(()),
            Schedule::WarmupCosine { warmup } => fraction("warmup", warmup),
        }
    }

    /// The factor of step `step` (from 0) of `steps`.
    ///
    /// ```
    /// use marque_train::Schedule;
    ///
    /// let schedule = Schedule::WarmupCosine { warmup: 0.1 };
    /// assert_eq!(schedule.factor(9, 100), 1.0);
    /// assert!((schedule.factor(54, 100) - 0.5).abs() < 0.01);
    /// assert!(schedule.factor(99, 100) < 0.001);
    /// ```
    pub fn factor(&self, step: usize, steps: usize) -> f64 {
        match *self {
            Schedule::Constant => 1.0,
            Schedule::WarmupCosine { warmup } => {
                let rise = (warmup * steps as f64).round() as usize;
                // The first step is not at zero: it would be a step for nothing.
                if step < rise {
                    return (step + 1) as f64 / rise as f64;
                }
                let fall = steps.saturating_sub(rise).max(1);
                let progress = ((step + 1 - rise) as f64 / (fall + 1) as f64).min(1.0);
                0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_cosine_rises_and_falls_once_and_never_leaves_its_range() {
        for steps in [1, 2, 7, 100] {
            for warmup in [0.0, 0.05, 0.5, 1.0] {
                let factors: Vec<f64> = (0..steps)
                    .map(|step| Schedule::WarmupCosine { warmup }.factor(step, steps))
                    .collect();
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
    fn a_warm_up_that_is_no_share_is_refused() {
        for warmup in [-0.1, 1.1, f64::NAN] {
            assert!(Schedule::WarmupCosine { warmup }.validate().is_err());
        }
    }
}
