//! Graphs of a few nodes whose answers can be counted by hand.

use marque_arch::{
    AvgPool2d, BatchNorm2d, BiasInit, Conv2d, Graph, GraphBuilder, ImageSize, Linear, NodeId, Op, Padding,
};
use marque_infer::{Error, Session, SessionOptions};
use marque_weights::{StateDict, Tensor};
use ndarray::Array4;

/// A graph of images with so many channels.
fn graph(channels: usize, make: impl FnOnce(&mut GraphBuilder, NodeId) -> NodeId) -> Graph {
    let mut builder = GraphBuilder::new("small", channels).unwrap();
    let image = builder.input();
    let output = make(&mut builder, image);
    builder.build(output).unwrap()
}

/// A session whose parameters are what `value` says of their names and indices.
fn session(graph: Graph, value: impl Fn(&str, usize) -> f32) -> Session {
    let mut weights = StateDict::default();
    for parameter in graph.parameters() {
        let values: Vec<f32> = (0..parameter.count())
            .map(|index| value(&parameter.name, index))
            .collect();
        weights.insert(
            &parameter.name,
            Tensor::from_f32(&parameter.shape, &values).unwrap(),
        );
    }
    Session::new(graph, &weights, SessionOptions::default()).unwrap()
}

/// The output for images that count: …, −1, 0, 1, ….
fn output(session: &Session, shape: [usize; 4]) -> Vec<f32> {
    let images = counting(shape);
    session.output(images.view()).unwrap().into_raw_vec_and_offset().0
}

fn counting(shape: [usize; 4]) -> Array4<f32> {
    let mut next = -2.0;
    Array4::from_shape_simple_fn(shape, || {
        next += 1.0;
        next
    })
}

#[test]
fn three_maps_are_added() {
    let graph = graph(1, |builder, image| {
        let positive = builder.relu("relu", image).unwrap();
        let sum = builder.add("sum", Op::Add, &[image, positive, image]).unwrap();
        builder.relu("behind", sum).unwrap()
    });
    assert_eq!(
        output(&session(graph, |_, _| 0.0), [1, 1, 1, 4]),
        [0.0, 0.0, 3.0, 6.0]
    );
}

#[test]
fn a_map_may_stand_twice_in_a_concatenation() {
    for channels in [1, 16, 17, 32] {
        let graph = graph(channels, |builder, image| {
            let positive = builder.relu("relu", image).unwrap();
            let inner = builder.concat("inner", &[positive, positive]).unwrap();
            builder.concat("outer", &[inner, positive, inner]).unwrap()
        });
        let found = output(&session(graph, |_, _| 0.0), [1, channels, 1, 2]);
        let once: Vec<f32> = counting([1, channels, 1, 2])
            .iter()
            .map(|value| value.max(0.0))
            .collect();
        assert_eq!(found, once.repeat(5), "{channels}");
    }
}

