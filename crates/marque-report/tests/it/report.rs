//! The folder of a run and its page.

use std::fs;

use crate::common::{car_classes, epoch, history, run};
use marque_metrics::{History, Metrics, Predictions};
use marque_report::{
    Cost, Error, Explanation, Fact, RunReport, Stage, heat_overlay, precision_recall_table, read_run,
    reliability_table, roc_table, write_run,
};

const HOSTILE: &str = "<script>alert('x')</script>\"&\u{0}";

fn page(run: &RunReport) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::read_to_string(write_run(folder.path(), run).unwrap().report_html).unwrap()
}

#[test]
fn a_folder_that_could_not_be_finished_does_not_look_finished() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("reliability.csv")).unwrap();
    let run = run(car_classes(), 14, history(1));
    assert!(matches!(write_run(folder.path(), &run), Err(Error::Write { .. })));
    assert!(folder.path().join("report.html").exists() && !folder.path().join("run.json").exists());
}

/// The rows of a table whose first field is `curve`, as numbers from the third field on.
fn points(table: &str, curve: &str) -> Vec<(f64, f64)> {
    let rows = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let rows = rows.filter(|fields| fields[0] == curve);
    rows.map(|fields| (fields[2].parse().unwrap(), fields[3].parse().unwrap()))
        .collect()
}

#[test]
fn the_tables_of_the_curves_have_the_areas_of_the_metrics() {
    let run = run(car_classes(), 90, history(1));
    let roc = roc_table(&run.predictions).unwrap().to_csv();
    let precision_recall = precision_recall_table(&run.predictions).unwrap().to_csv();
    for class in &run.metrics.per_class {
        let trapezoids = points(&roc, &class.name)
            .windows(2)
            .map(|ends| {
                let [(x, y), (next_x, next_y)] = [ends[0], ends[1]];
                (next_x - x) * (y + next_y) / 2.0
            })
            .sum::<f64>();
        assert!((trapezoids - class.auc.unwrap()).abs() < 1e-12, "{}", class.name);
        let steps = points(&precision_recall, &class.name)
            .windows(2)
            .map(|ends| {
                let [(recall, precision), (next, _)] = [ends[0], ends[1]];
                (recall - next) * precision
            })
            .sum::<f64>();
        assert!(
            (steps - class.average_precision.unwrap()).abs() < 1e-12,
            "{}",
            class.name
        );
    }
    assert!(!points(&roc, "macro avg").is_empty() && !points(&roc, "micro avg").is_empty());
    let reliability = reliability_table(&run.predictions).unwrap().to_csv();
    let counts = reliability
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(2).unwrap().parse::<usize>().unwrap());
    assert_eq!(counts.sum::<usize>(), 90);
}

/// Fails unless every element is closed in the order in which it was opened.
fn assert_balanced(html: &str) {
    const VOID: [&str; 4] = ["meta", "img", "br", "!DOCTYPE"];
    let mut open = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let name = tag
            .trim_start_matches('/')
            .split([' ', '\n', '/'])
            .next()
            .unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed by </{name}>");
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
            if name == "script" || name == "style" {
                // Their content is no markup.
                rest = &rest[rest.find(&format!("</{name}>")).expect("it is closed")..];
            }
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

/// Nothing in the page may be fetched from anywhere but the page itself.
fn assert_loads_nothing(html: &str) {
    for attribute in ["src=\"", "href=\"", "url("] {
        let values = html.split(attribute).skip(1);
        let foreign: Vec<&str> = values
            .map(|value| &value[..value.len().min(40)])
            .filter(|value| !value.starts_with("data:") && !value.starts_with('#'))
            .collect();
        assert!(foreign.is_empty(), "{attribute}: {foreign:?}");
    }
    for word in [
        "http://",
        "https://",
        "@import",
        "<link",
        "<iframe",
        "<object",
        "fetch(",
        "XMLHttpRequest",
    ] {
        assert!(!html.contains(word), "{word}");
    }
}

#[test]
fn without_epochs_nothing_is_said_of_a_training() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_run(folder.path(), &run(car_classes(), 50, History::default())).unwrap();
    let names = files.charts.iter().filter_map(|path| path.file_stem());
    assert!(
        names.clone().count() > 0 && !names.clone().any(|name| name == "loss" || name == "accuracy"),
        "{files:?}"
    );
    let html = fs::read_to_string(&files.report_html).unwrap();
    for part in [
        "Training run",
        "Training time",
        "Best epoch",
        "#curves",
        "id=\"curves\"",
    ] {
        assert!(!html.contains(part), "{part}");
    }
    let read = read_run(folder.path()).unwrap();
    assert!(read.history.epochs.is_empty());
}

