use crate::Error;
use crate::averaging::Average;
use crate::error::During;
use crate::evaluate::Sums;
use crate::training::epoch::RunningEpoch;
use crate::training::{Best, Identity, Training};
use marque_data::BadFile;
use marque_metrics::History;
use marque_torch::{Network, Tensor, copy_stored, stored_tensor};
use marque_weights::StateDict;
use serde::{Deserialize, Serialize};
use std::borrow::BorrowMut;

/// Everything that decides what becomes of a training, between two of its steps.
///
/// What is random is not in it: that is a function of seed, epoch, step and index.
#[derive(Debug, Clone)]
pub struct TrainingState {
    /// What the state belongs to.
    pub identity: Identity,
    /// Where in an epoch the training is; `None` between two epochs.
    pub position: Option<Position>,
    /// Steps of the optimiser: Adam's correction of its means depends on it.
    pub optimizer_steps: i32,
    /// Steps that the average of the weights has seen, if there is one.
    pub average_updates: Option<f64>,
    /// The best epoch so far.
    pub best: Option<BestEpoch>,
    /// The finished epochs.
    pub history: History,
    /// Tensors under the graph's names behind a word for what they are: `weights/`, `optimizer.0/` and `optimizer.1/` (Adam's
    /// means and squares, or SGD's sums), `average/` and `best/`. They have the type that the network computes in.
    pub tensors: StateDict,
}

/// The best epoch of a training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestEpoch {
    /// Its number, from 1.
    pub epoch: u32,
    /// Its validation loss, if there is a validation part.
    pub validation_loss: Option<f64>,
}

/// Where in an epoch a training is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Batches of the epoch's plan that have been used or came to nothing.
    pub planned: usize,
    /// Steps that have been taken: batches of which no photo could be read are none.
    pub delivered: usize,
    /// Loss, right predictions and images of the epoch so far.
    pub sums: Sums,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// What the epoch has taken so far.
    pub seconds: f64,
    /// Of these, the time spent waiting for photos.
    pub waiting_seconds: f64,
    /// Photos that were left out so far.
    #[serde(with = "printed_paths")]
    pub skipped: Vec<BadFile>,
}

const WEIGHTS: &str = "weights";
const AVERAGE: &str = "average";
const BEST: &str = "best";

impl<N: BorrowMut<Network>> Training<N> {
    /// What the training is and has, to go on from later.
    ///
    /// # Errors
    /// [`Error::Torch`] if tensors cannot be copied.
    pub fn state(&self) -> Result<TrainingState, Error> {
        let mut tensors = StateDict::default();
        add_all(&mut tensors, WEIGHTS, &self.network().state_dict()?);
        for (name, slot, tensor) in self.optimizer.state() {
            tensors.insert(format!("optimizer.{slot}/{name}"), stored_tensor(tensor)?);
        }
        if let Some(average) = &self.average {
            for (name, tensor) in average.means() {
                tensors.insert(format!("{AVERAGE}/{name}"), stored_tensor(tensor)?);
            }
        }
        if let Some(best) = &self.best {
            add_all(&mut tensors, BEST, &best.weights);
        }
        Ok(TrainingState {
            identity: self.identity.clone(),
            position: self.running.as_ref().map(RunningEpoch::position),
            optimizer_steps: self.optimizer.steps(),
            average_updates: self.average.as_ref().map(Average::updates),
            best: self.best.as_ref().map(|best| BestEpoch {
                epoch: best.epoch,
                validation_loss: best.validation_loss,
            }),
            history: self.history.clone(),
            tensors,
        })
    }

    /// Goes on from a state of a training of the same network, photos and configuration: to the same bits where device, number of
    /// threads and kind of processor are the same, too. Answers what of these is not; `None` if all is.
    ///
    /// # Errors
    /// [`Error::OtherTraining`] names the first thing that differs, [`Error::DamagedState`] what is missing or of another shape;
    /// [`Error::Data`] for an image size that there is not.
    /// The training is not to be used then.
    pub fn restore(&mut self, state: &TrainingState) -> Result<Option<String>, Error> {
        self.identity.check(&state.identity)?;
        state.check()?;
        let weights = state.weights();
        self.network.borrow_mut().load_state_dict(&weights)?;
        self.optimizer.restore(state.optimizer_steps, |slot, name| {
            state.tensors.get(&format!("optimizer.{slot}/{name}"))
        })?;
        match (&mut self.average, state.average_updates) {
            (Some(average), Some(updates)) => {
                average.restore(updates, |name| state.tensors.get(&format!("{AVERAGE}/{name}")))?
            }
            (None, None) => {}
            _ => return Err(damaged("the average of the weights")),
        }
        self.best = match state.best {
            Some(best) => Some(Best {
                epoch: best.epoch,
                validation_loss: best.validation_loss,
                weights: owned(part(&state.tensors, BEST), &weights)?,
            }),
            None => None,
        };
        self.history = state.history.clone();
        self.check_place(state)?;
        let resumed = |position| {
            let network = self.network.borrow();
            RunningEpoch::resume(position, &self.train, &self.config, network, &self.ranks)
        };
        self.running = state.position.as_ref().map(resumed).transpose()?;
        Ok(self.identity.place.differences(&state.identity.place))
    }

