use crate::Error;

/// The checks that the `validate` functions share.
pub(crate) fn require(
    condition: bool,
    setting: &'static str,
    expected: impl Into<String>,
    found: impl std::fmt::Display,
) -> Result<(), Error> {
    if condition {
        return Ok(());
    }
    Err(Error::Setting {
        setting,
        expected: expected.into(),
        found: found.to_string(),
    })
}

/// A fraction or probability: 0 ≤ `value` ≤ 1. NaN is refused.
pub(crate) fn require_fraction(value: f64, setting: &'static str) -> Result<(), Error> {
    require(
        (0.0..=1.0).contains(&value),
        setting,
        "a number from 0 to 1",
        value,
    )
}

/// A range of positive finite numbers, smallest first.
pub(crate) fn require_range(range: (f32, f32), setting: &'static str) -> Result<(), Error> {
    let (low, high) = range;
    let sound = low > 0.0 && low <= high && high.is_finite();
    require(
        sound,
        setting,
        "two positive numbers, the smaller first",
        format!("({low}, {high})"),
    )
}
