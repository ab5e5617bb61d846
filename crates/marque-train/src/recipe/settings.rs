//! Every setting of a recipe by its path.

use super::listed::SETTINGS;
use crate::{Error, Recipe};
use marque_core::SettingError;
use serde_json::{Map, Value};

/// A setting of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its path in a recipe's file, such as `fit.learning_rate`.
    pub path: &'static str,
    /// What it says, its range and its unit.
    pub meaning: &'static str,
    /// Its default, as JSON; `None` for a part of something that is absent by default.
    pub default: Option<String>,
}

/// Tagged groups, which their tag alone stands for: `fit.optimizer=sgd`.
const TAGGED: [(&str, &str); 5] = [
    ("data.sampler", "kind"),
    ("fit.optimizer", "rule"),
    ("fit.schedule", "kind"),
    ("fit.loss", "kind"),
    ("fit.clipping", "by"),
];

/// Every setting of a recipe, with its default.
pub fn settings() -> Vec<Setting> {
    let defaults = serde_json::to_value(Recipe::default()).unwrap_or_default();
    let listed = SETTINGS.iter().map(|&(path, meaning)| Setting {
        path,
        meaning,
        default: path
            .split('.')
            .try_fold(&defaults, |value, key| value.get(key))
            .map(Value::to_string),
    });
    listed.collect()
}

