//! What comes back of files that marque wrote, and what arithmetic becomes an operation.

use crate::testing::{File, float, int, ints, logits, maps, session, text, weights};
use crate::{Error, ExportOptions, Imported, Normalization, export_bytes};
use marque_arch::{
    ArchitectureOptions, Conv2d, Graph, GraphBuilder, ImageSize, LayerNorm2d, LayerScale, Linear, MaxPool2d,
    Node, NodeId, Op, Padding, architecture, architecture_names,
};
use marque_testkit::{Tolerance, assert_close, formula};
use marque_weights::{DType, StateDict, Tensor};
use std::path::Path;

/// Two orders of the same sums in single precision.
const TOLERANCE: f64 = 1e-5;

/// What evaluation is made of: nodes by name, without what only training looks at.
fn essence(graph: &Graph) -> Vec<(String, Op, Vec<String>)> {
    let needed = graph.ancestors([graph.output()]);
    let nodes = graph.nodes();
    let source = |mut id: NodeId| {
        while let Op::Dropout { .. } | Op::StochasticDepth { .. } = nodes[id.index()].op {
            id = nodes[id.index()].inputs[0];
        }
        nodes[id.index()].name.clone()
    };
    let is_kept = |node: &Node| !matches!(node.op, Op::Dropout { .. } | Op::StochasticDepth { .. });
    let kept = nodes
        .iter()
        .zip(needed)
        .filter(|(node, needed)| *needed && is_kept(node));
    kept.map(|(node, _)| {
        let inputs = node.inputs.iter().map(|&input| source(input)).collect();
        (node.name.clone(), without_beginnings(&node.op), inputs)
    })
    .collect()
}

/// An operation without how its weights begin.
fn without_beginnings(op: &Op) -> Op {
    match op.clone() {
        Op::Conv2d(mut conv) => {
            conv.init = Conv2d::new(1, 1, 1).init;
            conv.bias = conv.bias.map(|_| marque_arch::BiasInit::Zeros);
            Op::Conv2d(conv)
        }
        Op::Linear(linear) => Op::Linear(Linear::new(linear.in_features, linear.out_features)),
        Op::LayerScale(scale) => Op::LayerScale(LayerScale { init: 1.0, ..scale }),
        op => op,
    }
}

fn zeros(graph: &Graph) -> StateDict {
    let zero = |parameter: marque_arch::Parameter| {
        let bytes = vec![0; parameter.count() * 4];
        (
            parameter.name,
            Tensor::new(DType::F32, &parameter.shape, bytes).unwrap(),
        )
    };
    graph.parameters().into_iter().map(zero).collect()
}

/// Of a family that differs in depth or width alone one is enough; the test of all of them runs by hand.
fn is_small(name: &str) -> bool {
    let alike = [
        "vgg13",
        "vgg16",
        "vgg19",
        "vgg11_bn",
        "wide_resnet50_2",
        "resnet101",
        "resnet152",
        "resnet50-v1",
        "resnet34",
        "densenet161",
        "densenet169",
        "densenet201",
        "efficientnet_b1",
        "efficientnet_b2",
        "efficientnet_b3",
        "efficientnet_b4",
        "tf_efficientnet_lite1",
        "tf_efficientnet_lite2",
        "tf_efficientnet_lite3",
        "tf_efficientnet_lite4",
        "regnet_y_800mf",
        "regnet_y_1_6gf",
        "regnet_y_3_2gf",
        "convnext_small",
        "plain34",
    ];
    matches!(name, "resnet34-a" | "resnet34-subject") || !alike.iter().any(|alike| name.starts_with(alike))
}

