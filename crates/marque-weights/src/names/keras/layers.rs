//! The layers of a Keras file, from the names of its tensors.

use crate::StateDict;
use indexmap::IndexMap;
use std::cmp::Reverse;

/// What a tensor is to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Kernel,
    DepthwiseKernel,
    PointwiseKernel,
    Bias,
    Gamma,
    Beta,
    Mean,
    Variance,
}

/// Kinds of layers that have a counterpart in a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Convolution,
    /// A depthwise and a pointwise convolution in one.
    Separable,
    Depthwise,
    Norm,
    Dense,
}

/// A layer with weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer<'a> {
    pub(super) path: &'a str,
    pub(super) kind: Option<Kind>,
    weights: Vec<(Option<Role>, &'a str)>,
}

impl<'a> Layer<'a> {
    /// The tensor in this role.
    pub(super) fn tensor(&self, role: Role) -> Option<&'a str> {
        let found = self.weights.iter().find(|(found, _)| *found == Some(role));
        found.map(|(_, name)| *name)
    }

    pub(super) fn tensors(&self) -> impl Iterator<Item = &'a str> {
        self.weights.iter().map(|(_, name)| *name)
    }
}

/// Where a name says that a tensor stands in its layer.
enum Place {
    /// `vars/1`.
    Numbered(usize),
    Named(Option<Role>),
}

/// Parts of a path that hold no parameter of a network.
const STATES: [&str; 6] = [
    "optimizer",
    "optimizer_weights",
    "seed_generator",
    "seed_generator_state",
    "metrics",
    "top_level_model_weights",
];

/// Whether a tensor is the state of an optimiser, a random generator or a metric.
pub(super) fn is_state(name: &str) -> bool {
    name.split(['/', '\\']).any(|part| STATES.contains(&part))
}

/// The layers in the order of the model: as the file has them if it names them, by their numbers if those are all it has.
/// Layers of models inside the model come before those upon them.
pub(super) fn layers(weights: &StateDict) -> Vec<Layer<'_>> {
    let mut groups: IndexMap<&str, Vec<(Place, &str)>> = IndexMap::new();
    for (name, _) in weights.iter().filter(|(name, _)| !is_state(name)) {
        let (path, place) = split(name);
        groups.entry(path).or_default().push((place, name));
    }
    let is_numbered = |places: &Vec<(Place, &str)>| {
        places
            .iter()
            .all(|(place, _)| matches!(place, Place::Numbered(_)))
    };
    if groups.values().all(is_numbered) {
        groups.sort_by_key(|path, _| order(path));
    }
    groups
        .into_iter()
        .map(|(path, places)| layer(weights, path, places))
        .collect()
}

fn split(name: &str) -> (&str, Place) {
    let Some((path, leaf)) = name.rsplit_once('/') else {
        let (layer, role) = role(name);
        return (layer, Place::Named(role));
    };
    match (path.strip_suffix("/vars"), leaf.parse()) {
        (Some(layer), Ok(number)) => (layer, Place::Numbered(number)),
        _ => (path, Place::Named(role(leaf).1)),
    }
}

/// Whether a name is one of Keras 1, such as `conv1_W_1`: the layer, and in it the tensor.
pub(super) fn is_of_keras_1(name: &str) -> bool {
    let (layer, role) = role(name);
    !layer.is_empty() && role.is_some() && !name.contains('.')
}

/// By the ends of the names of Keras 1 (`conv1_W_1:0`), 2 (`kernel:0`) and 3; what comes before is the layer's name, if
/// anything.
fn role(leaf: &str) -> (&str, Option<Role>) {
    let end = leaf.split(':').next().unwrap_or_default();
    let end = end.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let end = end.trim_end_matches('_');
    const ENDS: [(&str, Role); 13] = [
        ("depthwise_kernel", Role::DepthwiseKernel),
        ("pointwise_kernel", Role::PointwiseKernel),
        ("kernel", Role::Kernel),
        ("W", Role::Kernel),
        ("bias", Role::Bias),
        ("b", Role::Bias),
        ("gamma", Role::Gamma),
        ("beta", Role::Beta),
        ("moving_mean", Role::Mean),
        ("running_mean", Role::Mean),
        ("moving_variance", Role::Variance),
        ("running_std", Role::Variance),
        ("running_variance", Role::Variance),
    ];
    for (known, role) in ENDS {
        if let Some(layer) = end.strip_suffix(known) {
            match layer.strip_suffix('_') {
                Some(layer) => return (layer, Some(role)),
                None if layer.is_empty() => return ("", Some(role)),
                None => {}
            }
        }
    }
    (leaf, None)
}

/// Inner models first, then by the number at the end, of which the first layer of its kind has none.
fn order(path: &str) -> (Reverse<usize>, &str, &str, u64) {
    let (container, layer) = path.rsplit_once('/').unwrap_or(("", path));
    let class = class(layer);
    let number = layer[class.len()..].trim_start_matches('_').parse().unwrap_or(0);
    (Reverse(container.matches('/').count()), container, class, number)
}

