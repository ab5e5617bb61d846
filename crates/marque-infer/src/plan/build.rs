//! Making a plan.

use super::choice::{Choice, Cost, Geometry, Method};
use super::places::Places;
use super::step::{DepthwiseOperation, Operation, Place, Preparation, Step};
use super::{Plan, PlanRow};
use crate::parameters::AffineParameters;
use crate::passes::separable;
use crate::program::{Before, Convolution, Kind, Layer, Program};
use crate::{Error, Tuning};
use marque_arch::{Graph, ImageSize, Shape};
use marque_kernels::{Activation, BLOCK, Executor, FilterOrder, FilterShape, Layout, Window};
use std::sync::Mutex;

/// Channels of images up to which the first convolution reads them as they are given.
const PLANAR_CHANNELS: usize = 8;

/// What a plan is made from.
pub(crate) struct Builder<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) program: &'a Program,
    pub(crate) executor: &'a Executor,
    pub(crate) tuning: Tuning,
    pub(crate) most_working_bytes: Option<usize>,
}

impl Builder<'_> {
    /// A plan for images of this layout.
    pub(crate) fn plan(&self, images: Layout) -> Result<Plan, Error> {
        let size = ImageSize {
            height: images.height,
            width: images.width,
        };
        // Of nothing there is no mean.
        if [images.batch, images.height, images.width].contains(&0) {
            return Err(Error::WrongArray {
                place: "the network's input",
                expected: "at least one image of at least one pixel".to_owned(),
                found: format!("{} of {size}", images.batch),
            });
        }
        let shapes = self.graph.shapes(size)?;
        let layouts = |program: &Program| {
            let layout = |layer: &Layer| layout_of(shapes[layer.node], images.batch);
            program
                .layers
                .iter()
                .map(layout)
                .collect::<Result<Vec<Layout>, Error>>()
        };
        let program = separable::join(self.program.clone(), &layouts(self.program)?);
        let (layers, layouts) = (&program.layers, layouts(&program)?);
        let is_planar: Vec<bool> = layers.iter().map(|layer| reads_planar(&program, layer)).collect();
        // Images need no blocks where all that read them read them as they are.
        let has_maps: Vec<bool> = (0..layers.len())
            .map(|index| {
                let reads =
                    |(reader, layer): (usize, &Layer)| layer.inputs.contains(&index) && !is_planar[reader];
                let is_image = matches!(layers[index].kind, Kind::Image);
                !is_image || index == program.output || layers.iter().enumerate().any(reads)
            })
            .collect();
        let places = Places::new(&program, &layouts, &has_maps).ok_or_else(out_of_memory)?;
        // What follows takes time and memory as the maps do.
        self.check_working_memory(places.len)?;
        let place = |index: usize| {
            let range = places.ranges[index].clone();
            Place {
                range: range.unwrap_or(0..0),
                layout: layouts[index],
            }
        };
        let mut steps: Vec<Step> = Vec::new();
        for (index, layer) in layers.iter().enumerate().filter(|(index, _)| has_maps[*index]) {
            let mut inputs: Vec<Place> = layer.inputs.iter().map(|&input| place(input)).collect();
            if is_planar[index] {
                inputs.remove(0);
            }
            let output = place(index);
            let from = layer.inputs.first().map_or(images, |&input| layouts[input]);
            let row = PlanRow {
                node: self.graph.nodes()[layer.node].name.clone(),
                kernel: "",
                details: String::new(),
                multiply_adds: 0,
                weight_bytes: 0,
                output_bytes: (output.range.len() * size_of::<f32>()) as u64,
                expected_nanoseconds: 0.0,
                measured_nanoseconds: None,
            };
            let mut push = |kernel, operation, inputs: Vec<Place>| {
                steps.push(Step {
                    operation,
                    inputs,
                    output: output.clone(),
                    row: PlanRow {
                        kernel,
                        ..row.clone()
                    },
                });
            };
            match &layer.kind {
                Kind::Image => push("pack", Operation::Pack, inputs),
                Kind::Convolution(convolution) => {
                    let (operation, cost) =
                        self.convolution(convolution, is_planar[index], from, output.layout)?;
                    let kernel = match operation {
                        Operation::Winograd { .. } => "winograd",
                        Operation::Depthwise(_) => "depthwise",
                        _ => "direct",
                    };
                    steps.push(Step {
                        row: PlanRow {
                            kernel,
                            details: details(convolution, &operation),
                            multiply_adds: cost.multiply_adds,
                            weight_bytes: cost.weight_bytes,
                            expected_nanoseconds: cost.nanoseconds,
                            ..row.clone()
                        },
                        operation,
                        inputs,
                        output: output.clone(),
                    });
                }
                Kind::Affine {
                    parameters,
                    activation,
                } => {
                    let (parameters, activation) = (parameters.packed()?, *activation);
                    push(
                        "affine",
                        Operation::Affine {
                            parameters,
                            activation,
                        },
                        inputs,
                    );
                }
                Kind::Activate(activation) => {
                    let parameters = AffineParameters::identity(from.channels).packed()?;
                    push(
                        "activate",
                        Operation::Affine {
                            parameters,
                            activation: *activation,
                        },
                        inputs,
                    );
                }
                Kind::LayerNorm { parameters, eps } => {
                    let (parameters, eps) = (parameters.packed()?, *eps);
                    push("layer norm", Operation::LayerNorm { parameters, eps }, inputs);
                }
                Kind::Multiply => push("multiply", Operation::Multiply, inputs),
                Kind::Pool { kind, window } => {
                    let window = sliding(*window, [window.extent.height, window.extent.width], 1, from)?;
                    push("pool", Operation::Pool { kind: *kind, window }, inputs);
                }
                Kind::AdaptiveMean => push("mean", Operation::AdaptiveMean, inputs),
                Kind::Add { activation } => {
                    // It comes behind the last sum.
                    let others = inputs.split_off(inputs.len().min(2));
                    let behind = |position: usize| match position == others.len() {
                        true => *activation,
                        false => Activation::Identity,
                    };
                    let first = Operation::Add {
                        activation: behind(0),
                    };
                    push("add", first, inputs);
                    for (position, other) in others.iter().enumerate() {
                        let activation = behind(position + 1);
                        push("add", Operation::AddTo { activation }, vec![other.clone()]);
                    }
                }
                Kind::Concat | Kind::PadChannels => {
                    let mut to = 0;
                    for (position, input) in inputs.into_iter().enumerate() {
                        let channels = input.layout.channels;
                        if !places.in_place[index][position] {
                            // What stands twice in a concatenation, or in one within it, lies in its memory already.
                            match channels_within(&input, &output) {
                                Some(from) => {
                                    let count = channels;
                                    push("copy", Operation::RepeatChannels { from, count, to }, Vec::new());
                                }
                                None => push("copy", Operation::CopyChannels { to }, vec![input]),
                            }
                        }
                        to += channels;
                    }
                    if matches!(layer.kind, Kind::PadChannels) {
                        push("clear", Operation::ClearChannels { from: to }, Vec::new());
                    }
                }
                Kind::Subsample { stride } => {
                    push("subsample", Operation::Subsample { stride: *stride }, inputs)
                }
                Kind::Flatten => push("flatten", Operation::Flatten, inputs),
            }
        }
        let output = place(program.output);
        let scratch = steps
            .iter()
            .map(|step| step.operation.scratch_len(self.executor))
            .max()
            .unwrap_or(0);
        self.check_working_memory(places.len.saturating_add(scratch))?;
        Ok(Plan {
            images,
            is_vector: matches!(shapes[layers[program.output].node], Shape::Vector { .. }),
            output: output.range,
            output_layout: output.layout,
            arena: places.len,
            scratch,
            steps,
            free: Mutex::default(),
        })
    }

    /// Whether a pass may take so many numbers of memory.
    fn check_working_memory(&self, numbers: usize) -> Result<(), Error> {
        let bytes = numbers.saturating_mul(size_of::<f32>());
        if let Some(most) = self.most_working_bytes
            && bytes > most
        {
            return Err(Error::TooLarge { bytes, most });
        }
        // Whether the system would give it; none of it is touched.
        let reserved = Vec::<f32>::new().try_reserve_exact(numbers);
        Ok(reserved.map_err(|_| marque_kernels::Error::OutOfMemory { bytes })?)
    }

    fn convolution(
        &self,
        convolution: &Convolution,
        is_planar: bool,
        from: Layout,
        into: Layout,
    ) -> Result<(Operation, Cost), Error> {
        let attributes = &convolution.attributes;
        let mut kernel = [attributes.kernel_size.height, attributes.kernel_size.width];
        let mut in_channels = attributes.in_channels;
        if convolution.flattens {
            kernel = [from.height, from.width];
            in_channels = from.channels;
        }
        let window = match convolution.flattens {
            true => Window {
                kernel,
                ..Window::square(1)
            },
            false => sliding(attributes.window(), kernel, attributes.dilation, from)?,
        };
        let geometry = Geometry {
            shape: FilterShape {
                in_channels,
                out_channels: attributes.out_channels,
                kernel,
                groups: attributes.groups,
            },
            order: if is_planar {
                FilterOrder::Planar
            } else {
                FilterOrder::Blocked
            },
            window,
            from,
            into,
        };
        let Choice { method, cost } = geometry.choose(convolution, &self.tuning, self.executor)?;
        let weight = &convolution.weight;
        let (adds, activation, bias) = (convolution.adds, convolution.activation, weight.bias()?);
        let operation = match method {
            Method::Direct(direct) => Operation::Direct {
                filters: weight.direct(geometry.shape, geometry.order, self.executor)?,
                bias,
                before: match &convolution.before {
                    Before::Affine {
                        parameters,
                        activation,
                    } => Preparation::Affine {
                        parameters: parameters.packed()?,
                        activation: *activation,
                    },
                    Before::Depthwise(depthwise) => {
                        Preparation::Depthwise(depthwise_operation(depthwise, from)?)
                    }
                    Before::Nothing | Before::Rectify => Preparation::Nothing,
                },
                reads_image: is_planar,
                adds,
                activation,
                direct: Box::new(direct),
            },
            Method::Winograd(winograd) => Operation::Winograd {
                filters: weight.winograd(geometry.shape, winograd.options().tile, self.executor)?,
                bias,
                adds,
                activation,
                winograd: Box::new(winograd),
            },
            Method::Depthwise => Operation::Depthwise(depthwise_operation(convolution, from)?),
        };
        Ok((operation, cost))
    }
}