#[test]
fn architectures_come_back_as_they_were_written() {
    let mut count = 0;
    for name in architecture_names().filter(|name| is_small(name)) {
        let options = ArchitectureOptions {
            num_classes: 5,
            ..ArchitectureOptions::default()
        };
        let graph = architecture(name, options).unwrap();
        let weights = zeros(&graph);
        // Poolings to cells are written for one size.
        let image_size = name.starts_with("vgg").then_some(ImageSize {
            height: 192,
            width: 256,
        });
        let options = ExportOptions {
            image_size,
            ..ExportOptions::default()
        };
        let bytes = export_bytes(&graph, &weights, &options).unwrap();
        let imported = Imported::parse(Path::new(name), &bytes).unwrap();
        let (found, expected) = (essence(&imported.graph), essence(&graph));
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(found.len(), expected.len(), "{name}");
        assert_eq!(imported.graph.name(), graph.name());
        assert_eq!(imported.image_size, image_size);
        let features = |graph: &Graph| graph.nodes()[graph.features().unwrap().index()].name.clone();
        assert_eq!(features(&imported.graph), features(&graph), "{name}");
        for parameter in imported.graph.parameters() {
            assert_eq!(
                imported.weights.get(&parameter.name),
                weights.get(&parameter.name)
            );
        }
        count += 1;
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn a_network_that_comes_back_gives_the_same_bits() {
    for name in ["mobilenet_v3_small", "preact_resnet20", "regnet_y_400mf"] {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        let weights = weights(&graph);
        let bytes = export_bytes(&graph, &weights, &ExportOptions::default()).unwrap();
        let imported = Imported::parse(Path::new(name), &bytes).unwrap();
        let images = formula::images([2, 3, 48, 64], "back");
        let expected = logits(&graph, &weights, images.view());
        assert_eq!(
            logits(&imported.graph, &imported.weights, images.view()),
            expected,
            "{name}"
        );
    }
}

fn tiny() -> (Graph, StateDict) {
    let mut builder = GraphBuilder::new("tiny", 3).unwrap();
    let conv = Conv2d::new(3, 4, 3).padded(Padding::Same).stride(2);
    let maps = builder.conv2d("conv", builder.input(), conv).unwrap();
    let graph = builder.build(maps).unwrap();
    let weights = weights(&graph);
    (graph, weights)
}

#[test]
fn photos_are_normalised_by_the_numbers_that_were_given() {
    let (graph, weights) = tiny();
    let normalization = Normalization {
        mean: vec![0.485, 0.456, 0.406],
        std: vec![0.229, 0.224, 0.225],
    };
    let options = ExportOptions {
        normalization: Some(normalization.clone()),
        class_names: vec!["a \"b\"".to_owned(), "ü".to_owned()],
        metadata: [("key".to_owned(), "text".to_owned())].into(),
        ..ExportOptions::default()
    };
    let bytes = export_bytes(&graph, &weights, &options).unwrap();
    let imported = Imported::parse(Path::new("tiny"), &bytes).unwrap();
    assert_eq!(imported.normalization, Some(normalization));
    assert_eq!(essence(&imported.graph), essence(&graph));
    assert_eq!(imported.class_names(), Some(options.class_names));
    assert_eq!(imported.metadata["key"], "text");
    assert!(imported.producer.starts_with("marque "));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let (graph, weights) = tiny();
    for (mean, std) in [
        (vec![0.0; 2], vec![1.0; 3]),
        (vec![0.0; 3], vec![1.0, 0.0, 1.0]),
        (vec![f32::NAN; 3], vec![1.0; 3]),
    ] {
        let options = ExportOptions {
            normalization: Some(Normalization { mean, std }),
            ..ExportOptions::default()
        };
        let found = export_bytes(&graph, &weights, &options);
        assert!(matches!(found, Err(Error::Setting { .. })));
    }
    let vgg = architecture("vgg11", ArchitectureOptions::default()).unwrap();
    let found = export_bytes(&vgg, &zeros(&vgg), &ExportOptions::default());
    assert!(matches!(found, Err(Error::SizeNeeded { node, .. }) if node == "avgpool"));
    assert!(matches!(
        export_bytes(&graph, &StateDict::default(), &ExportOptions::default()),
        Err(Error::Weights(_))
    ));
}

/// A file and a graph give the same for the same images.
fn assert_same(what: &str, file: &File, output: &str, op: impl FnOnce(&mut GraphBuilder) -> NodeId) {
    let imported = file
        .read(output)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut builder = GraphBuilder::new("expected", 4).unwrap();
    let end = op(&mut builder);
    let graph = builder.build(end).unwrap();
    let expected: Vec<&Op> = graph.nodes().iter().map(|node| &node.op).collect();
    let found: Vec<&Op> = imported.graph.nodes().iter().map(|node| &node.op).collect();
    let beginnings = |ops: &[&Op]| ops.iter().map(|op| without_beginnings(op)).collect::<Vec<Op>>();
    assert_eq!(beginnings(&found), beginnings(&expected), "{what}");
    let images = formula::images([2, 4, 7, 6], what);
    let weights = weights(&graph);
    let weights: StateDict = graph
        .parameters()
        .into_iter()
        .zip(imported.graph.parameters())
        .map(|(own, found)| {
            (
                own.name.clone(),
                imported
                    .weights
                    .get(&found.name)
                    .unwrap_or(weights.get(&own.name).unwrap())
                    .clone(),
            )
        })
        .collect();
    let found = session(&imported.graph, &imported.weights)
        .output(images.view())
        .unwrap();
    let expected = session(&graph, &weights).output(images.view()).unwrap();
    assert_close(
        what,
        found.view(),
        expected.view(),
        Tolerance::relative(TOLERANCE),
    );
}

fn images() -> File {
    File::new(&[0, 4, 0, 0])
}

#[test]
fn activations_that_were_written_as_arithmetic_are_found() {
    let unary = |op: Op| move |builder: &mut GraphBuilder| builder.add("a", op, &[builder.input()]).unwrap();
    let silu = images()
        .node("Sigmoid", &["x"], "s", &[])
        .node("Mul", &["s", "x"], "y", &[]);
    assert_same("silu", &silu, "y", unary(Op::Silu));
    let six = images()
        .floats("three", &[], &[3.0])
        .floats("zero", &[], &[0.0])
        .floats("six", &[], &[6.0]);
    let bounded = six
        .node("Add", &["x", "three"], "a", &[])
        .node("Clip", &["a", "zero", "six"], "c", &[]);
    let swish = bounded
        .clone()
        .node("Mul", &["x", "c"], "m", &[])
        .node("Div", &["m", "six"], "y", &[]);
    assert_same("hard swish", &swish, "y", unary(Op::HardSwish));
    let sixth = bounded
        .floats("sixth", &[1], &[1.0 / 6.0])
        .node("Mul", &["c", "sixth"], "h", &[]);
    assert_same("hard sigmoid", &sixth, "h", unary(Op::HardSigmoid));
    let swish = sixth.node("Mul", &["h", "x"], "y", &[]);
    assert_same("hard swish by its gate", &swish, "y", unary(Op::HardSwish));
    let attributes = [float("alpha", 1.0 / 6.0), float("beta", 0.5)];
    let hard = images().node("HardSigmoid", &["x"], "y", &attributes);
    assert_same("hard sigmoid of its own", &hard, "y", unary(Op::HardSigmoid));
    let clip = images()
        .opset(9)
        .node("Clip", &["x"], "y", &[float("min", 0.0), float("max", 6.0)]);
    assert_same("relu6 of old", &clip, "y", unary(Op::Relu6));
    let least = images().floats("zero", &[], &[0.0]).floats("six", &[], &[6.0]);
    let relu6 = least
        .node("Max", &["x", "zero"], "r", &[])
        .node("Min", &["r", "six"], "y", &[]);
    assert_same("relu6 of two bounds", &relu6, "y", unary(Op::Relu6));
}

#[test]
fn gelu_is_found_in_each_of_its_forms() {
    let gelu = |builder: &mut GraphBuilder| builder.add("a", Op::Gelu, &[builder.input()]).unwrap();
    let numbers = images()
        .floats("root", &[], &[std::f32::consts::SQRT_2])
        .floats("inverse", &[], &[std::f32::consts::FRAC_1_SQRT_2])
        .floats("one", &[], &[1.0])
        .floats("half", &[], &[0.5]);
    let torch = numbers
        .clone()
        .node("Div", &["x", "root"], "d", &[])
        .node("Erf", &["d"], "e", &[])
        .node("Add", &["e", "one"], "a", &[])
        .node("Mul", &["x", "a"], "m", &[])
        .node("Mul", &["m", "half"], "y", &[]);
    assert_same("gelu of PyTorch", &torch, "y", gelu);
    let keras = numbers
        .clone()
        .node("Mul", &["half", "x"], "h", &[])
        .node("Mul", &["x", "inverse"], "d", &[])
        .node("Erf", &["d"], "e", &[])
        .node("Add", &["one", "e"], "a", &[])
        .node("Mul", &["h", "a"], "y", &[]);
    assert_same("gelu of Keras", &keras, "y", gelu);
    let halves = numbers
        .node("Mul", &["x", "inverse"], "d", &[])
        .node("Erf", &["d"], "e", &[])
        .node("Mul", &["e", "half"], "h", &[])
        .node("Add", &["h", "half"], "p", &[])
        .node("Mul", &["p", "x"], "y", &[]);
    assert_same("gelu by its share", &halves, "y", gelu);
    assert_same(
        "gelu",
        &images().opset(20).node("Gelu", &["x"], "y", &[]),
        "y",
        gelu,
    );
}

#[test]
fn a_layer_norm_that_was_written_as_arithmetic_is_found() {
    let file = images()
        .node("Transpose", &["x"], "t", &[ints("perm", &[0, 2, 3, 1])])
        .floats("two", &[], &[2.0])
        .floats("eps", &[], &[1e-6])
        .floats("scale", &[4], &[0.5, 1.0, 1.5, 2.0])
        .floats("shift", &[4], &[-1.0, 0.0, 1.0, 2.0])
        .node("ReduceMean", &["t"], "mean", &[ints("axes", &[-1])])
        .node("Sub", &["t", "mean"], "d", &[])
        .node("Pow", &["d", "two"], "p", &[])
        .node(
            "ReduceMean",
            &["p"],
            "var",
            &[ints("axes", &[3]), int("keepdims", 1)],
        )
        .node("Add", &["var", "eps"], "a", &[])
        .node("Sqrt", &["a"], "s", &[])
        .node("Div", &["d", "s"], "n", &[])
        .node("Mul", &["n", "scale"], "m", &[])
        .node("Add", &["m", "shift"], "z", &[])
        .node("Transpose", &["z"], "y", &[ints("perm", &[0, 3, 1, 2])]);
    let norm = |builder: &mut GraphBuilder| {
        let norm = LayerNorm2d {
            channels: 4,
            eps: f64::from(1e-6_f32),
        };
        builder
            .add("norm", Op::LayerNorm2d(norm), &[builder.input()])
            .unwrap()
    };
    assert_same("layer norm", &file, "y", norm);
}

#[test]
fn excitations_are_found_in_each_of_their_forms() {
    let excited = |builder: &mut GraphBuilder| {
        let mean = builder
            .add("mean", Op::GlobalAvgPool2d, &[builder.input()])
            .unwrap();
        let factors = builder.linear("fc", mean, Linear::new(4, 4)).unwrap();
        let gate = builder.add("gate", Op::Sigmoid, &[factors]).unwrap();
        builder
            .add("mul", Op::Multiply, &[builder.input(), gate])
            .unwrap()
    };
    // As of vectors: what is flattened and made maps again.
    let file = images()
        .parameter("fc.weight", &[4, 4])
        .parameter("fc.bias", &[4])
        .integers("shape", &[0, 4, 1, 1])
        .node(
            "ReduceMean",
            &["x"],
            "mean",
            &[ints("axes", &[2, 3]), int("keepdims", 0)],
        )
        .node(
            "Gemm",
            &["mean", "fc.weight", "fc.bias"],
            "fc",
            &[int("transB", 1)],
        )
        .node("Sigmoid", &["fc"], "gate", &[])
        .node("Reshape", &["gate", "shape"], "maps", &[])
        .node("Mul", &["maps", "x"], "y", &[]);
    assert_same("excitation of vectors", &file, "y", excited);
    let file = images()
        .parameter("fc.weight", &[4, 4])
        .parameter("fc.bias", &[4])
        .integers("sides", &[2, 3])
        .node("GlobalAveragePool", &["x"], "pool", &[])
        .node("Squeeze", &["pool", "sides"], "mean", &[])
        .node(
            "Gemm",
            &["mean", "fc.weight", "fc.bias"],
            "fc",
            &[int("transB", 1)],
        )
        .node("Sigmoid", &["fc"], "gate", &[])
        .node("Unsqueeze", &["gate", "sides"], "maps", &[])
        .node("Mul", &["x", "maps"], "y", &[]);
    assert_same("excitation of squeezed vectors", &file, "y", excited);
}

#[test]
fn borders_that_are_not_even_become_same_or_zeros_of_the_filter() {
    let strided = |dims: &[i64], pads: &[i64]| {
        File::new(dims).parameter("w.weight", &[5, 4, 3, 3]).node(
            "Conv",
            &["x", "w.weight"],
            "y",
            &[ints("strides", &[2, 2]), ints("pads", pads)],
        )
    };
    // For images of 6×6 Keras's `same` adds one row below and one column on the right.
    let same = strided(&[0, 4, 6, 6], &[0, 0, 1, 1]).read("y").unwrap();
    let Op::Conv2d(conv) = &same.graph.nodes()[1].op else {
        panic!("{:?}", same.graph);
    };
    assert_eq!(
        (conv.padding, conv.kernel_size),
        (Padding::Same, ImageSize::square(3))
    );
    // Of images of any size nobody knows; zeros in the filter do the same.
    let wider = strided(&[0, 4, 0, 0], &[0, 0, 1, 1]).read("y").unwrap();
    let Op::Conv2d(conv) = &wider.graph.nodes()[1].op else {
        panic!("{:?}", wider.graph);
    };
    assert_eq!(
        (conv.padding, conv.kernel_size),
        (Padding::equal(1), ImageSize::square(4))
    );
    let images = formula::images([2, 4, 6, 6], "borders");
    let [same, wider] = [same, wider].map(|found| maps(&found.graph, &found.weights, images.view()));
    assert_close(
        "borders",
        wider.view(),
        same.view(),
        Tolerance::relative(TOLERANCE),
    );
}

#[test]
fn zeros_that_a_node_of_its_own_adds_are_taken_up() {
    let padded = |builder: &mut GraphBuilder| {
        let conv = Conv2d::new(4, 5, 3).stride(2).padding(2);
        builder.conv2d("w", builder.input(), conv).unwrap()
    };
    let file = images()
        .parameter("w.weight", &[5, 4, 3, 3])
        .integers("pads", &[0, 0, 1, 1, 0, 0, 1, 1])
        .node("Pad", &["x", "pads"], "p", &[])
        .node(
            "Conv",
            &["p", "w.weight"],
            "y",
            &[ints("strides", &[2, 2]), ints("pads", &[1, 1, 1, 1])],
        );
    assert_same("zeros before a convolution", &file, "y", padded);
    let pooled = |builder: &mut GraphBuilder| {
        let maps = builder.relu("r", builder.input()).unwrap();
        let pool = MaxPool2d::new(3, 2).padded(Padding::equal(1));
        builder.max_pool2d("pool", maps, pool).unwrap()
    };
    let pool = [ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2])];
    let file = images()
        .integers("pads", &[0, 0, 1, 1, 0, 0, 1, 1])
        .node("Relu", &["x"], "r", &[])
        .node("Pad", &["r", "pads"], "p", &[])
        .node("MaxPool", &["p"], "y", &pool);
    assert_same("zeros before a maximum", &file, "y", pooled);
    let negative = images()
        .integers("pads", &[0, 0, 1, 1, 0, 0, 1, 1])
        .node("Pad", &["x", "pads"], "p", &[])
        .node("MaxPool", &["p"], "y", &pool);
    assert!(matches!(negative.read("y"), Err(Error::Lacking { .. })));
}

