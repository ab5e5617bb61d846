use crate::case::activated;
use crate::support::{array, blocked, close, crowds, executors, layout, layout_of, written};
use marque_kernels::{Activation, Affine, Executor, LayerNorm, Maps, MapsMut};
use marque_testkit::{Precision, Tolerance};
use ndarray::{Array4, concatenate, s};

#[test]
fn sums_maps_and_changes_them() {
    for executor in executors().into_iter().chain(crowds()) {
        for shape in [[1, 5, 1, 1], [2, 40, 9, 7], [1, 16, 64, 64]] {
            // Numbers from −1 to 1, so that sums go beyond 6, too.
            let [first, second] = ["first", "second"].map(|name| array(name, shape) * 8.0);
            let layout = layout_of(first.view());
            let [one, two] = [&first, &second].map(|array| blocked(array.view()));
            let [one, two] = [&one, &two].map(|buffer| Maps::new(layout, buffer).unwrap());
            for activation in [Activation::Identity, Activation::Relu, Activation::Relu6] {
                let expected = (&first + &second).mapv(|value| activated(activation, value));
                let found = written(layout, |output| {
                    executor.add(activation, [one, two], output).unwrap()
                });
                assert_eq!(found, expected);
                let found = written(layout, |mut output| {
                    output.values().copy_from_slice(two.values());
                    executor.add_to(activation, one, output).unwrap()
                });
                assert_eq!(found, expected);
                let filled = |name: &str| -> Vec<f32> {
                    array(name, [layout.blocks() * 16, 1, 1, 1]).into_iter().collect()
                };
                let (scale, shift) = (filled("scale"), filled("shift"));
                let expected = Array4::from_shape_fn(first.dim(), |place| {
                    activated(activation, first[place] * scale[place.1] + shift[place.1])
                });
                let affine = Affine {
                    scale: &scale,
                    shift: &shift,
                    activation,
                };
                let found = written(layout, |output| executor.affine(affine, one, output).unwrap());
                close("affine", &found, &expected, Tolerance::strict(Precision::F32));
            }
        }
    }
}

const CURVES: [Activation; 5] = [
    Activation::Sigmoid,
    Activation::Silu,
    Activation::HardSwish,
    Activation::HardSigmoid,
    Activation::Gelu,
];

/// What an executor makes of numbers.
fn bent(executor: &Executor, activation: Activation, values: Vec<f32>) -> Vec<f32> {
    let array = Array4::from_shape_vec([1, 16, 1, values.len() / 16], values).unwrap();
    let layout = layout_of(array.view());
    let maps = blocked(array.view());
    let affine = Affine {
        scale: &[1.0; 16],
        shift: &[0.0; 16],
        activation,
    };
    let found = written(layout, |output| {
        let maps = Maps::new(layout, &maps).unwrap();
        executor.affine(affine, maps, output).unwrap()
    });
    found.into_iter().collect()
}

#[test]
fn curves_are_those_of_their_definitions() {
    for executor in executors() {
        for activation in CURVES {
            // From −100 to 100, closer together near zero.
            let points: Vec<f32> = (-4000..4000)
                .map(|index| (index as f32 / 4000.0).powi(3) * 100.0)
                .collect();
            let found = bent(&executor, activation, points.clone());
            for (&x, &y) in points.iter().zip(&found) {
                let expected = activated(activation, x);
                // Some roundings of the result; those of 1 + erf(x) and of x + 3 are absolute.
                let tolerance =
                    8.0 * f32::EPSILON * expected.abs() + 4.0 * f32::EPSILON * x.abs().min(4.0) + 1e-37;
                assert!(
                    (y - expected).abs() <= tolerance,
                    "{executor:?} {activation:?}({x}): {y}, {expected}"
                );
            }
        }
    }
}

#[test]
fn curves_hand_on_what_is_no_number_and_have_their_limits() {
    for executor in executors() {
        for activation in CURVES {
            let found = bent(
                &executor,
                activation,
                [f32::NAN, f32::MAX, -f32::MAX, 0.0].repeat(4),
            );
            assert!(found[0].is_nan(), "{executor:?} {activation:?}: {}", found[0]);
            let at_the_end = match activation {
                Activation::Sigmoid | Activation::HardSigmoid => 1.0,
                _ => f32::MAX,
            };
            let near = |found: f32, expected: f32| (found / expected - 1.0).abs() < 1e-6;
            assert!(
                near(found[1], at_the_end),
                "{executor:?} {activation:?}: {}",
                found[1]
            );
            assert_eq!(
                found[3],
                activated(activation, 0.0),
                "{executor:?} {activation:?}"
            );
        }
    }
}

#[test]
fn channels_are_scaled_image_by_image() {
    for executor in executors().into_iter().chain(crowds()) {
        // Of the last, blocks do not follow each other closely.
        for shape in [[1, 5, 1, 1], [2, 40, 9, 7], [3, 17, 40, 33], [2, 40, 32, 32]] {
            let maps = array("maps", shape);
            let factors = array("factors", [shape[0], shape[1], 1, 1]);
            let layouts = [&maps, &factors].map(|array| layout_of(array.view()));
            let buffers = [&maps, &factors].map(|array| blocked(array.view()));
            let of = |index: usize| Maps::new(layouts[index], &buffers[index]).unwrap();
            let found = written(layouts[0], |output| {
                executor.scale_channels(of(1), of(0), output).unwrap()
            });
            assert_eq!(found, &maps * &factors);
            let mut buffer = marque_kernels::Buffer::zeroed(layouts[0].len()).unwrap();
            let output = MapsMut::new(layouts[0], &mut buffer).unwrap();
            assert_eq!(
                executor.scale_channels(of(0), of(0), output).is_err(),
                shape[2..] != [1, 1]
            );
        }
    }
}

