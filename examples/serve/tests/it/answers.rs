//! What is answered to those who ask well.

use crate::client::multipart;
use crate::photos::{car, encoded, jpeg, png};
use crate::process::{MODEL, Server};
use image::ImageFormat;
use marque::data::decode_bytes;
use marque::infer::{Session, SessionOptions};
use marque::model::{Classification, Classifier};
use serde_json::{Value, json};
use std::path::Path;
use std::thread;

fn classifier() -> Classifier<Session> {
    Classifier::open(MODEL.as_ref(), SessionOptions::default()).unwrap()
}

/// As `classify --json` writes it.
fn written(photo: &str, classes: &[Classification]) -> Value {
    let top: Vec<Value> = classes
        .iter()
        .map(|class| json!({ "label": class.class_name, "probability": class.probability }))
        .collect();
    json!({ "photo": photo, "label": top[0]["label"], "probability": top[0]["probability"], "top": top })
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
        let classes = classifier.classify_photo(&pixels).unwrap();
        let response = client.post("/classify?top=7", "", &photo).unwrap();
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(response.json()["answers"], json!([written("photo", &classes)]));
    }
    let five = client.post("/classify", "", &png(0)).unwrap().json();
    assert_eq!(five["answers"][0]["top"].as_array().unwrap().len(), 5);
}

#[test]
fn many_photos_get_the_bits_of_the_classifier_and_keep_their_order() {
    let server = Server::start(&["--max-batch", "8", "--max-wait", "0.2"]);
    let classifier = classifier();
    let photos: Vec<(String, Vec<u8>)> = (0..13)
        .map(|index| (format!("car {index}.png"), png(index)))
        .collect();
    let parts: Vec<(&str, &[u8])> = photos
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let (headers, body) = multipart(&parts);
    let response = server.client().post("/classify?top=7", headers, &body).unwrap();
    let expected: Vec<Value> = (0..13)
        .map(|index| {
            let classes = classifier.classify_photo(&car(index)).unwrap();
            written(&format!("car {index}.png"), &classes)
        })
        .collect();
    assert_eq!(response.json()["answers"], Value::from(expected));
    // They were computed together: otherwise nothing was compared here.
    assert!(server.metric("marque_batch_photos_count") < 13.0);
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
                        let expected = classifier.classify_photo(&car(index)).unwrap();
                        let response = connection.post("/classify?top=7", "", &png(index)).unwrap();
                        assert_eq!(response.json()["answers"][0], written("photo", &expected));
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
    // Nothing is asked for elsewhere.
    for outside in ["http://", "https://", "src=\"", "@import", "url("] {
        assert!(!text.contains(outside), "{outside}");
    }
    for needed in [
        "<label for=\"files\">",
        "aria-live",
        "prefers-color-scheme",
        "width=device-width",
        "lang=\"en\"",
    ] {
        assert!(text.contains(needed), "{needed}");
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
