//! A checkpoint in several files, and the index that says which of them holds which tensor.

use crate::json::Object;
use crate::source::Source;
use crate::{Error, Format, StateDict, read};
use indexmap::IndexMap;
use serde::Deserialize;
use std::collections::HashSet;
use std::path::Path;

#[derive(Debug, thiserror::Error)]
enum IndexError {
    #[error("as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the files that it names are sought beside it, and it was given as bytes")]
    NoFolder,
    #[error("it names the file {file:?}; its files must be in its own folder")]
    Elsewhere { file: String },
    #[error("it names the file {file:?}, which cannot be read: {source}")]
    Missing { file: String, source: std::io::Error },
    #[error("it names the file {file:?}, which is an index itself")]
    Nested { file: String },
    #[error("it promises tensor {tensor:?} in {file:?}, which has no such tensor")]
    Lacking { tensor: String, file: String },
    #[error("{file:?} has a tensor {tensor:?} that it does not list there")]
    Unlisted { tensor: String, file: String },
}

#[derive(Deserialize)]
struct Index {
    weight_map: Object<String>,
}

/// Reads the files that an index names, which must be in `folder`. Each is opened once; together they must hold what the
/// index lists, no less and no more. Of texts that several files have by the same name, the first counts.
pub(crate) fn read(source: &Source, folder: Option<&Path>) -> Result<StateDict, Error> {
    let malformed = |error| source.malformed(Format::SafetensorsIndex, error);
    let Object(weight_map) = serde_json::from_slice::<Index>(&source.bytes)
        .map_err(|error| malformed(IndexError::Json(error)))?
        .weight_map;
    let folder = folder.ok_or_else(|| malformed(IndexError::NoFolder))?;
    let mut files: IndexMap<String, HashSet<String>> = IndexMap::new();
    for (tensor, file) in weight_map {
        if !is_plain(&file) {
            return Err(malformed(IndexError::Elsewhere { file }));
        }
        files.entry(file).or_default().insert(tensor);
    }
    let mut whole = StateDict::default();
    for (file, listed) in files {
        let shard = match read::one_file(&folder.join(&file)) {
            Ok(Some(shard)) => shard,
            Ok(None) => return Err(malformed(IndexError::Nested { file })),
            Err(Error::Read { source, .. }) => return Err(malformed(IndexError::Missing { file, source })),
            Err(error) => return Err(error),
        };
        append(&mut whole, shard, listed, file).map_err(malformed)?;
    }
    Ok(whole)
}

fn append(
    whole: &mut StateDict,
    shard: StateDict,
    mut listed: HashSet<String>,
    file: String,
) -> Result<(), IndexError> {
    for (tensor, value) in shard.iter() {
        if !listed.remove(tensor) {
            let tensor = tensor.to_owned();
            return Err(IndexError::Unlisted { tensor, file });
        }
        whole.insert(tensor, value.clone());
    }
    if let Some(tensor) = listed.into_iter().min() {
        return Err(IndexError::Lacking { tensor, file });
    }
    for (name, text) in shard.metadata {
        whole.metadata.entry(name).or_insert(text);
    }
    Ok(())
}

/// Whether it is the name of a file and no path, on any operating system.
fn is_plain(file: &str) -> bool {
    !matches!(file, "" | "." | "..") && !file.contains(['/', '\\', ':', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_no_names() {
        assert!(is_plain("model-00001-of-00002.safetensors"));
        for path in ["", "..", "../a", "/etc/passwd", "a/b", "a\\b", "C:a"] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
