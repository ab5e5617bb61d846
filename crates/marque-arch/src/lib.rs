//! Convolutional networks as data: graphs, shape inference, costs, drawings.
//!
//! An architecture is written once, as a builder that reads like the figure of its paper, and yields a
//! [`Graph`]: named nodes in topological order. Everything else reads that one graph: execution, checkpoints,
//! freezing, cost tables, drawings. Nothing in this crate computes with tensors or opens a file.
//!
//! ```
//! use marque_arch::{ImageSize, ResNet};
//!
//! let graph = ResNet::resnet18().num_classes(7).graph()?;
//! assert_eq!(graph.trained_parameter_count(), 11_180_103);
//!
//! let summary = graph.summary(ImageSize::square(224))?;
//! assert_eq!(summary.output().to_string(), "7");
//! assert_eq!(graph.parameters()[0].name, "conv1.weight");
//! # Ok::<(), marque_arch::Error>(())
//! ```

mod builder;
mod dot;
mod error;
mod graph;
mod op;
mod parameter;
mod registry;
mod resnet;
mod shape;
mod summary;
mod svg;

pub use builder::GraphBuilder;
pub use error::Error;
pub use graph::{Graph, Node, NodeId};
pub use op::{BatchNorm2d, Conv2d, Linear, MaxPool2d, Op, WeightInit};
pub use parameter::{Init, Parameter, ParameterRole};
pub use registry::{ArchitectureOptions, architecture, architecture_names};
pub use resnet::{ResNet, ResidualBlock};
pub use shape::{ImageSize, Shape};
pub use summary::{Summary, SummaryRow};
