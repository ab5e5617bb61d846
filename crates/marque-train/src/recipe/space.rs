//! Recipes to choose among.

use crate::{Error, Recipe};
use marque_core::SettingError;
use marque_core::setting::{positive, require};
use marque_data::random::{Purpose, below, stream, uniform};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Settings of a recipe and what each may be: what a search draws from.
///
/// In a file (TOML, or JSON by its ending) a setting has a list of values, or a range:
///
/// ```toml
/// "fit.learning_rate" = { low = 1e-4, high = 1e-2, scale = "log" }
/// "fit.label_smoothing" = { low = 0.0, high = 0.2 }
/// "fit.optimizer" = ["adam", "sgd", "lion"]
/// "data.augment.transforms" = [[], [{ kind = "trivial_augment" }]]
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SearchSpace {
    /// By the path of the setting.
    pub settings: BTreeMap<String, Choice>,
}

/// What a setting may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choice {
    /// One of these.
    OneOf(Vec<Value>),
    /// A number between two others.
    Between(Range),
}

/// Numbers from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// What is drawn evenly; the number itself by default.
    #[serde(default)]
    pub scale: RangeScale,
}

/// What of a number is drawn evenly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeScale {
    /// The number. The default.
    #[default]
    Linear,
    /// Its logarithm: as many below a tenth as between a tenth and one.
    Log,
    /// The number, rounded to a whole one.
    Whole,
}

impl SearchSpace {
    /// Reads a space: JSON where the file's name ends in `.json`, TOML otherwise.
    ///
    /// # Errors
    /// [`Error::SearchSpaceFile`] if it cannot be read or is none; [`Error::Setting`] for ranges that are none.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::SearchSpaceFile {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let is_json = path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        let space: Self = if is_json {
            serde_json::from_str(&text).map_err(|error| unreadable(error.into()))?
        } else {
            let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
            toml::from_str(&text).map_err(|error: toml::de::Error| unreadable(invalid(error)))?
        };
        space.validate()?;
        Ok(space)
    }

    /// Checks the ranges. Whether a recipe has the settings, [`drawn`](Self::drawn) finds.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<(), Error> {
        for (path, choice) in &self.settings {
            let within = |error: SettingError| error.within(path);
            match choice {
                Choice::OneOf(values) => {
                    require("values", !values.is_empty(), "one at least", "none").map_err(within)?
                }
                Choice::Between(Range { low, high, scale }) => {
                    let ends = format!("{low} and {high}");
                    let is_range = low.is_finite() && high.is_finite() && low < high;
                    require("low", is_range, "a number below `high`", ends).map_err(within)?;
                    if *scale == RangeScale::Log {
                        positive("low", *low).map_err(within)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The recipe of trial `trial` (from 0) of a search with this seed, and what was drawn for each setting: a pure function of its
    /// arguments. Numbers have three digits.
    ///
    /// # Errors
    /// [`Error::UnknownSetting`] and [`Error::Setting`], as [`Recipe::with`].
    pub fn drawn(
        &self,
        recipe: &Recipe,
        seed: u64,
        trial: u64,
    ) -> Result<(Recipe, Vec<(String, String)>), Error> {
        let mut recipe = recipe.clone();
        let mut values = Vec::new();
        for (place, (path, choice)) in (0..).zip(&self.settings) {
            let mut random = stream(seed, trial, place, Purpose::Search);
            let value = match choice {
                Choice::OneOf(values) => {
                    let chosen = below(&mut random, values.len() as u64) as usize;
                    match values.get(chosen) {
                        Some(Value::String(word)) => word.clone(),
                        Some(value) => value.to_string(),
                        None => continue,
                    }
                }
                Choice::Between(range) => range.at(f64::from(uniform(&mut random))),
            };
            recipe = recipe.with(&format!("{path}={value}"))?;
            values.push((path.clone(), value));
        }
        Ok((recipe, values))
    }
}

impl Range {
    /// The number at a share of the way.
    fn at(&self, share: f64) -> String {
        let Self { low, high, scale } = *self;
        let between = |low: f64, high: f64| low + (high - low) * share;
        match scale {
            // Both ends are as probable as all others.
            RangeScale::Whole => format!("{}", (low + (high - low + 1.0) * share).floor().min(high)),
            RangeScale::Linear => shortened(between(low, high)),
            RangeScale::Log => shortened(between(low.ln(), high.ln()).exp()),
        }
    }
}

/// A number with three digits that count.
fn shortened(number: f64) -> String {
    let text = format!("{number:.2e}");
    text.parse::<f64>().unwrap_or(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(text: &str) -> SearchSpace {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn drawn_recipes_lie_in_the_space_and_are_drawn_again() {
        let space = space(
            "\"fit.learning_rate\" = { low = 1e-4, high = 1e-2, scale = \"log\" }\n\
             \"fit.label_smoothing\" = { low = 0.0, high = 0.2 }\n\
             \"fit.epochs\" = { low = 5, high = 7, scale = \"whole\" }\n\
             \"fit.optimizer\" = [\"adam\", \"sgd\"]\n\
             \"data.augment.transforms\" = [[], [{ kind = \"trivial_augment\" }]]\n",
        );
        space.validate().unwrap();
        let mut epochs = [0; 3];
        let mut small = 0;
        for trial in 0..300 {
            let (recipe, values) = space.drawn(&Recipe::scratch(), 7, trial).unwrap();
            assert!((1e-4..=1e-2).contains(&recipe.fit.learning_rate));
            assert!((0.0..=0.2).contains(&recipe.fit.label_smoothing));
            epochs[recipe.fit.epochs as usize - 5] += 1;
            small += usize::from(recipe.fit.learning_rate < 1e-3);
            assert_eq!(values.len(), 5);
            assert_eq!(
                space.drawn(&Recipe::scratch(), 7, trial).unwrap(),
                (recipe, values)
            );
        }
        // Standard deviations are about 8 and 9.
        assert!(
            epochs.iter().all(|count: &i32| count.abs_diff(100) < 33),
            "{epochs:?}"
        );
        assert!(small.abs_diff(150) < 36, "{small}");
        assert_ne!(
            space.drawn(&Recipe::scratch(), 7, 0).unwrap(),
            space.drawn(&Recipe::scratch(), 8, 0).unwrap()
        );
    }

    #[test]
    fn ranges_and_settings_that_are_none_are_refused() {
        for text in [
            "\"fit.epochs\" = []",
            "\"fit.learning_rate\" = { low = 1.0, high = 0.1 }",
            "\"fit.learning_rate\" = { low = 0.0, high = 0.1, scale = \"log\" }",
        ] {
            assert!(
                space(text).validate().unwrap_err().to_string().contains("fit."),
                "{text}"
            );
        }
        let unknown = space("\"fit.lerning_rate\" = [0.1]");
        let message = unknown.drawn(&Recipe::scratch(), 1, 0).unwrap_err().to_string();
        assert!(message.contains("fit.learning_rate"), "{message}");
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(shortened(0.001_234_56), "0.00123");
        assert_eq!(shortened(123.456), "123");
        assert_eq!(shortened(0.0), "0");
    }
}
