//! What an ONNX file says, before any of it is believed: its nodes, tensors, inputs and outputs, borrowed from its bytes.

use crate::proto::{Fields, WireError, field};
use std::collections::{BTreeMap, HashMap};

/// `ModelProto`.
#[derive(Debug, Default)]
pub(crate) struct Model<'a> {
    pub(crate) ir_version: Option<u64>,
    pub(crate) producer: String,
    /// The version of each set of operators, by its domain.
    pub(crate) opsets: Vec<(&'a str, u64)>,
    pub(crate) graph: Option<Network<'a>>,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// `GraphProto`.
#[derive(Debug, Default)]
pub(crate) struct Network<'a> {
    pub(crate) name: &'a str,
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) initializers: Vec<Stored<'a>>,
    pub(crate) inputs: Vec<Info<'a>>,
    pub(crate) outputs: Vec<Info<'a>>,
    pub(crate) has_sparse: bool,
}

/// `NodeProto`.
#[derive(Debug, Default)]
pub(crate) struct Node<'a> {
    pub(crate) name: &'a str,
    pub(crate) op_type: &'a str,
    pub(crate) domain: &'a str,
    /// Names of values; an empty one stands for an input that is left out.
    pub(crate) inputs: Vec<&'a str>,
    pub(crate) outputs: Vec<&'a str>,
    pub(crate) attributes: HashMap<&'a str, Attribute<'a>>,
}

/// The value of an `AttributeProto`.
#[derive(Debug)]
pub(crate) enum Attribute<'a> {
    Float(f32),
    Int(i64),
    Text(&'a [u8]),
    Tensor(Box<Stored<'a>>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    /// Graphs, sparse tensors, lists of texts and the like.
    Other,
}

/// `TensorProto`, its numbers not decoded.
#[derive(Debug, Default)]
pub(crate) struct Stored<'a> {
    pub(crate) name: &'a str,
    pub(crate) dims: Vec<i64>,
    pub(crate) data_type: u64,
    pub(crate) raw: Option<&'a [u8]>,
    /// `float_data` and `double_data`, as little-endian bytes.
    pub(crate) floats: Vec<u8>,
    /// `int32_data`, `int64_data` and `uint64_data`.
    pub(crate) integers: Vec<u64>,
    pub(crate) is_segment: bool,
    pub(crate) external: Option<External<'a>>,
}

/// Where numbers lie that are not in the file itself, in its own words.
#[derive(Debug, Default, Clone)]
pub(crate) struct External<'a> {
    pub(crate) location: &'a str,
    pub(crate) offset: &'a str,
    pub(crate) length: &'a str,
}

/// `ValueInfoProto` of a tensor.
#[derive(Debug, Default)]
pub(crate) struct Info<'a> {
    pub(crate) name: &'a str,
    pub(crate) element_type: u64,
    /// `None` if the rank is not said, and for an extent that is not.
    pub(crate) dims: Option<Vec<Option<i64>>>,
}

impl<'a> Model<'a> {
    /// Reads the message that a whole file is.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new(bytes, 0);
        let mut model = Self::default();
        let (mut name, mut version) = ("", "");
        while let Some((number, value)) = fields.next()? {
            match number {
                field::model::IR_VERSION => model.ir_version = Some(fields.integer(number, value)?),
                field::model::PRODUCER_NAME => name = fields.text(number, value)?,
                field::model::PRODUCER_VERSION => version = fields.text(number, value)?,
                field::model::OPSET_IMPORT => model.opsets.push(opset(fields.message(number, value)?)?),
                field::model::GRAPH => model.graph = Some(network(fields.message(number, value)?)?),
                field::model::METADATA => {
                    let (key, text) = entry(fields.message(number, value)?)?;
                    model.metadata.insert(key.to_owned(), text.to_owned());
                }
                _ => (),
            }
        }
        model.producer = format!("{name} {version}").trim().to_owned();
        Ok(model)
    }
}

fn opset(mut fields: Fields<'_>) -> Result<(&str, u64), WireError> {
    let (mut domain, mut version) = ("", 0);
    while let Some((number, value)) = fields.next()? {
        match number {
            field::opset::DOMAIN => domain = fields.text(number, value)?,
            field::opset::VERSION => version = fields.integer(number, value)?,
            _ => (),
        }
    }
    Ok((domain, version))
}

fn entry(mut fields: Fields<'_>) -> Result<(&str, &str), WireError> {
    let (mut key, mut text) = ("", "");
    while let Some((number, value)) = fields.next()? {
        match number {
            field::entry::KEY => key = fields.text(number, value)?,
            field::entry::VALUE => text = fields.text(number, value)?,
            _ => (),
        }
    }
    Ok((key, text))
}

fn network(mut fields: Fields<'_>) -> Result<Network<'_>, WireError> {
    let mut network = Network::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            field::graph::NODE => network.nodes.push(node(fields.message(number, value)?)?),
            field::graph::NAME => network.name = fields.text(number, value)?,
            field::graph::INITIALIZER => {
                network.initializers.push(stored(fields.message(number, value)?)?);
            }
            field::graph::INPUT => network.inputs.push(info(fields.message(number, value)?)?),
            field::graph::OUTPUT => network.outputs.push(info(fields.message(number, value)?)?),
            field::graph::SPARSE_INITIALIZER => network.has_sparse = true,
            _ => (),
        }
    }
    Ok(network)
}

