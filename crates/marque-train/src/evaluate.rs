use crate::error::During;
use crate::examples::{ExampleBatch, Input};
use crate::loss::cross_entropy;
use crate::ranks::Ranks;
use crate::{Error, Examples, PredictRecipe};
use marque_data::BadFile;
use marque_dist::{Alone, Group};
use marque_metrics::{Predictions, ProbabilityMeans};
use marque_torch::{Kind, Mode, Network, Tensor, array_from_tensor};
use ndarray::{Array2, Ix2};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Loss and accuracy over a part of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy per photo, in nats.
    pub loss: f64,
    /// Share of photos whose most probable class is the true one.
    pub accuracy: f64,
    /// Photos that were evaluated.
    pub images: usize,
    /// Photos that could not be read. They count in nothing else.
    pub skipped: Vec<BadFile>,
}

/// Sums over samples, so that a shorter last batch weighs what it should.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// Of the losses.
    pub loss: f64,
    /// Right predictions.
    pub correct: f64,
    /// Number of samples.
    pub images: usize,
}

impl Sums {
    /// Adds a batch with this mean loss.
    pub(crate) fn add(&mut self, mean_loss: f64, correct: f64, images: usize) {
        self.loss += mean_loss * images as f64;
        self.correct += correct;
        self.images += images;
    }

    /// Turns them into those of all ranks.
    fn over(&mut self, ranks: &Ranks) -> Result<(), Error> {
        let mut numbers = [self.loss, self.correct, self.images as f64];
        ranks.sums(&mut numbers)?;
        let [loss, correct, images] = numbers;
        *self = Self {
            loss,
            correct,
            images: images as usize,
        };
        Ok(())
    }

    /// The mean loss of a sample.
    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss / self.images as f64
    }

    pub(crate) fn accuracy(&self) -> f64 {
        self.correct / self.images as f64
    }
}

impl ExampleBatch {
    /// Mean loss and right predictions of the network in evaluation mode.
    pub(crate) fn measured(&self, network: &Network) -> Result<(f64, f64), Error> {
        tch::no_grad(|| {
            let logits = network.forward(self.input.start(), Mode::Evaluation)?;
            let loss = cross_entropy(&logits, &self.labels)?.f_double_value(&[]);
            Ok((loss.during("the loss of a batch")?, self.correct(&logits)?))
        })
    }

    /// How many of the logits are largest at the true class.
    pub(crate) fn correct(&self, logits: &Tensor) -> Result<f64, Error> {
        let hits = logits
            .f_argmax(1, false)
            .and_then(|predicted| predicted.f_eq_tensor(&self.labels));
        let count = hits
            .and_then(|hits| hits.f_sum(Kind::Float))
            .and_then(|count| count.f_double_value(&[]));
        count.during("the accuracy of a batch")
    }
}

/// The network's loss and accuracy in evaluation mode over one pass of `examples`.
///
/// # Errors
/// [`Error::Data`] if a photo cannot be read and the loader is to stop at it, [`Error::NothingReadable`] if none can be,
/// [`Error::Torch`] if the network does not fit the photos or there is no memory.
pub fn evaluate(network: &Network, examples: impl Into<Examples>) -> Result<Evaluation, Error> {
    evaluate_among(&Ranks::alone(), network, &examples.into())
}

/// As [`evaluate()`], by the processes of a group together: each photo is looked at by one of them, and all of them have the result.
///
/// # Errors
/// As [`evaluate()`], and [`Error::Group`].
pub fn evaluate_in_group(
    network: &Network,
    examples: impl Into<Examples>,
    group: Arc<dyn Group>,
) -> Result<Evaluation, Error> {
    evaluate_among(&Ranks::of(group)?, network, &examples.into())
}

pub(crate) fn evaluate_among(
    ranks: &Ranks,
    network: &Network,
    examples: &Examples,
) -> Result<Evaluation, Error> {
    let mut sums = Sums::default();
    let mut batches = examples.as_they_are(ranks.share(), network.device())?;
    for batch in &mut batches {
        let batch = batch?;
        if batch.is_empty() {
            continue;
        }
        let (loss, correct) = batch.measured(network)?;
        sums.add(loss, correct, batch.len());
    }
    sums.over(ranks)?;
    let skipped = ranks.all_files(batches.skipped())?;
    if sums.images == 0 {
        return Err(Error::nothing_readable(
            "evaluation",
            examples.loader().len(),
            &skipped,
        ));
    }
    Ok(Evaluation {
        loss: sums.mean_loss(),
        accuracy: sums.accuracy(),
        images: sums.images,
        skipped,
    })
}

