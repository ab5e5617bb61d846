//! What a plan does to pixels, against scipy (the operation that Keras performs) and torchvision.

use crate::common::{golden, largest_difference, picture, pixels};
use image::imageops::flip_horizontal;
use marque_data::{
    Augment, AugmentPlan, ColorPlan, CropRange, ImageSize, Preprocess, RandomErasing, Resize, decode,
};
use marque_testkit::golden::Golden;
use ndarray::{Array3, ArrayD};

/// Samples from 0 to 255 come out as they are: x / 255 · 255.
fn plain(side: usize) -> Preprocess {
    Preprocess {
        image_size: ImageSize::square(side),
        resize: Resize::Squash,
        mean: [0.0; 3],
        std: [1.0 / 255.0; 3],
        ..Preprocess::default()
    }
}

fn channels_last(tensor: Array3<f32>) -> ArrayD<f32> {
    tensor.permuted_axes([1, 2, 0]).into_dyn()
}

/// scipy interpolates in f64 and torchvision in f32 of the range 0 to 1; here it is f32 of the range 0 to 255, whose
/// steps near 255 are 1.5e-5; a blend of several such numbers is off by a few tens of them.
const TOLERANCE: f32 = 5e-4;

#[test]
fn shifts_and_colours_agree_with_the_references() {
    let golden_file = Golden::open(env!("CARGO_MANIFEST_DIR"), "augment/io.safetensors").unwrap();
    let photo = decode(&golden("augment").join("picture.png")).unwrap();
    let untouched = pixels(&photo);
    let mut count = 0;
    for name in golden_file.names().filter(|name| !name.ends_with("/plan")) {
        let drawn = golden_file.f32(&format!("{name}/plan")).unwrap();
        let plan = if name.starts_with("shift") {
            AugmentPlan {
                row_shift: drawn[0],
                column_shift: drawn[1],
                horizontal_flip: drawn[2] == 1.0,
                ..AugmentPlan::default()
            }
        } else {
            let color = ColorPlan {
                brightness: drawn[0],
                contrast: drawn[1],
                saturation: drawn[2],
            };
            AugmentPlan {
                color: Some(color),
                ..AugmentPlan::default()
            }
        };
        let found = channels_last(plain(24).augmented(&photo, &plan).unwrap());
        let expected = golden_file.f32(name).unwrap();
        let difference = largest_difference(found.view(), &expected);
        println!("{name}: {difference}");
        assert!(difference <= TOLERANCE, "{name}: {difference}");
        assert!(
            largest_difference(untouched.view(), &expected) > 10.0,
            "{name} changes nothing"
        );
        count += 1;
    }
    assert_eq!(count, 6 + 7);
}

#[test]
fn no_augmentation_is_exactly_the_preprocessing() {
    let photo = picture(31, 22, 3);
    for resize in [Resize::Squash, Resize::CenterCrop { shorter_side: 20 }] {
        let preprocess = Preprocess {
            image_size: ImageSize::square(16),
            resize,
            ..Preprocess::default()
        };
        let plan = Augment::none().plan(42, 3, 5);
        let expected = preprocess.tensor(&preprocess.resize_image(&photo).unwrap());
        assert_eq!(preprocess.augmented(&photo, &plan).unwrap(), expected);
    }
}

#[test]
fn mirroring_alone_is_exact() {
    let photo = picture(16, 16, 4);
    let plan = AugmentPlan {
        horizontal_flip: true,
        ..AugmentPlan::default()
    };
    let preprocess = Preprocess {
        image_size: ImageSize::square(16),
        ..Preprocess::default()
    };
    let expected = preprocess.tensor(&flip_horizontal(&photo));
    assert_eq!(preprocess.augmented(&photo, &plan).unwrap(), expected);
}

#[test]
fn a_crop_shows_the_pixels_of_its_rectangle() {
    let photo = picture(60, 40, 2);
    let range = CropRange {
        area: (0.2, 0.9),
        aspect: (0.75, 1.3),
    };
    let augment = Augment {
        random_resized_crop: Some(range),
        ..Augment::none()
    };
    let mut different = std::collections::BTreeSet::new();
    for index in 0..20 {
        let plan = augment.plan(1, 0, index);
        let found = plan.crop.as_ref().unwrap().fitting_or_central(60, 40, 1.0);
        different.insert((found.left, found.top, found.width, found.height));
        let cropped =
            image::imageops::crop_imm(&photo, found.left, found.top, found.width, found.height).to_image();
        let inside = plain(12).tensor(&plain(12).resize_image(&cropped).unwrap());
        let tensor = plain(12).augmented(&photo, &plan).unwrap();
        // Pixels at the border may also use their neighbours outside of the rectangle; inside it is the same picture.
        let middle = ndarray::s![.., 3..9, 3..9];
        let difference = (&tensor.slice(middle) - &inside.slice(middle)).mapv(f32::abs);
        assert!(difference.iter().all(|&value| value <= 1.01), "{index}");
    }
    assert!(different.len() >= 19);
}

#[test]
fn erasing_sets_a_rectangle_to_the_mean() {
    let photo = picture(32, 32, 6);
    let erasing = RandomErasing {
        probability: 0.5,
        area: (0.1, 0.3),
        aspect: (0.5, 2.0),
    };
    let augment = Augment {
        random_erasing: Some(erasing),
        ..Augment::none()
    };
    let preprocess = Preprocess {
        image_size: ImageSize::square(32),
        ..Preprocess::default()
    };
    let whole = preprocess.tensor(&photo);
    let mut erased_photos = 0;
    for index in 0..200 {
        let tensor = preprocess.augmented(&photo, &augment.plan(3, 1, index)).unwrap();
        let changed = tensor
            .iter()
            .zip(&whole)
            .filter(|(now, before)| now != before)
            .count();
        if changed == 0 {
            continue;
        }
        erased_photos += 1;
        assert!(
            tensor
                .iter()
                .zip(&whole)
                .all(|(now, before)| now == before || *now == 0.0)
        );
        let share = changed as f64 / whole.len() as f64;
        assert!((0.08..=0.33).contains(&share), "{share}");
    }
    // Standard deviation: √(200 / 4) ≈ 7.
    assert!((70..=130).contains(&erased_photos), "{erased_photos}");
}
