//! Running what strangers send.

use crate::graphs::Case;
use marque_arch::{Graph, ImageSize, Op, Shape, Summary};
use marque_data::Preprocess;
use marque_infer::{InstructionSet, Session, SessionOptions, Tuning};
use marque_model::ModelCard;
use marque_onnx::{ExportOptions, Imported};
use marque_weights::{StateDict, Tensor};
use ndarray::Array4;
use std::path::Path;

/// Most bytes of working memory of a plan.
const MOST_BYTES: usize = 16 << 20;
/// Most steps of a pass: blocks of sixteen channels times taps.
const MOST_WORK: u64 = 1 << 18;
/// Most parameters that are made up.
const MOST_PARAMETERS: usize = 1 << 16;

/// Reads bytes as a model file and runs its graph, on images of the card's size if they are small, and on others.
pub fn run_model(bytes: Vec<u8>) {
    match marque_model::parse_model(Path::new("fuzzed"), bytes) {
        Ok((card, weights)) => {
            let sizes = [card.preprocess.image_size, ImageSize { height: 9, width: 6 }];
            if let Ok(session) = Session::new(card.graph, &weights, options(false)) {
                for size in sizes {
                    run(&session, 1, size);
                }
            }
        }
        Err(error) => assert!(error.to_string().len() < 20_000, "{error}"),
    }
}

/// Reads bytes as an ONNX file, and runs its network on images of the size that it is for, if they are small, and on others.
pub fn run_onnx(bytes: &[u8]) {
    match Imported::parse(Path::new("fuzzed"), bytes) {
        Ok(imported) => {
            for parameter in imported.graph.parameters() {
                let found = imported.weights.get(&parameter.name).map(Tensor::shape);
                assert_eq!(found, Some(&parameter.shape[..]), "{}", parameter.name);
            }
            let other = ImageSize { height: 9, width: 6 };
            if let Ok(session) = Session::new(imported.graph, &imported.weights, options(false)) {
                for size in [imported.image_size.unwrap_or(other), other] {
                    run(&session, 1, size);
                }
            }
        }
        // Of nodes that are lacking an error names twenty, each with a name as long as the file.
        Err(error) => assert!(error.to_string().len() < 20 * 70_000 + 20_000, "{error}"),
    }
}

/// A model as an ONNX file, where it can be written for images of any size.
pub fn onnx(card: &ModelCard, weights: &StateDict) -> Option<Vec<u8>> {
    marque_onnx::export_bytes(&card.graph, weights, &ExportOptions::default()).ok()
}

/// A model of the graph that bytes describe, if it is small enough to be a seed.
pub fn model(bytes: &[u8]) -> Option<(ModelCard, StateDict)> {
    let Case { graph, size, .. } = Case::new(bytes)?;
    let weights = weights(&graph)?;
    let count: usize = weights.iter().map(|(_, tensor)| tensor.bytes().len()).sum();
    let class_names = vec!["car".to_owned(), "no car".to_owned()];
    let preprocess = Preprocess {
        image_size: size,
        ..Preprocess::default()
    };
    let card = ModelCard::new(graph, class_names, preprocess);
    (count < 20_000).then_some((card, weights))
}

/// Runs a graph that bytes describe; by way of its text, since that is how graphs come.
pub fn run_graph(bytes: &[u8]) {
    let Some(case) = Case::new(bytes) else {
        return;
    };
    let text = serde_json::to_string(&case.graph).expect("a graph can be written");
    let graph: Graph = serde_json::from_str(&text).expect("what was built can be read");
    assert_eq!(graph, case.graph);
    match weights(&graph) {
        Some(weights) => {
            if let Ok(session) = Session::new(graph, &weights, options(case.prefers_winograd)) {
                run(&session, case.batch, case.size);
            }
        }
        // A file that lacks everything is an error, however large the graph is. To find out what the file is instead takes time, so
        // that only the largest are asked for.
        None if graph.trained_parameter_count() > 1 << 40 => {
            assert!(Session::new(graph, &StateDict::default(), options(false)).is_err());
        }
        None => (),
    }
}

fn options(prefers_winograd: bool) -> SessionOptions {
    let mut tuning = Tuning::of(InstructionSet::fastest());
    if prefers_winograd {
        tuning.transformed = f64::INFINITY;
        tuning.bytes = f64::INFINITY;
    }
    SessionOptions {
        threads: 1,
        tuning: Some(tuning),
        most_working_bytes: Some(MOST_BYTES),
        ..SessionOptions::default()
    }
}