fn node(mut fields: Fields<'_>) -> Result<Node<'_>, WireError> {
    let mut node = Node::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            field::node::INPUT => node.inputs.push(fields.text(number, value)?),
            field::node::OUTPUT => node.outputs.push(fields.text(number, value)?),
            field::node::NAME => node.name = fields.text(number, value)?,
            field::node::OP_TYPE => node.op_type = fields.text(number, value)?,
            field::node::DOMAIN => node.domain = fields.text(number, value)?,
            field::node::ATTRIBUTE => {
                let (name, found) = attribute(fields.message(number, value)?)?;
                node.attributes.insert(name, found);
            }
            _ => (),
        }
    }
    Ok(node)
}

fn attribute(mut fields: Fields<'_>) -> Result<(&str, Attribute<'_>), WireError> {
    let (mut name, mut kind) = ("", 0);
    let (mut float, mut int, mut text, mut tensor) = (0.0, 0, &b""[..], None);
    let (mut floats, mut ints) = (Vec::new(), Vec::new());
    while let Some((number, value)) = fields.next()? {
        match number {
            field::attribute::NAME => name = fields.text(number, value)?,
            field::attribute::TYPE => kind = fields.integer(number, value)?,
            field::attribute::FLOAT => {
                let mut bytes = Vec::new();
                fields.floats(number, value, &mut bytes)?;
                float = floats_of(&bytes).first().copied().unwrap_or_default();
            }
            field::attribute::INT => int = fields.integer(number, value)? as i64,
            field::attribute::TEXT => text = fields.bytes(number, value)?.0,
            field::attribute::TENSOR => tensor = Some(stored(fields.message(number, value)?)?),
            field::attribute::FLOATS => fields.floats(number, value, &mut floats)?,
            field::attribute::INTS => fields.integers(number, value, &mut ints)?,
            _ => (),
        }
    }
    let found = match (kind, tensor) {
        (field::attribute::kind::FLOAT, _) => Attribute::Float(float),
        (field::attribute::kind::INT, _) => Attribute::Int(int),
        (field::attribute::kind::TEXT, _) => Attribute::Text(text),
        (field::attribute::kind::TENSOR, Some(tensor)) => Attribute::Tensor(Box::new(tensor)),
        (field::attribute::kind::FLOATS, _) => Attribute::Floats(floats_of(&floats)),
        (field::attribute::kind::INTS, _) => {
            Attribute::Ints(ints.into_iter().map(|int| int as i64).collect())
        }
        _ => Attribute::Other,
    };
    Ok((name, found))
}

fn floats_of(bytes: &[u8]) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

fn stored(mut fields: Fields<'_>) -> Result<Stored<'_>, WireError> {
    let mut found = Stored::default();
    let (mut dims, mut external, mut is_external) = (Vec::new(), External::default(), false);
    while let Some((number, value)) = fields.next()? {
        match number {
            field::tensor::DIMS => fields.integers(number, value, &mut dims)?,
            field::tensor::DATA_TYPE => found.data_type = fields.integer(number, value)?,
            field::tensor::NAME => found.name = fields.text(number, value)?,
            field::tensor::RAW_DATA => found.raw = Some(fields.bytes(number, value)?.0),
            field::tensor::FLOAT_DATA | field::tensor::DOUBLE_DATA => {
                fields.floats(number, value, &mut found.floats)?;
            }
            field::tensor::INT32_DATA | field::tensor::INT64_DATA | field::tensor::UINT64_DATA => {
                fields.integers(number, value, &mut found.integers)?;
            }
            field::tensor::SEGMENT => found.is_segment = true,
            field::tensor::EXTERNAL_DATA => {
                let (key, text) = entry(fields.message(number, value)?)?;
                match key {
                    "location" => external.location = text,
                    "offset" => external.offset = text,
                    "length" => external.length = text,
                    // A checksum and the like.
                    _ => (),
                }
            }
            field::tensor::DATA_LOCATION => is_external = fields.integer(number, value)? == 1,
            _ => (),
        }
    }
    found.dims = dims.into_iter().map(|dim| dim as i64).collect();
    found.external = is_external.then_some(external);
    Ok(found)
}

fn info(mut fields: Fields<'_>) -> Result<Info<'_>, WireError> {
    let mut found = Info::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            field::info::NAME => found.name = fields.text(number, value)?,
            field::info::TYPE => {
                let mut kinds = fields.message(number, value)?;
                while let Some((number, value)) = kinds.next()? {
                    if number == field::info::TENSOR_TYPE {
                        tensor_type(kinds.message(number, value)?, &mut found)?;
                    }
                }
            }
            _ => (),
        }
    }
    Ok(found)
}

fn tensor_type<'a>(mut fields: Fields<'a>, info: &mut Info<'a>) -> Result<(), WireError> {
    while let Some((number, value)) = fields.next()? {
        match number {
            field::info::ELEMENT_TYPE => info.element_type = fields.integer(number, value)?,
            field::info::SHAPE => {
                let mut shape = fields.message(number, value)?;
                let mut dims = Vec::new();
                while let Some((number, value)) = shape.next()? {
                    if number == field::info::DIM {
                        dims.push(extent(shape.message(number, value)?)?);
                    }
                }
                info.dims = Some(dims);
            }
            _ => (),
        }
    }
    Ok(())
}

/// An extent that is a number. 0 and less, which some programs write for one that is not known, is none.
fn extent(mut fields: Fields<'_>) -> Result<Option<i64>, WireError> {
    let mut found = None;
    while let Some((number, value)) = fields.next()? {
        if number == field::info::DIM_VALUE {
            found = Some(fields.integer(number, value)? as i64);
        }
    }
    Ok(found.filter(|&extent| extent > 0))
}
