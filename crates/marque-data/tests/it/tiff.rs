//! TIFFs of every order of bytes, size of offsets and kind of samples, written here by hand.

use std::path::Path;

use image::{DynamicImage, RgbImage, metadata::Orientation};
use marque_data::{Error, decode_bytes};

const SHORT: u16 = 3;
const LONG: u16 = 4;
const WIDTH: u32 = 5;
const HEIGHT: u32 = 3;

/// How a TIFF is written.
#[derive(Clone, Copy)]
struct Layout {
    little_endian: bool,
    big: bool,
}

const LAYOUTS: [Layout; 4] = [
    Layout {
        little_endian: true,
        big: false,
    },
    Layout {
        little_endian: false,
        big: false,
    },
    Layout {
        little_endian: true,
        big: true,
    },
    Layout {
        little_endian: false,
        big: true,
    },
];

impl Layout {
    fn number(self, value: u64, size: usize) -> Vec<u8> {
        let bytes = value.to_be_bytes()[8 - size..].to_vec();
        if self.little_endian {
            bytes.into_iter().rev().collect()
        } else {
            bytes
        }
    }

    /// A file of one strip with the tags given (tag, type, values) beside those that every file has.
    fn file(self, tags: &[(u16, u16, Vec<u64>)], strip: &[u8]) -> Vec<u8> {
        let (header, counter, entry, word) = if self.big { (16, 8, 20, 8) } else { (8, 2, 12, 4) };
        let mut tags = tags.to_vec();
        for (tag, value) in [
            (256, WIDTH.into()),
            (257, HEIGHT.into()),
            (278, HEIGHT.into()),
            (279, strip.len() as u64),
        ] {
            tags.push((tag, LONG, vec![value]));
        }
        tags.push((259, SHORT, vec![1]));
        tags.push((273, LONG, vec![header as u64]));
        tags.sort();
        let directory = (header + strip.len()).next_multiple_of(8);
        let mut outside = directory + counter + tags.len() * entry + word;
        let mut out = if self.little_endian {
            b"II".to_vec()
        } else {
            b"MM".to_vec()
        };
        out.extend(self.number(if self.big { 43 } else { 42 }, 2));
        if self.big {
            out.extend([self.number(8, 2), self.number(0, 2)].concat());
        }
        out.extend(self.number(directory as u64, word));
        out.extend(strip);
        out.resize(directory, 0);
        out.extend(self.number(tags.len() as u64, counter));
        let mut behind = Vec::new();
        for (tag, kind, values) in tags {
            let size = if kind == SHORT { 2 } else { 4 };
            let mut content: Vec<u8> = values
                .iter()
                .flat_map(|&value| self.number(value, size))
                .collect();
            if content.len() > word {
                let at = outside as u64;
                outside += content.len();
                behind.extend(std::mem::replace(&mut content, self.number(at, word)));
            }
            content.resize(word, 0);
            out.extend([self.number(tag.into(), 2), self.number(kind.into(), 2)].concat());
            out.extend(self.number(values.len() as u64, word));
            out.extend(content);
        }
        out.extend(self.number(0, word));
        out.extend(behind);
        out
    }
}

/// Numbers of `bits` bits, rows beginning at whole bytes.
fn packed(values: &[u8], bits: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for row in values.chunks(WIDTH as usize) {
        for numbers in row.chunks(8 / bits as usize) {
            let byte = (0..).zip(numbers).fold(0, |byte, (place, &number)| {
                byte | number << (8 - bits * (place + 1))
            });
            out.push(byte);
        }
    }
    out
}

fn indices(bits: u32) -> Vec<u8> {
    (0..WIDTH * HEIGHT)
        .map(|index| ((index * 7 + 3) % (1 << bits)) as u8)
        .collect()
}

fn grey(values: impl IntoIterator<Item = u8>) -> RgbImage {
    RgbImage::from_raw(
        WIDTH,
        HEIGHT,
        values.into_iter().flat_map(|value| [value; 3]).collect(),
    )
    .unwrap()
}

#[test]
fn greys_of_every_depth() {
    let mut count = 0;
    for layout in LAYOUTS {
        for bits in [1, 2, 4, 8] {
            for white_is_zero in [true, false] {
                let most = (1_u32 << bits) - 1;
                let tags = [
                    (258, SHORT, vec![bits.into()]),
                    (262, SHORT, vec![u64::from(!white_is_zero)]),
                    (277, SHORT, vec![1]),
                ];
                let bytes = layout.file(&tags, &packed(&indices(bits), bits));
                let found =
                    decode_bytes(&bytes, Path::new("a.tif")).unwrap_or_else(|error| panic!("{error}"));
                let level = |value: u8| {
                    let level = (255 * u32::from(value) / most) as u8;
                    if white_is_zero { 255 - level } else { level }
                };
                assert!(
                    found == grey(indices(bits).into_iter().map(level)),
                    "{bits} bits, {white_is_zero}"
                );
                count += 1;
            }
        }
    }
    assert_eq!(count, 4 * 4 * 2);
}

