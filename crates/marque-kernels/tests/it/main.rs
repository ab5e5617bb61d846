//! Every kernel against loops that follow the definition and sum in double precision, for each instruction set of this processor.

mod batch_norm;
mod case;
mod convolution;
mod depthwise;
mod elementwise;
mod gradient;
mod pooling;
mod support;
