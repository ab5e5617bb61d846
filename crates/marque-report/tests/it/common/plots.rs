//! Charts of lines of every shape that experiments may bring.

#[cfg(feature = "landscape")]
use super::grids::grid_plots;
use marque_report::{AxisOptions, LineChart, Scale, Series, Svg};

/// A name longer than any chart is wide.
pub(crate) fn long() -> String {
    "the norm of the gradient of a residual network of 110 layers ".repeat(5)
}

pub(crate) fn scales() -> [Scale; 2] {
    [Scale::Linear, Scale::Log10]
}

/// All charts of lines, and of grids where they can be drawn, named.
pub(crate) fn plots() -> Vec<(String, Svg)> {
    [line_plots(), grid_plots()].concat()
}

#[cfg(not(feature = "landscape"))]
fn grid_plots() -> Vec<(String, Svg)> {
    Vec::new()
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
