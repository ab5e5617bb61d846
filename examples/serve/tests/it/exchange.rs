//! SIGHUP.

use crate::photos::png;
use crate::process::{MODEL, Server};
use marque_model::{read_model, save_model};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn the_model_is_exchanged_under_load_and_a_bad_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::copy(MODEL, &path).unwrap();
    // The same network that calls its classes otherwise.
    let (mut card, weights) = read_model(MODEL.as_ref()).unwrap();
    for name in &mut card.class_names {
        name.insert_str(0, "new ");
    }
    let other = folder.path().join("other.safetensors");
    save_model(&other, &weights, &card).unwrap();

    let server = Server::with_model(&path, &[]);
    let ids = || {
        let told = server.post("", &png(1)).json();
        let label = told["answers"][0]["label"].as_str().unwrap().to_owned();
        (told["model"].as_str().unwrap().to_owned(), label)
    };
    let (first, old_label) = ids();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.client();
                    let photo = png(1);
                    while !done.load(Ordering::Relaxed) {
                        let response = client.post("/classify", "", &photo).unwrap();
                        assert_eq!(response.status, 200, "{response:?}");
                        let told = response.json();
                        // Classes and model belong together.
                        let is_new = told["model"] != first.as_str();
                        let label = told["answers"][0]["label"].as_str().unwrap();
                        assert_eq!(label.starts_with("new "), is_new, "{told}");
                    }
                })
            })
            .collect();
        // Written over in place, as `cp` does it.
        fs::copy(&other, &path).unwrap();
        server.signal("HUP");
        server.until(|server| server.metric("marque_model_reads_total{outcome=\"exchanged\"}") == 1.0);
        fs::write(&path, b"no model").unwrap();
        server.signal("HUP");
        server.until(|server| server.metric("marque_model_reads_total{outcome=\"refused\"}") == 1.0);
        done.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
    });
    let (second, new_label) = ids();
    assert_ne!(first, second);
    assert_eq!(new_label, format!("new {old_label}"));
    assert_eq!(server.get("/healthz").json()["model"], second);
}
