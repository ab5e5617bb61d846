//! Photos and folders that several tests need.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use marque_data::Sample;
use ndarray::{ArrayD, ArrayViewD};

pub(crate) fn golden(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(case)
}

/// The largest difference between two arrays of one shape.
pub(crate) fn largest_difference(found: ArrayViewD<'_, f32>, expected: &ArrayD<f32>) -> f32 {
    assert_eq!(found.shape(), expected.shape());
    found
        .iter()
        .zip(expected)
        .map(|(found, expected)| (found - expected).abs())
        .fold(0.0, f32::max)
}

/// The pixels of an image as floats, H × W × 3.
pub(crate) fn pixels(image: &RgbImage) -> ArrayD<f32> {
    let shape = [image.height() as usize, image.width() as usize, 3];
    let values = image.as_raw().iter().map(|&value| f32::from(value)).collect();
    ArrayD::from_shape_vec(&shape[..], values).unwrap()
}

/// A picture that looks like no other.
pub(crate) fn noise(width: u32, height: u32, variant: u32) -> RgbImage {
    let mut state = u64::from(variant) << 32 | 0x9e37_79b9;
    RgbImage::from_fn(width, height, |_, _| {
        // Steele, Lea & Flood 2014.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [red, green, blue, ..] = (mixed ^ (mixed >> 31)).to_le_bytes();
        Rgb([red, green, blue])
    })
}

/// A picture that is different for each `variant`.
pub(crate) fn picture(width: u32, height: u32, variant: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let wave = ((x * (3 + variant % 5) + y * 7) as f32 / 9.0 + variant as f32).sin();
        Rgb([
            (127.0 + 120.0 * wave) as u8,
            (x * 5 + variant * 31) as u8,
            (y * 6) as u8,
        ])
    })
}

/// Writes `count` PNGs of different sizes, two labels in turn.
pub(crate) fn write_photos(folder: &Path, count: usize) -> Vec<Sample> {
    let samples: Vec<Sample> = (0..count)
        .map(|index| Sample::new(folder.join(format!("{index:03}.png")), index % 2))
        .collect();
    for (variant, sample) in samples.iter().enumerate() {
        let variant = variant as u32;
        picture(20 + variant % 7, 16 + variant % 5, variant)
            .save(&sample.path)
            .unwrap();
    }
    samples
}

/// Creates files without content, with the folders that they lie in.
pub(crate) fn touch(root: &Path, files: &[&str]) {
    for file in files {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
}
