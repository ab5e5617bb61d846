use crate::{Engine, Error, Looks, ModelCard, parse_model, read_model, softmax};
use image::RgbImage;
use marque_data::{View, decode};
use marque_metrics::temper;
use marque_weights::StateDict;
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

    /// All classes for the photo at `path`, the most probable first.
    ///
    /// # Errors
    /// [`Error::Data`] if it is not a photo that can be read; otherwise as [`classify_photo`](Self::classify_photo).
    pub fn classify(&self, path: &Path) -> Result<Vec<Classification>, Error> {
        Ok(self.ranked(self.file_probabilities(path)?))
    }

    /// All classes for a photo of any size, the most probable first.
    ///
    /// # Errors
    /// [`Error::Data`] if it has no pixels, [`Error::Engine`] if the engine fails.
    pub fn classify_photo(&self, photo: &RgbImage) -> Result<Vec<Classification>, Error> {
        Ok(self.ranked(self.photo_probabilities(photo)?))
    }

    /// The classes with their probabilities, which stand in the order of the card's class names; the most probable first.
    pub fn ranked(&self, probabilities: Vec<f32>) -> Vec<Classification> {
        sorted(&self.card.class_names, probabilities)
    }

    /// Class probabilities of a photo of any size, in the order of the card's class names: the mean of all looks at it that the card
    /// asks for, at the card's temperature.
    ///
    /// # Errors
    /// As [`classify_photo`](Self::classify_photo).
    pub fn photo_probabilities(&self, photo: &RgbImage) -> Result<Vec<f32>, Error> {
        self.mean_of_views(|view| self.card.preprocess.view(photo, view))
    }

    /// [`photo_probabilities`](Self::photo_probabilities) of the photo at `path`, decoded as the card's preprocessing says.
    ///
    /// # Errors
    /// As [`classify`](Self::classify).
    pub fn file_probabilities(&self, path: &Path) -> Result<Vec<f32>, Error> {
        let preprocess = &self.card.preprocess;
        match preprocess.scaled_decoding {
            None => self.photo_probabilities(&decode(path)?),
            Some(_) => self.mean_of_views(|view| preprocess.read_view(path, view)),
        }
    }

    fn mean_of_views(
        &self,
        image: impl Fn(&View) -> Result<RgbImage, marque_data::Error>,
    ) -> Result<Vec<f32>, Error> {
        let preprocess = &self.card.preprocess;
        let views = self.card.test_augment().views(preprocess.image_size);
        let mut sums = Array2::zeros((1, self.card.class_names.len()));
        for view in &views {
            let image = preprocess.tensor(&image(view)?);
            sums += &self.mirrored_mean(image.insert_axis(Axis(0)).view())?;
        }
        // One row went in.
        Ok(self.mean_of_looks(sums, views.len()).pop().unwrap_or_default())
    }

    /// What the network is to see of a photo of any size. For whoever prepares photos on other threads than those that compute.
    ///
    /// # Errors
    /// [`Error::Data`] if it has no pixels.
    pub fn looks(&self, photo: &RgbImage) -> Result<Looks, Error> {
        let preprocess = &self.card.preprocess;
        let views = self.card.test_augment().views(preprocess.image_size);
        let images = views
            .iter()
            .map(|view| Ok(preprocess.tensor(&preprocess.view(photo, view)?)));
        Ok(Looks {
            images: images.collect::<Result<_, Error>>()?,
        })
    }

    /// [`photo_probabilities`](Self::photo_probabilities) of several photos, computed together. An engine may choose other kernels for
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
    fn mean_of_looks(&self, sums: Array2<f32>, looks: usize) -> Vec<Vec<f32>> {
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
    /// at several scales or in several parts see [`photo_probabilities`](Self::photo_probabilities).
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

#[cfg(test)]
mod tests {
    use super::*;
    use marque_arch::{Graph, GraphBuilder, Linear, Op};
    use marque_data::{ImageSize, Preprocess};
    use std::convert::Infallible;

    /// Looks at the brightness of the left and of the upper half.
    struct Halves;

    impl Engine for Halves {
        type Options = ();
        type Error = Infallible;

        fn build(_: Graph, _: &StateDict, (): ()) -> Result<Self, Infallible> {
            Ok(Halves)
        }

        fn logits(&self, images: ArrayView4<'_, f32>) -> Result<Array2<f32>, Infallible> {
            // One order of summation, however the images lie in memory.
            let images = images.as_standard_layout();
            let (count, _, height, width) = images.dim();
            Ok(Array2::from_shape_fn((count, 2), |(image, class)| {
                let half = match class {
                    0 => images.slice(s![image, .., .., ..width / 2]),
                    _ => images.slice(s![image, .., ..height / 2, ..]),
                };
                half.mean().unwrap_or_default()
            }))
        }
    }

    fn graph() -> Result<Graph, marque_arch::Error> {
        let mut builder = GraphBuilder::new("linear", 3)?;
        let image = builder.input();
        let means = builder.add("means", Op::GlobalAvgPool2d, &[image])?;
        let vector = builder.add("flatten", Op::Flatten, &[means])?;
        let logits = builder.linear("fc", vector, Linear::new(3, 2))?;
        builder.build(logits)
    }

    #[test]
    fn photos_that_are_computed_together_get_what_each_gets_alone() {
        let preprocess = Preprocess {
            image_size: ImageSize { height: 6, width: 8 },
            ..Preprocess::default()
        };
        let names = ["left", "upper"].map(str::to_owned).to_vec();
        let mut card = ModelCard::new(graph().unwrap(), names, preprocess);
        card.scales = vec![1.0, 1.5];
        card.five_crop = Some(0.75);
        card.temperature = 0.5;
        for mirrored in [false, true] {
            card.mirrored = mirrored;
            let classifier = Classifier {
                card: card.clone(),
                engine: Halves,
            };
            let photos = [3_u32, 20, 7].map(|factor| {
                RgbImage::from_fn(40, 30, |x, y| {
                    image::Rgb([(factor * x) as u8, (factor * y) as u8, (x * y) as u8])
                })
            });
            let looks = photos.each_ref().map(|photo| classifier.looks(photo).unwrap());
            let together = classifier.looks_probabilities(&looks).unwrap();
            let alone = photos
                .each_ref()
                .map(|photo| classifier.photo_probabilities(photo).unwrap());
            assert_eq!(together, alone);
            assert_ne!(alone[0], alone[1]);
        }
        let classifier = Classifier { card, engine: Halves };
        let error = classifier.looks_probabilities(&[]).unwrap_err();
        assert!(matches!(error, Error::OtherLooks { look: 0, .. }), "{error}");
    }

    #[test]
    fn a_photo_that_is_decoded_smaller_is_so_alone_and_among_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.jpg");
        let photo = RgbImage::from_fn(640, 480, |x, y| {
            image::Rgb([
                (x / 3) as u8,
                (y / 2) as u8,
                if (x ^ y) & 1 == 0 { 255 } else { 0 },
            ])
        });
        photo.save(&path).unwrap();
        let preprocess = Preprocess {
            image_size: ImageSize {
                height: 24,
                width: 32,
            },
            scaled_decoding: Some(1.0),
            ..Preprocess::default()
        };
        let names = ["left", "upper"].map(str::to_owned).to_vec();
        let mut card = ModelCard::new(graph().unwrap(), names, preprocess);
        card.scales = vec![1.0, 1.5];
        let classifier = Classifier { card, engine: Halves };
        let own = classifier.file_probabilities(&path).unwrap();
        let samples = vec![marque_data::Sample::new(&path, 0)];
        let (tested, unreadable) = classifier.test(samples, Default::default()).unwrap();
        assert!(unreadable.is_empty());
        for (own, tested) in own.iter().zip(tested.probabilities.row(0)) {
            assert!((own - tested).abs() < 1e-6, "{own} {tested}");
        }
        assert_ne!(
            own,
            classifier.photo_probabilities(&decode(&path).unwrap()).unwrap()
        );
    }
}
