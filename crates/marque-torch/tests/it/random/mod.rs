//! Random graphs give the same answers without LibTorch as with it.

mod graphs;

use graphs::{Description, description};
use marque_arch::{Graph, ImageSize, Op, Shape};
use marque_infer::{InstructionSet, Session, SessionOptions, Tuning};
use marque_testkit::{Tolerance, assert_close, formula};
use marque_torch::{Device, Mode, Network, NetworkOptions, array_from_tensor, tensor_from_images};
use marque_weights::{StateDict, Tensor};
use ndarray::{ArrayD, ArrayView4};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

/// What may be off, of the largest value: a dozen layers whose sums come in another order, some of them by Winograd's method, which
/// costs one to two digits.
const TOLERANCE: Tolerance = Tolerance {
    absolute: 1e-6,
    relative: 1e-4,
};

/// Graphs that a test looks at, unless `PROPTEST_CASES` says how many.
const CASES: u32 = 80;

/// The same graphs on every day.
fn runner() -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").map_or(CASES, |count| count.parse().unwrap());
    TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(20),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    })
}

fn weights(graph: &Graph) -> StateDict {
    let mut weights = StateDict::default();
    for parameter in graph.parameters() {
        let values = formula::parameter(&parameter.name, &parameter.shape);
        let (values, _) = values.into_raw_vec_and_offset();
        weights.insert(
            &parameter.name,
            Tensor::from_f32(&parameter.shape, &values).unwrap(),
        );
    }
    weights
}

/// What LibTorch says.
fn expected(graph: &Graph, weights: &StateDict, images: ArrayView4<'_, f32>) -> ArrayD<f32> {
    let network = Network::with_weights(graph.clone(), weights, NetworkOptions::default()).unwrap();
    if ends_in_vector(graph, images) {
        return network.predict(images).unwrap().into_dyn();
    }
    let images = tensor_from_images(images, Device::Cpu).unwrap();
    array_from_tensor(&network.forward(&images, Mode::Evaluation).unwrap()).unwrap()
}

/// Whether there is a vector per image, which logits are.
fn ends_in_vector(graph: &Graph, images: ArrayView4<'_, f32>) -> bool {
    let (_, _, height, width) = images.dim();
    let shapes = graph.shapes(ImageSize { height, width }).unwrap();
    matches!(shapes[graph.output().index()], Shape::Vector { .. })
}

/// The outputs of a session on each instruction set, with one thread.
fn outputs(
    description: &Description,
    graph: &Graph,
    weights: &StateDict,
    images: ArrayView4<'_, f32>,
) -> Result<Vec<(InstructionSet, ArrayD<f32>)>, TestCaseError> {
    let mut found = Vec::new();
    for instruction_set in InstructionSet::available() {
        let mut tuning = Tuning::of(instruction_set);
        if description.prefers_winograd {
            tuning.transformed = f64::INFINITY;
            tuning.bytes = f64::INFINITY;
        }
        let by_threads = [1, 3].map(|threads| {
            let options = SessionOptions {
                threads,
                instruction_set: Some(instruction_set),
                tuning: Some(tuning),
                ..SessionOptions::default()
            };
            let session = Session::new(graph.clone(), weights, options)?;
            match ends_in_vector(graph, images) {
                true => Ok(session.logits(images)?.into_dyn()),
                false => session.output(images),
            }
        });
        let [one, three] = by_threads
            .map(|output| output.map_err(|error| TestCaseError::fail(format!("{instruction_set}: {error}"))));
        let (one, three) = (one?, three?);
        let bits = |output: &ArrayD<f32>| output.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
        prop_assert_eq!(
            bits(&one),
            bits(&three),
            "{} with 1 and 3 threads",
            instruction_set
        );
        found.push((instruction_set, one));
    }
    Ok(found)
}

fn compare(description: &Description) -> Result<f64, TestCaseError> {
    let graph = description.graph();
    let weights = weights(&graph);
    let images = formula::images(description.images(), "random graphs");
    let expected = expected(&graph, &weights, images.view());
    let mut worst = 0.0f64;
    for (instruction_set, found) in outputs(description, &graph, &weights, images.view())? {
        let what = instruction_set.to_string();
        let deviation = assert_close(&what, found.view(), expected.view(), TOLERANCE);
        worst = worst.max(deviation.relative());
    }
    Ok(worst)
}

#[test]
fn random_graphs_give_what_libtorch_gives() {
    let worst = std::cell::Cell::new(0.0f64);
    let result = runner().run(&description(), |description| {
        worst.set(worst.get().max(compare(&description)?));
        Ok(())
    });
    println!("at most {:.2e} of the largest value", worst.get());
    if let Err(TestError::Fail(reason, description)) = &result {
        let graph = description.graph();
        let nodes: Vec<String> = graph.nodes().iter().map(|node| format!("{node:?}")).collect();
        panic!(
            "{reason}\n{description:?}\n{}\noutput {:?}",
            nodes.join("\n"),
            graph.output()
        );
    }
    result.unwrap();
}

/// Marks which operation a node does, so that a new one has to be put into the generator, too.
fn place(op: &Op) -> usize {
    match op {
        Op::Input { .. } => 0,
        Op::Conv2d(_) => 1,
        Op::BatchNorm2d(_) => 2,
        Op::Relu => 3,
        Op::Sigmoid => 4,
        Op::MaxPool2d(_) => 5,
        Op::AvgPool2d(_) => 6,
        Op::GlobalAvgPool2d => 7,
        Op::AdaptiveAvgPool2d(_) => 8,
        Op::Add => 9,
        Op::Concat => 10,
        Op::Subsample { .. } => 11,
        Op::PadChannels { .. } => 12,
        Op::Dropout { .. } => 13,
        Op::Flatten => 14,
        Op::Linear(_) => 15,
        Op::Relu6 => 16,
        Op::Silu => 17,
        Op::HardSwish => 18,
        Op::HardSigmoid => 19,
        Op::Gelu => 20,
        Op::LayerNorm2d(_) => 21,
        Op::LayerScale(_) => 22,
        Op::Multiply => 23,
        Op::StochasticDepth { .. } => 24,
    }
}

#[test]
fn random_graphs_have_every_operation_where_the_output_depends_on_it() {
    let counts = std::cell::RefCell::new([0usize; 25]);
    let run = runner().run(&description(), |description| {
        let graph = description.graph();
        let needed = graph.ancestors([graph.output()]);
        for (node, _) in graph.nodes().iter().zip(needed).filter(|(_, needed)| *needed) {
            counts.borrow_mut()[place(&node.op)] += 1;
        }
        Ok(())
    });
    run.unwrap();
    println!("nodes of each operation: {:?}", counts.borrow());
    assert!(counts.into_inner().iter().all(|&count| count >= 3));
}
