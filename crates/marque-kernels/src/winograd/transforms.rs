//! The transforms of Winograd's method, for blocks of channels (Lavin & Gray 2015, "Fast algorithms for convolutional neural
//! networks").
//!
//! A tile of m outputs of a filter of three taps is computed by m + 2 products: input and filter are polynomials that are evaluated
//! at m + 2 points, multiplied there, and interpolated. The points are 0, 1, −1, ∞, 2, −2, ½, −½, and a tile takes the first m + 2
//! of them: the filter's values at the points of a small tile are among those of a large one, and all sizes share one table.
//! Filters are evaluated plainly, so that the divisors of the interpolation stand in the input's transform.

use crate::BLOCK;
use crate::activation::Finish;
use crate::simd::Simd;

/// Points of the largest tile.
pub(crate) const MOST_POINTS: usize = 8;

/// The points; infinity is the one that is no number.
pub(crate) const POINTS: [f64; MOST_POINTS] = [0.0, 1.0, -1.0, f64::INFINITY, 2.0, -2.0, 0.5, -0.5];

/// One tile of the input, for all its blocks of channels.
///
/// # Safety
/// For each block, rows `valid[0]` and columns `valid[1]` of the tile's (m + 2)² pixels are read, counted from `input` on, which is where
/// its first pixel would lie; the product of point i and j is written to `output + (i · points + j) · pair_stride`.
pub(crate) struct InputTransform {
    /// m in both directions.
    pub(crate) tile: [usize; 2],
    pub(crate) input: *const f32,
    pub(crate) row_stride: usize,
    pub(crate) block_stride: usize,
    pub(crate) blocks: usize,
    /// First and last pixel within the map, the last excluded, in each direction.
    pub(crate) valid: [[usize; 2]; 2],
    pub(crate) output: *mut f32,
    /// Points of a row of pairs.
    pub(crate) points: usize,
    pub(crate) pair_stride: usize,
    pub(crate) output_block_stride: usize,
}

/// One tile of the output, for one block of channels.
///
/// # Safety
/// The products are read at `input + (i · points + j) · pair_stride`, the bias as one block; rows and columns of the tile's m² pixels below
/// `valid` are written from `output` on, and read of the addend, if it is not null, at the same places.
pub(crate) struct OutputTransform {
    /// m in both directions.
    pub(crate) tile: [usize; 2],
    pub(crate) input: *const f32,
    pub(crate) points: usize,
    pub(crate) pair_stride: usize,
    pub(crate) bias: *const f32,
    pub(crate) addend: *const f32,
    pub(crate) output: *mut f32,
    pub(crate) row_stride: usize,
    pub(crate) valid: [usize; 2],
    pub(crate) finish: Finish,
}

/// Sixteen filters of three by three taps, to be evaluated at all pairs of the first few points.
pub(crate) struct FilterEvaluation<'a> {
    /// `[row][column][filter]`.
    pub(crate) taps: &'a [[f64; BLOCK]; 9],
    pub(crate) points: usize,
    /// The value of each filter at point i and j goes to `values[(i · points + j) · pair_stride + filter]`.
    pub(crate) values: &'a mut [f32],
    pub(crate) pair_stride: usize,
}

/// Evaluates filters, in double precision. Nothing here is of one instruction set, but the compiler makes use of what the function has
/// that this is inlined into; it contracts nothing, so that the values are the same.
#[inline(always)]
pub(crate) fn filters(work: FilterEvaluation<'_>) {
    // 1, p and p², which a filter's taps are the factors of; of infinity the highest one alone.
    const POWERS: [[f64; 3]; MOST_POINTS] = {
        let mut powers = [[0.0, 0.0, 1.0]; MOST_POINTS];
        let mut index = 0;
        while index < MOST_POINTS {
            let point = POINTS[index];
            if point.is_finite() {
                powers[index] = [1.0, point, point * point];
            }
            index += 1;
        }
        powers
    };
    let powers = &POWERS[..work.points];
    for (row, by_row) in powers.iter().enumerate() {
        let mut half = [[0.0f64; BLOCK]; 3];
        for (column, half) in half.iter_mut().enumerate() {
            for (lane, value) in half.iter_mut().enumerate() {
                *value = (0..3)
                    .map(|tap| by_row[tap] * work.taps[tap * 3 + column][lane])
                    .sum();
            }
        }
        for (column, by_column) in powers.iter().enumerate() {
            let place = (row * work.points + column) * work.pair_stride;
            for (lane, value) in work.values[place..place + BLOCK].iter_mut().enumerate() {
                *value = (0..3).map(|tap| by_column[tap] * half[tap][lane]).sum::<f64>() as f32;
            }
        }
    }
}

