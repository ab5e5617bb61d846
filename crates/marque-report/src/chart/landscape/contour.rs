//! Contour plots.

use ndarray::Array2;

use super::regions::Field;
use crate::chart::axis::Axis;
use crate::chart::colour_map::{colour, mixed};
use crate::chart::names::SPARE;
use crate::chart::plot::{NAME, Plot, TEXT, draw_name, heading, label_width, quiet, widest, with_room};
use crate::chart::svg::{Anchor, MARGIN, Node, Point, Svg};
use crate::chart::theme::{Rgb, Role};
use crate::number::{Unit, value_text};
use crate::{Error, Grid, Scale};

const WIDTH: f32 = 420.0;
/// The height of a plot whose sides do not have the same unit.
const HEIGHT: f32 = 340.0;
const TOP: f32 = 54.0;
/// The colour bar: its distance from the plot, and its width.
const BESIDE: f32 = 24.0;
const BAR: f32 = 18.0;
/// Labels of levels are at least this far from each other.
const APART: f32 = 16.0;

/// What a contour plot says and how it divides its values.
///
/// # Example
/// ```
/// use marque_report::{ContourOptions, Scale};
///
/// let options = ContourOptions {
///     title: "Loss around the minimum".to_owned(),
///     scale: Scale::Log10,
///     ..ContourOptions::default()
/// };
/// assert_eq!(options.most_bands, 12);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ContourOptions {
    /// What stands above the plot.
    pub title: String,
    /// What x is; may be empty.
    pub x_label: String,
    /// What y is; may be empty.
    pub y_label: String,
    /// What the values are; may be empty.
    pub value_label: String,
    /// Whether levels have equal differences or equal ratios.
    pub scale: Scale,
    /// The most bands of colour, from 2 to 64. Levels are round numbers, so there may be fewer. The default, 12, are
    /// as many as one tells apart on a colour bar.
    pub most_bands: usize,
    /// Two values that the levels reach even if the grid does not: plots with the same pair can be compared. None by
    /// default.
    pub reaches: Option<(f64, f64)>,
}

impl Default for ContourOptions {
    fn default() -> Self {
        Self {
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            value_label: String::new(),
            scale: Scale::Linear,
            most_bands: 12,
            reaches: None,
        }
    }
}

/// The values of a grid seen from above: bands of colour between levels, with a line at each level, found by marching
/// squares (Lorensen and Cline, 1987, in two dimensions; a saddle is decided by the mean of its corners).
///
/// The colour bar at the right names the levels. Both sides have the same unit of length if x and y have the same
/// range. A ring marks the point (0, 0), if it is in the plot. Cells at a value that has no place (not finite, at
/// least 1e100 in size on a linear scale, not above zero on a logarithmic one) are left grey.
///
/// # Errors
/// [`Error::GridSize`], [`Error::GridShape`] and [`Error::Coordinate`] for a grid that is none, [`Error::Setting`] for
/// a number of bands that cannot be drawn.
///
/// # Example
/// ```
/// use marque_report::{ContourOptions, Grid, contour_chart};
/// use ndarray::Array2;
///
/// let at: Vec<f64> = (-10..=10).map(|step| f64::from(step) / 10.0).collect();
/// let bowl = Array2::from_shape_fn((21, 21), |(row, column)| at[row].powi(2) + at[column].powi(2));
/// let grid = Grid { x: &at, y: &at, values: bowl.view() };
/// let chart = contour_chart(&grid, &ContourOptions::default())?;
/// assert!(chart.description().starts_with("Values from 0 to 2.00"));
/// # Ok::<(), marque_report::Error>(())
/// ```
pub fn contour_chart(grid: &Grid<'_>, options: &ContourOptions) -> Result<Svg, Error> {
    grid.check()?;
    if !(2..=64).contains(&options.most_bands) {
        return Err(Error::Setting {
            what: "the number of bands",
            expected: "from 2 to 64",
            found: options.most_bands as f64,
        });
    }
    let reached = options.reaches.into_iter().flat_map(<[f64; 2]>::from);
    let values = grid.values.iter().copied().chain(reached);
    let levels = Axis::fitting(options.scale, values, options.most_bands as f64);
    let contour = Contour {
        grid,
        options,
        placed: grid.on(options.scale),
        levels,
        plot: plot(grid, &options.y_label),
    };
    Ok(contour.draw())
}

