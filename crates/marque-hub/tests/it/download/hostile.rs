//! What never becomes a file: wrong, endless, lying and lost answers.

use std::time::{Duration, Instant};

use marque_hub::{Entry, Error, FetchOptions, Network, fetch};

use super::server::{Body, Reply, Request, Server};
use super::{Machine, content, entry_of};

/// The error of a fetch, after which the cache must be empty but for a part that can still become the file.
fn refused(
    entry: &Entry,
    handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
) -> (Error, Vec<String>, usize) {
    let machine = Machine::new();
    let server = Server::start(handler);
    let error = fetch(entry, &machine.options(&server)).unwrap_err();
    assert!(!machine.files().contains(&entry.file), "{error}");
    (error, machine.files(), server.requests().len())
}

#[test]
fn another_file_than_the_listed_one_is_not_kept() {
    let content = content();
    let mut other = content.clone();
    other[2_000_000] ^= 1;
    let found = super::sha256(&other);
    let entry = entry_of(&content);
    let (error, files, requests) = refused(&entry, move |request, _| Reply::file(&other, "\"1\"", request));
    assert!(error.to_string().contains(&found), "{error}");
    assert!(
        error.to_string().contains(&format!("/models/{}", entry.file)),
        "{error}"
    );
    assert!(matches!(error, Error::Checksum { kind: "sha256", .. }) && !error.is_unreachable());
    assert_eq!((files.len(), requests), (0, 1));
}

#[test]
fn a_missing_file_is_not_asked_for_again() {
    let (error, files, requests) = refused(&entry_of(&content()), |_, _| Reply::status(404));
    assert!(
        matches!(error, Error::Status { status: 404, .. }) && !error.is_unreachable(),
        "{error}"
    );
    assert_eq!((files.len(), requests), (0, 1));
}

#[test]
fn a_content_length_that_promises_too_much_is_a_broken_transfer() {
    let content = content();
    let entry = entry_of(&content);
    let (error, _, requests) = refused(&entry, move |_, _| {
        let mut reply = Reply::whole(&content);
        reply.headers[0].1 = (content.len() + 10).to_string();
        reply
    });
    assert!(
        matches!(error, Error::BrokeOff { .. }) && error.is_unreachable(),
        "{error}"
    );
    assert!(requests > 1);
}

#[test]
fn a_content_length_that_promises_too_little_gives_a_wrong_file() {
    let content = content();
    let entry = entry_of(&content);
    let (error, files, _) = refused(&entry, move |_, _| {
        let mut reply = Reply::whole(&content);
        reply.headers[0].1 = (content.len() - 10).to_string();
        reply
    });
    assert!(matches!(error, Error::Checksum { .. }), "{error}");
    assert_eq!(files.len(), 0);
}

#[test]
fn a_file_that_is_announced_as_too_large_is_not_read() {
    let (error, files, requests) = refused(&entry_of(&content()), |_, _| Reply {
        status: 200,
        headers: vec![("Content-Length", "999999999999".to_owned())],
        body: Body::Endless,
    });
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert_eq!((files.len(), requests), (0, 1));
}

#[test]
fn an_endless_body_is_cut_at_what_the_file_can_have() {
    let (error, files, requests) = refused(&entry_of(&content()), |_, _| Reply {
        status: 200,
        headers: Vec::new(),
        body: Body::Endless,
    });
    assert!(
        matches!(error, Error::TooLarge { limit, .. } if limit < 3_200_000),
        "{error}"
    );
    assert_eq!((files.len(), requests), (0, 1));
}

#[test]
fn a_size_that_is_known_is_compared_before_anything_is_read() {
    let content = content();
    let mut entry = entry_of(&content);
    entry.bytes = Some(content.len() as u64 - 1);
    let (error, files, _) = refused(&entry, move |request, _| Reply::file(&content, "\"1\"", request));
    assert!(
        matches!(
            error,
            Error::Size {
                found: 3_000_017,
                expected: 3_000_016,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(files.len(), 0);
}

#[test]
fn redirects_in_a_circle_or_to_nowhere_end() {
    let entry = entry_of(&content());
    let circle = |request: &Request, _| Reply::status(302).with("Location", request.target.clone());
    let (error, _, requests) = refused(&entry, circle);
    assert!(matches!(error, Error::Redirects { .. }), "{error}");
    assert_eq!(requests, 11);
    for target in ["file:///etc/hostname", "gopher://x/", ""] {
        let (error, _, requests) = refused(&entry, move |_, _| Reply::status(302).with("Location", target));
        assert!(matches!(error, Error::Redirects { .. }), "{error}");
        assert_eq!(requests, 1);
    }
}

#[test]
fn a_silent_server_is_left() {
    let (machine, content) = (Machine::new(), content());
    let entry = entry_of(&content);
    let server = Server::start(move |request, _| Reply::file(&content, "\"1\"", request).stuck(100_000));
    let options = FetchOptions {
        pauses: Vec::new(),
        patience: Duration::from_millis(300),
        ..machine.options(&server)
    };
    let start = Instant::now();
    let error = fetch(&entry, &options).unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(machine.files().len(), 2);
}

#[test]
fn nobody_at_the_address_is_unreachable_and_says_where() {
    let machine = Machine::new();
    let entry = entry_of(&content());
    let gone = Server::start(|_, _| Reply::status(404)).url.clone();
    let error = fetch(&entry, &machine.options_with(&[("MARQUE_WEIGHTS_MIRROR", &gone)])).unwrap_err();
    assert!(
        error.is_unreachable() && error.to_string().contains(&gone),
        "{error}"
    );

    let error = fetch(
        &entry,
        &FetchOptions {
            network: Network::Forbidden,
            ..machine.options_with(&[])
        },
    )
    .unwrap_err();
    assert!(
        matches!(error, Error::Offline { .. }) && error.is_unreachable(),
        "{error}"
    );
    assert!(machine.files().is_empty());
}

#[test]
fn a_proxy_is_asked_when_there_is_one() {
    let machine = Machine::new();
    let entry = entry_of(&content());
    let proxy = Server::start(|_, _| Reply::status(403));
    let address = proxy.url.clone();
    for variables in [
        [("HTTPS_PROXY", address.as_str()), ("NO_PROXY", "intern.example")],
        [
            ("ALL_PROXY", address.trim_start_matches("http://")),
            ("NO_PROXY", ""),
        ],
    ] {
        let error = fetch(&entry, &machine.options_with(&variables)).unwrap_err();
        assert!(matches!(error, Error::Connection { .. }), "{error}");
        let request = proxy.requests().pop().unwrap();
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("CONNECT", "weights.example:443")
        );
    }
}
