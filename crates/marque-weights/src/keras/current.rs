//! Keras 3: a group for each layer, called after its class and numbered within it, with its variables by number
//! in `vars`. Keras 3.8 and later also note the layer's own name there; 3.3 does not.

use super::config::LayerConfig;
use super::names::{natural, numbered, variables};
use super::{Checkpoint, KerasError, LayerOrder, Named, count_datasets, order};
use marque_hdf5::{Group, Object};

/// The layers of a functional or sequential model; the second name is that of Keras 2.13.
const LAYERS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];
const VARIABLES: &str = "vars";
/// What training leaves at the root.
const TRAINING: [&str; 7] = [
    "optimizer",
    "metrics",
    "_metrics",
    "compile_metrics",
    "_compile_metrics",
    "loss_tracker",
    "_loss_tracker",
];

pub(super) fn read<'a>(root: &Group<'a>, config: &[LayerConfig]) -> Result<Checkpoint<'a>, KerasError> {
    let mut checkpoint = Checkpoint::new(LayerOrder::Listed);
    let model = LayerConfig {
        layers: config.to_vec(),
        ..LayerConfig::default()
    };
    visit(root, (!config.is_empty()).then_some(&model), &mut checkpoint)?;
    Ok(checkpoint)
}

/// Adds the layer of a group, if it has variables, and then those inside of it.
fn visit<'a>(
    group: &Group<'a>,
    config: Option<&LayerConfig>,
    checkpoint: &mut Checkpoint<'a>,
) -> Result<(), KerasError> {
    if group.contains(VARIABLES) {
        add_layer(group, &group.group(VARIABLES)?, config, checkpoint)?;
    }
    for container in LAYERS {
        if group.contains(container) {
            let layers = config.map(|config| config.layers.as_slice()).unwrap_or_default();
            visit_members(&group.group(container)?, layers, checkpoint)?;
        }
    }
    visit_members(group, &[], checkpoint)
}

/// Visits the groups of a container in the order of the model.
fn visit_members<'a>(
    container: &Group<'a>,
    layers: &[LayerConfig],
    checkpoint: &mut Checkpoint<'a>,
) -> Result<(), KerasError> {
    let is_root = container.path() == "/";
    let mut groups = Vec::new();
    for member in container.members() {
        if member.name == VARIABLES || LAYERS.contains(&member.name) {
            continue;
        }
        match container.member(member.name)? {
            Object::Group(group) if is_root && TRAINING.contains(&member.name) => {
                checkpoint.skipped += count_datasets(&group)?;
            }
            Object::Group(group) => groups.push((member, group)),
            Object::Dataset(_) => {}
        }
    }
    let place = |name: &str| layers.iter().position(|layer| layer.group == name);
    if !layers.is_empty() && groups.iter().all(|(member, _)| place(member.name).is_some()) {
        groups.sort_by_key(|(member, _)| place(member.name));
    } else {
        let order;
        (groups, order) = order::restore(groups)?;
        checkpoint.order = checkpoint.order.max(order);
    }
    for (member, group) in groups {
        let config = layers.iter().find(|layer| layer.group == member.name);
        visit(&group, config, checkpoint)?;
    }
    Ok(())
}

fn add_layer<'a>(
    group: &Group<'a>,
    stored: &Group<'a>,
    config: Option<&LayerConfig>,
    checkpoint: &mut Checkpoint<'a>,
) -> Result<(), KerasError> {
    let own_name = own_name(group, stored, config)?;
    let mut names: Vec<&str> = stored.members().map(|member| member.name).collect();
    names.sort_by(|a, b| natural(a, b));
    let datasets = names.iter().map(|name| stored.dataset(name));
    let datasets = datasets.collect::<Result<Vec<_>, marque_hdf5::Error>>()?;
    let is_root = group.path() == "/";
    // The model itself is a layer only if it has variables of its own.
    if is_root && datasets.is_empty() {
        return Ok(());
    }
    let path = group.path().trim_start_matches('/').to_owned();
    let class = match (config, is_layer(&path)) {
        (Some(config), _) if !config.class.is_empty() => Some(config.class.clone()),
        (_, true) => path.rsplit('/').next().map(|name| numbered(name).0.to_owned()),
        _ => None,
    };
    let variables = class
        .as_deref()
        .and_then(|class| variables(class, config, datasets.len()));
    let mut variables = variables.into_iter().flatten();
    let tensors = datasets.into_iter().map(|dataset| {
        let variable = variables.next();
        let name = own_name.as_ref().zip(variable);
        Named {
            name: name.map(|(layer, variable)| format!("{layer}/{variable}")),
            dataset,
        }
    });
    let tensors = tensors.collect();
    checkpoint.push(
        own_name.clone().unwrap_or_else(|| path.clone()),
        path,
        class,
        tensors,
    );
    Ok(())
}

/// Whether a group is called after the class of its layer; others are called after an attribute of a layer.
fn is_layer(path: &str) -> bool {
    let container = path.rsplit('/').nth(1);
    container.is_some_and(|name| LAYERS.contains(&name))
}

/// What the layer is called in its model, by the file itself or the configuration beside it.
fn own_name(
    group: &Group<'_>,
    stored: &Group<'_>,
    config: Option<&LayerConfig>,
) -> Result<Option<String>, KerasError> {
    let stored = stored.attribute("name").map(|name| name.strings()).transpose()?;
    let stored = stored.and_then(|names| names.into_iter().next());
    let listed = config
        .map(|config| config.name.clone())
        .filter(|name| !name.is_empty());
    match (listed, stored) {
        (Some(expected), Some(found)) if expected != found => Err(KerasError::OtherModel {
            group: group.path().to_owned(),
            expected,
            found,
        }),
        (listed, stored) => Ok(stored.or(listed)),
    }
}
