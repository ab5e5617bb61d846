//! Blocks of one kind: the same operations joined in the same way, whatever their channels.

use crate::outline::blocks::{Group, Role};
use crate::outline::steps::{Look, Source, Step, steps};
use crate::receptive_field::Sights;
use crate::{BatchNorm2d, BiasInit, Conv2d, Graph, LayerNorm2d, LayerScale, Linear, Op, Shape, WeightInit};

/// A kind of block.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What it is called in the drawing.
    pub title: String,
    /// What is to be said about it beside its steps.
    pub notes: Vec<String>,
    /// The steps of the first block of the kind.
    pub steps: Vec<Step>,
    /// Channels that each step yields, over all blocks: `128`, `c/4` or `96–192`; empty where a step does not decide on
    /// them.
    pub widths: Vec<String>,
    /// Where the blocks come from.
    pub role: Role,
    blocks: Vec<Block>,
    wiring: Vec<(Vec<Op>, Vec<Source>)>,
}

/// What sets one block of a kind off from the next.
#[derive(Debug)]
struct Block {
    path: String,
    /// By step.
    widths: Vec<Option<usize>>,
    channels: usize,
    /// Channels that it has more than what arrives.
    growth: Option<usize>,
    /// By how much height and width shrink, where both do by as much.
    reduction: Option<i64>,
}

/// Kinds in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Kinds(Vec<Kind>);

impl Kinds {
    /// The position of the kind that a group of nodes is of.
    pub(crate) fn position(&mut self, graph: &Graph, group: &Group, measures: (&[Shape], &Sights)) -> usize {
        let steps = steps(graph, &group.nodes);
        let wiring: Vec<_> = steps.iter().map(|step| wiring(graph, step)).collect();
        let block = Block::new(graph, group, &steps, measures);
        let known = self
            .0
            .iter_mut()
            .position(|kind| kind.role == group.role && kind.wiring == wiring);
        if let Some(position) = known {
            self.0[position].blocks.push(block);
            return position;
        }
        self.0.push(Kind {
            title: String::new(),
            notes: Vec::new(),
            widths: Vec::new(),
            role: group.role,
            blocks: vec![block],
            steps,
            wiring,
        });
        self.0.len() - 1
    }

    /// The kinds, with what is said about them.
    pub(crate) fn finish(mut self) -> Vec<Kind> {
        for kind in &mut self.0 {
            kind.title = kind.name();
            kind.widths = (0..kind.steps.len()).map(|step| kind.width(step)).collect();
            kind.notes = kind.remarks();
        }
        self.0
    }
}

impl Block {
    fn new(graph: &Graph, group: &Group, steps: &[Step], (shapes, sights): (&[Shape], &Sights)) -> Self {
        let exit = group.nodes.last().copied().unwrap_or(0);
        let entry = group
            .nodes
            .first()
            .and_then(|&node| graph.nodes()[node].inputs.first());
        let jump = |node: usize| sights[node].map(|(sight, _)| sight.jump());
        let jumps = entry.and_then(|entry| Some((jump(entry.index())?, jump(exit)?)));
        let reduction = jumps.and_then(|(before, after)| {
            let (down, across) = (after.0 / before.0, after.1 / before.1);
            (down == across).then_some(down)
        });
        let channels = channels(shapes[exit]);
        let arriving = entry.map(|entry| self::channels(shapes[entry.index()]));
        Self {
            path: group.path.clone(),
            widths: steps.iter().map(|step| step.width).collect(),
            growth: arriving.and_then(|arriving| channels.checked_sub(arriving)),
            channels,
            reduction,
        }
    }
}

fn channels(shape: Shape) -> usize {
    match shape {
        Shape::Map { channels, .. } => channels,
        Shape::Vector { features } => features,
    }
}

