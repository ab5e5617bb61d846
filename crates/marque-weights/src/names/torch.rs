//! Dotted names: torchvision's, timm's, and those that differ from them a little.

use super::layout::Layout;
use super::parts::Parts;
use super::plan::{Leftover, Plan, Recipe};
use super::{Naming, is_average, is_counter};
use crate::StateDict;
use indexmap::IndexMap;
use std::cmp::Reverse;
use std::collections::HashSet;

/// Ways to turn a file's names into the graph's, the plainest first.
const NAMINGS: [Naming; 5] = [
    Naming::Graph,
    Naming::DottedDenseNet,
    Naming::LastLinear,
    Naming::TimmVgg,
    Naming::EfficientNetPyTorch,
];

/// The reading of the file that fits the most parameters.
pub(super) fn plan<'a>(weights: &'a StateDict, parts: &Parts) -> Plan<'a> {
    let parameters = parts.shapes();
    let plans = NAMINGS.into_iter().map(|naming| plan_as(naming, weights, parts));
    // The first of equals.
    let best = plans
        .rev()
        .max_by_key(|plan| (plan.fits(weights, &parameters), Reverse(plan.strangers(parts))));
    let best = best.unwrap_or_else(|| Plan::new(Naming::Graph));
    with_flat_filters_named(best, weights, parts)
}

/// The reading of a file that has every name of the graph as it is.
pub(super) fn exact<'a>(weights: &'a StateDict, parts: &Parts) -> Plan<'a> {
    let names = names(weights).map(|name| (name, name.to_owned()));
    let exact = hung(Naming::Graph, weights, parts, (names.collect(), Tree::default()));
    with_flat_filters_named(exact, weights, parts)
}

/// Old files have the graph's names, and matrices for its 1×1 convolutions.
fn with_flat_filters_named<'a>(mut plan: Plan<'a>, weights: &StateDict, parts: &Parts) -> Plan<'a> {
    if plan.naming == Naming::Graph && has_matrices_for_filters(&plan, weights, parts) {
        plan.naming = Naming::FlatPointwise;
    }
    plan
}

fn plan_as<'a>(naming: Naming, weights: &'a StateDict, parts: &Parts) -> Plan<'a> {
    let mut renamed: Vec<(&str, String)> = names(weights)
        .map(|name| (name, rename(naming, name, parts)))
        .collect();
    let tree = Tree::of(&renamed, parts);
    // A parameter is that of the tree; what has its name outside of the tree comes after it.
    renamed.sort_by_key(|(_, name)| !name.starts_with(&tree.stripped));
    hung(naming, weights, parts, (renamed, tree))
}

/// Names of the file without counters.
fn names(weights: &StateDict) -> impl Iterator<Item = &str> {
    weights
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !is_counter(name))
}

/// The plan that hangs the file's names on the graph's.
fn hung<'a>(
    naming: Naming,
    weights: &'a StateDict,
    parts: &Parts,
    (renamed, tree): (Vec<(&'a str, String)>, Tree),
) -> Plan<'a> {
    let mut plan = Plan::new(naming);
    plan.ignored = weights
        .iter()
        .map(|(name, _)| name)
        .filter(|name| is_counter(name))
        .collect();
    for (name, renamed) in &renamed {
        let target = tree.name_in_graph(renamed, parts);
        let is_matrix = weights.get(name).is_some_and(|tensor| tensor.shape().len() == 2);
        let may_be_head = is_matrix && name.ends_with("weight");
        if parts.has(&target) && !plan.recipes.contains_key(&target) {
            let layout = Layout::Torch;
            plan.recipes.insert(target, Recipe::Tensor { name, layout });
        } else {
            let module = target.split('.').next().unwrap_or_default().to_owned();
            plan.leftovers.push(Leftover {
                name,
                module,
                may_be_head,
                may_be_layer: true,
            });
        }
    }
    plan.prefix = tree.stripped;
    plan
}

/// Whether a 1×1 convolution is stored as a matrix.
fn has_matrices_for_filters(plan: &Plan, weights: &StateDict, parts: &Parts) -> bool {
    parts.shapes().iter().any(|(name, shape)| {
        let tensors = plan.recipes.get(*name).map(Recipe::tensors).unwrap_or_default();
        let mut found = tensors.iter().filter_map(|tensor| weights.get(tensor));
        shape.len() == 4 && found.any(|tensor| tensor.shape().len() == 2)
    })
}

fn rename(naming: Naming, name: &str, parts: &Parts) -> String {
    match naming {
        Naming::DottedDenseNet => join_numbers(name),
        Naming::LastLinear => match parts.linear_layers().last() {
            Some(classifier) => replace_module(name, "last_linear", classifier),
            None => name.to_owned(),
        },
        Naming::TimmVgg => {
            let modules = ["pre_logits.fc1", "pre_logits.fc2", "head.fc"];
            let pairs = modules.iter().zip(parts.own_linear_layers());
            pairs.fold(name.to_owned(), |name, (module, layer)| {
                replace_module(&name, module, layer)
            })
        }
        Naming::EfficientNetPyTorch => of_efficientnet(name, parts).unwrap_or_else(|| name.to_owned()),
        _ => name.to_owned(),
    }
}

/// `module._blocks.3._bn1.weight` → `module.blocks.2.0.bn2.weight`, where that is the fourth block of the graph.
fn of_efficientnet(name: &str, parts: &Parts) -> Option<String> {
    let start = match name.starts_with('_') {
        true => 0,
        false => name.find("._")? + 1,
    };
    let (prefix, name) = name.split_at(start);
    let (module, rest) = name.split_once('.')?;
    let renamed = match module {
        "_conv_stem" => "conv_stem",
        "_bn0" => "bn1",
        "_conv_head" => "conv_head",
        "_bn1" => "bn2",
        "_fc" => parts.own_linear_layers().last().copied()?,
        "_blocks" => return Some(format!("{prefix}{}", of_efficientnet_block(rest, parts)?)),
        _ => return None,
    };
    Some(format!("{prefix}{renamed}.{rest}"))
}

