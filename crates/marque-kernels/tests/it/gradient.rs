use crate::support::array;
use marque_kernels::{Bf16, DepthwiseGradient, Error, InstructionSet, Numbers, NumbersMut, Window};
use ndarray::Array4;

/// The gradients by their definition, in double precision: of the image and of the filters.
fn expected(
    image: &Array4<f32>,
    weights: &Array4<f32>,
    gradient: &Array4<f32>,
    window: Window,
) -> (Vec<f64>, Vec<f64>) {
    let (_, height, width, channels) = image.dim();
    let (_, rows, columns, _) = gradient.dim();
    let [of_image, of_weights] = [image.len(), weights.len()].map(|length| vec![0.0f64; length]);
    let (mut of_image, mut of_weights) = (of_image, of_weights);
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        for (y, x) in (0..window.kernel[0]).flat_map(|y| (0..window.kernel[1]).map(move |x| (y, x))) {
            let place =
                |output: usize, tap: usize, border: usize| (output * window.stride + tap).checked_sub(border);
            let (Some(top), Some(left)) = (
                place(row, y, window.border[0]),
                place(column, x, window.border[1]),
            ) else {
                continue;
            };
            if top >= height || left >= width {
                continue;
            }
            for channel in 0..channels {
                let slope = f64::from(gradient[[0, row, column, channel]]);
                of_image[(top * width + left) * channels + channel] +=
                    slope * f64::from(weights[[0, y, x, channel]]);
                of_weights[(y * window.kernel[1] + x) * channels + channel] +=
                    slope * f64::from(image[[0, top, left, channel]]);
            }
        }
    }
    (of_image, of_weights)
}

/// Each number, and how much it may differ: `bound` of it, and of 1 for what cancels out.
fn close(what: &str, found: impl Iterator<Item = f32>, expected: &[f64], bound: f64) {
    let mut count = 0;
    for (found, &expected) in found.zip(expected) {
        let difference = (f64::from(found) - expected).abs();
        assert!(
            difference <= bound * (1.0 + expected.abs()),
            "{what}: {found} {expected}"
        );
        count += 1;
    }
    assert_eq!(count, expected.len(), "{what}");
}

fn narrowed(values: &Array4<f32>) -> Vec<Bf16> {
    values.iter().map(|&value| Bf16::nearest(value)).collect()
}

