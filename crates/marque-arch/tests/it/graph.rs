//! Graphs from the outside: building, shapes, errors, round trips.

use marque_arch::{
    ArchitectureOptions, BatchNorm2d, Conv2d, Error, Graph, GraphBuilder, ImageSize, Init, Linear, MaxPool2d,
    Op, Padding, ResNet, ResidualBlock, Shape, architecture,
};
use proptest::prelude::*;

#[test]
fn parameter_counts_are_those_of_torchvision() {
    let expected = [
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("resnet101", 44_549_160),
        ("resnet152", 60_192_808),
        ("resnet34-a", 21_623_848),
        ("densenet121", 7_978_856),
        ("densenet161", 28_681_000),
        ("densenet169", 14_149_480),
        ("densenet201", 20_013_928),
        ("xception", 22_855_952),
        ("xception-keras", 22_855_952),
        ("googlenet", 6_624_904),
        ("inception_v3", 23_834_568),
        ("vgg19", 143_667_240),
    ];
    for (name, count) in expected {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        assert_eq!(graph.trained_parameter_count(), count, "{name}");
    }
}

/// The multiply-adds that torchvision publishes with its weights, in billions.
#[test]
fn multiply_adds_are_those_of_torchvision() {
    let expected = [
        ("resnet18", 1.814),
        ("resnet34", 3.664),
        ("resnet50", 4.089),
        ("resnet101", 7.801),
        ("resnet152", 11.514),
    ];
    for (name, billions) in expected {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        let found = graph.summary(ImageSize::square(224)).unwrap().multiply_adds() as f64 / 1e9;
        assert!(
            (found - billions).abs() < 0.0006,
            "{name}: {found} against {billions}"
        );
    }
}

#[test]
fn stages_halve_the_resolution() {
    let graph = ResNet::resnet50().graph().unwrap();
    let shapes = graph
        .shapes(ImageSize {
            height: 193,
            width: 225,
        })
        .unwrap();
    let shape = |name: &str| shapes[graph.find(name).unwrap().index()].to_string();
    assert_eq!(shape("maxpool"), "64×49×57");
    assert_eq!(shape("layer1.2.relu"), "256×49×57");
    assert_eq!(shape("layer2.0.relu"), "512×25×29");
    assert_eq!(shape("layer3.0.conv1"), "256×25×29");
    assert_eq!(shape("layer4.2.relu"), "2048×7×8");
    assert_eq!(shape("fc"), "1000");
}

#[test]
fn a_residual_network_takes_an_image_of_one_pixel() {
    let graph = ResNet::resnet18().num_classes(7).graph().unwrap();
    let shapes = graph.shapes(ImageSize::square(1)).unwrap();
    assert_eq!(shapes[graph.output().index()], Shape::Vector { features: 7 });
    assert!(
        matches!(graph.shapes(ImageSize::square(0)), Err(Error::InputTooSmall { node, .. }) if node == "conv1")
    );
}

#[test]
fn a_network_of_other_blocks_and_channels_can_be_built() {
    let network = ResNet {
        in_channels: 1,
        num_classes: 2,
        ..ResNet::new("tiny", ResidualBlock::Bottleneck, [1, 0, 2, 1])
    };
    let graph = network.graph().unwrap();
    assert_eq!(graph.parameters()[0].shape, [64, 1, 7, 7]);
    assert!(graph.find("layer2.0.conv1").is_err());
    assert_eq!(
        graph
            .shapes(ImageSize::square(32))
            .unwrap()
            .last()
            .unwrap()
            .to_string(),
        "2"
    );
}

