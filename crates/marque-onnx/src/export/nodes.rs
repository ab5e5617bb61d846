//! Putting the nodes of a file together.

use super::ExportOptions;
use super::file::{Initializer, Numbers};
use crate::Error;
use crate::proto::{Message, field};
use marque_arch::{Graph, NodeId, Op, Shape};
use std::collections::{HashMap, HashSet};

/// What a file is made of besides its header.
pub(super) struct Parts {
    pub(super) name: String,
    pub(super) nodes: Vec<Message>,
    pub(super) initializers: Vec<Initializer>,
    pub(super) input: Message,
    pub(super) output: Message,
}

/// Goes through a graph's nodes.
pub(super) struct Exporter<'a> {
    pub(super) graph: &'a Graph,
    options: &'a ExportOptions,
    /// Behind every node, where the size of the images is given.
    pub(super) shapes: Option<Vec<Shape>>,
    nodes: Vec<Message>,
    initializers: Vec<Initializer>,
    /// Names of values and of stored numbers, which must differ from each other.
    taken: HashSet<String>,
    scalars: HashMap<u32, String>,
    /// What stands for each node's output; `None` for nodes that evaluation does not need.
    values: Vec<Option<Output>>,
}

/// A node's output in the file.
#[derive(Clone)]
pub(super) struct Output {
    /// Channels first.
    planar: Option<String>,
    /// Channels last.
    last: Option<String>,
    pub(super) is_vector: bool,
}

/// Where the channels of maps are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Planar,
    Last,
}

const FLOAT: u64 = 1;
const BYTE: u64 = 2;

