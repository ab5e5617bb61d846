use crate::evaluate::{mirrored_softmax, softmax};
use crate::examples::Input;
use crate::{Error, ModelCard, read_model};
use marque_data::decode;
use marque_torch::{Device, Network, NetworkOptions, array_from_tensor, tensor_from_images};
use ndarray::Axis;
use std::path::Path;

/// A trained model, ready to name what photos show.
#[derive(Debug)]
pub struct Classifier {
    card: ModelCard,
    network: Network,
}

/// A class and how probable the model holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// The class.
    pub class_name: String,
    /// From 0 to 1; over all classes they sum to 1.
    pub probability: f32,
}

impl Classifier {
    /// Reads a model file.
    ///
    /// # Errors
    /// [`Error::Weights`] and [`Error::NotAModel`] for files that are not models, [`Error::ClassCount`] if network and
    /// class names differ in number.
    pub fn open(path: &Path, device: Device) -> Result<Self, Error> {
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
        let options = NetworkOptions {
            device,
            ..Default::default()
        };
        let network = Network::with_weights(card.graph.clone(), &weights, options)?;
        Ok(Self { card, network })
    }

    /// What the model says about itself.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// All classes for the photo at `path`, the most probable first.
    ///
    /// # Errors
    /// [`Error::Data`] if it is not a photo that can be read.
    pub fn classify(&self, path: &Path) -> Result<Vec<Classification>, Error> {
        let photo = decode(path)?;
        let photo = self.card.preprocess.resize_image(&photo)?;
        let images = self.card.preprocess.tensor(&photo).insert_axis(Axis(0));
        let images = tensor_from_images(images.view(), self.network.device())?;
        let input = Input::Images(images);
        let probabilities = if self.card.mirrored {
            mirrored_softmax(&self.network, &input)?
        } else {
            softmax(&self.network, &input)?
        };
        let probabilities = array_from_tensor(&probabilities)?;
        let names = self.card.class_names.iter().cloned();
        let mut classes: Vec<Classification> = names
            .zip(probabilities.iter())
            .map(|(class_name, &probability)| Classification {
                class_name,
                probability,
            })
            .collect();
        classes.sort_by(|first, second| second.probability.total_cmp(&first.probability));
        Ok(classes)
    }
}
