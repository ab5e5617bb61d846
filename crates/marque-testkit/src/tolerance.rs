//! How far a result may lie from a reference.
//!
//! Distances are taken in the maximum norm over the whole array: the largest |found − expected| may be at most
//! `absolute + relative · max |expected|`. An element that is small beside its neighbours, such as one logit
//! near zero among large ones, carries the rounding errors of the large ones and is not judged by its own size.

use ndarray::{ArrayView, Dimension};
use std::fmt;

/// The arithmetic that a result came out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// `f64`: 53 bits.
    F64,
    /// `f32`: 24 bits.
    F32,
    /// IEEE half precision: 11 bits.
    F16,
    /// bfloat16: 8 bits.
    Bf16,
}

impl Precision {
    /// The distance from 1 to the next larger number.
    pub fn epsilon(self) -> f64 {
        match self {
            Precision::F64 => f64::EPSILON,
            Precision::F32 => f64::from(f32::EPSILON),
            Precision::F16 => 2.0_f64.powi(-10),
            Precision::Bf16 => 2.0_f64.powi(-7),
        }
    }
}

/// A permitted distance: `absolute + relative · max |expected|`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Permitted whatever the size of the reference.
    pub absolute: f64,
    /// Permitted in proportion to the largest magnitude of the reference.
    pub relative: f64,
}

impl Tolerance {
    /// None: equal values (0 equals −0).
    pub fn exact() -> Self {
        Self {
            absolute: 0.0,
            relative: 0.0,
        }
    }

    /// 8 roundings: a few operations on each element, such as a step of an optimiser.
    pub fn strict(precision: Precision) -> Self {
        Self::roundings(8.0, precision)
    }

    /// 128 roundings: sums over thousands of terms in another order, such as one convolution.
    pub fn balanced(precision: Precision) -> Self {
        Self::roundings(128.0, precision)
    }

    /// 1024 roundings, 1.2e-4 in `f32`: a whole network.
    pub fn permissive(precision: Precision) -> Self {
        Self::roundings(1024.0, precision)
    }

    /// A relative tolerance as a requirement states it.
    pub fn relative(relative: f64) -> Self {
        Self {
            absolute: 0.0,
            relative,
        }
    }

    /// The absolute part lets a reference of nothing but zeros be met by subnormal rubbish, and by no more.
    fn roundings(count: f64, precision: Precision) -> Self {
        Self {
            absolute: f64::from(f32::MIN_POSITIVE),
            relative: count * precision.epsilon(),
        }
    }
}

/// Where and by how much two arrays differ most.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// Index of the element with the largest difference; not a number counts as the largest.
    pub index: Vec<usize>,
    /// The value found there.
    pub found: f64,
    /// The value expected there.
    pub expected: f64,
    /// The largest finite magnitude in the reference.
    pub scale: f64,
}

impl Deviation {
    /// Measures two arrays of one shape; `None` if the shapes differ or there are no elements.
    pub fn between<T, D>(found: ArrayView<'_, T, D>, expected: ArrayView<'_, T, D>) -> Option<Self>
    where
        T: Copy + Into<f64>,
        D: Dimension,
    {
        if found.shape() != expected.shape() {
            return None;
        }
        let shape = expected.shape().to_vec();
        // An infinite scale would excuse every error elsewhere.
        let magnitudes = expected.iter().map(|&value| value.into().abs());
        let scale = magnitudes
            .filter(|magnitude| magnitude.is_finite())
            .fold(0.0, f64::max);
        let pairs = found
            .iter()
            .zip(expected.iter())
            .map(|(&found, &expected)| (found.into(), expected.into()));
        let (flat, (found, expected)) = pairs
            .enumerate()
            .max_by(|(_, a), (_, b)| distance(*a).total_cmp(&distance(*b)))?;
        Some(Self {
            index: unravel(flat, &shape),
            found,
            expected,
            scale,
        })
    }

