//! Results that are not square, against a resampling written out here.

use crate::common::{largest_difference, picture, pixels, write_photos};
use image::RgbImage;
use marque_data::{
    Augment, BadFiles, CropRange, ImageSize, Loader, LoaderConfig, Preprocess, RandomErasing, Resize,
    channel_mean,
};
use ndarray::{Array3, ArrayD, Axis, s};

const WIDE: ImageSize = ImageSize {
    height: 16,
    width: 26,
};
const HIGH: ImageSize = ImageSize {
    height: 26,
    width: 16,
};
/// 8-bit coefficients in fixed point, rounded in both directions, against floats.
const TOLERANCE_LEVELS: f32 = 1.5;

fn prepare(image_size: ImageSize, resize: Resize) -> Preprocess {
    Preprocess {
        image_size,
        resize,
        mean: [0.0; 3],
        std: [1.0 / 255.0; 3],
        ..Preprocess::default()
    }
}

/// Brings `length` px from `start` of one axis of an image to `target` px, with a triangle filter that widens when
/// shrinking: Pillow's `resize(…, BILINEAR, box=…)`.
fn resampled(image: &ArrayD<f32>, axis: Axis, (start, length): (f64, f64), target: usize) -> ArrayD<f32> {
    let scale = length / target as f64;
    let support = scale.max(1.0);
    let lanes: Vec<ArrayD<f32>> = (0..target)
        .map(|position| {
            let centre = start + (position as f64 + 0.5) * scale;
            let weights: Vec<f64> = (0..image.len_of(axis))
                .map(|source| (1.0 - ((source as f64 + 0.5 - centre) / support).abs()).max(0.0))
                .collect();
            let total: f64 = weights.iter().sum();
            let mut lane = ArrayD::zeros(image.index_axis(axis, 0).shape());
            for (source, weight) in weights.iter().enumerate() {
                lane.scaled_add((weight / total) as f32, &image.index_axis(axis, source));
            }
            lane
        })
        .collect();
    let views: Vec<_> = lanes.iter().map(|lane| lane.view()).collect();
    ndarray::stack(axis, &views).unwrap()
}

/// Scales the rectangle at (`left`, `top`) of `width` × `height` px to `size`.
fn reference(photo: &RgbImage, [left, top, width, height]: [f64; 4], size: ImageSize) -> ArrayD<f32> {
    let rows = resampled(&pixels(photo), Axis(0), (top, height), size.height);
    resampled(&rows, Axis(1), (left, width), size.width)
}

fn size_of(image: &RgbImage) -> ImageSize {
    ImageSize {
        height: image.height() as usize,
        width: image.width() as usize,
    }
}

fn assert_shows(found: &RgbImage, expected: &ArrayD<f32>) {
    let difference = largest_difference(pixels(found).view(), expected);
    assert!(difference <= TOLERANCE_LEVELS, "{difference} levels");
}

#[test]
fn squashing_scales_each_side_by_itself() {
    for (size, variant) in [(WIDE, 1), (HIGH, 2)] {
        let photo = picture(61, 40, variant);
        let found = prepare(size, Resize::Squash).resize_image(&photo).unwrap();
        assert_eq!(size_of(&found), size);
        assert_shows(&found, &reference(&photo, [0.0, 0.0, 61.0, 40.0], size));
    }
}

#[test]
fn covering_cuts_the_proportions_of_the_result_out_of_the_middle() {
    // 13 : 8 out of a photo that is higher, one that is wider, and one that is smaller than the result.
    for (photo, rectangle) in [
        (picture(52, 52, 3), [0.0, 10.0, 52.0, 32.0]),
        (picture(90, 16, 4), [32.0, 0.0, 26.0, 16.0]),
        (picture(13, 9, 5), [0.0, 0.5, 13.0, 8.0]),
    ] {
        let found = prepare(WIDE, Resize::Cover).resize_image(&photo).unwrap();
        assert_shows(&found, &reference(&photo, rectangle, WIDE));
    }
    // 8 : 13.
    let photo = picture(90, 52, 6);
    let found = prepare(HIGH, Resize::Cover).resize_image(&photo).unwrap();
    assert_shows(&found, &reference(&photo, [29.0, 0.0, 32.0, 52.0], HIGH));
}