/// Whether a layer reads the images as they are given.
fn reads_planar(program: &Program, layer: &Layer) -> bool {
    let reads_image = layer
        .inputs
        .first()
        .is_some_and(|&input| matches!(program.layers[input].kind, Kind::Image));
    let Kind::Convolution(convolution) = &layer.kind else {
        return false;
    };
    let attributes = &convolution.attributes;
    reads_image
        && attributes.groups == 1
        && attributes.in_channels <= PLANAR_CHANNELS
        && matches!(convolution.before, Before::Nothing)
        && !convolution.flattens
        // The images themselves are no maps that could be added.
        && layer.inputs.get(1).is_none_or(|&input| !matches!(program.layers[input].kind, Kind::Image))
}

/// A window with the border that it has on maps of this size.
fn sliding(
    window: marque_arch::Window,
    kernel: [usize; 2],
    dilation: usize,
    from: Layout,
) -> Result<Window, Error> {
    let size = ImageSize {
        height: from.height,
        width: from.width,
    };
    let border = window.border(size).ok_or_else(|| too_large(size))?;
    Ok(Window {
        kernel,
        stride: window.stride,
        dilation,
        border: [border.top, border.left],
    })
}

/// A depthwise convolution of maps of this layout.
fn depthwise_operation(convolution: &Convolution, from: Layout) -> Result<DepthwiseOperation, Error> {
    let attributes = &convolution.attributes;
    let kernel = [attributes.kernel_size.height, attributes.kernel_size.width];
    Ok(DepthwiseOperation {
        filters: convolution.weight.depthwise(attributes.out_channels, kernel)?,
        bias: convolution.weight.bias()?,
        window: sliding(attributes.window(), kernel, attributes.dilation, from)?,
        rectify_input: matches!(convolution.before, Before::Rectify),
        activation: convolution.activation,
    })
}

