//! Bringing a rectangle of a photo to another size, with a triangle filter that widens when shrinking.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use crate::pixels::Pixels;
use crate::preprocess::{Crop, dimensions};
use crate::scratch::of_length;
use crate::{Error, ImageSize};

/// Resamples a rectangle of a photo into a buffer of as many bytes a pixel. Four are faster than three, for the same result.
pub(crate) fn resample(
    photo: Pixels<'_>,
    crop: Crop,
    image_size: ImageSize,
    resizer: &mut Resizer,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    // The type of the pixels is given: the library compiles its kernels for these alone, and not for all that it knows.
    if photo.is_wide {
        resample_as::<U8x4>(photo, crop, image_size, resizer, out)
    } else {
        resample_as::<U8x3>(photo, crop, image_size, resizer, out)
    }
}

fn resample_as<P: PixelTrait>(
    photo: Pixels<'_>,
    crop: Crop,
    image_size: ImageSize,
    resizer: &mut Resizer,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let (width_px, height_px) = (photo.width as u32, photo.height as u32);
    if width_px == 0 || height_px == 0 {
        return Err(Error::NoPixels { width_px, height_px });
    }
    let failed = |source| Error::Resize {
        width_px,
        height_px,
        source,
    };
    let (width, height) = dimensions(image_size)?;
    let source = TypedImageRef::<P>::from_buffer(width_px, height_px, photo.bytes)
        .map_err(|error| failed(error.into()))?;
    let out = of_length(
        out,
        image_size.width * image_size.height * photo.bytes_per_pixel(),
    );
    let mut target =
        TypedImage::<P>::from_buffer(width, height, out).map_err(|error| failed(error.into()))?;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(crop.left, crop.top, crop.width, crop.height)
        // The fourth byte says nothing.
        .use_alpha(false);
    resizer
        .resize_typed(&source, &mut target, &options)
        .map_err(|error| failed(error.into()))
}
