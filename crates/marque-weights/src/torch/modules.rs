//! Networks that were saved whole, walked as data: their classes are never needed, only their attributes.

use super::budget::{Budget, MAX_DEPTH};
use super::error::{TorchError, short};
use super::pickle::{Id, Object, Pickle, Value};
use super::tensors::is_tensor;
use std::collections::HashSet;

/// What kind of network a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A `torch.nn.Module`, as `torch.save(model)` writes it.
    Python,
    /// A TorchScript module, as `torch.jit.save` and `tch` write it.
    Script,
}

/// The kind of network that a value is; `None` if it is none.
pub(super) fn kind_of(pickle: &Pickle<'_>, id: Id) -> Option<Kind> {
    let object = pickle.object(id)?;
    let module = pickle.class_of(object).map_or("", |class| class.module);
    if module == "__torch__" || module.starts_with("__torch__.") {
        return Some(Kind::Script);
    }
    let Value::Dict(attributes) = pickle.value(object.state?) else {
        return None;
    };
    // A network's own attributes come first; those of other objects need not be looked through.
    let mut names = attributes
        .iter()
        .take(40)
        .filter_map(|&(name, _)| pickle.text(name));
    names
        .any(|name| name == "_parameters" || name == "_modules")
        .then_some(Kind::Python)
}

/// The names and tensors of a network, as its `state_dict()` would list them.
pub(super) fn tensors(
    pickle: &Pickle<'_>,
    root: Id,
    kind: Kind,
    budget: &mut Budget,
) -> Result<Vec<(String, Id)>, TorchError> {
    let mut found = Vec::new();
    // Modules still to look at, the next one last.
    let mut waiting = vec![(String::new(), root, 0)];
    while let Some((above, id, depth)) = waiting.pop() {
        if depth > MAX_DEPTH {
            return Err(TorchError::TooDeep { limit: MAX_DEPTH });
        }
        let Some(object) = pickle.object(id) else { continue };
        let mut walk = Walk {
            pickle,
            budget,
            above: &above,
            tensors: &mut found,
            children: Vec::new(),
        };
        match kind {
            Kind::Python => walk.python(object)?,
            Kind::Script => walk.script(object)?,
        }
        let children = std::mem::take(&mut walk.children);
        waiting.extend(children.into_iter().rev().map(|(name, id)| (name, id, depth + 1)));
    }
    Ok(found)
}

/// The error for a value that stands where a tensor belongs.
pub(super) fn not_a_tensor(pickle: &Pickle<'_>, name: &str, id: Id) -> TorchError {
    TorchError::NotATensor {
        name: short(name),
        found: found(pickle, id),
    }
}

fn found(pickle: &Pickle<'_>, id: Id) -> String {
    match pickle.object(id) {
        Some(object) => short(&format!("an object of class {}", pickle.class_name(object))),
        None => "a plain value".to_owned(),
    }
}

/// One module on the way.
struct Walk<'w, 'a> {
    pickle: &'w Pickle<'a>,
    budget: &'w mut Budget,
    above: &'w str,
    tensors: &'w mut Vec<(String, Id)>,
    children: Vec<(String, Id)>,
}

impl<'a> Walk<'_, 'a> {
    fn python(&mut self, object: &Object) -> Result<(), TorchError> {
        let Some(state) = object.state else { return Ok(()) };
        self.budget.entries(self.pickle.entry_count(state))?;
        for part in ["_parameters", "_buffers"] {
            let unsaved = match part {
                "_buffers" => self.unsaved(state)?,
                _ => HashSet::new(),
            };
            for (name, value) in self.part(state, part)? {
                if unsaved.contains(name) || matches!(self.pickle.value(value), Value::None) {
                    continue;
                }
                let name = self.budget.name(self.above, name)?;
                if !is_tensor(self.pickle, value) {
                    return Err(not_a_tensor(self.pickle, &name, value));
                }
                self.tensors.push((name, value));
            }
        }
        for (name, value) in self.part(state, "_modules")? {
            if matches!(self.pickle.value(value), Value::None) {
                continue;
            }
            let name = self.budget.name(self.above, name)?;
            if kind_of(self.pickle, value) != Some(Kind::Python) {
                return Err(TorchError::NotAModule {
                    name: short(&name),
                    found: found(self.pickle, value),
                });
            }
            self.children.push((name, value));
        }
        Ok(())
    }

    /// Attributes, of which some are tensors and some are modules. A name's dots are bars in `tch`'s files, for
    /// TorchScript allows no dots.
    fn script(&mut self, object: &Object) -> Result<(), TorchError> {
        let Some(state) = object.state else { return Ok(()) };
        self.budget.entries(self.pickle.entry_count(state))?;
        let attributes = self.pickle.entries(state).into_iter().flatten();
        for (name, value) in attributes {
            let Some(name) = self.pickle.text(name) else {
                continue;
            };
            let child = kind_of(self.pickle, value) == Some(Kind::Script);
            if child || is_tensor(self.pickle, value) {
                let name = self.budget.name(self.above, name)?.replace('|', ".");
                let into = if child {
                    &mut self.children
                } else {
                    &mut *self.tensors
                };
                into.push((name, value));
            }
        }
        Ok(())
    }

    /// The entries of one of a module's dictionaries.
    fn part(&mut self, state: Id, name: &str) -> Result<Vec<(&'a str, Id)>, TorchError> {
        let pickle = self.pickle;
        let Some(part) = pickle.get(state, name) else {
            return Ok(Vec::new());
        };
        self.budget.entries(pickle.entry_count(part))?;
        let entries = pickle.entries(part).into_iter().flatten();
        let named = entries.filter_map(|(name, value)| Some((pickle.text(name)?, value)));
        Ok(named.collect())
    }

    /// Names of the buffers that a state dict leaves out.
    fn unsaved(&mut self, state: Id) -> Result<HashSet<&'a str>, TorchError> {
        let pickle = self.pickle;
        let set = pickle.get(state, "_non_persistent_buffers_set");
        let members: &[Id] = set.and_then(|set| pickle.set_members(set)).unwrap_or_default();
        self.budget.entries(members.len())?;
        Ok(members.iter().filter_map(|&member| pickle.text(member)).collect())
    }
}
