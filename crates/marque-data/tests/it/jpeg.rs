//! Kinds of JPEG against Pillow, and pictures that are not all there.

use std::path::Path;

use crate::common::{largest_difference, pixels};
use image::RgbImage;
use marque_data::{Error, decode_bytes};
use marque_testkit::golden::Golden;

const END: [u8; 2] = [0xFF, 0xD9];
const START_OF_SCAN: u8 = 0xDA;

fn kinds() -> Golden {
    Golden::open(env!("CARGO_MANIFEST_DIR"), "jpeg_kinds/io.safetensors").unwrap()
}

fn bytes(golden: &Golden, name: &str) -> Vec<u8> {
    golden.u8(name).unwrap().into_raw_vec_and_offset().0
}

fn file(golden: &Golden, name: &str) -> Vec<u8> {
    let mut file = bytes(golden, &format!("jpeg/{name}"));
    if !file.windows(2).any(|pair| pair == [0xFF, 0xC4]) {
        file.splice(2..2, bytes(golden, "tables"));
    }
    file
}

fn shown(bytes: &[u8], name: &str) -> RgbImage {
    decode_bytes(bytes, Path::new(name)).unwrap_or_else(|error| panic!("{error}"))
}

/// A segment's content and where it begins, by its marker. Only for files that a test made.
fn segment(bytes: &[u8], marker: u8) -> std::ops::Range<usize> {
    let mut position = 2;
    while bytes[position + 1] != marker {
        position += 2 + usize::from(u16::from_be_bytes([bytes[position + 2], bytes[position + 3]]));
    }
    let length = usize::from(u16::from_be_bytes([bytes[position + 2], bytes[position + 3]]));
    position + 4..position + 2 + length
}

/// How far two right decoders may be apart, in levels of 255: at most, and on average.
///
/// The standard (ISO 10918-2) lets a transform differ by one level in each component. Grey, RGB and CMYK show that as it
/// is; the matrix from YCbCr multiplies chroma by at most 1.77 and adds: 1 + 1.77, rounded once more, is 3. Where chroma
/// has a smaller resolution its interpolation is rounded, too, and by other programs in other order: that adds one level.
/// On average a right decoder stays under half a level, while chroma that is shifted by a pixel is off by several.
fn tolerance(name: &str) -> (f32, f32) {
    let four = ["cmyk", "ycck", "four"].iter().any(|kind| name.starts_with(kind));
    // A transform of four components in a file of three is a warning to libjpeg, so that the default decoder reads it.
    let warned_of = name.starts_with("colors_ycbcr/plain_adobe_2");
    if marque_data::jpeg_decoder() == "libjpeg-turbo" && !four && !warned_of {
        // What Pillow decodes with.
        return (0.0, 0.0);
    }
    let direct = ["grey", "rgb", "cmyk", "four_cmyk"]
        .iter()
        .any(|kind| name.starts_with(kind));
    let most = if direct {
        1.0
    } else if ["444", "colors", "four"]
        .iter()
        .any(|kind| name.starts_with(kind))
    {
        3.0
    } else {
        4.0
    };
    (most, 0.5)
}

