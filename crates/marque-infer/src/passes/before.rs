//! What stands before a convolution that alone reads it, and is computed with it: a batch norm before a 1×1 convolution, as DenseNet
//! has it, and a rectifier before a depthwise convolution, as Xception has it.

use crate::program::{Before, Kind, Program};
use marque_kernels::Activation;

pub(super) fn fuse(mut program: Program) -> Program {
    let readers = program.reader_counts();
    for index in 0..program.layers.len() {
        let maker = program.layers[index].inputs.first().copied();
        let Some(maker) = maker.filter(|&maker| readers[maker] == 1) else {
            continue;
        };
        let source = program.layers[maker].inputs.first().copied();
        let kind = program.layers[maker].kind.clone();
        let Kind::Convolution(convolution) = &mut program.layers[index].kind else {
            continue;
        };
        let attributes = &convolution.attributes;
        convolution.before = match kind {
            Kind::Affine {
                parameters,
                activation,
            } if attributes.is_pointwise() && !has_border(attributes) => Before::Affine {
                parameters,
                activation,
            },
            Kind::Activate(Activation::Relu) if convolution.is_depthwise() => Before::Rectify,
            _ => continue,
        };
        if let Some(source) = source {
            program.layers[index].inputs[0] = source;
        }
    }
    program
}

/// Whether zeros may lie around the map, which come after what is done to it.
fn has_border(attributes: &marque_arch::Conv2d) -> bool {
    attributes.padding != marque_arch::Padding::NONE && attributes.padding != marque_arch::Padding::Same
}
