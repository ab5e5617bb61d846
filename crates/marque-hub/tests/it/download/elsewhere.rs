//! Files that are on the machine already, and files that are carried there by hand.

use std::fs;
use std::path::PathBuf;

use marque_hub::{Error, FetchOptions, Network, cached, fetch, install};

use super::server::{Reply, Server};
use super::{Machine, content, entry, entry_of, sha256};

fn offline(machine: &Machine, variables: &[(&str, &str)]) -> FetchOptions {
    FetchOptions {
        network: Network::Forbidden,
        ..machine.options_with(variables)
    }
}

fn put(path: PathBuf, content: &[u8]) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn the_cache_of_pytorch_is_used_where_it_is_right() {
    let (machine, content) = (Machine::new(), content());
    let entry = entry_of(&content);
    for (variables, folder) in [
        (vec![], ".cache/torch"),
        (
            vec![(
                "TORCH_HOME",
                machine.home().join("t").to_str().unwrap().to_owned(),
            )],
            "t",
        ),
    ] {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let options = offline(&machine, &variables);
        let path = machine
            .home()
            .join(folder)
            .join("hub/checkpoints")
            .join(&entry.file);
        put(path.clone(), &content[1..]);
        assert!(matches!(
            fetch(&entry, &options).unwrap_err(),
            Error::Offline { .. }
        ));
        assert_eq!(cached(&entry, &options).unwrap(), None);
        put(path.clone(), &content);
        assert_eq!(fetch(&entry, &options).unwrap(), path);
        // The second time without reading it.
        assert_eq!(cached(&entry, &options).unwrap(), Some(path.clone()));
        fs::remove_file(path).unwrap();
        assert_eq!(cached(&entry, &options).unwrap(), None);
    }
    assert!(machine.files().is_empty(), "nothing is copied");
}

#[test]
fn the_cache_of_keras_is_used() {
    let machine = Machine::new();
    let entry = entry(
        r#"
        file = "abc.h5"
        urls = ["https://weights.example/abc.h5"]
        md5 = "900150983cd24fb0d6963f7d28e17f72"
        format = "keras-h5"
        "#,
    );
    let path = put(machine.home().join(".keras/models/abc.h5"), b"abc");
    assert_eq!(fetch(&entry, &offline(&machine, &[])).unwrap(), path);
}

const HUB: &str = r#"
    file = "x.safetensors"
    urls = ["https://huggingface.co/timm/x/resolve/main/model.safetensors"]
    hub = { repository = "timm/x", file = "model.safetensors" }
    format = "safetensors"
    "#;

#[test]
#[cfg(unix)]
fn the_cache_of_the_hub_is_used_by_the_names_of_its_blobs() {
    let (machine, content) = (Machine::new(), content());
    let entry = entry(HUB);
    let options = offline(&machine, &[]);
    let repository = machine.home().join(".cache/huggingface/hub/models--timm--x");
    let snapshot = repository.join("snapshots/0123/model.safetensors");
    let blob = put(repository.join("blobs").join(sha256(&content)), &content[1..]);
    fs::create_dir_all(snapshot.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&blob, &snapshot).unwrap();
    assert_eq!(cached(&entry, &options).unwrap(), None, "a damaged blob");
    put(blob.clone(), &content);
    assert_eq!(
        fetch(&entry, &options).unwrap().canonicalize().unwrap(),
        blob.canonicalize().unwrap()
    );
}

#[test]
fn the_hub_says_what_it_sends_and_is_held_to_it() {
    let content = content();
    let right = sha256(&content);
    for (announced, expected) in [
        (Some(right.clone()), None),
        (Some("0".repeat(64)), Some("expected 0000")),
        (None, Some("announces no SHA-256")),
    ] {
        let (machine, served) = (Machine::new(), content.clone());
        let hub = Server::start(move |request, before| {
            if request.target.starts_with("/store") {
                let reply = Reply::file(&served, "\"blob\"", request);
                return if before == 1 { reply.cut(1_000_000) } else { reply };
            }
            let reply = Reply::status(302).with("Location", "/store?signed");
            match &announced {
                Some(sum) => reply.with("X-Linked-Etag", format!("\"{sum}\"")),
                None => reply,
            }
        });
        let options = machine.options_with(&[("HF_ENDPOINT", &hub.url)]);
        match (fetch(&entry(HUB), &options), expected) {
            (Ok(path), None) => assert_eq!(fs::read(path).unwrap(), content),
            (Err(error), Some(reason)) => {
                assert!(error.to_string().contains(reason), "{error}");
                assert!(machine.files().is_empty());
            }
            (result, _) => panic!("{result:?}"),
        }
        assert_eq!(hub.requests()[0].target, "/timm/x/resolve/main/model.safetensors");
        assert!(
            hub.requests()
                .last()
                .unwrap()
                .header("if-range")
                .is_none_or(|known| known == "\"blob\"")
        );
    }
}

#[test]
fn a_file_that_was_carried_here_is_checked_and_kept() {
    let (machine, content) = (Machine::new(), content());
    let entry = entry_of(&content);
    let options = offline(&machine, &[]);
    let wrong = put(machine.home().join("wrong.pth"), &content[..2_000_000]);
    let error = install(&entry, &wrong, &options).unwrap_err();
    assert!(
        error.to_string().contains("wrong.pth") && matches!(error, Error::Checksum { .. }),
        "{error}"
    );
    let endless = put(machine.home().join("large.pth"), &content.repeat(2));
    assert!(matches!(
        install(&entry, &endless, &options).unwrap_err(),
        Error::TooLarge { .. }
    ));
    assert!(matches!(
        install(&entry, &machine.home().join("no.pth"), &options).unwrap_err(),
        Error::File { .. }
    ));
    assert!(machine.files().is_empty());

    let right = put(machine.home().join("right.pth"), &content);
    let path = install(&entry, &right, &options).unwrap();
    assert_eq!(path, machine.cache().join(&entry.file));
    fs::remove_file(right).unwrap();
    assert_eq!(fetch(&entry, &options).unwrap(), path);
}

#[test]
fn a_mirror_may_be_a_folder() {
    let (machine, content) = (Machine::new(), content());
    let entry = entry_of(&content);
    put(machine.home().join("mirror/models").join(&entry.file), &content);
    let mirror = format!("file://{}", machine.home().join("mirror").display());
    let path = fetch(
        &entry,
        &machine.options_with(&[("MARQUE_WEIGHTS_MIRROR", &mirror)]),
    )
    .unwrap();
    assert_eq!(fs::read(path).unwrap(), content);

    let machine = Machine::new();
    let error = fetch(
        &entry,
        &machine.options_with(&[("MARQUE_WEIGHTS_MIRROR", "ftp://mirror")]),
    )
    .unwrap_err();
    assert!(error.to_string().contains("ftp://mirror"), "{error}");
}
