use super::beside;
use super::budget::Budget;
use super::error::{TorchError, short};
use super::pick;
use super::pickle::Pickle;
use super::prefix;
use super::tensors::{Storages, Tensors};
use crate::StateDict;

/// Where in the checkpoint the tensors were, if not at its root.
const SOURCE_KEY: &str = "marque.source_key";

/// Where there were others that could have been taken.
const OTHER_KEYS: &str = "marque.other_keys";

/// What among the tensors is none, with its class.
const LEFT_OUT: &str = "marque.left_out";

/// What was taken off the names.
const STRIPPED_PREFIX: &str = "marque.stripped_prefix";

/// A longer list of other places helps nobody.
const MAX_OTHERS: usize = 20;

/// The network's state in a pickle.
pub(super) fn read<S: Storages>(
    pickle: &Pickle<'_>,
    storages: S,
    file_bytes: usize,
) -> Result<StateDict, TorchError> {
    let mut budget = Budget::default();
    let candidates = pick::candidates(pickle, &mut budget)?;
    let Some((taken, others)) = candidates.split_first() else {
        return Err(TorchError::NoStateDict {
            found: pick::describe(pickle),
        });
    };
    let mut contents = pick::contents(pickle, taken, &mut budget)?;
    let mut found = StateDict::default();
    found.metadata = beside::scalars(pickle, &taken.path, &mut budget)?;
    let mut note = |key: &str, text: String| {
        if !text.is_empty() {
            found.metadata.insert(key.to_owned(), text);
        }
    };
    note(STRIPPED_PREFIX, prefix::strip(&mut contents.tensors));
    note(SOURCE_KEY, taken.key());
    let others: Vec<String> = others.iter().take(MAX_OTHERS).map(pick::Candidate::key).collect();
    note(OTHER_KEYS, others.join(", "));
    let more = contents.others.len().saturating_sub(MAX_OTHERS);
    contents.others.truncate(MAX_OTHERS);
    if more > 0 {
        contents.others.push(format!("and {more} more"));
    }
    note(LEFT_OUT, contents.others.join(", "));
    let mut tensors = Tensors::new(pickle, storages, file_bytes);
    for (name, id) in contents.tensors {
        match tensors.get(id) {
            Ok(tensor) => found.insert(name, tensor),
            Err(source) => {
                return Err(TorchError::Tensor {
                    name: short(&name),
                    source,
                });
            }
        }
    }
    Ok(found)
}
