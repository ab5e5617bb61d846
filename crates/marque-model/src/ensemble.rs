//! Several models that answer together.

use crate::classifier::sorted;
use crate::{Classification, Classifier, Engine, Error};
use image::RgbImage;
use marque_data::{BadFile, LoaderConfig, Sample, decode};
use marque_metrics::{Predictions, ProbabilityMeans};
use std::collections::HashMap;
use std::path::Path;

/// Several models of the same classes whose mean is the answer: each errs elsewhere. They may be of different architectures and look
/// at photos in different sizes. One model alone is an ensemble, too.
#[derive(Debug)]
pub struct Ensemble<E> {
    members: Vec<Member<E>>,
}

#[derive(Debug)]
struct Member<E> {
    classifier: Classifier<E>,
    /// For each of its classes the place of it among the first model's.
    places: Vec<usize>,
}

impl<E: Engine> Ensemble<E> {
    /// The models together. Their classes may stand in different orders; that of the first is the ensemble's.
    ///
    /// # Errors
    /// [`Error::NoModels`] if there is none, [`Error::OtherClasses`] if one has other classes than the first.
    pub fn new(classifiers: Vec<Classifier<E>>) -> Result<Self, Error> {
        let first = classifiers.first().ok_or(Error::NoModels)?;
        let names = first.card().class_names.clone();
        let members = classifiers.into_iter().map(|classifier| {
            let own = &classifier.card().class_names;
            let place = |name: &String| names.iter().position(|known| known == name);
            let places: Option<Vec<usize>> = own.iter().map(place).collect();
            match places.filter(|places| places.len() == names.len()) {
                Some(places) => Ok(Member { classifier, places }),
                None => Err(Error::OtherClasses {
                    expected: names.join(", "),
                    found: own.join(", "),
                }),
            }
        });
        Ok(Self {
            members: members.collect::<Result<_, _>>()?,
        })
    }

    /// The models.
    pub fn models(&self) -> impl ExactSizeIterator<Item = &Classifier<E>> {
        self.members.iter().map(|member| &member.classifier)
    }

    /// The classes, in the order of the first model's.
    pub fn class_names(&self) -> &[String] {
        // There is one model at least.
        self.members
            .first()
            .map_or(&[], |member| &member.classifier.card().class_names)
    }

    /// All classes for the photo at `path`, the most probable first.
    ///
    /// # Errors
    /// As [`Classifier::classify`].
    pub fn classify(&self, path: &Path) -> Result<Vec<Classification>, Error> {
        let is_whole = |classifier: &Classifier<E>| classifier.card().preprocess.scaled_decoding.is_none();
        if self.models().all(is_whole) {
            // Once for all of them.
            return self.classify_photo(&decode(path)?);
        }
        self.mean(|classifier| classifier.file_probabilities(path))
    }

    /// All classes for a photo of any size, the most probable first.
    ///
    /// # Errors
    /// As [`Classifier::classify_photo`].
    pub fn classify_photo(&self, photo: &RgbImage) -> Result<Vec<Classification>, Error> {
        self.mean(|classifier| classifier.photo_probabilities(photo))
    }

    fn mean(
        &self,
        probabilities: impl Fn(&Classifier<E>) -> Result<Vec<f32>, Error>,
    ) -> Result<Vec<Classification>, Error> {
        let mut sums = vec![0.0; self.class_names().len()];
        for Member { classifier, places } in &self.members {
            let probabilities = probabilities(classifier)?;
            for (&place, probability) in places.iter().zip(probabilities) {
                sums[place] += probability;
            }
        }
        let count = self.members.len() as f32;
        let means = sums.into_iter().map(|sum| sum / count);
        Ok(sorted(self.class_names(), means))
    }

    /// The mean of the models' probabilities for all of `samples`, whose labels count the first model's classes, and the photos that
    /// could not be read.
    ///
    /// # Errors
    /// As [`Classifier::test`].
    pub fn test(
        &self,
        samples: &[Sample],
        config: &LoaderConfig,
    ) -> Result<(Predictions, Vec<BadFile>), Error> {
        let by_path: HashMap<String, usize> = samples
            .iter()
            .enumerate()
            .map(|(index, sample)| (sample.path.display().to_string(), index))
            .collect();
        let mut means = ProbabilityMeans::new(self.class_names().len());
        let mut unreadable: Vec<BadFile> = Vec::new();
        for Member { classifier, places } in &self.members {
            let (own, skipped) = classifier.test(samples.to_vec(), config.clone())?;
            for (path, row) in own.paths.iter().zip(own.probabilities.rows()) {
                let mut ordered = vec![0.0; places.len()];
                for (&place, &probability) in places.iter().zip(row) {
                    ordered[place] = probability;
                }
                if let Some(&index) = by_path.get(path) {
                    means.add(index, ordered);
                }
            }
            unreadable.extend(
                skipped
                    .into_iter()
                    .filter(|file| !unreadable.contains(file))
                    .collect::<Vec<_>>(),
            );
        }
        let predictions = means.predictions(self.members.len(), self.class_names(), |index| {
            let sample = &samples[index];
            (sample.path.display().to_string(), sample.label)
        });
        Ok((predictions, unreadable))
    }
}