#[test]
fn maps_with_channels_last_are_turned_and_flattened_in_their_order() {
    // As tf2onnx writes a network of Keras's that flattens its maps.
    let file = File::new(&[0, 7, 6, 4])
        .node("Transpose", &["x"], "t", &[ints("perm", &[0, 3, 1, 2])])
        .node("Relu", &["t"], "r", &[])
        .node("Transpose", &["r"], "l", &[ints("perm", &[0, 2, 3, 1])])
        .integers("shape", &[-1, 168])
        .parameter("dense", &[168, 3])
        .floats("bias", &[3], &[0.5, -0.5, 1.0])
        .node("Reshape", &["l", "shape"], "f", &[])
        .node("MatMul", &["f", "dense"], "m", &[])
        .node("Add", &["m", "bias"], "y", &[]);
    let imported = file.read("y").unwrap();
    let images = formula::images([2, 4, 7, 6], "last");
    let found = logits(&imported.graph, &imported.weights, images.view());
    let dense = formula::parameter("dense", &[168, 3])
        .into_shape_with_order((168, 3))
        .unwrap();
    let last = images.mapv(|value| value.max(0.0)).permuted_axes([0, 2, 3, 1]);
    let last = last
        .as_standard_layout()
        .into_owned()
        .into_shape_with_order((2, 168))
        .unwrap();
    let expected = last.dot(&dense) + ndarray::array![0.5, -0.5, 1.0];
    assert_close(
        "flattened",
        found.view(),
        expected.view(),
        Tolerance::relative(TOLERANCE),
    );
}

