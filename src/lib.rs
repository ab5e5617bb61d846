//! From a folder of photos to a trained, measured and explained image classifier.
//!
//! This package gathers the crates of the workspace under short names; each can be used alone.
//!
//! | module | feature | what it is |
//! | --- | --- | --- |
//! | [`arch`] | always | networks as data: graphs, shapes, costs, drawings |
//! | [`data`] | `data` | image folders, splits, decoding, augmentation, the loader |
//! | [`dist`] | `train` | the processes of one training; more than one with `distributed` |
//! | [`hub`] | `hub`, `download` | the list of official weight files, and their download |
//! | [`infer`] | `infer` | graphs in pure Rust, on the CPU |
//! | [`kernels`] | `infer` | the arithmetic under it |
//! | [`metrics`] | `metrics` | classification metrics that equal scikit-learn's |
//! | [`model`] | `model` | trained models as single files, and what they say of photos |
//! | [`onnx`] | `onnx` | networks as ONNX files: written, and those of other programs read |
//! | [`report`] | `report` | curves, heat maps, one-file HTML pages; with `landscape` contours and surfaces, too |
//! | [`run`] | `run` | from a folder to a finished run in one call |
//! | [`synthetic`] | `synthetic` | labelled photos of cars that are drawn, not taken |
//! | [`tensorboard`] | `tensorboard` | event files for TensorBoard |
//! | [`torch`] | `torch` | graphs on LibTorch |
//! | [`train`] | `train` | training, evaluation, prediction |
//! | [`weights`] | `weights` | checkpoints as named tensors |
//!
//! All features but `distributed` and `turbojpeg` are on by default. Without `torch`, `train` and `run` nothing links LibTorch.
//!
//! ```
//! use marque::arch::{ImageSize, ResNet};
//!
//! let graph = ResNet::resnet34().num_classes(7).graph()?;
//! println!("{}", graph.summary(ImageSize::square(224))?);
//! # Ok::<(), marque::arch::Error>(())
//! ```

pub use marque_arch as arch;
#[cfg(feature = "data")]
pub use marque_data as data;
#[cfg(feature = "train")]
pub use marque_dist as dist;
#[cfg(feature = "hub")]
pub use marque_hub as hub;
#[cfg(feature = "infer")]
pub use marque_infer as infer;
#[cfg(feature = "infer")]
pub use marque_kernels as kernels;
#[cfg(feature = "metrics")]
pub use marque_metrics as metrics;
#[cfg(feature = "model")]
pub use marque_model as model;
#[cfg(feature = "onnx")]
pub use marque_onnx as onnx;
#[cfg(feature = "report")]
pub use marque_report as report;
#[cfg(feature = "run")]
pub use marque_run as run;
#[cfg(feature = "synthetic")]
pub use marque_synthetic as synthetic;
#[cfg(feature = "tensorboard")]
pub use marque_tensorboard as tensorboard;
#[cfg(feature = "torch")]
pub use marque_torch as torch;
#[cfg(feature = "train")]
pub use marque_train as train;
#[cfg(feature = "weights")]
pub use marque_weights as weights;

/// The README's snippets are compiled and run as tests.
#[cfg(all(doctest, feature = "run"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Those of the book, too; `cargo xtask book` checks that no page with snippets is missing.
#[cfg(all(doctest, feature = "run", feature = "synthetic"))]
mod book {
    #[doc = include_str!("../docs/bring-your-own.md")]
    struct BringYourOwn;
    #[doc = include_str!("../docs/building-blocks.md")]
    struct BuildingBlocks;
    #[doc = include_str!("../docs/crates.md")]
    struct Crates;
    #[doc = include_str!("../docs/data.md")]
    struct Data;
    #[doc = include_str!("../docs/densenet.md")]
    struct DenseNet;
    #[doc = include_str!("../docs/distributed.md")]
    struct Distributed;
    #[doc = include_str!("../docs/engine.md")]
    struct Engine;
    #[doc = include_str!("../docs/extending.md")]
    struct Extending;
    #[doc = include_str!("../docs/metrics.md")]
    struct Metrics;
    #[doc = include_str!("../docs/resnet.md")]
    struct ResNet;
    #[doc = include_str!("../docs/surviving.md")]
    struct Surviving;
    #[doc = include_str!("../docs/training.md")]
    struct Training;
}
