//! The fast way of photos into batches gives the bits of the steps one by one.

use std::path::PathBuf;

use crate::common::{golden, noise, picture};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use marque_data::{
    Augment, AugmentPlan, ColorJitter, CropRange, ImageSize, Loader, LoaderConfig, Preprocess, Resize,
    Sample, Transform, decode,
};
use ndarray::Array3;

const SIZE: ImageSize = ImageSize {
    height: 19,
    width: 27,
};

fn preprocess() -> Preprocess {
    Preprocess {
        image_size: SIZE,
        ..Preprocess::default()
    }
}

/// First and second position and the weight of the second, for each position of a shifted axis.
fn taps(length: usize, shift_px: f64) -> Vec<(usize, usize, f32)> {
    let last = (length - 1) as f64;
    let tap = |position: usize| {
        let source = (position as f64 + shift_px).clamp(0.0, last);
        let first = source.floor();
        (
            first as usize,
            (first + 1.0).min(last) as usize,
            (source - first) as f32,
        )
    };
    (0..length).map(tap).collect()
}

fn grey(pixel: [f32; 3]) -> f32 {
    0.2989 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
}

/// What a plan without crops and operations makes of a photo, a pass of floats for each step.
fn step_by_step(preprocess: &Preprocess, photo: &RgbImage, plan: &AugmentPlan) -> Array3<f32> {
    let base = preprocess.resize_image(photo).unwrap();
    let (width, height) = (base.width() as usize, base.height() as usize);
    let rows = taps(height, f64::from(plan.row_shift) * height as f64);
    let mut columns = taps(width, f64::from(plan.column_shift) * width as f64);
    if plan.horizontal_flip {
        columns.reverse();
    }
    let at = |column: usize, row: usize| base.get_pixel(column as u32, row as u32).0.map(f32::from);
    let mut pixels = vec![[0.0_f32; 3]; width * height];
    for (row, line) in rows.iter().zip(pixels.chunks_exact_mut(width)) {
        for (column, pixel) in columns.iter().zip(line) {
            for (channel, value) in pixel.iter_mut().enumerate() {
                let blended = |column| {
                    let (above, below) = (at(column, row.0)[channel], at(column, row.1)[channel]);
                    above + (below - above) * row.2
                };
                let (left, right) = (blended(column.0), blended(column.1));
                *value = left + (right - left) * column.2;
            }
        }
    }
    if let Some(color) = plan.color {
        let blend = |value: f32, towards: f32, factor: f32| {
            (factor * value + (1.0 - factor) * towards).clamp(0.0, 255.0)
        };
        let mut sum = 0.0;
        for pixel in &mut pixels {
            *pixel = pixel.map(|value| (value * color.brightness).clamp(0.0, 255.0));
            sum += f64::from(grey(*pixel));
        }
        let mean = (sum / (width * height) as f64) as f32;
        for pixel in &mut pixels {
            *pixel = pixel.map(|value| blend(value, mean, color.contrast));
            let own = grey(*pixel);
            *pixel = pixel.map(|value| blend(value, own, color.saturation));
        }
    }
    let mut tensor = Array3::from_shape_fn((3, height, width), |(channel, row, column)| {
        let value = pixels[row * width + column][channel];
        (value / 255.0 - preprocess.mean[channel]) / preprocess.std[channel]
    });
    if let Some(found) = plan
        .erasing
        .as_ref()
        .and_then(|erasing| erasing.fitting(width as u32, height as u32, 1.0))
    {
        let (left, top) = (found.left as usize, found.top as usize);
        tensor
            .slice_mut(ndarray::s![
                ..,
                top..top + found.height as usize,
                left..left + found.width as usize
            ])
            .fill(0.0);
    }
    tensor
}

