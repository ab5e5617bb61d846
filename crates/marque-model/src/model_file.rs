//! A trained model as one file: weights, and beside them all that is needed to use them.

use crate::Error;
use marque_arch::Graph;
use marque_data::{Preprocess, TestAugment};
use marque_weights::StateDict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The metadata under which the card lies in a `.safetensors` file, and in an ONNX file.
pub const CARD_KEY: &str = "marque";

/// Written by this version; a reader refuses what it does not know.
const FORMAT: u32 = 1;

/// What a model file says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The network itself, so that a reader needs no code for the architecture.
    pub graph: Graph,
    /// Class names in the order of the logits.
    pub class_names: Vec<String>,
    /// What is done to a photo before the network sees it.
    pub preprocess: Preprocess,
    /// Whether a photo's probabilities are the mean of its own and its mirror image's.
    #[serde(default)]
    pub mirrored: bool,
    /// Factors on the sides of the image at which a photo is looked at, and whose mean its probabilities are; `[1.0]` in files that
    /// do not say.
    #[serde(default = "one_scale")]
    pub scales: Vec<f64>,
    /// The share of each side that five parts of a photo have which are looked at in place of all of it.
    #[serde(default)]
    pub five_crop: Option<f64>,
    /// The temperature of the probabilities; 1 in files that do not say.
    #[serde(default = "no_temperature")]
    pub temperature: f64,
    /// The run that made it: recipe, seed, data and the like, by name.
    pub run: BTreeMap<String, String>,
}

fn one_scale() -> Vec<f64> {
    vec![1.0]
}

fn no_temperature() -> f64 {
    1.0
}

impl ModelCard {
    /// A card of a network that is asked about each photo once, as it is.
    pub fn new(graph: Graph, class_names: Vec<String>, preprocess: Preprocess) -> Self {
        Self {
            graph,
            class_names,
            preprocess,
            mirrored: false,
            scales: one_scale(),
            five_crop: None,
            temperature: no_temperature(),
            run: BTreeMap::new(),
        }
    }

    /// The card as it lies in files: JSON with the number of the format.
    ///
    /// # Errors
    /// [`Error::NotAModel`] if a number of it is none that JSON has.
    pub fn to_text(&self) -> Result<String, Error> {
        let text = serde_json::to_string(&Stored {
            format: FORMAT,
            card: self,
        });
        text.map_err(|error| not_a_model(Path::new("the card"), error.to_string()))
    }

    /// What [`to_text`](Self::to_text) gave, with another graph in the place of its own: for files that say the network themselves, and
    /// whose word counts more than the card's. Errors say that it is from `path`.
    ///
    /// # Errors
    /// [`Error::NotAModel`] if it is of another version or contradicts itself, [`Error::Data`] for numbers out of range.
    pub fn from_text(path: &Path, text: &str, graph: Graph) -> Result<Self, Error> {
        let mut stored: Stored<serde_json::Value> = parse(path, text)?;
        let graph = serde_json::to_value(&graph).map_err(|error| not_a_model(path, error.to_string()))?;
        if let Some(own) = stored.card.get_mut("graph") {
            *own = graph;
        }
        check_format(path, stored.format)?;
        let card = serde_json::from_value(stored.card);
        checked(path, card.map_err(|error| not_a_model(path, error.to_string()))?)
    }

