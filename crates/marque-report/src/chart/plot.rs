//! The area of a chart between two axes, and what stands beside it.

use super::axis::{Axis, Tick};
use super::font::{Weight, shorten};
use super::names::SPARE;
use super::svg::{Anchor, MARGIN, Node, Point, Text, line};
use super::theme::Role;
use crate::Scale;

/// The size of text beside a plot, in pixels.
pub(crate) const TEXT: f32 = 14.0;
/// The room for the name of an upright axis, in pixels.
pub(crate) const NAME: f32 = 22.0;

/// A plot area and the axes that map values into it.
pub(crate) struct Plot {
    pub(crate) left: f32,
    pub(crate) right: f32,
    pub(crate) top: f32,
    pub(crate) bottom: f32,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

impl Plot {
    pub(crate) fn width(&self) -> f32 {
        self.right - self.left
    }

    pub(crate) fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// Where a tick of the lower axis stands.
    pub(crate) fn across(&self, tick: &Tick) -> f32 {
        self.left + self.width() * self.x.share(tick.at)
    }

    /// Where a tick of the left axis stands.
    pub(crate) fn upward(&self, tick: &Tick) -> f32 {
        self.bottom + (self.top - self.bottom) * self.y.share(tick.at)
    }

    /// Where a point stands; `None` where one of its coordinates has no place.
    pub(crate) fn place(&self, (x, y): (f64, f64)) -> Option<Point> {
        let (x, y) = (self.x.position(x)?, self.y.position(y)?);
        Some((
            self.left + self.width() * x,
            self.bottom + (self.top - self.bottom) * y,
        ))
    }

    /// The label of a tick of the left axis.
    pub(crate) fn left_label(&self, tick: &Tick) -> Node {
        let at = (self.left - 10.0, self.upward(tick) + 5.0);
        Node::Text(quiet(at, &tick.label).anchor(Anchor::End))
    }

    /// Ticks, labels and the name of the lower axis.
    pub(crate) fn draw_lower_labels(&self, name: &str, nodes: &mut Vec<Node>) {
        // Raised exponents need more room under the last label of the left axis.
        let below = match self.x.scale {
            Scale::Linear => 21.0,
            Scale::Log10 => 23.0,
        };
        for tick in &self.x.ticks {
            let x = self.across(tick);
            nodes.push(line((x, self.bottom), (x, self.bottom + 5.0), Role::Axis));
            let label = quiet((x, self.bottom + below), &tick.label);
            nodes.push(Node::Text(label.anchor(Anchor::Middle)));
        }
        let centre = ((self.left + self.right) / 2.0, self.bottom + 40.0);
        draw_name(quiet(centre, name), self.width(), nodes);
    }

    /// The name of the left axis, upright at the margin.
    pub(crate) fn draw_left_name(&self, name: &str, nodes: &mut Vec<Node>) {
        let at = (MARGIN + 12.0, (self.top + self.bottom) / 2.0);
        draw_name(quiet(at, name).upward(), self.height(), nodes);
    }
}

/// A name centred on its place, shortened to the room there is.
pub(crate) fn draw_name(name: Text, room: f32, nodes: &mut Vec<Node>) {
    if name.content.is_empty() {
        return;
    }
    let content = shorten(&name.content, room / SPARE, name.size, name.weight);
    nodes.push(Node::Text(Text { content, ..name }.anchor(Anchor::Middle)));
}

/// The title of a chart, shortened to the width of the chart.
pub(crate) fn heading(title: &str, width: f32) -> Node {
    let content = shorten(title, (width - 2.0 * MARGIN) / SPARE, 17.0, Weight::SemiBold);
    Node::Text(Text::new((MARGIN, 30.0), 17.0, content).bold())
}

/// Text of less weight, beside a plot.
pub(crate) fn quiet(at: Point, content: impl Into<String>) -> Text {
    Text::new(at, TEXT, content).colour(Role::Muted)
}

/// The width of the widest label, with some to spare for other fonts.
pub(crate) fn widest(axis: &Axis) -> f32 {
    axis.ticks.iter().map(label_width).fold(0.0, f32::max)
}

/// The width of a label, with some to spare for other fonts.
pub(crate) fn label_width(tick: &Tick) -> f32 {
    quiet((0.0, 0.0), tick.label.as_str()).width() * SPARE
}

/// The axis of the finest division whose labels fit side by side into `width`; `axis` makes one of at most so many
/// steps.
pub(crate) fn with_room(width: f32, axis: impl Fn(f64) -> Axis) -> Axis {
    let fits = |axis: &Axis| {
        let mut gaps = axis.ticks.windows(2);
        gaps.all(|pair| {
            let apart = (axis.share(pair[1].at) - axis.share(pair[0].at)) * width;
            apart >= (label_width(&pair[0]) + label_width(&pair[1])) / 2.0 + 8.0
        })
    };
    let found = [8.0, 6.0, 5.0, 4.0, 3.0, 2.0].into_iter().map(&axis).find(fits);
    found.unwrap_or_else(|| axis(1.0))
}
