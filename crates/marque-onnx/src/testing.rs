//! Files that tests put together, and what networks answer.

use crate::Imported;
use crate::proto::{Fields, Message, Value, field};
use marque_arch::Graph;
use marque_infer::{Session, SessionOptions};
use marque_testkit::formula;
use marque_weights::{StateDict, Tensor};
use ndarray::{Array2, Array4, ArrayView4};
use std::path::Path;

/// A file with one input, `x`, of floats.
#[derive(Clone, Default)]
pub(crate) struct File {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    dims: Vec<i64>,
    opset: i64,
}

impl File {
    /// Of images of this shape; an extent of 0 is not said.
    pub(crate) fn new(dims: &[i64]) -> Self {
        Self {
            dims: dims.to_vec(),
            opset: 17,
            ..Self::default()
        }
    }

    pub(crate) fn opset(self, opset: i64) -> Self {
        Self { opset, ..self }
    }

    /// A node, called after its operator and output.
    pub(crate) fn node(self, op_type: &str, inputs: &[&str], output: &str, attributes: &[Message]) -> Self {
        self.named(
            &format!("{op_type}_{output}"),
            op_type,
            (inputs, output),
            attributes,
        )
    }

    pub(crate) fn named(
        mut self,
        name: &str,
        op_type: &str,
        (inputs, output): (&[&str], &str),
        attributes: &[Message],
    ) -> Self {
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
        self.nodes.push(node);
        self
    }

    /// A tensor by formula, as testkit fills parameters.
    pub(crate) fn parameter(self, name: &str, shape: &[usize]) -> Self {
        let values = formula::parameter(name, shape);
        let values: Vec<f32> = values.iter().copied().collect();
        self.floats(name, shape, &values)
    }

    pub(crate) fn floats(mut self, name: &str, shape: &[usize], values: &[f32]) -> Self {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializers.push(tensor(name, 1, shape, &raw));
        self
    }

    pub(crate) fn integers(mut self, name: &str, values: &[i64]) -> Self {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializers.push(tensor(name, 7, &[values.len()], &raw));
        self
    }

    /// A stored tensor in all its parts.
    pub(crate) fn initializer(mut self, tensor: Message) -> Self {
        self.initializers.push(tensor);
        self
    }

    /// The file that ends at `output`.
    pub(crate) fn bytes(&self, output: &str) -> Vec<u8> {
        let mut graph = Message::new();
        for node in &self.nodes {
            graph = graph.message(field::graph::NODE, node);
        }
        graph = graph.text(field::graph::NAME, "test");
        for stored in &self.initializers {
            graph = graph.message(field::graph::INITIALIZER, stored);
        }
        let mut shape = Message::new();
        for &dim in &self.dims {
            let dim = match dim {
                0 => Message::new(),
                dim => Message::new().integer(field::info::DIM_VALUE, dim),
            };
            shape = shape.message(field::info::DIM, &dim);
        }
        let kind = Message::new()
            .integer(field::info::ELEMENT_TYPE, 1)
            .message(field::info::SHAPE, &shape);
        let kind = Message::new().message(field::info::TENSOR_TYPE, &kind);
        let input = Message::new()
            .text(field::info::NAME, "x")
            .message(field::info::TYPE, &kind);
        graph = graph.message(field::graph::INPUT, &input).message(
            field::graph::OUTPUT,
            &Message::new().text(field::info::NAME, output),
        );
        let opset = Message::new().integer(field::opset::VERSION, self.opset);
        let model = Message::new()
            .integer(field::model::IR_VERSION, 8)
            .message(field::model::OPSET_IMPORT, &opset)
            .message(field::model::GRAPH, &graph);
        model.as_bytes().to_vec()
    }

    pub(crate) fn read(&self, output: &str) -> Result<Imported, crate::Error> {
        Imported::parse(Path::new("test.onnx"), &self.bytes(output))
    }
}

pub(crate) fn tensor(name: &str, data_type: i64, shape: &[usize], raw: &[u8]) -> Message {
    Message::new()
        .integers(field::tensor::DIMS, shape.iter().map(|&extent| extent as i64))
        .integer(field::tensor::DATA_TYPE, data_type)
        .text(field::tensor::NAME, name)
        .bytes(field::tensor::RAW_DATA, raw)
}

pub(crate) fn int(name: &str, value: i64) -> Message {
    Message::new()
        .text(field::attribute::NAME, name)
        .integer(field::attribute::INT, value)
        .integer(field::attribute::TYPE, field::attribute::kind::INT as i64)
}

