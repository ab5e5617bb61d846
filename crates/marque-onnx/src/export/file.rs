//! The file around the nodes, written piece by piece: weights are never copied as a whole.

use super::nodes::Parts;
use super::{IR_VERSION, OPSET};
use crate::Error;
use crate::proto::{Message, field};
use marque_weights::StateDict;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// More bytes than this no message of protobuf may have.
const MOST_BYTES: u64 = (1 << 31) - 1;

/// A stored tensor.
pub(super) struct Initializer {
    name: String,
    /// All of it but the numbers.
    header: Message,
    bytes: u64,
    numbers: Numbers,
}

/// Where the numbers of a stored tensor come from.
pub(super) enum Numbers {
    /// The network's parameter of that name, in single precision.
    Parameter,
    Own(Vec<u8>),
}

impl Initializer {
    pub(super) fn new(name: &str, data_type: u64, shape: &[usize], numbers: Numbers) -> Self {
        let bytes = match &numbers {
            Numbers::Own(bytes) => bytes.len() as u64,
            Numbers::Parameter => shape
                .iter()
                .fold(4, |bytes: u64, &extent| bytes.saturating_mul(extent as u64)),
        };
        let header = Message::new()
            .integers(field::tensor::DIMS, shape.iter().map(|&extent| extent as i64))
            .integer(field::tensor::DATA_TYPE, data_type as i64)
            .text(field::tensor::NAME, name)
            .opened(field::tensor::RAW_DATA, bytes);
        Self {
            name: name.to_owned(),
            header,
            bytes,
            numbers,
        }
    }

    /// The key and the length that come before it.
    fn opening(&self) -> Message {
        Message::new().opened(field::graph::INITIALIZER, self.len())
    }

    fn len(&self) -> u64 {
        (self.header.as_bytes().len() as u64).saturating_add(self.bytes)
    }

    fn write(&self, weights: &StateDict, target: &mut impl Write) -> io::Result<()> {
        target.write_all(self.opening().as_bytes())?;
        target.write_all(self.header.as_bytes())?;
        match &self.numbers {
            Numbers::Own(bytes) => target.write_all(bytes),
            Numbers::Parameter => {
                let values = weights.f32_values(&self.name).map_err(io::Error::other)?;
                // As many at a time as fit into a few pages.
                for part in values.chunks(4096) {
                    let bytes: Vec<u8> = part.iter().flat_map(|value| value.to_le_bytes()).collect();
                    target.write_all(&bytes)?;
                }
                if let Some(tensor) = weights.get(&self.name) {
                    tensor.release();
                }
                Ok(())
            }
        }
    }
}

/// A file that is ready to be written.
pub(super) struct Layout {
    /// Everything before the graph, and the graph's own key and length.
    start: Message,
    /// The graph up to its stored tensors.
    graph: Message,
    initializers: Vec<Initializer>,
    /// What the graph has behind them.
    ends: Message,
    metadata: Message,
}

impl Layout {
    pub(super) fn new(parts: Parts, metadata: BTreeMap<String, String>) -> Result<Self, Error> {
        let mut graph = Message::new();
        for node in &parts.nodes {
            graph = graph.message(field::graph::NODE, node);
        }
        // A graph must have a name.
        let name = match parts.name.is_empty() {
            true => "graph",
            false => &parts.name,
        };
        graph = graph.text(field::graph::NAME, name);
        let ends = Message::new()
            .message(field::graph::INPUT, &parts.input)
            .message(field::graph::OUTPUT, &parts.output);
        let lengths = parts
            .initializers
            .iter()
            .map(|stored| (stored.opening().as_bytes().len() as u64).saturating_add(stored.len()));
        let length = [graph.as_bytes().len() as u64, ends.as_bytes().len() as u64]
            .into_iter()
            .chain(lengths)
            .fold(0, u64::saturating_add);
        let opset = Message::new()
            .text(field::opset::DOMAIN, "")
            .integer(field::opset::VERSION, OPSET as i64);
        let start = Message::new()
            .integer(field::model::IR_VERSION, IR_VERSION)
            .text(field::model::PRODUCER_NAME, "marque")
            .text(field::model::PRODUCER_VERSION, env!("CARGO_PKG_VERSION"))
            .message(field::model::OPSET_IMPORT, &opset)
            .opened(field::model::GRAPH, length);
        let metadata = metadata.iter().fold(Message::new(), |message, (key, text)| {
            let entry = Message::new()
                .text(field::entry::KEY, key)
                .text(field::entry::VALUE, text);
            message.message(field::model::METADATA, &entry)
        });
        let bytes = [start.as_bytes().len() as u64, metadata.as_bytes().len() as u64]
            .into_iter()
            .fold(length, u64::saturating_add);
        if bytes > MOST_BYTES {
            return Err(Error::TooLarge {
                bytes,
                most: MOST_BYTES,
            });
        }
        Ok(Self {
            start,
            graph,
            initializers: parts.initializers,
            ends,
            metadata,
        })
    }

    pub(super) fn write(&self, weights: &StateDict, target: &mut impl Write) -> io::Result<()> {
        target.write_all(self.start.as_bytes())?;
        target.write_all(self.graph.as_bytes())?;
        for stored in &self.initializers {
            stored.write(weights, target)?;
        }
        target.write_all(self.ends.as_bytes())?;
        target.write_all(self.metadata.as_bytes())
    }
}
