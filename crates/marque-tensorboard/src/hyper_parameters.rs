use crate::Error;
use crate::error::{check_distinct, check_name};
use crate::proto::Message;
use crate::summary::plugin_data;

const PLUGIN: &str = "hparams";

/// What a training was done with, as one cell of TensorBoard's table of hyper-parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum HyperParameter {
    /// A finite number; runs can be filtered by an interval of it and sorted by it.
    Number(f64),
    /// A text.
    Text(String),
    /// Yes or no.
    Boolean(bool),
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// As it should.
    Success,
    /// With an error.
    Failure,
}

/// The values that declare an experiment, if there are metrics to name, and the beginning of a session.
pub(crate) fn start(
    hyper_parameters: &[(&str, HyperParameter)],
    metrics: &[&str],
    wall_time: f64,
) -> Result<Vec<Message>, Error> {
    check(hyper_parameters, metrics)?;
    let mut values = Vec::new();
    if !metrics.is_empty() {
        let content = Message::new().message(2, &experiment(hyper_parameters, metrics, wall_time));
        values.push(plugin_data("_hparams_/experiment", PLUGIN, &content)?);
    }
    let mut session = Message::new();
    for (name, value) in hyper_parameters {
        let entry = Message::new().text(1, name).message(2, &value.message());
        session = session.message(1, &entry);
    }
    let content = Message::new().message(3, &session.double(5, wall_time));
    values.push(plugin_data("_hparams_/session_start_info", PLUGIN, &content)?);
    Ok(values)
}

/// The value that declares a session's end.
pub(crate) fn end(status: Status, wall_time: f64) -> Result<Message, Error> {
    let status = match status {
        Status::Success => 1,
        Status::Failure => 2,
    };
    let session = Message::new().integer(1, status).double(2, wall_time);
    plugin_data(
        "_hparams_/session_end_info",
        PLUGIN,
        &Message::new().message(4, &session),
    )
}

fn check(hyper_parameters: &[(&str, HyperParameter)], metrics: &[&str]) -> Result<(), Error> {
    for (name, value) in hyper_parameters {
        check_name("a hyper-parameter", name)?;
        match *value {
            HyperParameter::Number(found) if !found.is_finite() => {
                let name = (*name).to_owned();
                return Err(Error::NotFinite { name, found });
            }
            _ => {}
        }
    }
    check_distinct(hyper_parameters.iter().map(|(name, _)| *name))?;
    metrics
        .iter()
        .try_for_each(|metric| check_name("a metric", metric))
}

fn experiment(hyper_parameters: &[(&str, HyperParameter)], metrics: &[&str], wall_time: f64) -> Message {
    let mut experiment = Message::new().double(3, wall_time);
    for (name, value) in hyper_parameters {
        let info = Message::new().text(1, name).integer(4, value.data_type());
        experiment = experiment.message(4, &info);
    }
    for metric in metrics {
        let name = Message::new().text(2, metric);
        experiment = experiment.message(5, &Message::new().message(1, &name));
    }
    experiment
}

impl HyperParameter {
    /// A `google.protobuf.Value`.
    fn message(&self) -> Message {
        match self {
            Self::Number(number) => Message::new().double(2, *number),
            Self::Text(text) => Message::new().text(3, text),
            Self::Boolean(yes) => Message::new().integer(4, (*yes).into()),
        }
    }

    /// One of the plugin's `DataType`.
    fn data_type(&self) -> i64 {
        match self {
            Self::Text(_) => 1,
            Self::Boolean(_) => 2,
            Self::Number(_) => 3,
        }
    }
}
