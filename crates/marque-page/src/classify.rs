//! A model and what it says of pixels, without a word of how they come here.

use std::path::Path;

use marque_data::{ImageSize, Pixels};
use marque_infer::{Session, SessionOptions};
use marque_model::Classifier;
use serde::Serialize;

use crate::Error;

/// What errors call a file whose name nobody knows any more.
const NAME: &str = "the model file";
/// The memory that one pass may take beside the weights: of four gigabytes that a page can have at most.
const MOST_WORKING_BYTES: usize = 1 << 30;

/// A model that classifies photos one by one, on the thread that asks.
#[derive(Debug)]
pub struct PageClassifier {
    classifier: Classifier<Session>,
}

/// What a page says of its model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// The name of the network.
    pub network: String,
    /// Names of the classes, in the order of the probabilities.
    pub classes: Vec<String>,
    /// The size to which photos are brought, in px.
    pub image_size: ImageSize,
}

/// What a model says of a photo.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// A number from 0 to 1 for each class, in the order of [`Model::classes`]; together they are 1.
    pub probabilities: Vec<f32>,
}

impl PageClassifier {
    /// Reads a model file's contents.
    ///
    /// # Errors
    /// [`Error::Model`] if it is not a model, or one that cannot be run.
    pub fn parse(contents: Vec<u8>) -> Result<Self, Error> {
        let options = SessionOptions {
            threads: 1,
            most_working_bytes: Some(MOST_WORKING_BYTES),
            ..SessionOptions::default()
        };
        let classifier = Classifier::parse(Path::new(NAME), contents, options)?;
        Ok(Self { classifier })
    }

    /// What is to be known of the model.
    pub fn model(&self) -> Model {
        let card = self.classifier.card();
        Model {
            network: card.graph.name().to_owned(),
            classes: card.class_names.clone(),
            image_size: card.preprocess.image_size,
        }
    }

    /// What the model says of a photo, given as four bytes for each pixel: red, green, blue and an opacity that is not multiplied into
    /// them. What is transparent shows white, as in photos that marque decodes itself; `rgba` is changed on the way.
    ///
    /// # Errors
    /// [`Error::Photo`] if there are not as many pixels as the sides say, or none; [`Error::Model`] if the network cannot be run at its
    /// size, [`Error::NoNumber`].
    pub fn classify(&self, rgba: &mut [u8], width_px: u32, height_px: u32) -> Result<Answer, Error> {
        marque_data::over_white(rgba);
        let pixels = Pixels::rgba(rgba, width_px, height_px)?;
        let looks = self.classifier.looks(pixels)?;
        // One photo went in.
        let mut answers = self.classifier.looks_probabilities(&[looks])?;
        let probabilities = answers.pop().unwrap_or_default();
        let names = &self.classifier.card().class_names;
        match names
            .iter()
            .zip(&probabilities)
            .find(|(_, value)| !value.is_finite())
        {
            None => Ok(Answer { probabilities }),
            Some((name, _)) => Err(Error::NoNumber { class: name.clone() }),
        }
    }
}
