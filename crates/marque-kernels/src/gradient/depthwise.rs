//! Gradients of depthwise convolutions.

use super::element::Element;
use super::{Numbers, NumbersMut};
use crate::kernels::Kernels;
use crate::simd::Simd;
use crate::window::Axis;
use crate::{BLOCK, Error, InstructionSet, Window};
use std::fmt;

/// The outputs of a convolution that read a row or column of its input: `first_output` by tap `first_tap`, the one before by the tap a
/// stride further, and so on, `count` in all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Readers {
    first_output: usize,
    first_tap: usize,
    count: usize,
}

impl Readers {
    fn of(axis: Axis, place: usize, outputs: usize) -> Self {
        let reached = place + axis.border;
        // By the tap with the smallest number the output that lies furthest behind is reached.
        let last = reached / axis.stride;
        let surplus = (last + 1).saturating_sub(outputs);
        let first_tap = reached % axis.stride + surplus * axis.stride;
        let taps = axis.taps.saturating_sub(first_tap).div_ceil(axis.stride);
        Self {
            first_output: last - surplus.min(last),
            first_tap,
            count: taps.min((last + 1).saturating_sub(surplus)),
        }
    }
}

/// The gradient of an image.
///
/// # Safety
/// `rows` and `columns` are the readers of each row and column of the image; `gradient` is the outputs' map, `width` pixels wide, of
/// `channels` numbers a pixel; `weights` are as many numbers for each of `taps` × `taps` taps; `result` is the image's map. There are as
/// many channels as a block has, or more.
pub(crate) struct InputGradient<'a, E> {
    rows: &'a [Readers],
    columns: &'a [Readers],
    gradient: *const E,
    width: usize,
    channels: usize,
    weights: *const f32,
    taps: usize,
    stride: usize,
    result: *mut E,
}

/// # Safety
/// As [`InputGradient`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn input_gradient<S: Simd, E: Element>(work: &InputGradient<'_, E>) {
    let mut result = work.result;
    for &rows in work.rows {
        for &columns in work.columns {
            // SAFETY: as the caller says: `first` has as many blocks behind it, and the pixel is one of the map's.
            unsafe {
                let mut first = 0;
                while first + 4 * BLOCK <= work.channels {
                    pixel::<S, E, 4>(work, (rows, columns), first, result);
                    first += 4 * BLOCK;
                }
                while first + BLOCK <= work.channels {
                    pixel::<S, E, 1>(work, (rows, columns), first, result);
                    first += BLOCK;
                }
                if first < work.channels {
                    // The last block overlaps the one before, whose numbers are computed once more.
                    pixel::<S, E, 1>(work, (rows, columns), work.channels - BLOCK, result);
                }
                result = result.add(work.channels);
            }
        }
    }
}

/// Some blocks of channels of a pixel's gradient.
///
/// # Safety
/// As [`input_gradient`].
#[inline(always)]
unsafe fn pixel<S: Simd, E: Element, const BLOCKS: usize>(
    work: &InputGradient<'_, E>,
    (rows, columns): (Readers, Readers),
    first: usize,
    result: *mut E,
) {
    // SAFETY: readers are outputs of the map and taps of the filters.
    unsafe {
        let mut sums = [S::splat(0.0); BLOCKS];
        for row in 0..rows.count {
            let output = (rows.first_output - row) * work.width + columns.first_output;
            let tap = (rows.first_tap + row * work.stride) * work.taps + columns.first_tap;
            let mut gradient = work.gradient.add(output * work.channels + first);
            let mut weights = work.weights.add(tap * work.channels + first);
            for column in 0..columns.count {
                if column > 0 {
                    gradient = gradient.sub(work.channels);
                    weights = weights.add(work.stride * work.channels);
                }
                for (block, sum) in sums.iter_mut().enumerate() {
                    let value = E::load::<S>(gradient.add(block * BLOCK));
                    *sum = S::multiply_add(value, S::load(weights.add(block * BLOCK)), *sum);
                }
            }
        }
        for (block, &sum) in sums.iter().enumerate() {
            E::store::<S>(result.add(first + block * BLOCK), sum);
        }
    }
}

