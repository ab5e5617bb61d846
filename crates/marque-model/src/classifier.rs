use crate::{Engine, Error, ModelCard, read_model, softmax};
use image::RgbImage;
use marque_data::decode;
use ndarray::{Array2, ArrayView4, Axis, s};
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
        let engine = E::build(card.graph.clone(), &weights, options).map_err(Error::engine)?;
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

    /// All classes for the photo at `path`, the most probable first.
    ///
    /// # Errors
    /// [`Error::Data`] if it is not a photo that can be read; otherwise as [`classify_photo`](Self::classify_photo).
    pub fn classify(&self, path: &Path) -> Result<Vec<Classification>, Error> {
        self.classify_photo(&decode(path)?)
    }

    /// All classes for a photo of any size, the most probable first.
    ///
    /// # Errors
    /// [`Error::Data`] if it has no pixels, [`Error::Engine`] if the engine fails.
    pub fn classify_photo(&self, photo: &RgbImage) -> Result<Vec<Classification>, Error> {
        let preprocess = &self.card.preprocess;
        let image = preprocess.tensor(&preprocess.resize_image(photo)?);
        let probabilities = self.probabilities(image.insert_axis(Axis(0)).view())?;
        let names = self.card.class_names.iter().cloned();
        let mut classes: Vec<Classification> = names
            .zip(probabilities)
            .map(|(class_name, probability)| Classification {
                class_name,
                probability,
            })
            .collect();
        classes.sort_by(|first, second| second.probability.total_cmp(&first.probability));
        Ok(classes)
    }

    /// Class probabilities of images that are normalised as the card says: N×C×H×W → N×K, in the order of the card's class
    /// names. Where the card says so, each is the mean of the image's own and its mirror image's.
    ///
    /// # Errors
    /// [`Error::Engine`] if the engine fails, [`Error::ClassCount`] if it answers with another number of logits.
    pub fn probabilities(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Error> {
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
