//! What a run was started with, as a file of its folder, so that it can be gone on with.

use crate::Error;
use crate::settings::RunSettings;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

pub(crate) const FILE: &str = "start.json";

/// Written by this version; a reader refuses what it does not know.
const FORMAT: u32 = 1;

/// Everything that a run needs to be gone on with, beside the state of its training.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record<'a> {
    /// The folders, lists or archives of the photos; `None` where they were listed by the caller. Runs of before had one folder and no
    /// list of them.
    #[serde(deserialize_with = "one_or_several")]
    pub(crate) data: Option<Vec<PathBuf>>,
    /// The file that official weights, or those of a path, were read from.
    pub(crate) weights_file: Option<PathBuf>,
    /// LibTorch's threads.
    pub(crate) threads: usize,
    pub(crate) settings: Cow<'a, RunSettings>,
}

fn one_or_several<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Vec<PathBuf>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Places {
        One(PathBuf),
        Several(Vec<PathBuf>),
    }
    let places = Option::<Places>::deserialize(input)?;
    Ok(places.map(|places| match places {
        Places::One(place) => vec![place],
        Places::Several(places) => places,
    }))
}

#[derive(Serialize, Deserialize)]
struct Stored<R> {
    format: u32,
    #[serde(flatten)]
    record: R,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Record<'_> {
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE);
        let unusable = |reason: String| Error::Record {
            path: path.clone(),
            reason,
        };
        let stored = Stored {
            format: FORMAT,
            record: self,
        };
        let text = serde_json::to_string_pretty(&stored).map_err(|error| unusable(error.to_string()))?;
        let written = marque_fs::write_atomically(&path, |file| {
            std::io::Write::write_all(file, format!("{text}\n").as_bytes())
        });
        written.map_err(|error| unusable(error.to_string()))
    }

    pub(crate) fn read(folder: &Path) -> Result<Record<'static>, Error> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NotStarted {
                    folder: folder.to_owned(),
                });
            }
            text => text.map_err(|error| error.to_string()),
        };
        let parsed = text.and_then(|text| {
            let Format { format } = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            if format != FORMAT {
                return Err(format!(
                    "its format is number {format}, this version of marque reads number {FORMAT}: go on with the version that wrote it"
                ));
            }
            let stored: Stored<serde_json::Map<String, serde_json::Value>> =
                serde_json::from_str(&text).map_err(|error| error.to_string())?;
            serde_json::from_value(stored.record.into()).map_err(|error| error.to_string())
        });
        parsed.map_err(|reason| Error::Record { path, reason })
    }
}
