//! Damaged files: whatever they hold, decoding answers and does not panic.

use std::path::Path;

use crate::common::golden;
use marque_data::{Error, decode_bytes};
use marque_testkit::golden::Golden;
use proptest::prelude::*;

const SEEDS: [&str; 9] = [
    "exif_6.jpg",
    "progressive.jpg",
    "cmyk.jpg",
    "rgba.png",
    "palette_transparent.png",
    "palette.gif",
    "rgb.webp",
    "rgb.bmp",
    "rgb.tiff",
];

/// A panic would reach us as [`Error::Panicked`].
fn answers(bytes: &[u8], name: &str) -> Result<(), TestCaseError> {
    match decode_bytes(bytes, Path::new(name)) {
        Err(error @ Error::Panicked { .. }) => Err(TestCaseError::fail(error.to_string())),
        Err(error) => {
            prop_assert!(error.to_string().contains(name), "{}", error);
            Ok(())
        }
        Ok(image) => {
            prop_assert!(image.width() > 0 && image.height() > 0);
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes(
        seed in 0..SEEDS.len(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = std::fs::read(golden("decode").join(SEEDS[seed])).unwrap();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        answers(&bytes, SEEDS[seed])?;
    }

    #[test]
    fn cut_and_doubled(seed in 0..SEEDS.len(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let bytes = std::fs::read(golden("decode").join(SEEDS[seed])).unwrap();
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        let joined = [&bytes[..to], &bytes[from..]].concat();
        answers(&joined, SEEDS[seed])?;
        answers(&bytes[..to], SEEDS[seed])?;
    }

    #[test]
    fn noise_behind_a_magic_number(seed in 0..SEEDS.len(), noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = std::fs::read(golden("decode").join(SEEDS[seed])).unwrap();
        bytes.truncate(16);
        bytes.extend(noise);
        answers(&bytes, SEEDS[seed])?;
    }

    #[test]
    fn flipped_bytes_of_every_kind_of_jpeg(
        seed in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let golden = Golden::open(env!("CARGO_MANIFEST_DIR"), "jpeg_kinds/io.safetensors").unwrap();
        let names: Vec<&str> = golden.names().filter(|name| name.starts_with("jpeg/")).collect();
        let name = names[seed.index(names.len())];
        let mut bytes = golden.u8(name).unwrap().into_raw_vec_and_offset().0;
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
            bytes.extend([0xFF, 0xD9]);
        }
        answers(&bytes, name)?;
    }
}