impl<'a> Exporter<'a> {
    pub(super) fn new(graph: &'a Graph, options: &'a ExportOptions, shapes: Option<Vec<Shape>>) -> Self {
        let parameters = graph.parameters();
        let mut taken: HashSet<String> = parameters.into_iter().map(|parameter| parameter.name).collect();
        taken.insert("logits".to_owned());
        Self {
            graph,
            options,
            shapes,
            nodes: Vec::new(),
            initializers: Vec::new(),
            taken,
            scalars: HashMap::new(),
            values: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<Parts, Error> {
        let input = self.input();
        let needed = self.graph.ancestors([self.graph.output()]);
        let end = self.last_that_computes();
        for (index, node) in self.graph.nodes().iter().enumerate().skip(1) {
            let value = match needed[index] {
                true => Some(self.node(index, &node.op, index == end)?),
                false => None,
            };
            self.values.push(value);
        }
        let output = self.output()?;
        Ok(Parts {
            name: self.graph.name().to_owned(),
            nodes: self.nodes,
            initializers: self.initializers,
            input,
            output,
        })
    }

    /// The node whose output is the network's, past those that do nothing in evaluation.
    fn last_that_computes(&self) -> usize {
        let nodes = self.graph.nodes();
        let mut end = self.graph.output().index();
        while let Op::Dropout { .. } | Op::StochasticDepth { .. } = nodes[end].op {
            end = nodes[end].inputs[0].index();
        }
        end
    }

    /// The input, and the nodes that normalise photos.
    fn input(&mut self) -> Message {
        let channels = self.graph.input_channels();
        let sides = match self.options.image_size {
            Some(size) => [Dim::Known(size.height), Dim::Known(size.width)],
            None => [Dim::Any("height"), Dim::Any("width")],
        };
        let [height, width] = sides;
        let batch = Dim::Any("batch");
        let Some(normalization) = self.options.normalization.clone() else {
            let name = self.fresh("images");
            self.values.push(Some(Output::planar(name.clone())));
            return value_info(&name, FLOAT, &[batch, Dim::Known(channels), height, width]);
        };
        let photos = self.fresh("photos");
        let to_float = [integer_attribute("to", FLOAT as i64)];
        let mut value = self.add("photos/float", "Cast", &[&photos], &to_float);
        let highest = self.scalar(255.0);
        value = self.add("photos/unit", "Div", &[&value, &highest], &[]);
        let mean = self.floats("photos/mean", &[channels], &normalization.mean);
        value = self.add("photos/centred", "Sub", &[&value, &mean], &[]);
        let std = self.floats("photos/std", &[channels], &normalization.std);
        value = self.add("photos/normal", "Div", &[&value, &std], &[]);
        let images = Output {
            planar: None,
            last: Some(value),
            is_vector: false,
        };
        self.values.push(Some(images));
        value_info(&photos, BYTE, &[batch, height, width, Dim::Known(channels)])
    }

    fn output(&mut self) -> Result<Message, Error> {
        let output = self.graph.output();
        let name = self.planar(output);
        if name != "logits" {
            let node = node("output", "Identity", &[&name], "logits", &[]);
            self.nodes.push(node);
        }
        let shape = self.shapes.as_ref().map(|shapes| shapes[output.index()]);
        let dims = match shape {
            Some(Shape::Vector { features }) => vec![Dim::Known(features)],
            Some(Shape::Map { channels, size }) => {
                vec![
                    Dim::Known(channels),
                    Dim::Known(size.height),
                    Dim::Known(size.width),
                ]
            }
            None if self.value(output).is_vector => match self.features(output) {
                Some(features) => vec![Dim::Known(features)],
                None => vec![Dim::Any("features")],
            },
            None => vec![Dim::Any("channels"), Dim::Any("rows"), Dim::Any("columns")],
        };
        let dims = [vec![Dim::Any("batch")], dims].concat();
        Ok(value_info("logits", FLOAT, &dims))
    }

    /// Length of the vector behind a node, where a linear layer says it.
    fn features(&self, node: NodeId) -> Option<usize> {
        let mut node = &self.graph.nodes()[node.index()];
        loop {
            match &node.op {
                Op::Linear(linear) => return Some(linear.out_features),
                Op::Dropout { .. } | Op::Relu | Op::Sigmoid => {
                    node = &self.graph.nodes()[node.inputs[0].index()]
                }
                _ => return None,
            }
        }
    }

    /// What stands for a node that is needed.
    pub(super) fn value(&self, node: NodeId) -> Output {
        let value = self.values.get(node.index()).cloned().flatten();
        // Every node that a needed one reads is needed and comes before it.
        value.unwrap_or_else(|| Output::planar(String::new()))
    }

    /// The name of a node's output in one of the orders; it is turned where it is in the other one.
    pub(super) fn in_order(&mut self, node: NodeId, order: Order) -> String {
        let value = self.value(node);
        let (here, there) = match order {
            Order::Planar => (value.planar, value.last),
            Order::Last => (value.last, value.planar),
        };
        if let Some(name) = here {
            return name;
        }
        let there = there.unwrap_or_default();
        let (suffix, permutation) = match order {
            Order::Planar => ("planar", [0, 3, 1, 2]),
            Order::Last => ("last", [0, 2, 3, 1]),
        };
        let name = format!("{}/{suffix}", self.graph.nodes()[node.index()].name);
        let permutation = [integers_attribute("perm", &permutation)];
        let turned = self.add(&name, "Transpose", &[&there], &permutation);
        if let Some(Some(value)) = self.values.get_mut(node.index()) {
            match order {
                Order::Planar => value.planar = Some(turned.clone()),
                Order::Last => value.last = Some(turned.clone()),
            }
        }
        turned
    }

    /// The name of a node's output with its channels first.
    pub(super) fn planar(&mut self, node: NodeId) -> String {
        self.in_order(node, Order::Planar)
    }

    /// The order in which a node's output lies already.
    pub(super) fn order_of(&self, node: NodeId) -> Order {
        match self.value(node).planar {
            Some(_) => Order::Planar,
            None => Order::Last,
        }
    }

    /// Adds a node with one output, which gets the node's name, and gives the output's name.
    pub(super) fn add(
        &mut self,
        name: &str,
        op_type: &str,
        inputs: &[&str],
        attributes: &[Message],
    ) -> String {
        let output = self.fresh(name);
        self.nodes.push(node(name, op_type, inputs, &output, attributes));
        output
    }

    /// Adds a node whose output is the network's.
    pub(super) fn add_last(
        &mut self,
        name: &str,
        op_type: &str,
        inputs: &[&str],
        attributes: &[Message],
    ) -> String {
        self.nodes.push(node(name, op_type, inputs, "logits", attributes));
        "logits".to_owned()
    }

    /// A stored number, one for all that need it.
    pub(super) fn scalar(&mut self, value: f32) -> String {
        if let Some(name) = self.scalars.get(&value.to_bits()) {
            return name.clone();
        }
        let name = self.floats(&format!("constant/{value}"), &[], &[value]);
        self.scalars.insert(value.to_bits(), name.clone());
        name
    }

    /// Numbers that are stored beside the weights.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.store(name, FLOAT, shape, bytes)
    }

    /// Integers that are stored beside the weights.
    pub(super) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.store(name, 7, &[values.len()], bytes)
    }