#[test]
fn covering_takes_photos_of_any_proportions() {
    let sizes = [
        WIDE,
        HIGH,
        ImageSize {
            height: 1,
            width: 300,
        },
        ImageSize {
            height: 300,
            width: 1,
        },
    ];
    let sides = [1, 2, 3, 7, 30, 97, 1001, 30_000];
    for (width, height) in sides.iter().flat_map(|&side| [(side, 1), (1, side), (side, 13)]) {
        let photo = picture(width, height, 0);
        for size in sizes {
            let found = prepare(size, Resize::Cover).resize_image(&photo).unwrap();
            assert_eq!(size_of(&found), size);
        }
    }
}

#[test]
fn covering_a_square_is_a_centre_crop_of_its_side() {
    // 75 × 50 and 50 × 75 px are 30 × 20 and 20 × 30 px then, of which five pixels are cut from both ends.
    for photo in [picture(75, 50, 7), picture(50, 75, 8), picture(33, 33, 9)] {
        let size = ImageSize::square(20);
        let crop = Resize::CenterCrop { shorter_side: 20 };
        assert_eq!(
            prepare(size, Resize::Cover).resize_image(&photo).unwrap(),
            prepare(size, crop).resize_image(&photo).unwrap()
        );
    }
}

#[test]
fn a_centre_crop_is_cut_from_the_photo_scaled_to_its_shorter_side() {
    let photo = picture(90, 60, 10);
    let crop = Resize::CenterCrop { shorter_side: 30 };
    let scaled = ImageSize {
        height: 30,
        width: 45,
    };
    let whole = reference(&photo, [0.0, 0.0, 90.0, 60.0], scaled);
    let found = prepare(WIDE, crop).resize_image(&photo).unwrap();
    // (45 − 26) / 2 = 9.5 goes to the even 10, as in torchvision.
    assert_shows(&found, &whole.slice(s![7..23, 10..36, ..]).to_owned().into_dyn());
    let found = prepare(HIGH, crop).resize_image(&photo).unwrap();
    assert_shows(&found, &whole.slice(s![2..28, 14..30, ..]).to_owned().into_dyn());
}

#[test]
fn a_random_crop_is_scaled_to_the_result() {
    let photo = picture(80, 60, 11);
    let range = CropRange {
        area: (0.2, 0.9),
        aspect: (0.75, 4.0 / 3.0),
    };
    let augment = Augment {
        random_resized_crop: Some(range),
        ..Augment::none()
    };
    for (size, index) in [WIDE, HIGH]
        .iter()
        .flat_map(|&size| (0..50).map(move |index| (size, index)))
    {
        let plan = augment.plan(4, 0, index);
        let crop = plan
            .crop
            .as_ref()
            .unwrap()
            .fitting_or_central(80, 60, size.aspect());
        assert!(crop.left + crop.width <= 80 && crop.top + crop.height <= 60);
        let distortion = f64::from(crop.width) / f64::from(crop.height) / size.aspect();
        // Rounding to whole pixels, half of one on sides of at least 21 px.
        assert!((0.72..=1.39).contains(&distortion), "{distortion}");
        let tensor = prepare(size, Resize::Squash).augmented(&photo, &plan).unwrap();
        let rectangle = [crop.left, crop.top, crop.width, crop.height].map(f64::from);
        let expected = reference(&photo, rectangle, size);
        let found = tensor.permuted_axes([1, 2, 0]).into_dyn();
        let difference = largest_difference(found.view(), &expected);
        assert!(difference <= TOLERANCE_LEVELS, "{index}: {difference} levels");
    }
}

#[test]
fn shifts_and_flips_go_by_the_sides_of_the_result() {
    let photo = picture(26, 16, 12);
    let plan = marque_data::AugmentPlan {
        row_shift: 0.125,
        column_shift: 0.5,
        horizontal_flip: true,
        ..Default::default()
    };
    let found = prepare(WIDE, Resize::Squash).augmented(&photo, &plan).unwrap();
    let expected = Array3::from_shape_fn((3, 16, 26), |(channel, row, column)| {
        // Two rows and thirteen columns.
        let (x, y) = ((25 - column + 13).min(25) as u32, (row + 2).min(15) as u32);
        f32::from(photo.get_pixel(x, y).0[channel])
    });
    let difference = largest_difference(found.into_dyn().view(), &expected.into_dyn());
    assert!(difference < 1e-3, "{difference}");
}

