//! Photos with what in them speaks for a class, as the page shows them.

use image::{RgbImage, imageops};

use super::mistakes::{Thumbnail, encode};
use crate::chart::cells::share_text;
use crate::{Error, Explanation, RunReport};

/// A page of many explanations would not stay small.
const MOST_EXPLANATIONS: usize = 60;
/// Wider pictures are made smaller.
const WIDEST_PX: u32 = 192;

/// An explained photo, ready to be shown.
pub(crate) struct Explained<'a> {
    pub(crate) path: &'a str,
    pub(crate) truth: &'a str,
    pub(crate) predicted: &'a str,
    pub(crate) is_right: bool,
    pub(crate) probability: String,
    pub(crate) photo: Thumbnail,
    pub(crate) overlay: Thumbnail,
}

/// The explanations of a run, in the order of the true classes.
pub(crate) fn explained(run: &RunReport) -> Result<Vec<Explained<'_>>, Error> {
    let mut found: Vec<&Explanation> = run.explanations.iter().take(MOST_EXPLANATIONS).collect();
    found.sort_by_key(|explanation| explanation.truth);
    let shown = found.into_iter().map(|explanation| {
        Ok(Explained {
            path: &explanation.path,
            truth: &run.class_names[explanation.truth],
            predicted: &run.class_names[explanation.predicted],
            is_right: explanation.truth == explanation.predicted,
            probability: share_text(explanation.probability),
            photo: small(&explanation.photo)?,
            overlay: small(&explanation.overlay)?,
        })
    });
    shown.collect()
}

fn small(picture: &RgbImage) -> Result<Thumbnail, Error> {
    if picture.width() <= WIDEST_PX {
        return Ok(encode(picture)?);
    }
    let height = (picture.height() * WIDEST_PX / picture.width()).max(1);
    Ok(encode(&imageops::thumbnail(picture, WIDEST_PX, height))?)
}
