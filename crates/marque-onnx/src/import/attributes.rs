//! Attributes of a node, by name and type.

use crate::external::Folder;
use crate::model::{Attribute, Node};
use crate::tensor::decode;
use marque_weights::Tensor;

/// The attributes of one node.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'n, 'a>(pub(super) &'n Node<'a>);

impl<'n> Attributes<'n, '_> {
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        match self.0.attributes.get(name) {
            Some(Attribute::Int(value)) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn integers(&self, name: &str) -> Option<&'n [i64]> {
        match self.0.attributes.get(name) {
            Some(Attribute::Ints(values)) => Some(values),
            _ => None,
        }
    }

    /// A number as it was before it was rounded to single precision: 0.1 rather than 0.100000001490116.
    pub(super) fn float(&self, name: &str) -> Option<f64> {
        match self.0.attributes.get(name) {
            Some(Attribute::Float(value)) => Some(shortest(*value)),
            _ => None,
        }
    }

    pub(super) fn floats(&self, name: &str) -> Option<&'n [f32]> {
        match self.0.attributes.get(name) {
            Some(Attribute::Floats(values)) => Some(values),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&'n [u8]> {
        match self.0.attributes.get(name) {
            Some(Attribute::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// A tensor whose numbers are in the file itself.
    pub(super) fn tensor(&self, name: &str) -> Option<Tensor> {
        match self.0.attributes.get(name) {
            Some(Attribute::Tensor(stored)) => decode(stored, &mut Folder::none()).ok(),
            _ => None,
        }
    }
}

/// The number with the fewest digits that single precision rounds to this one.
pub(super) fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_their_digits_back() {
        assert_eq!(shortest(1e-5), 1e-5);
        assert_eq!(shortest(0.001), 0.001);
        assert_eq!(shortest(1.001e-5), 1.001e-5);
        assert_eq!(shortest(f32::INFINITY), f64::INFINITY);
        assert!(shortest(f32::NAN).is_nan());
    }
}
