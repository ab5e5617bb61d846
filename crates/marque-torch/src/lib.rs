//! Runs marque graphs on LibTorch.
//!
//! A [`Network`] gives every node of a [`Graph`](marque_arch::Graph) its parameters and runs it, forwards and,
//! with autograd, backwards, on the CPU or on CUDA. Its parameters lie in a `tch` variable store under the
//! names that the graph gives them.
//!
//! ```
//! use marque_arch::ResNet;
//! use marque_torch::{Mode, Network, NetworkOptions};
//! use ndarray::Array4;
//!
//! let graph = ResNet::resnet18().num_classes(7).graph()?;
//! let network = Network::new(graph, NetworkOptions { seed: 42, ..Default::default() })?;
//! let images = Array4::<f32>::zeros((2, 3, 64, 64));
//! let logits = network.predict(images.view())?;
//! assert_eq!(logits.dim(), (2, 7));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod allocator;
mod array;
mod compute;
mod device;
mod error;
mod forward;
mod freeze;
mod grad_cam;
mod init;
mod network;
mod precision;
mod waiting;

pub use allocator::keep_freed_memory;
pub use array::{array_from_tensor, tensor_from_images};
pub use device::{DeviceChoice, set_threads, threads};
pub use error::Error;
pub use forward::{Mode, Start, TrainingOutputs};
pub use freeze::FrozenPrefix;
pub use grad_cam::GradCam;
pub use network::{Gradients, MemoryFormat, Network, NetworkOptions, NodeState, TrainedParameter};
pub use precision::Precision;
pub use tch::{Device, Kind, Tensor};
pub use waiting::{Waiting, wait_briefly};