    /// |found − expected| at the worst element; infinite where either is not a number.
    pub fn absolute(&self) -> f64 {
        distance((self.found, self.expected))
    }

    /// [`absolute`](Self::absolute) over the largest magnitude of the reference: the relative error in the
    /// maximum norm.
    pub fn relative(&self) -> f64 {
        match self.absolute() {
            0.0 => 0.0,
            absolute => absolute / self.scale,
        }
    }

    /// Whether the arrays lie within `tolerance` of each other.
    pub fn is_within(&self, tolerance: Tolerance) -> bool {
        self.absolute() <= tolerance.absolute + tolerance.relative * self.scale
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "at {:?} found {}, expected {}: off by {:.3e}, {:.3e} of the largest value {}",
            self.index,
            self.found,
            self.expected,
            self.absolute(),
            self.relative(),
            self.scale
        )
    }
}

/// Whatever is not a number is as far off as can be, so that it never passes unseen.
fn distance((found, expected): (f64, f64)) -> f64 {
    let distance = (found - expected).abs();
    match (distance.is_nan(), found == expected) {
        (false, _) => distance,
        (true, equal_infinities) => {
            if equal_infinities {
                0.0
            } else {
                f64::INFINITY
            }
        }
    }
}

fn unravel(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &extent) in index.iter_mut().zip(shape).rev() {
        *place = flat % extent;
        flat /= extent;
    }
    index
}

/// Asserts that `found` has the shape of `expected` and lies within `tolerance` of it; returns the deviation,
/// for tests that report it.
///
/// ```
/// use marque_testkit::{Precision, Tolerance, assert_close};
/// use ndarray::array;
///
/// let deviation = assert_close("thirds", array![1.0_f32 / 3.0].view(), array![0.333_333_34].view(), Tolerance::strict(Precision::F32));
/// assert!(deviation.relative() < 1e-7);
/// ```
///
/// # Panics
/// If they differ; the message has `what`, the worst element's index, both values and the relative error.
#[track_caller]
pub fn assert_close<T, D>(
    what: &str,
    found: ArrayView<'_, T, D>,
    expected: ArrayView<'_, T, D>,
    tolerance: Tolerance,
) -> Deviation
where
    T: Copy + Into<f64>,
    D: Dimension,
{
    let deviation = measured(what, found, expected);
    assert!(
        deviation.is_within(tolerance),
        "{what}: {deviation}; tolerated: {tolerance}"
    );
    deviation
}

/// Asserts that two arrays of one shape differ by at least `fraction` of the largest value of `second`: what a
/// golden case needs in order to be able to fail.
///
/// # Panics
/// If they lie closer together or differ in shape.
#[track_caller]
pub fn assert_apart<T, D>(what: &str, first: ArrayView<'_, T, D>, second: ArrayView<'_, T, D>, fraction: f64)
where
    T: Copy + Into<f64>,
    D: Dimension,
{
    let deviation = measured(what, first, second);
    assert!(
        deviation.relative() >= fraction,
        "{what}: too alike, {deviation}; demanded: {fraction}"
    );
}

