//! Every setting of a recipe by its path.

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

const SETTINGS: [(&str, &str); 44] = [
    ("name", "What the run's page calls the recipe."),
    (
        "data.image_size",
        "What photos are brought to, in px: one number for a square, or `height` and `width`.",
    ),
    (
        "data.test_image_size",
        "What validation and test photos are brought to, in px, and every photo that the trained network is asked about; none for \
         `data.image_size`.",
    ),
    (
        "data.framing",
        "How validation and test photos get their size: `squash` scales their sides independently, `center_crop` cuts the \
         largest rectangle of the size's proportions out of the middle.",
    ),
    (
        "data.normalization",
        "What pixels become: `standardize` (mean 0 and variance 1 over the training photos), `subtract_mean`, \
         `minus_one_to_one`, `imagenet`, or `pretrained` (what the architecture's published weights were trained on).",
    ),
    (
        "data.augment.width_shift",
        "Largest shift of a training photo to a side, as a share of its width.",
    ),
    (
        "data.augment.height_shift",
        "Largest shift up or down, as a share of the height.",
    ),
    (
        "data.augment.horizontal_flip",
        "Probability with which a training photo is mirrored.",
    ),
    (
        "data.augment.random_resized_crop",
        "The random rectangle of a training photo that is used (torchvision's `RandomResizedCrop`); the whole photo without it.",
    ),
    (
        "data.augment.random_resized_crop.area",
        "Its least and greatest area, as shares of the photo's.",
    ),
    (
        "data.augment.random_resized_crop.aspect",
        "The least and greatest factor between its proportions and the size's.",
    ),
    (
        "data.augment.color_jitter",
        "Random factors on colours (torchvision's `ColorJitter`).",
    ),
    (
        "data.augment.color_jitter.brightness",
        "The factor on brightness lies within this of 1.",
    ),
    (
        "data.augment.color_jitter.contrast",
        "The factor on contrast lies within this of 1.",
    ),
    (
        "data.augment.color_jitter.saturation",
        "The factor on saturation lies within this of 1.",
    ),
    (
        "data.augment.random_erasing",
        "A random rectangle that is set to the mean (Zhong et al. 2017).",
    ),
    (
        "data.augment.random_erasing.probability",
        "Probability with which a photo has one.",
    ),
    (
        "data.augment.random_erasing.area",
        "Its least and greatest area, as shares of the image's.",
    ),
    (
        "data.augment.random_erasing.aspect",
        "Its least and greatest width over height.",
    ),
    ("data.batch_size", "Photos in a step, at least 1."),
    (
        "model.head",
        "What stands upon the last feature maps: `own` (the architecture's), `linear`, or `subject` (two hidden layers with \
         dropout).",
    ),
    (
        "model.trained_from",
        "From where on a pretrained network is trained: `all`, `auto` (about a third of the multiply-adds is frozen), `subject`, \
         or a list of nodes.",
    ),
    (
        "model.mixed_precision",
        "Whether convolutions are computed in bfloat16 where the hardware is faster at it.",
    ),
    ("fit.epochs", "The most epochs, at least 1."),
    (
        "fit.optimizer.rule",
        "Which rule changes the parameters: `adam` (with a weight decay it is AdamW) or `sgd`.",
    ),
    (
        "fit.optimizer.beta1",
        "Adam: decay of the mean of gradients, at least 0, below 1.",
    ),
    (
        "fit.optimizer.beta2",
        "Adam: decay of the mean of squared gradients, at least 0, below 1.",
    ),
    (
        "fit.optimizer.eps",
        "Adam: what is added to the root of the mean square, positive.",
    ),
    (
        "fit.optimizer.weight_decay",
        "Adam: decoupled decay of weights per step and unit of learning rate; SGD: the factor of the L2 penalty. At least 0. \
         Biases and norms are left alone.",
    ),
    (
        "fit.optimizer.momentum",
        "SGD: decay of the sum of gradients, at least 0, below 1.",
    ),
    (
        "fit.optimizer.nesterov",
        "SGD: whether the step looks ahead along the momentum.",
    ),
    ("fit.learning_rate", "The largest learning rate, positive."),
    (
        "fit.schedule.kind",
        "How the learning rate changes: `constant`, or `warmup_cosine`, a linear rise and half a cosine down to nothing.",
    ),
    (
        "fit.schedule.warmup",
        "Share of all steps that the rise takes, from 0 to 1.",
    ),
    (
        "fit.label_smoothing",
        "Share of each label that is spread over all classes, at least 0, below 1.",
    ),
    (
        "fit.head_rate",
        "Factor on the learning rate of what stands upon the last feature maps, positive.",
    ),
    (
        "fit.averaging",
        "Decay per step of a moving average of the weights, which takes their place wherever the network is measured or kept, at \
         least 0, below 1; none for the weights themselves.",
    ),
    (
        "fit.views",
        "Randomly changed views of each photo, looked at in turn, at least 1; none for a new one in every epoch. What a frozen \
         part of a network gives is kept only where there are few.",
    ),
    (
        "fit.resizing",
        "Smaller images in the first epochs (progressive resizing); none for the whole size in all. Nothing of a frozen part is \
         kept with it.",
    ),
    (
        "fit.resizing.start",
        "Share of each side in the first epoch, above 0, at most 1.",
    ),
    (
        "fit.resizing.until",
        "Share of the epochs after which images have their whole size, from 0 to 1; their sides grow linearly until then.",
    ),
    (
        "fit.non_finite",
        "What becomes of a batch whose loss is infinite or not a number: `stop`, or `skip` to leave it out.",
    ),
    (
        "fit.patience",
        "Epochs without a lower validation loss after which training ends, at least 1; none for never.",
    ),
    (
        "predict.mirrored",
        "Whether a photo's probabilities are the mean of its own and its mirror image's.",
    ),
];

/// Tagged groups, which their tag alone stands for: `fit.optimizer=sgd`.
const TAGGED: [(&str, &str); 2] = [("fit.optimizer", "rule"), ("fit.schedule", "kind")];

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
        let mut sgd = full.clone();
        sgd.fit.optimizer = crate::OptimizerConfig::Sgd(crate::Sgd::default());
        let mut found = Vec::new();
        for recipe in [Recipe::default(), full, sgd] {
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
        assert_eq!(value["fit"]["schedule"], serde_json::json!({"kind": "constant"}));
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
