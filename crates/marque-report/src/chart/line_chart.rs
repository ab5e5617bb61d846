//! Charts of any lines.

use super::axis::Axis;
use super::curves::{Curve, Lines, Naming, steps_upward};
use super::plot::with_room;
use super::svg::{Dash, Svg};
use super::theme::Role;
use crate::Scale;
use crate::number::{Unit, value_text};

const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 420.0;
/// One for each series before they begin again; each is told from the others in the legend as well.
const DASHES: [Dash; 8] = [
    Dash::Solid,
    Dash::Long,
    Dash::Dotted,
    Dash::OneDot,
    Dash::Longest,
    Dash::Even,
    Dash::LongShort,
    Dash::TwoDots,
];

/// What an axis shows.
///
/// # Example
/// ```
/// use marque_report::{AxisOptions, Scale};
///
/// assert_eq!(AxisOptions::linear("Epoch").scale, Scale::Linear);
/// assert_eq!(AxisOptions::log10("Gradient norm").label, "Gradient norm");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AxisOptions {
    /// What is shown, with its unit, such as `Training error (%)`; superscripts such as `10⁻³` may be used.
    /// Characters beyond Latin, Greek and Cyrillic (such as the sign of a norm or of a partial derivative) are not in
    /// the font of a PNG. An empty label takes no room.
    pub label: String,
    /// How the values are laid out.
    pub scale: Scale,
}

impl AxisOptions {
    /// An axis on which equal differences take equal room.
    pub fn linear(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Linear,
        }
    }

    /// An axis on which equal ratios take equal room.
    pub fn log10(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Log10,
        }
    }
}

/// One line of a [`LineChart`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// Its points `(x, y)`, joined in the order given. The line is broken at a point that has no place: one with a
    /// coordinate that is not finite, at least 1e100 in size on a linear axis, or not above zero on a logarithmic one.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A series.
    ///
    /// # Example
    /// ```
    /// let series = marque_report::Series::new("0.6ⁿ", (0..3).map(|n| (f64::from(n), 0.6f64.powi(n))));
    /// assert_eq!(series.points[1], (1.0, 0.6));
    /// ```
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points: points.into_iter().collect(),
        }
    }
}

/// A chart of lines: each series has a colour and a dash of its own, so that the lines are told apart on paper without
/// colour too. Up to eight are; further ones repeat the colours with other dashes.
///
/// The lower axis runs from the least to the greatest x, a logarithmic one from tick to tick. The left axis takes in
/// zero if it is linear and zero is near. Decades are labelled as powers of ten, such as 10⁻³.
///
/// # Example
/// ```
/// use marque_report::{AxisOptions, LineChart, Series};
///
/// let power = |base: f64| (0..=50).map(move |n| (f64::from(n), base.powi(n)));
/// let chart = LineChart {
///     title: "A factor per layer".to_owned(),
///     x: AxisOptions::linear("Layers n"),
///     y: AxisOptions::log10("Factorⁿ"),
///     series: vec![Series::new("0.6ⁿ", power(0.6)), Series::new("1.6ⁿ", power(1.6))],
/// };
/// let drawing = chart.draw();
/// assert_eq!(drawing.title(), "A factor per layer");
/// assert_eq!(drawing.to_string().matches("<polyline").count(), 4, "two lines, and one each in the legend");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// What stands above the chart.
    pub title: String,
    /// The lower axis.
    pub x: AxisOptions,
    /// The left axis.
    pub y: AxisOptions,
    /// The lines, in the order of the legend.
    pub series: Vec<Series>,
}

impl LineChart {
    /// The chart as a drawing of 640 CSS pixels width; long names make it higher. A chart without a point that has a
    /// place says so.
    pub fn draw(&self) -> Svg {
        let placed: Vec<(f64, f64)> = self.placed().collect();
        let (across, upward) = (
            placed.iter().map(|point| point.0),
            placed.iter().map(|point| point.1),
        );
        let x = with_room(WIDTH - 110.0, |pieces| {
            Axis::tight(self.x.scale, across.clone(), pieces)
        });
        let y = Axis::enclosing(self.y.scale, upward, steps_upward(HEIGHT));
        let curves = self.series.iter().enumerate().map(|(index, series)| Curve {
            name: self.name(series),
            points: series.points.clone(),
            colour: Role::Series((index % 8) as u8),
            // The second eight have other pairs of colour and dash than the first.
            dash: DASHES[(index + index / 8) % 8],
        });
        let lines = Lines {
            title: self.title.clone(),
            width: WIDTH,
            height: HEIGHT,
            x,
            x_name: self.x.label.clone(),
            y,
            y_name: self.y.label.clone(),
            curves: curves.collect(),
            mark: None,
            naming: Naming::EveryCurve,
            key_px: 40.0,
            empty: "no values to draw",
        };
        lines.draw(self.title.clone(), self.describe())
    }

    fn placed(&self) -> impl Iterator<Item = (f64, f64)> {
        let points = self.series.iter().flat_map(|series| &series.points);
        points.copied().filter(|point| self.has_place(*point))
    }

    fn has_place(&self, (x, y): (f64, f64)) -> bool {
        self.x.scale.of(x).and(self.y.scale.of(y)).is_some()
    }

    /// The name for the legend: a line that is nowhere to be seen must not look forgotten.
    fn name(&self, series: &Series) -> String {
        match series.points.iter().any(|point| self.has_place(*point)) {
            true => series.name.clone(),
            false => format!("{} (no values)", series.name),
        }
    }

    fn describe(&self) -> String {
        let ends = |series: &Series| {
            let mut placed = series.points.iter().filter(|point| self.has_place(**point));
            let (first, last) = (placed.next()?, placed.next_back());
            let text = |point: &(f64, f64)| value_text(point.1, Unit::Plain);
            Some(match last {
                Some(last) => format!("{} from {} to {}", series.name, text(first), text(last)),
                None => format!("{} {}", series.name, text(first)),
            })
        };
        let all: Vec<String> = self.series.iter().filter_map(ends).collect();
        if all.is_empty() {
            return "No values to draw.".to_owned();
        }
        let name = |axis: &AxisOptions, other: &str| match axis.label.is_empty() {
            true => other.to_owned(),
            false => axis.label.clone(),
        };
        let (x, y) = (name(&self.x, "x"), name(&self.y, "y"));
        format!("{y} against {x}: {}.", all.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::svg::Node;

    #[test]
    fn eight_series_differ_in_colour_and_in_dash_and_64_in_their_pair() {
        let series = (0..64).map(|index| Series::new(format!("{index}"), [(0.0, 1.0), (1.0, 2.0)]));
        let chart = LineChart {
            series: series.collect(),
            ..LineChart::default()
        };
        let pens: Vec<(Role, Dash)> = chart
            .draw()
            .nodes
            .iter()
            .filter_map(|node| match node {
                Node::Curve { stroke, dashed, .. } => Some((*stroke, *dashed)),
                _ => None,
            })
            .take(64)
            .collect();
        for (index, a) in pens.iter().enumerate() {
            for (other, b) in pens.iter().enumerate().skip(index + 1) {
                assert_ne!(a, b, "{index} and {other}");
                assert!(other >= 8 || a.0 != b.0 && a.1 != b.1, "{index} and {other}");
            }
        }
    }
}
