//! Which parameter is trained how fast.

use crate::{Error, Factors, FitConfig};
use marque_arch::Graph;
use marque_core::SettingError;
use marque_core::setting::{not_negative, require};
use marque_torch::TrainedParameter;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Factors on learning rate and weight decay of all parameters whose names begin with some words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParameterGroup {
    /// What the names begin with, in whole words: `layer4` is `layer4.0.conv1.weight`, but not `layer40.weight`.
    pub nodes: String,
    /// Factor on the learning rate, at least 0; 1 by default. It comes on top of the others.
    pub rate: f64,
    /// Factor on the weight decay, at least 0; 1 by default.
    pub weight_decay: f64,
}

impl Default for ParameterGroup {
    fn default() -> Self {
        Self {
            nodes: String::new(),
            rate: 1.0,
            weight_decay: 1.0,
        }
    }
}

impl ParameterGroup {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        require("nodes", !self.nodes.is_empty(), "the name of a node", "nothing")?;
        not_negative("rate", self.rate)?;
        not_negative("weight_decay", self.weight_decay)
    }

    fn has(&self, name: &str) -> bool {
        name.strip_prefix(self.nodes.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// The factors of every parameter of a network.
pub(crate) struct Groups<'a> {
    config: &'a FitConfig,
    /// By name: how many blocks lie between a parameter's and the last one, and whether it stands upon the last feature maps.
    places: HashMap<String, (i32, bool)>,
}

impl<'a> Groups<'a> {
    /// # Errors
    /// [`Error::Setting`] for a group that no parameter belongs to.
    pub(crate) fn new(graph: &Graph, config: &'a FitConfig) -> Result<Self, Error> {
        let above = graph.descendants(graph.features());
        let blocks = graph.blocks();
        let last = blocks.iter().max().copied().unwrap_or(0);
        let places = graph.parameters().into_iter().map(|parameter| {
            let node = parameter.node.index();
            let is_head = Some(parameter.node) != graph.features() && above[node];
            let before_last = i32::try_from(last - blocks[node]).unwrap_or(i32::MAX);
            (parameter.name, (before_last, is_head))
        });
        let places: HashMap<_, _> = places.collect();
        let unused = config
            .groups
            .iter()
            .find(|group| !places.keys().any(|name| group.has(name)));
        if let Some(group) = unused {
            let expected = "a node of the network, or what such names begin with";
            return Err(SettingError::new("groups.nodes", expected, format!("{:?}", group.nodes)).into());
        }
        Ok(Self { config, places })
    }

    pub(crate) fn factors(&self, parameter: &TrainedParameter) -> Factors {
        let (before_last, is_head) = self.places.get(&parameter.name).copied().unwrap_or((0, false));
        let mut factors = Factors {
            rate: self.config.layer_decay.powi(before_last),
            ..Factors::default()
        };
        if is_head {
            factors.rate *= self.config.head_rate;
        }
        for group in self
            .config
            .groups
            .iter()
            .filter(|group| group.has(&parameter.name))
        {
            factors.rate *= group.rate;
            factors.weight_decay *= group.weight_decay;
        }
        factors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_arch::ResNet;
    use marque_torch::{Network, NetworkOptions};

    #[test]
    fn rates_fall_towards_the_image_and_groups_come_on_top() {
        let graph = ResNet::resnet18().graph().unwrap();
        let config = FitConfig {
            layer_decay: 0.5,
            head_rate: 3.0,
            groups: vec![
                ParameterGroup {
                    nodes: "layer4".to_owned(),
                    rate: 0.1,
                    ..ParameterGroup::default()
                },
                ParameterGroup {
                    nodes: "layer4.1.conv2".to_owned(),
                    weight_decay: 0.0,
                    ..ParameterGroup::default()
                },
            ],
            ..FitConfig::default()
        };
        config.validate().unwrap();
        let groups = Groups::new(&graph, &config).unwrap();
        let network = Network::new(graph, NetworkOptions::default()).unwrap();
        let of = |name: &str| {
            let parameters = network.trained_parameters();
            let parameter = parameters
                .iter()
                .find(|parameter| parameter.name == name)
                .unwrap();
            let Factors { rate, weight_decay } = groups.factors(parameter);
            (rate, weight_decay)
        };
        assert_eq!(of("fc.weight"), (3.0, 1.0));
        assert_eq!(of("layer4.1.conv1.weight"), (0.5 * 0.1, 1.0));
        assert_eq!(of("layer4.1.conv2.weight"), (0.5 * 0.1, 0.0));
        assert_eq!(of("layer3.1.bn2.bias"), (0.125, 1.0));
        // The stem and eight blocks lie before the head.
        assert_eq!(of("conv1.weight"), (0.5_f64.powi(9), 1.0));
    }

    #[test]
    fn a_group_without_parameters_is_refused() {
        let graph = ResNet::resnet18().graph().unwrap();
        let config = FitConfig {
            groups: vec![ParameterGroup {
                nodes: "layer".to_owned(),
                ..ParameterGroup::default()
            }],
            ..FitConfig::default()
        };
        let message = Groups::new(&graph, &config).err().unwrap().to_string();
        assert_eq!(
            message,
            "groups.nodes: expected a node of the network, or what such names begin with, found \"layer\""
        );
    }
}