#[test]
fn gradients_of_depthwise_convolutions_of_all_shapes() {
    // Height, width, channels; kernel; stride; border; outputs.
    let cases = [
        ([9, 9, 16], 3, 1, [1, 1], [9, 9]),
        ([7, 31, 20], 3, 1, [1, 1], [7, 31]),
        ([12, 9, 33], 3, 2, [1, 1], [6, 5]),
        // The surplus row and column of a border lie behind the map: TensorFlow's way.
        ([12, 10, 100], 3, 2, [0, 0], [6, 5]),
        ([13, 24, 40], 3, 2, [0, 1], [6, 12]),
        ([11, 17, 72], 5, 1, [2, 2], [11, 17]),
        ([14, 22, 16], 5, 2, [1, 1], [7, 11]),
        ([9, 13, 48], 7, 1, [3, 3], [9, 13]),
        ([9, 13, 17], 7, 2, [3, 3], [5, 7]),
        ([10, 10, 16], 3, 3, [0, 0], [3, 3]),
        // Windows that lie in the border with most of their taps.
        ([1, 1, 16], 3, 1, [1, 1], [1, 1]),
        ([2, 2, 16], 5, 1, [2, 2], [2, 2]),
        ([3, 2, 16], 7, 2, [3, 3], [2, 1]),
        // No border, so that the last rows and columns are read by nobody.
        ([8, 8, 16], 5, 2, [0, 0], [2, 2]),
    ];
    for set in InstructionSet::available() {
        for ([height, width, channels], taps, stride, border, outputs) in cases {
            let window = Window {
                kernel: [taps; 2],
                stride,
                dilation: 1,
                border,
            };
            let what = format!("{set} {height}×{width}×{channels} {window:?}");
            let image = array("image", [1, height, width, channels]);
            let weights = array("weights", [1, taps, taps, channels]);
            let slopes = array("gradient", [1, outputs[0], outputs[1], channels]);
            let gradient = DepthwiseGradient::new(set, channels, window, [height, width], outputs).unwrap();

            let (of_image, of_weights) = expected(&image, &weights, &slopes, window);
            let mut found = vec![f32::NAN; image.len()];
            let numbers = Numbers::F32(slopes.as_slice().unwrap());
            let filters = weights.as_slice().unwrap();
            gradient
                .of_input(numbers, filters, NumbersMut::F32(&mut found))
                .unwrap();
            close(&what, found.into_iter(), &of_image, 1e-5);
            let mut found = vec![f32::NAN; weights.len()];
            let photo = Numbers::F32(image.as_slice().unwrap());
            gradient.of_weights(photo, numbers, &mut found).unwrap();
            close(&what, found.into_iter(), &of_weights, 1e-5);

            // In bfloat16 what is read is rounded before, and an image's gradient behind.
            let (image, slopes) = (narrowed(&image), narrowed(&slopes));
            let widened = |numbers: &[Bf16], shape| {
                let numbers = numbers.iter().map(|number| number.widened()).collect();
                Array4::from_shape_vec(shape, numbers).unwrap()
            };
            let (of_image, of_weights) = expected(
                &widened(&image, (1, height, width, channels)),
                &weights,
                &widened(&slopes, (1, outputs[0], outputs[1], channels)),
                window,
            );
            let mut found = vec![Bf16(0x7fc0); image.len()];
            let numbers = Numbers::Bf16(&slopes);
            gradient
                .of_input(numbers, filters, NumbersMut::Bf16(&mut found))
                .unwrap();
            let half_a_place = 2.0f64.powi(-8);
            close(
                &what,
                found.into_iter().map(Bf16::widened),
                &of_image,
                1.01 * half_a_place,
            );
            let mut found = vec![f32::NAN; weights.len()];
            gradient
                .of_weights(Numbers::Bf16(&image), numbers, &mut found)
                .unwrap();
            close(&what, found.into_iter(), &of_weights, 1e-5);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let set = InstructionSet::fastest();
    let window = Window {
        border: [1, 1],
        ..Window::square(3)
    };
    let made = |channels, window, size, outputs| DepthwiseGradient::new(set, channels, window, size, outputs);
    let refused = [
        made(15, window, [4, 4], [4, 4]),
        made(16, Window::square(4), [4, 4], [1, 1]),
        made(
            16,
            Window {
                dilation: 2,
                ..window
            },
            [4, 4],
            [4, 4],
        ),
        made(16, Window { stride: 0, ..window }, [4, 4], [4, 4]),
        made(
            16,
            Window {
                border: [3, 1],
                ..window
            },
            [4, 4],
            [4, 4],
        ),
        made(16, window, [4, 4], [0, 4]),
        made(16, window, [4, 4], [4, 100]),
        made(16, window, [0, 4], [4, 4]),
    ];
    for result in refused {
        assert!(matches!(result, Err(Error::Shape { .. })), "{result:?}");
    }
    let gradient = made(16, window, [4, 4], [4, 4]).unwrap();
    let (numbers, weights) = (vec![0.0; 256], vec![0.0; 144]);
    let mut result = vec![0.0; 256];
    assert!(
        gradient
            .of_input(
                Numbers::F32(&numbers[1..]),
                &weights,
                NumbersMut::F32(&mut result)
            )
            .is_err()
    );
    assert!(
        gradient
            .of_input(
                Numbers::Bf16(&[Bf16(0); 256]),
                &weights,
                NumbersMut::F32(&mut result)
            )
            .is_err()
    );
    assert!(
        gradient
            .of_weights(Numbers::F32(&numbers), Numbers::F32(&numbers), &mut result[..143])
            .is_err()
    );
}
