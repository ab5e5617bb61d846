use crate::Error;
use crate::error::During;
use marque_data::{BadFile, Batch, Loader};
use marque_metrics::Predictions;
use marque_torch::{Device, Kind, Mode, Network, Tensor, array_from_tensor, tensor_from_images};
use ndarray::{Array2, Axis, Ix2};

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
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    loss: f64,
    correct: f64,
    pub(crate) images: usize,
}

impl Sums {
    /// Adds a batch with this mean loss.
    pub(crate) fn add(&mut self, mean_loss: f64, correct: f64, images: usize) {
        self.loss += mean_loss * images as f64;
        self.correct += correct;
        self.images += images;
    }

    pub(crate) fn loss(&self) -> f64 {
        self.loss / self.images as f64
    }

    pub(crate) fn accuracy(&self) -> f64 {
        self.correct / self.images as f64
    }
}

/// A batch on the network's device.
#[derive(Debug)]
pub(crate) struct DeviceBatch {
    pub(crate) images: Tensor,
    pub(crate) labels: Tensor,
}

impl DeviceBatch {
    pub(crate) fn new(batch: &Batch, device: Device) -> Result<Self, Error> {
        let images = tensor_from_images(batch.images.view(), device)?;
        let labels = Tensor::f_from_slice(&batch.labels).and_then(|labels| labels.f_to_device(device));
        Ok(Self {
            images,
            labels: labels.during("the labels of a batch")?,
        })
    }

    /// Mean loss and right predictions of the network in evaluation mode.
    pub(crate) fn measured(&self, network: &Network) -> Result<(f64, f64), Error> {
        tch::no_grad(|| {
            let logits = network.forward(&self.images, Mode::Evaluation)?;
            let loss = self.cross_entropy(&logits, 0.0)?.f_double_value(&[]);
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

    /// Mean cross-entropy in nats, towards labels smoothed by this much (Szegedy et al. 2015, arXiv:1512.00567).
    pub(crate) fn cross_entropy(&self, logits: &Tensor, label_smoothing: f64) -> Result<Tensor, Error> {
        logits
            .f_cross_entropy_loss(
                &self.labels,
                None::<&Tensor>,
                tch::Reduction::Mean,
                -100,
                label_smoothing,
            )
            .during("the loss of a batch")
    }
}

/// The network's loss and accuracy in evaluation mode over one pass of `loader`.
///
/// # Errors
/// [`Error::Data`] if a photo cannot be read and the loader is to stop at it, [`Error::Torch`] if the network does
/// not fit the photos or there is no memory.
pub fn evaluate(network: &Network, loader: &Loader) -> Result<Evaluation, Error> {
    let mut sums = Sums::default();
    let mut batches = loader.epoch(0);
    for batch in &mut batches {
        let batch = batch?;
        let (loss, correct) = DeviceBatch::new(&batch, network.device())?.measured(network)?;
        sums.add(loss, correct, batch.len());
    }
    let skipped = batches.skipped().to_vec();
    Ok(Evaluation {
        loss: sums.loss(),
        accuracy: sums.accuracy(),
        images: sums.images,
        skipped,
    })
}

/// The network's class probabilities (softmax of its logits) for every photo of `loader`, with the photo's path
/// and true class beside them. Photos that could not be read come second.
///
/// # Errors
/// As [`evaluate()`], and [`Error::ClassCount`] if the network has not one logit for each of `class_names`.
pub fn predict(
    network: &Network,
    loader: &Loader,
    class_names: &[String],
) -> Result<(Predictions, Vec<BadFile>), Error> {
    let mut paths = Vec::with_capacity(loader.len());
    let mut labels = Vec::with_capacity(loader.len());
    let mut probabilities = Array2::<f32>::zeros((0, class_names.len()));
    let mut batches = loader.epoch(0);
    for batch in &mut batches {
        let batch = batch?;
        let rows = softmax(network, &batch, class_names.len())?;
        // The widths were compared, so that the rows always fit.
        let mismatch = |_| Error::ClassCount {
            expected: class_names.len(),
            found: rows.ncols(),
        };
        probabilities.append(Axis(0), rows.view()).map_err(mismatch)?;
        for &index in &batch.indices {
            let sample = &loader.samples()[index];
            paths.push(sample.path.display().to_string());
            labels.push(sample.label);
        }
    }
    let skipped = batches.skipped().to_vec();
    Ok((
        Predictions {
            class_names: class_names.to_vec(),
            paths,
            labels,
            probabilities,
        },
        skipped,
    ))
}

fn softmax(network: &Network, batch: &Batch, classes: usize) -> Result<Array2<f32>, Error> {
    let images = tensor_from_images(batch.images.view(), network.device())?;
    let probabilities = tch::no_grad(|| {
        let logits = network.forward(&images, Mode::Evaluation)?;
        logits
            .f_softmax(-1, Kind::Float)
            .during("the probabilities of a batch")
    })?;
    let rows = array_from_tensor(&probabilities)?;
    let found = rows.shape().last().copied().unwrap_or(0);
    match rows.into_dimensionality::<Ix2>() {
        Ok(rows) if rows.ncols() == classes => Ok(rows),
        _ => Err(Error::ClassCount {
            expected: classes,
            found,
        }),
    }
}
