//! What is refused, and how.

use crate::client::multipart;
use crate::photos::{bomb, jpeg, png, promising};
use crate::process::{MODEL, Server};
use std::io::Write;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn every_error_says_what_was_expected_and_found() {
    let server = Server::start(&["--max-photos", "2", "--max-megapixels", "1", "--max-body-mb", "1"]);
    let name = "\r\nContent-Disposition: attachment; filename=\"/photos/mine.jpg\"";
    let (form, three) = multipart(&[("a", b"1"), ("b", b"2"), ("c", b"3")]);
    let fields = b"--frontier\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nx\r\n--frontier--";
    let large = vec![0; 1_000_001];
    let cut = jpeg(1)[..700].to_vec();
    let cases: [(&str, &[u8], u16, &str); 12] = [
        ("", b"", 400, "empty_body"),
        (name, b"dear diary", 415, "not_a_photo"),
        (name, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 415, "not_a_photo"),
        (name, &cut, 422, "damaged_photo"),
        (name, &promising(2000, 1000), 413, "too_many_pixels"),
        (name, &promising(60_000, 60_000), 413, "too_many_pixels"),
        ("", &large, 413, "body_too_large"),
        ("\r\nContent-Encoding: gzip", b"x", 415, "encoded"),
        (form, &three, 413, "too_many_photos"),
        (form, fields, 400, "no_photos"),
        (form, &three[..40], 400, "multipart"),
        ("\r\nContent-Type: multipart/form-data", b"x", 400, "multipart"),
    ];
    for (headers, body, status, kind) in cases {
        let response = server.post(headers, body);
        assert_eq!(response.status, status, "{kind}: {response:?}");
        let error = &response.json()["error"];
        assert_eq!(error["kind"], kind, "{error}");
        assert!(error["message"].as_str().unwrap().len() > 20, "{error}");
        if headers == name {
            assert_eq!(error["photo"], "mine.jpg", "{error}");
            assert!(
                error["expected"].is_string() && error["found"].is_string(),
                "{error}"
            );
        }
        assert!(!response.text().contains("/photos"), "{error}");
    }
    let other = server.get("/photos/../etc/passwd");
    assert_eq!(
        (other.status, &other.json()["error"]["kind"]),
        (404, &"no_such_address".into())
    );
    let wrong = server.get("/classify");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    let wrong = server.client().post("/", "", b"x").unwrap();
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD")));
    let query = server.client().post("/classify?top=none", "", &png(1)).unwrap();
    assert_eq!(
        (query.status, &query.json()["error"]["found"]),
        (400, &"top=none".into())
    );
    // A body without a length meets the same limit.
    let mut client = server.client();
    client
        .send(
            "POST /classify HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked",
            None,
        )
        .unwrap();
    // The server may stop to listen in the midst of it.
    let _ = client
        .0
        .write_all(b"F4241\r\n")
        .and_then(|()| client.0.write_all(&large));
    let _ = client.0.write_all(b"\r\n0\r\n\r\n");
    assert_eq!(client.response().unwrap().status, 413);
    assert_eq!(server.post("", &png(1)).status, 200);
}

#[test]
fn more_than_the_queue_holds_is_refused_with_the_time_to_come_again() {
    let server = Server::start(&["--queue", "2", "--decoders", "1"]);
    let photo = png(1);
    let (headers, body) = multipart(&[("a", &photo), ("b", &photo), ("c", &photo)]);
    let response = server.post(headers, &body);
    assert_eq!(response.status, 429);
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.json()["error"]["kind"], "queue_full");

    // Eight at a time that take a while each: some are answered, some are refused, none is left without a word.
    let slow = bomb(3000);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| server.post("", &slow).status))
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert!(
        statuses.iter().all(|status| [200, 429].contains(status)),
        "{statuses:?}"
    );
    assert!(statuses.contains(&200) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(server.post("", &photo).status, 200);
}

