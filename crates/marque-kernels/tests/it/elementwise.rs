use crate::case::activated;
use crate::support::{array, blocked, close, crowds, executors, layout, layout_of, written};
use marque_kernels::{Activation, Affine, Maps};
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
            let expected = first.mapv(|value| 1.0 / (1.0 + (-value).exp()));
            let found = written(layout, |output| executor.sigmoid(one, output).unwrap());
            close("sigmoid", &found, &expected, Tolerance::strict(Precision::F32));
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