pub(crate) fn ints(name: &str, values: &[i64]) -> Message {
    Message::new()
        .text(field::attribute::NAME, name)
        .integers(field::attribute::INTS, values.iter().copied())
        .integer(field::attribute::TYPE, field::attribute::kind::INTS as i64)
}

pub(crate) fn float(name: &str, value: f32) -> Message {
    Message::new()
        .text(field::attribute::NAME, name)
        .float(field::attribute::FLOAT, value)
        .integer(field::attribute::TYPE, field::attribute::kind::FLOAT as i64)
}

pub(crate) fn text(name: &str, value: &str) -> Message {
    Message::new()
        .text(field::attribute::NAME, name)
        .text(field::attribute::TEXT, value)
        .integer(field::attribute::TYPE, field::attribute::kind::TEXT as i64)
}

/// Weights of a graph, all by formula.
pub(crate) fn weights(graph: &Graph) -> StateDict {
    let filled = graph.parameters().into_iter().map(|parameter| {
        let values = formula::parameter(&parameter.name, &parameter.shape);
        let values: Vec<f32> = values.iter().copied().collect();
        let tensor = Tensor::from_f32(&parameter.shape, &values).unwrap();
        (parameter.name, tensor)
    });
    filled.collect()
}

pub(crate) fn session(graph: &Graph, weights: &StateDict) -> Session {
    let options = SessionOptions {
        threads: 1,
        ..SessionOptions::default()
    };
    Session::new(graph.clone(), weights, options).unwrap()
}

pub(crate) fn logits(graph: &Graph, weights: &StateDict, images: ArrayView4<'_, f32>) -> Array2<f32> {
    session(graph, weights).logits(images).unwrap()
}

/// What a network whose output is maps gives.
pub(crate) fn maps(graph: &Graph, weights: &StateDict, images: ArrayView4<'_, f32>) -> Array4<f32> {
    let output = session(graph, weights).output(images).unwrap();
    output.into_dimensionality().unwrap()
}

/// A golden file whose tensors have been left out: each has two floats in the place of its numbers, between which they lie by
/// formula, as centre and half width.
pub(crate) fn filled(bytes: &[u8]) -> Vec<u8> {
    let model = mapped(bytes, field::model::GRAPH, |graph| {
        mapped(graph, field::graph::INITIALIZER, filled_tensor)
    });
    model.as_bytes().to_vec()
}

/// A message with another message in the place of each of its fields of one number.
fn mapped(bytes: &[u8], wanted: u32, change: impl Fn(&[u8]) -> Message) -> Message {
    let mut fields = Fields::new(bytes, 0);
    let mut message = Message::new();
    while let Some((number, value)) = fields.next().unwrap() {
        message = match value {
            Value::Bytes(bytes, _) if number == wanted => message.message(number, &change(bytes)),
            Value::Bytes(bytes, _) => message.bytes(number, bytes),
            Value::Varint(value) => message.integer(number, value as i64),
            Value::Bits32(bits) => message.float(number, f32::from_le_bytes(bits)),
            Value::Bits64(_) => panic!("doubles stand nowhere in these files"),
        };
    }
    message
}

fn filled_tensor(bytes: &[u8]) -> Message {
    let mut fields = Fields::new(bytes, 0);
    let (mut dims, mut name, mut raw, mut floats) = (Vec::new(), "", None, Vec::new());
    let mut data_type = 0;
    while let Some((number, value)) = fields.next().unwrap() {
        match number {
            field::tensor::DIMS => fields.integers(number, value, &mut dims).unwrap(),
            field::tensor::DATA_TYPE => data_type = fields.integer(number, value).unwrap(),
            field::tensor::NAME => name = fields.text(number, value).unwrap(),
            field::tensor::RAW_DATA => raw = Some(fields.bytes(number, value).unwrap().0.to_vec()),
            field::tensor::FLOAT_DATA => fields.floats(number, value, &mut floats).unwrap(),
            _ => (),
        }
    }
    let shape: Vec<usize> = dims.iter().map(|&dim| dim as usize).collect();
    let raw = raw.unwrap_or_else(|| {
        let (numbers, _) = floats.as_chunks();
        let &[centre, half_width] = numbers else {
            panic!("{name} has neither numbers nor a range");
        };
        let [centre, half_width] = [centre, half_width].map(f32::from_le_bytes);
        let values = formula::uniform(name, &shape, centre, half_width);
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    });
    tensor(name, data_type as i64, &shape, &raw)
}
