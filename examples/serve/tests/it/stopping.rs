//! SIGTERM.

use crate::client::Client;
use crate::photos::{bomb, png};
use crate::process::Server;
use std::io::{ErrorKind, Write};
use std::thread;
use std::time::Duration;

/// Asks again and again on one connection, until an answer says that it is the last; the number of answers.
fn ask_on(server: &Server) -> usize {
    let photo = png(1);
    let mut client = server.client();
    for answered in 1.. {
        let response = client.post("/classify", "", &photo).unwrap_or_else(|error| {
            panic!("a request on an accepted connection was lost after {answered} answers: {error}")
        });
        assert_eq!(response.status, 200);
        if response.is_last() {
            return answered;
        }
    }
    0
}

#[test]
fn no_accepted_request_is_lost() {
    let mut server = Server::start(&[]);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(|| ask_on(&server))).collect();
        server.until(|server| server.metric("marque_batch_photos_count") > 20.0);
        server.signal("TERM");
        for client in clients {
            assert!(client.join().unwrap() > 0);
        }
    });
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_body_on_its_way_is_still_taken_and_answered() {
    let mut server = Server::start(&[]);
    let photo = png(1);
    let mut client = server.client();
    let head = format!(
        "POST /classify HTTP/1.1\r\nHost: test\r\nContent-Length: {}",
        photo.len()
    );
    client.send(&head, None).unwrap();
    client.0.write_all(&photo[..100]).unwrap();
    let mut idle = server.client();
    assert_eq!(idle.get("/healthz").unwrap().status, 200);
    let never_used = server.client();
    let slow = bomb(5000);
    thread::scope(|scope| {
        let answered = scope.spawn(|| server.post("", &slow).status);
        server.until(|server| server.metric("marque_queued_photos") > 0.0);
        server.signal("TERM");
        thread::sleep(Duration::from_millis(300));
        assert_eq!(
            Client::connect(server.address).err().map(|error| error.kind()),
            Some(ErrorKind::ConnectionRefused)
        );
        // A connection that was open may ask once more.
        let last = idle.post("/classify", "", &photo).unwrap();
        assert!(last.status == 200 && last.is_last(), "{last:?}");
        thread::sleep(Duration::from_millis(1200));
        client.0.write_all(&photo[100..]).unwrap();
        assert_eq!(client.response().unwrap().status, 200);
        assert_eq!(answered.join().unwrap(), 200);
    });
    assert_eq!(server.ended().code(), Some(0));
    drop(never_used);
}

#[test]
fn stopping_takes_no_longer_than_it_may() {
    let mut server = Server::start(&["--stop-time", "0.5"]);
    let mut client = server.client();
    client
        .send(
            "POST /classify HTTP/1.1\r\nHost: test\r\nContent-Length: 1000",
            None,
        )
        .unwrap();
    client.0.write_all(b"and no more").unwrap();
    server.until(|server| server.metric("marque_body_bytes") > 0.0);
    server.signal("TERM");
    // The request was lost, and the exit code says so.
    assert_eq!(server.ended().code(), Some(1));
}

#[test]
fn an_idle_server_stops_at_ctrl_c() {
    let mut server = Server::start(&[]);
    server.signal("INT");
    assert_eq!(server.ended().code(), Some(0));
}
