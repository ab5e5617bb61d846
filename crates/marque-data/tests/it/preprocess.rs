//! Resizing and normalisation against Pillow, torchvision and the formula.

use crate::common::{golden, largest_difference, picture, pixels};
use marque_data::{Error, ImageSize, Preprocess, Resize, decode};
use marque_testkit::golden::Golden;
use ndarray::Axis;

/// Both libraries compute with coefficients of 8-bit images in fixed point, and round twice: one level apart at most.
const TOLERANCE_LEVELS: f32 = 1.0;
/// Rounding errors cancel: a shift of the grid, or rounding down, would not.
const TOLERANCE_BIAS: f32 = 0.05;

#[test]
fn resizing_agrees_with_pillow_and_torchvision() {
    let expected = Golden::open(env!("CARGO_MANIFEST_DIR"), "resize/io.safetensors").unwrap();
    let mut count = 0;
    for name in expected.names() {
        let parts: Vec<&str> = name.split('/').collect();
        let (image_size, resize) = match parts[1..] {
            ["squash", size] => (size.parse().unwrap(), Resize::Squash),
            ["crop", side, size] => (
                size.parse().unwrap(),
                Resize::CenterCrop {
                    shorter_side: side.parse().unwrap(),
                },
            ),
            _ => panic!("{name}"),
        };
        let preprocess = Preprocess {
            image_size: ImageSize::square(image_size),
            resize,
            ..Preprocess::default()
        };
        let image = decode(&golden("resize").join(parts[0]).with_extension("png")).unwrap();
        let found = pixels(&preprocess.resize_image(&image).unwrap());
        let difference = largest_difference(found.view(), &expected.f32(name).unwrap());
        let bias = (&found - &expected.f32(name).unwrap()).mean().unwrap();
        println!("{name}: {difference} levels, {bias} on average");
        assert!(difference <= TOLERANCE_LEVELS, "{name}: {difference} levels");
        assert!(bias.abs() <= TOLERANCE_BIAS, "{name}: {bias} levels on average");
        count += 1;
    }
    assert_eq!(count, 3 * 7);
}

#[test]
fn loading_normalises_each_channel_into_channels_last_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.png");
    let image = picture(8, 8, 1);
    image.save(&path).unwrap();
    let preprocess = Preprocess {
        image_size: ImageSize::square(8),
        resize: Resize::Squash,
        mean: [0.1, 0.2, 0.3],
        std: [0.5, 0.25, 2.0],
        ..Preprocess::default()
    };
    let tensor = preprocess.load(&path).unwrap();
    assert_eq!(tensor.shape(), [3, 8, 8]);
    for channel in 0..3 {
        for (y, row) in tensor.index_axis(Axis(0), channel).outer_iter().enumerate() {
            for (x, &value) in row.iter().enumerate() {
                let byte = f32::from(image.get_pixel(x as u32, y as u32).0[channel]);
                let expected = (byte / 255.0 - preprocess.mean[channel]) / preprocess.std[channel];
                assert_eq!(value, expected);
            }
        }
    }
    assert!(tensor.view().permuted_axes([1, 2, 0]).is_standard_layout());
    assert_eq!(preprocess.image(tensor.view()), image);
}

#[test]
fn very_long_and_very_small_photos_are_cropped_without_much_memory() {
    let preprocess = Preprocess {
        image_size: ImageSize::square(224),
        resize: Resize::CenterCrop { shorter_side: 256 },
        ..Preprocess::default()
    };
    // Scaled as a whole, this photo would have 256 × 7,680,000 px.
    let long = picture(1, 30_000, 0);
    assert_eq!(preprocess.resize_image(&long).unwrap().dimensions(), (224, 224));
    assert_eq!(
        preprocess.resize_image(&picture(1, 1, 0)).unwrap().dimensions(),
        (224, 224)
    );
    let nothing = image::RgbImage::new(0, 5);
    assert!(matches!(
        preprocess.resize_image(&nothing),
        Err(Error::NoPixels {
            width_px: 0,
            height_px: 5
        })
    ));
}

#[test]
fn settings_are_stored_by_name_and_checked() {
    let preprocess = Preprocess {
        resize: Resize::CenterCrop { shorter_side: 256 },
        ..Preprocess::default()
    };
    let text = serde_json::to_string(&preprocess).unwrap();
    assert!(
        text.contains(r#""resize":{"center_crop":{"shorter_side":256}}"#),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<Preprocess>(&text).unwrap(), preprocess);
    let misspelt = text.replace("image_size", "imagesize");
    assert!(
        serde_json::from_str::<Preprocess>(&misspelt)
            .unwrap_err()
            .to_string()
            .contains("imagesize")
    );

    preprocess.validate().unwrap();
    let bad = [
        Preprocess {
            image_size: ImageSize::square(0),
            ..Preprocess::default()
        },
        Preprocess {
            image_size: ImageSize::square(300),
            ..preprocess.clone()
        },
        Preprocess {
            std: [1.0, 0.0, 1.0],
            ..Preprocess::default()
        },
        Preprocess {
            mean: [f32::NAN; 3],
            ..Preprocess::default()
        },
    ];
    let settings = ["image_size", "resize.shorter_side", "std", "mean"];
    for (preprocess, setting) in bad.iter().zip(settings) {
        let message = preprocess.validate().unwrap_err().to_string();
        assert!(message.starts_with(&format!("{setting}: expected")), "{message}");
    }
}
