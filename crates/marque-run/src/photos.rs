//! The photos of a run, and how those that its results name are found again.

use crate::Error;
use image::RgbImage;
use marque_data::{AlikeClasses, ImageFolder, Sample};
use marque_report::PhotoFiles;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where photos come from.
pub(crate) enum Photos {
    /// Folders, lists or archives, at least one.
    Places(Vec<PathBuf>),
    Listed(ImageFolder),
    /// They were listed by the caller of the run that is gone on with.
    Unknown,
}

impl Photos {
    /// What they are, with their classes.
    pub(crate) fn listed(&self, alike: AlikeClasses) -> Result<Cow<'_, ImageFolder>, Error> {
        match self {
            Self::Listed(images) => Ok(Cow::Borrowed(images)),
            Self::Places(places) => {
                let images = ImageFolder::scan_all(places, alike).map_err(marque_train::Error::from)?;
                Ok(Cow::Owned(images))
            }
            Self::Unknown => Err(Error::NoPhotos),
        }
    }
}

/// Photos by the paths that predictions have for them.
#[derive(Clone)]
pub(crate) struct PhotosByPath(Arc<BTreeMap<String, Sample>>);

impl PhotosByPath {
    /// Those of `samples`, whose paths begin at `root` where they lie below it, as after
    /// [`Predictions::relative_to`](marque_metrics::Predictions::relative_to).
    pub(crate) fn new<'a>(root: &Path, samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let named = samples.into_iter().map(|sample| {
            let path = sample.path.strip_prefix(root).unwrap_or(&sample.path);
            (path.to_string_lossy().into_owned(), sample.clone())
        });
        Self(Arc::new(named.collect()))
    }

    fn get(&self, path: &str) -> Result<&Sample, marque_data::Error> {
        self.0
            .get(path)
            .ok_or_else(|| marque_data::Error::NoPhoto { path: path.into() })
    }

    pub(crate) fn decode(&self, path: &str) -> Result<RgbImage, marque_data::Error> {
        self.get(path)?.decode()
    }
}

/// The photos that predictions name, for a page: below `root` where they are files, and read from where they are otherwise.
pub fn photo_files<'a>(root: &Path, samples: impl IntoIterator<Item = &'a Sample> + Clone) -> PhotoFiles {
    if samples.clone().into_iter().all(|sample| sample.source.is_files()) {
        return root.into();
    }
    let photos = PhotosByPath::new(root, samples);
    PhotoFiles::read_by(move |path| {
        let read = photos.get(path).and_then(Sample::read);
        read.map_err(|error| io::Error::other(error.reason(path.as_ref())))
    })
}
