//! Tensors filled by a formula that Rust and Python compute alike, bit for bit.
//!
//! Element i of a tensor depends on the tensor's name and on i alone: the FNV-1a-64 hash of the name (Fowler,
//! Noll, Vo) is the seed of a splitmix64 stream (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
//! generators"), and the i-th number of the stream, cut to 25 bits, becomes an `f32` of [−1, 1). Every further
//! step is a single IEEE operation, in the same order in `python/marque_formula.py`.

use ndarray::{Array1, Array4, ArrayD, ArrayViewD, IxDyn};

/// Rows and columns of the grid that the smooth part of an image is interpolated from.
const GRID: usize = 5;
/// Largest value of the smooth part of an image.
const SMOOTH_AMPLITUDE: f64 = 1.5;

/// The 64-bit FNV-1a hash of the UTF-8 bytes of `text`.
///
/// ```
/// assert_eq!(marque_testkit::formula::fnv1a_64("a"), 0xaf63_dc4c_8601_ec8c);
/// ```
pub fn fnv1a_64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Number `index` of the splitmix64 stream that starts at `seed`.
fn splitmix64(seed: u64, index: u64) -> u64 {
    let state = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Element `index` of the tensor whose name hashes to `key`: a multiple of 2⁻²⁴ in [−1, 1), held exactly.
fn symmetric_element(key: u64, index: usize) -> f32 {
    let steps = (splitmix64(key, index as u64) >> 39) as i32 - (1 << 24);
    steps as f32 / (1 << 24) as f32
}

/// A tensor of `shape` with values of [`centre` − `half_width`, `centre` + `half_width`), row-major.
///
/// ```
/// use marque_testkit::formula;
///
/// let noise = formula::uniform("noise", &[2, 3], 10.0, 0.5);
/// assert!(noise.iter().all(|value| (9.5..10.5).contains(value)));
/// assert_eq!(noise, formula::uniform("noise", &[2, 3], 10.0, 0.5));
/// assert_ne!(noise, formula::uniform("other noise", &[2, 3], 10.0, 0.5));
/// ```
pub fn uniform(name: &str, shape: &[usize], centre: f32, half_width: f32) -> ArrayD<f32> {
    let key = fnv1a_64(name);
    let mut index = 0;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        let value = centre + half_width * symmetric_element(key, index);
        index += 1;
        value
    })
}

/// The value of a network's parameter or statistic, by its PyTorch name and its rank.
///
/// | parameter | values |
/// | --- | --- |
/// | rank 2 and more: weights | ±√(6 / fan-in), which keeps the size of activations behind a rectifier (He et al. 2015) |
/// | `….weight` of rank 1 (batch-norm scale), `….running_var` | 0.5 to 1.5 |
/// | `….bias`, `….running_mean` and any other of rank 1 or 0 | ±0.1 |
///
/// Fan-in is the product of all dimensions but the first.
///
/// ```
/// use marque_testkit::formula;
///
/// let weight = formula::parameter("layer1.0.conv1.weight", &[64, 6, 1, 1]);
/// assert!(weight.iter().all(|value| value.abs() <= 1.0));
/// assert!(formula::parameter("bn1.weight", &[64]).iter().all(|&scale| scale >= 0.5));
/// ```
pub fn parameter(name: &str, shape: &[usize]) -> ArrayD<f32> {
    if shape.len() >= 2 {
        let fan_in: usize = shape[1..].iter().product();
        return uniform(name, shape, 0.0, (6.0 / fan_in as f64).sqrt() as f32);
    }
    match name.rsplit('.').next() {
        Some("weight" | "running_var") => uniform(name, shape, 1.0, 0.5),
        _ => uniform(name, shape, 0.0, 0.1),
    }
}

/// Images as a network sees them after normalisation, N×C×H×W with values of about ±2: a smooth part,
/// interpolated between random corners, and noise, whose strength differs from image to image so that deep
/// layers tell them apart. Another `salt` gives other images.
///
/// ```
/// use marque_testkit::formula;
///
/// let images = formula::images([2, 3, 32, 48], "first");
/// assert_eq!(images.dim(), (2, 3, 32, 48));
/// assert!(images.iter().all(|value| value.abs() < 2.7));
/// ```
pub fn images(shape: [usize; 4], salt: &str) -> Array4<f32> {
    let [_, channels, height, width] = shape;
    let grid_key = fnv1a_64(&format!("{salt}/grid"));
    let noise_key = fnv1a_64(&format!("{salt}/noise"));
    let strength_key = fnv1a_64(&format!("{salt}/strength"));
    let (rows, columns) = (interpolation(height), interpolation(width));
    Array4::from_shape_fn(shape, |(image, channel, y, x)| {
        let map = image * channels + channel;
        let (row, down) = rows[y];
        let (column, across) = columns[x];
        let corner = |row, column| f64::from(symmetric_element(grid_key, (map * GRID + row) * GRID + column));
        let upper = (1.0 - across) * corner(row, column) + across * corner(row, column + 1);
        let lower = (1.0 - across) * corner(row + 1, column) + across * corner(row + 1, column + 1);
        let smooth = (1.0 - down) * upper + down * lower;
        let noise = f64::from(symmetric_element(noise_key, (map * height + y) * width + x));
        let strength = f64::from(0.6 + 0.5 * symmetric_element(strength_key, image));
        (SMOOTH_AMPLITUDE * smooth + strength * noise) as f32
    })
}

/// What golden files keep of a large tensor: 64 values from all over it, or all if there are no more, in
/// row-major order of the logical shape.
///
/// ```
/// use marque_testkit::formula;
///
/// let weight = formula::parameter("fc.weight", &[100, 50]);
/// assert_eq!(formula::sample(weight.view()).len(), 64);
/// let bias = formula::parameter("fc.bias", &[10]);
/// assert_eq!(formula::sample(bias.view()).into_dyn(), bias);
/// ```
pub fn sample<T: Clone>(values: ArrayViewD<'_, T>) -> Array1<T> {
    const COUNT: u64 = 64;
    let flat: Vec<&T> = values.iter().collect();
    if flat.len() as u64 <= COUNT {
        return flat.into_iter().cloned().collect();
    }
    let key = fnv1a_64("sample");
    let place = |index| (splitmix64(key, index) % flat.len() as u64) as usize;
    (0..COUNT).map(|index| flat[place(index)].clone()).collect()
}

/// For each pixel of a row or column: the grid point before it and how far it lies towards the next, 0 to 1.
fn interpolation(size: usize) -> Vec<(usize, f64)> {
    let intervals = size.saturating_sub(1).max(1) as f64;
    let place = |pixel: usize| {
        let position = pixel as f64 * (GRID - 1) as f64 / intervals;
        let lower = (position as usize).min(GRID - 2);
        (lower, position - lower as f64)
    };
    (0..size).map(place).collect()
}
