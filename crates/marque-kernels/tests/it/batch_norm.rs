use crate::support::array;
use marque_kernels::{
    BatchNorm, Bf16, Error, InstructionSet, Moments, NormCoefficients, Numbers, NumbersMut,
};

const NONE: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];
const RELU: [f32; 2] = [0.0, f32::INFINITY];
const RELU6: [f32; 2] = [0.0, 6.0];

fn close(what: &str, found: impl IntoIterator<Item = f64>, expected: &[f64], bound: f64) {
    let mut count = 0;
    for (place, (found, &expected)) in found.into_iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(
            difference <= bound * (1.0 + expected.abs()),
            "{what} {place}: {found} {expected}"
        );
        count += 1;
    }
    assert_eq!(count, expected.len(), "{what}");
}

/// Numbers of each channel over all pixels by a function of their place.
fn by_channel(pixels: usize, channels: usize, of: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    (0..channels)
        .map(|channel| {
            (0..pixels)
                .map(|pixel| of(pixel * channels + channel, channel))
                .sum()
        })
        .collect()
}

struct Case {
    what: String,
    norm: BatchNorm,
    pixels: usize,
    channels: usize,
    bounds: [f32; 2],
}

impl Case {
    /// Whether an output lies within the bounds, so that its gradient passes.
    fn passes(&self, value: f32) -> bool {
        value > self.bounds[0] && value < self.bounds[1]
    }

    fn run(&self, narrow: bool) {
        let (pixels, channels, what) = (self.pixels, self.channels, &self.what);
        let map = |name: &str, offset: f32| -> Vec<f32> {
            let values = array(name, [1, 1, pixels, channels]);
            values
                .into_iter()
                .map(|value| Bf16::nearest(8.0 * value + offset).widened())
                .collect()
        };
        // A mean far from zero, where squares would cancel.
        let (input, gradient) = (map("input", 100.0), map("gradient", 0.25));
        let [narrow_input, narrow_gradient] =
            [&input, &gradient].map(|map| map.iter().map(|&value| Bf16::nearest(value)).collect::<Vec<_>>());
        let [input_numbers, gradient_numbers] = match narrow {
            true => [Numbers::Bf16(&narrow_input), Numbers::Bf16(&narrow_gradient)],
            false => [Numbers::F32(&input), Numbers::F32(&gradient)],
        };

        let wide: Vec<f64> = input.iter().map(|&value| f64::from(value)).collect();
        let sums = by_channel(pixels, channels, |place, _| wide[place]);
        let mean: Vec<f64> = sums.iter().map(|sum| sum / pixels as f64).collect();
        let squares = by_channel(pixels, channels, |place, channel| {
            (wide[place] - mean[channel]).powi(2)
        });
        let moments = self.norm.moments(input_numbers).unwrap();
        assert_eq!(moments.count, pixels);
        close(what, moments.mean.clone(), &mean, 1e-6);
        close(what, moments.squares.clone(), &squares, 1e-5);

        let mean: Vec<f32> = mean.iter().map(|&mean| mean as f32).collect();
        let scale: Vec<f32> = (0..channels).map(|channel| 0.5 + channel as f32 / 64.0).collect();
        let shift: Vec<f32> = (0..channels)
            .map(|channel| 2.0 - scale[channel] * mean[channel])
            .collect();
        let of = NormCoefficients {
            scale: &scale,
            shift: &shift,
            mean: &mean,
        };
        let before: Vec<f32> = (0..input.len())
            .map(|place| input[place].mul_add(scale[place % channels], shift[place % channels]))
            .collect();
        let expected: Vec<f64> = before
            .iter()
            .map(|&value| f64::from(value.clamp(self.bounds[0], self.bounds[1])))
            .collect();
        let (mut output, mut narrow_output) = (vec![f32::NAN; input.len()], vec![Bf16(0x7fc0); input.len()]);
        let written = match narrow {
            true => NumbersMut::Bf16(&mut narrow_output),
            false => NumbersMut::F32(&mut output),
        };
        self.norm.normalise(of, input_numbers, written).unwrap();
        // Scalar kernels round a product before it is added.
        let (slack, half_a_place) = (1e-4, if narrow { 2.0f64.powi(-8) } else { 0.0 });
        let widened = |narrow_map: &[Bf16], map: &[f32]| -> Vec<f64> {
            match narrow {
                true => narrow_map
                    .iter()
                    .map(|number| f64::from(number.widened()))
                    .collect(),
                false => map.iter().map(|&value| f64::from(value)).collect(),
            }
        };
        close(
            what,
            widened(&narrow_output, &output),
            &expected,
            slack + half_a_place,
        );

        // Numbers near a bound may fall on either side of it.
        let passed: Vec<f64> = (0..input.len())
            .map(|place| {
                if self.passes(before[place]) {
                    f64::from(gradient[place])
                } else {
                    0.0
                }
            })
            .collect();
        let unsure = by_channel(pixels, channels, |place, _| {
            let near = self
                .bounds
                .iter()
                .any(|bound| (before[place] - bound).abs() <= 1e-4);
            f64::from(u8::from(near)) * f64::from(gradient[place].abs())
        });
        let expected = [
            by_channel(pixels, channels, |place, _| passed[place]),
            by_channel(pixels, channels, |place, channel| {
                passed[place] * (wide[place] - f64::from(mean[channel]))
            }),
        ];
        let found = self.norm.sums(of, input_numbers, gradient_numbers).unwrap();
        for (found, expected) in found.into_iter().zip(expected) {
            for channel in 0..channels {
                let bound = 1e-4 * (1.0 + expected[channel].abs()) + 10.0 * unsure[channel];
                let difference = (found[channel] - expected[channel]).abs();
                assert!(
                    difference <= bound,
                    "{what} {channel}: {} {}",
                    found[channel],
                    expected[channel]
                );
            }
        }

        let coefficients =
            [0.75, -0.125, 0.5].map(|factor| scale.iter().map(|&scale| factor * scale).collect::<Vec<f32>>());
        let expected: Vec<f64> = (0..input.len())
            .map(|place| {
                let [of_gradient, of_input, added] = coefficients
                    .each_ref()
                    .map(|numbers| f64::from(numbers[place % channels]));
                passed[place] * of_gradient
                    + (wide[place] - f64::from(mean[place % channels])) * of_input
                    + added
            })
            .collect();
        let (mut output, mut narrow_output) = (vec![f32::NAN; input.len()], vec![Bf16(0x7fc0); input.len()]);
        let written = match narrow {
            true => NumbersMut::Bf16(&mut narrow_output),
            false => NumbersMut::F32(&mut output),
        };
        let slices = coefficients.each_ref().map(Vec::as_slice);
        self.norm
            .of_input(of, slices, (input_numbers, gradient_numbers), written)
            .unwrap();
        for (place, found) in widened(&narrow_output, &output).into_iter().enumerate() {
            let near = self
                .bounds
                .iter()
                .any(|bound| (before[place] - bound).abs() <= 1e-4);
            let bound = (slack + half_a_place) * (1.0 + expected[place].abs());
            assert!(
                near || (found - expected[place]).abs() <= bound,
                "{what} {place}: {found} {}",
                expected[place]
            );
        }
    }
}

