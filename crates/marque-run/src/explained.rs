//! Photos of the test part with what in them speaks for the predicted class, chosen for the page of a run.

use crate::Error;
use crate::photos::PhotosByPath;
use marque_metrics::Predictions;
use marque_model::{ExplainConfig, ModelCard, explain};
use marque_report::{Explanation, heat_overlay};
use marque_torch::Network;
use marque_train::{Event, Observer};

/// Of each class, the photos that were recognised with the greatest confidence.
const RIGHT: usize = 2;
/// And those that were taken for another class with the greatest confidence.
const WRONG: usize = 1;

/// Explains a few photos of each class. Photos that cannot be read any more are named and left out.
pub(crate) fn explanations(
    network: &Network,
    card: &ModelCard,
    predictions: &Predictions,
    photos: &PhotosByPath,
    observer: &mut dyn Observer,
) -> Result<Vec<Explanation>, Error> {
    let mut found = Vec::new();
    for (sample, class) in chosen(predictions)? {
        let path = &predictions.paths[sample];
        let photo = match photos.decode(path) {
            Ok(photo) => photo,
            Err(error) => {
                observer.observe(&Event::Note(&format!("not explained: {error}")))?;
                continue;
            }
        };
        let config = ExplainConfig {
            class: Some(class),
            mirrored: card.mirrored,
            ..Default::default()
        };
        let explained = explain(network, &card.preprocess, &photo, &config)?;
        found.push(Explanation {
            path: path.clone(),
            truth: predictions.labels[sample],
            predicted: class,
            probability: f64::from(predictions.probabilities[[sample, class]]),
            overlay: heat_overlay(&explained.photo, explained.heat.view()),
            photo: explained.photo,
        });
    }
    Ok(found)
}

/// Positions of the photos to explain, each with the class that it was given.
fn chosen(predictions: &Predictions) -> Result<Vec<(usize, usize)>, Error> {
    let mut order: Vec<(usize, usize)> = predictions.predicted()?.into_iter().enumerate().collect();
    order.sort_by(|&first, &second| {
        let [first, second] = [first, second].map(|place| predictions.probabilities[place]);
        second.total_cmp(&first)
    });
    let of_class = |truth: usize, right: bool, most: usize| {
        let fits = move |&&(sample, class): &&(usize, usize)| {
            predictions.labels[sample] == truth && (class == truth) == right
        };
        order.iter().filter(fits).take(most).copied().collect::<Vec<_>>()
    };
    let classes = 0..predictions.class_names.len();
    Ok(classes
        .flat_map(|truth| [of_class(truth, true, RIGHT), of_class(truth, false, WRONG)].concat())
        .collect())
}
