//! What is answered to those who ask well.

use crate::client::multipart;
use crate::photos::{car, encoded, jpeg, png};
use crate::process::{MODEL, Server};
use image::{ImageFormat, RgbImage};
use marque_data::decode_bytes;
use marque_infer::{Session, SessionOptions};
use marque_model::Classifier;
use serde_json::Value;
use std::path::Path;
use std::thread;

fn classifier() -> Classifier<Session> {
    Classifier::open(MODEL.as_ref(), SessionOptions::default()).unwrap()
}

/// Labels and probabilities of an answer. The text has all digits of the double of each probability.
fn told(answer: &Value) -> Vec<(String, f32)> {
    let top = answer["top"].as_array().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(answer["label"], top[0]["label"]);
    assert_eq!(answer["probability"], top[0]["probability"]);
    let of = |class: &Value| {
        let label = class["label"].as_str().unwrap().to_owned();
        (label, class["probability"].as_f64().unwrap() as f32)
    };
    top.iter().map(of).collect()
}

/// What the classifier says of a photo that is computed alone.
fn alone(classifier: &Classifier<Session>, pixels: &RgbImage) -> Vec<(String, f32)> {
    let classes = classifier.classify_photo(pixels).unwrap().into_iter();
    classes
        .map(|class| (class.class_name, class.probability))
        .collect()
}

/// The same classes, each as probable to a millionth: kernels for more images round otherwise.
fn assert_close(found: &[(String, f32)], expected: &[(String, f32)]) {
    assert_eq!(found.len(), expected.len());
    for (label, probability) in expected {
        let found = found.iter().find(|(name, _)| name == label).unwrap();
        assert!(
            (found.1 - probability).abs() < 1e-6,
            "{label}: {} and {probability}",
            found.1
        );
    }
}

#[test]
fn a_photo_gets_the_bits_of_the_classifier() {
    let server = Server::start(&[]);
    let classifier = classifier();
    let mut client = server.client();
    for (index, format) in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::WebP,
        ImageFormat::Tiff,
    ]
    .into_iter()
    .enumerate()
    {
        let photo = encoded(&car(index as u64), format);
        let pixels = decode_bytes(&photo, Path::new("car")).unwrap();
        let response = client.post("/classify?top=7", "", &photo).unwrap();
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        let answer = &response.json()["answers"][0];
        assert_eq!(answer["photo"], "photo");
        assert_eq!(told(answer), alone(&classifier, &pixels), "{format:?}");
    }
    let five = client.post("/classify", "", &png(0)).unwrap().json();
    assert_eq!(told(&five["answers"][0]).len(), 5);
}