/// The gradient of the filters for one image.
///
/// # Safety
/// `image` is a map of `size` with `channels` numbers a pixel, `gradient` one of `outputs`, as the axes reach it; `result` has as many
/// numbers for each tap. There are as many channels as a block has, or more; both directions have 3, 5 or 7 taps, with a dilation of 1.
pub(crate) struct WeightGradient<E> {
    axes: [Axis; 2],
    image: *const E,
    size: [usize; 2],
    gradient: *const E,
    outputs: [usize; 2],
    channels: usize,
    result: *mut f32,
}

/// # Safety
/// As [`WeightGradient`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn weight_gradient<S: Simd, E: Element>(work: &WeightGradient<E>) {
    // SAFETY: as the caller says.
    unsafe {
        match (work.axes[1].taps, work.axes[1].stride, S::SUMS) {
            (3, 1, 8) => all_blocks::<S, E, 3, 4, 6>(work),
            (3, ..) => all_blocks::<S, E, 3, 1, 3>(work),
            (5, 1, 8) => all_blocks::<S, E, 5, 4, 8>(work),
            (5, ..) => all_blocks::<S, E, 5, 1, 5>(work),
            (7, 1, 8) => all_blocks::<S, E, 7, 4, 10>(work),
            _ => all_blocks::<S, E, 7, 1, 7>(work),
        }
    }
}

/// `TOGETHER` outputs read `READ` columns of the image.
///
/// # Safety
/// As [`weight_gradient`].
#[inline(always)]
unsafe fn all_blocks<S: Simd, E: Element, const TAPS: usize, const TOGETHER: usize, const READ: usize>(
    work: &WeightGradient<E>,
) {
    // The last block overlaps the one before where the channels do not fill it.
    let blocks = work.channels.div_ceil(BLOCK);
    for block in 0..blocks {
        let first = (block * BLOCK).min(work.channels - BLOCK);
        for tap in 0..work.axes[0].taps {
            // SAFETY: as the caller says.
            unsafe {
                let sums = row_of_taps::<S, E, TAPS, TOGETHER, READ>(work, tap, first);
                for (column, &sum) in sums.iter().enumerate() {
                    S::store(
                        work.result.add((tap * TAPS + column) * work.channels + first),
                        sum,
                    );
                }
            }
        }
    }
}

/// The sums of a row of taps over all outputs.
///
/// # Safety
/// As [`weight_gradient`].
#[inline(always)]
unsafe fn row_of_taps<S: Simd, E: Element, const TAPS: usize, const TOGETHER: usize, const READ: usize>(
    work: &WeightGradient<E>,
    tap: usize,
    first: usize,
) -> [S::Block; TAPS] {
    let [vertical, columns] = work.axes;
    let (stride, border) = (columns.stride, columns.border);
    // Outputs all of whose taps lie within the image.
    let begin = border.div_ceil(stride).min(work.outputs[1]);
    let end = (work.size[1] + border)
        .checked_sub(TAPS)
        .map_or(0, |last| last / stride + 1)
        .clamp(begin, work.outputs[1]);
    // SAFETY: rows and columns are asked for, or lie within the maps by the choice of `begin` and `end`.
    unsafe {
        let mut sums = [S::splat(0.0); TAPS];
        for output in 0..work.outputs[0] {
            let reached = output * vertical.stride + tap;
            if reached < vertical.border || reached - vertical.border >= work.size[0] {
                continue;
            }
            let row = (reached - vertical.border) * work.size[1];
            let image = work.image.add(row * work.channels + first);
            let gradient = work
                .gradient
                .add(output * work.outputs[1] * work.channels + first);
            let mut place = begin;
            while place + TOGETHER <= end {
                let column = place * stride - border;
                // No closure: it would not have the features of the function that this is compiled into.
                let mut values = [S::splat(0.0); READ];
                for (read, value) in values.iter_mut().enumerate() {
                    *value = E::load::<S>(image.add((column + read) * work.channels));
                }
                for together in 0..TOGETHER {
                    let factor = E::load::<S>(gradient.add((place + together) * work.channels));
                    for (tap, sum) in sums.iter_mut().enumerate() {
                        *sum = S::multiply_add(factor, values[together + tap], *sum);
                    }
                }
                place += TOGETHER;
            }
            for place in (0..begin).chain(place..work.outputs[1]) {
                let factor = E::load::<S>(gradient.add(place * work.channels));
                for (tap, sum) in sums.iter_mut().enumerate() {
                    let reached = place * stride + tap;
                    if reached >= border && reached - border < work.size[1] {
                        let value = E::load::<S>(image.add((reached - border) * work.channels));
                        *sum = S::multiply_add(factor, value, *sum);
                    }
                }
            }
        }
        sums
    }
}

