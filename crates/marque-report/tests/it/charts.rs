//! What holds for every chart: it is well-formed, its texts lie inside its frame, and its PNG has the size it says.

use std::sync::Arc;

use crate::common::{car_classes, epoch, history, plots::plots, predictions};
use marque_metrics::History;
use marque_report::{
    Error, Svg, accuracy_chart, confusion_chart, learning_rate_chart, loss_chart, precision_recall_chart,
    reliability_chart, roc_chart,
};
use resvg::usvg;

/// Charts of every shape that a run may have, named.
fn charts() -> Vec<(String, Svg)> {
    let mut charts = Vec::new();
    let mut histories: Vec<(String, History)> = [0, 1, 2, 12, 60, 1000]
        .map(|n| (format!("{n} epochs"), history(n)))
        .into();
    let gaps = [
        (f64::NAN, Some(1.0)),
        (0.9, None),
        (f64::INFINITY, Some(f64::NAN)),
        (0.5, Some(0.7)),
        (1e300, None),
    ];
    let gaps = gaps
        .iter()
        .zip(1..)
        .map(|((train, validation), at)| epoch(at, *train, *validation))
        .collect();
    histories.push(("gaps".to_owned(), History { epochs: gaps }));
    histories.push((
        "nothing but NaN".to_owned(),
        History {
            epochs: vec![epoch(1, f64::NAN, Some(f64::NAN))],
        },
    ));
    histories.push((
        "huge and tiny".to_owned(),
        History {
            epochs: vec![epoch(7, 3e9, Some(2e-9))],
        },
    ));
    histories.push((
        "far on".to_owned(),
        History {
            epochs: vec![epoch(99_998, 1.0, None), epoch(100_000, 0.5, None)],
        },
    ));
    for (name, history) in histories {
        charts.push((format!("loss, {name}"), loss_chart(&history)));
        charts.push((format!("accuracy, {name}"), accuracy_chart(&history)));
        charts.push((format!("learning rate, {name}"), learning_rate_chart(&history)));
    }
    let numbered = |count: usize, name: &str| {
        (0..count)
            .map(|index| format!("{name} {index}"))
            .collect::<Vec<_>>()
    };
    let long = "Mercedes-Benz Sprinter Cargo Van Long Wheelbase";
    let names = [
        car_classes(),
        numbered(1, "Car"),
        numbered(2, "Car"),
        numbered(40, "Class"),
        numbered(300, "Class"),
        numbered(5, long),
        numbered(40, long),
        vec![
            "\u{200b}".to_owned(),
            "<script>alert(1)</script>".to_owned(),
            "Citroën & Škoda".to_owned(),
        ],
    ];
    for (names, samples) in names
        .iter()
        .flat_map(|names| [1, 50, 20_000].map(|samples| (names, samples)))
    {
        let predictions = predictions(names, samples);
        for (kind, chart) in [
            ("ROC", roc_chart(&predictions)),
            ("precision and recall", precision_recall_chart(&predictions)),
            ("reliability", reliability_chart(&predictions)),
        ] {
            let name = format!("{kind}, {} classes, {samples} photos", names.len());
            charts.push((name, chart.unwrap()));
        }
        let metrics = predictions.metrics().unwrap();
        let chart = confusion_chart(&metrics.confusion, names).unwrap();
        charts.push((format!("{} classes, {samples} photos", names.len()), chart));
    }
    let enormous = vec![vec![u64::MAX, 1], vec![u64::MAX / 3, u64::MAX]];
    charts.push((
        "enormous counts".to_owned(),
        confusion_chart(&enormous, &numbered(2, "Car")).unwrap(),
    ));
    charts.extend(plots());
    charts
}

fn fonts() -> Arc<usvg::fontdb::Database> {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(include_bytes!("../../fonts/Inter-Regular.ttf").to_vec());
    fonts.load_font_data(include_bytes!("../../fonts/Inter-SemiBold.ttf").to_vec());
    Arc::new(fonts)
}

/// The boxes of all texts and of everything else, as the renderer sees them.
fn boxes(group: &usvg::Group, texts: &mut Vec<(String, usvg::Rect)>, others: &mut Vec<usvg::Rect>) {
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => boxes(group, texts, others),
            usvg::Node::Text(text) => {
                let content = text.chunks().iter().map(|chunk| chunk.text()).collect();
                texts.push((content, text.abs_bounding_box()));
            }
            node => others.push(node.abs_bounding_box()),
        }
    }
}