#[test]
fn the_folder_holds_what_was_promised_and_it_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("runs/first");
    let run = run(car_classes(), 200, history(9));
    let files = write_run(&target, &run).unwrap();
    let mut names: Vec<_> = fs::read_dir(&target)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    let expected = [
        "accuracy.png",
        "accuracy.svg",
        "confusion.png",
        "confusion.svg",
        "history.csv",
        "loss.png",
        "loss.svg",
        "metrics.json",
        "precision_recall.csv",
        "precision_recall.png",
        "precision_recall.svg",
        "predictions.csv",
        "reliability.csv",
        "reliability.png",
        "reliability.svg",
        "report.html",
        "report.txt",
        "roc.csv",
        "roc.png",
        "roc.svg",
        "run.json",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        History::read_csv(fs::File::open(&files.history_csv).unwrap()).unwrap(),
        run.history
    );
    let predictions = Predictions::read_csv(fs::File::open(&files.predictions_csv).unwrap()).unwrap();
    assert_eq!(predictions, run.predictions);
    let metrics = fs::read_to_string(&files.metrics_json).unwrap();
    let keys = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("  \"")?.split('"').next());
    let expected = "accuracy balanced_accuracy log_loss top5_accuracy macro weighted per_class auc average_precision mcc cohen_kappa ece mce brier_score confusion";
    assert_eq!(keys.collect::<Vec<_>>().join(" "), expected);
    let metrics: Metrics = serde_json::from_str(&metrics).unwrap();
    assert_eq!(metrics.confusion, run.metrics.confusion);
    assert!((metrics.log_loss - run.metrics.log_loss).abs() < 1e-12);
    let text = fs::read_to_string(&files.report_txt).unwrap();
    assert_eq!(text, run.metrics.classification_report().to_string());
    assert_eq!(files.charts.len(), 12);
    assert!(files.charts.iter().all(|path| path.is_file()));
    assert_eq!(files.tables.len(), 3);
    assert!(files.tables.iter().all(|path| path.is_file()));
}

