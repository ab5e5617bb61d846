//! What is done to numbers one by one before they are stored.
//!
//! Bounds are applied to registers. A curve takes a score of instructions for a block, too many to stand in every kernel of every size: a
//! kernel stores its sums and calls the curve for them while they lie in the first cache.

use crate::BLOCK;
use crate::kernels::Kernels;
use crate::simd::Simd;

/// A function of single numbers that kernels apply before they store what they have computed. No number stays no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// x.
    #[default]
    Identity,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6) (Krizhevsky 2010).
    Relu6,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// x / (1 + e⁻ˣ) (Ramachandran et al. 2017).
    Silu,
    /// x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).
    HardSwish,
    /// min(max(x + 3, 0), 6) / 6.
    HardSigmoid,
    /// x · Φ(x) with the normal distribution's Φ (Hendrycks & Gimpel 2016).
    Gelu,
}

/// Replaces blocks, one behind the other, by a function of their numbers.
///
/// # Safety
/// So many blocks can be read and written; the processor has the instruction set of the table that the function is from.
pub(crate) type Curve = unsafe fn(*mut f32, usize);

/// The curves of an instruction set.
pub(crate) struct Curves {
    pub(crate) sigmoid: Curve,
    pub(crate) silu: Curve,
    pub(crate) hard_swish: Curve,
    pub(crate) hard_sigmoid: Curve,
    pub(crate) gelu: Curve,
}

/// What is done to results: the least and the largest value, or a curve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    least: f32,
    largest: f32,
    curve: Option<Curve>,
}

impl Finish {
    /// What lets every number through.
    pub(crate) const NONE: Self = Self {
        least: f32::NEG_INFINITY,
        largest: f32::INFINITY,
        curve: None,
    };

    /// What an activation comes to with these kernels.
    pub(crate) fn of(activation: Activation, kernels: &Kernels) -> Self {
        let curve = |curve| Self {
            curve: Some(curve),
            ..Self::NONE
        };
        match activation {
            Activation::Identity => Self::NONE,
            Activation::Relu => Self {
                least: 0.0,
                ..Self::NONE
            },
            Activation::Relu6 => Self {
                least: 0.0,
                largest: 6.0,
                curve: None,
            },
            Activation::Sigmoid => curve(kernels.curves.sigmoid),
            Activation::Silu => curve(kernels.curves.silu),
            Activation::HardSwish => curve(kernels.curves.hard_swish),
            Activation::HardSigmoid => curve(kernels.curves.hard_sigmoid),
            Activation::Gelu => curve(kernels.curves.gelu),
        }
    }

    /// Numbers between the bounds, and what is no number.
    ///
    /// # Safety
    /// The processor must have the vectors' instruction set.
    #[inline(always)]
    pub(crate) unsafe fn bound<S: Simd>(self, block: S::Block) -> S::Block {
        // SAFETY: as the caller says.
        unsafe { between::<S>(self.least, self.largest, block) }
    }

    /// Applies the curve, if there is one, to blocks that have been stored.
    ///
    /// # Safety
    /// As [`Curve`] asks.
    #[inline(always)]
    pub(crate) unsafe fn bend(self, values: *mut f32, blocks: usize) {
        if let Some(curve) = self.curve {
            // SAFETY: as the caller says.
            unsafe { curve(values, blocks) }
        }
    }
}

/// Replaces each block by a function of it.
///
/// # Safety
/// As [`Curve`] asks; the processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn bend<S: Simd>(values: *mut f32, blocks: usize, function: impl Fn(S::Block) -> S::Block) {
    for block in 0..blocks {
        // SAFETY: as the caller says.
        unsafe {
            let place = values.add(block * BLOCK);
            S::store(place, function(S::load(place)));
        }
    }
}

/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
unsafe fn between<S: Simd>(least: f32, largest: f32, block: S::Block) -> S::Block {
    // SAFETY: as the caller says.
    unsafe { S::smaller(S::splat(largest), S::larger(S::splat(least), block)) }
}

