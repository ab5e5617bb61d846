//! Answers about images and photos in files.

use crate::{Classification, Classifier, Engine, Error};
use image::RgbImage;
use marque_data::{View, decode};
use ndarray::{Array2, Axis};
use std::path::Path;

impl<E: Engine> Classifier<E> {
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

    /// Class probabilities of a photo of any size, in the order of the card's class names: the mean of all looks at it that the card
    /// asks for, at the card's temperature.
    ///
    /// # Errors
    /// As [`classify_photo`](Self::classify_photo).
    pub fn photo_probabilities(&self, photo: &RgbImage) -> Result<Vec<f32>, Error> {
        self.mean_of_views(|view| self.card().preprocess.view(photo, view))
    }

    /// [`photo_probabilities`](Self::photo_probabilities) of the photo at `path`, decoded as the card's preprocessing says.
    ///
    /// # Errors
    /// As [`classify`](Self::classify).
    pub fn file_probabilities(&self, path: &Path) -> Result<Vec<f32>, Error> {
        let preprocess = &self.card().preprocess;
        match preprocess.scaled_decoding {
            None => self.photo_probabilities(&decode(path)?),
            Some(_) => self.mean_of_views(|view| preprocess.read_view(path, view)),
        }
    }

    fn mean_of_views(
        &self,
        image: impl Fn(&View) -> Result<RgbImage, marque_data::Error>,
    ) -> Result<Vec<f32>, Error> {
        let preprocess = &self.card().preprocess;
        let views = self.card().test_augment().views(preprocess.image_size);
        let mut sums = Array2::zeros((1, self.card().class_names.len()));
        for view in &views {
            let image = preprocess.tensor(&image(view)?);
            sums += &self.mirrored_mean(image.insert_axis(Axis(0)).view())?;
        }
        // One row went in.
        Ok(self.mean_of_looks(sums, views.len()).pop().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, ModelCard};
    use marque_arch::{Graph, GraphBuilder, Linear, Op};
    use marque_data::{ImageSize, Preprocess};
    use marque_weights::StateDict;
    use ndarray::{ArrayView4, s};
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

    fn halves(card: ModelCard) -> Classifier<Halves> {
        Classifier::new(card, &StateDict::default(), ()).unwrap()
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
            let classifier = halves(card.clone());
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
        let classifier = halves(card);
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
        let classifier = halves(card);
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
