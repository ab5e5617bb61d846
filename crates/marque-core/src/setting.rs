//! Settings out of their ranges.

/// A setting is outside its range.
///
/// ```
/// use marque_core::SettingError;
///
/// let error = SettingError {
///     setting: "label_smoothing".to_owned(),
///     expected: "at least 0, below 1".to_owned(),
///     found: "1".to_owned(),
/// };
/// assert_eq!(error.within("fit").to_string(), "fit.label_smoothing: expected at least 0, below 1, found 1");
/// ```
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
    /// The same of a setting that lies within another: its path gets `outer` before it.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self {
            setting: format!("{outer}.{}", self.setting),
            ..self
        }
    }
}
