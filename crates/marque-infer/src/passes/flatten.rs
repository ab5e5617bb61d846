//! A fully connected layer behind a flattened map reads the map as it lies.

use crate::program::{Before, Kind, Program};

pub(super) fn absorb(mut program: Program) -> Program {
    for index in 0..program.layers.len() {
        let Some(&maker) = program.layers[index].inputs.first() else {
            continue;
        };
        let source = match program.layers[maker].kind {
            Kind::Flatten => program.layers[maker].inputs[0],
            _ => continue,
        };
        if let Kind::Convolution(convolution) = &mut program.layers[index].kind
            // A batch norm of vectors has a number for each pixel, not for each channel.
            && matches!(convolution.before, Before::Nothing)
        {
            convolution.flattens = true;
            program.layers[index].inputs[0] = source;
        }
    }
    program
}
