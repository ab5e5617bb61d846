//! The check of a folder, and statistics over photos some of which are bad.

use crate::common::{golden, picture, touch};
use marque_data::{BadFiles, Error, ImageFolder, ImageSize, Resize, Sample, channel_mean, check};

#[test]
fn every_bad_file_is_listed_with_its_reason() {
    let root = tempfile::tempdir().unwrap();
    for (name, variant) in [("A/good.png", 0), ("B/copy.png", 0), ("B/other.jpg", 1)] {
        std::fs::create_dir_all(root.path().join(name).parent().unwrap()).unwrap();
        picture(30, 20, variant).save(root.path().join(name)).unwrap();
    }
    touch(root.path(), &["A/empty.jpg"]);
    std::fs::write(root.path().join("B/notes.jpg"), "not a photo").unwrap();
    std::fs::copy(
        golden("decode").join("truncated.jpg"),
        root.path().join("A/cut.jpg"),
    )
    .unwrap();

    let report = check(&ImageFolder::scan(root.path()).unwrap());
    assert_eq!(report.images, 3);
    assert!(!report.is_clean());
    let found: Vec<(&str, &str)> = report
        .bad
        .iter()
        .map(|bad| {
            (
                bad.path.file_name().unwrap().to_str().unwrap(),
                bad.reason.as_str(),
            )
        })
        .collect();
    let expected = [
        (
            "cut.jpg",
            "the file is truncated: it ends after 632 bytes, before the end of the image",
        ),
        ("empty.jpg", "the file is empty"),
        (
            "notes.jpg",
            "not an image of a known format (JPEG, PNG, GIF, WebP, BMP, TIFF)",
        ),
    ];
    assert_eq!(found, expected);
    assert_eq!(
        report.duplicates,
        [[root.path().join("A/good.png"), root.path().join("B/copy.png")]]
    );
}

#[test]
fn statistics_are_those_of_the_pixels_for_any_number_of_threads() {
    let root = tempfile::tempdir().unwrap();
    let mut samples = crate::common::write_photos(root.path(), 9);
    let mut values = [const { Vec::new() }; 3];
    for sample in &samples {
        let preprocess = marque_data::Preprocess {
            image_size: ImageSize::square(16),
            ..Default::default()
        };
        let image = preprocess
            .resize_image(&marque_data::decode(&sample.path).unwrap())
            .unwrap();
        for pixel in image.pixels() {
            for (values, &value) in values.iter_mut().zip(&pixel.0) {
                values.push(f64::from(value) / 255.0);
            }
        }
    }
    samples.insert(3, Sample::new(root.path().join("missing.jpg"), 0));
    let measure = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| channel_mean(&samples, ImageSize::square(16), Resize::Squash, BadFiles::Skip))
            .unwrap()
    };
    let statistics = measure(1);
    assert_eq!(statistics, measure(4));
    assert_eq!((statistics.images, statistics.skipped.len()), (9, 1));
    for (channel, values) in values.iter().enumerate() {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        // The sums are exact: what remains is the rounding to f32.
        approx::assert_relative_eq!(f64::from(statistics.mean[channel]), mean, max_relative = 1e-6);
        approx::assert_relative_eq!(
            f64::from(statistics.std[channel]),
            variance.sqrt(),
            max_relative = 1e-6
        );
    }

    let stopped = channel_mean(&samples, ImageSize::square(16), Resize::Squash, BadFiles::Stop).unwrap_err();
    assert!(matches!(stopped, Error::Read { path, .. } if path.ends_with("missing.jpg")));
    let all_bad = channel_mean(
        &samples[3..4],
        ImageSize::square(16),
        Resize::Squash,
        BadFiles::Skip,
    )
    .unwrap_err();
    assert!(matches!(all_bad, Error::AllBad { count: 1, .. }));
    assert!(matches!(
        channel_mean(&[], ImageSize::square(16), Resize::Squash, BadFiles::Skip),
        Err(Error::NoSamples)
    ));
}
