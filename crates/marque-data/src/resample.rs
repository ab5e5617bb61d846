//! Bringing a rectangle of a photo to another size, with a triangle filter that widens when shrinking.

use marque_resize::{Channels, Rectangle, Resizer, Source};

use crate::pixels::Pixels;
use crate::preprocess::dimensions;
use crate::scratch::of_length;
use crate::{Error, ImageSize};

/// Resamples a rectangle of a photo into a buffer of as many bytes a pixel. Four are faster than three, for the same result.
pub(crate) fn resample(
    photo: Pixels<'_>,
    crop: Rectangle,
    image_size: ImageSize,
    resizer: &mut Resizer,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let (width_px, height_px) = (photo.width as u32, photo.height as u32);
    if width_px == 0 || height_px == 0 {
        return Err(Error::NoPixels { width_px, height_px });
    }
    let source = Source {
        bytes: photo.bytes,
        width_px,
        height_px,
        channels: if photo.is_wide {
            Channels::Four
        } else {
            Channels::Three
        },
    };
    let size = dimensions(image_size)?;
    let out = of_length(
        out,
        image_size.width * image_size.height * photo.bytes_per_pixel(),
    );
    Ok(resizer.resize(&source, crop, size, out)?)
}
