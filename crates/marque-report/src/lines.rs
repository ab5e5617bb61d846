//! Curves over epochs.

use marque_metrics::{EpochRecord, History};

use crate::axis::{Axis, Unit, drawable, epoch_ticks, value_text};
use crate::names::SPARE;
use crate::svg::{Anchor, Dash, MARGIN, Node, Point, Svg, Text};
use crate::theme::Role;

const WIDTH: f32 = 560.0;
const TEXT: f32 = 14.0;
/// Up to this many epochs each one is also marked by a dot.
const MOST_DOTS: usize = 24;

/// The loss of the training and the validation part over the epochs, with the best epoch marked.
///
/// Epochs whose loss is not a number leave a gap. The best epoch is [`History::best_epoch`]: that of the lowest
/// validation loss.
pub fn loss_chart(history: &History) -> Svg {
    let curves = vec![
        Curve::training(history, |epoch| Some(epoch.train_loss)),
        Curve::validation(history, |epoch| epoch.validation_loss),
    ];
    LineChart {
        title: "Loss",
        height: 350.0,
        unit: Unit::Plain,
        curves,
        best: best(history),
    }
    .draw()
}

/// The accuracy of the training and the validation part over the epochs, with the best epoch (that of the lowest
/// validation loss) marked.
pub fn accuracy_chart(history: &History) -> Svg {
    let curves = vec![
        Curve::training(history, |epoch| Some(epoch.train_accuracy)),
        Curve::validation(history, |epoch| epoch.validation_accuracy),
    ];
    LineChart {
        title: "Accuracy",
        height: 350.0,
        unit: Unit::Percent,
        curves,
        best: best(history),
    }
    .draw()
}

/// The learning rate over the epochs: a small chart.
pub fn learning_rate_chart(history: &History) -> Svg {
    let curves = vec![Curve::training(history, |epoch| Some(epoch.learning_rate))];
    LineChart {
        title: "Learning rate",
        height: 200.0,
        unit: Unit::Plain,
        curves,
        best: None,
    }
    .draw()
}

fn best(history: &History) -> Option<u32> {
    history.best_epoch().map(|epoch| epoch.epoch)
}

/// One value per epoch; not a number where there is none.
struct Curve {
    name: &'static str,
    colour: Role,
    dashed: Dash,
    values: Vec<(u32, f64)>,
}

impl Curve {
    fn training(history: &History, value: impl Fn(&EpochRecord) -> Option<f64>) -> Self {
        Self {
            name: "Training",
            colour: Role::Training,
            dashed: Dash::Long,
            values: values(history, value),
        }
    }

    fn validation(history: &History, value: impl Fn(&EpochRecord) -> Option<f64>) -> Self {
        Self {
            name: "Validation",
            colour: Role::Validation,
            dashed: Dash::Solid,
            values: values(history, value),
        }
    }

    /// The last value that can be drawn.
    fn last(&self) -> Option<f64> {
        self.values
            .iter()
            .rev()
            .map(|(_, value)| *value)
            .find(|value| drawable(*value))
    }

    fn at(&self, epoch: u32) -> Option<f64> {
        self.values
            .iter()
            .find(|(at, _)| *at == epoch)
            .map(|(_, value)| *value)
            .filter(|value| drawable(*value))
    }
}

fn values(history: &History, value: impl Fn(&EpochRecord) -> Option<f64>) -> Vec<(u32, f64)> {
    history
        .epochs
        .iter()
        .map(|epoch| (epoch.epoch, value(epoch).unwrap_or(f64::NAN)))
        .collect()
}

struct LineChart {
    title: &'static str,
    height: f32,
    unit: Unit,
    curves: Vec<Curve>,
    best: Option<u32>,
}

/// The plot area and the axes that map values into it.
struct Plot {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
    epochs: (u32, u32),
    axis: Axis,
}

impl Plot {
    fn x(&self, epoch: u32) -> f32 {
        let (first, last) = self.epochs;
        if first == last {
            return (self.left + self.right) / 2.0;
        }
        let share = f64::from(epoch.saturating_sub(first)) / f64::from(last - first);
        self.left + (self.right - self.left) * share as f32
    }

