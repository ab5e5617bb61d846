//! What arrives in the end: whole files, resumed files, redirected files.

use std::fs;

use marque_hub::{Error, FetchOptions, Network, check, fetch};

use super::server::{Reply, Server};
use super::{Machine, content, entry, entry_of};

#[test]
fn a_file_is_fetched_once_and_used_without_the_server_after_that() {
    let (machine, content) = (Machine::new(), content());
    let entry = entry_of(&content);
    let served = content.clone();
    let server = Server::start(move |request, _| Reply::file(&served, "\"1\"", request));
    let options = machine.options(&server);

    let path = fetch(&entry, &options).unwrap();
    assert_eq!(fs::read(&path).unwrap(), content);
    assert_eq!(machine.files(), [entry.file.as_str()]);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.requests()[0].target, format!("/models/{}", entry.file));

    let steps = machine.progress.lock().unwrap().clone();
    assert!(steps.is_sorted_by_key(|step| step.bytes));
    let (first, last) = (steps[0], steps[steps.len() - 1]);
    let total = Some(content.len() as u64);
    assert_eq!((first.bytes, first.total), (0, total));
    assert_eq!((Some(last.bytes), last.total), (total, total));

    drop(server);
    assert_eq!(fetch(&entry, &options).unwrap(), path);
    let offline = FetchOptions {
        network: Network::Forbidden,
        ..machine.options_with(&[])
    };
    assert_eq!(fetch(&entry, &offline).unwrap(), path);
}

#[test]
fn a_broken_transfer_goes_on_where_it_stopped() {
    let (machine, content) = (Machine::new(), content());
    let served = content.clone();
    let server = Server::start(move |request, before| {
        let reply = Reply::file(&served, "\"1\"", request);
        if before < 2 { reply.cut(1_000_000) } else { reply }
    });
    let path = fetch(&entry_of(&content), &machine.options(&server)).unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].from(), None);
    assert!(
        requests[1]
            .from()
            .is_some_and(|from| from > 0 && from <= 1_000_000)
    );
    assert_eq!(requests[1].header("if-range"), Some("\"1\""));
    assert!(requests[2].from() > requests[1].from());
}

#[test]
fn a_later_process_goes_on_as_well() {
    let (machine, content) = (Machine::new(), content());
    let served = content.clone();
    let server = Server::start(move |request, before| match before {
        0 => Reply::file(&served, "\"1\"", request).cut(2_000_000),
        1 | 2 => Reply::status(503),
        _ => Reply::file(&served, "\"1\"", request),
    });
    let entry = entry_of(&content);
    let mut options = machine.options(&server);
    options.pauses.truncate(1);
    let error = fetch(&entry, &options).unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert_eq!(
        machine.files(),
        [
            format!("{}.part", entry.file),
            format!("{}.part.json", entry.file)
        ]
    );
    fetch(&entry, &options).unwrap();
    assert_eq!(machine.files(), [entry.file.as_str()]);
    assert!(server.requests().last().unwrap().from().is_some());
}

#[test]
fn a_server_without_ranges_starts_again() {
    let (machine, content) = (Machine::new(), content());
    let served = content.clone();
    let server = Server::start(move |_, before| {
        let reply = Reply::whole(&served);
        if before == 0 { reply.cut(500_000) } else { reply }
    });
    let path = fetch(&entry_of(&content), &machine.options(&server)).unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    assert_eq!(server.requests().len(), 2);
}

/// Whether the server keeps to `If-Range` or not, two versions are not put together.
#[test]
fn a_file_that_changed_meanwhile_is_fetched_from_the_beginning() {
    for keeps_to_it in [true, false] {
        let (machine, content) = (Machine::new(), content());
        let served = content.clone();
        let server = Server::start(move |request, before| {
            if before == 0 {
                return Reply::file(&vec![9; served.len()], "\"old\"", request).cut(500_000);
            }
            let mut request = request.clone();
            if !keeps_to_it {
                request.headers.remove("if-range");
            }
            Reply::file(&served, "\"new\"", &request)
        });
        let path = fetch(&entry_of(&content), &machine.options(&server)).unwrap();
        assert_eq!(fs::read(path).unwrap(), content);
        assert_eq!(server.requests().len(), if keeps_to_it { 2 } else { 3 });
    }
}

