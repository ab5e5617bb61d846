//! The mean of several models' weights.

use crate::{Error, ModelCard, read_model};
use marque_weights::{StateDict, Tensor};
use std::path::Path;

/// The mean of the weights of several models of one network (a "model soup": Wortsman et al. 2022, arXiv:2203.05482): one model that
/// costs what each of them does. It is good where they were fine-tuned from the same weights, so that they lie in one valley; the
/// running statistics of batch norms are averaged like weights. The card is the first model's, whose temperature was measured of
/// another and is forgotten.
///
/// # Errors
/// Those of [`read_model`]; [`Error::NoModels`], [`Error::OtherClasses`] for other classes or another order of them,
/// [`Error::OtherNetwork`].
pub fn soup(paths: &[impl AsRef<Path>]) -> Result<(ModelCard, StateDict), Error> {
    let (first, rest) = paths.split_first().ok_or(Error::NoModels)?;
    let (card, weights) = read_model(first.as_ref())?;
    let mut sums: Vec<(String, Vec<f64>)> = weights
        .iter()
        .map(|(name, tensor)| (name.to_owned(), tensor.to_f64()))
        .collect();
    for path in rest {
        let path = path.as_ref();
        let (own, others) = read_model(path)?;
        if own.class_names != card.class_names {
            return Err(Error::OtherClasses {
                expected: card.class_names.join(", "),
                found: own.class_names.join(", "),
            });
        }
        let other = |what: String| Error::OtherNetwork {
            path: path.to_owned(),
            what,
        };
        if own.graph != card.graph {
            return Err(other(format!("graph is {}'s", own.graph.name())));
        }
        for (name, sum) in &mut sums {
            let tensor = others
                .get(name)
                .filter(|tensor| tensor.shape() == weights.get(name).map_or(&[][..], Tensor::shape));
            let tensor = tensor.ok_or_else(|| other(format!("{name} is missing or of another shape")))?;
            for (sum, value) in sum.iter_mut().zip(tensor.to_f64()) {
                *sum += value;
            }
        }
    }
    let mut means = StateDict::default();
    for (name, sum) in sums {
        let values: Vec<f32> = sum.iter().map(|sum| (sum / paths.len() as f64) as f32).collect();
        let shape = weights.get(&name).map_or(&[][..], Tensor::shape);
        means.insert(name, Tensor::from_f32(shape, &values)?);
    }
    let card = ModelCard {
        temperature: 1.0,
        ..card
    };
    Ok((card, means))
}
