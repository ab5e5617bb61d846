use crate::{
    AvgPool2d, BatchNormDefaults, Conv2d, Error, Graph, GraphBuilder, Linear, MaxPool2d, NodeId, Op, Padding,
    WeightInit,
};

/// Inception-v3: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception Architecture for Computer Vision"
/// (2015, arXiv:1512.00567), table 1 and figures 5 to 7 and 10. Large filters are factorised: a 5×5 into two 3×3, a 7×7
/// into a 1×7 and a 7×1.
///
/// Names, order and structure are torchvision's. 23,834,568 parameters for 1000 classes without the auxiliary head and
/// 5.7 G multiply-adds at 299×299.
///
/// # Shape
/// `[N, in_channels, H, W] → [N, num_classes]`, H and W from 75 up.
///
/// ```
/// use marque_arch::{ImageSize, InceptionV3};
///
/// let graph = InceptionV3::default().num_classes(7).graph()?;
/// let summary = graph.summary(ImageSize::square(299))?;
/// assert_eq!(summary.receptive_field(), Some(ImageSize::square(1311)));
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InceptionV3 {
    /// Whether the auxiliary head of the paper is there, for training; not by default. With it H and W are from 299 up.
    pub auxiliary: bool,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// Length of the logits; 1000 (ImageNet) by default.
    pub num_classes: usize,
}

impl Default for InceptionV3 {
    fn default() -> Self {
        Self {
            auxiliary: false,
            in_channels: 3,
            num_classes: 1000,
        }
    }
}

/// Weight of the auxiliary head's loss that torchvision trains with.
const AUXILIARY_WEIGHT: f64 = 0.4;
const INIT: WeightInit = WeightInit::Normal { std: 0.1 };

impl InceptionV3 {
    /// Adds the auxiliary head.
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

    /// The network as a graph, called `inception_v3`.
    ///
    /// # Errors
    /// [`Error::InvalidAttribute`] if `in_channels` or `num_classes` is 0.
    pub fn graph(&self) -> Result<Graph, Error> {
        let batch_norm = BatchNormDefaults {
            eps: 1e-3,
            ..BatchNormDefaults::PYTORCH
        };
        let mut builder =
            GraphBuilder::new("inception_v3", self.in_channels)?.batch_norm_defaults(batch_norm);
        let mut maps = self.add_stem(&mut builder)?;
        for (name, pool) in [("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)] {
            maps = Module::new(&mut builder, name, maps).factorised_5x5(pool)?;
        }
        maps = Module::new(&mut builder, "Mixed_6a", maps).reduction_to_17()?;
        for (name, width) in [
            ("Mixed_6b", 128),
            ("Mixed_6c", 160),
            ("Mixed_6d", 160),
            ("Mixed_6e", 192),
        ] {
            maps = Module::new(&mut builder, name, maps).factorised_7x7(width)?;
        }
        if self.auxiliary {
            let logits = self.add_auxiliary_head(&mut builder, maps)?;
            builder.auxiliary_output(logits, AUXILIARY_WEIGHT);
        }
        maps = Module::new(&mut builder, "Mixed_7a", maps).reduction_to_8()?;
        for name in ["Mixed_7b", "Mixed_7c"] {
            maps = Module::new(&mut builder, name, maps).expanded()?;
        }
        builder.mark_features(maps);
        let pooled = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let vector = builder.add("flatten", Op::Flatten, &[pooled])?;
        let vector = builder.dropout("dropout", vector, 0.5)?;
        let logits = builder.linear("fc", vector, Linear::new(2048, self.num_classes).init(INIT))?;
        builder.build(logits)
    }

    fn add_stem(&self, builder: &mut GraphBuilder) -> Result<NodeId, Error> {
        let first = Conv2d::new(self.in_channels, 32, 3).stride(2);
        let maps = add_conv(builder, "Conv2d_1a_3x3", builder.input(), first)?;
        let maps = add_conv(builder, "Conv2d_2a_3x3", maps, Conv2d::new(32, 32, 3))?;
        let maps = add_conv(builder, "Conv2d_2b_3x3", maps, Conv2d::new(32, 64, 3).padding(1))?;
        let maps = builder.max_pool2d("maxpool1", maps, MaxPool2d::new(3, 2))?;
        let maps = add_conv(builder, "Conv2d_3b_1x1", maps, Conv2d::new(64, 80, 1))?;
        let maps = add_conv(builder, "Conv2d_4a_3x3", maps, Conv2d::new(80, 192, 3))?;
        builder.max_pool2d("maxpool2", maps, MaxPool2d::new(3, 2))
    }

    fn add_auxiliary_head(&self, builder: &mut GraphBuilder, input: NodeId) -> Result<NodeId, Error> {
        let pool = AvgPool2d {
            kernel_size: 5,
            stride: 3,
            padding: 0,
        };
        let maps = builder.avg_pool2d("AuxLogits.pool", input, pool)?;
        let maps = add_conv(builder, "AuxLogits.conv0", maps, Conv2d::new(768, 128, 1))?;
        let maps = add_conv(builder, "AuxLogits.conv1", maps, Conv2d::new(128, 768, 5))?;
        let pooled = builder.add("AuxLogits.avgpool", Op::GlobalAvgPool2d, &[maps])?;
        let vector = builder.add("AuxLogits.flatten", Op::Flatten, &[pooled])?;
        let classifier = Linear::new(768, self.num_classes).init(WeightInit::Normal { std: 0.001 });
        builder.linear("AuxLogits.fc", vector, classifier)
    }
}

/// One module under construction: branches from one input, joined at the end.
struct Module<'a> {
    builder: &'a mut GraphBuilder,
    name: &'a str,
    input: NodeId,
    channels: usize,
    branches: Vec<NodeId>,
}

