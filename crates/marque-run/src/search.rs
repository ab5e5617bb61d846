//! A search among recipes, on the validation photos alone.

use crate::{Error, Run};
use marque_fs::write_atomically;
use marque_train::{Event, Observer, Recipe, SearchSpace, StopReason};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// A search among the recipes of a space: random (Bergstra & Bengio 2012), or by successive halving (Jamieson & Talwalkar 2015,
/// arXiv:1502.07943), which gives many recipes a few epochs and the best of them more.
///
/// A trial is a training whose best epoch is measured on the validation photos; test photos are not looked at. What has been found is in
/// `search.json` after every trial, so that a search that was left goes on where it was, within a trial, too. The weights of trials are
/// not kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// What may change, and to what.
    pub space: SearchSpace,
    /// Recipes that are drawn, from 1 to 100,000.
    pub trials: u64,
    /// What they are drawn from.
    pub seed: u64,
    /// Rounds of trials; all get all their epochs if none.
    pub halving: Option<Halving>,
}

/// Rounds of trials, each of the best recipes of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halving {
    /// How many rounds there are, from 1 to 10. In the last one recipes have all their epochs.
    pub rounds: u32,
    /// How many times fewer recipes, and as many times more epochs, a round has than the one before it; above 1.
    pub factor: f64,
}

/// What a trial came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Its number, from 0: what its recipe is drawn by.
    pub trial: u64,
    /// Its round, from 0.
    pub round: u32,
    /// The most epochs that it had.
    pub epochs: u32,
    /// What was drawn: setting and value.
    pub values: Vec<(String, String)>,
    /// Of its best epoch; `None` if its loss became infinite or not a number.
    pub validation: Option<Validated>,
    /// The time that it took, in seconds.
    pub seconds: f64,
}

/// What the validation photos say of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validated {
    /// Share of photos whose most probable class is the true one.
    pub accuracy: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
}

/// What a search has found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchOutcome {
    /// All trials, the best first: those of later rounds, of higher accuracy, of lower loss.
    pub trials: Vec<Trial>,
    /// The recipe of the best, with all its epochs; `None` if no trial has been measured.
    pub best: Option<Recipe>,
    /// Whether trials are left that the budget did not allow, or that the observer did not wait for.
    pub is_cut_short: bool,
}

/// What is kept of a search.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    search: Search,
    recipe: Recipe,
    trials: Vec<Trial>,
}

const FILE: &str = "search.json";
/// Nobody has the time for more.
const MAX_TRIALS: u64 = 100_000;

