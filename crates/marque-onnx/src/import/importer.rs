//! Going through a file's nodes: each becomes steps, or is noted as lacking.

use super::attributes::Attributes;
use super::names::{node_name, weight_owner};
use super::step::{Kind, Known, Step, StepId};
use super::value::{Axis, Extent, Signal, Sizes, Value, integers_of};
use super::{constants, operators};
use crate::error::Fault;
use crate::external::Folder;
use crate::model::{Info, Network, Node};
use crate::tensor;
use marque_weights::Tensor;
use std::collections::HashMap;

/// What computing constants beforehand may make besides a multiple of what is stored.
const LEAST_BUDGET: usize = 256 << 20;

/// The state of an import.
pub(super) struct Importer<'n, 'a> {
    network: &'n Network<'a>,
    values: HashMap<&'a str, Value>,
    /// For constants that are a stored tensor in another shape or order, the name of that one.
    origins: HashMap<&'a str, &'a str>,
    /// How many nodes read each value; the network's output counts as one.
    readers: HashMap<&'a str, usize>,
    pub(super) steps: Vec<Step>,
    /// Nodes that cannot be said, and why.
    pub(super) lacks: Vec<(usize, String)>,
    /// Steps that such nodes read: what is lacking before them is to be told as well.
    pub(super) ends: Vec<StepId>,
    /// Bytes that computing constants beforehand may still take.
    budget: usize,
    most: usize,
    /// The number of images, where the file has a fixed one.
    batch: Option<i64>,
}

/// Why a node is not taken up.
pub(super) enum Halt {
    /// A graph cannot say it.
    Refused(String),
    /// It reads what could not be said.
    Spoilt,
    /// The file is at fault.
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Halt::Fault(fault)
    }
}

/// The reason for which a node is not taken up.
pub(super) fn refuse<T>(reason: impl Into<String>) -> Result<T, Halt> {
    Err(Halt::Refused(reason.into()))
}

/// A node that is gone through, with the values that it reads.
pub(super) struct Site<'n, 'a> {
    pub(super) index: usize,
    pub(super) node: &'n Node<'a>,
    pub(super) inputs: Vec<Option<Value>>,
    pub(super) attributes: Attributes<'n, 'a>,
}

impl<'n, 'a> Importer<'n, 'a> {
    /// Decodes what is stored and takes up the input.
    pub(super) fn new(network: &'n Network<'a>, folder: &mut Folder) -> Result<Self, Fault> {
        let mut values = HashMap::new();
        let mut stored_bytes = 0_usize;
        for stored in &network.initializers {
            let decoded = tensor::decode(stored, folder)?;
            stored_bytes = stored_bytes.saturating_add(decoded.bytes().len());
            if values.insert(stored.name, Value::Constant(decoded)).is_some() {
                return Err(two_values(stored.name));
            }
        }
        let most = stored_bytes.saturating_mul(8).saturating_add(LEAST_BUDGET);
        let mut importer = Self {
            network,
            values,
            origins: HashMap::new(),
            readers: readers(network),
            steps: Vec::new(),
            lacks: Vec::new(),
            ends: Vec::new(),
            budget: most,
            most,
            batch: None,
        };
        importer.input()?;
        Ok(importer)
    }

    /// The one input that is no stored tensor.
    fn input(&mut self) -> Result<(), Fault> {
        let inputs = self.network.inputs.iter();
        let inputs: Vec<&Info<'_>> = inputs
            .filter(|info| !self.values.contains_key(info.name))
            .collect();
        let [input] = inputs[..] else {
            let names = inputs.iter().map(|info| info.name.to_owned());
            return Err(Fault::Inputs {
                found: inputs.len(),
                names: names.collect(),
            });
        };
        if !matches!(input.element_type, 1 | 2 | 10 | 11 | 16) {
            return Err(Fault::InputType {
                input: input.name.to_owned(),
                found: input.element_type,
            });
        }
        let dims = match input.dims.as_deref() {
            Some(&[batch, first, second, third]) => [batch, first, second, third],
            None => [None; 4],
            Some(_) => {
                return Err(Fault::InputShape {
                    input: input.name.to_owned(),
                    found: format!("{:?}", input.dims),
                });
            }
        };
        self.batch = dims[0];
        // Images have few channels, and more pixels than that.
        let is_few = |dim: Option<i64>| dim.is_some_and(|dim| dim <= 4);
        let axes = match is_few(dims[3]) && !is_few(dims[1]) {
            true => Axis::LAST,
            false => Axis::PLANAR,
        };
        let extent = |axis: Axis| {
            let place = axes.iter().position(|&found| found == axis)?;
            dims[place].and_then(|dim| usize::try_from(dim).ok())
        };
        let known = Known {
            is_vector: false,
            channels: extent(Axis::Channel),
            height: extent(Axis::Height),
            width: extent(Axis::Width),
        };
        self.steps.push(Step {
            name: "input".to_owned(),
            is_named: true,
            node: None,
            kind: Kind::Input,
            inputs: Vec::new(),
            known,
        });
        let signal = Signal {
            step: StepId(0),
            axes: axes.to_vec(),
        };
        self.values.insert(input.name, Value::Signal(signal));
        Ok(())
    }

