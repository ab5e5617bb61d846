//! The functions that the page calls, called as it does.

use marque_page::exports::{
    marque_alloc, marque_free, marque_load, marque_run, marque_text, marque_text_length,
};
use serde_json::Value;

use crate::common::{cars, classifier, model};

fn text() -> String {
    // SAFETY: so many bytes are there, and no other call is made before they are copied.
    let bytes = unsafe { std::slice::from_raw_parts(marque_text(), marque_text_length()) };
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The bytes in memory of the engine.
fn lent(bytes: &[u8]) -> *mut u8 {
    let start = marque_alloc(bytes.len());
    assert!(!start.is_null());
    // SAFETY: the memory has this length and belongs to the caller.
    unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    start
}

fn load(contents: &[u8]) -> bool {
    marque_load(lent(contents)) == 1
}

fn run(rgba: &[u8], width: u32, height: u32) -> Result<Vec<f32>, String> {
    if marque_run(lent(rgba), width, height) == 0 {
        return Err(text());
    }
    let answer: Value = serde_json::from_str(&text()).unwrap();
    Ok(serde_json::from_value(answer["probabilities"].clone()).unwrap())
}

fn rgba(photo: &image::RgbImage) -> Vec<u8> {
    photo
        .pixels()
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255])
        .collect()
}

#[test]
fn answers_are_the_bits_of_a_classifier() {
    assert!(load(&std::fs::read(model()).unwrap()), "{}", text());
    let told: Value = serde_json::from_str(&text()).unwrap();
    let classifier = classifier();
    assert_eq!(told["classes"], serde_json::json!(classifier.card().class_names));
    assert_eq!(told["network"], classifier.card().graph.name());
    for photo in cars(5) {
        let (width, height) = photo.dimensions();
        let found = run(&rgba(&photo), width, height).unwrap();
        assert_eq!(found, classifier.photo_probabilities(&photo).unwrap());
    }
}

#[test]
fn what_is_transparent_shows_white() {
    assert!(load(&std::fs::read(model()).unwrap()), "{}", text());
    let white = image::RgbImage::from_pixel(30, 20, image::Rgb([255; 3]));
    let transparent: Vec<u8> = (0..30 * 20).flat_map(|place| [place as u8, 7, 200, 0]).collect();
    assert_eq!(run(&transparent, 30, 20), run(&rgba(&white), 30, 20));
}

#[test]
fn hostile_input_is_an_error_that_says_why() {
    // Before there is a model.
    assert_eq!(run(&[0; 4], 1, 1).unwrap_err(), "no model is loaded");
    let sound = std::fs::read(model()).unwrap();
    assert!(!load(b"<!doctype html><html>"));
    assert_eq!(
        text(),
        "the model file is no checkpoint that can be read: it is a web page; a download may have failed"
    );
    for length in [1, 8, 9, 100, 1000, sound.len() / 2, sound.len() - 1] {
        assert!(!load(&sound[..length]), "{length}");
        assert!(text().starts_with("the model file "), "{}", text());
    }
    // A model that is refused leaves none.
    assert_eq!(run(&[0; 4], 1, 1).unwrap_err(), "no model is loaded");
    assert!(load(&sound));
    for (length, width, height) in [
        (4, 0, 0),
        (4, 1, 2),
        (4, u32::MAX, u32::MAX),
        (8, 2, 0),
        (3, 1, 1),
    ] {
        let error = run(&vec![0; length], width, height).unwrap_err();
        assert!(
            error.starts_with(&format!("an image of {width} × {height} px")),
            "{error}"
        );
    }
    assert_eq!(run(&[9; 4], 1, 1).map(|answer| answer.len()), Ok(7));
    // Memory that nobody lent, and more than there is.
    marque_free(std::ptr::null_mut());
    assert_eq!(marque_run(std::ptr::dangling_mut(), 1, 1), 0);
    assert!(marque_alloc(0).is_null());
    assert!(marque_alloc(usize::MAX).is_null());
    let start = marque_alloc(16);
    marque_free(start);
    assert_eq!(marque_load(start), 0);
}
