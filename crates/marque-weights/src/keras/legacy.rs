//! The `.h5` files of Keras 1 and 2, which Keras 3 still writes: attributes list the layers, and each layer's
//! weights.

use super::config::{self, LayerConfig};
use super::{Checkpoint, KerasError, LayerOrder, Named, count_datasets};
use marque_hdf5::Group;
use std::collections::HashMap;

const LAYERS: &str = "layer_names";
const WEIGHTS: &str = "weight_names";
/// Variables of the model itself.
const TOP_LEVEL: &str = "top_level_model_weights";
const OPTIMIZER: &str = "optimizer_weights";

pub(super) fn lists_layers(group: &Group<'_>) -> bool {
    group.attribute(LAYERS).is_some() || group.attribute("layer_names0").is_some()
}

/// Reads the layers of `weights`, which is the root itself or a group of it.
pub(super) fn read<'a>(
    root: &Group<'a>,
    weights: &Group<'a>,
    config: &[LayerConfig],
) -> Result<Checkpoint<'a>, KerasError> {
    let mut checkpoint = Checkpoint::new(LayerOrder::Listed);
    let own_config = stored_config(root);
    let mut classes = HashMap::new();
    collect_classes(if config.is_empty() { &own_config } else { config }, &mut classes);
    let mut layers = strings(weights, LAYERS)?;
    if weights.contains(TOP_LEVEL) && !layers.iter().any(|layer| layer == TOP_LEVEL) {
        layers.push(TOP_LEVEL.to_owned());
    }
    for layer in layers {
        add_layer(&layer, &weights.group(&layer)?, &classes, &mut checkpoint)?;
    }
    if root.contains(OPTIMIZER) {
        checkpoint.skipped = count_datasets(&root.group(OPTIMIZER)?)?;
    }
    Ok(checkpoint)
}

/// The model's configuration, which is only needed for the classes of its layers.
fn stored_config(root: &Group<'_>) -> Vec<LayerConfig> {
    let text = root
        .attribute("model_config")
        .and_then(|config| config.strings().ok());
    let text = text.and_then(|texts| texts.into_iter().next());
    text.and_then(|text| config::parse(&text).ok())
        .unwrap_or_default()
}

fn collect_classes<'c>(layers: &'c [LayerConfig], classes: &mut HashMap<&'c str, &'c str>) {
    for layer in layers {
        classes.insert(&layer.name, &layer.class);
        collect_classes(&layer.layers, classes);
    }
}

/// Adds a layer, or one for each inner layer of a model. Keras lists all the trainable weights of a model before
/// the others, so the weights of an inner layer need not be neighbours.
fn add_layer<'a>(
    layer: &str,
    group: &Group<'a>,
    classes: &HashMap<&str, &str>,
    checkpoint: &mut Checkpoint<'a>,
) -> Result<(), KerasError> {
    let is_model = layer == TOP_LEVEL;
    let mut inner: Vec<(String, Vec<Named<'a>>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for weight in strings(group, WEIGHTS)? {
        let dataset = group.dataset(&weight)?;
        let name = weight.strip_suffix(":0").unwrap_or(&weight).to_owned();
        let owner = name.rsplit_once('/').map_or(layer, |(owner, _)| owner).to_owned();
        let place = *places.entry(owner.clone()).or_insert(inner.len());
        if place == inner.len() {
            inner.push((owner, Vec::new()));
        }
        if let Some((_, tensors)) = inner.get_mut(place) {
            let name = Some(name);
            tensors.push(Named { name, dataset });
        }
    }
    if inner.is_empty() && !is_model {
        inner.push((layer.to_owned(), Vec::new()));
    }
    let path = group.path().trim_start_matches('/').to_owned();
    let is_alone = inner.len() == 1;
    for (owner, tensors) in inner {
        // `dense/dense/kernel` is a weight of the layer `dense`.
        let own = classes
            .get(owner.as_str())
            .or_else(|| classes.get(layer).filter(|_| is_alone));
        let class = own.map(|&class| class.to_owned());
        checkpoint.push(owner, path.clone(), class, tensors);
    }
    Ok(())
}

/// The strings of an attribute, which Keras splits into several if it is larger than 64 kB.
fn strings(group: &Group<'_>, name: &str) -> Result<Vec<String>, marque_hdf5::Error> {
    if let Some(attribute) = group.attribute(name) {
        return attribute.strings();
    }
    let parts = (0..).map_while(|part: usize| group.attribute(&format!("{name}{part}")));
    let mut all = Vec::new();
    for part in parts {
        all.extend(part.strings()?);
    }
    Ok(all)
}
