//! A convolution, what surrounds it, and what it is by the definition and by each method.

use crate::support::{array, blocked, layout, layout_of, written};
use marque_kernels::{
    Activation, Affine, Bias, Buffer, Direct, DirectOperands, DirectOptions, Epilogue, Executor, FilterOrder,
    FilterShape, Filters, Image, Maps, Prologue, Source, Window, Winograd, WinogradFilters, WinogradOperands,
    WinogradOptions,
};
use marque_testkit::reference;
use ndarray::{Array1, Array4, Axis};

/// A convolution and what it is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) batch: usize,
    pub(crate) channels: [usize; 2],
    pub(crate) groups: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// Before and behind, vertically and horizontally.
    pub(crate) padding: [[usize; 2]; 2],
    pub(crate) size: [usize; 2],
}

pub(crate) const SQUARE: Case = Case {
    batch: 1,
    channels: [16, 16],
    groups: 1,
    kernel: [3, 3],
    stride: 1,
    dilation: 1,
    padding: [[1, 1], [1, 1]],
    size: [9, 9],
};

/// What surrounds the convolution.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around {
    pub(crate) affine: bool,
    pub(crate) addend: bool,
    pub(crate) activation: Activation,
}

impl Around {
    /// So large where numbers are bounded above that some reach the bound.
    fn bias(&self, made: &Made) -> Array1<f32> {
        match self.activation {
            Activation::Relu6 => &made.bias + 5.75,
            _ => made.bias.clone(),
        }
    }
}

/// By its definition.
pub(crate) fn activated(activation: Activation, value: f32) -> f32 {
    match activation {
        Activation::Identity => value,
        Activation::Relu => value.max(0.0),
        Activation::Relu6 => value.clamp(0.0, 6.0),
        Activation::Sigmoid
        | Activation::Silu
        | Activation::HardSwish
        | Activation::HardSigmoid
        | Activation::Gelu => curved(activation, value.into()) as f32,
    }
}

/// In double precision; the error function by its series, which converges everywhere.
fn curved(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Gelu => x * normal_distribution(x),
        Activation::Identity | Activation::Relu | Activation::Relu6 => x,
    }
}

fn normal_distribution(x: f64) -> f64 {
    // Φ(x) = ½ + φ(x) · (x + x³/3 + x⁵/(3·5) + …)
    let bounded = x.clamp(-9.0, 9.0);
    let (mut term, mut sum) = (bounded, bounded);
    for odd in (3..400).step_by(2) {
        term *= bounded * bounded / f64::from(odd);
        sum += term;
    }
    0.5 + sum * (-0.5 * bounded * bounded).exp() / std::f64::consts::TAU.sqrt()
}

pub(crate) struct Made {
    pub(crate) input: Array4<f32>,
    pub(crate) weight: Array4<f32>,
    pub(crate) bias: Array1<f32>,
    pub(crate) scale: Array1<f32>,
    pub(crate) shift: Array1<f32>,
    pub(crate) addend: Array4<f32>,
}

impl Case {
    pub(crate) fn shape(&self) -> FilterShape {
        FilterShape {
            in_channels: self.channels[0],
            out_channels: self.channels[1],
            kernel: self.kernel,
            groups: self.groups,
        }
    }

    pub(crate) fn window(&self) -> Window {
        Window {
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            border: [self.padding[0][0], self.padding[1][0]],
        }
    }

    pub(crate) fn made(&self) -> Made {
        let [height, width] = self.size;
        let [arriving, leaving] = self.channels;
        let input = array("input", [self.batch, arriving, height, width]);
        let [kernel_height, kernel_width] = self.kernel;
        let weight = array(
            "weight",
            [leaving, arriving / self.groups, kernel_height, kernel_width],
        );
        let vector = |name: &str, channels: usize| {
            let values = array(name, [channels, 1, 1, 1]);
            Array1::from_iter(values)
        };
        let (bias, scale, shift) = (
            vector("bias", leaving),
            vector("scale", arriving),
            vector("shift", arriving),
        );
        let addend = array("addend", self.output());
        Made {
            input,
            weight,
            bias,
            scale,
            shift,
            addend,
        }
    }

