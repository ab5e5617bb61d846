//! A training's state as one file.

use crate::Error;
use crate::training::{BestEpoch, Identity, Position, TrainingState};
use marque_metrics::History;
use marque_weights::{DType, StateDict};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::Path;

/// The metadata under which all that is not a tensor lies in a `.safetensors` file.
const CARD_KEY: &str = "marque-state";

/// Written by this version; a reader refuses what it does not know.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card<'a> {
    format: u32,
    identity: Cow<'a, Identity>,
    position: Option<Cow<'a, Position>>,
    optimizer_steps: i32,
    average_updates: Option<f64>,
    best: Option<BestEpoch>,
    history: Cow<'a, History>,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl TrainingState {
    /// Writes the state as one `.safetensors` file, whole or not at all: the tensors under their names, so that any tool can
    /// look inside, and all else as JSON in its metadata, under `marque-state`. Answers how many bytes of tensors it has.
    ///
    /// # Errors
    /// [`Error::NonFiniteState`] for weights, averages or an optimiser's state with an infinite number or one that is none: a
    /// training cannot go on from those. [`Error::Weights`] if the file cannot be written. What was there stays.
    pub fn write(&self, path: &Path) -> Result<u64, Error> {
        let broken = self.tensors.iter().find(|(_, tensor)| !is_finite(tensor));
        if let Some((name, _)) = broken {
            return Err(Error::NonFiniteState {
                tensor: name.to_owned(),
            });
        }
        let card = Card {
            format: FORMAT,
            identity: Cow::Borrowed(&self.identity),
            position: self.position.as_ref().map(Cow::Borrowed),
            optimizer_steps: self.optimizer_steps,
            average_updates: self.average_updates,
            best: self.best,
            history: Cow::Borrowed(&self.history),
        };
        let text = serde_json::to_string(&card).map_err(|error| unusable(path, error))?;
        let mut stored = self.tensors.clone();
        stored.metadata.insert(CARD_KEY.to_owned(), text);
        stored.write(path)?;
        Ok(stored.iter().map(|(_, tensor)| tensor.bytes().len() as u64).sum())
    }

    /// Reads what [`write`](Self::write) wrote. The tensors stay in the file until they are needed.
    ///
    /// # Errors
    /// [`Error::Weights`] if the file cannot be read or is damaged; [`Error::StateFile`] if it is no state of a training, or one
    /// of another format.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut tensors = StateDict::read(path)?;
        let card = tensors.metadata.remove(CARD_KEY);
        let text = card.ok_or_else(|| unusable(path, "it has tensors, but no account of a training"))?;
        let Format { format } = serde_json::from_str(&text).map_err(|error| unusable(path, error))?;
        if format != FORMAT {
            let reason = format!(
                "its format is number {format}, this version of marque reads number {FORMAT}: go on with the version that wrote it"
            );
            return Err(unusable(path, reason));
        }
        let card: Card<'_> = serde_json::from_str(&text).map_err(|error| unusable(path, error))?;
        Ok(Self {
            identity: card.identity.into_owned(),
            position: card.position.map(Cow::into_owned),
            optimizer_steps: card.optimizer_steps,
            average_updates: card.average_updates,
            best: card.best,
            history: card.history.into_owned(),
            tensors,
        })
    }
}

fn is_finite(tensor: &marque_weights::Tensor) -> bool {
    match tensor.dtype() {
        DType::F32 => {
            // Without a way out in the middle the loop is vectorised.
            let (values, _) = tensor.bytes().as_chunks::<4>();
            values.chunks(4096).all(|values| {
                let finite = values.iter().map(|value| f32::from_le_bytes(*value).is_finite());
                finite.fold(true, |all, one| all & one)
            })
        }
        _ => tensor.to_f64().into_iter().all(f64::is_finite),
    }
}

fn unusable(path: &Path, reason: impl ToString) -> Error {
    Error::StateFile {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