#[test]
fn bodies_together_take_no_more_memory_than_they_may() {
    let server = Server::start(&["--max-body-mb", "1", "--bodies-mb", "1"]);
    let mut slow = server.client();
    slow.send(
        "POST /classify HTTP/1.1\r\nHost: test\r\nContent-Length: 999999",
        None,
    )
    .unwrap();
    slow.0.write_all(&vec![0; 900_000]).unwrap();
    server.until(|server| server.metric("marque_body_bytes") == 900_000.0);
    let response = server.post("", &vec![0; 200_000]);
    assert_eq!(response.status, 429);
    assert_eq!(response.json()["error"]["kind"], "memory_full");
    assert_eq!(server.post("", &png(1)).status, 200);
    drop(slow);
    server.until(|server| server.metric("marque_body_bytes") == 0.0);
}

#[test]
fn slow_senders_are_cut_off_while_others_are_answered() {
    let server = Server::start(&["--head-time", "0.4", "--stall-time", "0.4", "--body-time", "0.8"]);
    let began = Instant::now();
    let mut silent = server.client();
    let mut stalled = server.client();
    stalled
        .send(
            "POST /classify HTTP/1.1\r\nHost: test\r\nContent-Length: 1000",
            None,
        )
        .unwrap();
    stalled.0.write_all(b"a few").unwrap();
    let mut half_a_head = server.client();
    half_a_head
        .0
        .write_all(b"POST /classify HTTP/1.1\r\nHost: te")
        .unwrap();
    let mut dripping = server.client();
    dripping
        .send(
            "POST /classify HTTP/1.1\r\nHost: test\r\nContent-Length: 1000",
            None,
        )
        .unwrap();
    let (mut writer, mut answered) = (dripping.0.try_clone().unwrap(), 0);
    let drips = thread::spawn(move || {
        // Until it is cut off.
        for _ in 0..100 {
            if writer.write_all(b"x").is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    let photo = png(1);
    let mut other = server.client();
    while began.elapsed() < Duration::from_millis(700) {
        assert_eq!(other.post("/classify", "", &photo).unwrap().status, 200);
        answered += 1;
    }
    assert!(answered > 5, "{answered}");
    let response = stalled.response().unwrap();
    assert_eq!(response.status, 408);
    assert!(
        response.json()["error"]["found"]
            .as_str()
            .unwrap()
            .starts_with("5 bytes in 0.")
    );
    assert_eq!(dripping.response().unwrap().status, 408);
    // No answer to what never was a request, or a short one.
    for client in [&mut silent, &mut half_a_head] {
        assert!(client.response().map_or(true, |response| response.status == 408));
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    drop((stalled, dripping));
    drips.join().unwrap();
}

#[test]
fn what_takes_too_long_is_told_so() {
    let server = Server::start(&["--answer-time", "0"]);
    let response = server.post("", &bomb(3000));
    assert_eq!(
        (response.status, response.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(response.json()["error"]["kind"], "too_late");
}

#[test]
fn a_photo_that_takes_long_holds_up_nobody() {
    let server = Server::start(&["--decoders", "1", "--decode-time", "0.02"]);
    let slow = bomb(7000);
    thread::scope(|scope| {
        let began = Instant::now();
        let slow = scope.spawn(|| (server.post("", &slow).status, Instant::now()));
        server.until(|server| server.metric("marque_queued_photos") > 0.0);
        let quick = (server.post("", &png(1)).status, Instant::now());
        let slow = slow.join().unwrap();
        assert_eq!((quick.0, slow.0), (200, 200));
        assert!(quick.1 < slow.1, "{:?} and {:?}", quick.1 - began, slow.1 - began);
    });
    // The thread that was started beside the slow one has taken its place.
    server.until(|server| server.metric("marque_decoding_threads") == 1.0);
}

#[test]
fn a_server_without_a_usable_model_does_not_start() {
    for (model, said) in [
        ("none.safetensors", "cannot read none.safetensors"),
        (concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "Cargo.toml"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_serve"))
            .args(["--model", model, "--listen", "127.0.0.1:0"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with("error: ") && text.contains(said), "{text}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_serve"))
        .args(["--model", MODEL, "--listen", "192.0.2.1:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}