fn plot(grid: &Grid<'_>, y_label: &str) -> Plot {
    let range = |coordinates: &[f64]| match coordinates {
        [first, .., last] => last - first,
        _ => 0.0,
    };
    let (across, upward) = (range(grid.x), range(grid.y));
    let is_square = (across - upward).abs() <= 1e-9 * across.max(upward);
    let height = if is_square { WIDTH } else { HEIGHT };
    let axis = |coordinates: &[f64], pieces| Axis::tight(Scale::Linear, coordinates.iter().copied(), pieces);
    let y = axis(grid.y, 8.0);
    let name = if y_label.is_empty() { 0.0 } else { NAME };
    let left = MARGIN + name + 10.0 + widest(&y);
    Plot {
        left,
        right: left + WIDTH,
        top: TOP,
        bottom: TOP + height,
        x: with_room(WIDTH, |pieces| axis(grid.x, pieces)),
        y,
    }
}

struct Contour<'a, 'values> {
    grid: &'a Grid<'values>,
    options: &'a ContourOptions,
    /// Where the values stand on the scale.
    placed: Array2<f64>,
    /// The levels are its ticks.
    levels: Axis,
    plot: Plot,
}

impl Contour<'_, '_> {
    fn draw(&self) -> Svg {
        let plot = &self.plot;
        let ends = self.grid.extent(self.options.scale);
        let mut nodes = Vec::new();
        self.draw_bands(&mut nodes);
        self.draw_centre(&mut nodes);
        let (at, size) = ((plot.left, plot.top), (plot.width(), plot.height()));
        nodes.push(Node::Frame {
            at,
            size,
            stroke: Role::Axis,
        });
        plot.draw_lower_labels(&self.options.x_label, &mut nodes);
        nodes.extend(plot.y.ticks.iter().map(|tick| plot.left_label(tick)));
        plot.draw_left_name(&self.options.y_label, &mut nodes);
        let width = if ends.is_some() {
            self.draw_bar(&mut nodes)
        } else {
            let centre = ((plot.left + plot.right) / 2.0, (plot.top + plot.bottom) / 2.0);
            nodes.push(Node::Text(
                quiet(centre, "no values to draw").anchor(Anchor::Middle),
            ));
            plot.right + MARGIN + 10.0
        };
        // Half of the last label sticks out.
        let half = plot.x.ticks.last().map_or(0.0, label_width) / 2.0;
        let width = width.max(plot.right + half + 8.0);
        nodes.insert(0, heading(&self.options.title, width));
        Svg {
            width,
            height: plot.bottom + 50.0,
            title: self.options.title.clone(),
            description: describe(self.grid, self.options.scale),
            nodes,
        }
    }

    /// The part of the levels' range at which band `index` is, from 0 to 1: its middle.
    fn share(&self, index: usize) -> f64 {
        let ticks = &self.levels.ticks;
        let middle = (ticks[index].at + ticks[index + 1].at) / 2.0;
        f64::from(self.levels.share(middle))
    }

