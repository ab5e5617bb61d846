//! Architectures of each family give the logits of their references: torchvision, timm or Keras. That all do is tested beside
//! LibTorch, by `marque-torch`.
//!
//! The answers are computed in double precision; PyTorch's own in single precision are off by up to 5e-6.

use crate::common::{fitted_statistics, golden, weights};
use marque_arch::{ArchitectureOptions, Graph, architecture};
use marque_infer::{InstructionSet, Session, SessionOptions};
use marque_testkit::{Tolerance, assert_close, formula};
use marque_weights::StateDict;
use ndarray::{ArrayD, Axis, concatenate};

const TOLERANCE: f64 = 1e-4;

fn network(name: &str) -> (Graph, StateDict) {
    let graph = architecture(name, ArchitectureOptions::default()).unwrap();
    let weights = weights(&graph, &fitted_statistics(name, &graph));
    (graph, weights)
}

fn session(name: &str, options: SessionOptions) -> Session {
    let (graph, weights) = network(name);
    Session::new(graph, &weights, options).unwrap()
}

/// The logits of every golden case of a network.
fn compare(name: &str, session: &Session) -> usize {
    let golden = golden("networks", name);
    let cases = golden.names().filter(|key| key.starts_with("logits/"));
    let compare = |key: &str| {
        let (height, width) = key.trim_start_matches("logits/").split_once('x').unwrap();
        let shape = [2, 3, height.parse().unwrap(), width.parse().unwrap()];
        let images = formula::images(shape, &format!("evaluation/{height}x{width}"));
        let found: ArrayD<f32> = session.output(images.view()).unwrap();
        let expected = golden.f32(key).unwrap();
        let what = format!("{name} {key} {}", session.executor().instruction_set());
        let deviation = assert_close(
            &what,
            found.view(),
            expected.view(),
            Tolerance::relative(TOLERANCE),
        );
        println!("{what}: {deviation}");
    };
    cases.map(compare).count()
}

/// Of those without vectors in Rust's sense one network has to do.
#[test]
fn on_every_instruction_set() {
    for instruction_set in InstructionSet::available() {
        let names: &[&str] = match instruction_set {
            InstructionSet::Scalar => &["googlenet"],
            _ => &[
                "resnet18",
                "resnet34-a",
                "densenet121-keras",
                "googlenet",
                "xception-keras",
            ],
        };
        for name in names {
            let options = SessionOptions {
                instruction_set: Some(instruction_set),
                ..SessionOptions::default()
            };
            assert!(compare(name, &session(name, options)) > 0);
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for name in ["resnet18", "densenet121", "xception", "googlenet"] {
        let (graph, weights) = network(name);
        let images = formula::images([3, 3, 97, 131], "threads");
        let logits = [1, 2, 7].map(|threads| {
            let options = SessionOptions {
                threads,
                ..SessionOptions::default()
            };
            let session = Session::new(graph.clone(), &weights, options).unwrap();
            session.logits(images.view()).unwrap()
        });
        assert!(logits.iter().all(|found| *found == logits[0]), "{name}");
        assert!(logits[0].iter().all(|logit| logit.is_finite()));
    }
}

/// A photo's answer does not depend on those beside it; another number of them may choose other kernels, which round otherwise.
#[test]
fn batches_of_any_size_give_the_same_logits() {
    for name in ["resnet18", "googlenet"] {
        let session = session(name, SessionOptions::default());
        let images = formula::images([8, 3, 64, 80], "batches");
        let all = session.logits(images.view()).unwrap();
        let part = |range: std::ops::Range<usize>| {
            let part = images.slice(ndarray::s![range, .., .., ..]);
            session.logits(part).unwrap()
        };
        let apart = concatenate![Axis(0), part(0..1), part(1..4), part(4..7), part(7..8)];
        let tolerance = Tolerance::relative(TOLERANCE);
        assert_close(name, apart.view(), all.view(), tolerance);
    }
}