    /// Whether all ranks go on from the same place.
    fn check_place(&self, state: &TrainingState) -> Result<(), Error> {
        let planned = state.position.as_ref().map_or(0, |position| position.planned);
        let own = (state.place(), planned, state.optimizer_steps);
        let all = self.ranks.gathered(own)?;
        match all.iter().position(|other| *other != all[0]) {
            None => Ok(()),
            Some(rank) => Err(Error::OtherRank {
                rank,
                what: "state",
                expected: all[0].0.clone(),
                found: all[rank].0.clone(),
            }),
        }
    }
}

impl TrainingState {
    /// The parameters and running statistics of the network, under the graph's names.
    pub fn weights(&self) -> StateDict {
        part(&self.tensors, WEIGHTS)
    }

    /// How long the training has taken so far, in seconds.
    pub fn seconds(&self) -> f64 {
        let epochs = self.history.epochs.iter().map(|record| record.seconds);
        epochs.sum::<f64>() + self.position.as_ref().map_or(0.0, |position| position.seconds)
    }

    /// Where the training is, in words: `behind epoch 3`, `behind step 20 of epoch 4`.
    pub fn place(&self) -> String {
        match &self.position {
            Some(position) => format!("behind step {} of epoch {}", position.delivered, position.epoch),
            None => format!("behind epoch {}", self.history.epochs.len()),
        }
    }

    /// Whether its numbers can be those of a training.
    fn check(&self) -> Result<(), Error> {
        let epochs = self.history.epochs.iter().map(|record| record.epoch);
        if !epochs.clone().eq(1..=self.history.epochs.len() as u32) {
            return Err(damaged("the finished epochs are not numbered from 1"));
        }
        let done = self.history.epochs.len() as u32;
        if self.best.is_some_and(|best| best.epoch == 0 || best.epoch > done) {
            return Err(damaged("the best epoch is not a finished one"));
        }
        match &self.position {
            Some(position) if position.epoch != done + 1 => {
                Err(damaged("the epoch under way does not follow the finished ones"))
            }
            _ => Ok(()),
        }
    }
}

/// A copy of the tensors, which may lie in a file that is about to be replaced, if they have the names and shapes of `like`.
fn owned(tensors: StateDict, like: &StateDict) -> Result<StateDict, Error> {
    let mut copies = StateDict::default();
    for (name, expected) in like.iter() {
        let found = tensors
            .get(name)
            .filter(|found| found.shape() == expected.shape());
        let found = found.ok_or_else(|| damaged(format!("the best weights of {name}")))?;
        copies.insert(
            name,
            marque_weights::Tensor::new(found.dtype(), found.shape(), found.bytes().to_vec())?,
        );
    }
    Ok(copies)
}

/// Paths as text that a person can read, whatever bytes they are of: they are compared in this form only.
mod printed_paths {
    use marque_data::BadFile;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::path::PathBuf;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Printed {
        path: String,
        reason: String,
    }

    pub(super) fn serialize<S: Serializer>(files: &[BadFile], serializer: S) -> Result<S::Ok, S::Error> {
        let printed = files.iter().map(|file| Printed {
            path: file.path.to_string_lossy().into_owned(),
            reason: file.reason.clone(),
        });
        printed.collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<BadFile>, D::Error> {
        let printed = Vec::<Printed>::deserialize(deserializer)?.into_iter();
        Ok(printed
            .map(|Printed { path, reason }| BadFile {
                path: PathBuf::from(path),
                reason,
            })
            .collect())
    }
}

pub(crate) fn damaged(what: impl Into<String>) -> Error {
    Error::DamagedState { what: what.into() }
}

fn add_all(tensors: &mut StateDict, word: &str, added: &StateDict) {
    for (name, tensor) in added.iter() {
        tensors.insert(format!("{word}/{name}"), tensor.clone());
    }
}

/// The tensors behind a word.
fn part(tensors: &StateDict, word: &str) -> StateDict {
    let mut found = StateDict::default();
    for (name, tensor) in tensors.iter() {
        if let Some(name) = name.strip_prefix(word).and_then(|name| name.strip_prefix('/')) {
            found.insert(name, tensor.clone());
        }
    }
    found
}

/// A tensor in the order in memory of `like`, with the numbers of a stored one: the optimiser's fused loop takes no other.
pub(crate) fn restored(like: &Tensor, stored: &marque_weights::Tensor, name: &str) -> Result<Tensor, Error> {
    let mut tensor = like
        .f_detach()
        .and_then(|like| like.f_empty_like())
        .during("a state's tensor")?;
    if stored
        .shape()
        .iter()
        .map(|&extent| extent as i64)
        .ne(tensor.size())
    {
        return Err(damaged(format!("{name}: its shape is {:?}", stored.shape())));
    }
    copy_stored(&mut tensor, stored)?;
    Ok(tensor)
}
