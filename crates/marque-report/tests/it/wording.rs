//! What a page says where there is one epoch, one photo, no validation part, or few classes.

use crate::common::{car_classes, epoch, history, predictions, run};
use marque_metrics::History;
use marque_report::{
    Comparison, FinishedRun, RunDetails, RunReport, accuracy_chart, loss_chart, write_comparison, write_run,
};

fn page(run: &RunReport) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::read_to_string(write_run(folder.path(), run).unwrap().report_html).unwrap()
}

fn assert_says(html: &str, said: &[&str], unsaid: &[&str]) {
    for text in said {
        assert!(html.contains(text), "it does not say {text:?}");
    }
    for text in unsaid {
        assert!(!html.contains(text), "it says {text:?}");
    }
}

/// What is said only where epochs can be compared.
const OF_SEVERAL: [&str; 4] = ["throughout", "Best epoch", "best epoch", "was the best"];

#[test]
fn of_one_epoch_nothing_is_said_that_takes_several() {
    let html = page(&run(car_classes(), 28, history(1)));
    let said = [
        "The learning rate was 0.00100 at the end of the epoch.",
        "The only epoch ended with a validation loss of 2.20.",
        "After 1 epoch: ",
        "<dt>Training time</dt>",
    ];
    assert_says(&html, &said, &OF_SEVERAL);
    for chart in [loss_chart(&history(1)), accuracy_chart(&history(1))] {
        assert_says(&chart.to_string(), &["After 1 epoch: "], &OF_SEVERAL);
    }
}

#[test]
fn of_several_epochs_the_best_is_named_and_a_constant_rate_is_that_of_their_ends() {
    let mut history = history(3);
    let html = page(&run(car_classes(), 28, history.clone()));
    assert_says(
        &html,
        &[
            "Epoch 3 of 3 was the best",
            "<dt>Best epoch</dt><dd>3</dd>",
            "id=\"learning-rate-title\"",
        ],
        &["The learning rate was"],
    );
    for epoch in &mut history.epochs {
        epoch.learning_rate = 0.01;
    }
    let html = page(&run(car_classes(), 28, history));
    let said = ["The learning rate was 0.0100 at the end of every epoch."];
    assert_says(&html, &said, &["throughout", "id=\"learning-rate-title\""]);
}

#[test]
fn without_a_validation_part_no_epoch_is_the_best() {
    let epochs = (1..=3).map(|number| epoch(number, 1.0, None)).collect();
    let html = page(&run(car_classes(), 28, History { epochs }));
    assert_says(
        &html,
        &["After 3 epochs: ", "<dt>Training time</dt>"],
        &OF_SEVERAL,
    );
}

#[test]
fn one_photo_is_one_photo() {
    let mut only = run(car_classes(), 1, History::default());
    assert_says(
        &page(&only),
        &["The only test photo was given the right class."],
        &["of 1 test"],
    );
    only.predictions.labels[0] = 1;
    only.metrics = only.predictions.metrics().unwrap();
    assert_says(
        &page(&only),
        &["The only test photo was given a wrong class."],
        &["of 1 test"],
    );

    let folder = tempfile::tempdir().unwrap();
    let mut few = run(car_classes(), 5, History::default());
    few.photos = Some(folder.path().into());
    let said = [
        "4 of 5 test photos",
        "The only photo that was given a wrong class. Under it: the class it was given",
    ];
    assert_says(&page(&few), &said, &["Of 1 photos", "those for which"]);
    let mut more = run(car_classes(), 9, History::default());
    more.photos = Some(folder.path().into());
    let said = [
        "Of 2 photos that were given a wrong class, those for which",
        "Under each photo: the class",
    ];
    assert_says(&page(&more), &said, &["The only photo"]);
}

#[test]
fn the_five_most_probable_of_five_classes_are_no_number() {
    for (classes, is_said) in [(1, false), (2, false), (5, false), (6, true)] {
        let html = page(&run(car_classes()[..classes].to_vec(), 30, History::default()));
        assert_eq!(html.contains("Top-5 accuracy"), is_said, "{classes} classes");
    }
}

#[test]
fn runs_on_one_photo_are_compared_on_one_photo() {
    for (photos, said) in [(1, "on the same photo."), (2, "on the same 2 photos.")] {
        let runs: Vec<FinishedRun> = ["first", "second"]
            .map(|title| {
                let predictions = predictions(&car_classes(), photos);
                FinishedRun {
                    details: RunDetails {
                        title: title.to_owned(),
                        ..RunDetails::default()
                    },
                    history: History::default(),
                    metrics: predictions.metrics().unwrap(),
                    predictions,
                }
            })
            .into();
        let folder = tempfile::tempdir().unwrap();
        let comparison = Comparison { runs, photos: None };
        let files = write_comparison(folder.path(), &comparison).unwrap();
        let html = std::fs::read_to_string(files.compare_html).unwrap();
        assert!(html.contains(said), "{said}");
    }
}
