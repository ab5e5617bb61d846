//! What a run was, beside its numbers: the file `run.json`.

use serde::{Deserialize, Serialize};

/// A named value of the run: a setting, the machine, a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is, such as `Learning rate`.
    pub name: String,
    /// Its value, as text.
    pub value: String,
}

impl Fact {
    /// A fact.
    ///
    /// # Example
    /// ```
    /// let fact = marque_report::Fact::new("Batch size", 32);
    /// assert_eq!((fact.name.as_str(), fact.value.as_str()), ("Batch size", "32"));
    /// ```
    pub fn new(name: impl Into<String>, value: impl ToString) -> Self {
        Self {
            name: name.into(),
            value: value.to_string(),
        }
    }
}

/// What a network costs to hold and to run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The number of trained values.
    pub parameters: u64,
    /// Multiplications followed by an addition, for one photo.
    pub multiply_adds: u64,
    /// The time from one photo to its probabilities, in seconds, if it was measured.
    #[serde(default)]
    pub latency_seconds: Option<f64>,
}

/// A part of a run, such as one epoch or the test, with the time it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What was done.
    pub name: String,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What a run was, beside its history and its predictions.
///
/// # Example
/// ```
/// use marque_report::RunDetails;
///
/// let details: RunDetails = serde_json::from_str(r#"{"title": "ResNet-18"}"#)?;
/// assert_eq!(details.title, "ResNet-18");
/// assert!(details.cost.is_none() && details.stages.is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunDetails {
    /// The heading, such as `ResNet-34 from scratch`.
    pub title: String,
    /// The command that made the run.
    pub command: Option<String>,
    /// Configuration, machine and versions, in the order in which they are shown.
    pub facts: Vec<Fact>,
    /// Photos that were left out: path and reason.
    pub skipped: Vec<(String, String)>,
    /// What the network costs to hold and to run.
    pub cost: Option<Cost>,
    /// The parts of the run, in order.
    pub stages: Vec<Stage>,
}
