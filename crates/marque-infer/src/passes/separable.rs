//! A depthwise convolution and the 1×1 convolution that alone reads it are computed piece by piece where the map between them is so
//! large that it would have to be fetched from memory again.

use crate::program::{Before, Convolution, Kind, Program};
use marque_arch::{Conv2d, ImageSize};
use marque_kernels::Layout;

/// Bytes of a map that caches do not hold with what else a core works on.
const LARGE: usize = 4 << 20;

/// Joins pairs between which a map of these layouts is large.
pub(crate) fn join(mut program: Program, layouts: &[Layout]) -> Program {
    let readers = program.reader_counts();
    for index in 0..program.layers.len() {
        let Some(&maker) = program.layers[index].inputs.first() else {
            continue;
        };
        let is_large = layouts[maker].len() * size_of::<f32>() >= LARGE;
        if !is_large || readers[maker] != 1 {
            continue;
        }
        let (source, kind) = (
            program.layers[maker].inputs.clone(),
            program.layers[maker].kind.clone(),
        );
        let (Kind::Convolution(depthwise), Kind::Convolution(pointwise)) =
            (kind, &mut program.layers[index].kind)
        else {
            continue;
        };
        if depthwise.is_depthwise() && takes_pixels(pointwise) {
            pointwise.before = Before::Depthwise(Box::new(depthwise));
            program.layers[index].inputs[0] = source[0];
        }
    }
    program.without_dead_layers()
}

/// Whether it is a 1×1 convolution of all pixels, with nothing before it yet.
fn takes_pixels(convolution: &Convolution) -> bool {
    let Conv2d {
        stride,
        groups,
        kernel_size,
        padding,
        ..
    } = convolution.attributes;
    (stride, groups, kernel_size) == (1, 1, ImageSize::square(1))
        && padding == marque_arch::Padding::NONE
        && matches!(convolution.before, Before::Nothing)
        && !convolution.flattens
}
