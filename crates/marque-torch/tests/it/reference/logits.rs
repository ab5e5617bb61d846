//! Logits in evaluation mode.
//!
//! The answers are computed in double precision; PyTorch's own in single precision are off by up to 5e-6, which
//! leaves room for other kernels. One wrong statistic shows; Keras's constants, which hardly do, are compared by
//! themselves.

use super::common::{fitted_statistics, golden, has, weights};
use marque_arch::{ArchitectureOptions, Graph, ImageSize, NodeId, Op, architecture, architecture_names};
use marque_infer::{Session, SessionOptions};
use marque_testkit::{Golden, Tolerance, assert_apart, assert_close, formula};
use marque_torch::{MemoryFormat, Mode, Network, NetworkOptions, array_from_tensor, tensor_from_images};
use marque_weights::StateDict;
use ndarray::{ArrayD, Axis};

const UNUSUAL_SIZE: [usize; 2] = [193, 225];
const TOLERANCE: f64 = 1e-4;

const RESNETS: [&str; 8] = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnet50-v1",
    "resnet101-v1",
    "resnet152-v1",
];
const SHORTCUTS: [&str; 5] = [
    "plain18",
    "plain34",
    "resnet34-a",
    "resnet34-c",
    "resnet34-subject",
];
const DENSENETS: [&str; 4] = ["densenet121", "densenet161", "densenet169", "densenet201"];
const DENSENETS_OF_KERAS: [&str; 3] = ["densenet121-keras", "densenet169-keras", "densenet201-keras"];
const PLAIN_VGGS: [&str; 4] = ["vgg11", "vgg13", "vgg16", "vgg19"];
const VGGS_WITH_NORM: [&str; 4] = ["vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"];
const INCEPTIONS: [&str; 4] = ["googlenet", "googlenet-aux", "inception_v3", "inception_v3-aux"];
const XCEPTIONS: [&str; 2] = ["xception", "xception-keras"];
const GROUPED_RESNETS: [&str; 2] = ["resnext50_32x4d", "wide_resnet50_2"];
const MOBILE: [&str; 6] = [
    "mobilenet_v2",
    "tf_efficientnet_lite0",
    "tf_efficientnet_lite1",
    "tf_efficientnet_lite2",
    "tf_efficientnet_lite3",
    "tf_efficientnet_lite4",
];
const MOBILENETS_V3: [&str; 2] = ["mobilenet_v3_small", "mobilenet_v3_large"];
const EFFICIENTNETS: [&str; 6] = [
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_v2_s",
];
const REGNETS: [&str; 4] = [
    "regnet_y_400mf",
    "regnet_y_800mf",
    "regnet_y_1_6gf",
    "regnet_y_3_2gf",
];
const CONVNEXTS: [&str; 2] = ["convnext_tiny", "convnext_small"];
const PREACTIVATIONS: [&str; 3] = ["preact_resnet20", "preact_resnet56", "preact_resnet110"];

fn graph(name: &str) -> Graph {
    architecture(name, ArchitectureOptions::default()).unwrap()
}

fn weights_of(name: &str, graph: &Graph) -> StateDict {
    weights(graph, &fitted_statistics(name, graph))
}

fn network(graph: Graph, weights: &StateDict, format: MemoryFormat) -> Network {
    let options = NetworkOptions {
        memory_format: Some(format),
        ..Default::default()
    };
    Network::with_weights(graph, weights, options).unwrap()
}

/// The sizes that a golden file has answers for.
fn sizes(golden: &Golden) -> Vec<[usize; 2]> {
    let named = golden.names().filter_map(|name| name.strip_prefix("logits/"));
    let parse = |size: &str| size.parse::<usize>().unwrap();
    named
        .map(|size| size.split_once('x').unwrap())
        .map(|(height, width)| [parse(height), parse(width)])
        .collect()
}

