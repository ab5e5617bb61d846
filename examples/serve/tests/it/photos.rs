//! Photos that are drawn, and files that are none.

use image::{ExtendedColorType, ImageFormat, RgbImage};
use marque_synthetic::SyntheticCars;
use std::io::Cursor;

pub(crate) fn car(index: u64) -> RgbImage {
    let cars = SyntheticCars {
        seed: 3,
        image_size: (150, 100),
    };
    cars.render(index)
}

pub(crate) fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn png(index: u64) -> Vec<u8> {
    encoded(&car(index), ImageFormat::Png)
}

pub(crate) fn jpeg(index: u64) -> Vec<u8> {
    encoded(&car(index), ImageFormat::Jpeg)
}

/// A PNG whose header promises so many pixels, and nothing behind it.
pub(crate) fn promising(width_px: u32, height_px: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width_px.to_be_bytes());
    header.extend(height_px.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend(&header);
    bytes.extend(crc32(&header).to_be_bytes());
    bytes.extend(b"\0\0\0\x08IDAT\x78\x9c\x63\x60\x60\x60\0\0");
    bytes
}

/// A file of some kilobytes that becomes so many grey pixels a side.
pub(crate) fn bomb(side_px: u32) -> Vec<u8> {
    let pixels = vec![0; side_px as usize * side_px as usize];
    let mut bytes = Cursor::new(Vec::new());
    image::write_buffer_with_format(
        &mut bytes,
        &pixels,
        side_px,
        side_px,
        ExtendedColorType::L8,
        ImageFormat::Png,
    )
    .unwrap();
    bytes.into_inner()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}
