#![doc = include_str!("../README.md")]

mod builder;
mod check;
mod class_maps;
mod convnext;
mod cut;
mod densenet;
mod dot;
mod efficientnet;
mod error;
mod googlenet;
mod graph;
mod head;
mod inception_v3;
mod infer;
mod inverted_residual;
mod mobilenet_v2;
mod mobilenet_v3;
mod modules;
mod op;
mod outline;
mod parameter;
mod preact_resnet;
mod receptive_field;
mod registry;
mod regnet;
mod resnet;
mod resnet_subject;
mod rewrite;
mod shape;
mod squeeze_excitation;
mod summary;
mod summary_table;
mod svg;
mod vgg;
mod window;
mod xception;

pub use builder::GraphBuilder;
pub use convnext::ConvNeXt;
pub use cut::FreezePoint;
pub use densenet::{DenseNet, DenseNetStem};
pub use efficientnet::{EfficientNet, EfficientNetLite, EfficientNetStage};
pub use error::Error;
pub use googlenet::GoogLeNet;
pub use graph::{AuxiliaryOutput, Graph, Node, NodeId};
pub use head::Head;
pub use inception_v3::InceptionV3;
pub use marque_core::ImageSize;
pub use mobilenet_v2::MobileNetV2;
pub use mobilenet_v3::{MobileNetV3, MobileNetV3Size};
pub use modules::{ModuleSummary, Modules};
pub use op::{
    AvgPool2d, BatchNorm2d, BatchNormDefaults, BiasInit, Conv2d, LayerNorm2d, LayerScale, Linear, MaxPool2d,
    Op, Variation, WeightInit,
};
pub use parameter::{Init, Parameter, ParameterRole};
pub use preact_resnet::PreActResNet;
pub use registry::{ArchitectureOptions, architecture, architecture_names};
pub use regnet::RegNet;
pub use resnet::{BottleneckStride, ResNet, ResidualBlock, Shortcut};
pub use resnet_subject::SubjectResNet;
pub use rewrite::{Rewrite, Rewritten};
pub use shape::Shape;
pub use summary::{Summary, SummaryRow};
pub use vgg::Vgg;
pub use window::{Border, Padding, Window};
pub use xception::{Xception, XceptionVersion};