#[test]
fn palettes_of_every_depth_with_16_and_with_8_bits() {
    let mut count = 0;
    for layout in LAYOUTS {
        for bits in [1, 2, 4, 8] {
            for scale in [257, 256, 1] {
                let colors = 1_u64 << bits;
                let color = |index: u64| {
                    [
                        255 - index * 200 / colors,
                        index * 255 / (colors - 1),
                        (index * 91) % 251,
                    ]
                };
                let map =
                    (0..3).flat_map(|channel| (0..colors).map(move |index| color(index)[channel] * scale));
                let tags = [
                    (258, SHORT, vec![bits.into()]),
                    (262, SHORT, vec![3]),
                    (277, SHORT, vec![1]),
                    (320, SHORT, map.collect()),
                ];
                let bytes = layout.file(&tags, &packed(&indices(bits), bits));
                let found =
                    decode_bytes(&bytes, Path::new("a.tif")).unwrap_or_else(|error| panic!("{error}"));
                let shown = indices(bits)
                    .into_iter()
                    .flat_map(|index| color(index.into()).map(|value| value as u8));
                assert_eq!(
                    found.into_raw(),
                    shown.collect::<Vec<u8>>(),
                    "{bits} bits, {scale}"
                );
                count += 1;
            }
        }
    }
    assert_eq!(count, 4 * 4 * 3);
}

#[test]
fn colours_of_8_and_16_bits_and_cmyk() {
    let level = |index: u32| (index * 37 % 256) as u8;
    let mut count = 0;
    for layout in LAYOUTS {
        for (samples, interpretation) in [(3_u32, 2), (4, 5)] {
            for bits in [8_u32, 16] {
                let tags = [
                    (258, SHORT, vec![bits.into(); samples as usize]),
                    (262, SHORT, vec![interpretation]),
                    (277, SHORT, vec![samples.into()]),
                ];
                let values = (0..WIDTH * HEIGHT * samples).map(level);
                // 257 times a level is that level in 16 bits.
                let strip: Vec<u8> = values
                    .clone()
                    .flat_map(|value| {
                        layout.number(
                            u64::from(value) * if bits == 16 { 257 } else { 1 },
                            bits as usize / 8,
                        )
                    })
                    .collect();
                let found = decode_bytes(&layout.file(&tags, &strip), Path::new("a.tif"))
                    .unwrap_or_else(|error| panic!("{error}"));
                let values: Vec<u8> = values.collect();
                let expected: Vec<u8> = values
                    .chunks_exact(samples as usize)
                    .flat_map(|pixel| match *pixel {
                        [cyan, magenta, yellow, key] => [cyan, magenta, yellow].map(|ink| {
                            let light = (255.0 - f64::from(ink)) * (255.0 - f64::from(key)) / 255.0;
                            light.round() as u8
                        }),
                        _ => [pixel[0], pixel[1], pixel[2]],
                    })
                    .collect();
                // Inks are multiplied: roundings may differ by a level.
                let most = u8::from(samples == 4);
                let close = found
                    .as_raw()
                    .iter()
                    .zip(&expected)
                    .all(|(found, expected)| found.abs_diff(*expected) <= most);
                assert!(
                    close,
                    "{samples} samples of {bits} bits: {:?} {expected:?}",
                    found.as_raw()
                );
                count += 1;
            }
        }
    }
    assert_eq!(count, 4 * 2 * 2);
}

#[test]
fn the_orientation_is_the_tiffs_own_tag() {
    let mut count = 0;
    for layout in LAYOUTS {
        for kind in [SHORT, LONG] {
            for value in 1..=8_u8 {
                let tags = [
                    (258, SHORT, vec![8]),
                    (262, SHORT, vec![1]),
                    (274, kind, vec![value.into()]),
                    (277, SHORT, vec![1]),
                ];
                let bytes = layout.file(&tags, &indices(8));
                let found =
                    decode_bytes(&bytes, Path::new("a.tif")).unwrap_or_else(|error| panic!("{error}"));
                let mut expected = DynamicImage::from(grey(indices(8)));
                expected.apply_orientation(Orientation::from_exif(value).unwrap());
                assert!(found == expected.into_rgb8(), "{value}");
                count += 1;
            }
        }
    }
    assert_eq!(count, 4 * 2 * 8);
}

#[test]
fn what_is_no_photo_is_named() {
    let pixels = |extra: &[(u16, u16, Vec<u64>)]| {
        let mut tags = vec![(262, SHORT, vec![1]), (277, SHORT, vec![1])];
        tags.extend_from_slice(extra);
        tags
    };
    let cases = [
        (
            pixels(&[(258, SHORT, vec![32]), (339, SHORT, vec![3])]),
            "a TIFF of floating-point samples, of which none says what is white, which is not read; save it with 8 bits per sample",
        ),
        (
            pixels(&[(258, SHORT, vec![16]), (339, SHORT, vec![2])]),
            "a TIFF of signed or complex samples, which is not read; save it with 8 bits per sample",
        ),
        (
            pixels(&[(258, SHORT, vec![8]), (50_706, LONG, vec![1])]),
            "a camera's raw file (DNG), which is not read; develop it to JPEG, PNG or 8-bit TIFF",
        ),
        (
            pixels(&[(258, SHORT, vec![8]), (254, LONG, vec![1])]),
            "a TIFF that begins with a preview, as cameras' raw files do, which is not read; develop it to JPEG, PNG or 8-bit TIFF",
        ),
    ];
    let mut count = 0;
    for layout in LAYOUTS {
        for (tags, expected) in &cases {
            let error = decode_bytes(&layout.file(tags, &[0; 60]), Path::new("a.tif")).unwrap_err();
            assert!(matches!(error, Error::NotRead { .. }), "{error}");
            assert_eq!(error.reason(Path::new("a.tif")), *expected);
            count += 1;
        }
    }
    assert_eq!(count, 16);
}
