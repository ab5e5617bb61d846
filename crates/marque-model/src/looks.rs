use crate::Error;
use ndarray::{Array3, Array4, ArrayView3, Axis};

/// What a network sees of one photo: an image for each look at it that a model asks for, mirror images aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Looks {
    /// C×H×W, normalised.
    pub(crate) images: Vec<Array3<f32>>,
}

impl Looks {
    /// One look at each of several photos: N×C×H×W.
    pub(crate) fn batch(photos: &[Self], look: usize) -> Result<Array4<f32>, Error> {
        let images: Option<Vec<ArrayView3<'_, f32>>> = photos
            .iter()
            .map(|photo| photo.images.get(look).map(|image| image.view()))
            .collect();
        let stacked = images.and_then(|images| ndarray::stack(Axis(0), &images).ok());
        stacked.ok_or_else(|| Error::OtherLooks {
            look,
            found: photos
                .iter()
                .map(|photo| format!("{:?}", photo.images.get(look).map(|image| image.shape())))
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}
