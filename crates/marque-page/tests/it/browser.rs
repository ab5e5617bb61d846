//! The page in a browser, opened from the disk: what may be done there may be done from a server, too.

use std::fs;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage, Rgba, RgbaImage};
use marque_testkit::browser::{Browser, ColourScheme, Key, Page};
use marque_testkit::skip;

use crate::common::{cars, classifier, model, root};

/// The engine as WebAssembly; `cargo xtask test` builds it.
const ENGINE: &str = "MARQUE_PAGE_ENGINE";

/// The largest difference of a logit, up to what all logits of a photo have in common.
const LOGITS: f64 = 1e-4;
/// The same where a canvas has rounded what is half transparent.
const ROUNDED: f64 = 0.05;
/// The same for JPEGs, which two decoders decode to pixels that differ by some levels.
const DECODED: f64 = 0.1;
/// Without the model, in bytes of gzip.
const MOST_PACKED_BYTES: usize = 1_000_000;

/// A browser and the folder of a page; a line says what is left out.
fn page_in(folder: &Path) -> Option<(Browser, PathBuf)> {
    let engine = std::env::var_os(ENGINE).filter(|value| !value.is_empty());
    let Some(engine) = engine.map(PathBuf::from) else {
        skip(&format!(
            "the page that classifies in a browser; `cargo xtask test` builds its engine, {ENGINE} names one"
        ));
        return None;
    };
    let browser = Browser::launch_to_look().unwrap()?;
    let out = folder.join("page");
    let made = marque_testkit::cargo()
        .args(["xtask", "page", "--model"])
        .arg(fs::canonicalize(model()).unwrap())
        .arg("--engine")
        .arg(std::path::absolute(engine).unwrap())
        .arg("--out")
        .arg(&out)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some((browser, out))
}

/// Photos in files, with what each is called, what it shows and how near the page has to come to it.
fn photos(folder: &Path) -> Vec<(PathBuf, RgbImage, f64)> {
    let mut photos = Vec::new();
    for (number, car) in cars(6).into_iter().enumerate() {
        let path = folder.join(format!("car {number}.png"));
        car.save(&path).unwrap();
        photos.push((path, car, LOGITS));
    }
    // Larger than what is drawn at a time, in rows that do not divide it.
    let large = RgbImage::from_fn(2500, 1701, |x, y| {
        Rgb([(x / 9) as u8, (y / 7) as u8, (x ^ y) as u8])
    });
    let path = folder.join("large.png");
    large.save(&path).unwrap();
    photos.push((path, large, LOGITS));
    // Grey, as files with a palette and 16 bits are decoded elsewhere, too.
    let grey = image::GrayImage::from_fn(90, 70, |x, y| image::Luma([(2 * x + y) as u8]));
    let path = folder.join("grey.png");
    grey.save(&path).unwrap();
    photos.push((path, image::DynamicImage::from(grey).into_rgb8(), LOGITS));
    for (name, alphas, bound) in [("holes", [0, 255], LOGITS), ("veil", [120, 255], ROUNDED)] {
        let veiled = RgbaImage::from_fn(120, 80, |x, y| {
            let alpha = alphas[usize::from((x / 30 + y / 20) % 2 == 0)];
            Rgba([200 - x as u8, 40 + y as u8, 90, alpha])
        });
        let path = folder.join(format!("{name}.png"));
        veiled.save(&path).unwrap();
        let shown = marque_data::decode(&path).unwrap();
        photos.push((path, shown, bound));
    }
    // One picture, lying in each of the ways that EXIF knows.
    for orientation in 1..=8 {
        let golden = root().join("crates/marque-data/tests/golden/decode");
        let path = fs::canonicalize(golden.join(format!("exif_{orientation}.jpg"))).unwrap();
        let shown = marque_data::decode(&path).unwrap();
        photos.push((path, shown, DECODED));
    }
    photos
}

/// Chooses files, and waits until all that were chosen so far are answered.
fn ask(page: &mut Page<'_>, paths: &[PathBuf], total: usize) {
    page.choose_files("#files", paths).unwrap();
    page.wait_until(&format!("entries.length === {total} && entries.every(isDone)"))
        .unwrap();
}

