//! Shapes behind nodes.

use crate::check::Named;
use crate::{Error, ImageSize, Op, Shape, Window};

impl Named<'_> {
    /// Shape of one output sample from those of the inputs; `input` is the size of the network's input, for
    /// the error message. Channel counts have been checked when the graph was built, except where they depend
    /// on the input size.
    pub(crate) fn infer(&self, shapes: &[Shape], input: ImageSize) -> Result<Shape, Error> {
        let first = shapes[0];
        match self.op {
            Op::Input { .. }
            | Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. } => Ok(first),
            Op::BatchNorm2d(norm) => self.expect_features(norm.channels, first),
            Op::LayerNorm2d(norm) => self.expect_features(norm.channels, first),
            Op::LayerScale(scale) => self.expect_features(scale.channels, first),
            Op::Conv2d(conv) => {
                let (_, size) = self.map(first)?;
                self.slide(conv.out_channels, size, conv.window(), input)
            }
            Op::MaxPool2d(pool) => {
                let (channels, size) = self.map(first)?;
                self.slide(channels, size, pool.window(), input)
            }
            Op::AvgPool2d(pool) => {
                let (channels, size) = self.map(first)?;
                self.slide(channels, size, pool.window(), input)
            }
            Op::GlobalAvgPool2d => {
                let (channels, _) = self.map(first)?;
                let size = ImageSize::square(1);
                Ok(Shape::Map { channels, size })
            }
            Op::AdaptiveAvgPool2d(size) => {
                let (channels, _) = self.map(first)?;
                Ok(Shape::Map {
                    channels,
                    size: *size,
                })
            }
            Op::Add => match shapes.iter().find(|&&other| other != first) {
                Some(&other) => Err(self.shape_mismatch(first, other)),
                None => Ok(first),
            },
            Op::Multiply => {
                let (channels, _) = self.map(first)?;
                let size = ImageSize::square(1);
                let factors = Shape::Map { channels, size };
                match shapes[1] == factors {
                    true => Ok(first),
                    false => Err(self.shape_mismatch(factors, shapes[1])),
                }
            }
            Op::Concat => self.concatenate(shapes),
            Op::Subsample { stride } => {
                let (channels, size) = self.map(first)?;
                let size = ImageSize {
                    height: size.height.div_ceil(*stride),
                    width: size.width.div_ceil(*stride),
                };
                Ok(Shape::Map { channels, size })
            }
            Op::PadChannels { channels: added } => {
                let (channels, size) = self.map(first)?;
                let channels = channels.checked_add(*added).ok_or_else(|| self.overflow())?;
                Ok(Shape::Map { channels, size })
            }
            Op::Flatten => Ok(Shape::Vector {
                features: first.elements().ok_or_else(|| self.overflow())?,
            }),
            Op::Linear(linear) => Ok(match self.expect_features(linear.in_features, first)? {
                Shape::Vector { .. } => Shape::Vector {
                    features: linear.out_features,
                },
                Shape::Map { size, .. } => Shape::Map {
                    channels: linear.out_features,
                    size,
                },
            }),
        }
    }

    /// The shape itself, if it has so many channels or features: how long a flattened map is was not known when the graph was built.
    fn expect_features(&self, expected: usize, found: Shape) -> Result<Shape, Error> {
        let (Shape::Map {
            channels: features, ..
        }
        | Shape::Vector { features }) = found;
        match features == expected {
            true => Ok(found),
            false => Err(self.channel_mismatch(expected, features)),
        }
    }

    fn concatenate(&self, shapes: &[Shape]) -> Result<Shape, Error> {
        let (mut channels, size) = self.map(shapes[0])?;
        for &other in &shapes[1..] {
            let (more, found) = self.map(other)?;
            if found != size {
                return Err(self.shape_mismatch(shapes[0], other));
            }
            channels = channels.checked_add(more).ok_or_else(|| self.overflow())?;
        }
        Ok(Shape::Map { channels, size })
    }

    fn map(&self, shape: Shape) -> Result<(usize, ImageSize), Error> {
        match shape {
            Shape::Map { channels, size } => Ok((channels, size)),
            found => Err(self.wrong_rank("feature maps", found)),
        }
    }

    fn slide(
        &self,
        channels: usize,
        size: ImageSize,
        window: Window,
        input: ImageSize,
    ) -> Result<Shape, Error> {
        let found = window.padded(size).ok_or_else(|| self.overflow())?;
        let size = window.output(size).ok_or_else(|| Error::InputTooSmall {
            node: self.node.to_owned(),
            op: self.op.name(),
            window: window.extent,
            found,
            input,
        })?;
        Ok(Shape::Map { channels, size })
    }

    fn shape_mismatch(&self, first: Shape, other: Shape) -> Error {
        Error::ShapeMismatch {
            node: self.node.to_owned(),
            op: self.op.name(),
            first,
            other,
        }
    }

    fn wrong_rank(&self, expected: &'static str, found: Shape) -> Error {
        Error::WrongRank {
            node: self.node.to_owned(),
            op: self.op.name(),
            expected,
            found,
        }
    }
}
