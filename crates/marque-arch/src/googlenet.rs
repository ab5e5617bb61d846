use crate::{
    BatchNormDefaults, Conv2d, Error, Graph, GraphBuilder, ImageSize, Linear, MaxPool2d, NodeId, Op, Padding,
    WeightInit,
};

/// GoogLeNet: Szegedy et al., "Going Deeper with Convolutions" (2014, arXiv:1409.4842), table 1. Nine Inception modules:
/// convolutions of several sizes side by side, each behind a 1×1 convolution that makes its input narrow, their outputs
/// one behind the other.
///
/// Names, order and structure are torchvision's, which differ from the paper in two ways: every convolution has a batch
/// norm, and the 5×5 branch is a 3×3.
///
/// 6,624,904 parameters for 1000 classes without auxiliary heads and 1.5 G multiply-adds at 224×224.
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 15 up.
///
/// ```
/// use marque_arch::GoogLeNet;
///
/// assert_eq!(GoogLeNet::default().graph()?.trained_parameter_count(), 6_624_904);
/// let graph = GoogLeNet::default().auxiliary().num_classes(7).graph()?;
/// assert!(graph.find("aux1.fc2").is_ok());
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoogLeNet {
    /// Whether the two auxiliary heads of the paper are there, for training; not by default.
    pub auxiliary: bool,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

impl Default for GoogLeNet {
    fn default() -> Self {
        Self {
            auxiliary: false,
            in_channels: 3,
            num_classes: 1000,
        }
    }
}

/// Weight of an auxiliary head's loss in the paper.
const AUXILIARY_WEIGHT: f64 = 0.3;
const INIT: WeightInit = WeightInit::Normal { std: 0.01 };

/// Channels of an Inception module's branches.
struct Module {
    name: &'static str,
    one: usize,
    /// Of the 1×1 convolution and of what follows it.
    three: [usize; 2],
    five: [usize; 2],
    pool: usize,
}

const fn module(name: &'static str, one: usize, three: [usize; 2], five: [usize; 2], pool: usize) -> Module {
    Module {
        name,
        one,
        three,
        five,
        pool,
    }
}

/// Table 1 of the paper, by resolution.
const MODULES: [&[Module]; 3] = [
    &[
        module("inception3a", 64, [96, 128], [16, 32], 32),
        module("inception3b", 128, [128, 192], [32, 96], 64),
    ],
    &[
        module("inception4a", 192, [96, 208], [16, 48], 64),
        module("inception4b", 160, [112, 224], [24, 64], 64),
        module("inception4c", 128, [128, 256], [24, 64], 64),
        module("inception4d", 112, [144, 288], [32, 64], 64),
        module("inception4e", 256, [160, 320], [32, 128], 128),
    ],
    &[
        module("inception5a", 256, [160, 320], [32, 128], 128),
        module("inception5b", 384, [192, 384], [48, 128], 128),
    ],
];

impl GoogLeNet {
    /// Adds the two auxiliary heads.
    pub fn auxiliary(self) -> Self {
        Self {
            auxiliary: true,
            ..self
        }
    }

    /// Sets the length of the logits.
    pub fn num_classes(self, num_classes: usize) -> Self {
        Self { num_classes, ..self }
    }

    /// Sets the channels of the image.
    pub fn in_channels(self, in_channels: usize) -> Self {
        Self { in_channels, ..self }
    }

    /// The network as a graph, called `googlenet`.
    ///
    /// # Errors
    /// [`Error::InvalidAttribute`] if `in_channels` or `num_classes` is 0.
    pub fn graph(&self) -> Result<Graph, Error> {
        let batch_norm = BatchNormDefaults {
            eps: 1e-3,
            ..BatchNormDefaults::PYTORCH
        };
        let mut builder = GraphBuilder::new("googlenet", self.in_channels)?.batch_norm_defaults(batch_norm);
        let mut maps = self.add_stem(&mut builder)?;
        let mut heads = Vec::new();
        for (number, modules) in (3..).zip(MODULES) {
            for module in modules {
                maps = add_module(&mut builder, module, maps)?;
                match module.name {
                    "inception4a" => heads.push(("aux1", maps)),
                    "inception4d" => heads.push(("aux2", maps)),
                    _ => {}
                }
            }
            let window = match number {
                3 => 3,
                4 => 2,
                _ => continue,
            };
            let pool = MaxPool2d::new(window, 2).ceil_mode();
            maps = builder.max_pool2d(format!("maxpool{number}"), maps, pool)?;
        }
        builder.mark_features(maps);
        for (name, maps) in heads.into_iter().filter(|_| self.auxiliary) {
            let logits = self.add_auxiliary_head(&mut builder, name, maps)?;
            builder.auxiliary_output(logits, AUXILIARY_WEIGHT);
        }
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let vector = builder.add("flatten", Op::Flatten, &[pooled])?;
        let vector = builder.dropout("dropout", vector, 0.2)?;
        let logits = builder.linear("fc", vector, Linear::new(1024, self.num_classes).init(INIT))?;
        builder.build(logits)
    }

    fn add_stem(&self, builder: &mut GraphBuilder) -> Result<NodeId, Error> {
        let conv = Conv2d::new(self.in_channels, 64, 7).stride(2).padding(3);
        let maps = add_conv(builder, "conv1", builder.input(), conv)?;
        let maps = builder.max_pool2d("maxpool1", maps, MaxPool2d::new(3, 2).ceil_mode())?;
        let maps = add_conv(builder, "conv2", maps, Conv2d::new(64, 64, 1))?;
        let maps = add_conv(builder, "conv3", maps, Conv2d::new(64, 192, 3).padding(1))?;
        builder.max_pool2d("maxpool2", maps, MaxPool2d::new(3, 2).ceil_mode())
    }

    fn add_auxiliary_head(
        &self,
        builder: &mut GraphBuilder,
        name: &str,
        input: NodeId,
    ) -> Result<NodeId, Error> {
        let channels = builder.channels(input).unwrap_or(0);
        let cells = Op::AdaptiveAvgPool2d(ImageSize::square(4));
        let maps = builder.add(format!("{name}.pool"), cells, &[input])?;
        let maps = add_conv(
            builder,
            &format!("{name}.conv"),
            maps,
            Conv2d::new(channels, 128, 1),
        )?;
        let vector = builder.add(format!("{name}.flatten"), Op::Flatten, &[maps])?;
        let hidden = Linear::new(128 * 4 * 4, 1024).init(INIT);
        let vector = builder.linear(format!("{name}.fc1"), vector, hidden)?;
        let vector = builder.relu(format!("{name}.relu"), vector)?;
        let vector = builder.dropout(format!("{name}.dropout"), vector, 0.7)?;
        let classifier = Linear::new(1024, self.num_classes).init(INIT);
        builder.linear(format!("{name}.fc2"), vector, classifier)
    }
}

fn add_module(builder: &mut GraphBuilder, module: &Module, input: NodeId) -> Result<NodeId, Error> {
    let name = module.name;
    let channels = builder.channels(input).unwrap_or(0);
    let path = |branch: &str| format!("{name}.{branch}");
    let one = add_conv(
        builder,
        &path("branch1"),
        input,
        Conv2d::new(channels, module.one, 1),
    )?;
    let mut branches = vec![one];
    for (branch, [narrow, wide]) in [("branch2", module.three), ("branch3", module.five)] {
        let first = Conv2d::new(channels, narrow, 1);
        let maps = add_conv(builder, &path(&format!("{branch}.0")), input, first)?;
        let second = Conv2d::new(narrow, wide, 3).padding(1);
        branches.push(add_conv(builder, &path(&format!("{branch}.1")), maps, second)?);
    }
    let pool = MaxPool2d::new(3, 1).padded(Padding::equal(1)).ceil_mode();
    let maps = builder.max_pool2d(path("branch4.0"), input, pool)?;
    let conv = Conv2d::new(channels, module.pool, 1);
    branches.push(add_conv(builder, &path("branch4.1"), maps, conv)?);
    builder.concat(path("concat"), &branches)
}

/// Convolution, batch norm, ReLU.
fn add_conv(builder: &mut GraphBuilder, name: &str, input: NodeId, conv: Conv2d) -> Result<NodeId, Error> {
    let maps = builder.conv2d(format!("{name}.conv"), input, conv.init(INIT))?;
    let maps = builder.batch_norm2d(format!("{name}.bn"), maps)?;
    builder.relu(format!("{name}.relu"), maps)
}