impl<'a> Module<'a> {
    fn new(builder: &'a mut GraphBuilder, name: &'a str, input: NodeId) -> Self {
        let channels = builder.channels(input).unwrap_or(0);
        Self {
            builder,
            name,
            input,
            channels,
            branches: Vec::new(),
        }
    }

    /// Figure 5: 35×35, a 5×5 and two 3×3 in its stead side by side.
    fn factorised_5x5(mut self, pool: usize) -> Result<NodeId, Error> {
        self.branch(&[("branch1x1", 64, KERNEL_1)])?;
        self.branch(&[("branch5x5_1", 48, KERNEL_1), ("branch5x5_2", 64, [5, 5])])?;
        self.branch(&[
            ("branch3x3dbl_1", 64, KERNEL_1),
            ("branch3x3dbl_2", 96, KERNEL_3),
            ("branch3x3dbl_3", 96, KERNEL_3),
        ])?;
        self.pooled_branch(pool)?;
        self.join()
    }

    /// Figure 10: from 35×35 to 17×17, convolutions and a pooling with stride 2 side by side.
    fn reduction_to_17(mut self) -> Result<NodeId, Error> {
        let wide = self.conv("branch3x3", self.input, halving(self.channels, 384))?;
        let maps = self.chain(&[("branch3x3dbl_1", 64, KERNEL_1), ("branch3x3dbl_2", 96, KERNEL_3)])?;
        let deep = self.conv("branch3x3dbl_3", maps, halving(96, 96))?;
        self.branches.extend([wide, deep]);
        self.halved_branch()?;
        self.join()
    }

    /// Figure 6: 17×17, a 7×7 as 1×7 and 7×1, once and twice.
    fn factorised_7x7(mut self, width: usize) -> Result<NodeId, Error> {
        self.branch(&[("branch1x1", 192, KERNEL_1)])?;
        self.branch(&[
            ("branch7x7_1", width, KERNEL_1),
            ("branch7x7_2", width, [1, 7]),
            ("branch7x7_3", 192, [7, 1]),
        ])?;
        self.branch(&[
            ("branch7x7dbl_1", width, KERNEL_1),
            ("branch7x7dbl_2", width, [7, 1]),
            ("branch7x7dbl_3", width, [1, 7]),
            ("branch7x7dbl_4", width, [7, 1]),
            ("branch7x7dbl_5", 192, [1, 7]),
        ])?;
        self.pooled_branch(192)?;
        self.join()
    }

    /// Figure 10 again: from 17×17 to 8×8.
    fn reduction_to_8(mut self) -> Result<NodeId, Error> {
        let maps = self.chain(&[("branch3x3_1", 192, KERNEL_1)])?;
        let wide = self.conv("branch3x3_2", maps, halving(192, 320))?;
        let maps = self.chain(&[
            ("branch7x7x3_1", 192, KERNEL_1),
            ("branch7x7x3_2", 192, [1, 7]),
            ("branch7x7x3_3", 192, [7, 1]),
        ])?;
        let deep = self.conv("branch7x7x3_4", maps, halving(192, 192))?;
        self.branches.extend([wide, deep]);
        self.halved_branch()?;
        self.join()
    }