/// The second time it may be where a block begins, and the first time not.
#[test]
fn a_map_may_stand_twice_behind_one_that_fills_no_blocks() {
    let graph = graph(24, |builder, image| {
        let positive = builder.relu("relu", image).unwrap();
        let doubled = builder.add("doubled", Op::Add, &[positive, positive]).unwrap();
        builder.concat("concat", &[doubled, positive, positive]).unwrap()
    });
    let found = output(&session(graph, |_, _| 0.0), [1, 24, 1, 2]);
    let once = counting([1, 24, 1, 2]).mapv(|value| value.max(0.0));
    let doubled = once.iter().map(|value| 2.0 * value);
    let expected: Vec<f32> = doubled
        .chain(once.iter().copied())
        .chain(once.iter().copied())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_norm_behind_a_flattening_has_a_number_for_each_pixel() {
    let graph = graph(2, |builder, image| {
        let maps = builder.relu("relu", image).unwrap();
        let flat = builder.add("flatten", Op::Flatten, &[maps]).unwrap();
        let norm = BatchNorm2d {
            channels: 8,
            eps: 1e-9,
            momentum: 0.1,
        };
        let norm = builder.add("norm", Op::BatchNorm2d(norm), &[flat]).unwrap();
        builder.linear("fc", norm, Linear::new(8, 1)).unwrap()
    });
    let session = session(graph, |name, index| match name {
        "norm.weight" => index as f32,
        "norm.running_var" | "fc.weight" => 1.0,
        _ => 0.0,
    });
    // 0, 0, 1, …, 6 times 0, 1, 2, …, 7.
    assert_eq!(output(&session, [1, 2, 2, 2]), [112.0]);
}

/// With `same` padding the border may lie behind a map alone, so that a window that begins in its corner is larger than it.
#[test]
fn a_window_may_be_larger_than_the_map() {
    let conv = Conv2d::new(3, 1, 2).padded(Padding::Same);
    let graph = graph(3, |builder, image| {
        let maps = builder.relu("relu", image).unwrap();
        builder.conv2d("conv", maps, conv).unwrap()
    });
    let session = session(graph, |_, index| if index % 4 == 0 { 1.0 } else { 100.0 });
    assert_eq!(output(&session, [2, 3, 1, 1]), [0.0 + 0.0 + 1.0, 2.0 + 3.0 + 4.0]);
}

#[test]
fn windows_in_the_border_alone_give_the_bias() {
    let dense = Conv2d::new(2, 1, 1).padding(2).bias(BiasInit::Zeros);
    let three = Conv2d::new(2, 1, 3).padding(3).bias(BiasInit::Zeros);
    let depthwise = Conv2d::depthwise(2, 1).padding(1).bias(BiasInit::Zeros);
    for (conv, side, inside) in [(dense, 5, 3.0), (three, 5, 3.0), (depthwise, 3, 1.0)] {
        for reads_image in [true, false] {
            let conv = conv.clone();
            let outputs = conv.out_channels;
            let graph = graph(2, |builder, image| {
                let maps = match reads_image {
                    true => image,
                    false => builder.add("dense", Op::Add, &[image, image]).unwrap(),
                };
                builder.conv2d("conv", maps, conv).unwrap()
            });
            let weight = if reads_image { 2.0 } else { 1.0 };
            let session = session(graph, |name, _| if name == "conv.bias" { 7.0 } else { weight });
            let images = Array4::from_shape_simple_fn([1, 2, 1, 1], || 0.75);
            let found = session.output(images.view()).unwrap();
            assert_eq!(found.shape(), [1, outputs, side, side]);
            let centre = found[[0, 0, side / 2, side / 2]];
            assert_eq!(centre, 7.0 + 1.5 * if outputs == 1 { 2.0 } else { 1.0 });
            assert_eq!(found[[0, 0, 0, 0]], 7.0);
            let others = found.iter().filter(|&&value| value != 7.0).count();
            assert!(others >= outputs, "{inside}");
        }
    }
}

#[test]
fn attributes_at_their_limits_are_computed_or_refused() {
    let most = 1 << 20;
    // Copies of what a convolution reads are as wide as its steps.
    let stride = Conv2d::new(2, 1, 3).stride(1 << 12).padding((1 << 12) - 1);
    let pool = AvgPool2d {
        kernel_size: most,
        stride: most,
        padding: most / 2,
    };
    for op in [
        Op::Conv2d(stride),
        Op::AvgPool2d(pool),
        Op::Subsample { stride: most },
    ] {
        let graph = graph(2, |builder, image| {
            let maps = builder.relu("relu", image).unwrap();
            builder.add("limit", op, &[maps]).unwrap()
        });
        let sizes = graph.shapes(ImageSize::square(3)).unwrap();
        let session = session(graph, |_, _| 0.0);
        let found = output(&session, [1, 2, 3, 3]);
        assert_eq!(Some(found.len()), sizes[2].elements());
        assert!(found.iter().all(|value| value.is_finite()));
    }
}

#[test]
fn a_pass_takes_no_more_memory_than_it_may() {
    let graph = graph(3, |builder, image| {
        builder.conv2d("conv", image, Conv2d::new(3, 16, 3)).unwrap()
    });
    let weights: StateDict = graph
        .parameters()
        .iter()
        .map(|parameter| {
            let zeros = vec![0.0; parameter.count()];
            (
                parameter.name.clone(),
                Tensor::from_f32(&parameter.shape, &zeros).unwrap(),
            )
        })
        .collect();
    let plan = |most_working_bytes| {
        let options = SessionOptions {
            threads: 1,
            most_working_bytes,
            ..SessionOptions::default()
        };
        let session = Session::new(graph.clone(), &weights, options).unwrap();
        session.plan(1, ImageSize::square(32))
    };
    let bytes = plan(None).unwrap().working_bytes();
    assert!(plan(Some(bytes)).is_ok());
    let refused = plan(Some(bytes - 1));
    assert!(
        matches!(refused, Err(Error::TooLarge { bytes: found, most }) if (found, most) == (bytes, bytes - 1)),
        "{refused:?}"
    );
}

#[test]
fn sizes_beyond_memory_are_errors() {
    let cells = |side: usize| Op::AdaptiveAvgPool2d(ImageSize::square(side));
    let most = 1 << 20;
    let conv = |conv: Conv2d| Op::Conv2d(conv);
    let cases: [(&str, Vec<Op>); 4] = [
        ("cells", vec![cells(most)]),
        (
            "winograd",
            vec![cells(most), conv(Conv2d::new(1, 1, 3).padding(1))],
        ),
        ("direct", vec![cells(most), conv(Conv2d::new(1, 1, 2))]),
        (
            "dilation",
            vec![
                Op::Relu,
                conv(Conv2d {
                    dilation: most,
                    ..Conv2d::new(1, 1, 500).padded(Padding::Same)
                }),
            ],
        ),
    ];
    for (name, ops) in cases {
        let graph = graph(1, |builder, image| {
            let mut last = image;
            for (index, op) in ops.into_iter().enumerate() {
                last = builder.add(index.to_string(), op, &[last]).unwrap();
            }
            last
        });
        let session = session(graph, |_, _| 1.0);
        let plan = session.plan(1 << 12, ImageSize::square(3));
        assert!(matches!(plan, Err(Error::Kernels(_))), "{name}: {plan:?}");
    }
    let session = session(graph(1, |_, image| image), |_, _| 0.0);
    for (batch, height, width) in [
        (usize::MAX, 1, 1),
        (1, usize::MAX, 1),
        (1 << 31, 1 << 31, 1),
        (1, 1 << 40, 1 << 20),
    ] {
        let plan = session.plan(batch, ImageSize { height, width });
        assert!(plan.is_err(), "{batch}×{height}×{width}: {plan:?}");
    }
    for (batch, height, width) in [(0, 1, 1), (1, 0, 1), (0, 0, 0)] {
        let images = Array4::zeros([batch, 1, height, width]);
        assert!(session.output(images.view()).is_err(), "{batch}×{height}×{width}");
    }
}

#[test]
fn a_norm_of_another_length_than_a_flattened_map_is_an_error() {
    let graph = graph(2, |builder, image| {
        let flat = builder.add("flatten", Op::Flatten, &[image]).unwrap();
        let norm = BatchNorm2d {
            channels: 8,
            eps: 1e-5,
            momentum: 0.1,
        };
        builder.add("norm", Op::BatchNorm2d(norm), &[flat]).unwrap()
    });
    let session = session(graph, |_, _| 1.0);
    assert_eq!(output(&session, [1, 2, 2, 2]).len(), 8);
    let plan = session.plan(1, ImageSize::square(3));
    assert!(matches!(plan, Err(Error::Graph(_))), "{plan:?}");
}
