//! JPEGs: what the decoder at hand does not say, or gets wrong.
//!
//! Decoders fill with grey whatever is missing, and `zune-jpeg` has no right answer for components in scans of their own. So each
//! file is surveyed first: the markers are read and the entropy-coded scans are counted through, without computing a pixel. A
//! picture that is not all there is an error; one that is complete ends there, whatever a phone has put behind it; and rare kinds
//! go to `jpeg-decoder`, which is slower and more general. With the feature `turbojpeg` libjpeg-turbo has the first try at every
//! file of one or three components, and what it objects to goes the way it would go without.

mod bits;
mod frame;
mod pure;
mod scan;
mod survey;
mod tables;
#[cfg(feature = "turbojpeg")]
mod turbo;

use std::borrow::Cow;
use std::path::Path;

use image::DynamicImage;

pub(super) use survey::header_segments;

use crate::Error;
use pure::Strictness;
use survey::{ColorSpace, Depth, Survey};

const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

#[cfg(feature = "turbojpeg")]
pub(super) const DECODER: &str = "libjpeg-turbo";
#[cfg(not(feature = "turbojpeg"))]
pub(super) const DECODER: &str = "zune-jpeg";

/// What a decoder is to write.
pub(super) struct Output<'a> {
    /// Whether four bytes a pixel are wanted. A decoder that cannot may write three, or one for greys.
    is_wide: bool,
    /// Memory to write to.
    buffer: Vec<u8>,
    /// By width and height of the stored photo: 1, or by how much smaller it may be decoded, 2, 4 or 8.
    divisor: &'a dyn Fn((u32, u32)) -> u32,
}

impl<'a> Output<'a> {
    pub(super) fn new(is_wide: bool, buffer: Vec<u8>, divisor: &'a dyn Fn((u32, u32)) -> u32) -> Self {
        Output {
            is_wide,
            buffer,
            divisor,
        }
    }
}

/// Decodes a JPEG, as it is stored: not yet turned upright. Answers the stored width and height, too.
pub(super) fn decode(
    bytes: &[u8],
    name: &Path,
    mut output: Output<'_>,
) -> Result<(DynamicImage, (u32, u32)), Error> {
    let survey = Survey::of(bytes, name, Depth::Markers)?;
    let [width_px, height_px] = survey.size_px;
    let full_px = (width_px, height_px);
    let divisor = match survey.color_space {
        ColorSpace::Cmyk | ColorSpace::Ycck => 1,
        ColorSpace::Grey | ColorSpace::Rgb | ColorSpace::YCbCr => (output.divisor)(full_px),
    };
    if survey.uncounted.is_some()
        && let Some(image) = first_try(&survey, bytes, divisor, &mut output)
    {
        return Ok((image, full_px));
    }
    // Not enough data, or something that is unusual: only counting tells which.
    let survey = Survey::of(bytes, name, Depth::Blocks)?;
    let prepared = survey.prepared(bytes);
    #[cfg(feature = "turbojpeg")]
    if let Some(image) = turbo::decode(&survey, &prepared, divisor, &mut output) {
        return Ok((image, full_px));
    }
    #[cfg(not(feature = "turbojpeg"))]
    if divisor > 1
        && let Some(image) = pure::decode_scaled(&survey, &prepared, divisor)
    {
        return Ok((image, full_px));
    }
    let decoded = if survey.is_rare() {
        pure::decode_rare(&survey, &prepared).map_err(Into::into)
    } else {
        pure::decode_common(&survey, &prepared, Strictness::Lenient, &mut output).map_err(Into::into)
    };
    let image = decoded.map_err(|source| Error::DecodeJpeg {
        path: name.to_owned(),
        source,
    })?;
    Ok((image, full_px))
}

/// Decodes a picture whose blocks were not counted. `None` where data are missing, or something else is odd.
#[cfg(feature = "turbojpeg")]
fn first_try(survey: &Survey, bytes: &[u8], divisor: u32, output: &mut Output<'_>) -> Option<DynamicImage> {
    turbo::decode(survey, &survey.prepared(bytes), divisor, output)
}

#[cfg(not(feature = "turbojpeg"))]
fn first_try(survey: &Survey, bytes: &[u8], divisor: u32, output: &mut Output<'_>) -> Option<DynamicImage> {
    let fenced = fenced(bytes.get(..survey.uncounted?)?);
    if divisor > 1 {
        pure::decode_scaled(survey, &fenced, divisor)
    } else if survey.is_rare() {
        None
    } else {
        pure::decode_common(survey, &fenced, Strictness::Strict, output).ok()
    }
}

/// The data of a picture with bits behind it that are no code of any table: a decoder that needs more data than there are
/// meets an error, and no grey. It looks ahead by 64 bits at most.
#[cfg(not(feature = "turbojpeg"))]
fn fenced(picture: &[u8]) -> Vec<u8> {
    const NO_CODE: [u8; 24] = [
        0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0,
        0xFF, 0,
    ];
    [picture, &NO_CODE, &END_OF_IMAGE].concat()
}

impl Survey {
    /// The file as a decoder should see it: it ends where the picture does, and lacks no table.
    fn prepared<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let picture = bytes.get(..self.end).unwrap_or(bytes);
        let ended = picture.ends_with(&END_OF_IMAGE);
        if ended && !self.lacks_tables {
            return Cow::Borrowed(picture);
        }
        let (start, rest) = picture.split_at(picture.len().min(2));
        let tables = if self.lacks_tables {
            tables::standard_segment()
        } else {
            Vec::new()
        };
        let end = if ended { &[][..] } else { &END_OF_IMAGE };
        Cow::Owned([start, &tables, rest, end].concat())
    }

    /// Whether `zune-jpeg` would give wrong pixels.
    fn is_rare(&self) -> bool {
        self.scans_apart || self.colors_unusual
    }
}
