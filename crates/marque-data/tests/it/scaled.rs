//! JPEGs decoded no larger than they must be.

use std::path::Path;

use crate::common::{largest_difference, pixels};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use marque_data::{
    Augment, Cache, CropRange, Error, ImageSize, Loader, LoaderConfig, Preprocess, Resize, Sample, View,
    decode,
};

/// Shapes of all sizes, as photos have them, and no noise, which no photo of megapixels has in every pixel.
fn landscape(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
        let mut value = 0.0;
        for octave in 1..7 {
            let scale = f32::from(1_u16 << octave);
            value += (x * scale * 5.1 + (y * scale * 3.3).sin()).sin() / scale.sqrt();
        }
        let level = 128.0 + 35.0 * value;
        image::Rgb([level, 255.0 - level, 40.0 + 0.6 * level].map(|level| level as u8))
    })
}

fn write(path: &Path, image: &RgbImage) {
    let mut bytes = Vec::new();
    image
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 92))
        .unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn preprocess(scaled_decoding: Option<f32>, resize: Resize) -> Preprocess {
    Preprocess {
        image_size: ImageSize {
            height: 40,
            width: 60,
        },
        resize,
        scaled_decoding,
        ..Preprocess::default()
    }
}

#[test]
fn three_times_the_target_is_nearly_the_whole_photo() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    write(&path, &landscape(1203, 801));
    let whole = decode(&path).unwrap();
    for resize in [
        Resize::Squash,
        Resize::Cover,
        Resize::CenterCrop { shorter_side: 64 },
    ] {
        let expected = preprocess(None, resize).resize_image(&whole).unwrap();
        assert_eq!(preprocess(None, resize).read_image(&path).unwrap(), expected);
        // Each decoder has its own way to leave out the high frequencies of a block.
        for (factor, levels) in [(3.0, 5.0), (2.0, 16.0)] {
            let found = preprocess(Some(factor), resize).read_image(&path).unwrap();
            let difference = largest_difference(pixels(&found).view(), &pixels(&expected));
            assert!(difference <= levels, "{resize:?}, {factor}: {difference}");
            // It did something.
            assert_ne!(found, expected);
        }
        // No smaller than it must be: the whole photo.
        let found = preprocess(Some(64.0), resize).read_image(&path).unwrap();
        assert_eq!(found, expected);
    }
}

#[test]
fn training_and_test_see_the_same_and_crops_keep_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    write(&path, &landscape(1200, 800));
    let samples = vec![Sample::new(path.clone(), 0); 8];
    let config = LoaderConfig {
        workers: 2,
        ..LoaderConfig::default()
    };
    let small = preprocess(Some(3.0), Resize::Squash);
    let loader = |preprocess: &Preprocess, augment: &Augment| {
        Loader::new(
            samples.clone(),
            preprocess.clone(),
            augment.clone(),
            config.clone(),
        )
        .unwrap()
    };
    let batch = loader(&small, &Augment::none()).epoch(0).next().unwrap().unwrap();
    assert_eq!(
        batch.images.index_axis(ndarray::Axis(0), 3),
        small.load(&path).unwrap()
    );

    let crops = Augment {
        random_resized_crop: Some(CropRange::default()),
        ..Augment::none()
    };
    let whole = loader(&preprocess(None, Resize::Squash), &crops);
    let [found, expected] =
        [loader(&small, &crops), whole].map(|loader| loader.epoch(0).next().unwrap().unwrap().images);
    // In levels: samples are divided by 255 and by at most 0.229.
    let level = 1.0 / 255.0 / 0.224;
    let difference = largest_difference(found.view().into_dyn(), &expected.into_dyn());
    assert!(difference <= 8.0 * level, "{}", difference / level);

    let kept = LoaderConfig {
        cache: Cache::Memory { max_bytes: 1 << 20 },
        ..config.clone()
    };
    let error = Loader::new(samples.clone(), small.clone(), crops, kept).unwrap_err();
    assert!(matches!(error, Error::Setting(_)), "{error}");
}

#[test]
fn views_are_those_of_the_whole_photo() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    write(&path, &landscape(1600, 1000));
    let whole = decode(&path).unwrap();
    let small = preprocess(Some(3.0), Resize::Cover);
    let five = marque_data::TestAugment {
        five_crop: Some(0.8),
        ..Default::default()
    };
    let samples = vec![Sample::new(path, 0)];
    let loader = Loader::new(samples, small.clone(), Augment::none(), LoaderConfig::default()).unwrap();
    let views: Vec<View> = five.views(small.image_size);
    assert_eq!(views.len(), 5);
    for view in &views {
        let batch = loader.with_view(view).unwrap().epoch(0).next().unwrap().unwrap();
        let found = small.image(batch.images.index_axis(ndarray::Axis(0), 0));
        let expected = small.view(&whole, view).unwrap();
        let difference = largest_difference(pixels(&found).view(), &pixels(&expected));
        assert!(difference <= 6.0, "{difference}");
    }
}

#[test]
fn a_photo_that_is_cut_short_is_an_error_at_every_scale() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    write(&path, &landscape(1200, 800));
    let bytes = std::fs::read(&path).unwrap();
    for factor in [1.0, 2.0, 3.0, 6.0] {
        let preprocess = preprocess(Some(factor), Resize::Squash);
        for share in [3, 5, 9] {
            std::fs::write(&path, &bytes[..bytes.len() * share / 10]).unwrap();
            let error = preprocess.read_image(&path).unwrap_err();
            assert!(matches!(error, Error::Truncated { .. }), "{error}");
            // The end marker is there, and something is missing in front of it.
            let mut cut = bytes[..bytes.len() * share / 10].to_vec();
            cut.extend([0xFF, 0xD9]);
            std::fs::write(&path, cut).unwrap();
            preprocess.read_image(&path).unwrap_err();
        }
    }
}

#[test]
fn factors_out_of_range_are_named_and_old_files_are_read_as_before() {
    for factor in [0.5, 65.0, f32::NAN] {
        let error = preprocess(Some(factor), Resize::Squash).validate().unwrap_err();
        assert!(error.to_string().starts_with("scaled_decoding: "), "{error}");
    }
    let text = serde_json::to_string(&Preprocess::default()).unwrap();
    assert!(!text.contains("scaled_decoding"));
    assert_eq!(
        serde_json::from_str::<Preprocess>(&text).unwrap(),
        Preprocess::default()
    );
}
