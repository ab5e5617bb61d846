//! What a file's nodes come to: the operations of a graph, and those that can only be said together with others.

use marque_arch::{Border, Op};
use marque_weights::Tensor;

/// The position of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct StepId(pub(crate) usize);

/// One step.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// What its node is to be called.
    pub(crate) name: String,
    /// Whether that is the name of a module, told by a stored weight.
    pub(crate) is_named: bool,
    /// The node of the file that it comes from; `None` for the input.
    pub(crate) node: Option<usize>,
    pub(crate) kind: Kind,
    pub(crate) inputs: Vec<StepId>,
    pub(crate) known: Known,
}

/// What a step does.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// The images.
    Input,
    /// An operation of a graph, with its weights by what follows the node's name.
    Layer {
        op: Op,
        weights: Vec<(&'static str, Tensor)>,
    },
    /// Each channel times a number, plus a number.
    Affine(Affine),
    /// Zeros around maps, which the next window takes up.
    Border(Border),
    /// Every so many rows and columns.
    Strided { height: usize, width: usize },
    /// Maps as a vector with their channels innermost, as Keras flattens them.
    FlattenLast,
    /// A product with a matrix from the left: of the rows of maps.
    Rows(Tensor),
    /// The mean over the channels of each pixel.
    ChannelMean,
    /// Its first input less its second.
    Minus,
    /// Its first input divided by its second.
    Quotient,
    /// 1 / x.
    Reciprocal,
    /// √x.
    Root,
    /// x².
    Square,
    /// The error function.
    Erf,
    /// Values below the first number become it, and those above the second become that.
    Clip { least: f64, most: f64 },
    /// The product of two signals of one shape.
    Product,
    /// Probabilities out of logits.
    Softmax,
}

/// Each channel times a number, plus a number; one number stands for all channels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Affine {
    pub(crate) scale: Vec<f64>,
    pub(crate) shift: Vec<f64>,
}

/// What is known of the shape of a step's output for one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) is_vector: bool,
    /// Channels, or the length of a vector.
    pub(crate) channels: Option<usize>,
    pub(crate) height: Option<usize>,
    pub(crate) width: Option<usize>,
}

impl Known {
    pub(crate) fn vector(features: Option<usize>) -> Self {
        Self {
            is_vector: true,
            channels: features,
            height: None,
            width: None,
        }
    }

    /// Whether maps have one pixel.
    pub(crate) fn is_pixel(self) -> bool {
        !self.is_vector && self.height == Some(1) && self.width == Some(1)
    }

    pub(crate) fn with_channels(self, channels: usize) -> Self {
        Self {
            channels: Some(channels),
            ..self
        }
    }

    /// Numbers of one image, where all is known.
    pub(crate) fn elements(self) -> Option<usize> {
        match self.is_vector {
            true => self.channels,
            false => self.channels?.checked_mul(self.height?)?.checked_mul(self.width?),
        }
    }
}

/// How far a number may be from what it stands for: those in files have single precision, and products of some of them less.
const TOLERANCE: f64 = 1e-6;

/// Whether a number of a file is this one.
pub(crate) fn is_about(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
}

impl Affine {
    pub(crate) fn scaled(scale: Vec<f64>) -> Self {
        Self {
            scale,
            shift: vec![0.0],
        }
    }

    pub(crate) fn shifted(shift: Vec<f64>) -> Self {
        Self {
            scale: vec![1.0],
            shift,
        }
    }

    /// This one, and then another; `None` if they are for different numbers of channels.
    pub(crate) fn then(&self, next: &Self) -> Option<Self> {
        let scale = zip(&self.scale, &next.scale, |first, second| first * second)?;
        let shifted = zip(&self.shift, &next.scale, |shift, scale| shift * scale)?;
        let shift = zip(&shifted, &next.shift, |first, second| first + second)?;
        Some(Self { scale, shift })
    }

    /// The one factor and the one summand of all channels.
    pub(crate) fn scalars(&self) -> Option<(f64, f64)> {
        Some((same(&self.scale)?, same(&self.shift)?))
    }

    /// The one factor, where nothing is added.
    pub(crate) fn factor(&self) -> Option<f64> {
        match self.scalars()? {
            (scale, 0.0) => Some(scale),
            _ => None,
        }
    }

    pub(crate) fn has_no_shift(&self) -> bool {
        self.shift.iter().all(|&shift| shift == 0.0)
    }

    pub(crate) fn has_no_scale(&self) -> bool {
        self.scale.iter().all(|&scale| scale == 1.0)
    }

    /// Whether it does nothing. Numbers that had to cancel out do so up to rounding.
    pub(crate) fn is_nothing(&self) -> bool {
        self.has_no_shift() && self.scale.iter().all(|&scale| is_about(scale, 1.0))
    }

    /// The numbers for so many channels.
    pub(crate) fn for_channels(&self, channels: usize) -> Option<(Vec<f64>, Vec<f64>)> {
        Some((spread(&self.scale, channels)?, spread(&self.shift, channels)?))
    }

    /// How many channels it is for, if it says so.
    pub(crate) fn channels(&self) -> Option<usize> {
        let count = self.scale.len().max(self.shift.len());
        (count > 1).then_some(count)
    }
}

fn same(numbers: &[f64]) -> Option<f64> {
    let (first, rest) = numbers.split_first()?;
    rest.iter().all(|number| number == first).then_some(*first)
}

/// One number per channel out of one for all or for each.
pub(crate) fn spread(numbers: &[f64], channels: usize) -> Option<Vec<f64>> {
    match numbers {
        [one] => Some(vec![*one; channels]),
        _ => (numbers.len() == channels).then(|| numbers.to_vec()),
    }
}

fn zip(first: &[f64], second: &[f64], join: impl Fn(f64, f64) -> f64) -> Option<Vec<f64>> {
    let count = first.len().max(second.len());
    let (first, second) = (spread(first, count)?, spread(second, count)?);
    Some(
        first
            .iter()
            .zip(&second)
            .map(|(&first, &second)| join(first, second))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affine_maps_follow_each_other() {
        let first = Affine {
            scale: vec![2.0],
            shift: vec![1.0, 3.0],
        };
        let second = Affine {
            scale: vec![10.0, 100.0],
            shift: vec![-1.0],
        };
        let both = first.then(&second).unwrap();
        assert_eq!((both.scale, both.shift), (vec![20.0, 200.0], vec![9.0, 299.0]));
        assert_eq!(second.then(&Affine::scaled(vec![1.0; 3])), None);
        let sixth = Affine::scaled(vec![f64::from(1.0_f32 / 6.0)]);
        assert!(Affine::scaled(vec![6.0]).then(&sixth).unwrap().is_nothing());
        assert!(!Affine::shifted(vec![1e-9]).is_nothing());
    }

    #[test]
    fn the_one_number_of_all_channels_is_found() {
        assert_eq!(Affine::scaled(vec![3.0; 4]).factor(), Some(3.0));
        assert_eq!(Affine::scaled(vec![3.0, 4.0]).factor(), None);
        assert_eq!(Affine::shifted(vec![3.0]).factor(), None);
        assert_eq!(Affine::shifted(vec![3.0]).scalars(), Some((1.0, 3.0)));
    }
}
