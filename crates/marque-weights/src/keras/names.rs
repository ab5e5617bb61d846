//! How Keras makes names.

use super::config::LayerConfig;
use std::cmp::Ordering;
use std::collections::HashMap;

/// Numbers names as Keras does: `dense`, `dense_1`, `dense_2`.
#[derive(Default)]
pub(super) struct Numbering(HashMap<String, usize>);

impl Numbering {
    pub(super) fn next(&mut self, name: &str) -> String {
        let count = self.0.entry(name.to_owned()).or_default();
        *count += 1;
        match *count {
            1 => name.to_owned(),
            count => format!("{name}_{}", count - 1),
        }
    }
}

/// `SeparableConv2D` → `separable_conv2d`, `ReLU` → `re_lu`, `LSTM` → `lstm`: `keras.src.utils.naming`.
pub(super) fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name
        .chars()
        .filter(|&c| c.is_alphanumeric() || c == '_')
        .collect();
    let mut split = Vec::with_capacity(letters.len());
    let mut matched_to = 0;
    for (place, &letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1);
        let next_is_small = letters.get(place + 1).is_some_and(char::is_ascii_lowercase);
        let previous = before.and_then(|before| letters.get(before));
        // A capital that begins a word: what is before it must not belong to an earlier match.
        let begins =
            letter.is_ascii_uppercase() && next_is_small && before.is_some_and(|at| at >= matched_to);
        let follows_small = letter.is_ascii_uppercase() && previous.is_some_and(char::is_ascii_lowercase);
        if begins || follows_small {
            split.push('_');
        }
        if begins {
            let word = letters.iter().skip(place + 1);
            matched_to = place + 1 + word.take_while(|c| c.is_ascii_lowercase()).count();
        }
        split.push(letter);
    }
    split.into_iter().flat_map(char::to_lowercase).collect()
}

/// `conv2d_10` → (`conv2d`, 10), `conv2d` → (`conv2d`, 0), `12` → (``, 12).
pub(super) fn numbered(name: &str) -> (&str, u64) {
    if let Ok(number) = name.parse() {
        return ("", number);
    }
    let split = name.rsplit_once('_');
    let parsed = split.and_then(|(class, number)| Some((class, number.parse().ok()?)));
    parsed.unwrap_or((name, 0))
}

/// By class, then by number: `conv2d_2` before `conv2d_10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    numbered(a).cmp(&numbered(b)).then_with(|| a.cmp(b))
}

/// The names of a layer's variables in the order in which Keras 3 stores them, if there are as many as there
/// must be.
pub(super) fn variables(
    class: &str,
    config: Option<&LayerConfig>,
    count: usize,
) -> Option<Vec<&'static str>> {
    let is_off = |switch| config.is_some_and(|config| config.is_off(switch));
    let mut names = match class {
        "dense" | "conv1d" | "conv2d" | "conv3d" | "conv1d_transpose" | "conv2d_transpose"
        | "conv3d_transpose" | "depthwise_conv1d" | "depthwise_conv2d" => vec!["kernel", "bias"],
        "separable_conv1d" | "separable_conv2d" => vec!["depthwise_kernel", "pointwise_kernel", "bias"],
        "batch_normalization" => vec!["gamma", "beta", "moving_mean", "moving_variance"],
        "layer_normalization" | "group_normalization" => vec!["gamma", "beta"],
        "p_re_lu" => vec!["alpha"],
        "embedding" => vec!["embeddings"],
        _ => return None,
    };
    let switches = [("use_bias", "bias"), ("scale", "gamma"), ("center", "beta")];
    names.retain(|&name| {
        !switches
            .iter()
            .any(|&(switch, variable)| variable == name && is_off(switch))
    });
    // Without a configuration, one missing variable can only be the bias; three of a batch norm are ambiguous.
    if config.is_none() {
        match (count + 1 == names.len(), names.last()) {
            (true, Some(&"bias")) => drop(names.pop()),
            _ if class == "batch_normalization" && count == 2 => {
                names.retain(|name| name.starts_with("moving"))
            }
            _ => {}
        }
    }
    (names.len() == count).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_in_snake_case() {
        for (class, expected) in [
            ("SeparableConv2D", "separable_conv2d"),
            ("BatchNormalization", "batch_normalization"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("ReLU", "re_lu"),
            ("PReLU", "p_re_lu"),
            ("LSTM", "lstm"),
            ("LSTMCell", "lstm_cell"),
            ("UpSampling2D", "up_sampling2d"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("GRUCellABc", "gru_cell_a_bc"),
        ] {
            assert_eq!(snake_case(class), expected);
        }
    }

    #[test]
    fn numbers_sort_as_numbers() {
        let mut names = ["conv2d_10", "dense", "conv2d", "conv2d_2", "10", "9"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["9", "10", "conv2d", "conv2d_2", "conv2d_10", "dense"]);
    }

    #[test]
    fn variables_are_named_only_if_there_is_no_doubt() {
        assert_eq!(variables("dense", None, 1), Some(vec!["kernel"]));
        assert_eq!(
            variables("batch_normalization", None, 2),
            Some(vec!["moving_mean", "moving_variance"])
        );
        assert_eq!(variables("batch_normalization", None, 3), None);
        assert_eq!(variables("dense", None, 4), None);
        assert_eq!(variables("lstm_cell", None, 3), None);
    }
}