#[test]
fn every_kind_of_run_makes_a_sound_page() {
    let numbered = |count: usize| {
        (0..count)
            .map(|index| format!("Class {index}"))
            .collect::<Vec<_>>()
    };
    let mut runs = vec![
        run(car_classes(), 200, history(60)),
        run(car_classes(), 1, history(1)),
        run(numbered(1), 1, History::default()),
        run(
            numbered(2),
            3,
            History {
                epochs: vec![epoch(1, f64::NAN, None)],
            },
        ),
        run(numbered(40), 500, history(3)),
        run(numbered(130), 500, history(3)),
    ];
    let mut full = run(car_classes(), 50, history(5));
    full.architecture_svg = Some("<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_owned());
    full.command = Some("cargo run -- --data \"my cars\"".to_owned());
    full.skipped = (0..700)
        .map(|index| (format!("train/{index}.jpg"), "the file is empty".to_owned()))
        .collect();
    runs.push(full);
    assert_eq!(runs.len(), 7);
    for run in &runs {
        let html = page(run);
        assert_balanced(&html);
        assert_loads_nothing(&html);
        assert!(
            !html.contains("NaN,") && !html.contains(",NaN"),
            "a coordinate is not a number"
        );
        let ids: Vec<&str> = html
            .split(" id=\"")
            .skip(1)
            .map(|rest| &rest[..rest.find('"').unwrap()])
            .collect();
        let unique: std::collections::HashSet<&&str> = ids.iter().collect();
        assert!(ids.len() > 10 && unique.len() == ids.len(), "{ids:?}");
        for target in html
            .split("href=\"#")
            .skip(1)
            .map(|rest| &rest[..rest.find('"').unwrap()])
        {
            assert!(ids.contains(&target), "no target for #{target}");
        }
    }
    assert!(page(&runs[6]).contains("700 files were left out; the first 500 of them are listed"));
    assert!(page(&runs[5]).contains("too large for this page"));
    assert!(page(&runs[4]).contains("ROC curves: the best 3 and the worst 3 of 40 classes"));
    assert!(page(&runs[4]).contains("Confusion matrix as numbers"));
    assert!(!page(&runs[5]).contains("Confusion matrix as numbers"));
}

#[test]
fn whatever_comes_from_outside_is_escaped() {
    let mut run = run(vec![HOSTILE.to_owned(), "Van".to_owned()], 40, history(3));
    run.title = HOSTILE.to_owned();
    run.facts = vec![Fact::new(HOSTILE, HOSTILE)];
    run.command = Some(HOSTILE.to_owned());
    run.skipped = vec![(HOSTILE.to_owned(), HOSTILE.to_owned())];
    run.architecture_svg = Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\">{HOSTILE}</svg>"
    ));
    run.photos = Some("there is no such folder".into());
    run.predictions
        .paths
        .iter_mut()
        .for_each(|path| path.push_str(HOSTILE));
    let html = page(&run);
    assert_eq!(html.matches("<script").count(), 1, "only the page's own script");
    assert!(!html.contains("alert('x')"));
    assert!(html.matches("&lt;script").count() + html.matches("&#60;script").count() > 8);
    assert_balanced(&html);
    assert_loads_nothing(&html);
}