    fn y(&self, value: f64) -> f32 {
        self.bottom + (self.top - self.bottom) * self.axis.position(value)
    }
}

impl LineChart {
    fn draw(mut self) -> Svg {
        self.curves.retain(|curve| curve.last().is_some());
        let plot = self.plot();
        let mut nodes = vec![Node::Text(Text::new((MARGIN, 30.0), 17.0, self.title).bold())];
        self.draw_axes(&plot, &mut nodes);
        self.draw_best(&plot, &mut nodes);
        for curve in &self.curves {
            draw_curve(curve, &plot, &mut nodes);
        }
        self.draw_best_value(&plot, &mut nodes);
        self.draw_legend(&mut nodes);
        if self.curves.is_empty() {
            let centre = ((plot.left + plot.right) / 2.0, (plot.top + plot.bottom) / 2.0);
            let text = Text::new(centre, TEXT, "no epoch to draw")
                .colour(Role::Muted)
                .anchor(Anchor::Middle);
            nodes.push(Node::Text(text));
        }
        let title = format!("{} over the epochs", self.title);
        Svg {
            width: WIDTH,
            height: self.height,
            title,
            description: self.describe(),
            nodes,
        }
    }

    fn plot(&self) -> Plot {
        let values = self
            .curves
            .iter()
            .flat_map(|curve| &curve.values)
            .map(|(_, value)| *value);
        // A grid line at least every thirty-five pixels.
        let pieces = ((self.height - 126.0) / 35.0).floor();
        let axis = Axis::around(values, self.unit, f64::from(pieces));
        let widest = axis
            .ticks()
            .iter()
            .map(|tick| Text::new((0.0, 0.0), TEXT, axis.label(*tick, self.unit)).width())
            .fold(0.0, f32::max);
        let epochs = || {
            self.curves
                .iter()
                .flat_map(|curve| &curve.values)
                .map(|(epoch, _)| *epoch)
        };
        let ends = (epochs().min().unwrap_or(1), epochs().max().unwrap_or(1));
        let top = if self.curves.len() > 1 || self.best.is_some() {
            76.0
        } else {
            54.0
        };
        // Half of the first and the last epoch's number stick out at the sides.
        let half = |epoch: u32| Text::new((0.0, 0.0), TEXT, epoch.to_string()).width() * SPARE / 2.0;
        Plot {
            left: MARGIN + f32::max(10.0 + widest * SPARE, half(ends.0)),
            right: WIDTH - f32::max(26.0, half(ends.1) + 6.0),
            top,
            bottom: self.height - 50.0,
            epochs: ends,
            axis,
        }
    }

    fn draw_axes(&self, plot: &Plot, nodes: &mut Vec<Node>) {
        for tick in plot.axis.ticks() {
            let y = plot.y(tick);
            nodes.push(line((plot.left, y), (plot.right, y), Role::Grid));
            let label = Text::new(
                (plot.left - 10.0, y + 5.0),
                TEXT,
                plot.axis.label(tick, self.unit),
            );
            nodes.push(Node::Text(label.colour(Role::Muted).anchor(Anchor::End)));
        }
        nodes.push(line(
            (plot.left, plot.bottom),
            (plot.right, plot.bottom),
            Role::Axis,
        ));
        if self.curves.is_empty() {
            return;
        }
        for epoch in epoch_ticks(plot.epochs.0, plot.epochs.1) {
            let x = plot.x(epoch);
            nodes.push(line((x, plot.bottom), (x, plot.bottom + 5.0), Role::Axis));
            let label = Text::new((x, plot.bottom + 21.0), TEXT, epoch.to_string());
            nodes.push(Node::Text(label.colour(Role::Muted).anchor(Anchor::Middle)));
        }
        let centre = ((plot.left + plot.right) / 2.0, plot.bottom + 40.0);
        nodes.push(Node::Text(
            Text::new(centre, TEXT, "Epoch")
                .colour(Role::Muted)
                .anchor(Anchor::Middle),
        ));
    }