/// `batch_normalization_12` → `batch_normalization`.
fn class(layer: &str) -> &str {
    match layer.rsplit_once('_') {
        Some((class, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => class,
        _ => layer,
    }
}

fn layer<'a>(weights: &StateDict, path: &'a str, mut places: Vec<(Place, &'a str)>) -> Layer<'a> {
    places.sort_by_key(|(place, _)| match place {
        Place::Numbered(number) => *number,
        Place::Named(_) => 0,
    });
    let rank = |name: &str| weights.get(name).map_or(0, |tensor| tensor.shape().len());
    let ranks: Vec<usize> = places.iter().map(|(_, name)| rank(name)).collect();
    let roles: Vec<Option<Role>> = if places
        .iter()
        .any(|(place, _)| matches!(place, Place::Numbered(_)))
    {
        let roles = roles_by_number(&ranks, path.contains("depthwise"));
        (0..places.len()).map(|index| roles.get(index).copied()).collect()
    } else {
        let named = |(place, _): &(Place, &str)| {
            if let Place::Named(role) = place {
                *role
            } else {
                None
            }
        };
        places.iter().map(named).collect()
    };
    Layer {
        path,
        kind: kind(&roles, &ranks),
        weights: roles
            .into_iter()
            .zip(places)
            .map(|(role, (_, name))| (role, name))
            .collect(),
    }
}

/// Keras numbers the variables of a layer in the order in which it makes them. A batch norm without scale leaves out
/// gamma.
fn roles_by_number(ranks: &[usize], is_depthwise: bool) -> &'static [Role] {
    match ranks {
        [4, 4, ..] => &[Role::DepthwiseKernel, Role::PointwiseKernel, Role::Bias],
        [4, ..] if is_depthwise => &[Role::DepthwiseKernel, Role::Bias],
        [4 | 2, ..] => &[Role::Kernel, Role::Bias],
        [1, 1, 1, 1] => &[Role::Gamma, Role::Beta, Role::Mean, Role::Variance],
        [1, 1, 1] => &[Role::Beta, Role::Mean, Role::Variance],
        [1, 1] => &[Role::Mean, Role::Variance],
        _ => &[],
    }
}

fn kind(roles: &[Option<Role>], ranks: &[usize]) -> Option<Kind> {
    let rank = |role: Role| {
        roles
            .iter()
            .position(|found| *found == Some(role))
            .map(|index| ranks[index])
    };
    match (
        rank(Role::Kernel),
        rank(Role::DepthwiseKernel),
        rank(Role::PointwiseKernel),
    ) {
        (Some(4), None, None) => Some(Kind::Convolution),
        (Some(2), None, None) => Some(Kind::Dense),
        (None, Some(4), Some(4)) => Some(Kind::Separable),
        (None, Some(4), None) => Some(Kind::Depthwise),
        (None, None, None) => rank(Role::Mean).and(rank(Role::Variance)).map(|_| Kind::Norm),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;

    #[test]
    fn names_of_all_versions_say_what_a_tensor_is() {
        for (leaf, expected) in [
            ("kernel", Some(Role::Kernel)),
            ("kernel:0", Some(Role::Kernel)),
            ("block1_conv1_W_1:0", Some(Role::Kernel)),
            ("fc1_b_1:0", Some(Role::Bias)),
            ("depthwise_kernel:0", Some(Role::DepthwiseKernel)),
            ("bn2a_branch2a_running_std_1:0", Some(Role::Variance)),
            ("moving_variance", Some(Role::Variance)),
            ("embeddings", None),
            ("", None),
        ] {
            assert_eq!(role(leaf).1, expected, "{leaf}");
        }
    }

    #[test]
    fn numbered_layers_come_in_the_order_of_their_numbers_and_inner_models_first() {
        let names = [
            "layers/dense/vars/0",
            "layers/functional/layers/conv2d_10/vars/0",
            "layers/functional/layers/conv2d_2/vars/0",
            "layers/functional/layers/conv2d/vars/0",
            "layers/dropout/seed_generator/vars/0",
            "optimizer/vars/2",
        ];
        let weights: StateDict = names
            .iter()
            .map(|name| {
                let shape: &[usize] = if name.contains("conv") {
                    &[1, 1, 1, 1]
                } else {
                    &[1, 1]
                };
                ((*name).to_owned(), Tensor::from_f32(shape, &[1.0]).unwrap())
            })
            .collect();
        let found: Vec<&str> = layers(&weights).iter().map(|layer| layer.path).collect();
        assert_eq!(
            found,
            [
                "layers/functional/layers/conv2d",
                "layers/functional/layers/conv2d_2",
                "layers/functional/layers/conv2d_10",
                "layers/dense"
            ]
        );
    }

    #[test]
    fn a_numbered_batch_norm_of_three_has_no_scale() {
        let vector = || Tensor::from_f32(&[2], &[1.0; 2]).unwrap();
        let weights: StateDict = (0..3)
            .map(|number| (format!("layers/batch_normalization/vars/{number}"), vector()))
            .collect();
        let layers = layers(&weights);
        assert_eq!(layers[0].kind, Some(Kind::Norm));
        assert_eq!(layers[0].tensor(Role::Gamma), None);
        assert_eq!(
            layers[0].tensor(Role::Beta),
            Some("layers/batch_normalization/vars/0")
        );
    }
}
