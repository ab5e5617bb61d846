//! A rectifier is part of the layer before it, where nothing else reads that one.

use crate::program::{Kind, Layer, Program};

pub(super) fn fuse(mut program: Program) -> Program {
    let readers = program.reader_counts();
    for index in 0..program.layers.len() {
        let layer = &program.layers[index];
        if !matches!(layer.kind, Kind::Rectify) || readers[layer.inputs[0]] != 1 {
            continue;
        }
        let maker = &program.layers[layer.inputs[0]];
        let mut kind = maker.kind.clone();
        match &mut kind {
            Kind::Convolution(convolution) => convolution.rectify = true,
            Kind::Affine { rectify, .. } | Kind::Add { rectify } => *rectify = true,
            Kind::Image
            | Kind::Rectify
            | Kind::Sigmoid
            | Kind::Pool { .. }
            | Kind::AdaptiveMean
            | Kind::Concat
            | Kind::Subsample { .. }
            | Kind::PadChannels
            | Kind::Flatten => continue,
        }
        program.layers[index] = Layer {
            node: layer.node,
            inputs: maker.inputs.clone(),
            kind,
        };
    }
    program
}