#[test]
fn everything_lies_inside_the_frame() {
    let options = usvg::Options {
        fontdb: fonts(),
        ..usvg::Options::default()
    };
    let mut seen = 0;
    for (name, chart) in charts() {
        let tree = usvg::Tree::from_str(&chart.to_string(), &options).unwrap();
        let (mut texts, mut others) = (Vec::new(), Vec::new());
        boxes(tree.root(), &mut texts, &mut others);
        assert!(texts.len() >= 2, "{name}: no text was measured");
        for (content, found) in &texts {
            // At least four pixels from the edge; texts of another font than ours may be a little wider.
            let inside = found.left() >= 4.0 && found.right() <= chart.width() - 4.0;
            let inside = inside && found.top() >= 4.0 && found.bottom() <= chart.height() - 4.0;
            assert!(
                inside,
                "{name}: {content:?} at {found:?} in {} × {}",
                chart.width(),
                chart.height()
            );
        }
        for found in others {
            let inside = found.left() >= -0.01 && found.right() <= chart.width() + 0.01;
            assert!(
                inside && found.top() >= -0.01 && found.bottom() <= chart.height() + 0.01,
                "{name}: {found:?}"
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 10 * 3 + 8 * 3 * 4 + 1 + plots().len());
    assert!(plots().len() > 40);
}

#[test]
fn no_two_texts_overlap() {
    let options = usvg::Options {
        fontdb: fonts(),
        ..usvg::Options::default()
    };
    for (name, chart) in charts().into_iter().filter(|(name, _)| !name.starts_with("300")) {
        let tree = usvg::Tree::from_str(&chart.to_string(), &options).unwrap();
        let (mut texts, mut others) = (Vec::new(), Vec::new());
        boxes(tree.root(), &mut texts, &mut others);
        for (index, (first, a)) in texts.iter().enumerate() {
            for (second, b) in &texts[index + 1..] {
                // A box has the height of a line; the glyphs in it are lower.
                let (lower, upper) = if a.y() < b.y() { (b, a) } else { (a, b) };
                let leading = upper.height().min(upper.width()) * 0.2;
                let apart = a.right() <= b.left() || b.right() <= a.left();
                let apart = apart || upper.bottom() - leading <= lower.top();
                assert!(apart, "{name}: {first:?} and {second:?} overlap: {a:?}, {b:?}");
            }
        }
    }
}

#[test]
fn a_png_has_the_size_of_its_chart_and_something_on_it() {
    for (chart, scale) in [
        (loss_chart(&history(12)), 2.0),
        (confusion_chart(&[vec![3]], &["Car".into()]).unwrap(), 1.5),
    ] {
        let picture = image::load_from_memory(&chart.to_png(scale).unwrap()).unwrap();
        let expected = (
            (chart.width() * scale).ceil() as u32,
            (chart.height() * scale).ceil() as u32,
        );
        assert_eq!((picture.width(), picture.height()), expected);
        assert_eq!(picture.color(), image::ColorType::Rgb8);
        let picture = picture.into_rgb8();
        assert_eq!(picture.get_pixel(0, 0).0, [255, 255, 255]);
        assert_eq!(
            picture.get_pixel(expected.0 - 1, expected.1 - 1).0,
            [255, 255, 255]
        );
        let dark = picture
            .pixels()
            .filter(|pixel| pixel.0.iter().all(|channel| *channel < 80))
            .count();
        assert!(dark > 100, "only {dark} pixels of ink");
    }
}

#[test]
fn a_picture_of_no_or_too_many_pixels_is_refused() {
    let chart = loss_chart(&history(3));
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1000.0] {
        assert!(
            matches!(chart.to_png(scale), Err(Error::PictureSize { .. })),
            "{scale}"
        );
    }
}

#[test]
fn charts_are_the_same_every_time() {
    let (first, second) = (charts(), charts());
    assert_eq!(first, second);
    let chart = loss_chart(&history(5));
    assert_eq!(chart.to_png(1.0).unwrap(), chart.to_png(1.0).unwrap());
}

#[test]
fn a_gap_breaks_a_curve_and_the_rest_is_drawn() {
    let losses = [1.0, 0.8, f64::NAN, 0.6, 0.5];
    let epochs = losses
        .iter()
        .zip(1..)
        .map(|(loss, at)| epoch(at, *loss, None))
        .collect();
    let drawn = loss_chart(&History { epochs }).to_string();
    assert_eq!(drawn.matches("<polyline").count(), 2);
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
}

#[test]
fn descriptions_say_what_is_seen() {
    let chart = loss_chart(&history(4));
    assert_eq!(
        chart.description(),
        "After 4 epochs: Training 0.500, Validation 1.10. At the best epoch, 4: 1.10."
    );
    let chart = confusion_chart(&[vec![8, 2], vec![0, 10]], &["Sedan".into(), "Van".into()]).unwrap();
    assert_eq!(
        chart.description(),
        "18 of 20 photos are on the diagonal, that is, classified rightly. \
         The most frequent confusion: 2 of 10 Sedan taken for Van (20 %)."
    );
}
