//! Keras's files. Their names are numbers, or were given to layers by whoever built the model: kinds, order and shapes
//! say what is what.

mod layers;
mod notes;
mod order;
mod units;

use super::Naming;
use super::layout::Layout;
use super::parts::Parts;
use super::plan::{Leftover, Plan, Recipe};
use crate::StateDict;
use layers::{Kind, Layer, Role, is_of_keras_1, is_state, layers};
use order::Addition;
use units::{Readers, Unit, cells};

/// What every kind of layer is matched within.
const KINDS: [Kind; 5] = [
    Kind::Convolution,
    Kind::Separable,
    Kind::Depthwise,
    Kind::Norm,
    Kind::Dense,
];

/// Whether the names are paths, as Keras writes them.
pub(super) fn is_keras(weights: &StateDict) -> bool {
    let is_path = |name: &str| name.contains('/') || is_of_keras_1(name);
    let paths = weights.iter().filter(|(name, _)| is_path(name)).count();
    paths * 2 > weights.len()
}

/// The file's layers upon the graph's, the first of a kind upon the first and so on.
pub(super) fn plan<'a>(weights: &'a StateDict, parts: &Parts) -> Plan<'a> {
    let layers = layers(weights);
    let parameters = parts.shapes();
    let [newer, older] = [Addition::ShortcutFirst, Addition::ResidualFirst]
        .map(|addition| paired(weights, &layers, parts, addition));
    // Shapes tell: where a bottleneck's shortcut has a projection, it reads other channels than the last convolution.
    if older.fits(weights, &parameters) > newer.fits(weights, &parameters) {
        older
    } else {
        newer
    }
}

