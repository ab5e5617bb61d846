//! Fetching weight files, from a server on this machine that breaks off, lies and forgets.
#![cfg(feature = "download")]

mod elsewhere;
mod good;
mod hostile;
mod server;
mod together;
mod wheel;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use marque_hub::{Catalog, Entry, Environment, FetchOptions, Progress};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use server::Server;

/// Three megabytes that nothing compresses or repeats.
fn content() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(3_000_017).collect()
}

fn sha256(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an entry of the list says in these tests; the lines of `facts` are its own.
fn entry(facts: &str) -> Entry {
    let list = format!(
        r#"
        [licences.free]
        statement = "take it"
        source = "the author"

        [preprocessing.plain]
        input_size_px = 224
        divisor = 255.0
        mean = [0.5, 0.5, 0.5]
        std = [0.5, 0.5, 0.5]
        colour_order = "rgb"

        [[weights]]
        name = "a"
        architecture = "resnet18"
        publisher = "somebody"
        licence = "free"
        preprocessing = "plain"
        {facts}
        "#
    );
    Catalog::parse(&list).unwrap().entry("a").unwrap().clone()
}

/// The entry of a file that torchvision would publish.
fn entry_of(content: &[u8]) -> Entry {
    let prefix = &sha256(content)[..8];
    entry(&format!(
        r#"
        file = "a-{prefix}.pth"
        urls = ["https://weights.example/models/a-{prefix}.pth"]
        mebibytes = {}
        sha256_prefix = "{prefix}"
        format = "pytorch"
        "#,
        content.len() as f64 / 1_048_576.0
    ))
}

/// An empty machine, on which everything comes from one server.
struct Machine {
    folder: TempDir,
    progress: Arc<Mutex<Vec<Progress>>>,
}

impl Machine {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            progress: Arc::default(),
        }
    }

    fn home(&self) -> &Path {
        self.folder.path()
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn options(&self, server: &Server) -> FetchOptions {
        self.options_with(&[("MARQUE_WEIGHTS_MIRROR", &server.url)])
    }

    fn options_with(&self, variables: &[(&str, &str)]) -> FetchOptions {
        let home = self.home().to_str().unwrap().to_owned();
        let given = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let progress = self.progress.clone();
        let report = move |step| progress.lock().unwrap().push(step);
        FetchOptions {
            cache: Some(self.cache()),
            pauses: vec![Duration::from_millis(1); 2],
            patience: Duration::from_secs(5),
            progress: Some(Box::new(report)),
            environment: Environment::from_iter(given.chain([("HOME", home)])),
            ..Default::default()
        }
    }

    /// The names of what is in the cache, without locks and notes on finished files.
    fn files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.cache()) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names
            .filter(|name| !name.ends_with(".lock") && !name.ends_with(".checked.json"))
            .collect();
        names.sort();
        names
    }
}
