#![doc = include_str!("../README.md")]

mod allocator;
mod array;
mod autograd;
mod compute;
mod device;
mod engine;
mod error;
mod forward;
mod freeze;
mod grad_cam;
mod init;
mod network;
mod peers;
mod precision;
mod stored;
mod waiting;

pub use allocator::keep_freed_memory;
pub use array::{array_from_tensor, tensor_from_images};
pub use device::{DeviceChoice, libtorch_version, set_threads, threads};
pub use error::{Error, without_frames};
pub use forward::{Mode, Start, TrainingOutputs};
pub use freeze::FrozenPrefix;
pub use network::{Gradients, MemoryFormat, Network, NetworkOptions, NodeState, TrainedParameter};
pub use peers::Peers;
pub use precision::Precision;
pub use stored::{copy_stored, stored_tensor};
/// The bindings of LibTorch that this crate is built with, for what they offer beyond it.
pub use tch;
pub use tch::{Device, Kind, Tensor};
pub use waiting::{Waiting, wait_briefly};
