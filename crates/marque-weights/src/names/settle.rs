//! A reading of the names meets the graph's shapes.

use super::parts::{Part, Parts};
use super::places::{Place, Places};
use super::plan::{Plan, Recipe};
use super::{Account, MatchPolicy, Matched, nearest};
use crate::{Error, Mismatch, StateDict, WrongShape};
use marque_arch::Parameter;
use std::collections::HashSet;

/// What is to become of a parameter.
enum Verdict<'p, 'a> {
    Fits(&'p Recipe<'a>),
    Missing,
    WrongShape {
        recipe: &'p Recipe<'a>,
        found: Vec<usize>,
    },
}

/// Loads what fits, and refuses if that is less than the policy asks for.
pub(super) fn settle(
    weights: &StateDict,
    parts: &Parts,
    mut plan: Plan<'_>,
    policy: MatchPolicy,
) -> Result<Matched, Error> {
    let mut account = Account {
        naming: plan.naming,
        prefix: std::mem::take(&mut plan.prefix),
        loaded: Vec::new(),
        new_head: Vec::new(),
        unused_head: Vec::new(),
        unused_auxiliary: Vec::new(),
        beside: Vec::new(),
        ignored: plan.ignored.iter().map(|&name| name.to_owned()).collect(),
        differences: Mismatch::default(),
        notes: std::mem::take(&mut plan.notes),
    };
    let verdicts: Vec<Verdict> = parts
        .parameters
        .iter()
        .map(|parameter| verdict(weights, &plan, parameter))
        .collect();
    let new = match policy {
        MatchPolicy::NewHead => new_nodes(parts, &verdicts),
        MatchPolicy::Strict | MatchPolicy::Partial => HashSet::new(),
    };
    let mut loadable = Vec::new();
    for (parameter, verdict) in parts.parameters.iter().zip(&verdicts) {
        if new.contains(&parameter.node.index()) {
            account.new_head.push(parameter.name.clone());
            account.unused_head.extend(verdict.tensors());
        } else if let Verdict::Fits(recipe) = verdict {
            loadable.push((parameter, *recipe));
        } else {
            account.differences.add(parameter, verdict);
        }
    }
    let is_complete = account.differences.is_empty();
    let places = Places::of(parts, &plan.leftovers, weights);
    for leftover in &plan.leftovers {
        let place = match policy {
            // Where a head is no excuse, all that is left over helps to see what the file is.
            MatchPolicy::Strict | MatchPolicy::Partial if !is_complete => Place::Body,
            _ => places.of_leftover(leftover, is_complete),
        };
        let list = match place {
            Place::Body => &mut account.differences.unexpected,
            Place::Head => &mut account.unused_head,
            Place::Auxiliary => &mut account.unused_auxiliary,
            Place::Beside => &mut account.beside,
        };
        list.push(leftover.name.to_owned());
    }
    account.sort();
    let is_enough = match policy {
        MatchPolicy::NewHead | MatchPolicy::Strict => account.differences.is_empty(),
        MatchPolicy::Partial => !loadable.is_empty(),
    };
    if !is_enough {
        account.differences.nearest = nearest::nearest(weights, parts);
        return Err(account.differences.into());
    }
    load(weights, &loadable, account)
}

fn load(
    weights: &StateDict,
    loadable: &[(&Parameter, &Recipe)],
    mut account: Account,
) -> Result<Matched, Error> {
    let mut matched = StateDict::default();
    matched.metadata = weights.metadata.clone();
    for (parameter, recipe) in loadable {
        let (tensor, loaded) = recipe.make(weights, &parameter.name, &parameter.shape)?;
        matched.insert(&parameter.name, tensor);
        account.loaded.push(loaded);
    }
    Ok(Matched {
        weights: matched,
        account,
    })
}

fn verdict<'p, 'a>(weights: &StateDict, plan: &'p Plan<'a>, parameter: &Parameter) -> Verdict<'p, 'a> {
    let Some(recipe) = plan.recipes.get(&parameter.name) else {
        return Verdict::Missing;
    };
    match recipe.shape(weights, &parameter.shape) {
        Some(found) if found == parameter.shape => Verdict::Fits(recipe),
        Some(found) => Verdict::WrongShape { recipe, found },
        None => Verdict::Missing,
    }
}

/// Nodes of heads that do not get all their numbers, and those of the main head behind the first such.
fn new_nodes(parts: &Parts, verdicts: &[Verdict]) -> HashSet<usize> {
    let mut new = HashSet::new();
    for (parameter, verdict) in parts.parameters.iter().zip(verdicts) {
        if parts.part(parameter) != Part::Body && !matches!(verdict, Verdict::Fits(_)) {
            new.insert(parameter.node.index());
        }
    }
    let mut is_behind = false;
    for parameter in parts
        .parameters
        .iter()
        .filter(|parameter| parts.part(parameter) == Part::Head)
    {
        is_behind |= new.contains(&parameter.node.index());
        if is_behind {
            new.insert(parameter.node.index());
        }
    }
    new
}

impl Verdict<'_, '_> {
    /// The file's tensors that were meant for it.
    fn tensors(&self) -> Vec<String> {
        match self {
            Verdict::Fits(recipe) | Verdict::WrongShape { recipe, .. } => {
                recipe.tensors().into_iter().map(str::to_owned).collect()
            }
            Verdict::Missing => Vec::new(),
        }
    }
}

impl Mismatch {
    fn add(&mut self, parameter: &Parameter, verdict: &Verdict) {
        match verdict {
            Verdict::Fits(_) => {}
            Verdict::Missing => self.missing.push(parameter.name.clone()),
            Verdict::WrongShape { found, .. } => self.wrong_shape.push(WrongShape {
                name: parameter.name.clone(),
                tensor: verdict.tensors().join(" and "),
                expected: parameter.shape.clone(),
                found: found.clone(),
            }),
        }
    }
}

impl Account {
    fn sort(&mut self) {
        self.differences.sort();
        for names in [
            &mut self.new_head,
            &mut self.unused_head,
            &mut self.unused_auxiliary,
            &mut self.beside,
        ] {
            names.sort_unstable();
        }
    }
}
