//! What a run is made with: its settings as hyper-parameters, its network as TensorBoard draws it.

use marque_arch::{Error, Graph, ImageSize, Node, Shape};
use marque_tensorboard::{Attribute, GraphNode, HyperParameter};
use marque_torch::Network;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// All settings of the recipe by their paths, and what else decides what becomes of a run. What is not set is left out.
pub(super) fn hyper_parameters(recipe: &Value, network: &Network) -> Vec<(String, HyperParameter)> {
    let own = [
        (
            "architecture",
            HyperParameter::Text(network.graph().name().to_owned()),
        ),
        ("seed", HyperParameter::Number(network.seed() as f64)),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    let settings = leaves(recipe)
        .into_iter()
        .filter_map(|(path, value)| Some((path, hyper_parameter(value)?)));
    own.into_iter().chain(settings).collect()
}

fn hyper_parameter(value: &Value) -> Option<HyperParameter> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(yes) => HyperParameter::Boolean(*yes),
        Value::Number(number) => HyperParameter::Number(number.as_f64()?),
        Value::String(text) => HyperParameter::Text(text.clone()),
        Value::Object(entries) => HyperParameter::Text(match size(entries) {
            // In its filters TensorBoard shows other letters than ASCII by their numbers.
            Some([height, width]) => format!("{height}x{width}"),
            None => value.to_string(),
        }),
        Value::Array(_) => HyperParameter::Text(value.to_string()),
    })
}

/// The nodes of a network with the shapes for images of this size.
pub(super) fn graph_nodes(graph: &Graph, size: ImageSize) -> Result<Vec<GraphNode>, Error> {
    let names = node_names(graph.nodes());
    let shapes = graph.shapes(size)?;
    let nodes = graph.nodes().iter().zip(&names).zip(shapes);
    let shown = nodes.map(|((node, name), shape)| GraphNode {
        name: name.clone(),
        op: node.op.name().to_owned(),
        inputs: node
            .inputs
            .iter()
            .map(|input| names[input.index()].clone())
            .collect(),
        output_shape: Some(with_batch(shape)),
        attributes: attributes(node),
    });
    Ok(shown.collect())
}

/// Names with `/` for `.`, so that TensorBoard draws what belongs together as one box, and `_` for what it does not read.
fn node_names(nodes: &[Node]) -> Vec<String> {
    let mut taken = HashSet::new();
    let names = nodes.iter().enumerate().map(|(index, node)| {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
        let plain = |part: &str| part.replace(|character| !is_plain(character), "_");
        let parts = node.name.split('.').filter(|part| !part.is_empty());
        let mut name = parts.map(plain).collect::<Vec<_>>().join("/");
        if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            name.insert_str(0, "node");
        }
        if taken.contains(&name) {
            // No other name has a dot any more.
            name += &format!(".{index}");
        }
        taken.insert(name.clone());
        name
    });
    names.collect()
}

fn with_batch(shape: Shape) -> Vec<i64> {
    const ANY: i64 = -1;
    match shape {
        Shape::Map { channels, size } => {
            vec![ANY, channels as i64, size.height as i64, size.width as i64]
        }
        Shape::Vector { features } => vec![ANY, features as i64],
    }
}

/// What a node's operation is told, as the graph is written in model files.
fn attributes(node: &Node) -> Vec<(String, Attribute)> {
    // An operation that cannot be written has no attributes to show.
    let op = serde_json::to_value(&node.op).unwrap_or_default();
    let all = leaves(&op).into_iter().filter(|(path, _)| path != "op");
    all.filter_map(|(path, value)| Some((path, attribute(value)?)))
        .collect()
}

fn attribute(value: &Value) -> Option<Attribute> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(yes) => Attribute::Boolean(*yes),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Attribute::Integer(integer),
            None => Attribute::Number(number.as_f64()?),
        },
        Value::String(text) => Attribute::Text(text.clone()),
        Value::Object(entries) => match size(entries) {
            Some(sides) => Attribute::Integers(sides.to_vec()),
            None => Attribute::Text(value.to_string()),
        },
        Value::Array(_) => Attribute::Text(value.to_string()),
    })
}

/// Everything in a value that is not a group, by its path. A height with a width is one thing.
fn leaves(value: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    add_leaves("", value, &mut found);
    found
}

fn add_leaves<'a>(path: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(entries) if size(entries).is_none() => {
            for (key, value) in entries {
                let below = match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                add_leaves(&below, value, found);
            }
        }
        _ => found.push((path.to_owned(), value)),
    }
}

/// Height and width, of what has these alone.
fn size(entries: &Map<String, Value>) -> Option<[i64; 2]> {
    let side = |name| entries.get(name).and_then(Value::as_i64);
    let sides = [side("height")?, side("width")?];
    (entries.len() == sides.len()).then_some(sides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_arch::{GraphBuilder, Op, ResNet};
    use marque_train::Recipe;

    #[test]
    fn settings_are_found_by_their_paths() {
        let recipe = serde_json::to_value(Recipe::fast()).unwrap();
        let found = leaves(&recipe);
        let value = |path: &str| {
            let leaf = found.iter().find(|(known, _)| known == path);
            leaf.and_then(|(_, value)| hyper_parameter(value))
        };
        let text = |text: &str| Some(HyperParameter::Text(text.to_owned()));
        assert_eq!(value("data.image_size"), text("160x256"));
        assert_eq!(value("data.augment.random_resized_crop.area"), text("[0.5,1.0]"));
        assert_eq!(value("fit.optimizer.rule"), text("adam"));
        assert_eq!(value("fit.learning_rate"), Some(HyperParameter::Number(5e-4)));
        assert_eq!(value("predict.mirrored"), Some(HyperParameter::Boolean(true)));
        assert_eq!(value("fit.patience"), None);
    }

    #[test]
    fn a_network_is_drawn_with_shapes_and_attributes() {
        let graph = ResNet::resnet18().num_classes(7).graph().unwrap();
        let nodes = graph_nodes(&graph, ImageSize::square(64)).unwrap();
        let node = nodes.iter().find(|node| node.name == "layer2/0/conv1").unwrap();
        assert_eq!((node.op.as_str(), node.inputs.len()), ("Conv2d", 1));
        assert_eq!(node.output_shape, Some(vec![-1, 128, 8, 8]));
        for (name, value) in [
            ("kernel_size", Attribute::Integers(vec![3, 3])),
            ("padding.symmetric", Attribute::Integers(vec![1, 1])),
            ("stride", Attribute::Integer(2)),
        ] {
            let attribute = (name.to_owned(), value);
            assert!(
                node.attributes.contains(&attribute),
                "{attribute:?} {:?}",
                node.attributes
            );
        }
        assert_eq!(nodes.last().unwrap().output_shape, Some(vec![-1, 7]));
    }

    #[test]
    fn names_that_tensorboard_does_not_read_are_changed() {
        let mut builder = GraphBuilder::new("own", 3).unwrap();
        let mut last = builder.input();
        for name in ["räder und", "r_der_und", "_a..b", ""] {
            last = builder.add(name, Op::Relu, &[last]).unwrap();
        }
        let graph = builder.build(last).unwrap();
        let names = node_names(graph.nodes());
        assert_eq!(names[1..], ["r_der_und", "r_der_und.2", "node_a/b", "node"]);
    }
}