    /// Whether the input takes bytes.
    pub(super) fn takes_bytes(&self) -> bool {
        let mut inputs = self.network.inputs.iter();
        inputs.any(|info| {
            info.element_type == 2
                && matches!(self.values.get(info.name), Some(Value::Signal(signal)) if signal.step == StepId(0))
        })
    }

    /// Goes through all nodes.
    pub(super) fn run(&mut self) -> Result<(), Fault> {
        for (index, node) in self.network.nodes.iter().enumerate() {
            let site = self.site(index, node)?;
            let found = match operators::unknown(node) {
                Some(reason) => refuse(reason),
                None => self.node(&site),
            };
            let value = match found {
                Ok(value) => value,
                Err(Halt::Fault(fault)) => return Err(fault),
                Err(Halt::Spoilt) => Value::Lacking,
                Err(Halt::Refused(reason)) => {
                    self.lacks.push((index, reason));
                    for input in site.inputs.iter().flatten() {
                        if let Value::Signal(signal) = input {
                            self.ends.push(signal.step);
                        }
                    }
                    Value::Lacking
                }
            };
            // Further outputs, the places of maxima and the like, are lacking to those that read them.
            let values = std::iter::once(value).chain(std::iter::repeat(Value::Lacking));
            for (name, value) in node.outputs.iter().zip(values) {
                if !name.is_empty() && self.values.insert(name, value).is_some() {
                    return Err(two_values(name));
                }
            }
        }
        Ok(())
    }

    fn site(&self, index: usize, node: &'n Node<'a>) -> Result<Site<'n, 'a>, Fault> {
        let value = |name: &&str| match name.is_empty() {
            true => Ok(None),
            false => match self.values.get(name) {
                Some(value) => Ok(Some(value.clone())),
                None => Err(Fault::NoValue {
                    node: shown_name(node),
                    value: (*name).to_owned(),
                }),
            },
        };
        Ok(Site {
            index,
            node,
            inputs: node.inputs.iter().map(value).collect::<Result<_, _>>()?,
            attributes: Attributes(node),
        })
    }

    fn node(&mut self, site: &Site<'n, 'a>) -> Result<Value, Halt> {
        if site
            .inputs
            .iter()
            .flatten()
            .any(|input| matches!(input, Value::Lacking))
        {
            return Err(Halt::Spoilt);
        }
        if site.node.op_type == "Constant" {
            return constant(&site.attributes);
        }
        let constants: Option<Vec<Option<Tensor>>> = site
            .inputs
            .iter()
            .map(|input| match input {
                None => Some(None),
                Some(Value::Constant(tensor)) => Some(Some(tensor.clone())),
                Some(_) => None,
            })
            .collect();
        match constants {
            Some(constants) => {
                if let (true, Some(from), Some(to)) = (
                    operators::KEEPING.contains(&site.node.op_type),
                    site.node.inputs.first(),
                    site.node.outputs.first(),
                ) {
                    let origin = self.origins.get(from).copied().unwrap_or(from);
                    self.origins.insert(to, origin);
                }
                self.fold(site, &constants).map(Value::Constant)
            }
            None => operators::apply(self, site),
        }
    }

    /// Computes a node whose inputs are all constants.
    fn fold(&mut self, site: &Site<'_, '_>, constants: &[Option<Tensor>]) -> Result<Tensor, Halt> {
        let bytes = |tensor: &Option<Tensor>| tensor.as_ref().map_or(0, |tensor| tensor.bytes().len());
        // What copies nothing costs nothing.
        let shared = usize::from(operators::SHARING.contains(&site.node.op_type));
        let read = constants.iter().skip(shared).map(bytes);
        let read = read.fold(0, usize::saturating_add).saturating_mul(2);
        self.charge(site, read)?;
        let found = constants::compute(site.node.op_type, &site.attributes, constants, self.budget);
        let found = match found {
            Some(found) if tensor::is_plain(found.shape()) => found,
            _ => {
                return refuse(
                    "it is not computed beforehand, as marque would have to: all of its inputs are constants",
                );
            }
        };
        if shared == 0 {
            self.charge(site, found.bytes().len())?;
        }
        Ok(found)
    }

