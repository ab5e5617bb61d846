//! Operations make of a photo what torchvision's make of it.

use image::RgbImage;
use marque_data::{Fill, Interpolation, Length, Operation, Sampling};
use marque_testkit::Golden;

const NEAREST: Sampling = Sampling {
    interpolation: Interpolation::Nearest,
    fill: Fill::Color([0; 3]),
};
const BILINEAR: Sampling = Sampling {
    interpolation: Interpolation::Bilinear,
    ..NEAREST
};

fn golden() -> Golden {
    Golden::open(env!("CARGO_MANIFEST_DIR"), "transforms/io.safetensors").unwrap()
}

fn photo(golden: &Golden, name: &str) -> RgbImage {
    let pixels = golden.u8(name).unwrap();
    let (height, width) = (pixels.shape()[0] as u32, pixels.shape()[1] as u32);
    RgbImage::from_raw(width, height, pixels.into_iter().collect()).unwrap()
}

fn pixels(across: f64, down: f64) -> [Length; 2] {
    [Length::Pixels(across), Length::Pixels(down)]
}

/// The name of an operation in the golden file and how many of the 3,600 samples may be one level beside the reference's: where a
/// number in single precision lies next to a whole one, the order of its roundings decides.
type Case = (&'static str, Operation, usize);

/// That corners moved inwards by whole pixels can be said by shares of what they could.
fn share(inwards: f64, farthest: f64) -> f64 {
    (inwards + 0.5) / (farthest + 1.0)
}

fn geometric() -> Vec<Case> {
    // Half of 40 and of 30.
    let [across, down] = [20.0, 15.0];
    let perspective = Operation::Perspective {
        distortion: 1.0,
        corners: [
            [share(3.0, across), share(2.0, down)],
            [share(7.0, across), share(4.0, down)],
            [share(1.0, across), share(5.0, down)],
            [share(6.0, across), share(0.0, down)],
        ],
        sampling: BILINEAR,
    };
    vec![
        ("horizontal_flip", Operation::HorizontalFlip, 0),
        ("vertical_flip", Operation::VerticalFlip, 0),
        ("rotate_nearest", Operation::Rotate(33.0, NEAREST), 0),
        ("rotate_bilinear", Operation::Rotate(-71.5, BILINEAR), 20),
        ("rotate_quarter", Operation::Rotate(90.0, NEAREST), 0),
        ("shear_x", Operation::ShearX(0.27, NEAREST), 0),
        ("shear_y", Operation::ShearY(-0.43, NEAREST), 0),
        ("translate", Operation::Translate(pixels(-7.9, 5.9), NEAREST), 0),
        (
            "affine",
            Operation::Affine {
                angle: 17.0,
                translation: pixels(3.0, -4.0),
                scale: 1.3,
                shear: [11.0, -6.0],
                sampling: NEAREST,
            },
            0,
        ),
        (
            "affine_bilinear",
            Operation::Affine {
                angle: -40.0,
                translation: pixels(-2.0, 1.0),
                scale: 0.7,
                shear: [-20.0, 5.0],
                sampling: BILINEAR,
            },
            20,
        ),
        ("perspective", perspective, 20),
    ]
}

fn colors() -> Vec<Case> {
    vec![
        ("brightness", Operation::Brightness(1.37), 0),
        ("contrast", Operation::Contrast(1.6), 20),
        ("contrast_less", Operation::Contrast(0.3), 20),
        ("saturation", Operation::Saturation(1.8), 20),
        ("saturation_less", Operation::Saturation(0.25), 20),
        ("hue", Operation::Hue(0.13), 20),
        ("hue_back", Operation::Hue(-0.4), 20),
        ("sharpness", Operation::Sharpness(1.9), 20),
        ("sharpness_less", Operation::Sharpness(0.1), 20),
        ("posterize", Operation::Posterize(3), 0),
        ("posterize_none", Operation::Posterize(0), 0),
        ("solarize", Operation::Solarize(255.0 * 0.6), 0),
        ("auto_contrast", Operation::AutoContrast, 0),
        ("equalize", Operation::Equalize, 0),
        ("invert", Operation::Invert, 0),
        ("grayscale", Operation::Grayscale, 20),
        ("gaussian_blur", Operation::GaussianBlur(5, 1.3), 20),
    ]
}

#[test]
fn operations_make_what_torchvisions_make() {
    let golden = golden();
    let cases = [("smooth", geometric()), ("noisy", colors())];
    let mut compared = 0;
    for (word, cases) in cases {
        let photo = photo(&golden, word);
        for (case, operation, most) in cases {
            let found = operation.applied(photo.clone());
            let expected = self::photo(&golden, &format!("{word}/{case}"));
            assert_eq!(found.dimensions(), expected.dimensions(), "{case}");
            let pairs = found.as_raw().iter().zip(expected.as_raw());
            let differences: Vec<u8> = pairs.map(|(&one, &other)| one.abs_diff(other)).collect();
            let differing = differences.iter().filter(|&&difference| difference > 0).count();
            let largest = differences.iter().max().unwrap();
            assert!(
                *largest <= 1 && differing <= most,
                "{case}: {differing} samples differ, by up to {largest}"
            );
            compared += 1;
        }
    }
    // The two photos themselves are no cases.
    assert_eq!(compared + 2, golden.names().count());
}

#[test]
fn beyond_the_edges_lies_what_was_asked_for() {
    let photo = RgbImage::from_fn(4, 3, |x, y| image::Rgb([10 * x as u8, 10 * y as u8, 7]));
    let moved = |fill| {
        let sampling = Sampling { fill, ..NEAREST };
        // Two to the right: the two columns at the left come from beyond the edge.
        let moved = Operation::Translate(pixels(2.0, 0.0), sampling).applied(photo.clone());
        [0, 1, 2, 3].map(|column| moved.get_pixel(column, 1).0[0])
    };
    assert_eq!(moved(Fill::Color([99; 3])), [99, 99, 0, 10]);
    assert_eq!(moved(Fill::Edge), [0, 0, 0, 10]);
    assert_eq!(moved(Fill::Reflect), [20, 10, 0, 10]);
    assert_eq!(moved(Fill::Wrap), [20, 30, 0, 10]);
}

#[test]
fn operations_bear_photos_of_any_size() {
    for (width, height) in [(1, 1), (1, 7), (2, 2), (3, 1), (5, 4)] {
        let photo = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 200]));
        for (case, operation, _) in geometric().into_iter().chain(colors()) {
            for fill in [Fill::Edge, Fill::Reflect, Fill::Wrap] {
                let sampling = Sampling { fill, ..BILINEAR };
                let turned = Operation::Rotate(300.0, sampling).applied(photo.clone());
                assert_eq!(turned.dimensions(), (width, height));
            }
            assert_eq!(
                operation.applied(photo.clone()).dimensions(),
                (width, height),
                "{case}"
            );
        }
    }
}

#[test]
fn a_mixture_is_the_weighted_sum() {
    let photo = RgbImage::from_pixel(3, 2, image::Rgb([100, 200, 0]));
    let mixture = Operation::Mixture {
        own: 0.5,
        chains: vec![
            (0.25, vec![Operation::Invert]),
            (0.25, vec![Operation::Brightness(0.5), Operation::Invert]),
        ],
    };
    // 50 + 155/4 + 205/4 = 140, 100 + 55/4 + 155/4 = 152.5, 0 + 255/4 + 255/4 = 127.5, each rounded down.
    assert_eq!(mixture.applied(photo).get_pixel(1, 1).0, [140, 152, 127]);
}