    /// The curve whose value at the best epoch is marked: the last one, which is validation where there is any.
    fn best_value(&self) -> Option<(u32, &Curve, f64)> {
        let (epoch, curve) = (self.best?, self.curves.last()?);
        Some((epoch, curve, curve.at(epoch)?))
    }

    fn draw_best(&self, plot: &Plot, nodes: &mut Vec<Node>) {
        if let Some((epoch, ..)) = self.best_value() {
            let x = plot.x(epoch);
            let (from, to) = ((x, plot.top), (x, plot.bottom));
            nodes.push(Node::Line {
                from,
                to,
                stroke: Role::Muted,
                dashed: Dash::Short,
            });
        }
    }

    fn draw_best_value(&self, plot: &Plot, nodes: &mut Vec<Node>) {
        if let Some((epoch, curve, value)) = self.best_value() {
            let dot = ring((plot.x(epoch), plot.y(value)), curve.colour);
            let title = format!("Best epoch {epoch}: {}", value_text(value, self.unit));
            nodes.push(Node::Titled {
                title,
                children: vec![dot],
            });
        }
    }

    /// One row under the title, where no curve can come.
    fn draw_legend(&self, nodes: &mut Vec<Node>) {
        let baseline = 56.0;
        let mut x = MARGIN;
        let mut entry = |key: fn(Point, &Curve) -> Node, curve: &Curve, label: String| {
            nodes.push(key((x, baseline - 5.0), curve));
            let text = Text::new((x + 30.0, baseline), TEXT, label);
            x += 30.0 + text.width() * SPARE + 22.0;
            nodes.push(Node::Text(text));
        };
        if self.curves.len() > 1 {
            for curve in &self.curves {
                entry(
                    |(x, y), curve| stroke(vec![(x, y), (x + 22.0, y)], curve),
                    curve,
                    curve.name.to_owned(),
                );
            }
        }
        if let Some((epoch, curve, value)) = self.best_value() {
            let label = format!("best epoch {epoch}: {}", value_text(value, self.unit));
            entry(|(x, y), curve| ring((x + 11.0, y), curve.colour), curve, label);
        }
    }

    fn describe(&self) -> String {
        let Some(first) = self.curves.first() else {
            return format!("{}: no epoch to draw.", self.title);
        };
        let named = |curve: &Curve| {
            let value = curve
                .last()
                .map_or_else(String::new, |value| value_text(value, self.unit));
            let name = if self.curves.len() > 1 {
                curve.name
            } else {
                self.title
            };
            format!("{name} {value}")
        };
        let values: Vec<String> = self.curves.iter().map(named).collect();
        let mut text = format!("After {} epochs: {}.", first.values.len(), values.join(", "));
        if let Some((epoch, _, value)) = self.best_value() {
            text += &format!(" At the best epoch, {epoch}: {}.", value_text(value, self.unit));
        }
        text
    }
}

/// A curve is broken where a value cannot be drawn; a value alone between two gaps is a dot.
fn draw_curve(curve: &Curve, plot: &Plot, nodes: &mut Vec<Node>) {
    for run in curve
        .values
        .split(|(_, value)| !drawable(*value))
        .filter(|run| !run.is_empty())
    {
        let points: Vec<Point> = run
            .iter()
            .map(|(epoch, value)| (plot.x(*epoch), plot.y(*value)))
            .collect();
        if points.len() == 1 || curve.values.len() <= MOST_DOTS {
            let dot = |at: &Point| Node::Dot {
                at: *at,
                radius: 2.0,
                fill: curve.colour,
                stroke: curve.colour,
            };
            nodes.extend(points.iter().map(dot));
        }
        if points.len() > 1 {
            nodes.push(stroke(points, curve));
        }
    }
}

fn stroke(points: Vec<Point>, curve: &Curve) -> Node {
    Node::Curve {
        points,
        stroke: curve.colour,
        dashed: curve.dashed,
    }
}

fn ring(at: Point, stroke: Role) -> Node {
    Node::Dot {
        at,
        radius: 5.0,
        fill: Role::Surface,
        stroke,
    }
}

fn line(from: Point, to: Point, stroke: Role) -> Node {
    Node::Line {
        from,
        to,
        stroke,
        dashed: Dash::Solid,
    }
}
