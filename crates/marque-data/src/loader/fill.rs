//! From a sample to its place in a batch.

use image::RgbImage;

use super::Shared;
use super::batches::Draw;
use crate::augment::AugmentPlan;
use crate::decode::guarded;
use crate::pixels::Pixels;
use crate::reading::Photo;
use crate::resample::resample;
use crate::scratch::Scratch;
use crate::{Error, Sample};

/// Writes the normalised pixels of one sample into its place in the batch (H × W × 3).
pub(super) fn fill(shared: &Shared, draw: Draw, view: u64, slot: &mut [f32]) -> Result<(), Error> {
    let sample = &shared.samples[draw.index];
    let preprocess = &shared.preprocess;
    guarded(&sample.path, || {
        let plan = shared.augment.plan(shared.config.seed, view, draw.address());
        Scratch::with(|scratch| {
            let mut buffer = std::mem::take(&mut scratch.resized);
            if shared.cache.is_off() {
                resize_into(&mut buffer, shared, sample, &plan, scratch)?;
                let base = Pixels::wide(&buffer, preprocess.image_size);
                preprocess.write(base, &plan, scratch, slot);
            } else {
                let make = || keepable(shared, sample, &plan, scratch);
                let kept = shared.cache.get(draw.index, sample, make)?;
                if plan.crop.is_some() {
                    let image_size = preprocess.image_size;
                    let crop = preprocess.looked_at(kept.dimensions(), &plan, None)?;
                    resample(
                        Pixels::of(&kept),
                        crop,
                        image_size,
                        &mut scratch.resizer,
                        &mut buffer,
                    )?;
                    let base = Pixels {
                        is_wide: false,
                        ..Pixels::wide(&buffer, image_size)
                    };
                    preprocess.write(base, &plan, scratch, slot);
                } else {
                    preprocess.write(Pixels::of(&kept), &plan, scratch, slot);
                }
            }
            scratch.resized = buffer;
            Ok(())
        })
    })
}

/// Reads, decodes and resizes a photo, to four bytes a pixel.
fn resize_into(
    buffer: &mut Vec<u8>,
    shared: &Shared,
    sample: &Sample,
    plan: &AugmentPlan,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let bytes = sample.read()?;
    let photo = Photo {
        bytes: &bytes,
        path: &sample.path,
    };
    let preprocess = &shared.preprocess;
    let frame = |size| preprocess.looked_at(size, plan, shared.view.as_ref());
    preprocess.decode_and_resize(photo, &frame, scratch, buffer)
}

/// What the loader may keep between epochs: the same for every plan with or without a crop.
fn keepable(
    shared: &Shared,
    sample: &Sample,
    plan: &AugmentPlan,
    scratch: &mut Scratch,
) -> Result<RgbImage, Error> {
    if plan.crop.is_some() {
        return sample.decode();
    }
    let mut buffer = std::mem::take(&mut scratch.resized);
    resize_into(&mut buffer, shared, sample, plan, scratch)?;
    let pixels = Pixels::wide(&buffer, shared.preprocess.image_size);
    let image = pixels.to_image();
    scratch.resized = buffer;
    Ok(image)
}
