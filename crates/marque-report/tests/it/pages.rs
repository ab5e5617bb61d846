//! The pages in a browser, as their readers see them.

use std::fs;
use std::path::Path;

use crate::common::{car_classes, history, run};
use image::{Rgb, RgbImage};
use marque_report::{
    Comparison, Cost, Explanation, RunReport, Stage, heat_overlay, read_run, write_comparison, write_run,
};
use marque_testkit::browser::{Browser, ColourScheme, Key, Page};
use ndarray::Array2;

/// What looks into a page.
const CHECKS: &str = include_str!("pages.js");

/// A desktop's window and a phone's.
const VIEWPORTS: [(u32, u32); 2] = [(1280, 800), (390, 844)];
const SCHEMES: [(ColourScheme, &str); 2] = [(ColourScheme::Light, "light"), (ColourScheme::Dark, "dark")];
const LARGEST_PAGE_BYTES: u64 = 3_000_000;

/// Seven names as strangers give them: markup, no place to break, much too long, from right to left.
fn hostile_classes() -> Vec<String> {
    [
        "<script>alert('x')</script>\"&",
        "Donaudampfschifffahrtsgesellschaftskapitän_2_door_extended_wheelbase",
        "Mercedes-Benz Sprinter Passenger Van, extended wheelbase and high roof, model year 2012",
        "سيارة دفع رباعي",
        "-",
        "SUV",
        "Pickup Truck 🛻",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// A run with everything that a page can show; the photos are written into `folder`.
fn full_run(class_names: Vec<String>, samples: usize, folder: &Path) -> RunReport {
    let mut run = run(class_names, samples, history(30));
    for (sample, path) in run.predictions.paths.iter_mut().enumerate() {
        *path = format!("test/{sample:04}_a_rather_long_name_of_a_photo_without_spaces.jpg");
        // Every fourth photo is a mistake; few of them are shown.
        if sample % 4 == 1 && sample < 60 {
            write_photo(&folder.join(path.as_str()), sample);
        }
    }
    let explanation = |sample: usize| {
        let photo = photo(sample);
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let heat = Array2::from_shape_fn((height, width), |(y, x)| (x * y) as f32 / (width * height) as f32);
        Explanation {
            path: run.predictions.paths[sample].clone(),
            truth: run.predictions.labels[sample],
            predicted: sample % run.class_names.len(),
            probability: 0.874,
            overlay: heat_overlay(&photo, heat.view()),
            photo,
        }
    };
    run.explanations = (0..6).map(explanation).collect();
    run.photos = Some(folder.into());
    run.architecture_svg = Some(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1600\" height=\"300\">\
         <rect width=\"1600\" height=\"300\" fill=\"#e5e9ee\"/></svg>"
            .to_owned(),
    );
    run.command = Some(
        "cargo run --release --example resnet_from_scratch -- --data \"my cars\" --epochs 30 --image-size 224".to_owned(),
    );
    run.skipped = vec![
        (
            "train/Sedan/an_empty_file_with_a_long_name_without_any_space.jpg".to_owned(),
            "the file is empty".to_owned(),
        ),
        (
            "train/SUV/notes.txt".to_owned(),
            "it is not of a format that can be read".to_owned(),
        ),
    ];
    run.cost = Some(Cost {
        parameters: 21_288_263,
        multiply_adds: 3_664_000_000,
        latency_seconds: Some(0.0421),
    });
    run.stages = [
        ("Reading the folder", 0.4),
        ("Training", 1830.0),
        ("Testing", 12.5),
    ]
    .map(|(name, seconds)| Stage {
        name: name.to_owned(),
        seconds,
    })
    .to_vec();
    run
}

/// A made-up car before a sky, another one for each number.
fn photo(number: usize) -> RgbImage {
    let shade = (number * 37 % 200) as u8;
    let (width, height) = [(200, 150), (150, 200), (240, 80)][number % 3];
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (x * 100 / width, y * 100 / height);
        match (x, y) {
            (25..75, 35..50) | (10..90, 50..70) => Rgb([shade, 60, 220 - shade]),
            (_, 80..) => Rgb([90, 90, 90]),
            _ => Rgb([170, 200, 230 - y as u8]),
        }
    })
}