/// Logits, up to a number that all of them have in common.
fn centred(probabilities: &[f64]) -> Vec<f64> {
    let logs: Vec<f64> = probabilities.iter().map(|probability| probability.ln()).collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    logs.iter().map(|log| log - mean).collect()
}

/// What the page has loaded that is not its own, or from elsewhere than the disk.
fn foreign(page: &mut Page<'_>) -> Vec<String> {
    let own = ["index.html", "page.css", "page.js", "engine.js", "model.js"];
    let mut requests = page.requests().unwrap();
    requests.retain(|address| {
        let is_own = address.starts_with("file:///") && own.iter().any(|name| address.ends_with(name));
        !is_own && !address.starts_with("data:") && !address.starts_with("blob:")
    });
    requests
}

#[test]
fn answers_are_those_of_the_engine_outside_of_the_browser() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut browser, out)) = page_in(folder.path()) else {
        return;
    };
    let photos = photos(folder.path());
    let text = folder.path().join("notes.txt");
    fs::write(&text, "dear diary").unwrap();
    let mut paths: Vec<PathBuf> = photos.iter().map(|(path, ..)| path.clone()).collect();
    paths.push(text);

    let mut page = browser.new_page().unwrap();
    page.open(&out.join("index.html")).unwrap();
    ask(&mut page, &paths, paths.len());
    let classifier = classifier();
    let answers = page
        .evaluate(
            "entries.map(({ answer, error }) => error ?? classes.map((of) => answer.find(({ name }) => name === of).probability))",
        )
        .unwrap();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), photos.len() + 1);
    for ((path, photo, bound), answer) in photos.iter().zip(answers) {
        let found: Vec<f64> = serde_json::from_value(answer.clone()).unwrap_or_else(|_| panic!("{answer}"));
        let expected = classifier.photo_probabilities(photo).unwrap();
        let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
        for (found, expected) in centred(&found).into_iter().zip(centred(&expected)) {
            let name = path.display();
            assert!(
                (found - expected).abs() < *bound,
                "{name}: {found} for {expected}"
            );
        }
    }
    assert_eq!(answers[photos.len()], "this browser cannot read it as a photo");

    let table = page.evaluate("table()").unwrap();
    let mut lines = table.as_str().unwrap().lines();
    let names = &classifier.card().class_names;
    let shares: Vec<String> = names
        .iter()
        .map(|name| format!("\"probability of {name}\""))
        .collect();
    let head = format!(
        "\"photo\",\"class\",\"probability\",{},\"error\"",
        shares.join(",")
    );
    assert_eq!(lines.next(), Some(head.as_str()));
    for (line, (path, photo, _)) in lines.by_ref().zip(&photos) {
        let best = &classifier.classify_photo(photo).unwrap()[0].class_name;
        let name = path.file_name().unwrap().display();
        assert!(line.starts_with(&format!("\"{name}\",\"{best}\",\"")), "{line}");
    }
    let messages = page.messages().unwrap();
    assert!(messages.is_empty(), "{messages:?}");
    assert_eq!(foreign(&mut page), Vec::<String>::new());
}