#[test]
fn initial_distributions_are_those_of_torchvision() {
    let graph = ResNet::resnet18().graph().unwrap();
    let init = |name: &str| {
        graph
            .parameters()
            .into_iter()
            .find(|parameter| parameter.name == name)
            .unwrap()
            .init
    };
    // Kaiming normal by fan-out: √(2 / (64·7·7)).
    assert_eq!(
        init("conv1.weight"),
        Init::Normal {
            std: (2.0f32 / 3136.0).sqrt()
        }
    );
    assert_eq!(init("bn1.weight"), Init::Constant(1.0));
    assert_eq!(init("bn1.bias"), Init::Constant(0.0));
    assert_eq!(init("bn1.running_var"), Init::Constant(1.0));
    assert_eq!(
        init("fc.weight"),
        Init::Uniform {
            bound: 1.0 / 512f32.sqrt()
        }
    );
    assert_eq!(
        init("fc.bias"),
        Init::Uniform {
            bound: 1.0 / 512f32.sqrt()
        }
    );
}

#[test]
fn mobile_networks_begin_as_torchvisions_do() {
    let by_fan_out = |fan_out: f32| Init::Normal {
        std: (2.0 / fan_out).sqrt(),
    };
    let narrow = Init::Uniform {
        bound: 1.0 / 1000f32.sqrt(),
    };
    for (network, parameter, expected) in [
        (
            "mobilenet_v3_large",
            "features.4.block.1.0.weight",
            by_fan_out(72.0 * 25.0),
        ),
        (
            "mobilenet_v3_large",
            "features.4.block.2.fc1.weight",
            by_fan_out(24.0),
        ),
        (
            "mobilenet_v3_large",
            "features.4.block.2.fc2.bias",
            Init::Constant(0.0),
        ),
        (
            "mobilenet_v3_small",
            "classifier.0.weight",
            Init::Normal { std: 0.01 },
        ),
        ("mobilenet_v3_small", "classifier.3.bias", Init::Constant(0.0)),
        (
            "efficientnet_b0",
            "features.2.0.block.2.fc1.weight",
            by_fan_out(4.0),
        ),
        (
            "efficientnet_b0",
            "features.2.0.block.2.fc1.bias",
            Init::Constant(0.0),
        ),
        ("efficientnet_b0", "classifier.1.weight", narrow),
        (
            "efficientnet_v2_s",
            "features.2.0.block.0.0.weight",
            by_fan_out(96.0 * 9.0),
        ),
        ("efficientnet_v2_s", "classifier.1.bias", Init::Constant(0.0)),
    ] {
        let graph = architecture(network, ArchitectureOptions::default()).unwrap();
        let parameters = graph.parameters();
        let found = parameters.iter().find(|entry| entry.name == parameter).unwrap();
        assert_eq!(found.init, expected, "{network} {parameter}");
    }
}

#[test]
fn what_training_changes_is_told_from_statistics() {
    let parameters = ResNet::resnet18().graph().unwrap().parameters();
    let kept: Vec<&str> = parameters
        .iter()
        .filter(|parameter| !parameter.is_trained())
        .map(|parameter| parameter.name.as_str())
        .collect();
    assert_eq!(kept.len(), 40);
    assert!(
        kept.iter()
            .all(|name| name.ends_with("running_mean") || name.ends_with("running_var"))
    );
}

#[test]
fn a_window_larger_than_its_map_names_the_node() {
    let mut builder = GraphBuilder::new("net", 3).unwrap();
    let pool = MaxPool2d::new(4, 4);
    let output = builder.max_pool2d("stem.pool", builder.input(), pool).unwrap();
    let error = builder
        .build(output)
        .unwrap()
        .shapes(ImageSize { height: 8, width: 3 })
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "node \"stem.pool\" (MaxPool2d): a window of 4×4 pixels does not fit into 8×3 (padding included); \
         an input of 8×3 is too small for this network"
    );
}

#[test]
fn shapes_that_do_not_add_up_name_the_node() {
    let mut builder = GraphBuilder::new("net", 3).unwrap();
    let image = builder.input();
    let half = builder
        .conv2d("half", image, Conv2d::new(3, 3, 3).stride(2).padding(1))
        .unwrap();
    let sum = builder.sum("block.add", image, half).unwrap();
    let error = builder
        .build(sum)
        .unwrap()
        .shapes(ImageSize::square(8))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "node \"block.add\" (Add) joins shapes 3×8×8 and 3×4×4, which do not fit"
    );
}

