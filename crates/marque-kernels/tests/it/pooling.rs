use crate::support::{array, blocked, close, crowds, executors, layout, layout_of, written};
use marque_kernels::{Maps, Pooling, Window};
use marque_testkit::{Precision, Tolerance, reference};
use ndarray::{Array4, s};

#[test]
fn windows_of_all_shapes() {
    // Kernel, stride, border before and behind, size.
    let cases = [
        (3, 2, [1, 1], [56, 57]),
        (3, 2, [0, 1], [12, 13]),
        (2, 2, [0, 0], [9, 8]),
        (3, 1, [1, 1], [7, 7]),
        (5, 3, [2, 2], [6, 17]),
        // The last window sticks out.
        (3, 2, [0, 2], [8, 8]),
    ];
    for executor in executors().into_iter().chain(crowds()) {
        for (kernel, stride, [before, behind], [height, width]) in cases {
            let input = array("input", [2, 20, height, width]);
            let window = reference::Window {
                kernel_size: [kernel; 2],
                stride: [stride; 2],
                padding: [[before, behind]; 2],
                dilation: [1; 2],
            };
            let largest = reference::max_pool2d(input.view(), window).unwrap();
            let ones = Array4::ones((20, 1, kernel, kernel));
            let count = (kernel * kernel) as f32;
            let mean = reference::conv2d(input.view(), ones.view(), None, window, 20).unwrap() / count;
            let maps = blocked(input.view());
            let maps = Maps::new(layout_of(input.view()), &maps).unwrap();
            let window = Window {
                stride,
                border: [before; 2],
                ..Window::square(kernel)
            };
            for (kind, expected) in [(Pooling::Max, largest), (Pooling::Mean, mean)] {
                let found = written(layout_of(expected.view()), |output| {
                    executor.pool(kind, window, maps, output).unwrap();
                });
                let what = format!("{executor:?} {kind:?} {kernel} {stride} {height}×{width}");
                close(&what, &found, &expected, Tolerance::strict(Precision::F32));
            }
        }
    }
}

#[test]
fn cells_of_all_sizes() {
    for executor in executors().into_iter().chain(crowds()) {
        for (size, cells) in [
            ([7, 7], [1, 1]),
            ([7, 9], [7, 9]),
            ([6, 10], [4, 7]),
            ([3, 2], [7, 7]),
        ] {
            let input = array("input", [3, 18, size[0], size[1]]);
            let expected =
                Array4::from_shape_fn((3, 18, cells[0], cells[1]), |(image, channel, row, column)| {
                    let rows = row * size[0] / cells[0]..((row + 1) * size[0]).div_ceil(cells[0]);
                    let columns = column * size[1] / cells[1]..((column + 1) * size[1]).div_ceil(cells[1]);
                    let cell = input.slice(s![image, channel, rows, columns]);
                    let sum: f64 = cell.iter().map(|&value| f64::from(value)).sum();
                    (sum / cell.len() as f64) as f32
                });
            let maps = blocked(input.view());
            let maps = Maps::new(layout_of(input.view()), &maps).unwrap();
            let found = written(layout_of(expected.view()), |output| match cells {
                [1, 1] => executor.global_mean(maps, output).unwrap(),
                _ => executor.adaptive_mean(maps, output).unwrap(),
            });
            close(
                &format!("{executor:?} {size:?}"),
                &found,
                &expected,
                Tolerance::strict(Precision::F32),
            );
        }
    }
}

#[test]
fn what_is_no_number_is_the_largest() {
    for executor in executors() {
        let mut input = array("input", [1, 16, 4, 4]);
        input[[0, 5, 1, 1]] = f32::NAN;
        let maps = blocked(input.view());
        let maps = Maps::new(layout_of(input.view()), &maps).unwrap();
        let found = written(layout([1, 16, 2, 2]), |output| {
            let window = Window {
                stride: 2,
                ..Window::square(2)
            };
            executor.pool(Pooling::Max, window, maps, output).unwrap();
        });
        assert!(found[[0, 5, 0, 0]].is_nan() && found.iter().filter(|value| value.is_nan()).count() == 1);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let executor = executors().remove(0);
    let input = array("input", [1, 16, 6, 6]);
    let maps = blocked(input.view());
    let maps = Maps::new(layout_of(input.view()), &maps).unwrap();
    for (shape, window) in [
        (
            [1, 16, 4, 4],
            Window {
                stride: 2,
                ..Window::square(2)
            },
        ),
        (
            [1, 15, 3, 3],
            Window {
                stride: 2,
                ..Window::square(2)
            },
        ),
        (
            [1, 16, 3, 3],
            Window {
                stride: 0,
                ..Window::square(2)
            },
        ),
        (
            [1, 16, 2, 2],
            Window {
                dilation: 2,
                ..Window::square(3)
            },
        ),
        ([1, 16, 0, 3], Window::square(2)),
    ] {
        let _ = written(layout(shape), |output| {
            assert!(
                executor.pool(Pooling::Max, window, maps, output).is_err(),
                "{shape:?}"
            );
        });
    }
}