fn layout_of(shape: Shape, batch: usize) -> Result<Layout, Error> {
    let layout = match shape {
        Shape::Map { channels, size } => Layout {
            batch,
            channels,
            height: size.height,
            width: size.width,
        },
        Shape::Vector { features } => Layout::vectors(batch, features),
    };
    match layout.checked_len() {
        Some(_) => Ok(layout),
        None => Err(out_of_memory()),
    }
}

/// More than can be counted.
fn out_of_memory() -> Error {
    marque_kernels::Error::OutOfMemory { bytes: usize::MAX }.into()
}

fn too_large(size: ImageSize) -> Error {
    Error::WrongArray {
        place: "a window",
        expected: "maps whose border can be counted".to_owned(),
        found: size.to_string(),
    }
}

/// The channel of the whole that a part of its memory begins with.
fn channels_within(part: &Place, whole: &Place) -> Option<usize> {
    let offset = part.range.start.checked_sub(whole.range.start)?;
    (part.range.end <= whole.range.end).then(|| offset / whole.layout.stride() * BLOCK)
}

/// What a convolution's row says beside the numbers.
fn details(convolution: &Convolution, operation: &Operation) -> String {
    let attributes = &convolution.attributes;
    let mut parts = Vec::new();
    if convolution.flattens {
        parts.push("linear".to_owned());
    } else {
        parts.push(attributes.kernel_size.to_string());
    }
    if attributes.stride > 1 {
        parts.push(format!("/{}", attributes.stride));
    }
    if let Operation::Winograd { winograd, .. } = operation {
        let [rows, columns] = winograd.tiles().map(|sizes| runs(&sizes));
        parts.push(format!("tiles {rows} × {columns}"));
    }
    match convolution.before {
        Before::Nothing => (),
        Before::Rectify => parts.push("after ReLU".to_owned()),
        Before::Depthwise(ref depthwise) => {
            parts.push(format!("after depthwise {}", depthwise.attributes.kernel_size));
        }
        Before::Affine { activation, .. } => {
            let names = [Some("after norm"), name(activation)];
            parts.push(names.into_iter().flatten().collect::<Vec<_>>().join(", "));
        }
    }
    if convolution.adds {
        parts.push("+ sum".to_owned());
    }
    if let Some(name) = name(convolution.activation) {
        parts.push(format!("+ {name}"));
    }
    parts.join(" ")
}

fn name(activation: Activation) -> Option<&'static str> {
    match activation {
        Activation::Identity => None,
        Activation::Relu => Some("ReLU"),
        Activation::Relu6 => Some("ReLU6"),
        Activation::Sigmoid => Some("sigmoid"),
        Activation::Silu => Some("SiLU"),
        Activation::HardSwish => Some("hard swish"),
        Activation::HardSigmoid => Some("hard sigmoid"),
        Activation::Gelu => Some("GELU"),
    }
}

/// `9·6+2` for nine sixes and a two.
fn runs(sizes: &[usize]) -> String {
    let chunks = sizes.chunk_by(|first, second| first == second);
    let texts = chunks.map(|run| match run.len() {
        1 => run[0].to_string(),
        count => format!("{count}·{}", run[0]),
    });
    texts.collect::<Vec<_>>().join("+")
}