    /// N×C×H×W of the output.
    pub(crate) fn output(&self) -> [usize; 4] {
        let length = |axis: usize| {
            let reach = (self.kernel[axis] - 1) * self.dilation + 1;
            (self.size[axis] + self.padding[axis].iter().sum::<usize>() - reach) / self.stride + 1
        };
        [self.batch, self.channels[1], length(0), length(1)]
    }

    /// What it is by the definition.
    pub(crate) fn expected(&self, around: Around, made: &Made) -> Array4<f32> {
        let mut seen = made.input.clone();
        if around.affine {
            for mut image in seen.axis_iter_mut(Axis(0)) {
                for (channel, mut map) in image.axis_iter_mut(Axis(0)).enumerate() {
                    map.mapv_inplace(|value| (value * made.scale[channel] + made.shift[channel]).max(0.0));
                }
            }
        }
        let window = reference::Window {
            kernel_size: self.kernel,
            stride: [self.stride; 2],
            padding: self.padding,
            dilation: [self.dilation; 2],
        };
        let bias = around.bias(made);
        let (weight, bias) = (made.weight.view(), Some(bias.view()));
        let mut expected = reference::conv2d(seen.view(), weight, bias, window, self.groups).unwrap();
        if around.addend {
            expected += &made.addend;
        }
        expected.mapv_inplace(|value| activated(around.activation, value));
        expected
    }

    pub(crate) fn direct(
        &self,
        executor: &Executor,
        order: FilterOrder,
        around: Around,
        made: &Made,
    ) -> Array4<f32> {
        let (from, into) = (layout_of(made.input.view()), layout(self.output()));
        let options = DirectOptions {
            shape: self.shape(),
            order,
            window: self.window(),
            from,
            into,
            has_prologue: around.affine,
        };
        let direct = Direct::new(options, executor).unwrap();
        let weight = made.weight.as_slice().unwrap();
        let filters = Filters::pack(self.shape(), order, weight.into(), executor).unwrap();
        let bias = Bias::pack(around.bias(made).as_slice().unwrap()).unwrap();
        let (input, addend) = (blocked(made.input.view()), blocked(made.addend.view()));
        let filled = |vector: &Array1<f32>| {
            let mut values = vector.to_vec();
            values.resize(from.blocks() * 16, 0.0);
            values
        };
        let (scale, shift) = (filled(&made.scale), filled(&made.shift));
        let affine = Affine {
            scale: &scale,
            shift: &shift,
            activation: Activation::Relu,
        };
        let source = match order {
            FilterOrder::Blocked => Source::Maps(Maps::new(from, &input).unwrap()),
            FilterOrder::Planar => Source::Image(Image {
                layout: from,
                values: made.input.as_slice().unwrap(),
            }),
        };
        let epilogue = Epilogue {
            bias: &bias,
            addend: around.addend.then(|| Maps::new(into, &addend).unwrap()),
            activation: around.activation,
        };
        let prologue = match around.affine {
            true => Prologue::Affine(affine),
            false => Prologue::None,
        };
        let mut scratch = Buffer::zeroed(direct.scratch_len(executor)).unwrap();
        scratch.fill(f32::NAN);
        written(into, |output| {
            direct
                .run(
                    executor,
                    DirectOperands {
                        filters: &filters,
                        prologue,
                        source,
                        epilogue,
                    },
                    output,
                    &mut scratch,
                )
                .unwrap();
        })
    }

