use marque_core::SettingError;
use marque_core::setting::{fraction, require};
use marque_data::ImageSize;
use serde::{Deserialize, Serialize};

/// Smaller images in the first epochs, which grow to their whole size: a step costs what its pixels do, and what is learnt of
/// few pixels holds for many (Howard 2018, "progressive resizing"; Tan & Le 2021, arXiv:2104.00298, "progressive learning").
///
/// The size of an epoch depends on its number alone. Validation and test photos have their whole size always.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProgressiveResizing {
    /// Share of each side in the first epoch, above 0, at most 1; 0.5 by default.
    pub start: f64,
    /// Share of the epochs after which images have their whole size, from 0 to 1; 0.6 by default. The sides grow linearly
    /// until then.
    pub until: f64,
}

impl Default for ProgressiveResizing {
    fn default() -> Self {
        Self {
            start: 0.5,
            until: 0.6,
        }
    }
}

/// Sides are multiples of it, in px, as far as the whole size allows. Networks halve their maps up to five times; multiples of
/// 32 would be too few steps for small photos, and half a pixel at the last map's edge does no harm.
const STEP_PX: usize = 16;

impl ProgressiveResizing {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        let is_share = self.start > 0.0 && self.start <= 1.0;
        require("start", is_share, "above 0, at most 1", self.start)?;
        fraction("until", self.until)
    }

    /// The size of images in `epoch`, from 1, of `epochs`, where the whole size is `whole`.
    ///
    /// ```
    /// use marque_data::ImageSize;
    /// use marque_train::ProgressiveResizing;
    ///
    /// let whole = ImageSize { height: 160, width: 256 };
    /// let resizing = ProgressiveResizing { start: 0.5, until: 0.6 };
    /// let sizes: Vec<String> = (1..=10).map(|epoch| resizing.image_size(whole, epoch, 10).to_string()).collect();
    /// assert_eq!(sizes[..3], ["80×128", "96×144", "112×176"]);
    /// assert_eq!(sizes[6..], ["160×256", "160×256", "160×256", "160×256"]);
    /// ```
    pub fn image_size(&self, whole: ImageSize, epoch: u32, epochs: u32) -> ImageSize {
        let growing = self.until * f64::from(epochs);
        let grown = if growing > 0.0 {
            (f64::from(epoch.saturating_sub(1)) / growing).min(1.0)
        } else {
            1.0
        };
        let share = self.start + (1.0 - self.start) * grown;
        let side = |whole: usize| {
            if share >= 1.0 {
                return whole;
            }
            let steps = (whole as f64 * share / STEP_PX as f64).round().max(1.0) as usize;
            (steps * STEP_PX).min(whole)
        };
        ImageSize {
            height: side(whole.height),
            width: side(whole.width),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_to_the_whole_and_never_beyond() {
        for whole in [
            ImageSize::square(8),
            ImageSize::square(224),
            ImageSize {
                height: 150,
                width: 301,
            },
        ] {
            for (start, until) in [(0.5, 0.6), (0.1, 1.0), (1.0, 0.5), (0.3, 0.0)] {
                let resizing = ProgressiveResizing { start, until };
                let sizes: Vec<ImageSize> = (1..=12)
                    .map(|epoch| resizing.image_size(whole, epoch, 12))
                    .collect();
                for (before, after) in sizes.iter().zip(&sizes[1..]) {
                    assert!(before.height <= after.height && before.width <= after.width);
                }
                let growing = (until * 12.0_f64).ceil() as usize;
                assert!(sizes[growing..].iter().all(|&size| size == whole), "{sizes:?}");
                assert!(sizes.iter().all(|size| size.height > 0 && size.width > 0));
            }
        }
    }

    #[test]
    fn shares_out_of_their_range_are_refused() {
        for (start, until) in [(0.0, 0.5), (1.1, 0.5), (f64::NAN, 0.5), (0.5, -0.1), (0.5, 1.1)] {
            assert!(ProgressiveResizing { start, until }.validate().is_err());
        }
    }
}