fn bits(tensor: &Array3<f32>) -> Vec<u32> {
    tensor.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn one_pass_has_the_bits_of_a_pass_for_each_step() {
    let jitter = ColorJitter {
        brightness: 0.4,
        contrast: 0.4,
        saturation: 0.4,
    };
    let shifted = |width_shift, height_shift| Augment {
        width_shift,
        height_shift,
        horizontal_flip: 0.5,
        ..Augment::none()
    };
    let erasing = Augment::strong().random_erasing;
    let augments = [
        Augment::none(),
        Augment::subject(),
        shifted(0.0, 0.0),
        shifted(1.0, 1.0),
        shifted(0.3, 0.0),
        shifted(0.0, 0.3),
        Augment {
            color_jitter: Some(jitter),
            random_erasing: erasing,
            ..Augment::subject()
        },
        Augment {
            color_jitter: Some(jitter),
            ..Augment::none()
        },
        Augment {
            random_erasing: erasing,
            ..Augment::none()
        },
    ];
    let photos = [
        noise(64, 48, 3),
        picture(27, 19, 1),
        noise(1, 1, 2),
        noise(9, 100, 5),
    ];
    let sizes = [(19, 27), (1, 1), (2, 3), (40, 1), (1, 40), (33, 64)];
    let mut compared = 0;
    for (height, width) in sizes {
        let preprocess = Preprocess {
            image_size: ImageSize { height, width },
            mean: [0.485, 0.0, 1.0],
            std: [0.229, 1.0, 3.0],
            ..Preprocess::default()
        };
        for augment in &augments {
            for (index, photo) in photos.iter().cycle().take(24).enumerate() {
                let plan = augment.plan(7, 1, index as u64);
                let found = preprocess.augmented(photo, &plan).unwrap();
                let expected = step_by_step(&preprocess, photo, &plan);
                assert!(bits(&found) == bits(&expected), "{height}×{width}: {plan:?}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 6 * 9 * 24);
}

#[test]
fn shifts_by_whole_pixels_have_the_bits_of_a_pass_for_each_step() {
    let photo = noise(31, 22, 1);
    for pixels in [-40, -3, -1, 0, 1, 5, 40] {
        for horizontal_flip in [false, true] {
            let plan = AugmentPlan {
                row_shift: pixels as f32 / 16.0,
                column_shift: -pixels as f32 / 32.0,
                horizontal_flip,
                ..AugmentPlan::default()
            };
            let preprocess = Preprocess {
                image_size: ImageSize {
                    height: 16,
                    width: 32,
                },
                ..Preprocess::default()
            };
            let found = preprocess.augmented(&photo, &plan).unwrap();
            let expected = step_by_step(&preprocess, &photo, &plan);
            assert!(bits(&found) == bits(&expected), "{plan:?}");
        }
    }
}

/// Photos of all formats and kinds, and JPEGs of many sizes.
fn samples(folder: &std::path::Path) -> Vec<Sample> {
    let entries = std::fs::read_dir(golden("decode")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| decode(path).is_ok());
    paths.sort();
    assert!(paths.len() > 20);
    for number in 0..24_u32 {
        let path = folder.join(format!("{number}.jpg"));
        let mut bytes = Vec::new();
        noise(1 + number * 7 % 50, 1 + number * 11 % 70, number)
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 90))
            .unwrap();
        std::fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    paths.into_iter().map(|path| Sample::new(path, 0)).collect()
}

#[test]
fn batches_hold_the_bits_of_photos_decoded_and_changed_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let samples = samples(folder.path());
    let cropped = Augment {
        random_resized_crop: Some(CropRange::default()),
        ..Augment::strong()
    };
    let trivial = Augment {
        transforms: vec![serde_json::from_str::<Transform>(r#"{"kind": "trivial_augment"}"#).unwrap()],
        ..Augment::subject()
    };
    for resize in [
        Resize::Squash,
        Resize::Cover,
        Resize::CenterCrop { shorter_side: 30 },
    ] {
        for augment in [
            Augment::none(),
            Augment::subject(),
            cropped.clone(),
            trivial.clone(),
        ] {
            let preprocess = Preprocess {
                resize,
                ..preprocess()
            };
            let config = LoaderConfig {
                batch_size: 5,
                workers: 2,
                ..LoaderConfig::default()
            };
            let loader = Loader::new(samples.clone(), preprocess.clone(), augment.clone(), config).unwrap();
            let mut seen = 0;
            for batch in loader.epoch(2) {
                let batch = batch.unwrap();
                for (image, &index) in batch.images.outer_iter().zip(&batch.indices) {
                    let photo = decode(&samples[index].path).unwrap();
                    let plan = augment.plan(42, 2, index as u64);
                    let expected = preprocess.augmented(&photo, &plan).unwrap();
                    let path = samples[index].path.display();
                    assert!(bits(&image.to_owned()) == bits(&expected), "{path}: {plan:?}");
                    seen += 1;
                }
            }
            assert_eq!(seen, samples.len());
        }
    }
}