    /// Takes bytes off the budget.
    pub(super) fn charge(&mut self, site: &Site<'_, '_>, bytes: usize) -> Result<(), Fault> {
        self.budget = self.budget.checked_sub(bytes).ok_or_else(|| Fault::Budget {
            node: shown_name(site.node),
            most: self.most,
        })?;
        Ok(())
    }

    /// How many bytes may still be made.
    pub(super) fn left(&self) -> usize {
        self.budget
    }

    /// How many bytes might be made at first.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// The network's only output.
    pub(super) fn output(&mut self) -> Result<Option<Signal>, Fault> {
        let [output] = &self.network.outputs[..] else {
            let names = self.network.outputs.iter().map(|info| info.name.to_owned());
            return Err(Fault::Outputs {
                found: self.network.outputs.len(),
                names: names.collect(),
            });
        };
        match self.values.get(output.name) {
            Some(Value::Signal(signal)) => Ok(Some(signal.clone())),
            Some(Value::Lacking) => Ok(None),
            Some(_) => Err(Fault::ConstantOutput {
                output: output.name.to_owned(),
            }),
            None => Err(Fault::NoValue {
                node: "output".to_owned(),
                value: output.name.to_owned(),
            }),
        }
    }

    /// Adds a step.
    pub(super) fn step(
        &mut self,
        site: &Site<'_, '_>,
        kind: Kind,
        inputs: Vec<StepId>,
        known: Known,
    ) -> StepId {
        self.steps.push(Step {
            name: node_name(site.node),
            is_named: false,
            node: Some(site.index),
            kind,
            inputs,
            known,
        });
        StepId(self.steps.len() - 1)
    }

    /// Adds a step that is called after the weight that is input `place` of the node, if that one has a name of a module's.
    pub(super) fn weighted(
        &mut self,
        site: &Site<'_, '_>,
        place: usize,
        kind: Kind,
        (input, known): (StepId, Known),
    ) -> StepId {
        let step = self.step(site, kind, vec![input], known);
        let name = site.node.inputs.get(place).copied().unwrap_or_default();
        let origin = self.origins.get(name).copied().unwrap_or(name);
        if let Some(owner) = weight_owner(name).or_else(|| weight_owner(origin)) {
            self.call(step, owner);
        }
        step
    }

    /// Whether a step is what a node reads and other nodes read, too.
    pub(super) fn is_shared(&self, site: &Site<'_, '_>, step: StepId) -> bool {
        let inputs = site.inputs.iter().zip(&site.node.inputs);
        let mut own =
            inputs.filter(|(value, _)| matches!(value, Some(Value::Signal(signal)) if signal.step == step));
        own.any(|(_, name)| self.readers.get(name).is_some_and(|&count| count > 1))
    }

    /// Calls a step after a module.
    pub(super) fn call(&mut self, step: StepId, module: &str) {
        let step = &mut self.steps[step.0];
        (step.name, step.is_named) = (module.to_owned(), true);
    }

    pub(super) fn kind(&self, step: StepId) -> &Kind {
        &self.steps[step.0].kind
    }

    pub(super) fn known(&self, step: StepId) -> Known {
        self.steps[step.0].known
    }

    /// The first input of a step.
    pub(super) fn first_input(&self, step: StepId) -> StepId {
        self.steps[step.0].inputs.first().copied().unwrap_or(step)
    }

    /// The extent of a dimension, as far as it is known.
    pub(super) fn extent(&self, signal: &Signal, axis: Axis) -> Extent {
        let known = self.known(signal.step);
        let known = match axis {
            Axis::Batch => {
                return match self.batch {
                    Some(batch) => Extent::Known(batch),
                    None => Extent::Batch,
                };
            }
            Axis::Channel => known.channels,
            Axis::Height => known.height,
            Axis::Width => known.width,
        };
        match known.and_then(|extent| i64::try_from(extent).ok()) {
            Some(extent) => Extent::Known(extent),
            None => Extent::Unknown,
        }
    }

