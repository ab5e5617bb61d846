//! Decoding against Pillow and the definitions of the formats.

use std::path::Path;

use crate::common::{golden, largest_difference, pixels};
use marque_data::{Error, decode, decode_bytes, jpeg_decoder};
use marque_testkit::golden::Golden;

/// The lossless formats have one right answer. JPEG decoders may round their transforms differently: the standard
/// (ISO 10918-2) permits a level or two; where the chroma has half the resolution its interpolation adds to that.
fn tolerance(name: &str) -> f32 {
    match name {
        // libjpeg-turbo is what Pillow decodes with; four components go to the decoder that reads them without it.
        _ if jpeg_decoder() == "libjpeg-turbo" && !["cmyk.jpg", "ycck.jpg"].contains(&name) => 0.0,
        "subsampled.jpg" => 4.0,
        _ if name.ends_with(".jpg") && name != "wrong_ending.jpg" => 2.0,
        _ => 0.0,
    }
}

#[test]
fn every_format_and_colour_mode_has_the_pixels_of_the_reference() {
    let expected = Golden::open(env!("CARGO_MANIFEST_DIR"), "decode/io.safetensors").unwrap();
    let mut count = 0;
    for name in expected.names() {
        let image = decode(&golden("decode").join(name)).unwrap();
        let difference =
            largest_difference(pixels(&image).view(), &expected.u8(name).unwrap().mapv(f32::from));
        println!("{name}: {difference} levels");
        assert!(difference <= tolerance(name), "{name}: {difference} levels");
        count += 1;
    }
    assert_eq!(count, 8 + 5 + 5 + 1 + 2 + 1 + 3);
}

#[test]
fn all_eight_orientations_end_upright() {
    // Turned by the camera, all eight files hold the same pixels; shown upright they are eight different pictures, of
    // which four are on their side.
    let images: Vec<_> = (1..=8)
        .map(|value| decode(&golden("decode").join(format!("exif_{value}.jpg"))).unwrap())
        .collect();
    for (index, image) in images.iter().enumerate() {
        let expected = if index < 4 { (40, 24) } else { (24, 40) };
        assert_eq!(image.dimensions(), expected);
        assert!(images[..index].iter().all(|other| other != image), "{index}");
    }
}

#[test]
fn what_cannot_be_decoded_is_named_with_the_reason() {
    let truncated = golden("decode").join("truncated.jpg");
    let error = decode(&truncated).unwrap_err();
    assert!(
        matches!(error, Error::Truncated { found_bytes: 632, .. }),
        "{error}"
    );
    assert!(error.to_string().starts_with(&truncated.display().to_string()));
    assert_eq!(
        error.reason(&truncated),
        "the file is truncated: it ends after 632 bytes, before the end of the image"
    );

    let name = Path::new("some/photo.jpg");
    assert!(matches!(decode_bytes(b"", name), Err(Error::EmptyFile { .. })));
    let text = decode_bytes(b"Dear diary, today I saw a car", name).unwrap_err();
    assert!(matches!(text, Error::NotAnImage { .. }));
    assert_eq!(
        text.to_string(),
        "some/photo.jpg: not an image of a known format (JPEG, PNG, GIF, WebP, BMP, TIFF)"
    );
}

#[test]
fn a_truncated_file_of_any_format_is_an_error() {
    let mut count = 0;
    for name in [
        "rgb.png",
        "grey_16.png",
        "rgb.bmp",
        "rgb.tiff",
        "rgb.webp",
        "palette.gif",
        "exif_1.jpg",
        "progressive.jpg",
    ] {
        let whole = std::fs::read(golden("decode").join(name)).unwrap();
        for part in 1..10 {
            let cut = &whole[..whole.len() * part / 10];
            let error = decode_bytes(cut, Path::new(name)).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            count += 1;
        }
    }
    assert_eq!(count, 72);
}

#[test]
fn a_header_that_promises_too_much_costs_no_memory() {
    // A BMP header of 60,000 × 60,000 px: 10.8 GB of pixels in a file of 54 bytes.
    let mut bmp = vec![0_u8; 54];
    bmp[..2].copy_from_slice(b"BM");
    for (at, value) in [(10, 54_u32), (14, 40), (18, 60_000), (22, 60_000)] {
        bmp[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bmp[26] = 1;
    bmp[28] = 24;
    let error = decode_bytes(&bmp, Path::new("huge.bmp")).unwrap_err();
    assert!(
        matches!(error, Error::ImageTooLarge { .. } | Error::Decode { .. }),
        "{error:?}"
    );

    // A JPEG whose frame claims 65,500 × 65,500 px.
    let mut jpeg = std::fs::read(golden("decode").join("exif_1.jpg")).unwrap();
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xDC, 0xFF, 0xDC]);
    let error = decode_bytes(&jpeg, Path::new("huge.jpg")).unwrap_err();
    assert!(
        error.reason(Path::new("huge.jpg")).contains("limit"),
        "{}",
        error.reason(Path::new("huge.jpg"))
    );
}

#[test]
fn an_image_without_pixels_is_an_error() {
    let path = golden("decode").join("palette.gif");
    let mut bytes = std::fs::read(&path).unwrap();
    // The logical screen's width and height.
    for side in [6, 8] {
        let kept = [bytes[side], bytes[side + 1]];
        bytes[side..side + 2].fill(0);
        let error = decode_bytes(&bytes, &path).unwrap_err();
        assert!(matches!(error, Error::WithoutPixels { .. }), "{error}");
        assert!(error.to_string().ends_with(" px, and so no pixel"), "{error}");
        bytes[side..side + 2].copy_from_slice(&kept);
    }
    assert!(decode_bytes(&bytes, &path).is_ok());
}
