//! Draws every kind of chart and one whole report from made-up numbers, to look at after a change of the drawing code.
//!
//! `cargo run -p marque-report --features landscape --example gallery -- FOLDER`

#![allow(clippy::print_stdout, reason = "it prints where its pictures lie")]

use std::error::Error;
use std::path::PathBuf;

use image::{Rgb, RgbImage};
use marque_metrics::{EpochRecord, History, Predictions};
use marque_report::{
    AxisOptions, ContourOptions, Fact, Grid, LineChart, RunReport, Scale, Series, SurfaceOptions, Svg,
    accuracy_chart, confusion_chart, contour_chart, learning_rate_chart, loss_chart, surface_chart,
    write_run,
};
use ndarray::Array2;

const CLASSES: [&str; 7] = [
    "Convertible",
    "Coupe",
    "Hatchback",
    "Pickup Truck",
    "SUV",
    "Sedan",
    "Van",
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: gallery FOLDER")?);
    let save = |name: &str, chart: &Svg| -> Result<(), Box<dyn Error>> {
        let png = chart.to_png(2.0)?;
        Ok(marque_fs::write_atomically(&folder.join(name), |file| {
            std::io::Write::write_all(file, &png)
        })?)
    };
    for epochs in [0, 1, 2, 12, 60] {
        let history = history(epochs);
        save(&format!("loss_{epochs}.png"), &loss_chart(&history))?;
        save(&format!("accuracy_{epochs}.png"), &accuracy_chart(&history))?;
        save(
            &format!("learning_rate_{epochs}.png"),
            &learning_rate_chart(&history),
        )?;
    }
    let long = |index: usize| format!("Mercedes-Benz Sprinter Cargo Van Long Wheelbase {index}");
    for classes in [1, 2, 40, 150] {
        let names: Vec<String> = (0..classes).map(|index| format!("Class {index}")).collect();
        let metrics = predictions(&names, 40 * classes).metrics()?;
        save(
            &format!("confusion_{classes}.png"),
            &confusion_chart(&metrics.confusion, &names)?,
        )?;
    }
    let names: Vec<String> = (0..5).map(long).collect();
    let metrics = predictions(&names, 100_000).metrics()?;
    save(
        "confusion_long.png",
        &confusion_chart(&metrics.confusion, &names)?,
    )?;
    for (name, chart) in line_charts() {
        save(&format!("{name}.png"), &chart.draw())?;
    }
    for (name, chart) in landscapes()? {
        println!("{name}: {} kB of SVG", chart.to_string().len() / 1000);
        save(&format!("{name}.png"), &chart)?;
    }
    let run = run(&folder.join("photos"))?;
    println!("{}", write_run(&folder.join("run"), &run)?.report_html.display());
    Ok(())
}