/// Calls a function for the sizes of a tile.
macro_rules! for_tile {
    ($tile:expr, $function:ident::<$simd:ident>($arguments:expr)) => {
        match $tile {
            [2, 2] => $function::<$simd, 2, 2>($arguments),
            [2, 3] => $function::<$simd, 2, 3>($arguments),
            [2, 4] => $function::<$simd, 2, 4>($arguments),
            [2, 6] => $function::<$simd, 2, 6>($arguments),
            [3, 2] => $function::<$simd, 3, 2>($arguments),
            [3, 3] => $function::<$simd, 3, 3>($arguments),
            [3, 4] => $function::<$simd, 3, 4>($arguments),
            [3, 6] => $function::<$simd, 3, 6>($arguments),
            [4, 2] => $function::<$simd, 4, 2>($arguments),
            [4, 3] => $function::<$simd, 4, 3>($arguments),
            [4, 4] => $function::<$simd, 4, 4>($arguments),
            [4, 6] => $function::<$simd, 4, 6>($arguments),
            [6, 2] => $function::<$simd, 6, 2>($arguments),
            [6, 3] => $function::<$simd, 6, 3>($arguments),
            [6, 4] => $function::<$simd, 6, 4>($arguments),
            [6, 6] => $function::<$simd, 6, 6>($arguments),
            // Tilings are made of these sizes alone.
            _ => (),
        }
    };
}

/// # Safety
/// As [`InputTransform`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn input<S: Simd>(arguments: &InputTransform) {
    // SAFETY: as the caller says.
    unsafe { for_tile!(arguments.tile, input_tile::<S>(arguments)) }
}

/// # Safety
/// As [`OutputTransform`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn output<S: Simd>(arguments: &OutputTransform) {
    // SAFETY: as the caller says.
    unsafe { for_tile!(arguments.tile, output_tile::<S>(arguments)) }
}

/// # Safety
/// As [`InputTransform`] asks.
#[inline(always)]
unsafe fn input_tile<S: Simd, const ROWS: usize, const COLUMNS: usize>(arguments: &InputTransform) {
    let [rows, columns] = arguments.valid;
    let is_inside = rows == [0, ROWS + 2] && columns == [0, COLUMNS + 2];
    let mut copy = [[0.0f32; MOST_POINTS * BLOCK]; MOST_POINTS];
    for block in 0..arguments.blocks {
        let input = arguments.input.wrapping_add(block * arguments.block_stride);
        // SAFETY: as the caller says; of a tile at the border only the valid pixels are read, into zeros.
        unsafe {
            let output = arguments.output.add(block * arguments.output_block_stride);
            if is_inside {
                evaluate_tile::<S, ROWS, COLUMNS>(input, arguments.row_stride, output, arguments);
                continue;
            }
            for (row, copy) in copy.iter_mut().enumerate().take(rows[1]).skip(rows[0]) {
                for column in columns[0]..columns[1] {
                    let value = S::load(input.wrapping_add(row * arguments.row_stride + column * BLOCK));
                    S::store(copy.as_mut_ptr().add(column * BLOCK), value);
                }
            }
            evaluate_tile::<S, ROWS, COLUMNS>(copy.as_ptr().cast(), MOST_POINTS * BLOCK, output, arguments);
        }
    }
}

