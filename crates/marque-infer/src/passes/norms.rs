//! A batch norm behind a convolution that nothing else reads is part of its weight and bias.

use crate::program::{Convolution, Kind, Layer, Program};
use std::sync::Arc;

pub(super) fn fold(mut program: Program) -> Program {
    let readers = program.reader_counts();
    for index in 0..program.layers.len() {
        let layer = &program.layers[index];
        let Kind::Affine { parameters, .. } = &layer.kind else {
            continue;
        };
        let maker = &program.layers[layer.inputs[0]];
        if let Kind::Convolution(convolution) = &maker.kind
            && readers[layer.inputs[0]] == 1
        {
            let folded = Convolution {
                weight: Arc::new(convolution.weight.followed_by(parameters)),
                ..convolution.clone()
            };
            program.layers[index] = Layer {
                node: layer.node,
                kind: Kind::Convolution(folded),
                inputs: maker.inputs.clone(),
            };
        }
    }
    program
}
