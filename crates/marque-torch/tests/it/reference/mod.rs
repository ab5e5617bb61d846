//! Every architecture computes what its reference computes: torchvision, timm or Keras.
//!
//! Parameters come from `marque_testkit::formula`; batch-norm statistics and answers from the scripts in
//! `tests/golden`, which print how much of a difference rounding explains:
//!
//! * `networks`: logits in evaluation mode,
//! * `steps`: one forward and backward pass in training mode in double precision,
//! * `grad_cam`: class activation maps,
//! * `resnet`: the same in single precision, for networks whose gradients allow it.

mod common;
mod grad_cam;
mod logits;
mod single_precision;
mod steps;