/// Evaluates a tile of one block, all of whose pixels can be read.
///
/// # Safety
/// As [`InputTransform`] asks.
#[inline(always)]
unsafe fn evaluate_tile<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    input: *const f32,
    row_stride: usize,
    output: *mut f32,
    arguments: &InputTransform,
) {
    // SAFETY: as the caller says.
    unsafe {
        let zero = S::splat(0.0);
        let mut half = [[zero; MOST_POINTS]; MOST_POINTS];
        for column in 0..COLUMNS + 2 {
            let mut values = [zero; MOST_POINTS];
            for (row, value) in values.iter_mut().enumerate().take(ROWS + 2) {
                *value = S::load(input.add(row * row_stride + column * BLOCK));
            }
            let values = evaluate::<S, ROWS>(values);
            for (half, &value) in half.iter_mut().zip(&values).take(ROWS + 2) {
                half[column] = value;
            }
        }
        for (row, values) in half.iter().enumerate().take(ROWS + 2) {
            let values = evaluate::<S, COLUMNS>(*values);
            let output = output.add(row * arguments.points * arguments.pair_stride);
            for (column, &value) in values.iter().enumerate().take(COLUMNS + 2) {
                S::store(output.add(column * arguments.pair_stride), value);
            }
        }
    }
}

/// # Safety
/// As [`OutputTransform`] asks.
#[inline(always)]
unsafe fn output_tile<S: Simd, const ROWS: usize, const COLUMNS: usize>(arguments: &OutputTransform) {
    // SAFETY: as the caller says.
    unsafe {
        let mut half = [[S::splat(0.0); MOST_POINTS]; MOST_POINTS];
        for column in 0..COLUMNS + 2 {
            let mut values = [S::splat(0.0); MOST_POINTS];
            for (row, value) in values.iter_mut().enumerate().take(ROWS + 2) {
                let pair = row * arguments.points + column;
                *value = S::load(arguments.input.add(pair * arguments.pair_stride));
            }
            let values = interpolate::<S, ROWS>(values);
            for (half, &value) in half.iter_mut().zip(&values).take(ROWS) {
                half[column] = value;
            }
        }
        let bias = S::load(arguments.bias);
        let [valid_rows, valid_columns] = arguments.valid;
        for (row, values) in half.iter().enumerate().take(ROWS.min(valid_rows)) {
            let values = interpolate::<S, COLUMNS>(*values);
            for (column, &value) in values.iter().enumerate().take(COLUMNS) {
                if column >= valid_columns {
                    break;
                }
                let place = row * arguments.row_stride + column * BLOCK;
                let mut value = S::add(value, bias);
                if !arguments.addend.is_null() {
                    value = S::add(value, S::load(arguments.addend.add(place)));
                }
                S::store(arguments.output.add(place), arguments.finish.bound::<S>(value));
            }
            let columns = COLUMNS.min(valid_columns);
            arguments
                .finish
                .bend(arguments.output.add(row * arguments.row_stride), columns);
        }
    }
}

