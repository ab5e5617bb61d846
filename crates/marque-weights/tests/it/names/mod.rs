//! Name maps, through the public API: those of Keras against lists that have been proven by running both networks, see
//! `golden/names/generate.py`.

mod beside;
mod keras;
mod policies;
mod torch;

use marque_arch::{ArchitectureOptions, Graph, architecture};
use marque_weights::{DType, MatchPolicy, StateDict, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// A tensor's name in a file that names layers, its path in one that numbers them, its shape, the parameter.
type Row = (String, String, Vec<usize>, String);

#[derive(serde::Deserialize)]
struct Golden {
    tensors: Vec<Row>,
}

fn golden(name: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/names/{name}.json"));
    let text = std::fs::read_to_string(path).unwrap();
    let golden: Golden = serde_json::from_str(&text).unwrap();
    assert!(golden.tensors.len() > 20);
    golden.tensors
}

fn zeros(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    Tensor::new(DType::F16, shape, vec![0; 2 * count]).unwrap()
}

fn graph(name: &str, num_classes: usize) -> Graph {
    let options = ArchitectureOptions {
        num_classes,
        ..ArchitectureOptions::default()
    };
    architecture(name, options).unwrap()
}

/// A file with tensors of these names and shapes.
fn file<N: Into<String>>(tensors: impl IntoIterator<Item = (N, Vec<usize>)>) -> StateDict {
    let tensors = tensors.into_iter();
    tensors
        .map(|(name, shape)| (name.into(), zeros(&shape)))
        .collect()
}

/// The parameters of a graph as a file.
fn parameters(graph: &Graph) -> impl Iterator<Item = (String, Vec<usize>)> {
    graph
        .parameters()
        .into_iter()
        .map(|parameter| (parameter.name, parameter.shape))
}

/// Checks that exactly these tensors have become these parameters, and that no parameter lacks.
fn check(weights: &StateDict, graph: &Graph, expected: impl Iterator<Item = (String, String)>) {
    let matched = weights.matched_to(graph, MatchPolicy::Strict).unwrap();
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (tensor, parameter) in expected {
        wanted.entry(parameter).or_default().push(tensor);
    }
    let mut filled = 0;
    for loaded in &matched.account.loaded {
        let mut tensors = wanted.remove(&loaded.parameter).unwrap_or_default();
        let mut found = loaded.tensors.clone();
        tensors.sort();
        found.sort();
        assert_eq!(found, tensors, "{}", loaded.parameter);
        filled += usize::from(found.is_empty());
    }
    assert!(wanted.is_empty(), "{wanted:?}");
    assert_eq!(matched.account.loaded.len(), graph.parameters().len());
    assert!(filled == 0 || graph.name() == "inception_v3");
    for parameter in graph.parameters() {
        assert_eq!(
            matched.weights.get(&parameter.name).unwrap().shape(),
            parameter.shape
        );
    }
}