#[track_caller]
fn measured<T, D>(what: &str, found: ArrayView<'_, T, D>, expected: ArrayView<'_, T, D>) -> Deviation
where
    T: Copy + Into<f64>,
    D: Dimension,
{
    let shapes = format!("{:?} and {:?}", found.shape(), expected.shape());
    match Deviation::between(found, expected) {
        Some(deviation) => deviation,
        None => panic!("{what}: shapes {shapes} differ or hold nothing to compare"),
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:.3e} of the largest value, and {:.3e}",
            self.relative, self.absolute
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, array};

    fn deviation(found: &[f32], expected: &[f32]) -> Deviation {
        let (found, expected) = (Array1::from(found.to_vec()), Array1::from(expected.to_vec()));
        Deviation::between(found.view(), expected.view()).unwrap()
    }

    #[test]
    fn the_worst_element_is_reported_with_its_index() {
        let found = array![[1.0_f64, 2.0, 3.0], [4.0, 5.5, 6.0]];
        let expected = array![[1.0_f64, 2.0, 3.1], [4.0, 5.0, 6.0]];
        let worst = Deviation::between(found.view(), expected.view()).unwrap();
        assert_eq!(
            (worst.index.as_slice(), worst.found, worst.expected),
            (&[1, 1][..], 5.5, 5.0)
        );
        assert_eq!(worst.relative(), 0.5 / 6.0);
    }

    #[test]
    fn an_error_is_judged_by_the_largest_value_not_by_its_neighbour() {
        let worst = deviation(&[1000.0, 0.001], &[1000.0, 0.002]);
        assert!(worst.is_within(Tolerance::relative(1.1e-6)));
        assert!(!worst.is_within(Tolerance::relative(0.9e-6)));
    }

    #[test]
    fn what_is_not_a_number_never_passes() {
        let loose = Tolerance {
            absolute: 1e30,
            relative: 1e30,
        };
        assert!(!deviation(&[0.0, f32::NAN], &[1.0, 1.0]).is_within(loose));
        assert!(!deviation(&[0.0, 1.0], &[1.0, f32::NAN]).is_within(loose));
        assert!(!deviation(&[f32::NAN], &[f32::NAN]).is_within(loose));
    }

    #[test]
    fn infinities_equal_themselves_alone() {
        assert!(deviation(&[f32::INFINITY], &[f32::INFINITY]).is_within(Tolerance::exact()));
        assert!(!deviation(&[f32::INFINITY, 1.0], &[f32::INFINITY, 2.0]).is_within(Tolerance::relative(0.1)));
        assert!(!deviation(&[f32::NEG_INFINITY], &[1.0]).is_within(Tolerance::permissive(Precision::Bf16)));
    }

    #[test]
    fn tolerances_widen_from_exact_to_permissive_and_with_the_precision() {
        let next = f32::from_bits(1.0_f32.to_bits() + 1);
        assert!(!deviation(&[next], &[1.0]).is_within(Tolerance::exact()));
        assert!(deviation(&[next], &[1.0]).is_within(Tolerance::strict(Precision::F32)));
        assert!(!deviation(&[next], &[1.0]).is_within(Tolerance::permissive(Precision::F64)));
        let precisions = [Precision::F64, Precision::F32, Precision::F16, Precision::Bf16];
        for precision in precisions {
            let ladder = [Tolerance::strict, Tolerance::balanced, Tolerance::permissive]
                .map(|make| make(precision).relative);
            assert!(ladder.is_sorted_by(|a, b| a < b));
        }
        assert!(precisions.map(Precision::epsilon).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn zeros_are_met_by_zeros() {
        assert!(deviation(&[-0.0], &[0.0]).is_within(Tolerance::exact()));
        assert!(!deviation(&[1e-30], &[0.0]).is_within(Tolerance::permissive(Precision::F32)));
    }

    #[test]
    #[should_panic(
        expected = "logits: at [1] found 3, expected 2: off by 1.000e0, 5.000e-1 of the largest value 2"
    )]
    fn a_failed_assertion_says_what_where_and_by_how_much() {
        assert_close(
            "logits",
            array![1.0, 3.0].view(),
            array![1.0, 2.0].view(),
            Tolerance::relative(0.1),
        );
    }

    #[test]
    #[should_panic(expected = "logits: shapes [2] and [3] differ")]
    fn shapes_must_agree() {
        assert_close(
            "logits",
            array![1.0, 3.0].view(),
            array![1.0, 3.0, 3.0].view(),
            Tolerance::relative(10.0),
        );
    }

    #[test]
    #[should_panic(expected = "too alike")]
    fn alike_arrays_are_not_apart() {
        assert_apart("logits", array![1.0, 2.0].view(), array![1.0, 2.1].view(), 0.1);
    }
}
