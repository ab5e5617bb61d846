//! Where in a file a tensor stands that no parameter has been found for.

use super::parts::{Part, Parts};
use super::plan::Leftover;
use crate::StateDict;
use std::collections::HashSet;

/// Where a tensor without a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Among the layers of the body: the file is of another network.
    Body,
    /// In a head.
    Head,
    /// In an auxiliary head.
    Auxiliary,
    /// Beside the network: in a loss, a metric, an optimiser, a copy, another branch.
    Beside,
}

/// The outermost modules by what stands in them.
pub(super) struct Places<'p> {
    body: HashSet<&'p str>,
    /// The same without their numbers, and those one deeper if the body is one module.
    body_kinds: HashSet<String>,
    heads: HashSet<&'p str>,
    auxiliary: HashSet<&'p str>,
}

impl<'p> Places<'p> {
    pub(super) fn of(parts: &'p Parts, leftovers: &'p [Leftover], weights: &StateDict) -> Self {
        let body = parts.modules(Part::Body);
        let mut body_kinds: HashSet<String> = body.iter().map(|module| kind(module)).collect();
        if let Some(trunk) = parts.trunk() {
            let below = parts.names().filter_map(|name| name.strip_prefix(&trunk));
            body_kinds.extend(below.filter_map(|name| name.split('.').next()).map(kind));
        }
        let in_modules = |is_such: &dyn Fn(&Leftover) -> bool| -> HashSet<&str> {
            let such = leftovers.iter().filter(|leftover| is_such(leftover));
            such.map(|leftover| leftover.module.as_str()).collect()
        };
        let dense = in_modules(&|leftover| leftover.may_be_head);
        let filters = in_modules(&|leftover| {
            let tensor = weights.get(leftover.name);
            tensor.is_some_and(|tensor| tensor.shape().len() == 4)
        });
        let mut heads = parts.modules(Part::Head);
        heads.extend(parts.own_modules(Part::Head));
        // A head of somebody's own has fully connected layers and no filters, and is not numbered on from the body.
        let own = dense.difference(&filters).filter(|module| {
            let kind = kind(module);
            kind.is_empty() || !body_kinds.contains(&kind)
        });
        heads.extend(own);
        Self {
            body,
            body_kinds,
            heads,
            auxiliary: parts.own_modules(Part::Auxiliary),
        }
    }

    /// Where a tensor stands, given whether every parameter that has to fit does: only then is it sure that the file
    /// has the network at all.
    pub(super) fn of_leftover(&self, leftover: &Leftover, is_complete: bool) -> Place {
        let module = leftover.module.as_str();
        let is_beside = is_complete && !self.body_kinds.contains(&kind(module));
        if module.is_empty() && is_complete && leftover.may_be_head {
            Place::Head
        } else if module.is_empty() && is_complete && !leftover.may_be_layer {
            Place::Beside
        } else if module.is_empty() || self.body.contains(module) {
            Place::Body
        } else if self.auxiliary.contains(module) {
            Place::Auxiliary
        } else if self.heads.contains(module) {
            Place::Head
        } else if is_beside {
            Place::Beside
        } else {
            Place::Body
        }
    }
}

/// What a module is called but for its number: a `layer5` would be one more of the layers.
fn kind(module: &str) -> String {
    module.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}
