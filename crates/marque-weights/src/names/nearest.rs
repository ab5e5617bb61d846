//! Of which architecture a file is that does not fit.

use super::parts::{Part, Parts};
use super::{Naming, plan};
use crate::StateDict;
use marque_arch::{ArchitectureOptions, Head, architecture, architecture_names};

/// The share of names and shapes that two have to have in common.
const ENOUGH: f64 = 0.9;

/// The architecture whose body the file fits best, if it fits one well, and better than `parts`.
pub(super) fn nearest(weights: &StateDict, parts: &Parts) -> Option<String> {
    let options = ArchitectureOptions {
        in_channels: parts.graph.input_channels(),
        head: Head::Own,
        ..ArchitectureOptions::default()
    };
    let (naming, own) = overlap(weights, parts);
    let mut best: Option<(f64, &str)> = None;
    for name in architecture_names() {
        let Ok(graph) = architecture(name, options) else {
            continue;
        };
        if graph.name() == parts.graph.name() {
            continue;
        }
        let (_, share) = overlap(weights, &Parts::of(&graph));
        let needed = best.map_or(own.max(ENOUGH - f64::EPSILON), |(share, _)| share);
        // Keras's own version is later in the list than the one with the same names and shapes.
        let is_keras = naming == Naming::Keras && (name.ends_with("-keras") || name.ends_with("-v1"));
        if share > needed || (share == needed && best.is_some() && is_keras) {
            best = Some((share, name));
        }
    }
    best.map(|(_, name)| name.to_owned())
}

/// What share the tensors that fit the body are of all that the body needs, or of all that the file has if that is more.
fn overlap(weights: &StateDict, parts: &Parts) -> (Naming, f64) {
    let plan = plan(weights, parts);
    let body: Vec<(&str, &[usize])> = parts
        .parameters
        .iter()
        .filter(|parameter| parts.part(parameter) == Part::Body)
        .map(|parameter| (parameter.name.as_str(), parameter.shape.as_slice()))
        .collect();
    let fits = plan.fits(weights, &body);
    let all = body.len().max(fits + plan.strangers(parts));
    (plan.naming, fits as f64 / all.max(1) as f64)
}
