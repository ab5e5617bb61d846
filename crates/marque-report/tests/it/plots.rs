//! Lines through the public API, and what holds of every plot.

use crate::common::plots::{long, plots, scales};
use marque_report::{AxisOptions, LineChart, Scale, Series};
use resvg::usvg::roxmltree;

fn lines(series: Vec<Series>, scale: Scale) -> LineChart {
    LineChart {
        title: "Lines".to_owned(),
        x: AxisOptions::linear("n"),
        y: AxisOptions {
            label: "value".to_owned(),
            scale,
        },
        series,
    }
}

#[test]
fn no_number_is_written_that_is_none() {
    for (name, chart) in plots() {
        let written = chart.to_string();
        assert!(
            !written.contains("NaN\"") && !written.contains("NaN ") && !written.contains("inf"),
            "{name}"
        );
        roxmltree::Document::parse(&written).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn values_without_a_place_leave_gaps() {
    let values = [1.0, 0.5, 0.0, 0.1, 0.2, -1.0, f64::NAN, 3.0, 2.0, f64::INFINITY];
    let points = || values.iter().zip(0..).map(|(value, n)| (f64::from(n), *value));
    let strokes = |scale| {
        let drawn = lines(vec![Series::new("a", points())], scale).draw().to_string();
        // One more is in the legend.
        drawn.matches("<polyline").count() - 1
    };
    assert_eq!(strokes(Scale::Linear), 2);
    assert_eq!(strokes(Scale::Log10), 3);
}

#[test]
fn a_chart_without_values_says_so() {
    for scale in scales() {
        for series in [vec![], vec![Series::new("lost", [(1.0, f64::NAN)])]] {
            let chart = lines(series, scale).draw();
            assert!(chart.to_string().contains("no values to draw"));
            assert_eq!(chart.description(), "No values to draw.");
        }
    }
    let some = vec![
        Series::new("lost", []),
        Series::new("here", [(0.0, 1.0), (1.0, 2.0)]),
    ];
    let chart = lines(some, Scale::Linear).draw();
    assert!(chart.to_string().contains("lost (no values)"));
    assert_eq!(chart.description(), "value against n: here from 1.00 to 2.00.");
}

#[test]
fn decades_are_labelled_with_raised_exponents() {
    let power = |base: f64| Series::new("power", (0..=10).map(move |n| (f64::from(n), base.powi(n))));
    let drawn = lines(vec![power(0.1)], Scale::Log10).draw().to_string();
    let document = roxmltree::Document::parse(&drawn).unwrap();
    let texts: Vec<String> = document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .map(|node| {
            node.descendants()
                .filter(roxmltree::Node::is_text)
                .filter_map(|node| node.text())
                .collect()
        })
        .collect();
    for expected in ["10−10", "10−6", "100"] {
        assert!(
            texts.iter().any(|text| text == expected),
            "{expected} in {texts:?}"
        );
    }
    assert!(
        drawn.contains("<tspan dy=\"-5.04\" font-size=\"9.8\">−6</tspan>"),
        "{drawn}"
    );
}

#[test]
fn names_are_escaped_and_long_ones_are_whole_in_their_title() {
    let hostile = "<b onload='x'>&";
    let series = vec![
        Series::new(hostile, [(0.0, 1.0), (1.0, 2.0)]),
        Series::new(long(), [(0.0, 2.0), (1.0, 1.0)]),
    ];
    let mut chart = lines(series, Scale::Linear);
    chart.title = hostile.to_owned();
    chart.y.label = hostile.to_owned();
    let drawn = chart.draw().to_string();
    assert!(!drawn.contains("<b") && drawn.contains("&lt;b onload=&#39;x&#39;&gt;&amp;"));
    assert!(drawn.contains(&format!("<g><title>{}</title>", long())));
}