/// The outputs that the golden file has answers for, under their names there.
fn outputs(network: &Network, [height, width]: [usize; 2]) -> Vec<(String, ArrayD<f32>)> {
    let images = formula::images([2, 3, height, width], &format!("evaluation/{height}x{width}"));
    let images = tensor_from_images(images.view(), network.device()).unwrap();
    let graph = network.graph();
    let ends = graph.auxiliary_outputs().iter().map(|end| end.node);
    let ends: Vec<NodeId> = std::iter::once(graph.output()).chain(ends).collect();
    let found = tch::no_grad(|| network.outputs_of(&images, Mode::Evaluation, &ends)).unwrap();
    let names = ends.iter().map(|&end| {
        // A head is called after the module that it is: `aux1`, `AuxLogits`.
        let node = &graph.nodes()[end.index()].name;
        let head = node.split('.').next().unwrap();
        if end == graph.output() { "logits" } else { head }
    });
    names
        .zip(found)
        .map(|(head, found)| {
            (
                format!("{head}/{height}x{width}"),
                array_from_tensor(&found).unwrap(),
            )
        })
        .collect()
}

/// Compares at these sizes and returns how many arrays that were.
fn compare(name: &str, format: MemoryFormat, sizes: &[[usize; 2]]) -> usize {
    let graph = graph(name);
    let network = network(graph.clone(), &weights_of(name, &graph), format);
    compare_network(name, &network, sizes)
}

fn compare_network(name: &str, network: &Network, sizes: &[[usize; 2]]) -> usize {
    let golden = golden("networks", name);
    let format = network.memory_format();
    let mut compared = 0;
    for size in sizes {
        for (key, found) in outputs(network, *size) {
            let expected = golden.f32(&key).unwrap();
            let what = format!("{name} {key}, {format:?}");
            for logits in [&expected, &found] {
                let images = [0, 1].map(|image| logits.index_axis(Axis(0), image));
                assert_apart(&what, images[0].view(), images[1].view(), 0.1);
            }
            let tolerance = Tolerance::relative(TOLERANCE);
            let deviation = assert_close(&what, found.view(), expected.view(), tolerance);
            println!("{what}: {deviation}");
            compared += 1;
        }
    }
    compared
}

/// On LibTorch and on marque's own engine. The weights of the large networks take longer to make than to use.
fn logits_agree(names: &[&str], arrays: usize) {
    let compare = |name: &&str| {
        let graph = graph(name);
        let weights = weights_of(name, &graph);
        let golden = golden("networks", name);
        let sizes = sizes(&golden);
        let network = network(graph.clone(), &weights, MemoryFormat::ChannelsLast);
        let arrays = compare_network(name, &network, &sizes);
        drop(network);
        let session = Session::new(graph, &weights, SessionOptions::default()).unwrap();
        for [height, width] in sizes {
            let images = formula::images([2, 3, height, width], &format!("evaluation/{height}x{width}"));
            let found = session.output(images.view()).unwrap();
            let expected = golden.f32(&format!("logits/{height}x{width}")).unwrap();
            let what = format!("{name} {height}x{width}, marque's own engine");
            let tolerance = Tolerance::relative(TOLERANCE);
            let deviation = assert_close(&what, found.view(), expected.view(), tolerance);
            println!("{what}: {deviation}");
        }
        arrays
    };
    assert_eq!(names.iter().map(compare).sum::<usize>(), arrays);
}

#[test]
fn of_residual_networks() {
    logits_agree(&RESNETS, 8 * 2);
}

#[test]
fn of_residual_networks_with_other_shortcuts() {
    logits_agree(&SHORTCUTS, 5 * 2);
}

#[test]
fn of_densely_connected_networks() {
    logits_agree(&DENSENETS, 4 * 2);
}

#[test]
fn of_densely_connected_networks_of_keras() {
    logits_agree(&DENSENETS_OF_KERAS, 3 * 2);
}

#[test]
fn of_vgg() {
    logits_agree(&PLAIN_VGGS, 4 * 2);
}

#[test]
fn of_vgg_with_batch_norm() {
    logits_agree(&VGGS_WITH_NORM, 4 * 2);
}

#[test]
fn of_googlenet_and_inception_v3() {
    // With auxiliary heads at one size, but for three and two outputs.
    logits_agree(&INCEPTIONS, 2 + 3 + 2 + 2);
}

#[test]
fn of_xception() {
    logits_agree(&XCEPTIONS, 2 * 2);
}

