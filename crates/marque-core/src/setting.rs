//! Settings out of their ranges, and the checks that find them.
//!
//! A `validate` function names settings as its own struct does; whoever holds that struct puts a name before them:
//!
//! ```
//! use marque_core::setting::{Within, at_least, below_one};
//! use marque_core::SettingError;
//!
//! struct FitConfig {
//!     epochs: u32,
//!     label_smoothing: f64,
//! }
//!
//! impl FitConfig {
//!     fn validate(&self) -> Result<(), SettingError> {
//!         at_least("epochs", self.epochs, 1)?;
//!         below_one("label_smoothing", self.label_smoothing)
//!     }
//! }
//!
//! let fit = FitConfig { epochs: 10, label_smoothing: 1.0 };
//! let error = fit.validate().within("fit").unwrap_err();
//! assert_eq!(error.to_string(), "fit.label_smoothing: expected at least 0, below 1, found 1");
//! ```

use std::fmt::Display;

/// A setting is outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: expected {expected}, found {found}")]
pub struct SettingError {
    /// Which setting: its path in what was checked, such as `random_resized_crop.area`.
    pub setting: String,
    /// What it may be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

impl SettingError {
    /// An error of `setting`.
    pub fn new(setting: impl Into<String>, expected: impl Into<String>, found: impl Display) -> Self {
        Self {
            setting: setting.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    /// The same of a setting that lies within another: its path gets `outer` before it.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self {
            setting: format!("{outer}.{}", self.setting),
            ..self
        }
    }
}

/// Puts a name before that of the setting which a check refused.
pub trait Within {
    /// As [`SettingError::within`].
    #[must_use]
    fn within(self, outer: &str) -> Self;
}

impl<T> Within for Result<T, SettingError> {
    fn within(self, outer: &str) -> Self {
        self.map_err(|error| error.within(outer))
    }
}

/// What the other checks cannot say: `holds` is whether the setting is within its range.
///
/// # Errors
/// [`SettingError`] if it is not.
pub fn require(
    setting: &str,
    holds: bool,
    expected: impl Into<String>,
    found: impl Display,
) -> Result<(), SettingError> {
    if holds {
        Ok(())
    } else {
        Err(SettingError::new(setting, expected, found))
    }
}

/// A number that is `least` or more.
///
/// # Errors
/// [`SettingError`] if it is less, or not a number.
pub fn at_least<T: PartialOrd + Display>(setting: &str, value: T, least: T) -> Result<(), SettingError> {
    let expected = format!("at least {least}");
    require(setting, value >= least, expected, value)
}

/// A fraction or probability, from 0 to 1.
///
/// # Errors
/// [`SettingError`] if it is outside, or not a number.
pub fn fraction(setting: &str, value: impl Into<f64> + Display + Copy) -> Result<(), SettingError> {
    require(
        setting,
        (0.0..=1.0).contains(&value.into()),
        "a number from 0 to 1",
        value,
    )
}

/// A share that is never the whole, from 0 to below 1.
///
/// # Errors
/// [`SettingError`] if it is outside, or not a number.
pub fn below_one(setting: &str, value: impl Into<f64> + Display + Copy) -> Result<(), SettingError> {
    require(
        setting,
        (0.0..1.0).contains(&value.into()),
        "at least 0, below 1",
        value,
    )
}

/// A finite number above 0.
///
/// # Errors
/// [`SettingError`] if it is not.
pub fn positive(setting: &str, value: impl Into<f64> + Display + Copy) -> Result<(), SettingError> {
    let number: f64 = value.into();
    require(
        setting,
        number > 0.0 && number.is_finite(),
        "positive and finite",
        value,
    )
}

/// A finite number from 0 on.
///
/// # Errors
/// [`SettingError`] if it is not.
pub fn not_negative(setting: &str, value: impl Into<f64> + Display + Copy) -> Result<(), SettingError> {
    let number: f64 = value.into();
    require(
        setting,
        number >= 0.0 && number.is_finite(),
        "at least 0 and finite",
        value,
    )
}

/// Two positive finite numbers, the smaller first.
///
/// # Errors
/// [`SettingError`] if they are not.
pub fn positive_range(
    setting: &str,
    (low, high): (impl Into<f64> + Display + Copy, impl Into<f64> + Display + Copy),
) -> Result<(), SettingError> {
    let bounds: (f64, f64) = (low.into(), high.into());
    require(
        setting,
        bounds.0 > 0.0 && bounds.0 <= bounds.1 && bounds.1.is_finite(),
        "two positive numbers, the smaller first",
        format!("({low}, {high})"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: Copy>(values: &[T], check: impl Fn(T) -> Result<(), SettingError>) {
        for &value in values {
            assert!(check(value).is_err());
        }
    }

    #[test]
    fn ranges_end_where_they_say_and_nothing_that_is_no_number_is_in_them() {
        for value in [0.0, 0.5, 1.0] {
            fraction("x", value).unwrap();
        }
        refused(&[-0.1, 1.1, f64::NAN], |value| fraction("x", value));
        below_one("x", 0.0).unwrap();
        refused(&[-0.1, 1.0, f64::NAN], |value| below_one("x", value));
        positive("x", 1e-300).unwrap();
        refused(&[0.0, -1.0, f64::INFINITY, f64::NAN], |value| {
            positive("x", value)
        });
        not_negative("x", 0.0).unwrap();
        refused(&[-1e-300, f64::INFINITY, f64::NAN], |value| {
            not_negative("x", value)
        });
        positive_range("x", (1.0, 1.0)).unwrap();
        refused(
            &[(0.0, 1.0), (2.0, 1.0), (1.0, f64::INFINITY), (f64::NAN, 1.0)],
            |value| positive_range("x", value),
        );
        at_least("x", 3_usize, 3).unwrap();
        assert!(at_least("x", 2_usize, 3).is_err());
        assert!(at_least("x", f64::NAN, 0.0).is_err());
    }

    #[test]
    fn errors_name_the_setting_and_what_it_may_be() {
        let error = fraction("area", 1.5_f32).within("crop").within("augment");
        assert_eq!(
            error.unwrap_err().to_string(),
            "augment.crop.area: expected a number from 0 to 1, found 1.5"
        );
        // A single-precision number is shown as it was written.
        assert!(
            below_one("x", 1.1_f32)
                .unwrap_err()
                .to_string()
                .ends_with("found 1.1")
        );
        assert_eq!(
            at_least("epochs", 0_u32, 1).unwrap_err().to_string(),
            "epochs: expected at least 1, found 0"
        );
        assert_eq!(
            positive_range("area", (0.5, 0.2)).unwrap_err().to_string(),
            "area: expected two positive numbers, the smaller first, found (0.5, 0.2)"
        );
    }
}