    /// Whether an extent stands for the number of images.
    pub(super) fn is_batch(&self, extent: Extent) -> bool {
        match extent {
            Extent::Batch | Extent::Known(0 | -1) => true,
            Extent::Known(number) => self.batch == Some(number),
            Extent::Unknown => false,
        }
    }
}

fn readers<'a>(network: &Network<'a>) -> HashMap<&'a str, usize> {
    let outputs = network.outputs.iter().map(|output| output.name);
    let read = network.nodes.iter().flat_map(|node| node.inputs.iter().copied());
    let mut counts = HashMap::new();
    for name in read.chain(outputs) {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn two_values(name: &str) -> Fault {
    Fault::TwoValues {
        value: name.to_owned(),
    }
}

/// What errors call a node.
pub(super) fn shown_name(node: &Node<'_>) -> String {
    let output = node.outputs.first().copied().unwrap_or_default();
    match node.name.is_empty() {
        true => output.to_owned(),
        false => node.name.to_owned(),
    }
}

/// The value of a node that is one.
fn constant(attributes: &Attributes<'_, '_>) -> Result<Value, Halt> {
    let integers = |shape: &[usize], numbers: &[i64]| super::value::integers(shape, numbers);
    let found = attributes
        .tensor("value")
        .or_else(|| integers(&[], &[attributes.integer("value_int")?]))
        .or_else(|| {
            attributes
                .integers("value_ints")
                .and_then(|numbers| integers(&[numbers.len()], numbers))
        })
        .or_else(|| Tensor::from_f32(&[], &[attributes.float("value_float")? as f32]).ok())
        .or_else(|| {
            let numbers = attributes.floats("value_floats")?;
            Tensor::from_f32(&[numbers.len()], numbers).ok()
        });
    match found {
        Some(tensor) => Ok(Value::Constant(tensor)),
        None => refuse("its value is no dense tensor of numbers in the file itself"),
    }
}

impl Site<'_, '_> {
    /// An input that depends on the images.
    pub(super) fn signal(&self, place: usize) -> Result<Signal, Halt> {
        match self.inputs.get(place) {
            Some(Some(Value::Signal(signal))) => Ok(signal.clone()),
            _ => refuse(format!("its input {place} does not depend on the images")),
        }
    }

    /// An input that is maps with their channels first.
    pub(super) fn maps(&self, place: usize) -> Result<Signal, Halt> {
        let signal = self.signal(place)?;
        match signal.is_planar() {
            true => Ok(signal),
            false => refuse(format!(
                "its input has the dimensions {:?}, expected those of maps",
                signal.axes
            )),
        }
    }

    /// An input that is stored.
    pub(super) fn constant(&self, place: usize) -> Result<Tensor, Halt> {
        match self.optional(place)? {
            Some(tensor) => Ok(tensor),
            None => refuse(format!("its input {place} is missing")),
        }
    }

    /// An input that is stored, or left out.
    pub(super) fn optional(&self, place: usize) -> Result<Option<Tensor>, Halt> {
        match self.inputs.get(place) {
            None | Some(None) => Ok(None),
            Some(Some(Value::Constant(tensor))) => Ok(Some(tensor.clone())),
            Some(Some(_)) => refuse(format!("its input {place} is computed, not stored")),
        }
    }

    /// Integers that are an input of newer versions of the operator, and an attribute of older ones.
    pub(super) fn integers(&self, place: usize, name: &str) -> Result<Option<Vec<i64>>, Halt> {
        match self.optional(place)? {
            Some(tensor) => match integers_of(&tensor) {
                Some(numbers) => Ok(Some(numbers)),
                None => refuse(format!("its input {place} has no integers")),
            },
            None => Ok(self.attributes.integers(name).map(<[i64]>::to_vec)),
        }
    }

    /// Extents that are an input.
    pub(super) fn sizes(&self, place: usize) -> Result<Sizes, Halt> {
        match self.inputs.get(place) {
            Some(Some(Value::Sizes(sizes))) => Ok(sizes.clone()),
            Some(Some(Value::Constant(tensor))) => {
                let Some(numbers) = integers_of(tensor) else {
                    return refuse(format!("its input {place} has no integers"));
                };
                Ok(Sizes {
                    numbers: numbers.into_iter().map(Extent::Known).collect(),
                    is_scalar: tensor.shape().is_empty(),
                })
            }
            _ => refuse(format!("its input {place} depends on the images")),
        }
    }
}
