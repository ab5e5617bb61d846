//! The caches of PyTorch, Keras and the Hugging Face hub, where the file may be already.

use std::path::PathBuf;

use super::Environment;
use crate::catalog::{Checksum, Entry, FileFormat, HubFile};

/// A file that may be the one, and the SHA-256 that its place claims for it.
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) announced: Option<String>,
}

/// Where other programs would have put the file; nothing there is believed without its checksum.
pub(super) fn candidates(entry: &Entry, environment: &Environment) -> Vec<Candidate> {
    if let Checksum::Hub(file) = &entry.checksum {
        return on_hub(file, environment);
    }
    let folder = match entry.format {
        FileFormat::Pytorch => torch(environment),
        FileFormat::KerasH5 => keras(environment),
        _ => None,
    };
    let plain = |folder: PathBuf| Candidate {
        path: folder.join(&entry.file),
        announced: None,
    };
    folder.map(plain).into_iter().collect()
}

fn torch(environment: &Environment) -> Option<PathBuf> {
    let home = match environment.path("TORCH_HOME") {
        Some(home) => home.to_owned(),
        None => environment.xdg_cache()?.join("torch"),
    };
    Some(home.join("hub").join("checkpoints"))
}

fn keras(environment: &Environment) -> Option<PathBuf> {
    let home = match environment.path("KERAS_HOME") {
        Some(home) => home.to_owned(),
        None => environment.home()?.join(".keras"),
    };
    Some(home.join("models"))
}

/// `hub/models--timm--x/snapshots/<commit>/model.safetensors` links to `blobs/<sha256>`.
fn on_hub(file: &HubFile, environment: &Environment) -> Vec<Candidate> {
    let given = environment.path("HF_HUB_CACHE").map(PathBuf::from);
    let home = || match environment.path("HF_HOME") {
        Some(home) => Some(home.to_owned()),
        None => Some(environment.xdg_cache()?.join("huggingface")),
    };
    let Some(hub) = given.or_else(|| Some(home()?.join("hub"))) else {
        return Vec::new();
    };
    let repository = hub.join(format!("models--{}", file.repository.replace('/', "--")));
    // No such folder, or none that can be read, is no candidate.
    let Ok(snapshots) = std::fs::read_dir(repository.join("snapshots")) else {
        return Vec::new();
    };
    let mut found: Vec<Candidate> = snapshots
        .filter_map(|snapshot| {
            let path = snapshot.ok()?.path().join(&file.file).canonicalize().ok()?;
            let name = path.file_name()?.to_str()?.to_owned();
            let sum = name.len() == 64 && name.chars().all(|digit| digit.is_ascii_hexdigit());
            let announced = Some(sum.then_some(name)?);
            Some(Candidate { path, announced })
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}