/// Whether it is a setting, or has settings below it.
fn is_known(path: &str) -> bool {
    let below = |known: &str| {
        known
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    SETTINGS.iter().any(|(known, _)| below(known))
}

/// Whether there are settings below it.
fn is_group(path: &str) -> bool {
    SETTINGS
        .iter()
        .any(|(known, _)| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

fn unknown(path: &str) -> Error {
    let distance = |known: &str| {
        // Who forgets the group is nearer to a setting's own name than to any whole path.
        let own = known.rsplit('.').next().unwrap_or(known);
        strsim::damerau_levenshtein(path, known).min(strsim::damerau_levenshtein(path, own) + 1)
    };
    let nearest = SETTINGS
        .iter()
        .map(|(known, _)| *known)
        .min_by_key(|known| distance(known));
    Error::UnknownSetting {
        setting: path.to_owned(),
        nearest: nearest.unwrap_or_default().to_owned(),
    }
}

/// Refuses what is no setting.
pub(super) fn check_names(value: &Value) -> Result<(), Error> {
    check_below("", value)
}

fn check_below(path: &str, value: &Value) -> Result<(), Error> {
    let Value::Object(entries) = value else {
        return Ok(());
    };
    for (key, value) in entries {
        let path = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        if !is_known(&path) {
            return Err(unknown(&path));
        }
        if is_group(&path) {
            check_below(&path, value)?;
        }
    }
    Ok(())
}

impl Recipe {
    /// The recipe with one setting changed: `fit.label_smoothing=0.1`. The value is JSON or a plain word; `none` takes an
    /// optional setting away; a rule or a kind by its name (`fit.optimizer=sgd`) takes its own defaults. It is checked like that
    /// of a file.
    ///
    /// # Errors
    /// [`Error::UnknownSetting`] names the nearest setting, [`Error::Setting`] says what was expected.
    pub fn with(&self, assignment: &str) -> Result<Self, Error> {
        let refuse = |expected: String, found: &str| {
            let setting = assignment.split('=').next().unwrap_or_default().trim();
            Error::from(SettingError::new(setting, expected, found))
        };
        let Some((path, text)) = assignment.split_once('=') else {
            return Err(refuse("setting=value".to_owned(), "no equals sign"));
        };
        let (path, text) = (path.trim(), text.trim());
        if !is_known(path) {
            return Err(unknown(path));
        }
        let value = match (text, serde_json::from_str(text)) {
            ("none", _) => Value::Null,
            (_, Ok(value)) => value,
            (text, Err(_)) => Value::String(text.to_owned()),
        };
        let tag = TAGGED.iter().find(|(group, _)| *group == path);
        let value = match (tag, value) {
            (Some((_, tag)), Value::String(word)) => {
                Value::Object(Map::from_iter([((*tag).to_owned(), Value::String(word))]))
            }
            (_, value) => value,
        };
        let unreadable = |error: serde_json::Error| {
            let said = error.to_string();
            // Of `unknown variant X, expected Y or Z` the found X is told behind it.
            let expected = said.split_once(", expected ").map_or(&*said, |(_, names)| names);
            refuse(expected.to_owned(), text)
        };
        let mut all = serde_json::to_value(self).map_err(unreadable)?;
        let mut place = &mut all;
        for key in path.split('.') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[key];
        }
        *place = value;
        check_names(&all)?;
        let recipe: Self = serde_json::from_value(all).map_err(unreadable)?;
        recipe.validate()?;
        Ok(recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_data::{CropRange, RandomErasing};

    /// Paths of everything in a value that is not a group, and of groups that can be absent.
    fn leaves(path: &str, value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(entries) if path.is_empty() || is_group(path) => {
                for (key, value) in entries {
                    let below = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    leaves(&below, value, found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }

    #[test]
    fn every_setting_is_listed_and_every_listed_one_is_there() {
        let mut full = Recipe::fast();
        full.data.augment.random_resized_crop = Some(CropRange::default());
        full.data.augment.random_erasing = Some(RandomErasing::default());
        full.fit.resizing = Some(crate::ProgressiveResizing::default());
        full.fit.sharpness = Some(crate::SharpnessAware::default());
        full.fit.mixing = Some(crate::Mixing {
            mixup: 0.2,
            ..Default::default()
        });
        // Every variant of every group with a tag.
        let variants = [
            "data.sampler={\"kind\": \"repeated\", \"times\": 3}",
            "data.sampler=weighted",
            "fit.optimizer=sgd",
            "fit.optimizer=nadam",
            "fit.optimizer=rmsprop",
            "fit.optimizer=lamb",
            "fit.optimizer=lion",
            "fit.optimizer=adan",
            "fit.schedule=step",
            "fit.schedule=multi_step",
            "fit.schedule=exponential",
            "fit.schedule=polynomial",
            "fit.schedule=cosine",
            "fit.schedule=one_cycle",
            "fit.schedule=plateau",
            "fit.loss=focal",
            "fit.loss={\"kind\": \"binary\", \"threshold\": 0.2}",
            "fit.clipping=norm",
            "fit.clipping=value",
            "fit.clipping=adaptive",
        ];
        let varied = variants.map(|variant| full.with(variant).unwrap());
        let mut found = Vec::new();
        for recipe in [Recipe::default(), full].into_iter().chain(varied) {
            leaves("", &serde_json::to_value(recipe).unwrap(), &mut found);
        }
        found.sort();
        found.dedup();
        let mut listed: Vec<String> = SETTINGS.iter().map(|(path, _)| (*path).to_owned()).collect();
        listed.sort();
        assert_eq!(found, listed);
    }

    #[test]
    fn settings_are_changed_by_their_paths() {
        let changed = Recipe::scratch()
            .with("fit.optimizer=sgd")
            .and_then(|recipe| recipe.with("fit.optimizer.momentum = 0.9"))
            .and_then(|recipe| recipe.with("fit.schedule=constant"))
            .and_then(|recipe| recipe.with("data.image_size=96"))
            .and_then(|recipe| recipe.with("data.augment.color_jitter=none"))
            .and_then(|recipe| recipe.with("data.augment.random_erasing.probability=0.25"))
            .and_then(|recipe| recipe.with("model.trained_from=[\"layer2\"]"))
            .and_then(|recipe| recipe.with("fit.patience=3"))
            .unwrap();
        let value = serde_json::to_value(&changed).unwrap();
        assert_eq!(value["fit"]["optimizer"]["rule"], "sgd");
        assert_eq!(value["fit"]["optimizer"]["momentum"], 0.9);
        assert_eq!(
            value["fit"]["schedule"],
            serde_json::json!({"kind": "constant", "warmup": 0.0})
        );
        assert_eq!(changed.data.image_size, marque_data::ImageSize::square(96));
        assert_eq!(changed.data.augment.color_jitter, None);
        let erasing = changed.data.augment.random_erasing.unwrap();
        assert_eq!(
            (erasing.probability, erasing.area),
            (0.25, RandomErasing::default().area)
        );
        assert_eq!(changed.fit.patience, Some(3));
        assert_eq!(changed.with("fit.patience=none").unwrap().fit.patience, None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_path() {
        for (assignment, expected) in [
            ("fit.lable_smoothing=0.1", "did you mean \"fit.label_smoothing\"?"),
            ("label_smoothing=0.1", "did you mean \"fit.label_smoothing\"?"),
            (
                "fit.label_smoothing=1",
                "fit.label_smoothing: expected at least 0, below 1, found 1",
            ),
            ("fit.label_smoothing=high", "fit.label_smoothing: expected f64"),
            (
                "fit.optimizer.beta1=1",
                "fit.optimizer.beta1: expected at least 0, below 1, found 1",
            ),
            (
                "data.augment.horizontal_flip=2",
                "data.augment.horizontal_flip: expected",
            ),
            ("fit.epochs", "fit.epochs: expected setting=value"),
            ("fit.optimizer=adma", "fit.optimizer: expected"),
            (
                "fit.non_finite=ignore",
                "fit.non_finite: expected `stop` or `skip`, found ignore",
            ),
            ("model.trained_from=everywhere", "found \"everywhere\""),
        ] {
            let message = Recipe::scratch().with(assignment).unwrap_err().to_string();
            assert!(message.contains(expected), "{assignment}: {message}");
        }
    }
}
