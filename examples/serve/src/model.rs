//! The model, which can be exchanged while the server runs.

use crate::options::Options;
use anyhow::Context;
use image::RgbImage;
use marque_infer::{Session, SessionOptions};
use marque_model::{Classifier, Looks};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// A model that is ready to answer.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) classifier: Classifier<Session>,
    /// The first 16 digits of the SHA-256 of its file: it tells models apart, and nothing of the machine.
    pub(crate) id: String,
}

impl Model {
    /// What a log line says of it.
    pub(crate) fn described(&self) -> String {
        let card = self.classifier.card();
        format!(
            "model {}: {} classes, images of {}",
            self.id,
            card.class_names.len(),
            card.preprocess.image_size
        )
    }
}

/// Where the model of the moment lies. A request that has begun keeps the one that it began with.
#[derive(Debug)]
pub(crate) struct ModelSlot {
    path: PathBuf,
    threads: usize,
    max_batch: usize,
    current: RwLock<Arc<Model>>,
}

impl ModelSlot {
    /// Reads the first model.
    pub(crate) fn open(options: &Options) -> anyhow::Result<Self> {
        let (path, threads) = (options.model.clone(), options.threads.into());
        let max_batch = options.max_batch.into();
        let model = read(&path, threads, max_batch)?;
        Ok(Self {
            path,
            threads,
            max_batch,
            current: RwLock::new(Arc::new(model)),
        })
    }

    /// The model of the moment.
    pub(crate) fn current(&self) -> Arc<Model> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads the file anew. If that fails, the model stays. This computes for a while and blocks.
    pub(crate) fn exchange(&self) -> anyhow::Result<Arc<Model>> {
        let model = Arc::new(read(&self.path, self.threads, self.max_batch)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = model.clone();
        Ok(model)
    }
}

/// Reads a model and computes once with each size of a batch, so that no request waits for packed weights and memory is taken now.
fn read(path: &PathBuf, threads: usize, max_batch: usize) -> anyhow::Result<Model> {
    // Not mapped: the file may be written over while the model answers.
    let contents = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut id = String::new();
    for byte in Sha256::digest(&contents).iter().take(8) {
        write!(id, "{byte:02x}")?;
    }
    let options = SessionOptions {
        threads,
        ..SessionOptions::default()
    };
    let classifier = Classifier::<Session>::parse(path, contents, options)?;
    let blank = classifier.looks(&RgbImage::new(8, 8))?;
    for size in batch_sizes(max_batch) {
        let photos: Vec<Looks> = vec![blank.clone(); size];
        classifier.looks_probabilities(&photos)?;
    }
    Ok(Model { classifier, id })
}

/// The sizes of batches that are computed, the largest first: the powers of two up to the largest. The engine keeps a plan and its memory for
/// each size.
pub(crate) fn batch_sizes(max_batch: usize) -> impl Iterator<Item = usize> {
    let largest = max_batch.max(1).ilog2();
    (0..=largest).rev().map(|power| 1 << power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_have_few_sizes() {
        assert_eq!(batch_sizes(1).collect::<Vec<_>>(), [1]);
        assert_eq!(batch_sizes(16).collect::<Vec<_>>(), [16, 8, 4, 2, 1]);
        assert_eq!(batch_sizes(31).collect::<Vec<_>>(), [16, 8, 4, 2, 1]);
    }
}
