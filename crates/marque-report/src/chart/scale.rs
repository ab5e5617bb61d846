//! Linear and logarithmic scales.

use super::axis::drawable;

/// How values are laid out along an axis, or over the colours of a map.
///
/// # Example
/// ```
/// use marque_report::Scale;
///
/// assert_eq!(Scale::default(), Scale::Linear);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences take equal room.
    #[default]
    Linear,
    /// Equal ratios take equal room. Values that are not above zero have no place.
    Log10,
}

impl Scale {
    /// Where `value` stands on the scale; `None` where it has no place.
    pub(crate) fn of(self, value: f64) -> Option<f64> {
        match self {
            Scale::Linear => Some(value).filter(|value| drawable(*value)),
            Scale::Log10 => Some(value.log10()).filter(|exponent| exponent.is_finite()),
        }
    }
}