/// The network's class probabilities (softmax of its logits) for all of `examples`, with the photo's path
/// and true class beside them. Photos that could not be read come second.
///
/// Each photo's probabilities are the mean of all looks at it that [`PredictRecipe::test_augment`] asks for: a car seen from the other
/// side is the same car, and two looks err less than one. Each look takes the time of one. Kept features are looked at once.
///
/// # Errors
/// As [`evaluate()`], and [`Error::ClassCount`] if the network has not one logit for each of `class_names`.
///
/// ```no_run
/// # use marque_train::{Error, Prepared, Recipe, predict};
/// # fn test(network: &marque_torch::Network, data: &Prepared) -> Result<(), Error> {
/// let recipe = Recipe::fast().predict;
/// let (predictions, unreadable) = predict(network, &data.test, &data.class_names, &recipe)?;
/// println!("{:?}; {} photos left out", predictions.probabilities.row(0), unreadable.len());
/// # Ok(())
/// # }
/// ```
pub fn predict(
    network: &Network,
    examples: impl Into<Examples>,
    class_names: &[String],
    how: &PredictRecipe,
) -> Result<(Predictions, Vec<BadFile>), Error> {
    predict_in_group(network, examples, class_names, how, Arc::new(Alone))
}

/// As [`predict`], by the processes of a group together: each photo is looked at by one of them, and all of them have all predictions.
///
/// # Errors
/// As [`predict`], and [`Error::Group`].
pub fn predict_in_group(
    network: &Network,
    examples: impl Into<Examples>,
    class_names: &[String],
    how: &PredictRecipe,
    group: Arc<dyn Group>,
) -> Result<(Predictions, Vec<BadFile>), Error> {
    let (examples, ranks) = (examples.into(), Ranks::of(group)?);
    let probabilities_of = if how.mirrored { mirrored_softmax } else { softmax };
    let looks = match &examples {
        Examples::Photos(loader) => {
            let views = how.test_augment().views(loader.preprocess().image_size);
            let loaders = views
                .iter()
                .map(|view| Ok(Examples::Photos(loader.with_view(view)?)));
            loaders.collect::<Result<Vec<_>, Error>>()?
        }
        Examples::Features(_) => vec![examples.clone()],
    };
    let mut means = ProbabilityMeans::new(class_names.len());
    let mut skipped: Vec<BadFile> = Vec::new();
    for look in &looks {
        let mut batches = look.as_they_are(ranks.share(), network.device())?;
        // As bits: a number that is none is one of them, too.
        let mut answers: Vec<(usize, Vec<u32>)> = Vec::new();
        for batch in &mut batches {
            let batch = batch?;
            if batch.is_empty() {
                continue;
            }
            let rows = rows(&probabilities_of(network, &batch.input)?, class_names.len())?;
            let rows = rows
                .rows()
                .into_iter()
                .map(|row| row.iter().map(|number| number.to_bits()).collect());
            answers.extend(batch.indices.iter().copied().zip(rows));
        }
        for (index, row) in ranks.gathered(answers)?.into_iter().flatten() {
            means.add(index, row.into_iter().map(f32::from_bits));
        }
        let new = batches.skipped().iter().filter(|file| !skipped.contains(file));
        let new: Vec<BadFile> = new.cloned().collect();
        skipped.extend(new);
    }
    let skipped = ranks.all_files(&skipped)?;
    let samples = examples.loader().samples();
    let predictions = means.predictions(looks.len(), class_names, |index| {
        let sample = &samples[index];
        (sample.path.display().to_string(), sample.label)
    });
    if predictions.labels.is_empty() {
        return Err(Error::nothing_readable("evaluation", samples.len(), &skipped));
    }
    Ok((predictions, skipped))
}

/// Class probabilities, `[N, K]`.
fn softmax(network: &Network, input: &Input) -> Result<Tensor, Error> {
    tch::no_grad(|| {
        let logits = network.forward(input.start(), Mode::Evaluation)?;
        logits
            .f_softmax(-1, Kind::Float)
            .during("the probabilities of a batch")
    })
}

/// The mean of the class probabilities of images and of their mirror images, `[N, K]`.
fn mirrored_softmax(network: &Network, input: &Input) -> Result<Tensor, Error> {
    let own = softmax(network, input)?;
    let Input::Images(images) = input else {
        return Ok(own);
    };
    let mirrored = images.f_flip([3]).during("a mirror image")?;
    let other = softmax(network, &Input::Images(mirrored))?;
    let mean = own.f_add(&other).and_then(|sum| sum.f_mul_scalar(0.5));
    mean.during("the probabilities of a batch")
}

fn rows(probabilities: &Tensor, classes: usize) -> Result<Array2<f32>, Error> {
    let rows = array_from_tensor(probabilities)?;
    let found = rows.shape().last().copied().unwrap_or(0);
    match rows.into_dimensionality::<Ix2>() {
        Ok(rows) if rows.ncols() == classes => Ok(rows),
        _ => Err(Error::ClassCount {
            expected: classes,
            found,
        }),
    }
}