    /// Figure 7: 8×8, the last filters of two branches as 1×3 beside 3×1.
    fn expanded(mut self) -> Result<NodeId, Error> {
        self.branch(&[("branch1x1", 320, KERNEL_1)])?;
        let maps = self.chain(&[("branch3x3_1", 384, KERNEL_1)])?;
        self.split_branch(["branch3x3_2a", "branch3x3_2b"], maps)?;
        let maps = self.chain(&[
            ("branch3x3dbl_1", 448, KERNEL_1),
            ("branch3x3dbl_2", 384, KERNEL_3),
        ])?;
        self.split_branch(["branch3x3dbl_3a", "branch3x3dbl_3b"], maps)?;
        self.pooled_branch(192)?;
        self.join()
    }

    /// Convolutions one after the other from the module's input, each keeping the size of the maps.
    fn chain(&mut self, convolutions: &[(&str, usize, [usize; 2])]) -> Result<NodeId, Error> {
        let (mut maps, mut channels) = (self.input, self.channels);
        for &(name, width, kernel) in convolutions {
            maps = self.conv(name, maps, keeping(channels, width, kernel))?;
            channels = width;
        }
        Ok(maps)
    }

    fn branch(&mut self, convolutions: &[(&str, usize, [usize; 2])]) -> Result<(), Error> {
        let maps = self.chain(convolutions)?;
        self.branches.push(maps);
        Ok(())
    }

    fn split_branch(&mut self, names: [&str; 2], maps: NodeId) -> Result<(), Error> {
        for (name, kernel) in names.into_iter().zip([[1, 3], [3, 1]]) {
            let half = self.conv(name, maps, keeping(384, 384, kernel))?;
            self.branches.push(half);
        }
        Ok(())
    }

    fn pooled_branch(&mut self, width: usize) -> Result<(), Error> {
        let pool = AvgPool2d {
            kernel_size: 3,
            stride: 1,
            padding: 1,
        };
        let maps = self
            .builder
            .avg_pool2d(format!("{}.pool", self.name), self.input, pool)?;
        let maps = self.conv("branch_pool", maps, keeping(self.channels, width, KERNEL_1))?;
        self.branches.push(maps);
        Ok(())
    }

    fn halved_branch(&mut self) -> Result<(), Error> {
        let pool = MaxPool2d::new(3, 2);
        let maps = self
            .builder
            .max_pool2d(format!("{}.pool", self.name), self.input, pool)?;
        self.branches.push(maps);
        Ok(())
    }

    fn conv(&mut self, name: &str, input: NodeId, conv: Conv2d) -> Result<NodeId, Error> {
        add_conv(self.builder, &format!("{}.{name}", self.name), input, conv)
    }

    fn join(self) -> Result<NodeId, Error> {
        self.builder
            .concat(format!("{}.concat", self.name), &self.branches)
    }
}

const KERNEL_1: [usize; 2] = [1, 1];
const KERNEL_3: [usize; 2] = [3, 3];

/// A filter of odd height and width with the border that keeps the size of the maps.
fn keeping(in_channels: usize, out_channels: usize, [height, width]: [usize; 2]) -> Conv2d {
    Conv2d::new(in_channels, out_channels, 1)
        .kernel_size(height, width)
        .padded(Padding::Symmetric {
            height: height / 2,
            width: width / 2,
        })
}

/// A 3×3 filter with stride 2 and no border.
fn halving(in_channels: usize, out_channels: usize) -> Conv2d {
    Conv2d::new(in_channels, out_channels, 3).stride(2)
}

/// Convolution, batch norm, ReLU.
fn add_conv(builder: &mut GraphBuilder, name: &str, input: NodeId, conv: Conv2d) -> Result<NodeId, Error> {
    let maps = builder.conv2d(format!("{name}.conv"), input, conv.init(INIT))?;
    let maps = builder.batch_norm2d(format!("{name}.bn"), maps)?;
    builder.relu(format!("{name}.relu"), maps)
}