    /// The looks at a photo whose mean the model's answer is.
    pub fn test_augment(&self) -> TestAugment {
        TestAugment {
            mirrored: self.mirrored,
            scales: self.scales.clone(),
            five_crop: self.five_crop,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Stored<Card> {
    format: u32,
    card: Card,
}

/// Writes weights and card as one `.safetensors` file, whole or not at all. Libraries of other languages read the
/// tensors as they read any such file.
///
/// # Errors
/// [`Error::Weights`] if it cannot be written.
pub fn save_model(path: &Path, weights: &StateDict, card: &ModelCard) -> Result<(), Error> {
    let text = card.to_text()?;
    let mut weights = weights.clone();
    // PyTorch's readers look for this entry.
    weights.metadata.insert("format".to_owned(), "pt".to_owned());
    weights.metadata.insert(CARD_KEY.to_owned(), text);
    Ok(weights.write(path)?)
}

/// Reads what [`save_model`] wrote.
///
/// # Errors
/// [`Error::Weights`] if the file cannot be read or is damaged, [`Error::NotAModel`] if its card is missing, of
/// another version or contradicts itself.
pub fn read_model(path: &Path) -> Result<(ModelCard, StateDict), Error> {
    let weights = StateDict::read(path)?;
    Ok((card_of(path, &weights)?, weights))
}

/// [`read_model`] of a file's contents, whose errors say that they are from `path`.
///
/// # Errors
/// As [`read_model`].
pub fn parse_model(path: &Path, contents: Vec<u8>) -> Result<(ModelCard, StateDict), Error> {
    let weights = StateDict::parse(path, contents)?;
    Ok((card_of(path, &weights)?, weights))
}

fn card_of(path: &Path, weights: &StateDict) -> Result<ModelCard, Error> {
    let text = weights.metadata.get(CARD_KEY).ok_or_else(|| {
        not_a_model(
            path,
            "it has weights, but no description of the network, classes and preprocessing".to_owned(),
        )
    })?;
    let stored: Stored<serde_json::Value> = parse(path, text)?;
    check_format(path, stored.format)?;
    let Stored { card, .. } = parse::<Stored<ModelCard>>(path, text)?;
    checked(path, card)
}

fn check_format(path: &Path, found: u32) -> Result<(), Error> {
    match found == FORMAT {
        true => Ok(()),
        false => {
            let reason = format!("its format is number {found}, this version reads number {FORMAT}");
            Err(not_a_model(path, reason))
        }
    }
}

/// A card whose numbers are in range.
fn checked(path: &Path, card: ModelCard) -> Result<ModelCard, Error> {
    card.preprocess.validate().map_err(marque_data::Error::from)?;
    card.test_augment().validate().map_err(marque_data::Error::from)?;
    if !(card.temperature > 0.0 && card.temperature.is_finite()) {
        let reason = format!("its temperature is {}", card.temperature);
        return Err(not_a_model(path, reason));
    }
    if card.class_names.is_empty() {
        return Err(not_a_model(path, "it names no classes".to_owned()));
    }
    Ok(card)
}

fn parse<'a, T: Deserialize<'a>>(path: &Path, text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| not_a_model(path, error.to_string()))
}

fn not_a_model(path: &Path, reason: String) -> Error {
    Error::NotAModel {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_arch::{ArchitectureOptions, architecture};

    fn graph(num_classes: usize) -> Graph {
        let options = ArchitectureOptions {
            num_classes,
            ..ArchitectureOptions::default()
        };
        architecture("preact_resnet20", options).unwrap()
    }

    #[test]
    fn a_card_comes_back_with_the_graph_that_the_file_has() {
        let names = vec!["sedan".to_owned(), "wagon".to_owned()];
        let mut card = ModelCard::new(graph(2), names, Preprocess::default());
        card.preprocess.mean = [0.1, 0.485, 1.0 / 3.0];
        let text = card.to_text().unwrap();
        let read = ModelCard::from_text(Path::new("x.onnx"), &text, graph(3)).unwrap();
        let expected = ModelCard {
            graph: graph(3),
            ..card
        };
        assert_eq!(read, expected);
        for (part, other) in [("\"format\":1", "\"format\":2"), ("[\"sedan\",\"wagon\"]", "[]")] {
            let text = text.replace(part, other);
            let error = ModelCard::from_text(Path::new("x.onnx"), &text, graph(2)).unwrap_err();
            assert!(
                error.to_string().starts_with("x.onnx is not a model of marque"),
                "{error}"
            );
        }
    }
}