    /// From the lowest band up, each is drawn over all that is as high or higher: bands that are drawn side by side
    /// would let the ground shine through between them.
    fn draw_bands(&self, nodes: &mut Vec<Node>) {
        let plot = &self.plot;
        let field = Field {
            x: self.grid.x,
            y: self.grid.y,
            values: self.placed.view(),
        };
        nodes.push(Node::Rect {
            at: (plot.left, plot.top),
            size: (plot.width(), plot.height()),
            fill: Role::Grid,
            opacity: 1.0,
        });
        let place = |points: Vec<(f64, f64)>| -> Vec<Point> {
            points.into_iter().filter_map(|at| plot.place(at)).collect()
        };
        let mut lines = Vec::new();
        for (index, tick) in self
            .levels
            .ticks
            .iter()
            .enumerate()
            .take(self.levels.ticks.len() - 1)
        {
            let level = if index == 0 { f64::NEG_INFINITY } else { tick.at };
            let region = field.region(level);
            if region.is_empty() {
                continue;
            }
            lines.extend(
                field
                    .isolines(&region, level)
                    .into_iter()
                    .map(|line| Node::Trace {
                        points: place(line.points),
                        stroke: line_on(f64::from(self.levels.share(tick.at))),
                    }),
            );
            let ring = |ring: &Vec<_>| place(ring.iter().map(|vertex| field.point(*vertex, level)).collect());
            nodes.push(Node::Area {
                rings: region.iter().map(ring).collect(),
                fill: colour(self.share(index)),
                edge: None,
            });
        }
        nodes.extend(lines);
    }

    fn draw_centre(&self, nodes: &mut Vec<Node>) {
        let within =
            |coordinates: &[f64]| matches!(coordinates, [first, .., last] if *first <= 0.0 && *last >= 0.0);
        if !within(self.grid.x) || !within(self.grid.y) {
            return;
        }
        nodes.extend(self.plot.place((0.0, 0.0)).map(|at| Node::Titled {
            title: "(0, 0)".to_owned(),
            children: vec![Node::Dot {
                at,
                radius: 4.0,
                fill: Role::Surface,
                stroke: Role::Ink,
            }],
        }));
    }

    /// The colours with their levels; gives the width of the whole drawing.
    fn draw_bar(&self, nodes: &mut Vec<Node>) -> f32 {
        let (left, top, bottom) = (self.plot.right + BESIDE, self.plot.top, self.plot.bottom);
        let upward = |at: f64| bottom + (top - bottom) * self.levels.share(at);
        for (index, pair) in self.levels.ticks.windows(2).enumerate() {
            // Each up to the top, so that the next one leaves no gap.
            let from = upward(pair[0].at);
            let corners = [(left, from), (left, top), (left + BAR, top), (left + BAR, from)];
            nodes.push(Node::Area {
                rings: vec![corners.into()],
                fill: colour(self.share(index)),
                edge: None,
            });
        }
        nodes.push(Node::Frame {
            at: (left, top),
            size: (BAR, bottom - top),
            stroke: Role::Axis,
        });
        let mut free = f32::INFINITY;
        for tick in &self.levels.ticks {
            let y = upward(tick.at);
            if y > free {
                continue;
            }
            free = y - APART;
            nodes.push(Node::Text(quiet((left + BAR + 8.0, y + 5.0), &tick.label)));
        }
        let right = left + BAR + 8.0 + widest(&self.levels);
        if self.options.value_label.is_empty() {
            return right + MARGIN;
        }
        let at = (right + 8.0 + TEXT * SPARE, (top + bottom) / 2.0);
        draw_name(quiet(at, &self.options.value_label).upward(), bottom - top, nodes);
        at.0 + MARGIN
    }
}

/// A line that is seen on the colour at `share`, and yet no more than it must.
fn line_on(share: f64) -> Rgb {
    let Rgb(ground) = colour(share);
    let (line, weight) = if share < 0.45 { (255.0, 0.45) } else { (0.0, 0.4) };
    mixed(ground.map(f64::from), [line; 3], weight)
}

