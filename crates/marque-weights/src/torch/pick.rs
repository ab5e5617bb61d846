//! Which of a checkpoint's dictionaries is the network's.

use super::budget::Budget;
use super::error::{TorchError, short};
use super::modules::{self, Kind};
use super::pickle::{Id, Pickle, Value};
use super::tensors::is_tensor;
use crate::names::is_average;
use std::cmp::Reverse;
use std::collections::HashSet;

/// How deep dictionaries are looked into: `checkpoint["model"]["state_dict"]` is two deep.
const MAX_LEVELS: usize = 4;

/// A key longer than this names no part of a checkpoint.
const MAX_KEY_BYTES: usize = 200;

/// What `torch.nn.Module.get_extra_state` gives lies under this name in its module.
const EXTRA_STATE: &str = "_extra_state";

/// What training loops call the network's state, the most telling name first.
const KNOWN: [&str; 9] = [
    "state_dict",
    "model_state_dict",
    "model",
    "model_state",
    "net",
    "network",
    "module",
    "weights",
    "params",
];

/// A dictionary of tensors or a whole network in a checkpoint.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    /// The keys that lead to it.
    pub(super) path: Vec<&'a str>,
    pub(super) id: Id,
    /// `None` for a dictionary.
    pub(super) module: Option<Kind>,
    tensors: usize,
    others: usize,
}

impl<'a> Candidate<'a> {
    fn network(path: Vec<&'a str>, id: Id, kind: Kind) -> Self {
        Self {
            path,
            id,
            module: Some(kind),
            tensors: 0,
            others: 0,
        }
    }

    /// Whether it is a dictionary of tensors, not one of other things with a tensor among them.
    pub(super) fn is_mostly_tensors(&self) -> bool {
        self.tensors > self.others
    }

    /// Its place in the file, as `model.state_dict`; empty for the whole.
    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }

    /// The least is taken. An average of the weights over time is what was asked for only if there is nothing else.
    fn rank(&self) -> impl Ord + use<> {
        let known = |key: &&str| KNOWN.iter().position(|known| known == key);
        let known = match self.path.as_slice() {
            [] => Some(0),
            path => path.iter().filter_map(known).min(),
        };
        (
            self.module.is_none() && !self.is_mostly_tensors(),
            self.path.iter().any(|key| is_average(key)),
            known.unwrap_or(KNOWN.len()),
            Reverse(self.tensors),
        )
    }
}

/// All candidates of a checkpoint, the one to take first.
pub(super) fn candidates<'a>(
    pickle: &Pickle<'a>,
    budget: &mut Budget,
) -> Result<Vec<Candidate<'a>>, TorchError> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([pickle.root()]);
    let mut waiting = std::collections::VecDeque::from([(Vec::new(), pickle.root())]);
    while let Some((path, id)) = waiting.pop_front() {
        if let Some(kind) = modules::kind_of(pickle, id) {
            found.push(Candidate::network(path, id, kind));
            continue;
        }
        let Some(entries) = pickle.entries(id) else {
            continue;
        };
        budget.entries(pickle.entry_count(id))?;
        let (mut tensors, mut others) = (0, 0);
        for (key, value) in entries {
            let Some(key) = pickle.text(key) else {
                others += 1;
                continue;
            };
            if is_tensor(pickle, value) {
                tensors += 1;
                continue;
            }
            others += 1;
            let deeper = path.len() < MAX_LEVELS && key.len() <= MAX_KEY_BYTES && !is_of_training(key);
            if deeper && may_hold_tensors(pickle, value) && seen.insert(value) {
                waiting.push_back(([path.as_slice(), &[key]].concat(), value));
            }
        }
        if tensors > 0 || (path.is_empty() && others == 0) {
            found.push(Candidate {
                path,
                id,
                module: None,
                tensors,
                others,
            });
        }
    }
    found.sort_by_key(Candidate::rank);
    Ok(found)
}

fn may_hold_tensors(pickle: &Pickle<'_>, id: Id) -> bool {
    matches!(pickle.value(id), Value::Dict(_) | Value::Object(_))
}

/// Whether a key is of what only training needs. An optimiser's state is full of tensors too.
fn is_of_training(key: &str) -> bool {
    ["optim", "sched", "scaler"].iter().any(|word| key.contains(word))
}

/// What a candidate holds.
pub(super) struct Contents {
    /// The names and tensors.
    pub(super) tensors: Vec<(String, Id)>,
    /// The names and classes of objects among them that are no tensors and stand where none belongs.
    pub(super) others: Vec<String>,
}

/// The names and tensors of a candidate.
pub(super) fn contents(
    pickle: &Pickle<'_>,
    candidate: &Candidate<'_>,
    budget: &mut Budget,
) -> Result<Contents, TorchError> {
    let mut contents = Contents {
        tensors: Vec::new(),
        others: Vec::new(),
    };
    if let Some(kind) = candidate.module {
        contents.tensors = modules::tensors(pickle, candidate.id, kind, budget)?;
        return Ok(contents);
    }
    for (name, value) in pickle.entries(candidate.id).into_iter().flatten() {
        let Some(name) = pickle.text(name) else { continue };
        if is_tensor(pickle, value) {
            contents.tensors.push((budget.name("", name)?, value));
        } else if let Some(class) = strange_class(pickle, value).filter(|_| candidate.is_mostly_tensors()) {
            if is_of_parameter(name) {
                return Err(modules::not_a_tensor(pickle, name, value));
            }
            contents
                .others
                .push(budget.name("", &format!("{} ({class})", short(name)))?);
        }
    }
    Ok(contents)
}

/// Whether a name in a state dict is that of a parameter: within a module, or of a network that is a single layer. What
/// modules keep under PyTorch's name for anything else is none.
fn is_of_parameter(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, leaf)) => leaf != EXTRA_STATE,
        None => matches!(name, "weight" | "bias"),
    }
}

/// The class of an object that is neither a network nor a dictionary.
fn strange_class(pickle: &Pickle<'_>, id: Id) -> Option<String> {
    let object = pickle.object(id)?;
    if pickle.entries(id).is_some() || modules::kind_of(pickle, id).is_some() {
        return None;
    }
    let Some(class) = pickle.class_of(object) else {
        return Some(short(&pickle.class_name(object)));
    };
    let is_plain =
        matches!(class.module, "builtins" | "__builtin__" | "torch") || class.module.starts_with("numpy");
    (!is_plain || class.name == "_reconstruct").then(|| short(&class.to_string()))
}

/// What a checkpoint without tensors holds instead, in words.
pub(super) fn describe(pickle: &Pickle<'_>) -> String {
    let root = pickle.root();
    if is_tensor(pickle, root) {
        return "a single tensor".to_owned();
    }
    match pickle.value(root) {
        Value::Dict(_) => "a dictionary of other things".to_owned(),
        Value::List(_) | Value::Tuple(_) => "a list".to_owned(),
        Value::Object(object) => short(&format!("an object of class {}", pickle.class_name(object))),
        _ => "a single value".to_owned(),
    }
}
