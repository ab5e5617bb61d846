//! One kernel with all that it needs but the memory.

use super::PlanRow;
use super::arena::{Workspace, split};
use crate::Error;
use marque_kernels::{
    Activation, Affine, Bias, Buffer, Depthwise, DepthwiseFilters, Direct, DirectOperands, Epilogue,
    Executor, Filters, Image, LayerNorm, Layout, Maps, MapsMut, Pooling, Prologue, Source, Window, Winograd,
    WinogradFilters, WinogradOperands,
};
use std::ops::Range;
use std::sync::Arc;

/// A step of a plan.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) operation: Operation,
    /// What it reads: up to two maps. A step that reads the images themselves has none.
    pub(super) inputs: Vec<Place>,
    pub(super) output: Place,
    pub(super) row: PlanRow,
}

/// Maps in the arena.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) range: Range<usize>,
    pub(super) layout: Layout,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Operation {
    /// Images into blocks.
    Pack,
    Direct {
        direct: Box<Direct>,
        filters: Arc<Filters>,
        bias: Arc<Bias>,
        before: Preparation,
        reads_image: bool,
        adds: bool,
        activation: Activation,
    },
    Winograd {
        winograd: Box<Winograd>,
        filters: Arc<WinogradFilters>,
        bias: Arc<Bias>,
        adds: bool,
        activation: Activation,
    },
    Depthwise(DepthwiseOperation),
    Affine {
        parameters: [Buffer; 2],
        activation: Activation,
    },
    LayerNorm {
        /// Weight and bias.
        parameters: [Buffer; 2],
        eps: f64,
    },
    /// The first input times the second's factors.
    Multiply,
    Pool {
        kind: Pooling,
        window: Window,
    },
    AdaptiveMean,
    Add {
        activation: Activation,
    },
    /// Adds its input to what the output already holds.
    AddTo {
        activation: Activation,
    },
    CopyChannels {
        to: usize,
    },
    /// Copies channels of the output itself.
    RepeatChannels {
        from: usize,
        count: usize,
        to: usize,
    },
    /// Zeros behind the first channels.
    ClearChannels {
        from: usize,
    },
    Subsample {
        stride: usize,
    },
    Flatten,
}

/// What is done to the input of a direct convolution on the way.
#[derive(Debug)]
pub(super) enum Preparation {
    Nothing,
    Affine {
        /// Scale and shift.
        parameters: [Buffer; 2],
        activation: Activation,
    },
    Depthwise(DepthwiseOperation),
}

/// A depthwise convolution.
#[derive(Debug)]
pub(super) struct DepthwiseOperation {
    pub(super) filters: Arc<DepthwiseFilters>,
    pub(super) bias: Arc<Bias>,
    pub(super) window: Window,
    pub(super) rectify_input: bool,
    pub(super) activation: Activation,
}

impl DepthwiseOperation {
    fn depthwise(&self) -> Depthwise<'_> {
        Depthwise {
            filters: &self.filters,
            bias: &self.bias,
            window: self.window,
            rectify_input: self.rectify_input,
            activation: self.activation,
        }
    }
}

impl Preparation {
    fn prologue(&self) -> Prologue<'_> {
        match self {
            Preparation::Nothing => Prologue::None,
            Preparation::Affine {
                parameters: [scale, shift],
                activation,
            } => Prologue::Affine(Affine {
                scale,
                shift,
                activation: *activation,
            }),
            Preparation::Depthwise(operation) => Prologue::Depthwise(operation.depthwise()),
        }
    }
}

impl Operation {
    /// Numbers of working memory.
    pub(super) fn scratch_len(&self, executor: &Executor) -> usize {
        match self {
            Operation::Direct { direct, .. } => direct.scratch_len(executor),
            Operation::Winograd { winograd, .. } => winograd.scratch_len(executor),
            Operation::Pack
            | Operation::Depthwise(_)
            | Operation::Affine { .. }
            | Operation::LayerNorm { .. }
            | Operation::Multiply
            | Operation::Pool { .. }
            | Operation::AdaptiveMean
            | Operation::Add { .. }
            | Operation::AddTo { .. }
            | Operation::CopyChannels { .. }
            | Operation::RepeatChannels { .. }
            | Operation::ClearChannels { .. }
            | Operation::Subsample { .. }
            | Operation::Flatten => 0,
        }
    }
}