/// What the values of a grid are, in words.
pub(crate) fn describe(grid: &Grid<'_>, scale: Scale) -> String {
    let (Some((least, greatest)), Some((x, y))) = (grid.extent(scale), grid.lowest(scale)) else {
        return "No values to draw.".to_owned();
    };
    let text = |value| value_text(value, Unit::Plain);
    format!(
        "Values from {} to {} on a grid of {} by {}; the lowest is at ({}, {}).",
        text(least),
        text(greatest),
        grid.x.len(),
        grid.y.len(),
        text(x),
        text(y)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::landscape::regions::area;

    fn rings_of(chart: &Svg) -> Vec<f64> {
        let areas = chart.nodes.iter().filter_map(|node| match node {
            Node::Area { rings, .. } => Some(rings),
            _ => None,
        });
        let exact = |point: &Point| (f64::from(point.0), f64::from(point.1));
        areas
            .map(|rings| {
                let rings: Vec<Vec<(f64, f64)>> = rings
                    .iter()
                    .map(|ring| ring.iter().map(exact).collect())
                    .collect();
                area(&rings).abs()
            })
            .collect()
    }

    #[test]
    fn bands_cover_the_plot_and_nothing_else() {
        let x: Vec<f64> = (0..17).map(f64::from).collect();
        let y: Vec<f64> = (0..9).map(|at| f64::from(at * at)).collect();
        let values = Array2::from_shape_fn((9, 17), |(row, column)| {
            (row as f64 * 1.3).sin() + (column as f64 * 0.7).cos() * (row as f64 - 4.0)
        });
        let grid = Grid {
            x: &x,
            y: &y,
            values: values.view(),
        };
        let chart = contour_chart(&grid, &ContourOptions::default()).unwrap();
        let areas = rings_of(&chart);
        let bands = areas.len() / 2;
        assert!(
            bands > 5 && areas.len() == 2 * bands,
            "as many bands as parts of the bar"
        );
        let layers = &areas[..bands];
        assert!((layers[0] - f64::from(WIDTH * HEIGHT)).abs() < 1.0, "{layers:?}");
        // What is seen of each layer is what the next one leaves of it.
        let seen: Vec<f64> = (0..bands)
            .map(|index| layers[index] - layers.get(index + 1).unwrap_or(&0.0))
            .collect();
        assert!(seen.iter().all(|area| *area > 0.0), "{seen:?}");
        assert!((seen.iter().sum::<f64>() - f64::from(WIDTH * HEIGHT)).abs() < 1.0);
    }

    #[test]
    fn plots_that_reach_the_same_values_have_the_same_levels() {
        let bars = |greatest: f64| {
            let values = ndarray::array![[1.0, 2.0], [3.0, greatest]];
            let grid = Grid {
                x: &[-1.0, 1.0],
                y: &[-1.0, 1.0],
                values: values.view(),
            };
            let options = ContourOptions {
                reaches: Some((0.5, 900.0)),
                scale: Scale::Log10,
                ..ContourOptions::default()
            };
            let chart = contour_chart(&grid, &options).unwrap().nodes;
            let labels = chart.into_iter().filter_map(|node| match node {
                Node::Text(text) => Some((text.content, text.at.1.to_bits())),
                _ => None,
            });
            labels.collect::<Vec<_>>()
        };
        assert!(
            bars(4.0).iter().any(|(label, _)| label == "1000"),
            "{:?}",
            bars(4.0)
        );
        assert_eq!(bars(4.0), bars(700.0));
    }

    #[test]
    fn equal_ranges_have_equal_sides() {
        let values = Array2::zeros((3, 2));
        let sides = |y: &[f64]| {
            let grid = Grid {
                x: &[-1.0, 1.0],
                y,
                values: values.view(),
            };
            let plot = plot(&grid, "");
            (plot.width(), plot.height())
        };
        assert_eq!(sides(&[-1.0, 0.0, 1.0]), (WIDTH, WIDTH));
        assert_eq!(sides(&[0.0, 0.5, 2.0]), (WIDTH, WIDTH));
        assert_eq!(sides(&[0.0, 5.0, 20.0]), (WIDTH, HEIGHT));
    }
}
