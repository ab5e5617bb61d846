//! What can be said against a node before the input's size is known.

use crate::op::InputCount;
use crate::{Conv2d, Error, Node, NodeId, Op, Padding};

/// Largest number that any attribute of a node may be: far above every network, far below overflow.
const LARGEST_ATTRIBUTE: usize = 1 << 20;

/// A node's name and operation, for error messages.
pub(crate) struct Named<'a> {
    pub(crate) node: &'a str,
    pub(crate) op: &'a Op,
}

impl Named<'_> {
    pub(crate) fn check_input_count(&self, found: usize) -> Result<(), Error> {
        let (expected, fits) = match self.op.input_count() {
            InputCount::None => ("no", found == 0),
            InputCount::One => ("1", found == 1),
            InputCount::Two => ("2", found == 2),
            InputCount::TwoOrMore => ("2 or more", found >= 2),
        };
        if fits {
            return Ok(());
        }
        Err(Error::InputCount {
            node: self.node.to_owned(),
            op: self.op.name(),
            expected,
            found,
        })
    }

    pub(crate) fn check_attributes(&self) -> Result<(), Error> {
        match self.op {
            Op::Input { channels } => self.positive("channels", *channels),
            Op::Conv2d(conv) => self.check_convolution(conv),
            Op::BatchNorm2d(norm) => {
                self.positive("channels", norm.channels)?;
                if !(norm.eps > 0.0 && norm.eps.is_finite()) {
                    return Err(self.invalid("eps", "positive and finite", norm.eps));
                }
                if !(0.0..=1.0).contains(&norm.momentum) {
                    return Err(self.invalid("momentum", "between 0 and 1", norm.momentum));
                }
                Ok(())
            }
            Op::LayerNorm2d(norm) => {
                self.positive("channels", norm.channels)?;
                match norm.eps > 0.0 && norm.eps.is_finite() {
                    true => Ok(()),
                    false => Err(self.invalid("eps", "positive and finite", norm.eps)),
                }
            }
            Op::LayerScale(scale) if !scale.init.is_finite() => {
                Err(self.invalid("init", "finite", scale.init))
            }
            Op::LayerScale(scale) => self.positive("channels", scale.channels),
            Op::MaxPool2d(pool) => {
                self.positive("stride", pool.stride)?;
                self.check_pool(pool.kernel_size, pool.padding)
            }
            Op::AvgPool2d(pool) => {
                self.positive("stride", pool.stride)?;
                self.check_pool(pool.kernel_size, Padding::equal(pool.padding))
            }
            Op::AdaptiveAvgPool2d(size) => {
                self.positive("height", size.height)?;
                self.positive("width", size.width)
            }
            Op::Subsample { stride } => self.positive("stride", *stride),
            Op::PadChannels { channels } => self.positive("channels", *channels),
            Op::Dropout { p } | Op::StochasticDepth { p } if !(0.0..1.0).contains(p) => {
                Err(self.invalid("p", "at least 0, below 1", p))
            }
            Op::Linear(linear) => {
                self.positive("in_features", linear.in_features)?;
                self.positive("out_features", linear.out_features)
            }
            Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::GlobalAvgPool2d
            | Op::Add
            | Op::Multiply
            | Op::Concat
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. }
            | Op::Flatten => Ok(()),
        }
    }

    fn check_convolution(&self, conv: &Conv2d) -> Result<(), Error> {
        for (attribute, value) in [
            ("in_channels", conv.in_channels),
            ("out_channels", conv.out_channels),
            ("kernel_size (height)", conv.kernel_size.height),
            ("kernel_size (width)", conv.kernel_size.width),
            ("stride", conv.stride),
            ("dilation", conv.dilation),
            ("groups", conv.groups),
        ] {
            self.positive(attribute, value)?;
        }
        if let Padding::Symmetric { height, width } = conv.padding {
            self.positive("padding + 1", height.saturating_add(1))?;
            self.positive("padding + 1", width.saturating_add(1))?;
        }
        let divides = |channels: usize| channels.is_multiple_of(conv.groups);
        if !divides(conv.in_channels) || !divides(conv.out_channels) {
            let expected = "a divisor of in_channels and out_channels";
            return Err(self.invalid("groups", expected, conv.groups));
        }
        Ok(())
    }

    fn check_pool(&self, kernel_size: usize, padding: Padding) -> Result<(), Error> {
        self.positive("kernel_size", kernel_size)?;
        match padding {
            Padding::Symmetric { height, width } if height.max(width) > kernel_size / 2 => {
                Err(self.invalid("padding", "at most half of kernel_size", height.max(width)))
            }
            _ => Ok(()),
        }
    }

    /// Checks the channels that arrive against those the node was made for and answers with those that leave,
    /// `None` where they depend on the input size.
    pub(crate) fn check_features(
        &self,
        arriving: &[Option<usize>],
        nodes: &[Node],
        inputs: &[NodeId],
    ) -> Result<Option<usize>, Error> {
        let expect = |expected: usize| match arriving[0] {
            Some(found) if found != expected => Err(self.channel_mismatch(expected, found)),
            _ => Ok(()),
        };
        match self.op {
            Op::Input { channels } => Ok(Some(*channels)),
            Op::Conv2d(conv) => expect(conv.in_channels).map(|()| Some(conv.out_channels)),
            Op::BatchNorm2d(norm) => expect(norm.channels).map(|()| Some(norm.channels)),
            Op::LayerNorm2d(norm) => expect(norm.channels).map(|()| Some(norm.channels)),
            Op::LayerScale(scale) => expect(scale.channels).map(|()| Some(scale.channels)),
            Op::Linear(linear) => expect(linear.in_features).map(|()| Some(linear.out_features)),
            Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::MaxPool2d(_)
            | Op::AvgPool2d(_)
            | Op::GlobalAvgPool2d
            | Op::AdaptiveAvgPool2d(_)
            | Op::Subsample { .. }
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. } => Ok(arriving[0]),
            // Only behind a pooling to a fixed size are a map's height and width known beforehand.
            Op::Flatten => {
                let features = arriving[0].zip(nodes[inputs[0].0].op.fixed_cells());
                Ok(features.and_then(|(channels, cells)| channels.checked_mul(cells)))
            }
            Op::PadChannels { channels } => Ok(arriving[0].and_then(|known| known.checked_add(*channels))),
            Op::Concat => Ok(arriving
                .iter()
                .copied()
                .try_fold(0usize, |sum, channels| sum.checked_add(channels?))),
            Op::Add | Op::Multiply => {
                let known: Vec<usize> = arriving.iter().flatten().copied().collect();
                match known.iter().find(|&&other| other != known[0]) {
                    Some(&found) => Err(self.channel_mismatch(known[0], found)),
                    None => Ok(known.first().copied()),
                }
            }
        }
    }

    fn positive(&self, attribute: &'static str, value: usize) -> Result<(), Error> {
        if (1..=LARGEST_ATTRIBUTE).contains(&value) {
            return Ok(());
        }
        Err(self.invalid(attribute, "between 1 and 1048576", value))
    }

    fn invalid(&self, attribute: &'static str, expected: &'static str, found: impl ToString) -> Error {
        Error::InvalidAttribute {
            node: self.node.to_owned(),
            op: self.op.name(),
            attribute,
            expected,
            found: found.to_string(),
        }
    }

    pub(crate) fn channel_mismatch(&self, expected: usize, found: usize) -> Error {
        Error::ChannelMismatch {
            node: self.node.to_owned(),
            op: self.op.name(),
            expected,
            found,
        }
    }

    pub(crate) fn overflow(&self) -> Error {
        Error::Overflow {
            node: self.node.to_owned(),
        }
    }
}
