//! The kernels of each instruction set, as a table of functions.

use crate::activation::{Curves, bend, gelu, hard_sigmoid, hard_swish, sigmoid, silu};
use crate::depthwise::DepthwiseRow;
use crate::elementwise::{AddRow, AffineRow};
use crate::gradient::{
    Bf16, Element, GradientKernels, InputGradient, NormBackward, NormForward, NormMoments, WeightGradient,
};
use crate::layer_norm::LayerNormPixels;
use crate::pooling::PoolRow;
use crate::tile::{Multiply, Tile};
use crate::winograd::transforms::{FilterEvaluation, InputTransform, OutputTransform};

/// The computation of one tile, and for how many pixels and panels it is.
pub(crate) type TileKernel = unsafe fn(&Tile);

/// Kernels of one instruction set.
///
/// All functions are unsafe: the processor must have the instruction set, and the pointers in their arguments must be valid for what
/// they describe. A table is handed out by [`InstructionSet::kernels`](crate::InstructionSet) alone, which looks at the processor.
pub(crate) struct Kernels {
    /// Most pixels of a tile.
    pub(crate) pixels: usize,
    /// `tiles[kind][pixels − 1]`: kernels for 1, 2, 3 and 4 panels, for pixels that lie a block apart, by themselves and with one and
    /// two panels' weights asked for ahead; for pixels side by side; and for pixels anywhere.
    pub(crate) tiles: [&'static [[Option<TileKernel>; 4]]; 5],
    pub(crate) winograd_filters: unsafe fn(FilterEvaluation<'_>),
    pub(crate) winograd_input: unsafe fn(&InputTransform),
    pub(crate) winograd_output: unsafe fn(&OutputTransform),
    pub(crate) depthwise: unsafe fn(&DepthwiseRow),
    pub(crate) affine: unsafe fn(&AffineRow),
    pub(crate) add: unsafe fn(&AddRow),
    pub(crate) pool: unsafe fn(&PoolRow),
    pub(crate) layer_norm: unsafe fn(&LayerNormPixels),
    pub(crate) curves: Curves,
    pub(crate) gradients: GradientKernels<f32>,
    pub(crate) narrow_gradients: GradientKernels<Bf16>,
    /// Sums at a time of the loop that measures the peak.
    pub(crate) chains: usize,
    pub(crate) multiply_registers: unsafe fn(usize) -> f32,
    pub(crate) read: unsafe fn(&[f32]) -> f32,
}

impl Kernels {
    /// Computes rows of pixels for some panels of outputs.
    ///
    /// # Safety
    /// As [`Multiply`] asks.
    pub(crate) unsafe fn multiply(&self, work: &Multiply) {
        // SAFETY: passed on.
        unsafe { crate::tile::multiply(self, work) }
    }
}

/// Makes the table of an instruction set: its module, vectors and features, how many sums at a time keep its units busy, then for each number of pixels the numbers of panels
/// that leave enough registers.
macro_rules! instantiate {
    (
        $(#[$target:meta])* $module:ident, $simd:ty, [$($feature:literal)?], $chains:literal chains,
        $({ $pixels:literal: $one:tt $two:tt $three:tt $four:tt })+
    ) => {
        $(#[$target])*
        pub(crate) mod $module {
            use super::*;
            type Vectors = $simd;

            $(#[target_feature(enable = $feature)])?
            unsafe fn tile<const PIXELS: usize, const PANELS: usize, const STEP: usize, const AHEAD: usize>(tile: &Tile) {
                // SAFETY: passed on to the caller.
                unsafe { crate::tile::compute::<Vectors, PIXELS, PANELS, STEP, AHEAD>(tile) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn winograd_filters(work: FilterEvaluation<'_>) {
                crate::winograd::transforms::filters(work);
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn winograd_input(arguments: &InputTransform) {
                // SAFETY: passed on to the caller.
                unsafe { crate::winograd::transforms::input::<Vectors>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn winograd_output(arguments: &OutputTransform) {
                // SAFETY: passed on to the caller.
                unsafe { crate::winograd::transforms::output::<Vectors>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise(arguments: &DepthwiseRow) {
                // SAFETY: passed on to the caller.
                unsafe { crate::depthwise::row::<Vectors>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn affine(arguments: &AffineRow) {
                // SAFETY: passed on to the caller.
                unsafe { crate::elementwise::affine::<Vectors>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn add(arguments: &AddRow) {
                // SAFETY: passed on to the caller.
                unsafe { crate::elementwise::add::<Vectors>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn pool(arguments: &PoolRow) {
                // SAFETY: passed on to the caller.
                unsafe { crate::pooling::row::<Vectors>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn layer_norm(arguments: &LayerNormPixels) {
                // SAFETY: passed on to the caller.
                unsafe { crate::layer_norm::pixels::<Vectors>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise_input<E: Element>(arguments: &InputGradient<'_, E>) {
                // SAFETY: passed on to the caller.
                unsafe { crate::gradient::input_gradient::<Vectors, E>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise_weight<E: Element>(arguments: &WeightGradient<E>) {
                // SAFETY: passed on to the caller.
                unsafe { crate::gradient::weight_gradient::<Vectors, E>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn moments<E: Element>(arguments: &NormMoments<E>) {
                // SAFETY: passed on to the caller.
                unsafe { crate::gradient::moments::<Vectors, E>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn normalise<E: Element>(arguments: &NormForward<E>) {
                // SAFETY: passed on to the caller.
                unsafe { crate::gradient::normalise::<Vectors, E>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn norm_sums<E: Element>(arguments: &NormBackward<E>) {
                // SAFETY: passed on to the caller.
                unsafe { crate::gradient::norm_sums::<Vectors, E>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn norm_input<E: Element>(arguments: &NormBackward<E>) {
                // SAFETY: passed on to the caller.
                unsafe { crate::gradient::norm_input::<Vectors, E>(arguments) }
            }

            const fn gradients<E: Element>() -> GradientKernels<E> {
                GradientKernels {
                    depthwise_input: depthwise_input::<E>,
                    depthwise_weight: depthwise_weight::<E>,
                    moments: moments::<E>,
                    normalise: normalise::<E>,
                    norm_sums: norm_sums::<E>,
                    norm_input: norm_input::<E>,
                }
            }

            instantiate!(@curve [$($feature)?] sigmoid_curve, sigmoid);
            instantiate!(@curve [$($feature)?] silu_curve, silu);
            instantiate!(@curve [$($feature)?] hard_swish_curve, hard_swish);
            instantiate!(@curve [$($feature)?] hard_sigmoid_curve, hard_sigmoid);
            instantiate!(@curve [$($feature)?] gelu_curve, gelu);

            $(#[target_feature(enable = $feature)])?
            unsafe fn multiply_registers(rounds: usize) -> f32 {
                // SAFETY: passed on to the caller.
                unsafe { crate::rates::multiply_registers::<Vectors, $chains>(rounds) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn read(values: &[f32]) -> f32 {
                // SAFETY: passed on to the caller.
                unsafe { crate::rates::read::<Vectors>(values) }
            }

            const PIXELS: usize = [$($pixels),+].len();

            const fn tiles<const STEP: usize, const AHEAD: usize>() -> [[Option<TileKernel>; 4]; PIXELS] {
                [$([
                    instantiate!(@kernel $pixels 1 $one),
                    instantiate!(@kernel $pixels 2 $two),
                    instantiate!(@kernel $pixels 3 $three),
                    instantiate!(@kernel $pixels 4 $four),
                ]),+]
            }

            pub(crate) static KERNELS: Kernels = Kernels {
                pixels: PIXELS,
                tiles: [
                    &const { tiles::<{ crate::BLOCK }, 0>() },
                    &const { tiles::<{ crate::BLOCK }, 1>() },
                    &const { tiles::<{ crate::BLOCK }, 2>() },
                    &const { tiles::<1, 0>() },
                    &const { tiles::<0, 0>() },
                ],
                winograd_filters,
                winograd_input,
                winograd_output,
                depthwise,
                affine,
                add,
                pool,
                layer_norm,
                curves: Curves {
                    sigmoid: sigmoid_curve,
                    silu: silu_curve,
                    hard_swish: hard_swish_curve,
                    hard_sigmoid: hard_sigmoid_curve,
                    gelu: gelu_curve,
                },
                gradients: gradients(),
                narrow_gradients: gradients(),
                chains: $chains,
                multiply_registers,
                read,
            };
        }
    };
    (@kernel $pixels:literal $panels:literal yes) => {
        Some(tile::<$pixels, $panels, STEP, AHEAD> as TileKernel)
    };
    (@kernel $pixels:literal $panels:literal no) => {
        None
    };
    (@curve [$($feature:literal)?] $name:ident, $function:ident) => {
        $(#[target_feature(enable = $feature)])?
        unsafe fn $name(values: *mut f32, blocks: usize) {
            // SAFETY: passed on to the caller.
            unsafe { bend::<Vectors>(values, blocks, |block| $function::<Vectors>(block)) }
        }
    };
}

// 32 registers: pixels × panels sums, the panels' weights, one value of the image.
instantiate! {
    #[cfg(target_arch = "x86_64")]
    avx512, crate::simd::avx512::Avx512, ["avx512f"], 12 chains,
    { 1: yes yes no yes } { 2: yes yes no yes } { 3: yes yes no yes } { 4: yes yes no yes } { 5: yes yes no yes }
    { 6: yes yes yes yes } { 7: yes yes yes no } { 8: yes yes yes no } { 9: yes yes yes no } { 10: yes yes no no }
    { 11: yes yes no no } { 12: yes yes no no } { 13: yes yes no no } { 14: yes yes no no }
}

// 16 registers, of which a block of weights takes two.
instantiate! {
    #[cfg(target_arch = "x86_64")]
    avx2, crate::simd::avx2::Avx2, ["avx2,fma"], 6 chains,
    { 1: yes yes no yes } { 2: yes yes no no } { 3: yes no no no } { 4: yes no no no } { 5: yes no no no } { 6: yes no no no }
}

// 32 registers, of which a block of weights takes four.
instantiate! {
    #[cfg(target_arch = "aarch64")]
    neon, crate::simd::neon::Neon, ["neon"], 6 chains,
    { 1: yes yes no no } { 2: yes yes no no } { 3: yes no no no } { 4: yes no no no } { 5: yes no no no } { 6: yes no no no }
}

// 16 registers on most processors that run it, of which a block of weights takes four.
instantiate! {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    simd128, crate::simd::simd128::Simd128, ["simd128"], 3 chains,
    { 1: yes yes no no } { 2: yes no no no }
}

instantiate! {
    scalar, crate::simd::scalar::Scalar, [], 3 chains,
    { 1: yes yes no no } { 2: yes no no no }
}