#[test]
fn every_kind_has_the_pixels_of_the_reference() {
    let golden = kinds();
    let names: Vec<&str> = golden
        .names()
        .filter_map(|name| name.strip_prefix("jpeg/"))
        .collect();
    let mut bad = Vec::new();
    for name in &names {
        let (picture, _scans) = name.rsplit_once('/').unwrap();
        let expected = golden.u8(&format!("pixels/{picture}")).unwrap().mapv(f32::from);
        let found = pixels(&shown(&file(&golden, name), name));
        let largest = largest_difference(found.view(), &expected);
        let mean = (&found - &expected).mapv(f32::abs).mean().unwrap();
        println!("{name}: {largest} levels, {mean} on average");
        let (most, most_on_average) = tolerance(name);
        if largest > most || mean > most_on_average {
            bad.push((name, largest, mean));
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(names.len(), 129);
}

/// One file of each way to arrange scans, with and without restarts, large enough to be cut.
const CUT: [&str; 10] = [
    "420_17x25/baseline",
    "420_17x25/baseline_restart",
    "420_17x25/apart",
    "420_17x25/apart_restart",
    "422_17x25/first_and_rest",
    "440_17x25/progressive",
    "444_17x25/progressive_restart",
    "ycck_17x25/means_apart",
    "refined_60/progressive",
    "refined_95/progressive",
];

/// Where to cut a file within the data of its scans: three places in each that is long enough.
fn places(bytes: &[u8]) -> Vec<usize> {
    let scans = (0..bytes.len() - 1).filter(|&at| bytes[at..at + 2] == [0xFF, START_OF_SCAN]);
    let mut places = Vec::new();
    for scan in scans {
        let start = scan + 2 + usize::from(bytes[scan + 3]);
        let marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7);
        let length = bytes[start..].windows(2).position(marker).unwrap();
        if length >= 12 {
            // Not between 0xFF and what belongs to it.
            let sound = |place: &usize| bytes[place - 1] != 0xFF;
            places.extend(
                [1, 2, 3]
                    .map(|part| start + length * part / 4)
                    .into_iter()
                    .filter(sound),
            );
        }
    }
    places
}

#[test]
fn a_picture_that_is_cut_short_is_an_error_whatever_follows() {
    let golden = kinds();
    let thumbnail = file(&golden, "grey_7x9/baseline");
    let mut count = 0;
    for name in CUT {
        let whole = file(&golden, name);
        let found = places(&whole);
        assert!(found.len() >= 2, "{name}");
        for place in found {
            let cut = &whole[..place];
            let path = Path::new(name);
            let ended = decode_bytes(&[cut, &END].concat(), path).map(|_| ()).unwrap_err();
            let reason = "blocks of 8 × 8 px are there, then the end marker follows";
            assert!(ended.to_string().ends_with(reason), "{ended}");
            let continued = decode_bytes(&[cut, &thumbnail].concat(), path)
                .map(|_| ())
                .unwrap_err();
            assert!(
                continued.to_string().ends_with("then another picture begins"),
                "{continued}"
            );
            let lost = decode_bytes(cut, path).map(|_| ()).unwrap_err();
            assert!(matches!(lost, Error::Truncated { .. }), "{name} {place}: {lost}");
            count += 1;
        }
    }
    assert!(count >= 60, "{count}");
}

#[test]
fn a_complete_picture_ends_where_it_is_complete() {
    let golden = kinds();
    let other = file(&golden, "444_8x8/baseline");
    // A Motion Photo's film, Samsung's trailer, the second picture of a multi-picture file, padding, and noise with 0xFF.
    let film = [b"\0\0\0\x18ftypmp42\0\0\0\0isommp42".as_slice(), &[7; 300]].concat();
    let samsung = [
        b"\0\0\x01\x0aSEFH\x6b\0\0\0\x01\0\0\0".as_slice(),
        &[1; 40],
        b"SEFT",
    ]
    .concat();
    let noise: Vec<u8> = (0..500_u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let unknown = [&[0xFF, 0x3F, 0xFF, 0xFF, 0x12][..], &noise, &[0xFF]].concat();
    let mut count = 0;
    for name in CUT {
        let whole = file(&golden, name);
        let expected = shown(&whole, name);
        for trailer in [&film[..], &samsung, &other, &[0; 400], &unknown] {
            let found = shown(&[&whole, trailer].concat(), name);
            assert!(found == expected, "{name}");
            count += 1;
            // Some writers forget the end marker. A progressive picture may then lack a refinement.
            let picture = &whole[..whole.len() - END.len()];
            let found = shown(&[picture, trailer].concat(), name);
            assert!(found == expected, "{name} without its end");
            count += 1;
        }
        // Fill bytes in front of the marker.
        let filled = [&whole[..whole.len() - END.len()], &[0xFF, 0xFF, 0xFF], &END].concat();
        assert!(shown(&filled, name) == expected, "{name}");
    }
    assert_eq!(count, 100);
}

#[test]
fn a_hole_of_zeros_is_a_picture_cut_short() {
    let golden = kinds();
    let mut bytes = file(&golden, "444_17x25/baseline");
    let data = segment(&bytes, START_OF_SCAN).end;
    let (middle, end) = (data + (bytes.len() - data) / 2, bytes.len() - END.len());
    bytes[middle..end].fill(0);
    let error = decode_bytes(&bytes, Path::new("hole.jpg")).unwrap_err();
    assert!(matches!(error, Error::CutShort { .. }), "{error}");
}

#[test]
fn components_without_a_scan_are_an_error() {
    let golden = kinds();
    let whole = file(&golden, "420_17x25/apart");
    let scans: Vec<usize> = (0..whole.len() - 1)
        .filter(|&at| whole[at..at + 2] == [0xFF, START_OF_SCAN])
        .collect();
    assert_eq!(scans.len(), 3);
    // 17 × 25 px in blocks: 3 × 4 of brightness, 2 × 2 of each chroma.
    for (scan, found) in [(1, 12), (2, 16)] {
        let error = decode_bytes(&[&whole[..scans[scan]], &END].concat(), Path::new("a.jpg")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "a.jpg: the picture is cut short: {found} of 20 blocks of 8 × 8 px are there, then the end marker follows"
            )
        );
    }
}

#[test]
fn a_progressive_picture_between_two_scans_is_complete_only_if_the_file_says_so() {
    let golden = kinds();
    let name = Path::new("a.jpg");
    let whole = file(&golden, "420_17x25/progressive");
    let scans: Vec<usize> = (0..whole.len() - 1)
        .filter(|&at| whole[at..at + 2] == [0xFF, START_OF_SCAN])
        .collect();
    assert_eq!(scans.len(), 7);
    for scan in &scans[1..] {
        let cut = &whole[..*scan];
        // An encoder may leave fine detail out.
        assert_eq!(shown(&[cut, &END].concat(), "a.jpg").dimensions(), (17, 25));
        let lost = decode_bytes(cut, name).unwrap_err();
        assert!(matches!(lost, Error::Truncated { .. }), "{lost}");
        let continued = decode_bytes(&[cut, &whole].concat(), name).unwrap_err();
        assert!(
            continued.to_string().ends_with("then another picture begins"),
            "{continued}"
        );
    }
}

#[test]
fn frames_of_a_film_are_read_with_the_standard_tables() {
    let golden = kinds();
    let mut count = 0;
    for name in [
        "420_17x25/baseline",
        "444_17x25/apart_restart",
        "grey_17x25/baseline",
    ] {
        let whole = file(&golden, name);
        let frame = bytes(&golden, &format!("jpeg/{name}"));
        assert!(frame.len() + 400 < whole.len());
        assert!(shown(&frame, name) == shown(&whole, name), "{name}");
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn kinds_that_no_photo_has_are_named() {
    let golden = kinds();
    let whole = file(&golden, "444_17x25/baseline");
    let frame = segment(&whole, 0xC0);
    let refused = |marker: u8, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        bytes[frame.start - 3] = marker;
        change(&mut bytes);
        let error = decode_bytes(&bytes, Path::new("a.jpg")).unwrap_err();
        assert!(matches!(error, Error::NotRead { .. }), "{error}");
        error.reason(Path::new("a.jpg"))
    };
    let nothing = |_: &mut Vec<u8>| {};
    let advice = "which is not read; save it again as a baseline or progressive JPEG";
    let expected = [
        (vec![0xC9, 0xCA], "an arithmetic-coded JPEG"),
        (vec![0xC3, 0xCB], "a lossless JPEG"),
        (
            vec![0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE],
            "a hierarchical JPEG",
        ),
    ];
    for (markers, found) in expected {
        for marker in markers {
            assert_eq!(refused(marker, &nothing), format!("{found}, {advice}"));
        }
    }
    let deep = refused(0xC1, &|bytes| bytes[frame.start] = 12);
    assert_eq!(deep, format!("a JPEG with more than 8 bits per sample, {advice}"));
    let late = refused(0xC0, &|bytes| bytes[frame.start + 1..frame.start + 3].fill(0));
    assert_eq!(
        late,
        format!("a JPEG that gives its height behind the picture, {advice}")
    );
    let two = refused(0xC0, &|bytes| bytes[frame.start + 5] = 2);
    assert_eq!(
        two,
        format!("a JPEG of neither one, three nor four components, {advice}")
    );
    // Extended sequential with 8 bits is read like baseline.
    let mut extended = whole.clone();
    extended[frame.start - 3] = 0xC1;
    assert!(shown(&extended, "a.jpg") == shown(&whole, "a.jpg"));
}

#[test]
fn damaged_markers_are_errors_that_say_which() {
    let golden = kinds();
    let whole = file(&golden, "444_17x25/baseline");
    let (frame, scan, table) = (
        segment(&whole, 0xC0),
        segment(&whole, START_OF_SCAN),
        segment(&whole, 0xC4),
    );
    let cases = [
        (frame.start + 7, 0, "the frame header"),
        (scan.start + 1, 9, "the header of a scan"),
        (table.start, 0x7F, "a Huffman table"),
    ];
    for (at, value, part) in cases {
        let mut bytes = whole.clone();
        bytes[at] = value;
        let error = decode_bytes(&bytes, Path::new("a.jpg")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("a.jpg: the JPEG is damaged: {part} cannot be understood")
        );
    }
}
