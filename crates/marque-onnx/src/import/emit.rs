//! From steps to a graph and its weights.

use super::absorb::{live, vector};
use super::names::Names;
use super::step::{Affine, Kind, Step, StepId};
use crate::error::Fault;
use marque_arch::{BatchNorm2d, Graph, GraphBuilder, LayerScale, NodeId, Op};
use marque_weights::{StateDict, Tensor};

/// The steps of a network that ends at `end`.
pub(super) struct Emission<'s> {
    pub(super) name: &'s str,
    pub(super) steps: &'s [Step],
    pub(super) end: StepId,
    /// The numbers that bytes are normalised by; they are no part of the graph.
    pub(super) normalizes: Option<StepId>,
}

/// Why a step is none of a graph's nodes.
pub(super) fn reason(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Input | Kind::Layer { .. } | Kind::Affine(_) => return None,
        Kind::Border(_) => "it adds zeros around maps that no convolution or pooling reads".to_owned(),
        Kind::Strided { height, width } => {
            format!("it takes every {height}th row and {width}th column; marque has one number for both")
        }
        Kind::FlattenLast => {
            "it flattens maps with their channels innermost, and no fully connected layer reads them"
                .to_owned()
        }
        Kind::Rows(_) => "it multiplies the rows of maps, and is no mean over cells".to_owned(),
        Kind::Clip { least, most } => {
            format!("it bounds values by {least} and {most}; marque has bounds of 0 and 6, and of 0 alone")
        }
        Kind::Product => {
            "it multiplies two signals; marque multiplies maps by factors for their channels, C×1×1"
                .to_owned()
        }
        Kind::Softmax => "it makes probabilities before the network's end".to_owned(),
        Kind::ChannelMean
        | Kind::Minus
        | Kind::Quotient
        | Kind::Reciprocal
        | Kind::Root
        | Kind::Square
        | Kind::Erf => "it is a part of no norm and no activation that marque has".to_owned(),
    })
}

/// Added to the variances of batch norms that are made of plain numbers; √(1 − EPS + EPS) is 1 to the last bit.
const EPS: f64 = 1.0 / (1 << 20) as f64;