/// Without any version from the server, only the checksum tells; then it is tried once more from the beginning.
#[test]
fn pieces_of_two_unmarked_versions_are_noticed_by_the_checksum() {
    let (machine, content) = (Machine::new(), content());
    let served = content.clone();
    let server = Server::start(move |request, before| {
        let file = if before == 0 {
            vec![9; served.len()]
        } else {
            served.clone()
        };
        let mut reply = Reply::file(&file, "", request);
        reply.headers.retain(|(name, _)| *name != "ETag");
        if before == 0 { reply.cut(500_000) } else { reply }
    });
    let path = fetch(&entry_of(&content), &machine.options(&server)).unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn redirects_are_followed() {
    let (machine, content) = (Machine::new(), content());
    let served = content.clone();
    let server = Server::start(move |request, _| match request.target.as_str() {
        "/store/file?signed=1" => Reply::file(&served, "\"1\"", request),
        "/store" => Reply::status(307).with("Location", "store/file?signed=1"),
        _ => Reply::status(302).with("Location", "/store"),
    });
    fetch(&entry_of(&content), &machine.options(&server)).unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let (machine, content) = (Machine::new(), content());
    let served = content.clone();
    let server = Server::start(move |request, before| match before {
        0 => Reply::status(429),
        1 => Reply::status(502),
        _ => Reply::file(&served, "\"1\"", request),
    });
    fetch(&entry_of(&content), &machine.options(&server)).unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_second_address_is_tried_when_the_first_fails() {
    let (machine, content) = (Machine::new(), content());
    let mut entry = entry_of(&content);
    entry.source = marque_hub::Source::Urls(vec![
        "https://weights.example/gone".to_owned(),
        "https://other.example/here".to_owned(),
    ]);
    let served = content.clone();
    let server = Server::start(move |request, _| match request.target.as_str() {
        "/here" => Reply::file(&served, "\"1\"", request),
        _ => Reply::status(404),
    });
    fetch(&entry, &machine.options(&server)).unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn an_md5_serves_where_the_publisher_gives_no_better() {
    // RFC 1321: the MD5 of "abc".
    let entry = entry(
        r#"
        file = "abc.h5"
        urls = ["https://weights.example/abc.h5"]
        bytes = 3
        md5 = "900150983cd24fb0d6963f7d28e17f72"
        format = "keras-h5"
        "#,
    );
    for (text, right) in [("abc", true), ("abd", false)] {
        let machine = Machine::new();
        let server = Server::start(move |_, _| Reply::whole(text.as_bytes()));
        match fetch(&entry, &machine.options(&server)) {
            Ok(_) => assert!(right),
            Err(Error::Checksum { kind, .. }) => assert!(!right && kind == "md5"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_damaged_file_in_the_cache_is_fetched_again() {
    let (machine, content) = (Machine::new(), content());
    let entry = entry_of(&content);
    let served = content.clone();
    let server = Server::start(move |request, _| Reply::file(&served, "\"1\"", request));
    let options = machine.options(&server);
    let path = fetch(&entry, &options).unwrap();
    for damage in [&content[..1000], &[0; 3_000_017]] {
        fs::write(&path, damage).unwrap();
        let offline = FetchOptions {
            network: Network::Forbidden,
            ..machine.options(&server)
        };
        let error = fetch(&entry, &offline).unwrap_err();
        assert!(
            matches!(error, Error::Checksum { .. } | Error::Size { .. }),
            "{error}"
        );
        assert_eq!(marque_hub::cached(&entry, &options).unwrap(), None);
        fetch(&entry, &options).unwrap();
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    assert_eq!(server.requests().len(), 3);

    // A lost note costs a second look at the file and no request.
    fs::remove_file(machine.cache().join(format!("{}.checked.json", entry.file))).unwrap();
    fetch(&entry, &options).unwrap();
    assert_eq!(server.requests().len(), 3);
}

/// A fault of the disk changes neither size nor time: `check` finds it, and what it finds is fetched again.
#[test]
fn a_file_that_rots_in_the_cache_is_found_by_reading_it() {
    let (machine, content) = (Machine::new(), content());
    let entry = entry_of(&content);
    let served = content.clone();
    let server = Server::start(move |request, _| Reply::file(&served, "\"1\"", request));
    let options = machine.options(&server);
    assert_eq!(check(&entry, &options).unwrap(), None);
    let path = fetch(&entry, &options).unwrap();
    assert_eq!(check(&entry, &options).unwrap(), Some(path.clone()));

    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let mut rotten = content.clone();
    rotten[77] ^= 4;
    fs::write(&path, rotten).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
    fetch(&entry, &options).unwrap();
    assert_eq!(server.requests().len(), 1);
    assert!(matches!(
        check(&entry, &options).unwrap_err(),
        Error::Checksum { .. }
    ));
    fetch(&entry, &options).unwrap();
    assert_eq!(server.requests().len(), 2);
    assert_eq!(fs::read(&path).unwrap(), content);
}
