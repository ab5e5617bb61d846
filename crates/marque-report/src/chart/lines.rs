//! Curves over epochs.

use marque_metrics::{EpochRecord, History};

use super::axis::{Axis, drawable};
use super::curves::{Curve, Lines, Mark, Naming, steps_upward};
use super::plot::with_room;
use super::svg::{Dash, Svg};
use super::theme::Role;
use crate::Scale;
use crate::number::{Unit, value_text};

const WIDTH: f32 = 560.0;

/// The loss of the training and the validation part over the epochs, with the best epoch marked.
///
/// Epochs whose loss is not a number leave a gap. The best epoch is [`History::best_epoch`]: that of the lowest
/// validation loss.
pub fn loss_chart(history: &History) -> Svg {
    let curves = vec![
        training(history, |epoch| Some(epoch.train_loss)),
        validation(history, |epoch| epoch.validation_loss),
    ];
    let chart = EpochChart {
        title: "Loss",
        height: 350.0,
        unit: Unit::Plain,
        best: best(history),
    };
    chart.draw(curves)
}

/// The accuracy of the training and the validation part over the epochs, with the best epoch (that of the lowest
/// validation loss) marked.
pub fn accuracy_chart(history: &History) -> Svg {
    let curves = vec![
        training(history, |epoch| Some(epoch.train_accuracy)),
        validation(history, |epoch| epoch.validation_accuracy),
    ];
    let chart = EpochChart {
        title: "Accuracy",
        height: 350.0,
        unit: Unit::Percent,
        best: best(history),
    };
    chart.draw(curves)
}

/// The learning rate over the epochs: a small chart.
pub fn learning_rate_chart(history: &History) -> Svg {
    let curves = vec![training(history, |epoch| Some(epoch.learning_rate))];
    let chart = EpochChart {
        title: "Learning rate",
        height: 200.0,
        unit: Unit::Plain,
        best: None,
    };
    chart.draw(curves)
}

/// The epoch that is marked; of one alone it would say nothing.
fn best(history: &History) -> Option<u32> {
    let best = history.best_epoch().filter(|_| history.epochs.len() > 1);
    best.map(|epoch| epoch.epoch)
}

fn training(history: &History, value: impl Fn(&EpochRecord) -> Option<f64>) -> Curve {
    Curve {
        name: "Training".to_owned(),
        colour: Role::Training,
        dash: Dash::Long,
        points: points(history, value),
    }
}

fn validation(history: &History, value: impl Fn(&EpochRecord) -> Option<f64>) -> Curve {
    Curve {
        name: "Validation".to_owned(),
        colour: Role::Validation,
        dash: Dash::Solid,
        points: points(history, value),
    }
}

/// One value per epoch; not a number where there is none.
fn points(history: &History, value: impl Fn(&EpochRecord) -> Option<f64>) -> Vec<(f64, f64)> {
    history
        .epochs
        .iter()
        .map(|epoch| (f64::from(epoch.epoch), value(epoch).unwrap_or(f64::NAN)))
        .collect()
}

struct EpochChart {
    title: &'static str,
    height: f32,
    unit: Unit,
    best: Option<u32>,
}

impl EpochChart {
    fn draw(self, mut curves: Vec<Curve>) -> Svg {
        curves.retain(|curve| last(curve).is_some());
        let values = curves.iter().flat_map(|curve| &curve.points).map(|point| point.1);
        let y = Axis::around(values, self.unit, steps_upward(self.height));
        let epochs = curves.iter().flat_map(|curve| &curve.points).map(|point| point.0);
        let x = with_room(WIDTH - 80.0, |pieces| {
            Axis::tight(Scale::Linear, epochs.clone(), pieces)
        });
        let best = self.best_value(&curves);
        let mark = best.map(|(epoch, curve, value)| Mark {
            at: (f64::from(epoch), value),
            colour: curve.colour,
            label: format!("best epoch {epoch}: {}", value_text(value, self.unit)),
            title: format!("Best epoch {epoch}: {}", value_text(value, self.unit)),
        });
        let (title, description) = (format!("{} over the epochs", self.title), self.describe(&curves));
        let lines = Lines {
            title: self.title.to_owned(),
            width: WIDTH,
            height: self.height,
            x,
            x_name: "Epoch".to_owned(),
            y,
            y_name: String::new(),
            curves,
            mark,
            naming: Naming::SeveralCurves,
            key_px: 22.0,
            empty: "no epoch to draw",
        };
        lines.draw(title, description)
    }

    /// The curve whose value at the best epoch is marked: the last one, which is validation where there is any.
    fn best_value<'a>(&self, curves: &'a [Curve]) -> Option<(u32, &'a Curve, f64)> {
        let (epoch, curve) = (self.best?, curves.last()?);
        let at = |point: &&(f64, f64)| point.0 == f64::from(epoch);
        let value = curve.points.iter().find(at)?.1;
        drawable(value).then_some((epoch, curve, value))
    }

    fn describe(&self, curves: &[Curve]) -> String {
        let Some(first) = curves.first() else {
            return format!("{}: no epoch to draw.", self.title);
        };
        let named = |curve: &Curve| {
            let value = last(curve).map_or_else(String::new, |value| value_text(value, self.unit));
            let name = match curves.len() {
                1 => self.title,
                _ => curve.name.as_str(),
            };
            format!("{name} {value}")
        };
        let values: Vec<String> = curves.iter().map(named).collect();
        let epochs = match first.points.len() {
            1 => "1 epoch".to_owned(),
            several => format!("{several} epochs"),
        };
        let mut text = format!("After {epochs}: {}.", values.join(", "));
        if let Some((epoch, _, value)) = self.best_value(curves) {
            text += &format!(" At the best epoch, {epoch}: {}.", value_text(value, self.unit));
        }
        text
    }
}

/// The last value that can be drawn.
fn last(curve: &Curve) -> Option<f64> {
    let values = curve.points.iter().rev().map(|point| point.1);
    values.into_iter().find(|value| drawable(*value))
}
