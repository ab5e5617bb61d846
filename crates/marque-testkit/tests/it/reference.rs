//! The naive kernels against PyTorch's, computed in float64 and stored as float32.

use marque_testkit::reference::{self, BatchNorm, Window};
use marque_testkit::{Error, Golden, Precision, Tolerance, assert_close, formula};
use ndarray::{Array1, Array4, Ix1, Ix4};
use proptest::prelude::*;

// Both sides sum in f64 and round once to f32: the last bit may differ, no more.
fn tolerance() -> Tolerance {
    Tolerance::strict(Precision::F32)
}

fn golden() -> Golden {
    Golden::open(env!("CARGO_MANIFEST_DIR"), "kernels/io.safetensors").unwrap()
}

fn maps() -> Array4<f32> {
    formula::images([2, 4, 9, 8], "convolution")
}

fn weight(name: &str, shape: [usize; 4]) -> Array4<f32> {
    formula::parameter(name, &shape)
        .into_dimensionality::<Ix4>()
        .unwrap()
}

fn vector(name: &str, length: usize) -> Array1<f32> {
    formula::parameter(name, &[length])
        .into_dimensionality::<Ix1>()
        .unwrap()
}

/// Rows all around, but only the last column: what Keras calls "same" for this size at stride 2.
fn same_as_keras() -> Window {
    Window {
        padding: [[1, 1], [0, 1]],
        ..Window::square(3).stride(2)
    }
}

#[test]
fn convolutions_agree_with_pytorch() {
    let golden = golden();
    let rectangular = Window {
        kernel_size: [1, 5],
        stride: [2, 1],
        padding: [[0, 0], [2, 2]],
        dilation: [1, 1],
    };
    let cases = [
        ("plain", [6, 4, 3, 3], Window::square(3), 1),
        ("strided", [6, 4, 3, 3], Window::square(3).stride(2).padding(1), 1),
        ("rectangular", [3, 4, 1, 5], rectangular, 1),
        (
            "dilated",
            [2, 4, 3, 3],
            Window::square(3).padding(2).dilation(2),
            1,
        ),
        ("grouped", [6, 2, 3, 3], Window::square(3).padding(1), 2),
        ("depthwise", [8, 1, 3, 3], Window::square(3).padding(1), 4),
        ("same_as_keras", [5, 4, 3, 3], same_as_keras(), 1),
    ];
    for (name, shape, window, groups) in cases {
        let layer = if name == "same_as_keras" { "same" } else { name };
        let bias = matches!(name, "strided" | "grouped").then(|| vector(&format!("{name}.bias"), shape[0]));
        let weight = weight(&format!("{layer}.weight"), shape);
        let bias = bias.as_ref().map(|bias| bias.view());
        let found = reference::conv2d(maps().view(), weight.view(), bias, window, groups).unwrap();
        let expected = golden.f32(&format!("conv/{name}")).unwrap();
        assert_close(name, found.into_dyn().view(), expected.view(), tolerance());
    }
}

#[test]
fn poolings_agree_with_pytorch() {
    let golden = golden();
    let cases = [
        ("resnet", Window::square(3).stride(2).padding(1)),
        ("same_as_keras", same_as_keras()),
        ("dilated", Window::square(2).dilation(3)),
    ];
    for (name, window) in cases {
        let found = reference::max_pool2d(maps().view(), window).unwrap();
        let expected = golden.f32(&format!("pool/{name}")).unwrap();
        assert_close(name, found.into_dyn().view(), expected.view(), Tolerance::exact());
    }
}

#[test]
fn batch_normalisation_agrees_with_pytorch_in_both_modes() {
    let golden = golden();
    let maps = formula::images([4, 6, 5, 7], "batch_norm");
    let mut norm = BatchNorm {
        weight: vector("bn.weight", 6),
        bias: vector("bn.bias", 6),
        mean: vector("bn.running_mean", 6),
        variance: vector("bn.running_var", 6),
        eps: 1e-3,
    };
    let compare = |name: &str, found: ndarray::ArrayD<f32>| {
        assert_close(name, found.view(), golden.f32(name).unwrap().view(), tolerance());
    };
    compare(
        "norm/evaluation",
        reference::batch_norm(maps.view(), &norm).unwrap().into_dyn(),
    );
    let statistics = reference::channel_statistics(maps.view()).unwrap();
    compare("norm/training/mean", statistics.mean.clone().into_dyn());
    compare("norm/training/variance", statistics.unbiased_variance.into_dyn());
    norm.mean = statistics.mean;
    norm.variance = statistics.biased_variance;
    compare(
        "norm/training",
        reference::batch_norm(maps.view(), &norm).unwrap().into_dyn(),
    );
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let maps = maps();
    let convolve = |shape, window, groups| {
        reference::conv2d(
            maps.view(),
            weight("w.weight", shape).view(),
            None,
            window,
            groups,
        )
    };
    let bad = [
        convolve([6, 3, 3, 3], Window::square(3), 1),
        convolve([6, 4, 3, 3], Window::square(5), 1),
        convolve([6, 4, 3, 3], Window::square(3), 0),
        convolve([5, 2, 3, 3], Window::square(3), 2),
        convolve([6, 4, 3, 3], Window::square(3).dilation(5), 1),
        convolve([6, 4, 3, 3], Window::square(3).stride(0), 1),
        reference::max_pool2d(maps.view(), Window::square(10)),
    ];
    for (case, result) in bad.into_iter().enumerate() {
        assert!(matches!(result, Err(Error::Shape { .. })), "case {case}");
    }
    let single = Array4::zeros((1, 4, 1, 1));
    assert!(matches!(
        reference::channel_statistics(single.view()),
        Err(Error::Shape { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A convolution of one tap that is 1 moves the maps and nothing else.
    #[test]
    fn a_single_tap_shifts(row in 0_usize..3, column in 0_usize..3, height in 3_usize..9, width in 3_usize..9) {
        let maps = formula::images([1, 1, height, width], "shifted");
        let mut weight = Array4::zeros((1, 1, 3, 3));
        weight[[0, 0, row, column]] = 1.0;
        let window = Window::square(3).padding(1);
        let moved = reference::conv2d(maps.view(), weight.view(), None, window, 1).unwrap();
        for ((_, _, y, x), &value) in moved.indexed_iter() {
            let source = |place: usize, tap: usize, size| (place + tap).checked_sub(1).filter(|&pixel| pixel < size);
            let expected = match (source(y, row, height), source(x, column, width)) {
                (Some(y), Some(x)) => maps[[0, 0, y, x]],
                _ => 0.0,
            };
            prop_assert_eq!(value, expected);
        }
    }
}
