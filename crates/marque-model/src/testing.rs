//! What a model answers for many labelled photos.

use crate::{Classifier, Engine, Error};
use marque_data::{Augment, BadFile, Loader, LoaderConfig, Order, Sample};
use marque_metrics::{Predictions, ProbabilityMeans};

impl<E: Engine> Classifier<E> {
    /// The model's probabilities for all of `samples`, whose labels count the model's classes, and the photos that could not be read.
    /// Each is the mean of all looks at a photo that the card asks for, at the card's temperature.
    ///
    /// Photos are read on threads of the loader's, `config.batch_size` are computed together.
    ///
    /// ```no_run
    /// use marque_data::{BadFiles, ImageFolder, LoaderConfig};
    /// # fn test<E: marque_model::Engine>(classifier: &marque_model::Classifier<E>) -> Result<(), Box<dyn std::error::Error>> {
    /// let photos = ImageFolder::scan("photos".as_ref())?;
    /// let config = LoaderConfig { bad_files: BadFiles::Skip, ..LoaderConfig::default() };
    /// let (predictions, unreadable) = classifier.test(photos.samples().cloned().collect(), config)?;
    /// println!("{}; {} left out", predictions.metrics()?.classification_report(), unreadable.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] if there are no photos, for a photo that cannot be read where the loader is to stop at it; otherwise as
    /// [`probabilities`](Classifier::probabilities).
    pub fn test(
        &self,
        samples: Vec<Sample>,
        config: LoaderConfig,
    ) -> Result<(Predictions, Vec<BadFile>), Error> {
        let card = self.card();
        let config = LoaderConfig {
            order: Order::Sequential,
            ..config
        };
        let loader = Loader::new(samples, card.preprocess.clone(), Augment::none(), config)?;
        let views = card.test_augment().views(card.preprocess.image_size);
        let mut means = ProbabilityMeans::new(card.class_names.len());
        let mut unreadable: Vec<BadFile> = Vec::new();
        for view in &views {
            let mut batches = loader.with_view(view)?.epoch(0);
            for batch in &mut batches {
                let batch = batch?;
                let probabilities = self.mirrored_mean(batch.images.view())?;
                for (&index, row) in batch.indices.iter().zip(probabilities.rows()) {
                    means.add(index, row.iter().copied());
                }
            }
            let new = batches.skipped().iter().filter(|file| !unreadable.contains(file));
            let new: Vec<BadFile> = new.cloned().collect();
            unreadable.extend(new);
        }
        // A photo that went away on the way has not been looked at as often as asked for.
        let predictions = means.predictions(views.len(), &card.class_names, |index| {
            let sample = &loader.samples()[index];
            (sample.path.display().to_string(), sample.label)
        });
        Ok((predictions.tempered(card.temperature), unreadable))
    }
}