#[test]
fn batch_norms_of_all_shapes() {
    for set in InstructionSet::available() {
        for (pixels, channels) in [(1, 16), (3, 17), (64, 32), (65, 24), (200, 33), (130, 100)] {
            for bounds in [NONE, RELU, RELU6] {
                for narrow in [false, true] {
                    let case = Case {
                        what: format!("{set} {pixels}×{channels} {bounds:?} {narrow}"),
                        norm: BatchNorm::new(set, channels, bounds).unwrap(),
                        pixels,
                        channels,
                        bounds,
                    };
                    case.run(narrow);
                }
            }
        }
    }
}

#[test]
fn moments_of_parts_merge_to_those_of_the_whole() {
    let norm = BatchNorm::new(InstructionSet::fastest(), 20, NONE).unwrap();
    let values = array("parts", [1, 1, 500, 20]);
    let values: Vec<f32> = values.into_iter().map(|value| value + 1000.0).collect();
    let whole = norm.moments(Numbers::F32(&values)).unwrap();
    let mut merged = Moments::new(20);
    for part in values.chunks(20 * 70) {
        merged.merge(&norm.moments(Numbers::F32(part)).unwrap());
    }
    merged.merge(&Moments::new(20));
    assert_eq!(merged.count, 500);
    close("means", merged.mean, &whole.mean, 1e-7);
    // Means of chunks have 24 bits, 2e-4 of a deviation from a mean of a thousand.
    close("squares", merged.squares, &whole.squares, 2e-4);
}

#[test]
fn what_is_no_whole_pixel_is_refused() {
    let set = InstructionSet::fastest();
    assert!(matches!(BatchNorm::new(set, 15, NONE), Err(Error::Shape { .. })));
    let norm = BatchNorm::new(set, 16, NONE).unwrap();
    let numbers = [0.0; 40];
    assert!(norm.moments(Numbers::F32(&numbers)).is_err());
    let (right, wrong) = (&numbers[..16], &numbers[..15]);
    let of = |scale| NormCoefficients {
        scale,
        shift: right,
        mean: right,
    };
    let mut output = [0.0; 32];
    let input = Numbers::F32(&numbers[..32]);
    assert!(
        norm.normalise(of(wrong), input, NumbersMut::F32(&mut output))
            .is_err()
    );
    assert!(
        norm.normalise(of(right), input, NumbersMut::F32(&mut output[..16]))
            .is_err()
    );
    assert!(
        norm.sums(of(right), input, Numbers::Bf16(&[Bf16(0); 32]))
            .is_err()
    );
    assert!(
        norm.of_input(
            of(right),
            [right, right, wrong],
            (input, input),
            NumbersMut::F32(&mut output)
        )
        .is_err()
    );
}
