//! Two runs, photo by photo.

use marque_metrics::{McNemar, Predictions};

use crate::{Error, FinishedRun};

/// Two runs, by their places among all, and what holds of their photos; `None` where the photos differ.
pub(super) struct Pair {
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) photos: Option<Photos>,
}

/// What two runs said of the same photos.
pub(super) struct Photos {
    pub(super) test: McNemar,
    pub(super) only_first: Vec<Disagreement>,
    pub(super) only_second: Vec<Disagreement>,
}

/// A photo that one run gets right and the other does not.
pub(super) struct Disagreement {
    pub(super) path: String,
    pub(super) truth: usize,
    /// What the run that is wrong took it for,
    pub(super) mistaken_for: usize,
    /// and the probability it gave that class.
    pub(super) confidence: f32,
}

/// The predictions in the order of their paths.
struct Sorted<'a> {
    predictions: &'a Predictions,
    predicted: Vec<usize>,
    order: Vec<usize>,
}

impl<'a> Sorted<'a> {
    fn of(predictions: &'a Predictions) -> Result<Self, Error> {
        let mut order: Vec<usize> = (0..predictions.labels.len()).collect();
        order.sort_by_key(|&sample| (&predictions.paths[sample], predictions.labels[sample]));
        Ok(Self {
            predictions,
            predicted: predictions.predicted()?,
            order,
        })
    }

    fn photo(&self, sample: usize) -> (&str, usize) {
        (&self.predictions.paths[sample], self.predictions.labels[sample])
    }

    fn is_right(&self, sample: usize) -> bool {
        self.predicted[sample] == self.predictions.labels[sample]
    }

    fn right(&self) -> Vec<bool> {
        self.order.iter().map(|&sample| self.is_right(sample)).collect()
    }

    fn has_photos_of(&self, other: &Sorted<'_>) -> bool {
        let (ours, theirs) = (&self.order, &other.order);
        let same = |(&a, &b): (&usize, &usize)| self.photo(a) == other.photo(b);
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(same)
    }

    /// The photos that only this run gets right, those that the other is surest of first.
    fn only_right(&self, other: &Sorted<'_>) -> Vec<Disagreement> {
        let mut found: Vec<Disagreement> = self
            .order
            .iter()
            .zip(&other.order)
            .filter(|&(&ours, &theirs)| self.is_right(ours) && !other.is_right(theirs))
            .map(|(&ours, &theirs)| Disagreement {
                path: self.predictions.paths[ours].clone(),
                truth: self.predictions.labels[ours],
                mistaken_for: other.predicted[theirs],
                confidence: other.predictions.probabilities[[theirs, other.predicted[theirs]]],
            })
            .collect();
        found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        found
    }
}

/// Every pair, each run with those after it.
pub(super) fn all(runs: &[FinishedRun]) -> Result<Vec<Pair>, Error> {
    let sorted: Vec<Sorted<'_>> = runs
        .iter()
        .map(|run| Sorted::of(&run.predictions))
        .collect::<Result<_, _>>()?;
    let mut pairs = Vec::new();
    for (first, ours) in sorted.iter().enumerate() {
        for (second, theirs) in sorted.iter().enumerate().skip(first + 1) {
            let photos = match ours.has_photos_of(theirs) {
                false => None,
                true => Some(Photos {
                    test: McNemar::of(&ours.right(), &theirs.right())?,
                    only_first: ours.only_right(theirs),
                    only_second: theirs.only_right(ours),
                }),
            };
            pairs.push(Pair {
                first,
                second,
                photos,
            });
        }
    }
    Ok(pairs)
}
