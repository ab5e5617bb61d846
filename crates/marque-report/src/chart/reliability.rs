//! How far probabilities can be taken at their word, as a diagram.

use marque_metrics::{Predictions, ReliabilityBin};

use super::axis::Axis;
use super::legend::{Key, Legend};
use super::names::SPARE;
use super::plot::{NAME, Plot, heading, quiet, widest};
use super::svg::{Anchor, Dash, MARGIN, Node, Svg, Text, line};
use super::theme::Role;
use crate::number::{Unit, grouped, value_text};
use crate::{Error, Scale};

/// Bins of the diagram: those of the expected calibration error in `metrics.json`.
pub(crate) const BINS: usize = 15;
const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 440.0;
/// Counts above the bars, in pixels; they are made smaller down to this before they are left out.
const COUNT: f32 = 11.0;
const SMALLEST_COUNT: f32 = 7.5;
/// Bars let the grid through.
const BAR_OPACITY: f32 = 0.3;

/// Accuracy against confidence in fifteen bins of equal width (Guo et al. 2017, arXiv:1706.04599), with the number of
/// photos of each bin above its bar and the expected calibration error in the title.
///
/// A model whose probabilities can be taken at their word has its dots, which stand at the mean confidence of each bin,
/// on the diagonal; one that is too sure of itself below it.
///
/// # Errors
/// [`Error::Metrics`] if the predictions are not valid.
pub fn reliability_chart(predictions: &Predictions) -> Result<Svg, Error> {
    Ok(draw(&predictions.reliability(BINS)?))
}

fn draw(bins: &[ReliabilityBin]) -> Svg {
    let photos: u64 = bins.iter().map(|bin| bin.count).sum();
    let title = match expected_error(bins) {
        Some(error) => format!("Reliability: expected calibration error {error:.3}"),
        None => "Reliability".to_owned(),
    };
    let keys = vec![
        (
            Key::Ring(Role::Training),
            "Accuracy in a bin, at its mean confidence".to_owned(),
        ),
        (
            Key::Stroke(Role::Muted, Dash::Long),
            "Confidence = accuracy".to_owned(),
        ),
    ];
    let legend = Legend::new(keys, 40.0, WIDTH);
    let plot = plot();
    let mut nodes = vec![heading(&title, WIDTH)];
    plot.draw_left_name("Accuracy", &mut nodes);
    for tick in &plot.y.ticks {
        let y = plot.upward(tick);
        nodes.push(line((plot.left, y), (plot.right, y), Role::Grid));
        nodes.push(plot.left_label(tick));
    }
    plot.draw_lower_labels("Confidence", &mut nodes);
    for bin in bins {
        draw_bin(bin, &plot, &mut nodes);
    }
    nodes.push(Node::Curve {
        points: vec![(plot.left, plot.bottom), (plot.right, plot.top)],
        stroke: Role::Muted,
        dashed: Dash::Long,
    });
    let (from, to) = ((plot.left, plot.bottom), (plot.right, plot.bottom));
    nodes.push(line(from, to, Role::Axis));
    let counts = (plot.right, plot.top - 24.0);
    let caption = Text::new(counts, COUNT, "photos in each bin").colour(Role::Muted);
    nodes.push(Node::Text(caption.anchor(Anchor::End)));
    legend.draw(&mut nodes);
    let mut description = format!(
        "{} photos in {} bins that are not empty.",
        grouped(photos),
        bins.len()
    );
    let gap = |bin: &&ReliabilityBin| (bin.accuracy - bin.confidence).abs();
    if let Some(worst) = bins.iter().max_by(|a, b| gap(a).total_cmp(&gap(b))) {
        description += &format!(" The largest gap: {}.", said(worst));
    }
    Svg {
        width: WIDTH,
        height: HEIGHT,
        title,
        description,
        nodes,
    }
}

/// Both axes run from 0 to 1, whatever the values, so that the diagonal goes from corner to corner.
fn plot() -> Plot {
    let axis = |pieces| Axis::fitting(Scale::Linear, [0.0, 1.0].into_iter(), pieces);
    let y = axis(6.0);
    Plot {
        left: MARGIN + NAME + 10.0 + widest(&y),
        right: WIDTH - 26.0,
        top: 102.0,
        bottom: HEIGHT - 50.0,
        x: axis(5.0),
        y,
    }
}

