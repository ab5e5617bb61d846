use crate::case::activated;
use crate::support::{array, blocked, close, crowds, executors, layout_of, written};
use marque_kernels::{Activation, Bias, Depthwise, DepthwiseFilters, Maps, Window};
use marque_testkit::{Precision, Tolerance, reference};

#[test]
fn depthwise_convolutions_of_all_shapes() {
    // Batch, channels, height, width; kernel; stride; dilation; border.
    let cases = [
        ([1, 16, 9, 9], [3, 3], 1, 1, [1, 1]),
        ([2, 20, 7, 31], [3, 3], 1, 1, [1, 1]),
        ([2, 33, 12, 9], [3, 3], 2, 1, [1, 1]),
        ([1, 40, 13, 24], [3, 3], 2, 1, [0, 1]),
        ([1, 16, 19, 30], [5, 5], 1, 1, [2, 2]),
        ([1, 16, 19, 30], [5, 5], 2, 1, [1, 2]),
        ([1, 16, 19, 30], [3, 3], 1, 2, [2, 2]),
        ([1, 7, 9, 20], [2, 7], 3, 1, [0, 3]),
        ([1, 8, 1, 1], [3, 3], 1, 1, [1, 1]),
        ([1, 8, 2, 2], [5, 5], 1, 1, [2, 2]),
        ([1, 8, 40, 40], [3, 3], 1, 1, [0, 0]),
    ];
    for executor in executors().into_iter().chain(crowds()) {
        for (shape, kernel, stride, dilation, border) in cases {
            for activation in [
                Activation::Identity,
                Activation::Relu,
                Activation::Relu6,
                Activation::HardSwish,
            ] {
                // So large a bias that some numbers reach the upper bound.
                let (rectify, raise) = match activation {
                    Activation::Identity => (false, 0.0),
                    Activation::Relu => (true, 0.0),
                    Activation::Relu6 => (true, 5.75),
                    _ => (false, 0.0),
                };
                let input = array("input", shape);
                let weight = array("weight", [shape[1], 1, kernel[0], kernel[1]]);
                let bias = array("bias", [shape[1], 1, 1, 1]);
                let bias: Vec<f32> = bias.into_iter().map(|bias| bias + raise).collect();
                let window = reference::Window {
                    kernel_size: kernel,
                    stride: [stride; 2],
                    padding: border.map(|amount| [amount; 2]),
                    dilation: [dilation; 2],
                };
                let seen = match rectify {
                    true => input.mapv(|value| value.max(0.0)),
                    false => input.clone(),
                };
                let shift = ndarray::aview1(&bias);
                let mut expected =
                    reference::conv2d(seen.view(), weight.view(), Some(shift), window, shape[1]).unwrap();
                expected.mapv_inplace(|value| activated(activation, value));
                let filters =
                    DepthwiseFilters::pack(shape[1], kernel, weight.as_slice().unwrap().into()).unwrap();
                let depthwise = Depthwise {
                    filters: &filters,
                    bias: &Bias::pack(&bias).unwrap(),
                    window: Window {
                        kernel,
                        stride,
                        dilation,
                        border,
                    },
                    rectify_input: rectify,
                    activation,
                };
                let maps = blocked(input.view());
                let maps = Maps::new(layout_of(input.view()), &maps).unwrap();
                let found = written(layout_of(expected.view()), |output| {
                    executor.depthwise(depthwise, maps, output).unwrap();
                });
                let what = format!("{executor:?} {shape:?} {kernel:?} {stride} {dilation}");
                close(&what, &found, &expected, Tolerance::balanced(Precision::F32));
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let executor = executors().remove(0);
    assert!(DepthwiseFilters::pack(16, [3, 3], [0.0; 143].as_slice().into()).is_err());
    let filters = DepthwiseFilters::pack(16, [3, 3], [0.0; 144].as_slice().into()).unwrap();
    let input = array("input", [1, 16, 5, 5]);
    let maps = blocked(input.view());
    let maps = Maps::new(layout_of(input.view()), &maps).unwrap();
    let fitting = Window {
        border: [1, 1],
        ..Window::square(3)
    };
    for (window, channels, fits) in [
        (fitting, 16, true),
        (fitting, 17, false),
        (Window::square(5), 16, false),
    ] {
        let depthwise = Depthwise {
            filters: &filters,
            bias: &Bias::zeros(channels).unwrap(),
            window,
            rectify_input: false,
            activation: Activation::Identity,
        };
        let _ = written(layout_of(input.view()), |output| {
            let found = executor.depthwise(depthwise, maps, output);
            assert_eq!(found.is_ok(), fits, "{window:?}");
        });
    }
}