impl Search {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Train`] with the setting.
    pub fn validate(&self) -> Result<(), Error> {
        self.space.validate()?;
        let refuse = |setting: &str, expected: &str, found: String| {
            let error = marque_data::SettingError::new(setting, expected, found);
            Err(marque_train::Error::from(error).into())
        };
        if !(1..=MAX_TRIALS).contains(&self.trials) {
            return refuse(
                "trials",
                &format!("from 1 to {MAX_TRIALS}"),
                self.trials.to_string(),
            );
        }
        match self.halving {
            Some(Halving { rounds, .. }) if !(1..=10).contains(&rounds) => {
                refuse("rounds", "from 1 to 10", rounds.to_string())
            }
            Some(Halving { factor, .. }) if !(factor > 1.0 && factor.is_finite()) => {
                refuse("factor", "above 1", factor.to_string())
            }
            _ => Ok(()),
        }
    }

    /// Makes the trials that are not made yet. `begun` begins a run with a recipe in a folder; all of them are on the same photos, with
    /// the same network and seed. No trial begins when all before it have taken `budget`.
    ///
    /// # Errors
    /// [`Error::Train`] for settings; [`Error::OtherSearch`] if `out` has another search, [`Error::NoValidation`] if there are no
    /// validation photos; otherwise as [`Run::prepare`] and [`PreparedRun::train`](crate::PreparedRun::train), but for losses that
    /// are not finite.
    pub fn run(
        &self,
        recipe: &Recipe,
        (out, budget): (&Path, Option<Duration>),
        begun: impl Fn(&Path, Recipe) -> Run,
        observer: &mut dyn Observer,
    ) -> Result<SearchOutcome, Error> {
        self.validate()?;
        let mut record = self.begin(recipe, out)?;
        let rounds = self.halving.map_or(1, |halving| halving.rounds);
        let mut chosen: Vec<u64> = (0..self.trials).collect();
        for round in 0..rounds {
            for &trial in &chosen {
                let is_done = |known: &Trial| (known.trial, known.round) == (trial, round);
                if record.trials.iter().any(is_done) {
                    continue;
                }
                let taken: f64 = record.trials.iter().map(|trial| trial.seconds).sum();
                let is_spent = budget.is_some_and(|budget| taken >= budget.as_secs_f64());
                if is_spent || observer.should_stop() {
                    return self.outcome(record, true);
                }
                let folder = out.join(format!("trial-{trial}-{round}"));
                let Some(made) = self.trial((trial, round), recipe, (folder.as_path(), &begun), observer)?
                else {
                    return self.outcome(record, true);
                };
                record.trials.push(made);
                record.write(out)?;
                remove(&folder)?;
            }
            let mut of_round: Vec<&Trial> = record
                .trials
                .iter()
                .filter(|trial| trial.round == round)
                .collect();
            of_round.sort_by(|one, other| better(one, other));
            let kept = self.halving.map_or(0, |halving| {
                (chosen.len() as f64 / halving.factor).ceil() as usize
            });
            chosen = of_round
                .iter()
                .take(kept.max(1))
                .map(|trial| trial.trial)
                .collect();
        }
        self.outcome(record, false)
    }

    fn begin(&self, recipe: &Recipe, out: &Path) -> Result<Record, Error> {
        let file = out.join(FILE);
        let fresh = Record {
            search: self.clone(),
            recipe: recipe.clone(),
            trials: Vec::new(),
        };
        if !file.exists() {
            // That a recipe has all settings of the space is found before the first trial.
            self.space.drawn(recipe, self.seed, 0)?;
            fresh.write(out)?;
            return Ok(fresh);
        }
        let record = Record::read(&file)?;
        if record.search == fresh.search && record.recipe == fresh.recipe {
            Ok(record)
        } else {
            Err(Error::OtherSearch { path: file })
        }
    }

    /// The recipe of a trial with the epochs of a round.
    fn recipe(
        &self,
        trial: u64,
        round: u32,
        recipe: &Recipe,
    ) -> Result<(Recipe, Vec<(String, String)>), Error> {
        let (mut recipe, values) = self.space.drawn(recipe, self.seed, trial)?;
        if let Some(Halving { rounds, factor }) = self.halving {
            let rounds_left = rounds.saturating_sub(round + 1);
            let epochs = f64::from(recipe.fit.epochs) / factor.powi(rounds_left as i32);
            recipe.fit.epochs = (epochs.round() as u32).max(1);
        }
        Ok((recipe, values))
    }

    /// Makes a trial, or goes on with it. `None` if it was left before its end.
    fn trial(
        &self,
        (trial, round): (u64, u32),
        recipe: &Recipe,
        (folder, begun): (&Path, &impl Fn(&Path, Recipe) -> Run),
        observer: &mut dyn Observer,
    ) -> Result<Option<Trial>, Error> {
        let clock = Instant::now();
        let (recipe, values) = self.recipe(trial, round, recipe)?;
        let epochs = recipe.fit.epochs;
        let drawn = values.iter().map(|(setting, value)| format!("{setting}={value}"));
        let drawn = drawn.collect::<Vec<_>>().join(" ");
        observer.observe(&Event::Note(&format!("trial {trial}, {epochs} epochs: {drawn}")))?;
        let run = match Run::resume(folder) {
            Ok(run) => run,
            Err(_) => begun(folder, recipe).out(folder).anew(),
        };
        let prepared = run.prepare(observer)?;
        if prepared.data.validation.is_none() {
            return Err(Error::NoValidation);
        }
        let before = prepared.trained_before;
        let validation = match prepared.train(observer) {
            Ok(trained) if trained.fit.reason == StopReason::Interrupted => return Ok(None),
            Ok(trained) => {
                let best = trained.fit.best_epoch;
                let records = &trained.fit.history.epochs;
                let record = records.iter().find(|record| Some(record.epoch) == best);
                record.and_then(|record| {
                    Some(Validated {
                        accuracy: record.validation_accuracy?,
                        loss: record.validation_loss?,
                    })
                })
            }
            Err(Error::Train(marque_train::Error::Interrupted)) => return Ok(None),
            Err(Error::Train(
                marque_train::Error::NonFiniteLoss { .. }
                | marque_train::Error::NonFiniteValidationLoss { .. },
            )) => None,
            Err(error) => return Err(error),
        };
        Ok(Some(Trial {
            trial,
            round,
            epochs,
            values,
            validation,
            seconds: before + clock.elapsed().as_secs_f64(),
        }))
    }

    fn outcome(&self, record: Record, is_cut_short: bool) -> Result<SearchOutcome, Error> {
        let mut trials = record.trials;
        trials.sort_by(|one, other| other.round.cmp(&one.round).then_with(|| better(one, other)));
        let measured = trials.iter().find(|trial| trial.validation.is_some());
        let best = measured
            .map(|best| self.space.drawn(&record.recipe, self.seed, best.trial))
            .transpose()?
            .map(|(recipe, _)| recipe);
        Ok(SearchOutcome {
            trials,
            best,
            is_cut_short,
        })
    }
}

/// The better of two trials of a round stands first.
fn better(one: &Trial, other: &Trial) -> std::cmp::Ordering {
    let key = |trial: &Trial| {
        trial
            .validation
            .map_or((-1.0, f64::INFINITY), |found| (found.accuracy, found.loss))
    };
    let ((accuracy, loss), (other_accuracy, other_loss)) = (key(one), key(other));
    other_accuracy
        .total_cmp(&accuracy)
        .then(loss.total_cmp(&other_loss))
}

impl Record {
    fn read(file: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Record {
            path: file.to_owned(),
            reason,
        };
        let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))
    }

    fn write(&self, out: &Path) -> Result<(), Error> {
        let file = out.join(FILE);
        let written = write_atomically(&file, |target| {
            serde_json::to_writer_pretty(target, self).map_err(Into::into)
        });
        written.map_err(|error| Error::Record {
            path: file,
            reason: error.to_string(),
        })
    }
}

fn remove(folder: &Path) -> Result<(), Error> {
    std::fs::remove_dir_all(folder).map_err(|source| Error::Busy {
        folder: folder.to_owned(),
        source,
    })
}
