//! Whoever means ill, or is broken.

use crate::client::{Client, multipart};
use crate::photos::{bomb, jpeg, png, promising};
use crate::process::Server;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's multiplier; the upper half is random enough.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// A body that is no good, in most cases.
fn body(dice: &mut Dice, bomb: &[u8]) -> Vec<u8> {
    let mut photo = match dice.below(2) {
        0 => png(7),
        _ => jpeg(7),
    };
    match dice.below(8) {
        0 => photo.truncate(dice.below(photo.len())),
        1 => {
            for _ in 0..1 + dice.below(20) {
                let place = dice.below(photo.len());
                photo[place] ^= 1 << dice.below(8);
            }
        }
        2 => return (0..dice.below(3000)).map(|_| dice.below(256) as u8).collect(),
        3 => return promising(1 << dice.below(31), 1 << dice.below(31)),
        4 if dice.below(20) == 0 => return bomb.to_vec(),
        5 => photo = photo[..40].repeat(30),
        6 => {
            let start = dice.below(photo.len());
            photo.drain(start..(start + 100).min(photo.len()));
        }
        _ => return b"{\"photo\": \"no\"}".to_vec(),
    }
    photo
}

/// Sends a request that is wrong in one way; the answer's text, if there is one.
fn attack(server: &Server, number: usize, bomb: &[u8]) -> Option<(u16, String)> {
    let mut dice = Dice(number as u64);
    let mut client = Client::connect(server.address).ok()?;
    let body = body(&mut dice, bomb);
    let response = match dice.below(12) {
        0 => {
            let names = ["../../etc/passwd", "\u{202e}gpj.exe", "<script>", "", "a\\b"];
            let (headers, mut form) = multipart(&[(names[dice.below(names.len())], &body), ("b.png", &body)]);
            if dice.below(2) == 0 {
                form.truncate(dice.below(form.len()));
            }
            client.post("/classify", headers, &form)
        }
        // Goes away in the midst of the body.
        1 => {
            let _ = client.send(
                "POST /classify HTTP/1.1\r\nHost: t\r\nContent-Length: 90000",
                None,
            );
            let _ = client.0.write_all(&body);
            return None;
        }
        // Sends all and does not wait for the answer.
        2 => {
            let _ = client.send("POST /classify HTTP/1.1\r\nHost: t", Some(&body));
            return None;
        }
        // Says nothing for a while.
        3 if number.is_multiple_of(16) => {
            let _ = client.send(
                "POST /classify HTTP/1.1\r\nHost: t\r\nContent-Length: 90000",
                None,
            );
            client.response()
        }
        4 => {
            let _ = client.0.write_all(&body);
            let _ = client.0.write_all(b"\r\n\r\n");
            client.response()
        }
        5 => {
            let _ = client.send(
                "POST /classify HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked",
                None,
            );
            let _ = client.0.write_all(b"fffffffffffffffff\r\n");
            client.response()
        }
        6 => client.post("/classify", "\r\nContent-Type: application/json", &body),
        7 => {
            let _ = client.send(
                "POST /classify HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999",
                None,
            );
            client.response()
        }
        8 => {
            let head = format!("GET / HTTP/1.1\r\nHost: t\r\nA: {}", "x".repeat(40_000));
            let _ = client.send(&head, None);
            client.response()
        }
        _ => client.post("/classify", "", &body),
    };
    response.ok().map(|response| {
        let text = String::from_utf8_lossy(&response.body).into_owned();
        (response.status, text)
    })
}

/// Attacks from some threads at a time, while somebody else is to be answered.
fn survives(attacks: usize) {
    let flags = ["--stall-time", "0.3", "--body-time", "0.6", "--head-time", "0.6"];
    let server = Server::start(&flags);
    let bomb = bomb(4000);
    let next = AtomicUsize::new(0);
    let answers = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&n| n < attacks) {
                    let Some((status, text)) = attack(&server, number, &bomb) else {
                        continue;
                    };
                    answers.fetch_add(1, Ordering::Relaxed);
                    assert!(status < 500, "attack {number}: {status} {text}");
                    let folder = env!("CARGO_MANIFEST_DIR");
                    for path in [folder, "synthetic-cars", "/etc/", "src/", ".rs"] {
                        assert!(!text.contains(path), "attack {number} tells {path}: {text}");
                    }
                }
            });
        }
        let photo = png(1);
        while next.load(Ordering::Relaxed) < attacks {
            assert_eq!(server.post("", &photo).status, 200);
            thread::sleep(Duration::from_millis(5));
        }
    });
    assert!(answers.load(Ordering::Relaxed) > attacks / 2);
    assert_eq!(server.post("", &png(1)).status, 200);
    server.until(|server| {
        server.metric("marque_queued_photos") == 0.0
            && server.metric("marque_body_bytes") == 0.0
            && server.metric("marque_connections") == 1.0
    });
    let resident_mb = server.metric("process_resident_memory_bytes") / 1e6;
    assert!(resident_mb < 600.0, "{resident_mb} MB");
}

#[test]
fn hostile_bodies_leave_it_answering() {
    survives(300);
}

#[test]
#[ignore = "takes minutes: cargo test --release -p serve -- --ignored"]
fn ten_thousand_hostile_bodies_leave_it_answering() {
    survives(10_000);
}