/// `3._bn1.weight` → `blocks.2.0.bn2.weight`.
fn of_efficientnet_block(name: &str, parts: &Parts) -> Option<String> {
    let (number, rest) = name.split_once('.')?;
    let (layer, kind) = rest.split_once('.')?;
    let mut depthwise = parts
        .names()
        .filter_map(|name| name.strip_suffix(".conv_dw.weight"));
    let block = depthwise.nth(number.parse().ok()?)?;
    // The first block has no expansion, and one norm less before each of its layers.
    let expands = parts.has(&format!("{block}.conv_pwl.weight"));
    let layer = match (layer, expands) {
        ("_expand_conv", true) | ("_project_conv", false) => "conv_pw",
        ("_project_conv", true) => "conv_pwl",
        ("_depthwise_conv", _) => "conv_dw",
        ("_bn0", true) | ("_bn1", false) => "bn1",
        ("_bn1", true) | ("_bn2", false) => "bn2",
        ("_bn2", true) => "bn3",
        _ => return None,
    };
    Some(format!("{block}.{layer}.{kind}"))
}

/// `denselayer3.norm.1.weight` → `denselayer3.norm1.weight`.
fn join_numbers(name: &str) -> String {
    let segments: Vec<&str> = name.split('.').collect();
    let mut joined = String::new();
    for (index, segment) in segments.iter().enumerate() {
        let follows_layer = index >= 2 && segments[index - 2].starts_with("denselayer");
        let is_number = matches!(*segment, "1" | "2")
            && matches!(segments.get(index.wrapping_sub(1)), Some(&("norm" | "conv")));
        if index > 0 && !(follows_layer && is_number) {
            joined.push('.');
        }
        joined.push_str(segment);
    }
    joined
}

/// Replaces the modules `from` at a place where whole segments match.
fn replace_module(name: &str, from: &str, to: &str) -> String {
    let dotted = format!(".{name}");
    let from = format!(".{from}.");
    match dotted.split_once(&from) {
        Some((before, after)) => format!("{before}.{to}.{after}")
            .trim_start_matches('.')
            .to_owned(),
        None => name.to_owned(),
    }
}

/// What the whole tree of names hangs on in the file and in the graph.
#[derive(Default)]
struct Tree {
    /// Stands before the file's names and not before the graph's.
    stripped: String,
    /// The other way round.
    added: String,
}

impl Tree {
    /// The two that make the most names equal; the shortest of those.
    fn of(names: &[(&str, String)], parts: &Parts) -> Self {
        let trunk = parts.trunk();
        let mut trees = vec![(parts.names().collect::<HashSet<&str>>(), String::new())];
        if let Some(trunk) = trunk {
            let below = parts
                .names()
                .filter_map(|name| name.strip_prefix(&trunk))
                .collect();
            trees.push((below, trunk));
        }
        let mut best = (0, String::new(), String::new());
        for (wanted, added) in trees {
            let (votes, stripped) = elect(names, &wanted);
            if votes > best.0 {
                best = (votes, stripped, added);
            }
        }
        Self {
            stripped: best.1,
            added: best.2,
        }
    }

    fn name_in_graph(&self, name: &str, parts: &Parts) -> String {
        let name = name.strip_prefix(&self.stripped).unwrap_or(name);
        let below = format!("{}{name}", self.added);
        if parts.has(&below) { below } else { name.to_owned() }
    }
}

/// The prefix without which the most names are wanted ones, and how many those are. Of copies of a network, one averaged
/// over time is what was asked for only if there is no other.
fn elect(names: &[(&str, String)], wanted: &HashSet<&str>) -> (usize, String) {
    let longest = wanted.iter().map(|name| name.len()).max().unwrap_or(0);
    let mut votes: IndexMap<&str, usize> = IndexMap::new();
    for (_, name) in names {
        let starts = std::iter::once(0).chain(name.match_indices('.').map(|(dot, _)| dot + 1));
        // A name of a stranger's file may be long, and have many dots.
        let starts = starts.filter(|start| name.len() - start <= longest);
        for start in starts.filter(|&start| wanted.contains(&name[start..])) {
            *votes.entry(&name[..start]).or_default() += 1;
        }
    }
    // The first of equals in the file, which has the network before copies of it.
    let best = votes
        .iter()
        .min_by_key(|&(prefix, &votes)| (Reverse(votes), prefix.split('.').any(is_average), prefix.len()));
    best.map_or((0, String::new()), |(prefix, &votes)| {
        (votes, (*prefix).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_numbers_of_dense_layers_are_joined() {
        assert_eq!(
            join_numbers("features.denseblock1.denselayer12.norm.1.running_var"),
            "features.denseblock1.denselayer12.norm1.running_var"
        );
        for name in [
            "features.transition1.norm.weight",
            "features.0.conv.1.weight",
            "1.2",
            "",
        ] {
            assert_eq!(join_numbers(name), name);
        }
    }

    #[test]
    fn modules_are_replaced_whole() {
        assert_eq!(
            replace_module("a.last_linear.bias", "last_linear", "fc"),
            "a.fc.bias"
        );
        assert_eq!(replace_module("last_linear.bias", "last_linear", "fc"), "fc.bias");
        assert_eq!(
            replace_module("my_last_linear.bias", "last_linear", "fc"),
            "my_last_linear.bias"
        );
    }
}
