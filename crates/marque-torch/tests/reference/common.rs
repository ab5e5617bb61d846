//! Networks filled as the scripts fill theirs.

use marque_arch::Graph;
use marque_testkit::{Golden, formula, statistics};
use marque_weights::{StateDict, Tensor};
use ndarray::ArrayD;
use rayon::prelude::*;
use std::collections::BTreeMap;

pub(crate) fn golden(case: &str, file: &str) -> Golden {
    Golden::open(env!("CARGO_MANIFEST_DIR"), &format!("{case}/{file}.safetensors")).unwrap()
}

pub(crate) fn has(golden: &Golden, name: &str) -> bool {
    golden.names().any(|found| found == name)
}

/// Every parameter by formula, every running statistic out of `statistics`.
pub(crate) fn weights(graph: &Graph, statistics: &BTreeMap<String, ArrayD<f32>>) -> StateDict {
    let parameters = graph.parameters();
    let values: Vec<ArrayD<f32>> = parameters
        .par_iter()
        .map(|parameter| {
            if parameter.is_trained() {
                formula::parameter(&parameter.name, &parameter.shape)
            } else {
                statistics[&parameter.name].clone()
            }
        })
        .collect();
    let mut weights = StateDict::default();
    for (parameter, values) in parameters.iter().zip(values) {
        let (values, _) = values.into_raw_vec_and_offset();
        weights.insert(
            &parameter.name,
            Tensor::from_f32(&parameter.shape, &values).unwrap(),
        );
    }
    weights
}

/// The statistics of a network of the case `networks`. A variant that has those of its base brings none.
pub(crate) fn fitted_statistics(name: &str, graph: &Graph) -> BTreeMap<String, ArrayD<f32>> {
    let mut found = golden("networks", name);
    if !has(&found, "statistics/codes") {
        let base = name.strip_suffix("-keras").or(name.strip_suffix("-v1"));
        match base {
            Some(base) => found = golden("networks", base),
            None => return BTreeMap::new(),
        }
    }
    let parameters = graph.parameters();
    let means = parameters
        .iter()
        .filter_map(|parameter| Some((parameter.name.strip_suffix(".running_mean")?, parameter.shape[0])));
    let (layers, channels): (Vec<&str>, Vec<usize>) = means.unzip();
    let layers = layers
        .into_iter()
        .zip(statistics::unpack(&found, &channels).unwrap());
    let named = layers.flat_map(|(layer, values)| {
        let vector = |values: Vec<f32>| ndarray::Array1::from(values).into_dyn();
        [
            (format!("{layer}.running_mean"), vector(values.mean)),
            (format!("{layer}.running_var"), vector(values.variance)),
        ]
    });
    named.collect()
}
