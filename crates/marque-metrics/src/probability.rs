//! The two types of probabilities, and numbers that sort like them.

/// A type of probabilities: `f32` or `f64`.
///
/// Probabilities are compared with each other in their own type, and summed in `f64`.
pub trait Probability: private::Scalar {}

impl Probability for f32 {}
impl Probability for f64 {}

/// The bits of a label: as many as [`MAX_CLASSES`](crate::MAX_CLASSES) needs.
pub(crate) const LABEL_BITS: u32 = 15;

pub(crate) mod private {
    use super::LABEL_BITS;
    use crate::keys::Key;

    /// What the crate needs to know of a type of probabilities.
    pub trait Scalar: Copy + PartialOrd + Into<f64> {
        /// A score and whether its sample is positive, as one number that sorts by score.
        type Binary: Key;
        /// A score and the label of its sample, as one number that sorts by score.
        type Labelled: Key;
        /// How many bits hold every number from 0 to 2 (without 2).
        const SCORE_BITS: u32;
        /// How far scikit-learn keeps probabilities of this type from 0 and 1 before it takes the logarithm.
        const EPSILON: Self;

        fn binary(self, is_positive: bool) -> Self::Binary;
        fn labelled(self, label: usize) -> Self::Labelled;
        /// The score of a key.
        fn of_binary(key: Self::Binary) -> f64;
        /// `part` / `whole`, rounded to this type.
        fn ratio(part: usize, whole: usize) -> Self;
        /// −ln of the probability, kept away from 0 and 1.
        fn loss(self) -> f64;
    }

    macro_rules! scalar {
        ($float:ty, $bits:ty, $binary:ty, $labelled:ty) => {
            impl Scalar for $float {
                type Binary = $binary;
                type Labelled = $labelled;
                const SCORE_BITS: u32 = <$bits>::BITS - 2;
                const EPSILON: Self = <$float>::EPSILON;

                // The bits of floating-point numbers that are not negative sort like the numbers themselves, and those
                // of numbers less than 2 leave the two highest free. The shift drops the sign bit, so that −0 ties
                // with 0.
                #[inline]
                fn binary(self, is_positive: bool) -> $binary {
                    <$binary>::from(self.to_bits()) << 1 | <$binary>::from(is_positive)
                }

                #[inline]
                fn labelled(self, label: usize) -> $labelled {
                    <$labelled>::from(self.to_bits() << 1 >> 1) << LABEL_BITS | label as $labelled
                }

                fn of_binary(key: $binary) -> f64 {
                    f64::from(<$float>::from_bits(key >> 1))
                }

                fn ratio(part: usize, whole: usize) -> Self {
                    part as $float / whole as $float
                }

                #[inline]
                fn loss(self) -> f64 {
                    -f64::from(self.clamp(Self::EPSILON, 1.0 - Self::EPSILON)).ln()
                }
            }
        };
    }

    scalar!(f32, u32, u32, u64);
    scalar!(f64, u64, u64, u128);
}