#[test]
fn channels_are_checked_when_a_node_is_added() {
    let mut builder = GraphBuilder::new("net", 3).unwrap();
    let image = builder.input();
    let wide = builder.conv2d("wide", image, Conv2d::new(3, 8, 1)).unwrap();
    for (op, inputs) in [
        (Op::Conv2d(Conv2d::new(4, 8, 1)), vec![wide]),
        (
            Op::BatchNorm2d(BatchNorm2d {
                channels: 4,
                eps: 1e-5,
                momentum: 0.1,
            }),
            vec![wide],
        ),
        (Op::Add, vec![image, wide]),
    ] {
        let error = builder.add("bad", op, &inputs).unwrap_err();
        assert!(
            matches!(&error, Error::ChannelMismatch { node, .. } if node == "bad"),
            "{error}"
        );
    }
}

#[test]
fn a_head_of_the_wrong_length_is_found() {
    let mut builder = GraphBuilder::new("net", 3).unwrap();
    let vector = builder.add("flatten", Op::Flatten, &[builder.input()]).unwrap();
    let logits = builder.linear("fc", vector, Linear::new(48, 7)).unwrap();
    let graph = builder.build(logits).unwrap();
    assert_eq!(
        graph.shapes(ImageSize::square(4)).unwrap()[2],
        Shape::Vector { features: 7 }
    );
    let error = graph.shapes(ImageSize::square(5)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::ChannelMismatch {
                expected: 48,
                found: 75,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn impossible_nodes_are_refused() {
    let mut builder = GraphBuilder::new("net", 3).unwrap();
    let image = builder.input();
    let zero_stride = Conv2d {
        stride: 0,
        ..Conv2d::new(3, 8, 3)
    };
    let uneven_groups = Conv2d {
        groups: 2,
        ..Conv2d::new(3, 8, 3)
    };
    let huge = Conv2d {
        padding: Padding::equal(usize::MAX),
        ..Conv2d::new(3, 8, 3)
    };
    for conv in [zero_stride, uneven_groups, huge] {
        assert!(matches!(
            builder.conv2d("bad", image, conv),
            Err(Error::InvalidAttribute { .. })
        ));
    }
    assert!(matches!(
        builder.add("bad", Op::Add, &[image]),
        Err(Error::InputCount { .. })
    ));
    assert!(matches!(
        builder.relu("input", image),
        Err(Error::DuplicateNode { .. })
    ));
    assert!(matches!(
        GraphBuilder::new("net", 0),
        Err(Error::InvalidAttribute { .. })
    ));
    assert!(matches!(
        ResNet::resnet18().num_classes(0).graph(),
        Err(Error::InvalidAttribute { .. })
    ));
}

#[test]
fn an_unknown_node_is_an_error_with_both_names() {
    let error = ResNet::resnet18().graph().unwrap().find("layer5.0").unwrap_err();
    assert_eq!(error.to_string(), "there is no node \"layer5.0\" in \"resnet18\"");
}

#[test]
fn a_graph_survives_its_file() {
    let graph = ResNet::resnet50().num_classes(7).graph().unwrap();
    let text = serde_json::to_string(&graph).unwrap();
    assert_eq!(serde_json::from_str::<Graph>(&text).unwrap(), graph);
}

/// Word for word what the first version wrote.
#[test]
fn a_graph_of_an_earlier_version_is_read_and_written_as_it_was() {
    let text = concat!(
        r#"{"name":"tiny","nodes":[{"name":"input","op":"input","channels":3,"inputs":[]},"#,
        r#"{"name":"conv","op":"conv2d","in_channels":3,"out_channels":8,"kernel_size":{"height":1,"width":7},"#,
        r#""stride":1,"padding":{"symmetric":{"height":0,"width":3}},"dilation":1,"groups":1,"#,
        r#""init":"kaiming_normal_fan_out","inputs":[0]},"#,
        r#"{"name":"pool","op":"adaptive_avg_pool2d","height":7,"width":5,"inputs":[1]}],"output":2}"#,
    );
    let graph: Graph = serde_json::from_str(text).unwrap();
    let size = ImageSize { height: 7, width: 5 };
    assert_eq!(graph.nodes()[2].op, Op::AdaptiveAvgPool2d(size));
    assert_eq!(serde_json::to_string(&graph).unwrap(), text);
}

#[test]
fn a_stored_graph_is_checked_like_a_built_one() {
    let graph = ResNet::resnet18().graph().unwrap();
    let text = serde_json::to_string(&graph).unwrap();
    for (from, to, complaint) in [
        ("\"in_channels\":64", "\"in_channels\":63", "expects 63"),
        ("\"inputs\":[1]", "\"inputs\":[99]", "takes its input from"),
        ("\"name\":\"bn1\"", "\"name\":\"conv1\"", "two nodes"),
        ("\"stride\":2", "\"stride\":0", "stride"),
        ("\"op\":\"relu\"", "\"op\":\"system\"", "unknown variant"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = serde_json::from_str::<Graph>(&text.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn the_summary_reads_like_a_table() {
    let summary = ResNet::resnet18()
        .graph()
        .unwrap()
        .summary(ImageSize::square(224))
        .unwrap();
    let text = summary.to_string();
    assert!(text.contains("layer4.0.downsample.0  Conv2d"), "{text}");
    assert!(text.contains("trained parameters   11,689,512"), "{text}");
    assert_eq!(summary.statistics(), 9_600);
}

#[test]
fn the_dot_language_has_every_node_and_edge() {
    let graph = ResNet::resnet18().graph().unwrap();
    let dot = graph.to_dot(ImageSize::square(224)).unwrap();
    let edges: usize = graph.nodes().iter().map(|node| node.inputs.len()).sum();
    assert_eq!(dot.matches(" -> ").count(), edges);
    assert_eq!(dot.matches("[label=").count(), graph.nodes().len());
}

proptest! {
    /// Output sizes against the definition: how many window positions fit.
    #[test]
    fn convolutions_slide_as_often_as_windows_fit(
        (height, width) in (1usize..40, 1usize..40), kernel in 1usize..8, stride in 1usize..5,
        padding in 0usize..4, dilation in 1usize..4,
    ) {
        let mut builder = GraphBuilder::new("net", 1).unwrap();
        let conv = Conv2d { dilation, ..Conv2d::new(1, 1, kernel).stride(stride).padding(padding) };
        let output = builder.conv2d("conv", builder.input(), conv).unwrap();
        let graph = builder.build(output).unwrap();
        let fits = |extent: usize| {
            (0..).map(|position| position * stride + (kernel - 1) * dilation)
                .take_while(|last| *last < extent + 2 * padding).count()
        };
        let found = graph.shapes(ImageSize { height, width });
        match (fits(height), fits(width)) {
            (0, _) | (_, 0) => {
                let too_small = matches!(found, Err(Error::InputTooSmall { .. }));
                prop_assert!(too_small);
            }
            (height, width) => prop_assert_eq!(
                found.unwrap()[1], Shape::Map { channels: 1, size: ImageSize { height, width } }
            ),
        }
    }

    /// A graph file is hostile until parsed: whatever is cut off or changed, no panic.
    #[test]
    fn damaged_graph_files_never_panic(position in 0usize..4000, byte in 32u8..127) {
        let mut text = serde_json::to_string(&ResNet::resnet18().graph().unwrap()).unwrap().into_bytes();
        text[position] = byte;
        if let Ok(graph) = serde_json::from_slice::<Graph>(&text) {
            let _ = graph.summary(ImageSize::square(64));
        }
        let _ = serde_json::from_slice::<Graph>(&text[..position]);
    }
}
