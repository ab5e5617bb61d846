//! A trained model from its file: marque's own, or an ONNX file with what it does not say itself.

use anyhow::{Context, Result};
use marque::data::{Preprocess, Resize};
use marque::metrics::read_class_names;
use marque::model::{CARD_KEY, Classifier, Engine, Error, ModelCard, read_model};
use marque::onnx::Imported;
use marque::weights::StateDict;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Flags that say what an ONNX file does not.
#[derive(clap::Args, Debug)]
pub(crate) struct OnnxArguments {
    /// Of an ONNX file without names: the names of the classes, one a line, in the order of its outputs.
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// Of an ONNX file without it: what is done to photos, as JSON: image_size, resize, mean and std, as a run's recipe has them.
    #[arg(long, value_name = "FILE")]
    preprocess: Option<PathBuf>,
}

impl OnnxArguments {
    /// The card and the weights in a file.
    pub(crate) fn read(&self, path: &Path) -> Result<(ModelCard, StateDict)> {
        match read_model(path) {
            Err(Error::Weights(error)) if Imported::is_foreign(&error) => self.import(path),
            other => Ok(other?),
        }
    }

    /// A file on an engine.
    pub(crate) fn classifier<E: Engine>(&self, path: &Path, options: E::Options) -> Result<Classifier<E>> {
        let (card, weights) = self.read(path)?;
        Ok(Classifier::new(card, &weights, options)?)
    }

    fn import(&self, path: &Path) -> Result<(ModelCard, StateDict)> {
        let imported = Imported::read(path)?;
        let mut card = match imported.metadata.get(CARD_KEY) {
            Some(text) => ModelCard::from_text(path, text, imported.graph.clone())?,
            None => {
                let names = imported.class_names().unwrap_or_default();
                ModelCard::new(imported.graph.clone(), names, preprocess_of(&imported))
            }
        };
        if let Some(file) = &self.classes {
            let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
            card.class_names = read_class_names(opened).with_context(|| format!("in {}", file.display()))?;
        }
        let told = imported.metadata.contains_key(CARD_KEY) || is_told(&imported);
        card.preprocess = match &self.preprocess {
            Some(file) => read_preprocess(file)?,
            None if told => card.preprocess,
            None => anyhow::bail!(
                "{} does not say what is done to photos before it; --preprocess FILE does",
                path.display()
            ),
        };
        // What the file does to photos itself counts more than what is said of it.
        if let (Some(own), true) = (&imported.normalization, is_told(&imported)) {
            card.preprocess.mean.copy_from_slice(&own.mean);
            card.preprocess.std.copy_from_slice(&own.std);
        }
        anyhow::ensure!(
            !card.class_names.is_empty(),
            "{} does not name its classes; --classes FILE does",
            path.display()
        );
        Ok((card, imported.weights))
    }
}

/// Whether a file takes photos of colour, and normalises them itself.
fn is_told(imported: &Imported) -> bool {
    imported
        .normalization
        .as_ref()
        .is_some_and(|own| own.mean.len() == 3)
}

/// The whole photo, in the size that the file is for.
fn preprocess_of(imported: &Imported) -> Preprocess {
    let usual = Preprocess::default();
    Preprocess {
        image_size: imported.image_size.unwrap_or(usual.image_size),
        resize: Resize::Squash,
        ..usual
    }
}

fn read_preprocess(file: &Path) -> Result<Preprocess> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let preprocess: Preprocess =
        serde_json::from_str(&text).with_context(|| format!("in {}", file.display()))?;
    preprocess
        .validate()
        .with_context(|| format!("in {}", file.display()))?;
    Ok(preprocess)
}