/// Weights for a graph that has not too many.
fn weights(graph: &Graph) -> Option<StateDict> {
    let mut weights = StateDict::default();
    let mut count = 0_usize;
    for parameter in graph.parameters() {
        count = count.saturating_add(parameter.count());
        if count > MOST_PARAMETERS {
            return None;
        }
        let spread = 1.0 / (parameter.shape.iter().skip(1).product::<usize>().max(1) as f32).sqrt();
        let value = |index: usize| (index.wrapping_mul(7919) % 61) as f32 / 61.0 * spread + 0.01;
        let values: Vec<f32> = (0..parameter.count()).map(value).collect();
        let tensor = Tensor::from_f32(&parameter.shape, &values).expect("as many as the shape has");
        weights.insert(&parameter.name, tensor);
    }
    Some(weights)
}

/// Runs a graph if it does not take too long. Errors are as good as outputs.
fn run(session: &Session, batch: usize, size: ImageSize) {
    let graph = session.graph();
    let summary = graph.summary(size);
    let plan = session.plan(batch, size);
    let (Ok(summary), Ok(plan)) = (&summary, &plan) else {
        // What has no shapes has no plan either.
        assert!(graph.shapes(size).is_ok() || plan.is_err());
        return;
    };
    assert!(plan.working_bytes() <= MOST_BYTES);
    std::hint::black_box(plan.to_string().len());
    let pixels = batch.saturating_mul(size.height).saturating_mul(size.width);
    let numbers = pixels.saturating_mul(graph.input_channels());
    if numbers > MOST_BYTES / 4 || work(graph, summary, batch) > MOST_WORK {
        return;
    }
    let shape = (batch, graph.input_channels(), size.height, size.width);
    let image = |(n, c, y, x): (usize, usize, usize, usize)| ((n + 3 * c + 5 * y + 7 * x) % 11) as f32 - 5.0;
    let images = Array4::from_shape_fn(shape, image);
    let Ok(output) = session.output(images.view()) else {
        assert_eq!(batch, 0, "a plan that was made can be run");
        return;
    };
    let expected = match summary.output() {
        Shape::Map { channels, size } => vec![batch, channels, size.height, size.width],
        Shape::Vector { features } => vec![batch, features],
    };
    assert_eq!(output.shape(), expected);
}

/// About how many vectors a pass computes.
fn work(graph: &Graph, summary: &Summary, batch: usize) -> u64 {
    let mut work = 0_u64;
    for (node, row) in graph.nodes().iter().zip(summary.rows()) {
        let pixels = |shape: Shape| match shape {
            Shape::Map { size, .. } => (size.height as u64).saturating_mul(size.width as u64),
            Shape::Vector { .. } => 1,
        };
        let blocks = |shape: Shape| match shape {
            Shape::Map { channels, .. } => channels.div_ceil(16) as u64,
            Shape::Vector { features } => features.div_ceil(16) as u64,
        };
        let arriving = node
            .inputs
            .first()
            .map(|input| summary.rows()[input.index()].output);
        let arriving = arriving.unwrap_or(row.output);
        let output = pixels(row.output).saturating_mul(blocks(row.output));
        let taps = match &node.op {
            Op::Conv2d(conv) => (conv.kernel_size.height as u64)
                .saturating_mul(conv.kernel_size.width as u64)
                .saturating_mul(16 * blocks(arriving)),
            Op::Linear(linear) => linear.in_features.next_multiple_of(16) as u64,
            Op::MaxPool2d(pool) => (pool.kernel_size as u64).pow(2).min(pixels(arriving)),
            Op::AvgPool2d(pool) => (pool.kernel_size as u64).pow(2).min(pixels(arriving)),
            Op::GlobalAvgPool2d | Op::AdaptiveAvgPool2d(_) => {
                4 + 4 * pixels(arriving) / pixels(row.output).max(1)
            }
            Op::Input { .. }
            | Op::BatchNorm2d(_)
            | Op::LayerNorm2d(_)
            | Op::LayerScale(_)
            | Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::Add
            | Op::Multiply
            | Op::Concat
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. }
            | Op::Flatten => 4,
        };
        work = work.saturating_add(output.saturating_mul(taps));
    }
    work.saturating_mul(batch as u64)
}