/// The gradients of a depthwise convolution, image by image, so that callers may share them among threads of their own. Those
/// of the filters are for the caller to sum, in an order that does not depend on threads.
#[derive(Clone)]
pub struct DepthwiseGradient {
    kernels: &'static Kernels,
    channels: usize,
    window: Window,
    size: [usize; 2],
    outputs: [usize; 2],
    rows: Vec<Readers>,
    columns: Vec<Readers>,
}

impl DepthwiseGradient {
    /// For images of `size` (height and width) with so many channels, and outputs of the size `outputs`.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Shape`] for fewer channels than [`BLOCK`], other than square windows of 3, 5 or 7 taps without
    /// dilation, or outputs of which one lies outside of the border.
    pub fn new(
        instruction_set: InstructionSet,
        channels: usize,
        window: Window,
        size: [usize; 2],
        outputs: [usize; 2],
    ) -> Result<Self, Error> {
        let kernels = instruction_set.kernels()?;
        let refuse = |what, expected: &str, found: String| {
            Err(Error::Shape {
                operation: "depthwise_gradient",
                what,
                expected: expected.to_owned(),
                found,
            })
        };
        if channels < BLOCK {
            return refuse("the number of channels", "at least 16", channels.to_string());
        }
        if !Self::takes(window) {
            let expected =
                "a square of 3, 5 or 7 taps without dilation, with a stride and less border than taps";
            return refuse("the window", expected, format!("{window:?}"));
        }
        let axes = window.axes();
        let is_reached = |axis: usize| {
            let count = outputs[axis];
            count > 0 && size[axis] > 0 && axes[axis].reach(count) <= size[axis] + 2 * axes[axis].taps
        };
        if !is_reached(0) || !is_reached(1) {
            let expected = "of a size that the window reaches within its border";
            return refuse("the output", expected, format!("{outputs:?} of {size:?}"));
        }
        let readers = |axis: usize| {
            let all = 0..size[axis];
            all.map(|place| Readers::of(axes[axis], place, outputs[axis]))
                .collect()
        };
        Ok(Self {
            kernels,
            channels,
            window,
            size,
            outputs,
            rows: readers(0),
            columns: readers(1),
        })
    }

    /// Whether there are kernels for the window.
    pub fn takes(window: Window) -> bool {
        let [height, width] = window.kernel;
        let is_within = window.border.iter().all(|&border| border < height);
        height == width
            && [3, 5, 7].contains(&height)
            && window.dilation == 1
            && window.stride > 0
            && is_within
    }

