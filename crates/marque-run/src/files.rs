//! Names in a run folder, beside those that the report has.

/// The best model so far.
pub(crate) const MODEL: &str = "model.safetensors";
/// The state of the training, until the run is done.
pub(crate) const STATE: &str = "state.safetensors";
/// The recipe with all decided.
pub(crate) const RECIPE: &str = "recipe.json";
/// The photos in their parts, as a list that another training can be given.
pub(crate) const SPLIT: &str = "split.csv";
/// The last file of a run: where it is, all others are.
pub(crate) const DONE: &str = "run.json";
/// Outputs of frozen layers.
pub(crate) const FEATURES: &str = "features";
/// Models of the last epochs.
pub(crate) const EPOCHS: &str = "epochs";
/// What happened, a line of JSON for each event.
pub(crate) const LOG: &str = "log.jsonl";
/// TensorBoard's event files.
pub(crate) const TENSORBOARD: &str = "tensorboard";