impl Emission<'_> {
    /// The graph and its weights. Nodes whose channels do not fit are named in `lacks`, by the positions of their steps.
    pub(super) fn run(
        &self,
        lacks: &mut Vec<(usize, String)>,
        charge: &mut impl FnMut(usize) -> Result<(), Fault>,
    ) -> Result<Option<(Graph, StateDict)>, EmissionError> {
        let is_live = live(self.steps, &[self.end]);
        let Some(channels) = self.channels(&is_live) else {
            lacks.push((
                0,
                "how many channels images have is said neither by it nor by what reads it".to_owned(),
            ));
            return Ok(None);
        };
        let mut builder = GraphBuilder::new(self.name, channels)?;
        let mut names = Names::default();
        names.unique("input");
        let mut weights = StateDict::default();
        let mut nodes: Vec<Option<NodeId>> = vec![Some(builder.input())];
        for (index, step) in self.steps.iter().enumerate().skip(1) {
            let inputs: Option<Vec<NodeId>> = step.inputs.iter().map(|input| nodes[input.0]).collect();
            let inputs = inputs.filter(|_| is_live[index]);
            let Some(inputs) = inputs else {
                nodes.push(None);
                continue;
            };
            if self.normalizes == Some(StepId(index)) {
                nodes.push(inputs.first().copied());
                continue;
            }
            let arriving = inputs.first().and_then(|&input| builder.channels(input));
            let Some((op, own)) = layer(step, arriving, charge)? else {
                lacks.push((index, "how many channels it is for is not known".to_owned()));
                nodes.push(None);
                continue;
            };
            let name = names.unique(&step.name);
            match builder.add(&name, op.clone(), &inputs) {
                Ok(node) => nodes.push(Some(node)),
                Err(error) => {
                    lacks.push((index, error.to_string()));
                    nodes.push(None);
                    continue;
                }
            }
            for (suffix, tensor) in own {
                // A layer scale's parameter has the node's own name.
                let parameter = match &op {
                    Op::LayerScale(_) => name.clone(),
                    _ => format!("{name}.{suffix}"),
                };
                weights.insert(parameter, tensor);
            }
        }
        let Some(output) = nodes[self.end.0] else {
            return Ok(None);
        };
        if let Some(features) = self.features(&nodes) {
            builder.mark_features(features);
        }
        Ok(Some((builder.build(output)?, weights)))
    }

    /// Channels of the images: what the input says, or the first layer that reads it.
    fn channels(&self, is_live: &[bool]) -> Option<usize> {
        let reads = |step: &Step| step.inputs.first() == Some(&StepId(0));
        let told = |step: &Step| match &step.kind {
            Kind::Layer { op, .. } => match op {
                Op::Conv2d(conv) => Some(conv.in_channels),
                Op::BatchNorm2d(norm) => Some(norm.channels),
                Op::Linear(linear) => Some(linear.in_features),
                _ => None,
            },
            Kind::Affine(affine) => affine.channels(),
            _ => None,
        };
        let live = self.steps.iter().zip(is_live).filter(|(_, is_live)| **is_live);
        let mut readers = live.map(|(step, _)| step).filter(|step| reads(step));
        let known = self.steps.first().and_then(|input| input.known.channels);
        known.or_else(|| readers.find_map(told))
    }

    /// The last feature maps: what the pooling before the classifier reads, or what is flattened.
    fn features(&self, nodes: &[Option<NodeId>]) -> Option<NodeId> {
        let mut step = self.end;
        loop {
            let [input] = self.steps[step.0].inputs[..] else {
                return None;
            };
            if let Kind::Layer { op, .. } = &self.steps[step.0].kind {
                match op {
                    Op::GlobalAvgPool2d | Op::AdaptiveAvgPool2d(_) => return nodes[input.0],
                    Op::Flatten if !self.steps[input.0].known.is_pixel() => {
                        // VGGs pool to a grid of cells before they flatten it.
                        let is_grid = matches!(
                            self.steps[input.0].kind,
                            Kind::Layer {
                                op: Op::AdaptiveAvgPool2d(_),
                                ..
                            }
                        );
                        if !is_grid {
                            return nodes[input.0];
                        }
                    }
                    Op::MaxPool2d(_) | Op::AvgPool2d(_) | Op::Subsample { .. } => return None,
                    _ => (),
                }
            }
            step = input;
        }
    }
}

/// What can stop an emission.
pub(super) enum EmissionError {
    Fault(Fault),
    Graph(marque_arch::Error),
}

impl From<Fault> for EmissionError {
    fn from(fault: Fault) -> Self {
        EmissionError::Fault(fault)
    }
}

impl From<marque_arch::Error> for EmissionError {
    fn from(error: marque_arch::Error) -> Self {
        EmissionError::Graph(error)
    }
}

type Layer = (Op, Vec<(&'static str, Tensor)>);

/// The operation of a step and its weights; `None` where it is not known for how many channels.
fn layer(
    step: &Step,
    arriving: Option<usize>,
    charge: &mut impl FnMut(usize) -> Result<(), Fault>,
) -> Result<Option<Layer>, Fault> {
    match &step.kind {
        Kind::Layer { op, weights } => Ok(Some((op.clone(), weights.clone()))),
        Kind::Affine(affine) => {
            let Some(channels) = arriving.or(step.known.channels).or(affine.channels()) else {
                return Ok(None);
            };
            charge(channels.saturating_mul(32))?;
            Ok(norm(affine, channels))
        }
        _ => Ok(None),
    }
}

/// Numbers for channels as a layer scale, or as a batch norm where some are added.
fn norm(affine: &Affine, channels: usize) -> Option<Layer> {
    let (scale, shift) = affine.for_channels(channels)?;
    if affine.has_no_shift() {
        let op = Op::LayerScale(LayerScale { channels, init: 1.0 });
        return Some((op, vec![("weight", vector(&[channels, 1, 1], scale)?)]));
    }
    let op = Op::BatchNorm2d(BatchNorm2d {
        channels,
        eps: EPS,
        momentum: 0.1,
    });
    let one = std::iter::repeat_n(1.0 - EPS, channels);
    let weights = vec![
        ("weight", vector(&[channels], scale)?),
        ("bias", vector(&[channels], shift)?),
        (
            "running_mean",
            vector(&[channels], std::iter::repeat_n(0.0, channels))?,
        ),
        ("running_var", vector(&[channels], one)?),
    ];
    Some((op, weights))
}