    pub(crate) fn winograd(
        &self,
        executor: &Executor,
        tile: usize,
        around: Around,
        made: &Made,
    ) -> Array4<f32> {
        let (from, into) = (layout_of(made.input.view()), layout(self.output()));
        let options = WinogradOptions {
            tile,
            border: self.window().border,
            from,
            into,
        };
        let winograd = Winograd::new(options, executor).unwrap();
        let weight = made.weight.as_slice().unwrap();
        let filters = WinogradFilters::pack(self.shape(), tile, weight.into(), executor).unwrap();
        let bias = Bias::pack(around.bias(made).as_slice().unwrap()).unwrap();
        let (input, addend) = (blocked(made.input.view()), blocked(made.addend.view()));
        let epilogue = Epilogue {
            bias: &bias,
            addend: around.addend.then(|| Maps::new(into, &addend).unwrap()),
            activation: around.activation,
        };
        let mut scratch = Buffer::zeroed(winograd.scratch_len(executor)).unwrap();
        scratch.fill(f32::NAN);
        written(into, |output| {
            let maps = Maps::new(from, &input).unwrap();
            winograd
                .run(
                    executor,
                    WinogradOperands {
                        filters: &filters,
                        input: maps,
                        epilogue,
                    },
                    output,
                    &mut scratch,
                )
                .unwrap();
        })
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let none = [[0, 0], [0, 0]];
    let one = Case {
        kernel: [1, 1],
        padding: none,
        ..SQUARE
    };
    vec![
        SQUARE,
        one,
        Case {
            channels: [3, 5],
            size: [1, 1],
            ..one
        },
        Case {
            batch: 3,
            channels: [24, 40],
            size: [7, 5],
            ..one
        },
        Case {
            batch: 2,
            channels: [64, 200],
            size: [13, 11],
            ..one
        },
        Case {
            batch: 3,
            channels: [20, 33],
            size: [9, 8],
            stride: 2,
            ..one
        },
        Case {
            channels: [32, 64],
            size: [56, 56],
            ..one
        },
        Case {
            batch: 2,
            channels: [5, 7],
            size: [6, 11],
            ..SQUARE
        },
        Case {
            batch: 3,
            channels: [33, 48],
            size: [7, 7],
            ..SQUARE
        },
        Case {
            channels: [17, 30],
            size: [12, 9],
            stride: 2,
            ..SQUARE
        },
        Case {
            channels: [17, 30],
            size: [13, 10],
            stride: 2,
            padding: [[0, 1], [1, 0]],
            ..SQUARE
        },
        Case {
            channels: [17, 30],
            size: [13, 10],
            stride: 3,
            kernel: [5, 4],
            padding: [[2, 2], [1, 3]],
            ..SQUARE
        },
        Case {
            batch: 2,
            channels: [16, 16],
            size: [9, 17],
            kernel: [1, 7],
            padding: [[0, 0], [3, 3]],
            ..SQUARE
        },
        Case {
            batch: 2,
            channels: [16, 16],
            size: [17, 9],
            kernel: [7, 1],
            padding: [[3, 3], [0, 0]],
            ..SQUARE
        },
        Case {
            channels: [16, 20],
            size: [11, 12],
            dilation: 2,
            padding: [[2, 2], [2, 2]],
            ..SQUARE
        },
        Case {
            channels: [16, 20],
            size: [15, 12],
            dilation: 3,
            stride: 2,
            padding: [[2, 3], [3, 1]],
            ..SQUARE
        },
        // A window that is the whole map.
        Case {
            batch: 3,
            channels: [20, 50],
            size: [4, 3],
            kernel: [4, 3],
            padding: none,
            ..SQUARE
        },
        // Groups: of whole blocks, of parts of them, over their borders, and one filter or more per channel.
        Case {
            channels: [64, 32],
            groups: 2,
            ..SQUARE
        },
        Case {
            batch: 2,
            channels: [32, 32],
            groups: 8,
            ..SQUARE
        },
        Case {
            channels: [36, 24],
            groups: 12,
            stride: 2,
            ..SQUARE
        },
        Case {
            channels: [30, 20],
            groups: 10,
            kernel: [1, 1],
            padding: none,
            ..SQUARE
        },
        Case {
            batch: 2,
            channels: [96, 96],
            groups: 4,
            stride: 2,
            ..SQUARE
        },
        Case {
            channels: [72, 120],
            groups: 3,
            ..SQUARE
        },
        Case {
            channels: [20, 60],
            groups: 20,
            ..SQUARE
        },
        Case {
            channels: [96, 40],
            groups: 2,
            kernel: [1, 1],
            padding: none,
            ..SQUARE
        },
        // Borders wider than the map.
        Case {
            channels: [8, 8],
            size: [2, 2],
            kernel: [5, 5],
            padding: [[2, 2], [2, 2]],
            ..SQUARE
        },
    ]
}

pub(crate) const AROUND: [Around; 4] = [
    Around {
        affine: false,
        addend: false,
        activation: Activation::Identity,
    },
    Around {
        affine: true,
        addend: true,
        activation: Activation::Relu,
    },
    Around {
        affine: false,
        addend: true,
        activation: Activation::Relu6,
    },
    Around {
        affine: false,
        addend: true,
        activation: Activation::Silu,
    },
];
