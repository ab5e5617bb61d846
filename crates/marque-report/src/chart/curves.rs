//! How every chart of lines is drawn.

use super::axis::Axis;
use super::legend::{Key, Legend};
use super::plot::{NAME, Plot, TEXT, heading, label_width, quiet, widest};
use super::svg::{Anchor, Dash, MARGIN, Node, Point, Svg, line, ring};
use super::theme::Role;

/// Up to this many points each one is also marked by a dot,
const MOST_DOTS: usize = 24;
/// and up to this many curves: more of them are told apart by their dashes, which dots would hide.
const MOST_DOTTED: usize = 2;

/// One curve; it is broken where a point has no place.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) colour: Role,
    pub(crate) dash: Dash,
}

/// One point of a curve that is pointed out.
pub(crate) struct Mark {
    pub(crate) at: (f64, f64),
    pub(crate) colour: Role,
    /// Under the title, beside a ring.
    pub(crate) label: String,
    /// Under the pointer.
    pub(crate) title: String,
}

/// When a legend is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// A curve alone is what the title says.
    SeveralCurves,
    /// Every curve is named.
    EveryCurve,
}

/// A chart of lines before it is drawn.
pub(crate) struct Lines {
    pub(crate) title: String,
    pub(crate) width: f32,
    /// With one row of names; every other row adds to it.
    pub(crate) height: f32,
    pub(crate) x: Axis,
    pub(crate) x_name: String,
    pub(crate) y: Axis,
    pub(crate) y_name: String,
    pub(crate) curves: Vec<Curve>,
    pub(crate) mark: Option<Mark>,
    pub(crate) naming: Naming,
    /// The length of a line before its name.
    pub(crate) key_px: f32,
    /// What is said where there is nothing to draw.
    pub(crate) empty: &'static str,
}

impl Lines {
    /// The drawing, with what it is called and what it shows.
    pub(crate) fn draw(self, title: String, description: String) -> Svg {
        let legend = self.legend();
        let height = self.height + legend.extra_height();
        let width = self.width;
        let plot = self.plot(&legend, height);
        let is_empty = !self.curves.iter().any(|curve| self.has_place(curve));
        let mut nodes = vec![heading(&self.title, width)];
        plot.draw_left_name(&self.y_name, &mut nodes);
        for tick in &plot.y.ticks {
            let y = plot.upward(tick);
            nodes.push(line((plot.left, y), (plot.right, y), Role::Grid));
            nodes.push(plot.left_label(tick));
        }
        let (from, to) = ((plot.left, plot.bottom), (plot.right, plot.bottom));
        nodes.push(line(from, to, Role::Axis));
        if is_empty {
            let centre = ((plot.left + plot.right) / 2.0, (plot.top + plot.bottom) / 2.0);
            nodes.push(Node::Text(quiet(centre, self.empty).anchor(Anchor::Middle)));
        } else {
            plot.draw_lower_labels(&self.x_name, &mut nodes);
        }
        self.draw_curves(&plot, &mut nodes);
        legend.draw(&mut nodes);
        Svg {
            width,
            height,
            title,
            description,
            nodes,
        }
    }

    fn has_place(&self, curve: &Curve) -> bool {
        let placed = |(x, y): &(f64, f64)| self.x.position(*x).and(self.y.position(*y)).is_some();
        curve.points.iter().any(placed)
    }

    fn legend(&self) -> Legend {
        let mut entries = Vec::new();
        if self.curves.len() > 1 || self.naming == Naming::EveryCurve {
            entries.extend(
                self.curves
                    .iter()
                    .map(|curve| (Key::Stroke(curve.colour, curve.dash), curve.name.clone())),
            );
        }
        entries.extend(
            self.mark
                .iter()
                .map(|mark| (Key::Ring(mark.colour), mark.label.clone())),
        );
        Legend::new(entries, self.key_px, self.width)
    }

    fn plot(&self, legend: &Legend, height: f32) -> Plot {
        let name = if self.y_name.is_empty() { 0.0 } else { NAME };
        // Half of the first and the last label stick out at the sides.
        let half = |tick: Option<_>| tick.map_or(0.0, label_width) / 2.0;
        let top = if legend.is_empty() {
            54.0
        } else {
            76.0 + legend.extra_height()
        };
        Plot {
            left: MARGIN + name + f32::max(10.0 + widest(&self.y), half(self.x.ticks.first())),
            right: self.width - f32::max(26.0, half(self.x.ticks.last()) + 6.0),
            top,
            bottom: height - 50.0,
            x: self.x.clone(),
            y: self.y.clone(),
        }
    }

    fn draw_curves(&self, plot: &Plot, nodes: &mut Vec<Node>) {
        let mark = self.mark.as_ref();
        let marked = mark.and_then(|mark| Some((mark, plot.place(mark.at)?)));
        if let Some((_, (x, _))) = marked {
            nodes.push(Node::Line {
                from: (x, plot.top),
                to: (x, plot.bottom),
                stroke: Role::Muted,
                dashed: Dash::Short,
            });
        }
        let dotted = self.curves.len() <= MOST_DOTTED;
        for curve in &self.curves {
            let most = if dotted { MOST_DOTS } else { 0 };
            draw_curve(curve, plot, most, nodes);
        }
        if let Some((mark, at)) = marked {
            nodes.push(Node::Titled {
                title: mark.title.clone(),
                children: vec![ring(at, mark.colour)],
            });
        }
    }
}

/// A curve is broken where a value cannot be drawn; a value alone between two gaps is a dot.
fn draw_curve(curve: &Curve, plot: &Plot, most_dots: usize, nodes: &mut Vec<Node>) {
    let places: Vec<Option<Point>> = curve.points.iter().map(|point| plot.place(*point)).collect();
    for run in places.split(Option::is_none).filter(|run| !run.is_empty()) {
        let points: Vec<Point> = run.iter().copied().flatten().collect();
        if points.len() == 1 || curve.points.len() <= most_dots {
            let dot = |at: &Point| Node::Dot {
                at: *at,
                radius: 2.0,
                fill: curve.colour,
                stroke: curve.colour,
            };
            nodes.extend(points.iter().map(dot));
        }
        if points.len() > 1 {
            nodes.push(Node::Curve {
                points,
                stroke: curve.colour,
                dashed: curve.dash,
            });
        }
    }
}

/// How many steps an upright axis has room for, with a grid line at least every thirty-five pixels.
pub(crate) fn steps_upward(height: f32) -> f64 {
    f64::from(((height - 126.0) / (TEXT * 2.5)).floor())
}