#[test]
fn of_residual_networks_with_groups_and_of_wide_ones() {
    logits_agree(&GROUPED_RESNETS, 2 * 2);
}

#[test]
fn of_networks_of_inverted_residual_blocks() {
    logits_agree(&MOBILE, 6 * 2);
}

#[test]
fn of_mobilenet_v3() {
    logits_agree(&MOBILENETS_V3, 2 * 2);
}

#[test]
fn of_efficientnets_with_squeeze_and_excitation() {
    logits_agree(&EFFICIENTNETS, 6 * 2);
}

#[test]
fn of_regnet() {
    logits_agree(&REGNETS, 4 * 2);
}

#[test]
fn of_convnext() {
    logits_agree(&CONVNEXTS, 2 * 2);
}

#[test]
fn of_residual_networks_with_preactivations() {
    logits_agree(&PREACTIVATIONS, 3 * 2);
}

/// The order in memory is LibTorch's affair, but which kernels it picks depends on it.
#[test]
fn in_contiguous_memory() {
    let names = [
        "resnet18",
        "resnet34-a",
        "resnet34-subject",
        "densenet121-keras",
        "googlenet",
        "xception-keras",
    ];
    for name in names {
        assert_eq!(compare(name, MemoryFormat::Contiguous, &[UNUSUAL_SIZE]), 1);
    }
}

#[test]
fn no_architecture_is_left_out() {
    let groups: [&[&str]; 15] = [
        &RESNETS,
        &SHORTCUTS,
        &DENSENETS,
        &DENSENETS_OF_KERAS,
        &PLAIN_VGGS,
        &VGGS_WITH_NORM,
        &INCEPTIONS,
        &XCEPTIONS,
        &GROUPED_RESNETS,
        &MOBILE,
        &MOBILENETS_V3,
        &EFFICIENTNETS,
        &REGNETS,
        &CONVNEXTS,
        &PREACTIVATIONS,
    ];
    let mut compared: Vec<&str> = groups.concat();
    let mut known: Vec<&str> = architecture_names().collect();
    compared.sort_unstable();
    known.sort_unstable();
    assert_eq!(compared, known);
}

/// A golden case that cannot fail proves nothing: one shifted running mean deep inside must be seen.
#[test]
fn one_wrong_statistic_changes_the_logits() {
    let (name, statistic) = ("resnet34", "layer3.2.bn1.running_mean");
    let graph = graph(name);
    let mut statistics = fitted_statistics(name, &graph);
    let shifted = statistics.get_mut(statistic).unwrap();
    *shifted += 0.1;
    let weights = weights(&graph, &statistics);
    let network = Network::with_weights(graph, &weights, NetworkOptions::default()).unwrap();
    let (key, found) = outputs(&network, UNUSUAL_SIZE).pop().unwrap();
    let expected = golden("networks", name).f32(&key).unwrap();
    assert_apart(statistic, found.view(), expected.view(), 10.0 * TOLERANCE);
}

/// What logits hardly show: Keras's constants. And what it counts, for no other reference counts its networks.
#[test]
fn keras_versions_have_keras_constants_and_costs() {
    let mut compared = 0;
    for name in architecture_names() {
        let golden = golden("networks", name);
        if !has(&golden, "eps_and_momentum") {
            continue;
        }
        let graph = graph(name);
        let constants = golden.f64("eps_and_momentum").unwrap();
        for node in graph.nodes() {
            if let Op::BatchNorm2d(norm) = &node.op {
                assert_eq!(
                    [norm.eps, norm.momentum],
                    [constants[0], constants[1]],
                    "{name} {}",
                    node.name
                );
            }
        }
        let number = |key: &str| golden.i64(key).unwrap().sum() as u64;
        assert_eq!(
            graph.trained_parameter_count(),
            number("trained_parameters"),
            "{name}"
        );
        for [height, width] in sizes(&golden) {
            let summary = graph.summary(ImageSize { height, width }).unwrap();
            let key = format!("multiply_adds/{height}x{width}");
            assert_eq!(summary.multiply_adds(), number(&key), "{name} {key}");
        }
        compared += 1;
    }
    assert_eq!(compared, 5);
}