impl Step {
    pub(super) fn run(
        &self,
        executor: &Executor,
        image: Image<'_>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        let Workspace { arena, scratch } = workspace;
        let nothing = 0..0;
        let range = |index: usize| self.inputs.get(index).map_or(&nothing, |input| &input.range);
        let parts = split(arena, &self.output.range, [range(0), range(1)]);
        let (output, inputs) = parts.ok_or_else(|| Error::WrongArray {
            place: "a plan",
            expected: "maps that do not overlap".to_owned(),
            found: self.row.node.clone(),
        })?;
        let input = |index: usize| {
            let layout = self
                .inputs
                .get(index)
                .map_or(Layout::vectors(0, 0), |input| input.layout);
            Maps::new(layout, inputs[index])
        };
        let mut output = MapsMut::new(self.output.layout, output)?;
        match &self.operation {
            Operation::Pack => output.fill_from_planar(image.values)?,
            Operation::Direct {
                direct,
                filters,
                bias,
                before,
                reads_image,
                adds,
                activation,
            } => {
                let (source, addend) = match reads_image {
                    true => (Source::Image(image), 0),
                    false => (Source::Maps(input(0)?), 1),
                };
                let epilogue = Epilogue {
                    bias,
                    addend: if *adds { Some(input(addend)?) } else { None },
                    activation: *activation,
                };
                let operands = DirectOperands {
                    filters,
                    prologue: before.prologue(),
                    source,
                    epilogue,
                };
                direct.run(executor, operands, output, scratch)?;
            }
            Operation::Winograd {
                winograd,
                filters,
                bias,
                adds,
                activation,
            } => {
                let epilogue = Epilogue {
                    bias,
                    addend: if *adds { Some(input(1)?) } else { None },
                    activation: *activation,
                };
                let operands = WinogradOperands {
                    filters,
                    input: input(0)?,
                    epilogue,
                };
                winograd.run(executor, operands, output, scratch)?;
            }
            Operation::Depthwise(operation) => {
                executor.depthwise(operation.depthwise(), input(0)?, output)?
            }
            Operation::Affine {
                parameters: [scale, shift],
                activation,
            } => {
                let affine = Affine {
                    scale,
                    shift,
                    activation: *activation,
                };
                executor.affine(affine, input(0)?, output)?;
            }
            Operation::LayerNorm {
                parameters: [weight, bias],
                eps,
            } => {
                let (weight, bias, eps) = (weight, bias, *eps);
                executor.layer_norm(LayerNorm { weight, bias, eps }, input(0)?, output)?;
            }
            Operation::Multiply => executor.scale_channels(input(1)?, input(0)?, output)?,
            Operation::Pool { kind, window } => executor.pool(*kind, *window, input(0)?, output)?,
            Operation::AdaptiveMean => executor.adaptive_mean(input(0)?, output)?,
            Operation::Add { activation } => executor.add(*activation, [input(0)?, input(1)?], output)?,
            Operation::AddTo { activation } => executor.add_to(*activation, input(0)?, output)?,
            Operation::RepeatChannels { from, count, to } => {
                executor.repeat_channels(*from, *count, *to, output)?;
            }
            Operation::CopyChannels { to } => executor.copy_channels(input(0)?, *to, output)?,
            Operation::ClearChannels { from } => executor.clear_channels(*from, output),
            Operation::Subsample { stride } => executor.subsample(*stride, input(0)?, output)?,
            Operation::Flatten => executor.flatten(input(0)?, output)?,
        }
        Ok(())
    }
}
