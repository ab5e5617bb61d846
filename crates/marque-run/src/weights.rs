//! The weights that a network starts from.

use crate::Error;
use marque_arch::Graph;
use marque_hub::Catalog;
use marque_onnx::Imported;
use marque_weights::StateDict;
use std::path::{Path, PathBuf};

/// Is told how many bytes of a file have arrived.
pub type DownloadProgress = Box<dyn Fn(u64)>;

/// The file at a path, or else the official one of this name, from the cache of the machine or the network.
///
/// # Errors
/// [`Error::UnknownWeights`]; [`Error::Download`] if it cannot be had, or [`Error::NoDownload`] without the feature `download`.
pub fn weights_file(name: &Path, progress: Option<DownloadProgress>) -> Result<PathBuf, Error> {
    if name.exists() {
        return Ok(name.to_owned());
    }
    let shown = name.display().to_string();
    match Catalog::official().entry(&shown) {
        Ok(entry) => fetched(entry, progress),
        Err(source) => Err(Error::UnknownWeights { name: shown, source }),
    }
}

/// The weights in a checkpoint or an ONNX file; those of the latter under the names of `graph`, if it is the same network.
pub(crate) fn read_weights(path: &Path, graph: &Graph) -> Result<StateDict, Error> {
    let failed = match StateDict::read(path) {
        Ok(weights) => return Ok(weights),
        Err(failed) => failed,
    };
    if !Imported::is_foreign(&failed) {
        return Err(Error::Weights {
            path: path.to_owned(),
            source: failed,
        });
    }
    let imported = Imported::read(path)?;
    Ok(imported.weights_under(graph).unwrap_or(imported.weights))
}

#[cfg(feature = "download")]
fn fetched(entry: &marque_hub::Entry, progress: Option<DownloadProgress>) -> Result<PathBuf, Error> {
    use marque_hub::{FetchOptions, Progress, fetch};

    let options = FetchOptions {
        progress: progress.map(|report| -> Box<dyn Fn(Progress)> { Box::new(move |now| report(now.bytes)) }),
        ..Default::default()
    };
    Ok(fetch(entry, &options)?)
}

#[cfg(not(feature = "download"))]
fn fetched(entry: &marque_hub::Entry, _: Option<DownloadProgress>) -> Result<PathBuf, Error> {
    Err(Error::NoDownload {
        name: entry.name.clone(),
    })
}
