//! The layers of a model as its `config.json` lists them.

use super::names::{Numbering, snake_case};
use serde_json::Value;

/// A layer of a model's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LayerConfig {
    pub(super) name: String,
    /// The class in snake case.
    pub(super) class: String,
    /// What Keras 3 calls the layer's group: its class, numbered.
    pub(super) group: String,
    /// Switches such as `use_bias`, which decide what variables there are.
    pub(super) switches: Vec<(String, Switch)>,
    /// The layers of a model in the model.
    pub(super) layers: Vec<LayerConfig>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
}

/// What comes of a configuration that does not have the expected form is no layers at all: it only helps to
/// name and order what is in the file. Nesting is limited by the JSON parser.
pub(super) fn parse(text: &str) -> Result<Vec<LayerConfig>, serde_json::Error> {
    let model: Value = serde_json::from_str(text)?;
    Ok(layers_of(&model))
}

fn layers_of(model: &Value) -> Vec<LayerConfig> {
    let config = model.get("config");
    // Keras 1 and early Keras 2 gave a Sequential model's layers without more around them.
    let listed = config.and_then(|config| config.get("layers").or(Some(config)));
    let listed = listed
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut numbering = Numbering::default();
    listed
        .iter()
        .filter_map(|layer| layer_of(layer, &mut numbering))
        .collect()
}

fn layer_of(layer: &Value, numbering: &mut Numbering) -> Option<LayerConfig> {
    // `x + 1` is listed among the layers, but is none, and takes no part in their numbering.
    let module = layer.get("module").and_then(Value::as_str).unwrap_or_default();
    if module.starts_with("keras.src.ops") || module.starts_with("keras.ops") {
        return None;
    }
    let class = snake_case(layer.get("class_name")?.as_str()?);
    let config = layer.get("config")?;
    let name = config.get("name").or_else(|| layer.get("name"));
    let switches = config.as_object().into_iter().flatten();
    let switches = switches.filter_map(|(key, value)| {
        let switch = if value.as_bool()? { Switch::On } else { Switch::Off };
        Some((key.clone(), switch))
    });
    Some(LayerConfig {
        name: name.and_then(Value::as_str).unwrap_or_default().to_owned(),
        group: numbering.next(&class),
        switches: switches.collect(),
        layers: layers_of(layer),
        class,
    })
}

impl LayerConfig {
    pub(super) fn is_off(&self, switch: &str) -> bool {
        self.switches
            .iter()
            .any(|(name, state)| name == switch && *state == Switch::Off)
    }
}