#[test]
fn the_aspect_of_an_erased_rectangle_is_that_of_its_pixels() {
    let size = ImageSize {
        height: 60,
        width: 100,
    };
    let erasing = RandomErasing {
        probability: 1.0,
        area: (0.24, 0.24),
        aspect: (1.0, 1.0),
    };
    let augment = Augment {
        random_erasing: Some(erasing),
        ..Augment::none()
    };
    let white = RgbImage::from_pixel(100, 60, image::Rgb([255; 3]));
    let tensor = prepare(size, Resize::Squash)
        .augmented(&white, &augment.plan(1, 0, 0))
        .unwrap();
    let erased = tensor.index_axis(Axis(0), 0).mapv(|value| value == 0.0);
    // √(0.24 · 6000) = 37.9.
    assert_eq!(erased.iter().filter(|&&erased| erased).count(), 38 * 38);
    let rows = erased.outer_iter().filter(|row| row.iter().any(|&erased| erased));
    assert_eq!(rows.count(), 38);
}

#[test]
fn a_loader_makes_batches_of_rectangles() {
    let folder = tempfile::tempdir().unwrap();
    let samples = write_photos(folder.path(), 6);
    let config = LoaderConfig {
        batch_size: 4,
        workers: 2,
        ..LoaderConfig::default()
    };
    for resize in [
        Resize::Squash,
        Resize::Cover,
        Resize::CenterCrop { shorter_side: 30 },
    ] {
        for augment in [Augment::none(), Augment::subject(), Augment::strong()] {
            let preprocess = prepare(WIDE, resize);
            let loader = Loader::new(samples.clone(), preprocess, augment.clone(), config.clone()).unwrap();
            let batches: Vec<_> = loader.epoch(1).map(|batch| batch.unwrap()).collect();
            assert_eq!(batches[0].images.shape(), [4, 3, 16, 26]);
            assert_eq!(batches[1].images.shape(), [2, 3, 16, 26]);
            let index = batches[1].indices[1];
            let photo = marque_data::decode(&samples[index].path).unwrap();
            let expected = loader
                .preprocess()
                .augmented(&photo, &augment.plan(42, 1, index as u64))
                .unwrap();
            assert_eq!(batches[1].images.index_axis(Axis(0), 1), expected);
        }
    }
    let statistics = channel_mean(&samples, WIDE, Resize::Cover, BadFiles::Stop).unwrap();
    assert_eq!(statistics.images, 6);
}

#[test]
fn sizes_are_stored_and_old_ones_read() {
    let wide = Preprocess {
        image_size: WIDE,
        resize: Resize::Cover,
        ..Preprocess::default()
    };
    let text = serde_json::to_string(&wide).unwrap();
    let start = r#"{"image_size":{"height":16,"width":26},"resize":"cover","#;
    assert!(text.starts_with(start), "{text}");
    assert_eq!(serde_json::from_str::<Preprocess>(&text).unwrap(), wide);

    let old = r#"{"image_size":224,"resize":"squash","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}"#;
    assert_eq!(
        serde_json::from_str::<Preprocess>(old).unwrap(),
        Preprocess::default()
    );
}

#[test]
fn each_side_is_checked() {
    prepare(WIDE, Resize::CenterCrop { shorter_side: 26 })
        .validate()
        .unwrap();
    let size = |height, width| ImageSize { height, width };
    for (image_size, resize, expected) in [
        (
            size(0, 224),
            Resize::Squash,
            "image_size: expected sides of 1 to 4096 px, found 0×224",
        ),
        (
            size(224, 4097),
            Resize::Cover,
            "image_size: expected sides of 1 to 4096 px, found 224×4097",
        ),
        (
            WIDE,
            Resize::CenterCrop { shorter_side: 25 },
            "resize.shorter_side: expected 26 (the longer side of the image size) to 4096 px, found 25",
        ),
    ] {
        let error = prepare(image_size, resize).validate().unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}