impl Kind {
    /// How many blocks of the network are of this kind.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.blocks.len()
    }

    fn name(&self) -> String {
        match self.role {
            Role::Auxiliary => return "auxiliary head".to_owned(),
            Role::Unused => return "without effect on the output".to_owned(),
            Role::Block | Role::Layers => {}
        }
        let is_join = |step: &&Step| matches!(step.look, Look::Add | Look::Concat);
        let sums = self.steps.iter().filter(|step| step.look == Look::Add).count();
        let Some(join) = self.steps.iter().rev().find(is_join) else {
            return match self.steps.last() {
                Some(step) if step.look == Look::Product => "squeeze and excitation".to_owned(),
                _ => self.word().unwrap_or("plain block").to_owned(),
            };
        };
        let identity = join.inputs.contains(&Source::Entry);
        match (join.look, identity) {
            _ if sums > 1 => format!("block with {sums} sums"),
            (Look::Add, true) => "residual block".to_owned(),
            (Look::Add, false) if self.shortcut_has_weights(join) => "residual block, projection".to_owned(),
            (Look::Add, false) => "residual block, padded".to_owned(),
            (_, true) if join.inputs.len() == 2 => "dense layer".to_owned(),
            _ => {
                let entries = self.steps.iter().flat_map(|step| &step.inputs);
                let branches = entries.filter(|source| **source == Source::Entry).count();
                format!("module of {branches} branches")
            }
        }
    }

    /// `transition` of `features.transition1`.
    fn word(&self) -> Option<&str> {
        let path = &self.blocks.first()?.path;
        let name = path
            .rsplit('.')
            .next()?
            .trim_end_matches(|c: char| !c.is_alphabetic());
        (!name.is_empty()).then_some(name)
    }

    /// Whether every branch of a sum has a layer with weights right before it or leads to one without a fork.
    fn shortcut_has_weights(&self, join: &Step) -> bool {
        join.inputs.iter().all(|&source| {
            let mut source = source;
            while let Source::Step(step) = source {
                if self.steps[step].look == Look::Weights {
                    return true;
                }
                source = self.steps[step].inputs.first().copied().unwrap_or(Source::Entry);
            }
            false
        })
    }

    fn width(&self, step: usize) -> String {
        let widths: Vec<(usize, usize)> = self
            .blocks
            .iter()
            .filter_map(|block| Some((block.widths[step]?, block.channels)))
            .collect();
        let range =
            |(low, high): (usize, usize), &(width, _): &(usize, usize)| (low.min(width), high.max(width));
        let (low, high) = widths.iter().fold((usize::MAX, 0), range);
        match widths.first() {
            None => String::new(),
            Some(_) if low == high => low.to_string(),
            Some(_) => share(&widths).unwrap_or_else(|| format!("{low}–{high}")),
        }
    }

    /// What is the same of all blocks.
    fn shared<T: PartialEq>(&self, part: impl Fn(&Block) -> Option<T>) -> Option<T> {
        let first = part(self.blocks.first()?)?;
        let same = self
            .blocks
            .iter()
            .all(|block| part(block).as_ref() == Some(&first));
        same.then_some(first)
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.widths.iter().any(|width| width.contains('c')) {
            let mut channels: Vec<usize> = self.blocks.iter().map(|block| block.channels).collect();
            channels.dedup();
            let channels: Vec<String> = channels.iter().map(usize::to_string).collect();
            remarks.push(format!("c = {}", channels.join(", ")));
        }
        if self.shared(|block| block.reduction) == Some(2) {
            remarks.push("halves height and width".to_owned());
        }
        let grows = |step: &Step| step.look == Look::Concat && step.inputs.contains(&Source::Entry);
        if self.steps.last().is_some_and(grows)
            && let Some(growth) = self.shared(|block| block.growth)
        {
            remarks.push(format!("adds {growth} channels to those that arrive"));
        }
        if self.role == Role::Auxiliary {
            remarks.push("only in training".to_owned());
        }
        remarks
    }
}

/// `c`, `c/4` or `2c`, where the widths are the same share of the blocks' channels everywhere.
fn share(widths: &[(usize, usize)]) -> Option<String> {
    (1..=16).find_map(|factor| {
        let all = |holds: fn(usize, usize, usize) -> bool| {
            widths
                .iter()
                .all(|&(width, channels)| holds(width, channels, factor))
        };
        match factor {
            1 if all(|width, channels, _| width == channels) => Some("c".to_owned()),
            1 => None,
            _ if all(|width, channels, factor| width.checked_mul(factor) == Some(channels)) => {
                Some(format!("c/{factor}"))
            }
            _ if all(|width, channels, factor| channels.checked_mul(factor) == Some(width)) => {
                Some(format!("{factor}c"))
            }
            _ => None,
        }
    })
}

fn wiring(graph: &Graph, step: &Step) -> (Vec<Op>, Vec<Source>) {
    let ops = step
        .nodes
        .iter()
        .map(|&node| without_channels(&graph.nodes()[node].op));
    (ops.collect(), step.inputs.clone())
}

/// The operation as it is compared: channels and initial weights are put out of sight.
fn without_channels(op: &Op) -> Op {
    match op {
        Op::Conv2d(conv) => Op::Conv2d(Conv2d {
            in_channels: 0,
            out_channels: 0,
            groups: if conv.is_depthwise() { 0 } else { conv.groups },
            init: WeightInit::PyTorchDefault,
            ..conv.clone()
        }),
        Op::BatchNorm2d(norm) => Op::BatchNorm2d(BatchNorm2d {
            channels: 0,
            ..norm.clone()
        }),
        Op::LayerNorm2d(norm) => Op::LayerNorm2d(LayerNorm2d {
            channels: 0,
            ..norm.clone()
        }),
        Op::LayerScale(scale) => Op::LayerScale(LayerScale {
            channels: 0,
            ..scale.clone()
        }),
        // Its probability grows from block to block.
        Op::StochasticDepth { .. } => Op::StochasticDepth { p: 0.0 },
        Op::Linear(_) => Op::Linear(Linear {
            in_features: 0,
            out_features: 0,
            init: WeightInit::PyTorchDefault,
            bias: BiasInit::PyTorchDefault,
        }),
        Op::PadChannels { .. } => Op::PadChannels { channels: 0 },
        Op::Input { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Sigmoid
        | Op::Silu
        | Op::HardSwish
        | Op::HardSigmoid
        | Op::Gelu
        | Op::MaxPool2d(_)
        | Op::AvgPool2d(_)
        | Op::GlobalAvgPool2d
        | Op::AdaptiveAvgPool2d(_)
        | Op::Add
        | Op::Multiply
        | Op::Concat
        | Op::Subsample { .. }
        | Op::Dropout { .. }
        | Op::Flatten => op.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_shares_of_the_channels_where_they_are() {
        assert_eq!(share(&[(64, 64), (128, 128)]), Some("c".to_owned()));
        assert_eq!(share(&[(64, 256), (128, 512)]), Some("c/4".to_owned()));
        assert_eq!(share(&[(128, 64), (256, 128)]), Some("2c".to_owned()));
        assert_eq!(share(&[(64, 256), (96, 512)]), None);
        assert_eq!(share(&[(usize::MAX, 1), (1, 1)]), None);
    }
}
