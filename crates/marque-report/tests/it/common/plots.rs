//! Charts of lines and of grids of every shape that experiments may bring.

use marque_report::{
    AxisOptions, ContourOptions, Grid, LineChart, Scale, Series, SurfaceOptions, Svg, contour_chart,
    surface_chart,
};
use ndarray::Array2;

/// A name longer than any chart is wide.
pub(crate) fn long() -> String {
    "the norm of the gradient of a residual network of 110 layers ".repeat(5)
}

pub(crate) fn scales() -> [Scale; 2] {
    [Scale::Linear, Scale::Log10]
}

/// All charts of this module, named.
pub(crate) fn plots() -> Vec<(String, Svg)> {
    let mut all = line_plots();
    all.extend(grid_plots());
    all
}

/// Series of every kind, named.
fn cases() -> Vec<(&'static str, Vec<Series>)> {
    let falling = |base: f64| (0..55).map(move |n| (f64::from(n), base.powi(n)));
    let named = |count: usize, name: &str| -> Vec<Series> {
        let series = (0..count)
            .map(|index| Series::new(format!("{name} {index}"), falling(0.5 + index as f64 / 20.0)));
        series.collect()
    };
    let broken = [1.0, f64::NAN, 0.0, -2.0, f64::INFINITY, 3.0, 4.0];
    let one = |points: &[(f64, f64)]| vec![Series::new("one", points.iter().copied())];
    vec![
        ("nothing", Vec::new()),
        (
            "no points",
            named(0, "")
                .into_iter()
                .chain([Series::new("none", [])])
                .collect(),
        ),
        ("one point", one(&[(3.0, 7.0)])),
        ("eight", named(8, "network")),
        ("eight long", named(8, &long())),
        ("twenty", named(20, "n")),
        ("broken", one(&broken.map(|value| (value.abs(), value)))),
        ("nothing but NaN", one(&[(f64::NAN, 1.0), (1.0, f64::NAN)])),
        ("close", one(&[(1e9, 5.0), (1e9 + 0.5, 5.000_000_1)])),
        (
            "huge",
            one(&[(1e-300, 1e-300), (1e99, 1e99), (f64::MAX, f64::MAX)]),
        ),
        ("tiny", one(&[(5e-324, 5e-324), (1e-310, 1e-320)])),
        (
            "hostile",
            vec![Series::new("<script>alert(1)</script> & ⁻²", falling(0.9))],
        ),
    ]
}

fn line_plots() -> Vec<(String, Svg)> {
    let mut all = Vec::new();
    for (name, series) in cases() {
        for (x, y) in scales().into_iter().flat_map(|x| scales().map(|y| (x, y))) {
            for label in ["", "Gradient norm", &long()] {
                let axis = |scale| AxisOptions {
                    label: label.to_owned(),
                    scale,
                };
                let chart = LineChart {
                    title: format!("Lines {label}"),
                    x: axis(x),
                    y: axis(y),
                    series: series.clone(),
                };
                all.push((format!("{name}, {x:?} {y:?}, {}", label.len()), chart.draw()));
            }
        }
    }
    all
}

/// Values with their coordinates.
pub(crate) struct Values {
    pub(crate) name: &'static str,
    x: Vec<f64>,
    y: Vec<f64>,
    values: Array2<f64>,
}

impl Values {
    pub(crate) fn grid(&self) -> Grid<'_> {
        Grid {
            x: &self.x,
            y: &self.y,
            values: self.values.view(),
        }
    }
}

pub(crate) fn grids() -> Vec<Values> {
    let even = |count: usize, half: f64| -> Vec<f64> {
        (0..count)
            .map(|at| half * (2.0 * at as f64 / (count - 1) as f64 - 1.0))
            .collect()
    };
    let of = |name, [x, y]: [Vec<f64>; 2], value: fn(f64, f64) -> f64| Values {
        name,
        values: Array2::from_shape_fn((y.len(), x.len()), |(row, column)| value(x[column], y[row])),
        x,
        y,
    };
    let square = |count: usize| [even(count, 1.0), even(count, 1.0)];
    let far = [vec![1e6, 1e6 + 1.0, 1e6 + 9.0], vec![-1e-9, 1e-9]];
    vec![
        of("bowl", square(21), |x, y| x * x + y * y),
        of("steep", [even(15, 1.0), even(9, 40.0)], |x, y| {
            (20.0 * x + y).exp()
        }),
        of("two by two", [even(2, 1.0), even(2, 3.0)], |x, y| x * y),
        of("flat", square(4), |_, _| 2.5),
        of("zero", square(4), |_, _| 0.0),
        of("nothing", square(4), |_, _| f64::NAN),
        of("holes", square(9), |x, y| (x + y) / x),
        of("huge", [even(5, 1e99), even(5, 1e99)], |x, _| x),
        of("beyond", far, |x, _| (x - 1e6 + 1.0) * 1e-300),
    ]
}

fn grid_plots() -> Vec<(String, Svg)> {
    let mut all = Vec::new();
    for values in grids() {
        let (name, grid) = (values.name, values.grid());
        for (scale, label) in scales()
            .into_iter()
            .flat_map(|scale| ["", "direction", &long()].map(|label| (scale, label.to_owned())))
        {
            for most_bands in [2, 12, 64] {
                let options = ContourOptions {
                    title: format!("Contour {label}"),
                    x_label: label.clone(),
                    y_label: label.clone(),
                    value_label: label.clone(),
                    scale,
                    most_bands,
                    reaches: (most_bands == 12).then_some((-3.0, 1e6)),
                };
                let chart = contour_chart(&grid, &options).unwrap();
                all.push((
                    format!("contour of {name}, {scale:?}, {most_bands}, {}", label.len()),
                    chart,
                ));
            }
            for (turn, rise, ceiling) in [
                (35.0, 30.0, None),
                (0.0, 5.0, None),
                (-135.0, 60.0, Some(1.0)),
                (90.0, 85.0, Some(1e-90)),
            ] {
                let options = SurfaceOptions {
                    title: format!("Surface {label}"),
                    x_label: label.clone(),
                    y_label: label.clone(),
                    value_label: label.clone(),
                    scale,
                    azimuth_degrees: turn,
                    elevation_degrees: rise,
                    ceiling,
                    reaches: ceiling.map(|top| (top / 8.0, top * 8.0)),
                };
                let chart = surface_chart(&grid, &options).unwrap();
                all.push((
                    format!("surface of {name}, {scale:?}, {turn}, {}", label.len()),
                    chart,
                ));
            }
        }
    }
    all
}
