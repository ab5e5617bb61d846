use crate::support::{array, blocked, close, crowds, executors, layout, layout_of, written};
use marque_kernels::{
    Affine, Bias, Buffer, Depthwise, DepthwiseFilters, Direct, DirectOperands, DirectOptions, Epilogue,
    Executor, FilterOrder, FilterShape, Filters, Image, Layout, Maps, Prologue, Source, Window, Winograd,
    WinogradFilters, WinogradOperands, WinogradOptions,
};
use marque_testkit::{Precision, Tolerance, reference};
use ndarray::{Array1, Array4, Axis};

/// A convolution and what it is asked about.
#[derive(Debug, Clone, Copy)]
struct Case {
    batch: usize,
    channels: [usize; 2],
    groups: usize,
    kernel: [usize; 2],
    stride: usize,
    dilation: usize,
    /// Before and behind, vertically and horizontally.
    padding: [[usize; 2]; 2],
    size: [usize; 2],
}

const SQUARE: Case = Case {
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
struct Around {
    affine: bool,
    addend: bool,
    rectify: bool,
}

struct Made {
    input: Array4<f32>,
    weight: Array4<f32>,
    bias: Array1<f32>,
    scale: Array1<f32>,
    shift: Array1<f32>,
    addend: Array4<f32>,
}

impl Case {
    fn shape(&self) -> FilterShape {
        FilterShape {
            in_channels: self.channels[0],
            out_channels: self.channels[1],
            kernel: self.kernel,
            groups: self.groups,
        }
    }

    fn window(&self) -> Window {
        Window {
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            border: [self.padding[0][0], self.padding[1][0]],
        }
    }

    fn made(&self) -> Made {
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
    fn output(&self) -> [usize; 4] {
        let length = |axis: usize| {
            let reach = (self.kernel[axis] - 1) * self.dilation + 1;
            (self.size[axis] + self.padding[axis].iter().sum::<usize>() - reach) / self.stride + 1
        };
        [self.batch, self.channels[1], length(0), length(1)]
    }

    /// What it is by the definition.
    fn expected(&self, around: Around, made: &Made) -> Array4<f32> {
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
        let (weight, bias) = (made.weight.view(), Some(made.bias.view()));
        let mut expected = reference::conv2d(seen.view(), weight, bias, window, self.groups).unwrap();
        if around.addend {
            expected += &made.addend;
        }
        if around.rectify {
            expected.mapv_inplace(|value| value.max(0.0));
        }
        expected
    }

    fn direct(&self, executor: &Executor, order: FilterOrder, around: Around, made: &Made) -> Array4<f32> {
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
        let filters = Filters::pack(self.shape(), order, weight, executor.threads()).unwrap();
        let bias = Bias::pack(made.bias.as_slice().unwrap()).unwrap();
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
            rectify: true,
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
            rectify: around.rectify,
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

    fn winograd(&self, executor: &Executor, tile: usize, around: Around, made: &Made) -> Array4<f32> {
        let (from, into) = (layout_of(made.input.view()), layout(self.output()));
        let options = WinogradOptions {
            tile,
            border: self.window().border,
            from,
            into,
        };
        let winograd = Winograd::new(options, executor).unwrap();
        let weight = made.weight.as_slice().unwrap();
        let filters = WinogradFilters::pack(self.shape(), tile, weight, executor.threads()).unwrap();
        let bias = Bias::pack(made.bias.as_slice().unwrap()).unwrap();
        let (input, addend) = (blocked(made.input.view()), blocked(made.addend.view()));
        let epilogue = Epilogue {
            bias: &bias,
            addend: around.addend.then(|| Maps::new(into, &addend).unwrap()),
            rectify: around.rectify,
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

fn cases() -> Vec<Case> {
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

const AROUND: [Around; 3] = [
    Around {
        affine: false,
        addend: false,
        rectify: false,
    },
    Around {
        affine: true,
        addend: true,
        rectify: true,
    },
    Around {
        affine: false,
        addend: true,
        rectify: false,
    },
];

#[test]
fn direct_convolutions_of_all_shapes() {
    let executors = executors();
    for case in cases() {
        for around in AROUND {
            let made = case.made();
            let expected = case.expected(around, &made);
            for executor in &executors {
                let found = case.direct(executor, FilterOrder::Blocked, around, &made);
                let what = format!("{executor:?} {case:?} {around:?}");
                close(&what, &found, &expected, Tolerance::balanced(Precision::F32));
            }
        }
    }
}

#[test]
fn convolutions_of_planar_images() {
    let image = Case {
        batch: 2,
        channels: [3, 40],
        ..SQUARE
    };
    let cases = [
        image,
        Case {
            size: [31, 34],
            kernel: [7, 7],
            stride: 2,
            padding: [[3, 3], [3, 3]],
            ..image
        },
        Case {
            size: [31, 34],
            kernel: [7, 7],
            stride: 2,
            padding: [[2, 3], [2, 3]],
            ..image
        },
        Case {
            channels: [1, 6],
            size: [12, 15],
            stride: 2,
            padding: [[0, 0], [0, 0]],
            ..image
        },
        Case {
            channels: [4, 16],
            size: [12, 15],
            stride: 4,
            kernel: [4, 4],
            padding: [[0, 0], [0, 0]],
            ..image
        },
        Case {
            channels: [3, 16],
            size: [12, 15],
            kernel: [1, 1],
            padding: [[0, 0], [0, 0]],
            ..image
        },
        Case {
            channels: [3, 16],
            size: [12, 15],
            dilation: 2,
            padding: [[2, 2], [2, 2]],
            ..image
        },
    ];
    for executor in executors() {
        for case in cases {
            let around = Around {
                rectify: true,
                ..Around::default()
            };
            let made = case.made();
            let found = case.direct(&executor, FilterOrder::Planar, around, &made);
            let what = format!("{executor:?} {case:?}");
            close(
                &what,
                &found,
                &case.expected(around, &made),
                Tolerance::balanced(Precision::F32),
            );
        }
    }
}

/// Rounding errors of large tiles are up to nine times those of the definition.
#[test]
fn winograds_method_of_all_shapes() {
    let cases = [
        SQUARE,
        Case {
            size: [1, 1],
            ..SQUARE
        },
        Case {
            size: [2, 5],
            channels: [3, 20],
            ..SQUARE
        },
        Case {
            batch: 2,
            size: [14, 14],
            channels: [40, 70],
            ..SQUARE
        },
        Case {
            batch: 3,
            size: [7, 7],
            channels: [33, 100],
            ..SQUARE
        },
        Case {
            size: [56, 31],
            channels: [16, 32],
            ..SQUARE
        },
        Case {
            size: [11, 13],
            padding: [[0, 0], [0, 0]],
            channels: [17, 20],
            ..SQUARE
        },
        Case {
            size: [11, 13],
            padding: [[0, 1], [2, 0]],
            channels: [17, 20],
            ..SQUARE
        },
        Case {
            size: [12, 12],
            channels: [96, 80],
            ..SQUARE
        },
    ];
    let executors = executors();
    for case in cases {
        for around in AROUND.map(|around| Around {
            affine: false,
            ..around
        }) {
            let made = case.made();
            let expected = case.expected(around, &made);
            for (executor, tile) in executors
                .iter()
                .flat_map(|executor| [2, 3, 4, 6].map(|tile| (executor, tile)))
            {
                let found = case.winograd(executor, tile, around, &made);
                let what = format!("{executor:?} F({tile}) {case:?} {around:?}");
                close(&what, &found, &expected, Tolerance::permissive(Precision::F32));
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let single = executors().remove(0);
    for executor in crowds() {
        for case in cases() {
            for around in AROUND {
                let made = case.made();
                let [one, many] = [&single, &executor]
                    .map(|executor| case.direct(executor, FilterOrder::Blocked, around, &made));
                assert_eq!(one, many, "{executor:?} {case:?}");
            }
        }
        for (size, channels) in [([14, 14], [64, 96]), ([56, 56], [32, 32]), ([7, 7], [64, 256])] {
            let case = Case {
                batch: 3,
                size,
                channels,
                ..SQUARE
            };
            let around = AROUND[2];
            let made = case.made();
            for tile in [2, 4, 6] {
                let [one, many] =
                    [&single, &executor].map(|executor| case.winograd(executor, tile, around, &made));
                assert_eq!(one, many, "{executor:?} {case:?}");
            }
        }
    }
}

/// Instruction sets with a fused multiply-add round alike.
#[test]
fn avx2_and_avx512_give_the_same_bits() {
    let fused: Vec<Executor> = executors()
        .into_iter()
        .filter(|executor| ["avx512", "avx2"].contains(&executor.instruction_set().name()))
        .collect();
    let [wide, narrow] = &fused[..] else {
        return marque_testkit::skip("this processor has not both AVX2 and AVX-512");
    };
    for case in cases() {
        let made = case.made();
        let [wide, narrow] =
            [wide, narrow].map(|executor| case.direct(executor, FilterOrder::Blocked, AROUND[1], &made));
        assert_eq!(wide, narrow, "{case:?}");
    }
    let case = Case {
        channels: [64, 64],
        size: [14, 14],
        ..SQUARE
    };
    let made = case.made();
    for tile in [2, 3, 4, 6] {
        let [wide, narrow] = [wide, narrow].map(|executor| case.winograd(executor, tile, AROUND[2], &made));
        assert_eq!(wide, narrow, "F({tile})");
    }
}

/// Xception's separable convolution: rectifier, depthwise, pointwise, in one pass.
#[test]
fn a_depthwise_convolution_before_a_pointwise_one() {
    for executor in executors().into_iter().chain(crowds()) {
        for (batch, channels, size, stride) in [
            (1, [40, 72], [14, 14], 1),
            (2, [33, 20], [9, 12], 1),
            (2, [16, 48], [13, 13], 2),
        ] {
            let input = array("input", [batch, channels[0], size[0], size[1]]);
            let depthwise = array("depthwise", [channels[0], 1, 3, 3]);
            let pointwise = array("pointwise", [channels[1], channels[0], 1, 1]);
            let window = reference::Window::square(3).stride(stride).padding(1);
            let rectified = input.mapv(|value| value.max(0.0));
            let between =
                reference::conv2d(rectified.view(), depthwise.view(), None, window, channels[0]).unwrap();
            let expected = reference::conv2d(
                between.view(),
                pointwise.view(),
                None,
                reference::Window::square(1),
                1,
            )
            .unwrap();
            let (from, into) = (layout_of(input.view()), layout_of(expected.view()));
            let shape = FilterShape {
                in_channels: channels[0],
                out_channels: channels[1],
                kernel: [1, 1],
                groups: 1,
            };
            let options = DirectOptions {
                shape,
                order: FilterOrder::Blocked,
                window: Window::square(1),
                from,
                into,
                has_prologue: true,
            };
            let direct = Direct::new(options, &executor).unwrap();
            let slice = |weight: &Array4<f32>| weight.as_slice().unwrap().to_vec();
            let filters = Filters::pack(
                shape,
                FilterOrder::Blocked,
                &slice(&pointwise),
                executor.threads(),
            )
            .unwrap();
            let of_channels = DepthwiseFilters::pack(channels[0], [3, 3], &slice(&depthwise)).unwrap();
            let (none, zeros) = (
                Bias::zeros(channels[0]).unwrap(),
                Bias::zeros(channels[1]).unwrap(),
            );
            let prologue = Prologue::Depthwise(Depthwise {
                filters: &of_channels,
                bias: &none,
                window: Window {
                    stride,
                    border: [1, 1],
                    ..Window::square(3)
                },
                rectify_input: true,
                rectify: false,
            });
            let input = blocked(input.view());
            let source = Source::Maps(Maps::new(from, &input).unwrap());
            let epilogue = Epilogue {
                bias: &zeros,
                addend: None,
                rectify: false,
            };
            let mut scratch = Buffer::zeroed(direct.scratch_len(&executor)).unwrap();
            let found = written(into, |output| {
                direct
                    .run(
                        &executor,
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
            });
            close(
                &format!("{executor:?} {channels:?}"),
                &found,
                &expected,
                Tolerance::balanced(Precision::F32),
            );
        }
    }
}

#[test]
fn what_is_no_number_reaches_the_output() {
    for executor in executors() {
        let around = Around {
            rectify: true,
            ..Around::default()
        };
        let mut made = SQUARE.made();
        made.input[[0, 3, 4, 4]] = f32::NAN;
        let direct = SQUARE.direct(&executor, FilterOrder::Blocked, around, &made);
        let winograd = SQUARE.winograd(&executor, 4, around, &made);
        for found in [direct, winograd] {
            assert!(
                found[[0, 0, 4, 4]].is_nan() && found[[0, 15, 3, 5]].is_nan(),
                "{executor:?}"
            );
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let executor = executors().remove(0);
    let from = layout([1, 16, 8, 8]);
    let options = DirectOptions {
        shape: SQUARE.shape(),
        order: FilterOrder::Blocked,
        window: SQUARE.window(),
        from,
        into: from,
        has_prologue: false,
    };
    assert!(Direct::new(options, &executor).is_ok());
    let shape = options.shape;
    for wrong in [
        DirectOptions {
            into: layout([1, 16, 10, 8]),
            ..options
        },
        DirectOptions {
            into: layout([1, 32, 8, 8]),
            ..options
        },
        DirectOptions {
            into: layout([2, 16, 8, 8]),
            ..options
        },
        DirectOptions {
            from: layout([1, 24, 8, 8]),
            ..options
        },
        DirectOptions {
            order: FilterOrder::Planar,
            has_prologue: true,
            ..options
        },
        DirectOptions {
            window: Window::square(5),
            ..options
        },
        DirectOptions {
            window: Window {
                stride: 0,
                ..SQUARE.window()
            },
            ..options
        },
        DirectOptions {
            shape: FilterShape { groups: 3, ..shape },
            ..options
        },
        DirectOptions {
            shape: FilterShape { groups: 0, ..shape },
            ..options
        },
        DirectOptions {
            shape: FilterShape {
                kernel: [0, 3],
                ..shape
            },
            ..options
        },
    ] {
        assert!(Direct::new(wrong, &executor).is_err(), "{wrong:?}");
    }
    let weight = vec![0.0; shape.len()];
    assert!(Filters::pack(shape, FilterOrder::Blocked, &weight[1..], executor.threads()).is_err());
    for tile in [0, 1, 5, 8] {
        assert!(WinogradFilters::pack(shape, tile, &weight, executor.threads()).is_err());
        let options = WinogradOptions {
            tile,
            border: [1, 1],
            from,
            into: from,
        };
        assert!(Winograd::new(options, &executor).is_err());
    }
    // Weights of small tiles do not serve large ones.
    let winograd = Winograd::new(
        WinogradOptions {
            tile: 4,
            border: [1, 1],
            from,
            into: from,
        },
        &executor,
    )
    .unwrap();
    let filters = WinogradFilters::pack(shape, 2, &weight, executor.threads()).unwrap();
    let bias = Bias::zeros(16).unwrap();
    let values = Buffer::zeroed(from.len()).unwrap();
    let mut scratch = Buffer::zeroed(winograd.scratch_len(&executor)).unwrap();
    let epilogue = Epilogue {
        bias: &bias,
        addend: None,
        rectify: false,
    };
    written(from, |output| {
        let maps = Maps::new(from, &values).unwrap();
        assert!(
            winograd
                .run(
                    &executor,
                    WinogradOperands {
                        filters: &filters,
                        input: maps,
                        epilogue
                    },
                    output,
                    &mut scratch
                )
                .is_err()
        );
    });
    let direct = Direct::new(
        DirectOptions {
            has_prologue: true,
            ..options
        },
        &executor,
    )
    .unwrap();
    let filters = Filters::pack(shape, FilterOrder::Blocked, &weight, executor.threads()).unwrap();
    let mut scratch = Buffer::zeroed(direct.scratch_len(&executor)).unwrap();
    let source = |layout: Layout| {
        Source::Image(Image {
            layout,
            values: &values,
        })
    };
    written(from, |output| {
        let run = direct.run(
            &executor,
            DirectOperands {
                filters: &filters,
                prologue: Prologue::None,
                source: source(from),
                epilogue,
            },
            output,
            &mut scratch,
        );
        assert!(run.is_err());
    });
}