    /// How many numbers the filters have: one for each tap and channel.
    pub fn weights(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1] * self.channels
    }

    /// The gradient of an image (height × width × channels) for that of its outputs, likewise, and the filters, tap by tap the channels
    /// side by side.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers are not as many, or of two types.
    pub fn of_input(
        &self,
        gradient: Numbers<'_>,
        weights: &[f32],
        result: NumbersMut<'_>,
    ) -> Result<(), Error> {
        self.check("the gradient", gradient.len(), self.numbers(self.outputs))?;
        self.check("the filters", weights.len(), self.weights())?;
        self.check("the result", result.len(), self.numbers(self.size))?;
        // SAFETY: lengths were checked, the window and the channels when this was made.
        unsafe {
            match (gradient, result) {
                (Numbers::F32(gradient), NumbersMut::F32(result)) => {
                    let work = self.of_input_work(gradient.as_ptr(), weights, result.as_mut_ptr());
                    (self.kernels.gradients.depthwise_input)(&work);
                }
                (Numbers::Bf16(gradient), NumbersMut::Bf16(result)) => {
                    let work = self.of_input_work(gradient.as_ptr(), weights, result.as_mut_ptr());
                    (self.kernels.narrow_gradients.depthwise_input)(&work);
                }
                _ => return Err(self.two_types("the result")),
            }
        }
        Ok(())
    }

    fn of_input_work<'a, E>(
        &'a self,
        gradient: *const E,
        weights: &'a [f32],
        result: *mut E,
    ) -> InputGradient<'a, E> {
        InputGradient {
            rows: &self.rows,
            columns: &self.columns,
            gradient,
            width: self.outputs[1],
            channels: self.channels,
            weights: weights.as_ptr(),
            taps: self.window.kernel[0],
            stride: self.window.stride,
            result,
        }
    }

    /// The gradient of the filters, tap by tap the channels side by side, for one image and the gradient of its outputs.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers are not as many, or of two types.
    pub fn of_weights(
        &self,
        image: Numbers<'_>,
        gradient: Numbers<'_>,
        result: &mut [f32],
    ) -> Result<(), Error> {
        self.check("the image", image.len(), self.numbers(self.size))?;
        self.check("the gradient", gradient.len(), self.numbers(self.outputs))?;
        self.check("the result", result.len(), self.weights())?;
        // SAFETY: as for the input.
        unsafe {
            match (image, gradient) {
                (Numbers::F32(image), Numbers::F32(gradient)) => {
                    let work = self.of_weights_work(image.as_ptr(), gradient.as_ptr(), result);
                    (self.kernels.gradients.depthwise_weight)(&work);
                }
                (Numbers::Bf16(image), Numbers::Bf16(gradient)) => {
                    let work = self.of_weights_work(image.as_ptr(), gradient.as_ptr(), result);
                    (self.kernels.narrow_gradients.depthwise_weight)(&work);
                }
                _ => return Err(self.two_types("the gradient")),
            }
        }
        Ok(())
    }

    fn of_weights_work<E>(
        &self,
        image: *const E,
        gradient: *const E,
        result: &mut [f32],
    ) -> WeightGradient<E> {
        WeightGradient {
            axes: self.window.axes(),
            image,
            size: self.size,
            gradient,
            outputs: self.outputs,
            channels: self.channels,
            result: result.as_mut_ptr(),
        }
    }

    fn two_types(&self, what: &'static str) -> Error {
        Error::Shape {
            operation: "depthwise_gradient",
            what,
            expected: "of the same type as the other map".to_owned(),
            found: "of another".to_owned(),
        }
    }

    fn numbers(&self, [height, width]: [usize; 2]) -> usize {
        height * width * self.channels
    }

    fn check(&self, what: &'static str, found: usize, expected: usize) -> Result<(), Error> {
        if found == expected {
            return Ok(());
        }
        Err(Error::Shape {
            operation: "depthwise_gradient",
            what,
            expected: format!("{expected} numbers"),
            found: found.to_string(),
        })
    }
}

impl fmt::Debug for DepthwiseGradient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DepthwiseGradient")
            .field("channels", &self.channels)
            .field("window", &self.window)
            .field("size", &self.size)
            .field("outputs", &self.outputs)
            .finish_non_exhaustive()
    }
}