/// Lines like those of experiments on depth: gradients that vanish, powers, errors of four networks.
fn line_charts() -> [(&'static str, LineChart); 5] {
    let chart = |title: &str, x, y, series| LineChart {
        title: title.to_owned(),
        x: AxisOptions::linear(x),
        y,
        series,
    };
    let (linear, log10) = (
        |label| AxisOptions::linear(label),
        |label| AxisOptions::log10(label),
    );
    let powers = [0.6, 1.6].map(|base: f64| {
        let points = (0..=50).map(|n| (f64::from(n), base.powi(n)));
        Series::new(format!("{base}ⁿ"), points)
    });
    let long = (0..8).map(|index| {
        let name =
            format!("a network of 110 layers with a name that no row can hold, variant number {index}");
        Series::new(name, [(0.0, f64::from(index)), (1.0, f64::from(index * index))])
    });
    let gradient = log10("Norm of the gradient");
    [
        (
            "gradients",
            chart("Gradient norm by depth", "Layer", gradient, gradients()),
        ),
        (
            "powers",
            chart("A factor per layer", "Layers n", log10("Factorⁿ"), powers.into()),
        ),
        (
            "errors",
            chart("Training error", "Epoch", linear("Error (%)"), errors()),
        ),
        (
            "long_names",
            chart("Long names", "x", linear("y"), long.collect()),
        ),
        ("no_lines", LineChart::default()),
    ]
}

fn gradients() -> Vec<Series> {
    let variant = |index: usize| {
        let kind = ["plain", "residual"][index / 4];
        let function = ["sigmoid", "ReLU"][index / 2 % 2];
        let name = format!("{kind}, {function}{}", ["", ", BN"][index % 2]);
        let rate = [0.62, 0.24, 0.31, 0.09, 0.2, 0.05, 0.12, -0.03][index];
        let norm = |layer: u32| {
            let wobble = noise(layer as usize * 8 + index) - 0.5;
            (
                f64::from(layer),
                0.8 * (-rate * f64::from(54 - layer) + 0.5 * wobble).exp(),
            )
        };
        Series::new(name, (1..=54).map(norm))
    };
    (0..8).map(variant).collect()
}

fn errors() -> Vec<Series> {
    let networks = [
        ("plain-20", 0.06),
        ("plain-56", 0.12),
        ("ResNet-20", 0.05),
        ("ResNet-56", 0.01),
    ];
    let error = |(seed, (name, floor)): (usize, (&str, f64))| {
        let at = |epoch: u32| {
            let t = f64::from(epoch);
            let value = floor + 0.55 * (-t / 9.0).exp() + 0.02 * (noise(epoch as usize * 4 + seed) - 0.5);
            (t, 100.0 * value.max(0.0))
        };
        Series::new(name, (1..=60).map(at))
    };
    networks.into_iter().enumerate().map(error).collect()
}

/// A bumpy bowl like the loss around a minimum, seen from above and from the side, in both scales.
fn landscapes() -> Result<Vec<(&'static str, Svg)>, Box<dyn Error>> {
    let at: Vec<f64> = (-20..=20).map(|step| f64::from(step) / 20.0).collect();
    let values = Array2::from_shape_fn((at.len(), at.len()), |(row, column)| {
        let (x, y) = (at[column], at[row]);
        let bumps = (7.0 * x).sin().powi(2) + (6.0 * y + 2.0 * x).sin().powi(2);
        0.02 + 4.0 * (x * x + 0.6 * y * y) + bumps * (x * x + y * y)
    });
    let steep = values.mapv(|value| value.powi(3));
    let mut holes = values.clone();
    holes[[12, 30]] = f64::NAN;
    holes[[0, 0]] = f64::INFINITY;
    let contour = |values: &Array2<f64>, scale| contour_chart(&grid(&at, values), &from_above(scale));
    let surface = |values: &Array2<f64>, scale, ceiling| {
        surface_chart(&grid(&at, values), &from_the_side(scale, ceiling))
    };
    Ok(vec![
        ("contour", contour(&values, Scale::Linear)?),
        ("contour_log", contour(&steep, Scale::Log10)?),
        ("contour_holes", contour(&holes, Scale::Linear)?),
        ("surface", surface(&values, Scale::Linear, None)?),
        ("surface_log", surface(&steep, Scale::Log10, None)?),
        ("surface_cut", surface(&values, Scale::Linear, Some(3.0))?),
        ("surface_holes", surface(&holes, Scale::Linear, None)?),
    ])
}

fn grid<'a>(at: &'a [f64], values: &'a Array2<f64>) -> Grid<'a> {
    Grid {
        x: at,
        y: at,
        values: values.view(),
    }
}

fn from_above(scale: Scale) -> ContourOptions {
    ContourOptions {
        title: "Loss landscape".to_owned(),
        x_label: "Direction 1".to_owned(),
        y_label: "Direction 2".to_owned(),
        value_label: "Training loss".to_owned(),
        scale,
        ..ContourOptions::default()
    }
}

fn from_the_side(scale: Scale, ceiling: Option<f64>) -> SurfaceOptions {
    SurfaceOptions {
        title: "Loss landscape".to_owned(),
        x_label: "Direction 1".to_owned(),
        y_label: "Direction 2".to_owned(),
        value_label: "Training loss".to_owned(),
        scale,
        ceiling,
        ..SurfaceOptions::default()
    }
}

fn run(photos: &std::path::Path) -> Result<RunReport, Box<dyn Error>> {
    let class_names = CLASSES.map(str::to_owned).to_vec();
    let predictions = predictions(&class_names, 813);
    for (index, path) in predictions
        .paths
        .iter()
        .enumerate()
        .filter(|(index, _)| index % 9 != 0)
    {
        let (width, height) = (200 + (index as u32 * 37) % 200, 160 + (index as u32 * 91) % 160);
        let shade = |x: u32, y: u32| {
            Rgb([
                (x * 255 / width) as u8,
                (y * 255 / height) as u8,
                (index % 256) as u8,
            ])
        };
        std::fs::create_dir_all(photos.join(path).parent().ok_or("a path without a folder")?)?;
        RgbImage::from_fn(width, height, shade).save(photos.join(path))?;
    }
    Ok(RunReport {
        title: "ResNet-34 from scratch".to_owned(),
        metrics: predictions.metrics()?,
        class_names,
        history: history(60),
        predictions,
        facts: vec![
            Fact::new("Architecture", "resnet34"),
            Fact::new("Image size", "112 × 112 pixels"),
            Fact::new("Batch size", 32),
            Fact::new("Seed", 42),
            Fact::new("Threads", 2),
        ],
        architecture_svg: Some(loss_chart(&history(12)).to_string()),
        command: Some(
            "cargo run --release --example resnet_from_scratch -- --data cars --out runs/resnet34".to_owned(),
        ),
        skipped: vec![("train/SUV/17.jpg".to_owned(), "the file is empty".to_owned())],
        photos: Some(photos.into()),
        cost: None,
        stages: Vec::new(),
        explanations: Vec::new(),
    })
}

/// A number from 0 to 1 that depends on `index` alone.
fn noise(index: usize) -> f64 {
    let mixed = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / (1u64 << 24) as f64
}

fn history(epochs: u32) -> History {
    let record = |epoch: u32| {
        let (t, n) = (f64::from(epoch), noise(epoch as usize) - 0.5);
        let validation_loss = 0.85 + 1.1 * (-t / 9.0).exp() + (t - 25.0).max(0.0) * 0.006 + 0.16 * n;
        EpochRecord {
            epoch,
            train_loss: 0.12 + 1.75 * (-t / 14.0).exp() + 0.03 * n,
            train_accuracy: 0.96 - 0.7 * (-t / 14.0).exp() + 0.01 * n,
            validation_loss: Some(validation_loss),
            validation_accuracy: Some(0.72 - 0.5 * (-t / 9.0).exp() - 0.06 * n),
            learning_rate: 5e-4 * (1.0 + (t / 60.0 * std::f64::consts::PI).cos()),
            images_per_second: 41.5 + n,
            seconds: 58.0 + n,
            waiting_for_data: 0.012,
        }
    };
    History {
        epochs: (1..=epochs).map(record).collect(),
    }
}

fn predictions(class_names: &[String], samples: usize) -> Predictions {
    let classes = class_names.len();
    let labels: Vec<usize> = (0..samples)
        .map(|sample| (noise(sample).powi(2) * classes as f64) as usize)
        .collect();
    let mut probabilities = Array2::from_shape_fn((samples, classes), |(sample, class)| {
        let near = if labels[sample] == class {
            1.6
        } else {
            1.0 / (1.0 + labels[sample].abs_diff(class) as f64)
        };
        (1.7 * near + 3.0 * noise(sample * 31 + class * 7 + 5)).exp() as f32
    });
    for mut row in probabilities.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    let paths = labels
        .iter()
        .enumerate()
        .map(|(sample, label)| format!("test/{}/{sample:04}.jpg", class_names[*label]));
    Predictions {
        class_names: class_names.to_vec(),
        paths: paths.collect(),
        labels,
        probabilities,
    }
}
