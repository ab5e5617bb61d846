//! Made-up runs.
#![allow(dead_code, reason = "each test binary uses a part of it")]

#[cfg(feature = "landscape")]
pub(crate) mod grids;
pub(crate) mod plots;

use marque_metrics::{EpochRecord, History, Predictions};
use marque_report::{Fact, RunReport};
use ndarray::Array2;

/// The names of `marque`'s own car classes.
pub(crate) fn car_classes() -> Vec<String> {
    [
        "Convertible",
        "Coupe",
        "Hatchback",
        "Pickup Truck",
        "SUV",
        "Sedan",
        "Van",
    ]
    .map(str::to_owned)
    .to_vec()
}

pub(crate) fn epoch(epoch: u32, train_loss: f64, validation_loss: Option<f64>) -> EpochRecord {
    EpochRecord {
        epoch,
        train_loss,
        train_accuracy: 1.0 / (1.0 + train_loss),
        validation_loss,
        validation_accuracy: validation_loss.map(|loss| 1.0 / (1.0 + loss)),
        learning_rate: 1e-3 / f64::from(epoch),
        images_per_second: 40.0,
        seconds: 61.0,
        waiting_for_data: 0.01,
    }
}

/// Losses that fall with the epochs.
pub(crate) fn history(epochs: u32) -> History {
    let falling = |at: u32| epoch(at, 2.0 / f64::from(at), Some(2.2 / f64::from(at).sqrt()));
    History {
        epochs: (1..=epochs).map(falling).collect(),
    }
}

/// `samples` predictions, every fourth of them wrong where there is a wrong class.
pub(crate) fn predictions(class_names: &[String], samples: usize) -> Predictions {
    let classes = class_names.len();
    let labels: Vec<usize> = (0..samples).map(|sample| sample % classes).collect();
    let probabilities = Array2::from_shape_fn((samples, classes), |(sample, class)| {
        let step = if sample % 4 == 1 {
            1 + sample / 4 % (classes - 1).max(1)
        } else {
            0
        };
        let given = (labels[sample] + step) % classes;
        let rest = 0.3 / classes as f32;
        if class == given { rest + 0.7 } else { rest }
    });
    let paths = (0..samples).map(|sample| format!("test/{sample}.png")).collect();
    Predictions {
        class_names: class_names.to_vec(),
        paths,
        labels,
        probabilities,
    }
}

pub(crate) fn run(class_names: Vec<String>, samples: usize, history: History) -> RunReport {
    let predictions = predictions(&class_names, samples);
    RunReport {
        title: "ResNet-18 from scratch".to_owned(),
        class_names,
        history,
        metrics: predictions.metrics().expect("the made-up predictions are valid"),
        predictions,
        facts: vec![Fact::new("Batch size", 32), Fact::new("Machine", "two cores")],
        architecture_svg: None,
        command: None,
        skipped: Vec::new(),
        photos: None,
        cost: None,
        stages: Vec::new(),
        explanations: Vec::new(),
    }
}
