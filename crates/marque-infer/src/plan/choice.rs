//! Which kernel computes a convolution.

use crate::Tuning;
use crate::program::{Before, Convolution};
use marque_kernels::{
    Direct, DirectOptions, Executor, FilterOrder, FilterShape, Layout, Window, Winograd, WinogradOptions,
};

/// A kernel for a convolution, with what it is thought to cost on one core.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) method: Method,
    pub(super) cost: Cost,
}

/// What a convolution costs in some way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) nanoseconds: f64,
    pub(super) multiply_adds: u64,
    pub(super) weight_bytes: u64,
}

#[derive(Debug)]
pub(super) enum Method {
    Direct(Direct),
    Winograd(Winograd),
    Depthwise,
}

/// What a convolution is for maps of known size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) shape: FilterShape,
    pub(super) order: FilterOrder,
    pub(super) window: Window,
    pub(super) from: Layout,
    pub(super) into: Layout,
}

impl Geometry {
    /// The fastest kernel by the tuning's rates.
    pub(super) fn choose(
        &self,
        convolution: &Convolution,
        tuning: &Tuning,
        executor: &Executor,
    ) -> Result<Choice, marque_kernels::Error> {
        let Self {
            shape,
            order,
            window,
            from,
            into,
        } = *self;
        let multiply_adds = into.pixels().saturating_mul(shape.len());
        let weight_bytes = shape.len() * size_of::<f32>();
        if convolution.is_depthwise() {
            return Ok(Choice {
                method: Method::Depthwise,
                cost: Cost {
                    nanoseconds: tuning.multiplying(multiply_adds, weight_bytes),
                    multiply_adds: multiply_adds as u64,
                    weight_bytes: weight_bytes as u64,
                },
            });
        }
        let direct = Direct::new(
            DirectOptions {
                shape,
                order,
                window,
                from,
                into,
                has_prologue: matches!(convolution.before, Before::Affine { .. } | Before::Depthwise(_)),
            },
            executor,
        )?;
        let weights = shape.packed_len(order);
        let mut best = Choice {
            method: Method::Direct(direct),
            cost: Cost {
                nanoseconds: tuning
                    .multiplying(into.pixels().saturating_mul(weights), weights * size_of::<f32>()),
                multiply_adds: multiply_adds as u64,
                weight_bytes: (weights * size_of::<f32>()) as u64,
            },
        };
        let is_winograd = shape.kernel == [3, 3]
            && (shape.groups, window.stride, window.dilation) == (1, 1, 1)
            && order == FilterOrder::Blocked
            && matches!(convolution.before, Before::Nothing)
            // Its tiles are cut for maps whose border is no wider than a window.
            && window.touches(from, into);
        for tile in [2, 3, 4, 6] {
            if !is_winograd || tile > tuning.largest_tile {
                continue;
            }
            let winograd = Winograd::new(
                WinogradOptions {
                    tile,
                    border: window.border,
                    from,
                    into,
                },
                executor,
            )?;
            let (products, bytes) = (winograd.multiply_adds(), winograd.weight_bytes());
            let transformed = winograd.transformed().iter().sum();
            let time = tuning.multiplying(products, bytes) + tuning.transforming(transformed, tile);
            if time < best.cost.nanoseconds {
                best = Choice {
                    method: Method::Winograd(winograd),
                    cost: Cost {
                        nanoseconds: time,
                        multiply_adds: products as u64,
                        weight_bytes: bytes as u64,
                    },
                };
            }
        }
        Ok(best)
    }
}
