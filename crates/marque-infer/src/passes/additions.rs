//! A sum of two maps is part of the convolution that makes one of them, where nothing else reads it.

use crate::program::{Convolution, Kind, Layer, Program};
use marque_kernels::Activation;

pub(super) fn fuse(mut program: Program) -> Program {
    let readers = program.reader_counts();
    for index in 0..program.layers.len() {
        let layer = &program.layers[index];
        let (
            Kind::Add {
                activation: Activation::Identity,
            },
            [first, second],
        ) = (&layer.kind, &layer.inputs[..])
        else {
            continue;
        };
        // Of two convolutions the later one: the other may have been read by then, and fills the time between.
        let mut makers = [(*first, *second), (*second, *first)];
        makers.sort_unstable_by(|one, other| other.cmp(one));
        let fused = makers.into_iter().find_map(|(maker, other)| {
            let Kind::Convolution(convolution) = &program.layers[maker].kind else {
                return None;
            };
            let is_free = readers[maker] == 1 && !convolution.adds && !convolution.is_depthwise();
            is_free.then(|| Layer {
                node: layer.node,
                kind: Kind::Convolution(Convolution {
                    adds: true,
                    ..convolution.clone()
                }),
                inputs: vec![program.layers[maker].inputs[0], other],
            })
        });
        if let Some(fused) = fused {
            program.layers[index] = fused;
        }
    }
    program
}