/// The bar of a bin with its count above the plot, and a dot at its mean confidence.
fn draw_bin(bin: &ReliabilityBin, plot: &Plot, nodes: &mut Vec<Node>) {
    let places = [
        (bin.lower, bin.accuracy),
        (bin.upper, 0.0),
        (bin.confidence, bin.accuracy),
    ]
    .map(|point| plot.place(point));
    let [Some((left, top)), Some((right, bottom)), Some(dot)] = places else {
        return;
    };
    let count = grouped(bin.count);
    let mut children = vec![
        Node::Rect {
            at: (left + 1.0, top),
            size: (right - left - 2.0, bottom - top),
            fill: Role::Training,
            opacity: BAR_OPACITY,
        },
        Node::Dot {
            at: dot,
            radius: 3.5,
            fill: Role::Training,
            stroke: Role::Surface,
        },
    ];
    let room = (right - left - 4.0) / SPARE;
    let size = COUNT.min(COUNT * room / Text::new(dot, COUNT, count.as_str()).width());
    if size >= SMALLEST_COUNT {
        let at = ((left + right) / 2.0, plot.top - 8.0);
        children.push(Node::Text(
            Text {
                size,
                ..quiet(at, count)
            }
            .anchor(Anchor::Middle),
        ));
    }
    nodes.push(Node::Titled {
        title: said(bin),
        children,
    });
}

/// What a bin says, in words.
fn said(bin: &ReliabilityBin) -> String {
    let percent = |value| value_text(value, Unit::Percent);
    let photos = if bin.count == 1 { "photo" } else { "photos" };
    format!(
        "{} {photos} with a mean confidence of {}, of which {} right",
        grouped(bin.count),
        percent(bin.confidence),
        percent(bin.accuracy)
    )
}

/// Σ nₘ / n · |accuracy of bin m − mean confidence of bin m|; `None` without photos.
fn expected_error(bins: &[ReliabilityBin]) -> Option<f64> {
    let photos: u64 = bins.iter().map(|bin| bin.count).sum();
    let sum: f64 = bins
        .iter()
        .map(|bin| bin.count as f64 * (bin.accuracy - bin.confidence).abs())
        .sum();
    (photos > 0).then(|| sum / photos as f64)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn predictions() -> Predictions {
        Predictions {
            class_names: ["Sedan", "Van"].map(str::to_owned).to_vec(),
            paths: ["a", "b", "c"].map(str::to_owned).to_vec(),
            labels: vec![0, 1, 1],
            probabilities: array![[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]],
        }
    }

    #[test]
    fn a_bin_says_its_photos_and_the_title_the_error_of_the_metrics() {
        let predictions = predictions();
        let chart = reliability_chart(&predictions).unwrap();
        // Two photos at 0.75, one of them right, and a perfect one: 2/3 · 0.25.
        assert_eq!(chart.title(), "Reliability: expected calibration error 0.167");
        let ece = predictions.metrics().unwrap().ece;
        let found = expected_error(&predictions.reliability(BINS).unwrap()).unwrap();
        assert!((found - ece).abs() < 1e-12, "{found} {ece}");
        let drawing = chart.to_string();
        let title = "2 photos with a mean confidence of 75.0 %, of which 50.0 % right";
        assert!(drawing.contains(&format!("<title>{title}</title>")), "{drawing}");
        assert!(
            chart
                .description()
                .ends_with(&format!("The largest gap: {title}."))
        );
    }

    #[test]
    fn bars_stand_on_the_axis_and_a_perfect_bin_fills_the_plot() {
        let plot = plot();
        let mut nodes = Vec::new();
        for bin in predictions().reliability(BINS).unwrap() {
            draw_bin(&bin, &plot, &mut nodes);
        }
        let bars: Vec<_> = nodes
            .iter()
            .filter_map(|node| match node {
                Node::Titled { children, .. } => match children[0] {
                    Node::Rect { at, size, .. } => Some((at, size)),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        assert_eq!(bars.len(), 2);
        for ((_, top), (_, height)) in &bars {
            assert!((top + height - plot.bottom).abs() < 0.01, "{top} {height}");
        }
        assert!((bars[0].1.1 / bars[1].1.1 - 0.5).abs() < 1e-3, "{bars:?}");
        assert!((bars[1].0.1 - plot.top).abs() < 0.01, "{bars:?}");
    }

    #[test]
    fn nothing_to_draw_is_still_a_chart() {
        assert_eq!(draw(&[]).title(), "Reliability");
    }
}
