//! An activation is part of the layer before it, where nothing else reads that one and it has none yet.

use crate::program::{Kind, Layer, Program};
use marque_kernels::Activation;

pub(super) fn fuse(mut program: Program) -> Program {
    let readers = program.reader_counts();
    for index in 0..program.layers.len() {
        let layer = &program.layers[index];
        let Kind::Activate(activation) = layer.kind else {
            continue;
        };
        if readers[layer.inputs[0]] != 1 {
            continue;
        }
        let maker = &program.layers[layer.inputs[0]];
        let mut kind = maker.kind.clone();
        let of_maker = match &mut kind {
            Kind::Convolution(convolution) => &mut convolution.activation,
            Kind::Affine { activation, .. } | Kind::Add { activation } => activation,
            Kind::Image
            | Kind::Activate(_)
            | Kind::LayerNorm { .. }
            | Kind::Multiply
            | Kind::Pool { .. }
            | Kind::AdaptiveMean
            | Kind::Concat
            | Kind::Subsample { .. }
            | Kind::PadChannels
            | Kind::Flatten => continue,
        };
        if *of_maker != Activation::Identity {
            continue;
        }
        *of_maker = activation;
        program.layers[index] = Layer {
            node: layer.node,
            inputs: maker.inputs.clone(),
            kind,
        };
    }
    program
}