/// e to the power of numbers between −87 and 87, to two units in the last place: 2ⁿ · eʳ with r within ±½ ln 2, and a polynomial for
/// the latter (the Cephes library's `expf`). Of what is no number it makes anything.
///
/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
unsafe fn exponential<S: Simd>(x: S::Block) -> S::Block {
    // To which a small number is added, its integer part stands in the lowest bits.
    const ROUNDER: f32 = 12_582_912.0;
    const LN_2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];
    const COEFFICIENTS: [f32; 6] = [
        1.987_569_1e-4,
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ];
    // SAFETY: as the caller says.
    unsafe {
        let one = S::splat(1.0);
        let shifted = S::multiply_add(x, S::splat(std::f32::consts::LOG2_E), S::splat(ROUNDER));
        let n = S::subtract(shifted, S::splat(ROUNDER));
        let mut r = S::multiply_add(n, S::splat(-LN_2[0]), x);
        r = S::multiply_add(n, S::splat(-LN_2[1]), r);
        let mut sum = S::splat(COEFFICIENTS[0]);
        for coefficient in &COEFFICIENTS[1..] {
            sum = S::multiply_add(sum, r, S::splat(*coefficient));
        }
        sum = S::multiply_add(sum, S::multiply(r, r), S::add(r, one));
        S::scale_by_power_of_two(sum, shifted)
    }
}

/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn sigmoid<S: Simd>(x: S::Block) -> S::Block {
    // SAFETY: as the caller says.
    unsafe {
        let one = S::splat(1.0);
        let bounded = between::<S>(-87.0, 87.0, x);
        let power = exponential::<S>(S::subtract(S::splat(0.0), bounded));
        // So that what is no number stays none.
        S::multiply_add(bounded, S::splat(0.0), S::divide(one, S::add(one, power)))
    }
}

/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn silu<S: Simd>(x: S::Block) -> S::Block {
    // SAFETY: as the caller says.
    unsafe { S::multiply(x, sigmoid::<S>(x)) }
}

/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn hard_sigmoid<S: Simd>(x: S::Block) -> S::Block {
    // SAFETY: as the caller says.
    unsafe {
        let bounded = between::<S>(0.0, 6.0, S::add(x, S::splat(3.0)));
        S::multiply(bounded, S::splat(1.0 / 6.0))
    }
}

/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn hard_swish<S: Simd>(x: S::Block) -> S::Block {
    // SAFETY: as the caller says.
    unsafe { S::multiply(x, hard_sigmoid::<S>(x)) }
}

/// x/2 · (1 + erf(x/√2)); the error function as a quotient of polynomials on ±4, beyond which it is ±1 in single precision (the Eigen
/// library's approximation).
///
/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn gelu<S: Simd>(x: S::Block) -> S::Block {
    const NUMERATOR: [f32; 7] = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_5e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    const DENOMINATOR: [f32; 5] = [
        -1.456_607_2e-5,
        -2.133_740_6e-4,
        -1.682_827e-3,
        -7.373_329_2e-3,
        -1.426_474e-2,
    ];
    // SAFETY: as the caller says.
    unsafe {
        let scaled = S::multiply(x, S::splat(std::f32::consts::FRAC_1_SQRT_2));
        let bounded = between::<S>(-4.0, 4.0, scaled);
        let square = S::multiply(bounded, bounded);
        let polynomial = |coefficients: &[f32]| {
            coefficients[1..]
                .iter()
                .fold(S::splat(coefficients[0]), |sum, coefficient| {
                    S::multiply_add(sum, square, S::splat(*coefficient))
                })
        };
        let numerator = S::multiply(bounded, polynomial(&NUMERATOR));
        let erf = S::divide(numerator, polynomial(&DENOMINATOR));
        // Below −4√2 the function is zero in single precision, and 1 + erf a rounding of it that must not be multiplied by much.
        let half = S::multiply(
            S::larger(S::splat(-4.0 * std::f32::consts::SQRT_2), x),
            S::splat(0.5),
        );
        S::multiply_add(half, erf, half)
    }
}
