use crate::{Engine, Error, Looks, ModelCard, parse_model, read_model, softmax};
use marque_data::Pixels;
use marque_metrics::temper;
use marque_weights::StateDict;
use ndarray::{Array2, ArrayView4, s};
use std::path::Path;

/// A trained model on an engine, ready to name what photos show.
#[derive(Debug)]
pub struct Classifier<E> {
    card: ModelCard,
    engine: E,
}

/// A class and how probable the model holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// The class.
    pub class_name: String,
    /// From 0 to 1; over all classes they sum to 1.
    pub probability: f32,
}

impl<E: Engine> Classifier<E> {
    /// Reads a model file.
    ///
    /// # Errors
    /// [`Error::Weights`] and [`Error::NotAModel`] for files that are not models, [`Error::ClassCount`] if network and
    /// class names differ in number, [`Error::Engine`] if the engine cannot run it.
    pub fn open(path: &Path, options: E::Options) -> Result<Self, Error> {
        let (card, weights) = read_model(path)?;
        Self::new(card, &weights, options)
    }

    /// [`open`](Self::open) of a file's contents, whose errors say that they are from `path`: for whoever lets a file be written anew
    /// while the model is in use, which a mapped one does not bear.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse(path: &Path, contents: Vec<u8>, options: E::Options) -> Result<Self, Error> {
        let (card, weights) = parse_model(path, contents)?;
        Self::new(card, &weights, options)
    }

    /// Of a network that comes from elsewhere than a model file: with weights that have the names and shapes of its parameters.
    ///
    /// # Errors
    /// As [`open`](Self::open), without those of the file.
    pub fn new(card: ModelCard, weights: &StateDict, options: E::Options) -> Result<Self, Error> {
        let found = match card.graph.summary(card.preprocess.image_size)?.output() {
            marque_arch::Shape::Vector { features } => features,
            marque_arch::Shape::Map { channels, .. } => channels,
        };
        if found != card.class_names.len() {
            return Err(Error::ClassCount {
                expected: card.class_names.len(),
                found,
            });
        }
        let engine = E::build(card.graph.clone(), weights, options).map_err(Error::engine)?;
        Ok(Self { card, engine })
    }

    /// What the model says about itself.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// What runs the network.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// The classes with their probabilities, which stand in the order of the card's class names; the most probable first.
    pub fn ranked(&self, probabilities: Vec<f32>) -> Vec<Classification> {
        sorted(&self.card.class_names, probabilities)
    }

    /// What the network is to see of a photo of any size. For whoever prepares photos on other threads than those that compute.
    ///
    /// # Errors
    /// [`Error::Data`] if it has no pixels.
    pub fn looks<'a>(&self, photo: impl Into<Pixels<'a>>) -> Result<Looks, Error> {
        let photo = photo.into();
        let preprocess = &self.card.preprocess;
        let views = self.card.test_augment().views(preprocess.image_size);
        let images = views.iter().map(|view| Ok(preprocess.look(photo, view)?));
        Ok(Looks {
            images: images.collect::<Result<_, Error>>()?,
        })
    }

    /// Class probabilities of several photos, in the order of the card's class names, computed together: for each the mean of all
    /// looks at it that the card asks for, at the card's temperature. An engine may choose other kernels for
    /// more images, and then the last bits differ.
    ///
    /// # Errors
    /// [`Error::OtherLooks`] if a photo was looked at otherwise than this model asks for, or there is none; otherwise as
    /// [`probabilities`](Self::probabilities).
    pub fn looks_probabilities(&self, photos: &[Looks]) -> Result<Vec<Vec<f32>>, Error> {
        let views = self
            .card
            .test_augment()
            .views(self.card.preprocess.image_size)
            .len();
        let mut sums = Array2::zeros((photos.len(), self.card.class_names.len()));
        for view in 0..views {
            sums += &self.mirrored_mean(Looks::batch(photos, view)?.view())?;
        }
        Ok(self.mean_of_looks(sums, views))
    }

    /// A row for each photo: its mean over so many looks, at the card's temperature.
    pub(crate) fn mean_of_looks(&self, sums: Array2<f32>, looks: usize) -> Vec<Vec<f32>> {
        let count = looks.max(1) as f32;
        let rows = sums.rows().into_iter().map(|sums| {
            let mut mean: Vec<f32> = sums.iter().map(|sum| sum / count).collect();
            temper(&mut mean, self.card.temperature);
            mean
        });
        rows.collect()
    }

    /// Class probabilities of images that are normalised as the card says: N×C×H×W → N×K, in the order of the card's class
    /// names. Where the card says so, each is the mean of the image's own and its mirror image's, and at a temperature; of photos
    /// at several scales or in several parts see [`looks_probabilities`](Self::looks_probabilities).
    ///
    /// # Errors
    /// [`Error::Engine`] if the engine fails, [`Error::ClassCount`] if it answers with another number of logits.
    pub fn probabilities(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Error> {
        let mut mean = self.mirrored_mean(images)?;
        for mut row in mean.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                temper(row, self.card.temperature);
            }
        }
        Ok(mean)
    }

    pub(crate) fn mirrored_mean(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Error> {
        let own = self.of_view(images)?;
        if !self.card.mirrored {
            return Ok(own);
        }
        let mirrored = images.slice(s![.., .., .., ..;-1]);
        Ok((own + self.of_view(mirrored)?) * 0.5)
    }

    fn of_view(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Error> {
        let logits = self.engine.logits(images).map_err(Error::engine)?;
        let (expected, found) = (self.card.class_names.len(), logits.ncols());
        if found != expected {
            return Err(Error::ClassCount { expected, found });
        }
        Ok(softmax(logits))
    }
}

/// Classes with their probabilities, the most probable first.
pub(crate) fn sorted(names: &[String], probabilities: impl IntoIterator<Item = f32>) -> Vec<Classification> {
    let mut classes: Vec<Classification> = names
        .iter()
        .cloned()
        .zip(probabilities)
        .map(|(class_name, probability)| Classification {
            class_name,
            probability,
        })
        .collect();
    classes.sort_by(|first, second| second.probability.total_cmp(&first.probability));
    classes
}