fn paired<'a>(weights: &'a StateDict, layers: &[Layer<'a>], parts: &Parts, addition: Addition) -> Plan<'a> {
    let readers = Readers::of(parts.graph);
    let units = readers.units(addition);
    let mut pairing = Pairing {
        weights,
        parts,
        readers,
        plan: Plan::new(Naming::Keras),
        biases: Vec::new(),
    };
    for kind in KINDS {
        let layers: Vec<&Layer> = layers.iter().filter(|layer| layer.kind == Some(kind)).collect();
        let units: Vec<&Unit> = units.iter().filter(|unit| unit.kind == kind).collect();
        pairing.pair(&layers, &units);
    }
    let folded = pairing.fold();
    let mut plan = pairing.plan;
    plan.ignored = weights
        .iter()
        .map(|(name, _)| name)
        .filter(|name| is_state(name))
        .collect();
    plan.leftovers = leftovers(layers, &plan);
    plan.notes = notes::notes(parts.graph, folded);
    plan
}

struct Pairing<'p, 'a> {
    weights: &'a StateDict,
    parts: &'p Parts<'p>,
    readers: Readers<'p>,
    plan: Plan<'a>,
    /// Batch norms behind convolutions that have a bias in the file and none in the graph, and those biases.
    biases: Vec<(String, &'a str)>,
}

impl<'a> Pairing<'_, 'a> {
    /// Pairs layers of one kind. Where there are more on one side, what follows the first that does not fit is anyone's
    /// guess, and not made.
    fn pair(&mut self, layers: &[&Layer<'a>], units: &[&Unit]) {
        for (layer, unit) in layers.iter().zip(units) {
            let recipes = self.recipes(layer, unit);
            if layers.len() != units.len() && !self.fit(&recipes) {
                return;
            }
            self.plan.recipes.extend(recipes);
            if unit.kind == Kind::Convolution {
                self.note_bias(layer, unit);
            }
        }
    }

    fn fit(&self, recipes: &[(String, Recipe)]) -> bool {
        recipes.iter().all(|(name, recipe)| {
            let wanted = self.parts.shape(name);
            wanted.is_some_and(|wanted| recipe.shape(self.weights, wanted).as_deref() == Some(wanted))
        })
    }

    fn recipes(&self, layer: &Layer<'a>, unit: &Unit) -> Vec<(String, Recipe<'a>)> {
        let node = |index: usize| self.parts.graph.nodes()[index].name.as_str();
        let name = node(unit.node);
        let take = |name: &str, suffix: &str, role: Role, layout: Layout| {
            let recipe = layer.tensor(role).map(|name| Recipe::Tensor { name, layout });
            recipe.map(|recipe| (format!("{name}.{suffix}"), recipe))
        };
        let bias = |name: &str| {
            let taken = take(name, "bias", Role::Bias, Layout::Torch);
            taken.filter(|(parameter, _)| self.parts.has(parameter))
        };
        let found: Vec<Option<(String, Recipe)>> = match unit.kind {
            Kind::Convolution => vec![take(name, "weight", Role::Kernel, Layout::Kernel), bias(name)],
            Kind::Separable => {
                let half = unit.pointwise.map_or(name, node);
                vec![
                    take(name, "weight", Role::DepthwiseKernel, Layout::DepthwiseKernel),
                    take(half, "weight", Role::PointwiseKernel, Layout::Kernel),
                    bias(half),
                ]
            }
            Kind::Depthwise => vec![
                take(name, "weight", Role::DepthwiseKernel, Layout::DepthwiseKernel),
                bias(name),
            ],
            Kind::Norm => norm(name, take),
            Kind::Dense => {
                let layout = cells(self.parts.graph, unit.node).map(|cells| match cells {
                    1 => Layout::Dense,
                    cells => Layout::DenseUponMaps { cells },
                });
                let weight = layout.and_then(|layout| take(name, "weight", Role::Kernel, layout));
                vec![weight, bias(name)]
            }
        };
        found.into_iter().flatten().collect()
    }

    fn note_bias(&mut self, layer: &Layer<'a>, unit: &Unit) {
        let name = &self.parts.graph.nodes()[unit.node].name;
        let norm = self.readers.norm_behind(unit.node);
        if let (Some(bias), Some(norm)) = (layer.tensor(Role::Bias), norm)
            && !self.parts.has(&format!("{name}.bias"))
        {
            self.biases.push((format!("{norm}.running_mean"), bias));
        }
    }

    /// A bias that the graph's convolution does not have goes into the batch norm behind it: a running mean that is lower
    /// by it does the same. Whether there was one.
    fn fold(&mut self) -> bool {
        for (parameter, bias) in &self.biases {
            if let Some(recipe) = self.plan.recipes.get_mut(parameter)
                && let Recipe::Tensor { name: mean, .. } = *recipe
            {
                *recipe = Recipe::MeanLessBias { mean, bias };
            }
        }
        !self.biases.is_empty()
    }
}

/// The parameters of a batch norm; scale and shift may be left out, and are 1 and 0 then.
fn norm<'a>(
    name: &str,
    take: impl Fn(&str, &str, Role, Layout) -> Option<(String, Recipe<'a>)>,
) -> Vec<Option<(String, Recipe<'a>)>> {
    let constant = |suffix: &str, value: f32| Some((format!("{name}.{suffix}"), Recipe::Constant(value)));
    vec![
        take(name, "weight", Role::Gamma, Layout::Torch).or_else(|| constant("weight", 1.0)),
        take(name, "bias", Role::Beta, Layout::Torch).or_else(|| constant("bias", 0.0)),
        take(name, "running_mean", Role::Mean, Layout::Torch),
        take(name, "running_var", Role::Variance, Layout::Torch),
    ]
}

fn leftovers<'a>(layers: &[Layer<'a>], plan: &Plan<'a>) -> Vec<Leftover<'a>> {
    let taken: std::collections::HashSet<&str> = plan.recipes.values().flat_map(Recipe::tensors).collect();
    let mut leftovers = Vec::new();
    for layer in layers {
        let may_be_head = matches!(layer.kind, Some(Kind::Dense | Kind::Norm));
        leftovers.extend(
            layer
                .tensors()
                .filter(|name| !taken.contains(name))
                .map(|name| Leftover {
                    name,
                    module: String::new(),
                    may_be_head,
                    may_be_layer: layer.kind.is_some(),
                }),
        );
    }
    leftovers
}