/// Bᵀ of a tile of `TILE` outputs, applied to the first `TILE + 2` values.
///
/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
unsafe fn evaluate<S: Simd, const TILE: usize>(d: [S::Block; MOST_POINTS]) -> [S::Block; MOST_POINTS] {
    // SAFETY: as the caller says.
    unsafe {
        let add = |left, right| S::add(left, right);
        let subtract = |left, right| S::subtract(left, right);
        let times = |factor: f64, value| S::multiply(S::splat(factor as f32), value);
        // factor · value + sum
        let plus = |factor: f64, value, sum| S::multiply_add(S::splat(factor as f32), value, sum);
        let zero = S::splat(0.0);
        match TILE {
            2 => {
                let (even, odd) = (times(0.5, d[2]), times(0.5, d[1]));
                let t = [
                    subtract(d[0], d[2]),
                    add(even, odd),
                    subtract(even, odd),
                    subtract(d[3], d[1]),
                ];
                [t[0], t[1], t[2], t[3], zero, zero, zero, zero]
            }
            3 => {
                let half = subtract(d[3], d[1]);
                let sixth = times(1.0 / 6.0, half);
                [
                    plus(0.5, half, subtract(d[0], d[2])),
                    plus(0.5, subtract(d[2], d[3]), d[1]),
                    plus(0.5, d[2], plus(-1.0 / 6.0, d[3], times(-1.0 / 3.0, d[1]))),
                    plus(-2.0, half, subtract(d[4], d[2])),
                    sixth,
                    zero,
                    zero,
                    zero,
                ]
            }
            4 => {
                let (even, odd) = (
                    plus(-1.0 / 6.0, d[4], times(2.0 / 3.0, d[2])),
                    plus(-1.0 / 6.0, d[3], times(2.0 / 3.0, d[1])),
                );
                let (even_2, odd_2) = (
                    times(1.0 / 24.0, subtract(d[4], d[2])),
                    times(1.0 / 12.0, subtract(d[3], d[1])),
                );
                [
                    plus(0.25, d[4], plus(-1.25, d[2], d[0])),
                    add(even, odd),
                    subtract(even, odd),
                    plus(4.0, d[1], plus(-5.0, d[3], d[5])),
                    add(even_2, odd_2),
                    subtract(even_2, odd_2),
                    zero,
                    zero,
                ]
            }
            _ => {
                let (even, odd) = (
                    plus(17.0 / 18.0, d[4], times(-2.0 / 9.0, add(d[2], d[6]))),
                    plus(17.0 / 18.0, d[3], times(-2.0 / 9.0, add(d[1], d[5]))),
                );
                let (even_2, odd_2) = (
                    plus(
                        1.0 / 360.0,
                        d[2],
                        plus(-1.0 / 72.0, d[4], times(1.0 / 90.0, d[6])),
                    ),
                    plus(
                        1.0 / 180.0,
                        d[1],
                        plus(-1.0 / 36.0, d[3], times(1.0 / 45.0, d[5])),
                    ),
                );
                let (even_half, odd_half) = (
                    plus(
                        128.0 / 45.0,
                        d[2],
                        plus(-32.0 / 9.0, d[4], times(32.0 / 45.0, d[6])),
                    ),
                    plus(
                        64.0 / 45.0,
                        d[1],
                        plus(-16.0 / 9.0, d[3], times(16.0 / 45.0, d[5])),
                    ),
                );
                [
                    plus(5.25, subtract(d[4], d[2]), subtract(d[0], d[6])),
                    add(even, odd),
                    subtract(even, odd),
                    plus(5.25, subtract(d[3], d[5]), subtract(d[7], d[1])),
                    add(even_2, odd_2),
                    subtract(even_2, odd_2),
                    add(even_half, odd_half),
                    subtract(even_half, odd_half),
                ]
            }
        }
    }
}

/// Aᵀ of a tile of `TILE` outputs, applied to the products at its first `TILE + 2` points.
///
/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
unsafe fn interpolate<S: Simd, const TILE: usize>(y: [S::Block; MOST_POINTS]) -> [S::Block; MOST_POINTS] {
    // SAFETY: as the caller says.
    unsafe {
        let add = |left, right| S::add(left, right);
        let plus = |factor: f64, value, sum| S::multiply_add(S::splat(factor as f32), value, sum);
        let zero = S::splat(0.0);
        let (sum, difference) = (S::add(y[1], y[2]), S::subtract(y[1], y[2]));
        match TILE {
            2 => {
                let t = [add(y[0], sum), add(difference, y[3])];
                [t[0], t[1], zero, zero, zero, zero, zero, zero]
            }
            3 => {
                let t = [
                    add(add(y[0], sum), y[4]),
                    plus(2.0, y[4], difference),
                    plus(4.0, y[4], add(sum, y[3])),
                ];
                [t[0], t[1], t[2], zero, zero, zero, zero, zero]
            }
            4 => {
                let (sum_2, difference_2) = (S::add(y[4], y[5]), S::subtract(y[4], y[5]));
                let t = [
                    add(add(y[0], sum), sum_2),
                    plus(2.0, difference_2, difference),
                    plus(4.0, sum_2, sum),
                    plus(8.0, difference_2, add(difference, y[3])),
                ];
                [t[0], t[1], t[2], t[3], zero, zero, zero, zero]
            }
            _ => {
                let (sum_2, difference_2) = (S::add(y[4], y[5]), S::subtract(y[4], y[5]));
                let (sum_half, difference_half) = (S::add(y[6], y[7]), S::subtract(y[6], y[7]));
                [
                    add(add(y[0], sum), add(sum_2, sum_half)),
                    plus(0.5, difference_half, plus(2.0, difference_2, difference)),
                    plus(0.25, sum_half, plus(4.0, sum_2, sum)),
                    plus(0.125, difference_half, plus(8.0, difference_2, difference)),
                    plus(1.0 / 16.0, sum_half, plus(16.0, sum_2, sum)),
                    plus(
                        1.0 / 32.0,
                        difference_half,
                        plus(32.0, difference_2, add(difference, y[3])),
                    ),
                    zero,
                    zero,
                ]
            }
        }
    }
}