#[test]
fn pixels_are_normalised_over_their_channels() {
    for executor in executors().into_iter().chain(crowds()) {
        for shape in [[1, 5, 1, 1], [2, 40, 9, 7], [1, 96, 14, 14]] {
            // Far from zero, where a difference of squares would have lost the variance.
            let maps = array("maps", shape) + 100.0;
            let layout = layout_of(maps.view());
            let filled = |name: &str| -> Vec<f32> {
                array(name, [layout.blocks() * 16, 1, 1, 1]).into_iter().collect()
            };
            let (weight, bias) = (filled("weight"), filled("bias"));
            let mut expected = maps.clone();
            for image in 0..shape[0] {
                for row in 0..shape[2] {
                    for column in 0..shape[3] {
                        let mut pixel = expected.slice_mut(s![image, .., row, column]);
                        let values = pixel.mapv(f64::from);
                        let mean = values.mean().unwrap();
                        let variance = values.mapv(|value| (value - mean).powi(2)).mean().unwrap();
                        for (channel, value) in pixel.iter_mut().enumerate() {
                            let normalised = (values[channel] - mean) / (variance + 1e-6).sqrt();
                            *value =
                                (normalised * f64::from(weight[channel]) + f64::from(bias[channel])) as f32;
                        }
                    }
                }
            }
            let norm = LayerNorm {
                weight: &weight,
                bias: &bias,
                eps: 1e-6,
            };
            let buffer = blocked(maps.view());
            let found = written(layout, |output| {
                let maps = Maps::new(layout, &buffer).unwrap();
                executor.layer_norm(norm, maps, output).unwrap()
            });
            // A rounding of the mean, which is a hundred times the deviations.
            close(
                "layer norm",
                &found,
                &expected,
                Tolerance::balanced(Precision::F32),
            );
        }
    }
}

#[test]
fn moves_channels_and_pixels() {
    let executor = executors().remove(0);
    for channels in [[16, 32], [5, 20], [16, 3], [3, 16]] {
        let [first, second] = channels.map(|count| array("maps", [2, count, 5, 6]));
        let expected = concatenate![ndarray::Axis(1), first, second];
        let buffers = [&first, &second].map(|maps| blocked(maps.view()));
        let into = layout_of(expected.view());
        let mut joined = marque_kernels::Buffer::zeroed(into.len()).unwrap();
        for (buffer, (array, to)) in buffers.iter().zip([(&first, 0), (&second, channels[0])]) {
            let maps = Maps::new(layout_of(array.view()), buffer).unwrap();
            let output = marque_kernels::MapsMut::new(into, &mut joined).unwrap();
            executor.copy_channels(maps, to, output).unwrap();
        }
        assert_eq!(
            Maps::new(into, &joined).unwrap().to_planar(),
            expected.as_standard_layout().as_slice().unwrap()
        );
        let all = Maps::new(into, &joined).unwrap();
        let picked = expected.slice(s![.., .., ..;2, ..;2]).to_owned();
        let found = written(layout_of(picked.view()), |output| {
            executor.subsample(2, all, output).unwrap()
        });
        assert_eq!(found, picked);
        let flat = expected
            .to_shape((2, into.channels * 30, 1, 1))
            .unwrap()
            .to_owned();
        let found = written(layout_of(flat.view()), |output| {
            executor.flatten(all, output).unwrap()
        });
        assert_eq!(found, flat);
        let _ = written(layout([2, 3, 5, 6]), |output| {
            assert!(executor.copy_channels(all, 0, output).is_err());
        });
    }
}

#[test]
fn channels_are_repeated_within_maps() {
    let executor = executors().remove(0);
    let maps = array("maps", [2, 45, 3, 5]);
    let layout = layout_of(maps.view());
    for (from, count, to) in [(0usize, 16, 16), (16, 20, 25), (32, 13, 3), (40, 5, 0)] {
        let mut values = blocked(maps.view());
        let mut repeat = |from, count, to| {
            let maps = marque_kernels::MapsMut::new(layout, &mut values).unwrap();
            executor.repeat_channels(from, count, to, maps)
        };
        let is_apart = from.abs_diff(to) >= count;
        assert_eq!(repeat(from, count, to).is_ok(), is_apart);
        let mut expected = maps.clone();
        if is_apart {
            let channels = maps.slice(s![.., from..from + count, .., ..]);
            expected
                .slice_mut(s![.., to..to + count, .., ..])
                .assign(&channels);
        }
        assert!(repeat(0, 3, 43).is_err());
        assert!(repeat(43, 3, 0).is_err());
        let found = Maps::new(layout, &values).unwrap().to_planar();
        assert_eq!(found, expected.as_slice().unwrap());
    }
}