#[test]
fn a_norm_that_was_written_as_a_product_and_a_sum_is_a_batch_norm() {
    let file = images()
        .floats("scale", &[1, 4, 1, 1], &[0.5, 1.0, 1.5, 2.0])
        .floats("shift", &[4, 1, 1], &[-1.0, 0.0, 1.0, 2.0])
        .node("Mul", &["x", "scale"], "m", &[])
        .node("Add", &["m", "shift"], "y", &[]);
    let imported = file.read("y").unwrap();
    assert!(matches!(imported.graph.nodes()[1].op, Op::BatchNorm2d(_)));
    let images = formula::images([2, 4, 5, 5], "norm");
    let found = maps(&imported.graph, &imported.weights, images.view());
    let numbers = [(0.5, -1.0), (1.0, 0.0), (1.5, 1.0), (2.0, 2.0)];
    let mut expected = images.clone();
    for (mut channel, (scale, shift)) in expected.axis_iter_mut(ndarray::Axis(1)).zip(numbers) {
        channel.mapv_inplace(|value| value * scale + shift);
    }
    assert_close("norm", found.view(), expected.view(), Tolerance::relative(1e-6));
}

#[test]
fn all_that_is_lacking_is_named_at_once() {
    let file = images()
        .parameter("w", &[4, 4, 3, 3])
        .node("LeakyRelu", &["x"], "a", &[float("alpha", 0.1)])
        .node("Conv", &["a", "w"], "b", &[ints("strides", &[1, 2])])
        .node("Tanh", &["b"], "c", &[])
        .node("Conv", &["x", "w"], "d", &[ints("strides", &[1, 2])])
        .node("Erf", &["x"], "e", &[])
        .node("Resize", &["e"], "f", &[text("mode", "linear")])
        .node("Add", &["c", "f"], "y", &[]);
    let Err(Error::Lacking { lacks, .. }) = file.read("y") else {
        panic!("it was read");
    };
    let found: Vec<&str> = lacks.0.iter().map(|lack| lack.node.as_str()).collect();
    // The first convolution reads what is lacking already.
    assert_eq!(found, ["LeakyRelu_a", "Tanh_c", "Conv_d", "Erf_e", "Resize_f"]);
    let told = lacks.to_string();
    assert!(
        told.contains("\"Conv_d\" (Conv): its strides are [1, 2]"),
        "{told}"
    );
}