/// The answers for thirteen photos in one request.
fn thirteen(server: &Server) -> Vec<Vec<(String, f32)>> {
    let photos: Vec<(String, Vec<u8>)> = (0..13)
        .map(|index| (format!("car {index}.png"), png(index)))
        .collect();
    let parts: Vec<(&str, &[u8])> = photos
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let (headers, body) = multipart(&parts);
    let response = server.client().post("/classify?top=7", headers, &body).unwrap();
    let json = response.json();
    let answers = json["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 13);
    for (answer, (name, _)) in answers.iter().zip(&photos) {
        assert_eq!(answer["photo"], name.as_str());
    }
    answers.iter().map(told).collect()
}

#[test]
fn many_photos_are_computed_together_and_keep_their_order() {
    let server = Server::start(&["--max-batch", "8", "--max-wait", "0.2"]);
    let classifier = classifier();
    for (index, found) in thirteen(&server).iter().enumerate() {
        assert_close(found, &alone(&classifier, &car(index as u64)));
    }
    // Otherwise nothing was compared here.
    assert!(server.metric("marque_batch_photos_count") < 13.0);
}

#[test]
fn batches_of_one_give_the_bits_of_the_classifier_whatever_else_is_asked() {
    let server = Server::start(&["--max-batch", "1"]);
    let classifier = classifier();
    for (index, found) in thirteen(&server).iter().enumerate() {
        assert_eq!(*found, alone(&classifier, &car(index as u64)));
    }
    assert_eq!(server.metric("marque_batch_photos_count"), 13.0);
}

#[test]
fn requests_at_one_time_get_each_its_own_answer() {
    let server = Server::start(&[]);
    let classifier = classifier();
    let answered: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let (server, classifier) = (&server, &classifier);
                scope.spawn(move || {
                    let mut connection = server.client();
                    for turn in 0..10 {
                        let index = 10 * client + turn;
                        let expected = alone(classifier, &car(index));
                        let response = connection.post("/classify?top=7", "", &png(index)).unwrap();
                        assert_close(&told(&response.json()["answers"][0]), &expected);
                    }
                    10
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert_eq!(answered, 80);
    let name = "marque_requests_total{route=\"/classify\",status=\"200\"}";
    assert_eq!(server.metric(name), 80.0);
    assert_eq!(server.metric("marque_queued_photos"), 0.0);
    assert_eq!(server.metric("marque_body_bytes"), 0.0);
}

#[test]
fn a_bad_photo_among_good_ones_is_an_error_of_its_own() {
    let server = Server::start(&[]);
    let (good, cut) = (png(1), &jpeg(2)[..900]);
    let photos: [(&str, &[u8]); 3] = [
        ("/etc/good.png", &good),
        ("cut.jpg", cut),
        ("..\\notes.txt", b"dear diary"),
    ];
    let (headers, body) = multipart(&photos);
    let response = server.post(headers, &body);
    assert_eq!(response.status, 200);
    let told = response.json();
    assert_eq!(told["answers"][0]["photo"], "good.png");
    assert!(told["answers"][0]["label"].is_string());
    assert_eq!(told["answers"][1]["error"]["kind"], "damaged_photo");
    assert_eq!(told["answers"][1]["error"]["photo"], "cut.jpg");
    assert_eq!(told["answers"][2]["error"]["kind"], "not_a_photo");
    assert_eq!(told["answers"][2]["error"]["photo"], "notes.txt");
    assert!(told.get("error").is_none());

    // None is good: the whole is an error, too.
    let (headers, body) = multipart(&photos[1..]);
    let response = server.post(headers, &body);
    assert_eq!(response.status, 422);
    assert_eq!(response.json()["error"]["photo"], "cut.jpg");
    assert_eq!(response.json()["answers"].as_array().unwrap().len(), 2);
}

#[test]
fn the_page_the_state_and_the_metrics_are_there() {
    let server = Server::start(&[]);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"));
    let text = page.text();
    for needed in [
        "<label for=\"files\">",
        "aria-live",
        "width=device-width",
        "lang=\"en\"",
    ] {
        assert!(text.contains(needed), "{needed}");
    }
    let parts = ["page.css", "page.js", "engine.js"];
    let loaded = text.matches("src=\"").count() + text.matches("rel=\"stylesheet\"").count();
    assert_eq!(loaded, parts.len());
    for part in parts {
        assert!(text.contains(&format!("\"{part}\"")), "{part}");
        let answer = server.get(&format!("/{part}"));
        assert_eq!(answer.status, 200);
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with(if part.ends_with("css") {
            "text/css"
        } else {
            "text/javascript"
        }));
        // Nothing is asked for elsewhere.
        for outside in ["http://", "https://", "@import", "url("] {
            assert!(!answer.text().contains(outside), "{part}: {outside}");
        }
    }
    let health = server.get("/healthz").json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["classes"].as_array().unwrap().len(), 7);
    let metrics = server.get("/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain"));
    check_metrics(&metrics.text());
}

/// The text format: every line is a comment or a name, labels and a number, and every name has been introduced.
fn check_metrics(text: &str) {
    let mut introduced = Vec::new();
    let mut values = 0;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            introduced.push(rest.split(' ').next().unwrap());
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
            let name = name.split('{').next().unwrap();
            let of_histogram = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let is_introduced = |name: &str| introduced.contains(&name);
            assert!(
                is_introduced(name) || of_histogram.is_some_and(is_introduced),
                "{line}"
            );
            values += 1;
        }
    }
    assert!(values > 60, "{text}");
}