fn write_photo(path: &Path, number: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    photo(number).save(path).unwrap();
}

/// Opens a page in windows of both sizes and in both themes, and checks all that holds for every page.
fn check_page(browser: &mut Browser, name: &str, path: &Path) {
    let bytes = fs::metadata(path).unwrap().len();
    assert!(bytes < LARGEST_PAGE_BYTES, "{name}: {bytes} bytes");
    let mut problems = Vec::new();
    for (width, height) in VIEWPORTS {
        for (scheme, scheme_name) in SCHEMES {
            let mut page = browser.new_page().unwrap();
            page.set_viewport(width, height).unwrap();
            page.set_colour_scheme(scheme).unwrap();
            page.open(path).unwrap();
            let name = format!("{name}-{width}-{scheme_name}");
            let found = check_open_page(&mut page, &name, width);
            problems.extend(found.into_iter().map(|problem| format!("{name}: {problem}")));
        }
    }
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// What is wrong with a page in a window of this width.
fn check_open_page(page: &mut Page<'_>, name: &str, width: u32) -> Vec<String> {
    page.evaluate(CHECKS).unwrap();
    let misfits = format!("marque.misfits({width})");
    let mut problems = found_by(page, &misfits);
    // What is folded away must fit, too.
    page.evaluate("document.querySelectorAll('details').forEach((part) => part.open = true)")
        .unwrap();
    problems.extend(found_by(page, &misfits));
    page.keep_screenshot(name).unwrap();
    problems.extend(check_sorting(page));
    problems.extend(page.violations().unwrap());
    problems.extend(page.messages().unwrap());
    let requests = page.requests().unwrap();
    let foreign = |(at, address): &(usize, String)| match at {
        0 => !address.starts_with("file:///"),
        _ => !address.starts_with("data:"),
    };
    let foreign = requests.into_iter().enumerate().filter(foreign);
    problems.extend(foreign.map(|(_, address)| format!("loads {address}")));
    problems
}

/// Every column of every table that can be sorted, by the keyboard and by the mouse, both ways.
fn check_sorting(page: &mut Page<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let tables = page.evaluate("marque.tables().length").unwrap();
    for table in 0..tables.as_u64().unwrap() {
        let choose = format!("globalThis.table = marque.tables()[{table}]; table.dataset.checked = {table};");
        page.evaluate(&choose).unwrap();
        let rows = page.evaluate("marque.rows(table).sort()").unwrap();
        let columns = page.evaluate("table.tHead.rows[0].cells.length").unwrap();
        // From what comes before the table, the tabulator leads to its headings, one after the other.
        page.evaluate("table.closest('[tabindex]').focus()").unwrap();
        for column in 0..columns.as_u64().unwrap() {
            let head = format!("table.tHead.rows[0].cells[{column}]");
            let unsorted = format!("marque.unsorted(table, {column})");
            let way = format!("{head}.getAttribute('aria-sort')");
            let mut ways = Vec::new();
            page.press(Key::Tab).unwrap();
            for key in [Key::Enter, Key::Space] {
                page.press(key).unwrap();
                problems.extend(found_by(page, &unsorted));
                ways.push(page.evaluate(&way).unwrap());
                // Who goes on by keyboard must not be thrown back to the top of the page.
                let has_focus = page.evaluate(&format!("{head}.contains(document.activeElement)"));
                if has_focus.unwrap() != true {
                    problems.push(format!("column {column} has not the focus after {key:?}"));
                }
            }
            let button = format!(
                "[data-checked='{table}'] thead th:nth-child({}) button",
                column + 1
            );
            for _ in 0..2 {
                page.click(&button).unwrap();
                problems.extend(found_by(page, &unsorted));
                ways.push(page.evaluate(&way).unwrap());
            }
            if ways.windows(2).any(|pair| pair[0] == pair[1]) {
                problems.push(format!("column {column} does not turn: {ways:?}"));
            }
        }
        if page.evaluate("marque.rows(table).sort()").unwrap() != rows {
            problems.push(format!("table {table} has other rows after it was sorted"));
        }
    }
    problems
}

/// What a check of `pages.js` has found.
fn found_by(page: &mut Page<'_>, check: &str) -> Vec<String> {
    let found = page.evaluate(check).unwrap();
    serde_json::from_value(found).unwrap()
}

/// The browser; a line says what is left out.
fn launch() -> Option<Browser> {
    Browser::launch_to_look().unwrap()
}

fn check_run(name: &str, class_names: Vec<String>, samples: usize) {
    let Some(mut browser) = launch() else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = full_run(class_names, samples, folder.path());
    let files = write_run(&folder.path().join("run"), &run).unwrap();
    check_page(&mut browser, name, &files.report_html);
}

#[test]
fn a_page_of_two_classes() {
    check_run("two", vec!["Sedan".to_owned(), "SUV".to_owned()], 60);
}

#[test]
fn a_page_of_seven_classes() {
    check_run("seven", car_classes(), 400);
}

/// Predictions of another program.
#[test]
fn a_page_without_epochs() {
    let Some(mut browser) = launch() else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = run(car_classes(), 140, history(0));
    let files = write_run(&folder.path().join("run"), &run).unwrap();
    check_page(&mut browser, "scores", &files.report_html);
}

#[test]
fn a_page_of_classes_with_hostile_names() {
    check_run("hostile", hostile_classes(), 140);
}

/// Of the last two classes there are no test photos: some of their metrics are not defined.
#[test]
fn a_page_of_forty_classes() {
    let names =
        (1..=40).map(|number| format!("Make {number} Model {} Sedan {}", number * 7 % 13, 1990 + number));
    let Some(mut browser) = launch() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut run = full_run(names.collect(), 800, folder.path());
    run.predictions.labels.iter_mut().for_each(|label| *label %= 38);
    run.metrics = run.predictions.metrics().unwrap();
    assert_eq!(run.metrics.per_class[39].auc, None);
    let files = write_run(&folder.path().join("run"), &run).unwrap();
    check_page(&mut browser, "forty", &files.report_html);
}

/// Runs with long names, one of which takes every photo of the first class for one of the second.
#[test]
fn a_page_of_a_comparison() {
    let Some(mut browser) = launch() else { return };
    let folder = tempfile::tempdir().unwrap();
    let titles = [
        "ResNet-34 from scratch",
        "densenet121_from_the_best_start_that_could_be_had_without_any_space",
        "<b>Xception</b>",
    ];
    let runs = titles.into_iter().enumerate().map(|(number, title)| {
        let mut run = full_run(car_classes(), 200, folder.path());
        run.title = title.to_owned();
        let probabilities = run
            .predictions
            .labels
            .iter()
            .zip(run.predictions.probabilities.rows_mut());
        for (_, mut row) in probabilities.filter(|(label, _)| **label == number) {
            row.fill(0.0);
            row[(number + 1) % 7] = 1.0;
        }
        run.metrics = run.predictions.metrics().unwrap();
        let target = folder.path().join(number.to_string());
        write_run(&target, &run).unwrap();
        read_run(&target).unwrap()
    });
    let comparison = Comparison {
        runs: runs.collect(),
        photos: Some(folder.path().into()),
    };
    let files = write_comparison(&folder.path().join("compared"), &comparison).unwrap();
    check_page(&mut browser, "compare", &files.compare_html);
}

/// Drawings follow the theme, and so must what is behind them.
#[test]
fn the_drawing_of_the_architecture_can_be_read_in_both_themes() {
    let Some(mut browser) = launch() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(car_classes(), 70, history(3));
    // Ink on the left; on the right, what is behind the drawing shows.
    run.architecture_svg = Some(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"100\">\
         <style>rect { fill: #1d2733 } @media (prefers-color-scheme: dark) { rect { fill: #e7edf3 } }</style>\
         <rect width=\"100\" height=\"100\"/></svg>"
            .to_owned(),
    );
    let files = write_run(&folder.path().join("run"), &run).unwrap();
    let luminances = SCHEMES.map(|(scheme, name)| {
        let mut page = browser.new_page().unwrap();
        page.set_viewport(1280, 800).unwrap();
        page.set_colour_scheme(scheme).unwrap();
        page.open(&files.report_html).unwrap();
        let corner = page
            .evaluate("(({ left, top }) => [left + scrollX, top + scrollY])(document.querySelector('.drawing img').getBoundingClientRect())")
            .unwrap();
        let [left, top]: [f64; 2] = serde_json::from_value(corner).unwrap();
        let shown = folder.path().join(format!("{name}.png"));
        page.screenshot(&shown).unwrap();
        let shown = image::open(shown).unwrap().to_rgb8();
        let luminance = |x: f64| relative_luminance(*shown.get_pixel((left + x) as u32, top as u32 + 50));
        let (ink, behind) = (luminance(50.0), luminance(150.0));
        let contrast = (ink.max(behind) + 0.05) / (ink.min(behind) + 0.05);
        // The least that WCAG 2.2, 1.4.3, asks for text.
        assert!(contrast >= 4.5, "{name}: {contrast}");
        behind
    });
    assert!(luminances[0] > 0.5 && luminances[1] < 0.5, "{luminances:?}");
}

/// As WCAG 2.2 defines it, from 0 for black to 1 for white.
fn relative_luminance(Rgb(colour): Rgb<u8>) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// The checks of `pages.js` find what they are for.
#[test]
fn what_is_wrong_with_a_page_is_found() {
    let Some(mut browser) = launch() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.html");
    let html = "<!DOCTYPE html><html><title>Wrong</title><body>
        <p style='width: 9em'>Donaudampfschifffahrtsgesellschaft</p>
        <p style='margin-left: 380px'>Beyond the window</p>
        <p style='overflow: auto; white-space: nowrap'>This can be scrolled, and so it may be as long as it likes.</p>
        <table class=sortable><thead><tr><th aria-sort=ascending>A<th aria-sort=none>B</thead>
        <tbody><tr><td data-value=2>2<td data-value=''>-<tr><td data-value=1>1<td data-value=1>1</tbody></table>
        <svg width=500 height=9></svg><img src='data:,'>";
    fs::write(&path, html).unwrap();
    let mut page = browser.new_page().unwrap();
    page.set_viewport(390, 844).unwrap();
    page.open(&path).unwrap();
    page.evaluate(CHECKS).unwrap();
    let misfits = found_by(&mut page, "marque.misfits(390)");
    let is_found = |part: &str| misfits.iter().any(|misfit| misfit.contains(part));
    for part in [
        " px wide, the window 390",
        "Donaudampfschifffahrtsgesellschaft\" sticks out of its <p>",
        "Beyond the window\" sticks out of the window",
        "<svg> sticks out of the window",
    ] {
        assert!(is_found(part), "{part}: {misfits:?}");
    }
    assert!(!is_found("This can be scrolled"), "{misfits:?}");
    assert_eq!(
        found_by(&mut page, "marque.unsorted(marque.tables()[0], 0)"),
        ["column 0, ascending: 2 before 1"]
    );
    assert_eq!(
        found_by(&mut page, "marque.unsorted(marque.tables()[0], 1)"),
        [
            "aria-sort of column 1 is none",
            "aria-sort is ascending,none",
            "column 1: undefined values are not last"
        ]
    );
    if Page::has_axe() {
        let violations = page.violations().unwrap();
        for rule in ["html-has-lang", "image-alt"] {
            let is_found = violations.iter().any(|violation| violation.starts_with(rule));
            assert!(is_found, "{rule}: {violations:?}");
        }
    }
}