    fn store(&mut self, name: &str, data_type: u64, shape: &[usize], bytes: Vec<u8>) -> String {
        let name = self.fresh(name);
        let numbers = Numbers::Own(bytes);
        self.initializers
            .push(Initializer::new(&name, data_type, shape, numbers));
        name
    }

    /// A parameter under its own name, in the shape that the node needs.
    pub(super) fn parameter(&mut self, name: String, shape: &[usize]) -> String {
        self.initializers
            .push(Initializer::new(&name, FLOAT, shape, Numbers::Parameter));
        name
    }

    /// A name that no value and no tensor has: this one, or one that begins with it.
    fn fresh(&mut self, name: &str) -> String {
        let mut free = name.to_owned();
        while !self.taken.insert(free.clone()) {
            free.push_str("/output");
        }
        free
    }
}

impl Output {
    fn planar(name: String) -> Self {
        Self {
            planar: Some(name),
            last: None,
            is_vector: false,
        }
    }

    pub(super) fn into_vector(self) -> Self {
        Self {
            is_vector: true,
            ..self
        }
    }

    pub(super) fn in_order(name: String, order: Order, is_vector: bool) -> Self {
        let (planar, last) = match order {
            Order::Planar => (Some(name), None),
            Order::Last => (None, Some(name)),
        };
        Self {
            planar,
            last,
            is_vector,
        }
    }
}

/// An extent of an input or output.
#[derive(Clone, Copy)]
enum Dim {
    Known(usize),
    Any(&'static str),
}

fn value_info(name: &str, element_type: u64, dims: &[Dim]) -> Message {
    let mut shape = Message::new();
    for dim in dims {
        let dim = match dim {
            Dim::Known(extent) => Message::new().integer(field::info::DIM_VALUE, *extent as i64),
            Dim::Any(name) => Message::new().text(field::info::DIM_PARAM, name),
        };
        shape = shape.message(field::info::DIM, &dim);
    }
    let tensor = Message::new()
        .integer(field::info::ELEMENT_TYPE, element_type as i64)
        .message(field::info::SHAPE, &shape);
    let kind = Message::new().message(field::info::TENSOR_TYPE, &tensor);
    Message::new()
        .text(field::info::NAME, name)
        .message(field::info::TYPE, &kind)
}

fn node(name: &str, op_type: &str, inputs: &[&str], output: &str, attributes: &[Message]) -> Message {
    let mut node = Message::new();
    for input in inputs {
        node = node.text(field::node::INPUT, input);
    }
    node = node
        .text(field::node::OUTPUT, output)
        .text(field::node::NAME, name)
        .text(field::node::OP_TYPE, op_type);
    for attribute in attributes {
        node = node.message(field::node::ATTRIBUTE, attribute);
    }
    node
}

pub(super) fn integer_attribute(name: &str, value: i64) -> Message {
    Message::new()
        .text(field::attribute::NAME, name)
        .integer(field::attribute::INT, value)
        .integer(field::attribute::TYPE, field::attribute::kind::INT as i64)
}

pub(super) fn integers_attribute(name: &str, values: &[i64]) -> Message {
    Message::new()
        .text(field::attribute::NAME, name)
        .integers(field::attribute::INTS, values.iter().copied())
        .integer(field::attribute::TYPE, field::attribute::kind::INTS as i64)
}

pub(super) fn float_attribute(name: &str, value: f64) -> Message {
    Message::new()
        .text(field::attribute::NAME, name)
        .float(field::attribute::FLOAT, value as f32)
        .integer(field::attribute::TYPE, field::attribute::kind::FLOAT as i64)
}

pub(super) fn text_attribute(name: &str, value: &str) -> Message {
    Message::new()
        .text(field::attribute::NAME, name)
        .text(field::attribute::TEXT, value)
        .integer(field::attribute::TYPE, field::attribute::kind::TEXT as i64)
}