#[test]
fn the_page_says_its_numbers() {
    let run = run(car_classes(), 200, history(9));
    let html = page(&run);
    for text in [
        "<title>ResNet-18 from scratch</title>",
        "150 of 200 test photos were given the right class. Epoch 9 of 9 was the best, with a validation loss of 0.733.",
        // 150 of 200: the normal approximation of the interval is 69.0 to 81.0 %.
        "<dt>Test accuracy</dt><dd>75.0 %</dd><dd class=\"interval\">69.0 % to 81.0 %</dd>",
        "<dt>Training time</dt><dd>9 min 09 s</dd>",
        "<th scope=\"row\">Pickup Truck</th>",
        "weighted avg",
        "<title id=\"reliability-title\">Reliability: expected calibration error",
        "Maximum calibration error",
        "<caption>Rows: true class. Columns: predicted class. Photos, and their share of the row.</caption>",
        "The photos were not at hand when this page was made.",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn mistakes_are_shown_where_their_photos_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(car_classes(), 16, history(2));
    run.photos = Some(folder.path().into());
    fs::create_dir(folder.path().join("test")).unwrap();
    // Samples 1, 5, 9 and 13 are wrong: two can be shown, one is broken and one is missing.
    for sample in [1, 5] {
        image::RgbImage::new(400, 300)
            .save(folder.path().join(format!("test/{sample}.png")))
            .unwrap();
    }
    fs::write(folder.path().join("test/9.png"), "no photo").unwrap();
    let html = page(&run);
    // The photos are equally certain, so that the first twelve, these two among them, are the least certain as well.
    let (worst, least) = html.split_once("id=\"uncertain\"").expect("both galleries");
    for gallery in [worst, least] {
        assert_eq!(gallery.matches("<figure>").count(), 2);
        assert_eq!(gallery.matches("width=\"160\" height=\"120\"").count(), 2);
    }
    assert!(worst.contains("2 of the worst mistakes cannot be shown"));
    assert!(least.contains("10 of the least certain photos cannot be shown"));
    assert!(html.contains("<li>test/9.png: ") && html.contains("<li>test/13.png: "));
    assert_balanced(&html);
}

#[test]
fn costs_times_and_explanations_are_shown_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(car_classes(), 40, history(2));
    run.cost = Some(Cost {
        parameters: 21_288_519,
        multiply_adds: 3_663_761_920,
        latency_seconds: Some(0.0327),
    });
    run.stages = vec![Stage {
        name: "Testing".to_owned(),
        seconds: 75.2,
    }];
    let photo = image::RgbImage::new(384, 240);
    run.explanations = [(1, 0), (0, 0)]
        .map(|(truth, predicted)| Explanation {
            path: format!("test/{truth}.png"),
            truth,
            predicted,
            probability: 0.875,
            overlay: heat_overlay(&photo, ndarray::Array2::zeros((240, 384)).view()),
            photo: photo.clone(),
        })
        .into();
    let html = page(&run);
    for text in [
        "21\u{2009}288\u{2009}519",
        "3\u{2009}663\u{2009}761\u{2009}920",
        "32.7 ms",
        "<th scope=\"row\">Testing</th><td>1 min 15 s</td>",
        "87.5 %",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert_eq!(
        html.matches("width=\"192\" height=\"120\"").count(),
        4,
        "made smaller"
    );
    let places = ["test/0.png", "test/1.png"].map(|path| html.find(path).unwrap());
    assert!(places[0] < places[1], "by class");
    assert_balanced(&html);

    write_run(folder.path(), &run).unwrap();
    let read = read_run(folder.path()).unwrap();
    assert_eq!((read.details.cost, &read.details.stages), (run.cost, &run.stages));
    assert_eq!(read.details.title, run.title);
    assert_eq!(
        (&read.history, &read.predictions),
        (&run.history, &run.predictions)
    );

    // As an editor saves it.
    let details = fs::read_to_string(folder.path().join("run.json")).unwrap();
    fs::write(folder.path().join("run.json"), format!("\u{feff}{details}")).unwrap();
    assert_eq!(read_run(folder.path()).unwrap().details, read.details);

    run.explanations[0].predicted = 99;
    assert!(matches!(
        write_run(folder.path(), &run),
        Err(Error::Inconsistent { .. })
    ));
    fs::write(folder.path().join("run.json"), "[").unwrap();
    assert!(matches!(read_run(folder.path()), Err(Error::Details { .. })));
    fs::remove_file(folder.path().join("run.json")).unwrap();
    let title = read_run(folder.path()).unwrap().details.title;
    assert_eq!(Some(std::ffi::OsStr::new(&title)), folder.path().file_name());
    fs::remove_file(folder.path().join("history.csv")).unwrap();
    let error = read_run(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("history.csv"), "{error}");
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = || run(car_classes(), 20, history(2));
    let mut runs = Vec::new();
    for change in [
        |run: &mut RunReport| run.class_names.truncate(3),
        |run: &mut RunReport| run.class_names[0].push('!'),
        |run: &mut RunReport| run.metrics.per_class.truncate(2),
        |run: &mut RunReport| run.metrics.confusion[3].truncate(2),
        |run: &mut RunReport| run.metrics.confusion.truncate(2),
        |run: &mut RunReport| run.metrics.per_class[0].support += 1,
    ] {
        let mut run = good();
        change(&mut run);
        runs.push(run);
    }
    assert_eq!(runs.len(), 6);
    for run in &runs {
        assert!(matches!(
            write_run(folder.path(), run),
            Err(Error::Inconsistent { .. })
        ));
    }
    for change in [
        |run: &mut RunReport| drop(run.predictions.paths.pop()),
        |run: &mut RunReport| {
            run.class_names[1] = run.class_names[0].clone();
            run.predictions.class_names = run.class_names.clone();
        },
        |run: &mut RunReport| {
            run.class_names[1].clear();
            run.predictions.class_names = run.class_names.clone();
        },
        |run: &mut RunReport| run.predictions.probabilities[[3, 0]] = f32::NAN,
    ] {
        let mut run = good();
        change(&mut run);
        assert!(matches!(write_run(folder.path(), &run), Err(Error::Metrics(_))));
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing was written"
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "a file").unwrap();
    let error = write_run(&taken, &run(car_classes(), 5, history(1))).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot write {}", taken.join("history.csv").display())
    );
    assert!(std::error::Error::source(&error).is_some());
}
