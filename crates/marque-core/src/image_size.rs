//! Height and width of images and feature maps.

use std::fmt;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::SettingError;

/// Height and width in px of an image, a feature map or a window over one; height first, as in the shape N×C×H×W of a batch.
///
/// As text it is `height×width`; a plain `x` is read as well, and one number for a square.
///
/// Read by serde, it is `{"height": 160, "width": 256}`, or one number for a square, as in the model cards of before
/// there were rectangles. It is always written in the first form.
///
/// ```
/// use marque_core::ImageSize;
///
/// let wide: ImageSize = "160x256".parse()?;
/// assert_eq!(wide, ImageSize { height: 160, width: 256 });
/// assert_eq!(wide.to_string(), "160×256");
/// assert_eq!("224".parse::<ImageSize>()?, ImageSize::square(224));
/// assert_eq!(ImageSize::square(224).to_string(), "224×224");
/// # Ok::<(), marque_core::SettingError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct ImageSize {
    /// Number of rows, in px.
    pub height: usize,
    /// Number of columns, in px.
    pub width: usize,
}

impl ImageSize {
    /// A square with sides of `side` px.
    pub const fn square(side: usize) -> Self {
        Self {
            height: side,
            width: side,
        }
    }

    /// Width ÷ height: 1 for a square, above 1 for a wide image.
    ///
    /// ```
    /// use marque_core::ImageSize;
    ///
    /// assert_eq!(ImageSize { height: 160, width: 256 }.aspect(), 1.6);
    /// ```
    pub fn aspect(self) -> f64 {
        self.width as f64 / self.height as f64
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}×{}", self.height, self.width))
    }
}

impl FromStr for ImageSize {
    type Err = SettingError;

    /// Reads `224`, `160x256` or `160×256`.
    ///
    /// # Errors
    /// [`SettingError`] that says what was expected. The sides may have any length: what is too large depends on what is
    /// to become of them.
    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (height, width) = text.split_once(['x', '×']).unwrap_or((text, text));
        match (height.parse(), width.parse()) {
            (Ok(height), Ok(width)) => Ok(Self { height, width }),
            _ => Err(SettingError::new(
                "image_size",
                "a side in px, such as 224, or height x width, such as 160x256",
                format!("{text:?}"),
            )),
        }
    }
}

impl<'de> Deserialize<'de> for ImageSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Forms)
    }
}

/// The form that is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sides {
    height: usize,
    width: usize,
}

/// Reads both forms. Serde's `untagged` would do so too, but could not say what was wrong.
struct Forms;

impl<'de> Visitor<'de> for Forms {
    type Value = ImageSize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a side in px, or height and width in px")
    }

    fn visit_u64<E: serde::de::Error>(self, side: u64) -> Result<ImageSize, E> {
        usize::try_from(side)
            .map(ImageSize::square)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(side), &self))
    }

    /// Formats without unsigned numbers, such as TOML, call this.
    fn visit_i64<E: serde::de::Error>(self, side: i64) -> Result<ImageSize, E> {
        usize::try_from(side)
            .map(ImageSize::square)
            .map_err(|_| E::invalid_value(Unexpected::Signed(side), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ImageSize, A::Error> {
        let Sides { height, width } = Sides::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ImageSize { height, width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: ImageSize = ImageSize {
        height: 160,
        width: 256,
    };

    #[test]
    fn text_is_read_and_written() {
        for text in ["160x256", "160×256"] {
            assert_eq!(text.parse::<ImageSize>().unwrap(), WIDE);
        }
        for size in [WIDE, ImageSize::square(7)] {
            assert_eq!(size.to_string().parse::<ImageSize>().unwrap(), size);
        }
        assert_eq!(format!("{WIDE:>9}|"), "  160×256|");
    }

    #[test]
    fn what_was_expected_of_a_text_is_said() {
        for text in [
            "",
            "x",
            "160x",
            "x256",
            "160x256x3",
            "160,256",
            "-1",
            "340282366920938463463374607431768211456",
            "large",
        ] {
            let message = text.parse::<ImageSize>().unwrap_err().to_string();
            let expected = format!(
                "image_size: expected a side in px, such as 224, or height x width, such as 160x256, found {text:?}"
            );
            assert_eq!(message, expected);
        }
    }

    #[test]
    fn both_stored_forms_are_read_and_one_is_written() {
        let text = serde_json::to_string(&WIDE).unwrap();
        assert_eq!(text, r#"{"height":160,"width":256}"#);
        assert_eq!(serde_json::from_str::<ImageSize>(&text).unwrap(), WIDE);
        assert_eq!(
            serde_json::from_str::<ImageSize>("224").unwrap(),
            ImageSize::square(224)
        );
        assert_eq!(
            serde_json::to_string(&ImageSize::square(224)).unwrap(),
            r#"{"height":224,"width":224}"#
        );
        let value = serde_json::json!({"width": 256, "height": 160});
        assert_eq!(serde_json::from_value::<ImageSize>(value).unwrap(), WIDE);
    }

    #[test]
    fn what_is_wrong_with_a_stored_size_is_said() {
        for (text, expected) in [
            (
                "-1",
                "invalid value: integer `-1`, expected a side in px, or height and width in px",
            ),
            (
                "1.5",
                "invalid type: floating point `1.5`, expected a side in px, or height and width",
            ),
            (r#"{"height":1}"#, "missing field `width`"),
            (r#"{"height":1,"width":-2}"#, "invalid value: integer `-2`"),
            (r#"{"height":1,"width":2,"depth":3}"#, "unknown field `depth`"),
        ] {
            let message = serde_json::from_str::<ImageSize>(text).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
