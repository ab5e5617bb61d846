//! Maps by formula, in and out of the kernels' layout.

use marque_kernels::{Buffer, Executor, InstructionSet, Layout, Maps, MapsMut, Threads};
use marque_testkit::{Tolerance, assert_close, formula};
use ndarray::{Array4, ArrayView4, Axis};

/// An executor of each instruction set, with one thread.
pub(crate) fn executors() -> Vec<Executor> {
    let single = |set| Executor::new(set, Threads::new(1)).unwrap();
    InstructionSet::available().map(single).collect()
}

/// Executors with other numbers of threads, on the fastest instruction set.
pub(crate) fn crowds() -> Vec<Executor> {
    let crowd = |threads| Executor::new(InstructionSet::fastest(), Threads::new(threads)).unwrap();
    [2, 7].map(crowd).into()
}

pub(crate) fn layout(shape: [usize; 4]) -> Layout {
    let [batch, channels, height, width] = shape;
    Layout {
        batch,
        channels,
        height,
        width,
    }
}

/// Numbers of [−1, 1).
pub(crate) fn array(name: &str, shape: [usize; 4]) -> Array4<f32> {
    let values = formula::uniform(name, &shape, 0.0, 1.0);
    values.into_dimensionality().unwrap()
}

/// The array in blocks; what fills up the last one are numbers that would show.
pub(crate) fn blocked(array: ArrayView4<'_, f32>) -> Buffer {
    let layout = layout_of(array);
    let mut buffer = Buffer::zeroed(layout.len()).unwrap();
    let mut maps = MapsMut::new(layout, &mut buffer).unwrap();
    maps.fill_from_planar(array.as_standard_layout().as_slice().unwrap())
        .unwrap();
    let stride = layout.stride();
    for lane in layout.channels..layout.blocks() * 16 {
        for pixel in 0..layout.pixels() {
            buffer[lane / 16 * stride + pixel * 16 + lane % 16] = 0.75;
        }
    }
    buffer
}

pub(crate) fn layout_of(array: ArrayView4<'_, f32>) -> Layout {
    let (batch, channels, height, width) = array.dim();
    layout([batch, channels, height, width])
}

/// What `write` makes of an output of this layout, whose memory is filled with what is no number before.
pub(crate) fn written(layout: Layout, write: impl FnOnce(MapsMut<'_>)) -> Array4<f32> {
    let mut buffer = Buffer::zeroed(layout.len()).unwrap();
    buffer.fill(f32::NAN);
    write(MapsMut::new(layout, &mut buffer).unwrap());
    let planar = Maps::new(layout, &buffer).unwrap().to_planar();
    let shape = (layout.batch, layout.channels, layout.height, layout.width);
    Array4::from_shape_vec(shape, planar).unwrap()
}

/// Whether an array is close to a reference.
pub(crate) fn close(what: &str, found: &Array4<f32>, expected: &Array4<f32>, tolerance: Tolerance) {
    assert_eq!(found.len_of(Axis(0)), expected.len_of(Axis(0)));
    assert_close(what, found.view(), expected.view(), tolerance);
}
