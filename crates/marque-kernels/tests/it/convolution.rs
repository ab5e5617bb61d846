use crate::case::{AROUND, Around, Case, SQUARE, cases};
use crate::support::{array, blocked, close, crowds, executors, layout, layout_of, written};
use marque_kernels::{
    Activation, Bias, Buffer, Depthwise, DepthwiseFilters, Direct, DirectOperands, DirectOptions, Epilogue,
    Executor, FilterOrder, FilterShape, Filters, Image, Layout, Maps, Prologue, Source, Window, Winograd,
    WinogradFilters, WinogradOperands, WinogradOptions,
};
use marque_testkit::{Precision, Tolerance, reference};
use ndarray::Array4;

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
                activation: Activation::Relu,
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
                slice(&pointwise).as_slice().into(),
                &executor,
            )
            .unwrap();
            let of_channels =
                DepthwiseFilters::pack(channels[0], [3, 3], slice(&depthwise).as_slice().into()).unwrap();
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
                activation: Activation::Identity,
            });
            let input = blocked(input.view());
            let source = Source::Maps(Maps::new(from, &input).unwrap());
            let epilogue = Epilogue {
                bias: &zeros,
                addend: None,
                activation: Activation::Identity,
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
            activation: Activation::Relu,
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
    assert!(Filters::pack(shape, FilterOrder::Blocked, (&weight[1..]).into(), &executor).is_err());
    for tile in [0, 1, 5, 8] {
        assert!(WinogradFilters::pack(shape, tile, weight.as_slice().into(), &executor).is_err());
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
    let filters = WinogradFilters::pack(shape, 2, weight.as_slice().into(), &executor).unwrap();
    let bias = Bias::zeros(16).unwrap();
    let values = Buffer::zeroed(from.len()).unwrap();
    let mut scratch = Buffer::zeroed(winograd.scratch_len(&executor)).unwrap();
    let epilogue = Epilogue {
        bias: &bias,
        addend: None,
        activation: Activation::Identity,
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
    let filters = Filters::pack(shape, FilterOrder::Blocked, weight.as_slice().into(), &executor).unwrap();
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
