//! Charts of grids of every shape that experiments may bring.

use super::plots::{long, scales};
use marque_report::{ContourOptions, Grid, SurfaceOptions, Svg, contour_chart, surface_chart};
use ndarray::Array2;

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

pub(crate) fn grid_plots() -> Vec<(String, Svg)> {
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