#[test]
fn the_page_can_be_read_in_windows_of_all_sizes_in_both_themes_and_by_all() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut browser, out)) = page_in(folder.path()) else {
        return;
    };
    let mut paths: Vec<PathBuf> = photos(folder.path()).into_iter().map(|(path, ..)| path).collect();
    let long = folder.path().join(format!(
        "{}.png",
        "a_rather_long_name_of_a_photo_without_spaces".repeat(3)
    ));
    fs::copy(&paths[0], &long).unwrap();
    let hostile = folder.path().join("<img src=x onerror=alert(1)>.txt");
    fs::write(&hostile, "no photo").unwrap();
    paths.extend([long, hostile]);
    let mut problems = Vec::new();
    for (width, height) in [(1280, 800), (390, 844)] {
        for (scheme, scheme_name) in [(ColourScheme::Light, "light"), (ColourScheme::Dark, "dark")] {
            let name = format!("page-{width}-{scheme_name}");
            let mut page = browser.new_page().unwrap();
            page.set_viewport(width, height).unwrap();
            page.set_colour_scheme(scheme).unwrap();
            page.open(&out.join("index.html")).unwrap();
            let mut look = |page: &mut Page<'_>, state: &str| {
                let wide = page.evaluate("document.documentElement.scrollWidth").unwrap();
                if wide.as_u64() > Some(u64::from(width)) {
                    problems.push(format!("{name}-{state}: {wide} px wide"));
                }
                page.keep_screenshot(&format!("{name}-{state}")).unwrap();
                let violations = page.violations().unwrap();
                let found = violations
                    .into_iter()
                    .chain(page.messages().unwrap())
                    .chain(foreign(page));
                problems.extend(found.map(|problem| format!("{name}-{state}: {problem}")));
            };
            look(&mut page, "empty");
            ask(&mut page, &paths, paths.len());
            look(&mut page, "answered");
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_keyboard_leads_through_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut browser, out)) = page_in(folder.path()) else {
        return;
    };
    let path = folder.path().join("car.png");
    cars(1)[0].save(&path).unwrap();
    let mut page = browser.new_page().unwrap();
    page.set_viewport(1280, 800).unwrap();
    page.open(&out.join("index.html")).unwrap();
    let focused = |page: &mut Page<'_>| page.evaluate("document.activeElement.id").unwrap();
    page.press(Key::Tab).unwrap();
    assert_eq!(focused(&mut page), "files");
    ask(&mut page, std::slice::from_ref(&path), 1);
    // The same photo once more is a second question: a browser tells of a choice only where it is another than the last one.
    page.evaluate("by('files').dispatchEvent(new MouseEvent('click')); null")
        .unwrap();
    ask(&mut page, std::slice::from_ref(&path), 2);
    assert_eq!(
        page.evaluate("by('status').textContent").unwrap(),
        "2 of 2 photos answered."
    );
    for expected in ["csv", "clear"] {
        page.press(Key::Tab).unwrap();
        assert_eq!(focused(&mut page), expected);
    }
    page.press(Key::Enter).unwrap();
    let left = page.evaluate(
        "[entries.length, by('rows').children.length, by('answers').hidden, document.activeElement.id]",
    );
    assert_eq!(left.unwrap(), serde_json::json!([0, 0, true, "files"]));
    ask(&mut page, std::slice::from_ref(&path), 1);
    let messages = page.messages().unwrap();
    assert!(messages.is_empty(), "{messages:?}");
}

#[test]
fn a_page_whose_model_is_damaged_or_missing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut browser, out)) = page_in(folder.path()) else {
        return;
    };
    let car = folder.path().join("car.png");
    cars(1)[0].save(&car).unwrap();
    let damaged = "marque.part('model', 'AAAA');\n";
    for (content, expected) in [
        (
            Some(damaged),
            "This page cannot answer: the model file is no checkpoint that can be read: ",
        ),
        (None, "This page cannot answer: model.js could not be loaded."),
    ] {
        match content {
            Some(content) => fs::write(out.join("model.js"), content).unwrap(),
            None => fs::remove_file(out.join("model.js")).unwrap(),
        }
        let mut page = browser.new_page().unwrap();
        page.open(&out.join("index.html")).unwrap();
        page.wait_until("hasFailed").unwrap();
        let said = page.evaluate("by('model').textContent").unwrap();
        assert!(said.as_str().unwrap().starts_with(expected), "{said}");
        ask(&mut page, std::slice::from_ref(&car), 1);
        assert_eq!(page.evaluate("entries[0].error").unwrap(), "no model answers");
    }
}

#[test]
fn what_is_loaded_is_small() {
    let folder = tempfile::tempdir().unwrap();
    let Some((browser, out)) = page_in(folder.path()) else {
        return;
    };
    drop(browser);
    let names = ["index.html", "page.css", "page.js", "engine.js"];
    let packed = names.map(|name| packed_bytes(&out.join(name)));
    let sum: usize = packed.iter().sum();
    assert!(packed[3] > 100_000 && sum < MOST_PACKED_BYTES, "{packed:?}");
}

/// The size of a file as gzip packs it.
fn packed_bytes(path: &Path) -> usize {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, &fs::read(path).unwrap()).unwrap();
    packer.finish().unwrap().len()
}
