//! Networks filled as the scripts fill theirs.

use marque_arch::{Graph, Parameter};
use marque_testkit::{Golden, formula, statistics};
use marque_weights::{StateDict, Tensor};
use ndarray::ArrayD;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// From the folder of `marque-torch`, whose tests are not the only ones that read them.
pub(crate) fn golden(case: &str, file: &str) -> Golden {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../marque-torch");
    Golden::open(folder, &format!("{case}/{file}.safetensors")).unwrap()
}

pub(crate) fn has(golden: &Golden, name: &str) -> bool {
    golden.names().any(|found| found == name)
}

/// Every parameter by formula, every running statistic out of `statistics`.
pub(crate) fn weights(graph: &Graph, statistics: &BTreeMap<String, ArrayD<f32>>) -> StateDict {
    let parameters = graph.parameters();
    let values: Vec<Tensor> = parameters
        .par_iter()
        .map(|parameter| {
            if parameter.is_trained() {
                by_formula(parameter)
            } else {
                tensor(statistics[&parameter.name].clone())
            }
        })
        .collect();
    let mut weights = StateDict::default();
    for (parameter, values) in parameters.iter().zip(values) {
        weights.insert(&parameter.name, values);
    }
    weights
}

/// The heads of all VGGs have the same names and shapes, and seven eighths of the numbers: they are made once.
fn by_formula(parameter: &Parameter) -> Tensor {
    static LARGE: Mutex<BTreeMap<(String, Vec<usize>), Tensor>> = Mutex::new(BTreeMap::new());
    let made = || tensor(formula::parameter(&parameter.name, &parameter.shape));
    if parameter.count() < 1 << 24 {
        return made();
    }
    let key = (parameter.name.clone(), parameter.shape.clone());
    let mut large = LARGE.lock().unwrap();
    large.entry(key).or_insert_with(made).clone()
}

fn tensor(values: ArrayD<f32>) -> Tensor {
    let shape = values.shape().to_vec();
    let (values, _) = values.into_raw_vec_and_offset();
    Tensor::from_f32(&shape, &values).unwrap()
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
