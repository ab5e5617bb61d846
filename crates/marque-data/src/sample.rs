//! Photos with their classes, and where their bytes come from.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use image::RgbImage;

use crate::decode::{MAX_FILE_BYTES, decode_bytes, read_file};
use crate::{Error, ImageFolder};

/// Where photos are kept that are no files of their own: an archive, a table, a database, another machine.
///
/// A photo is asked for by the path that its [`Sample`] has; what that means is the source's own affair. Photos are read on many
/// threads at a time, in any order, and more than once.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::path::{Path, PathBuf};
/// use marque_data::{Error, PhotoSource, PhotoState, Sample, Source};
///
/// /// Photos that are in memory.
/// #[derive(Debug)]
/// struct Album(BTreeMap<PathBuf, Vec<u8>>);
///
/// impl PhotoSource for Album {
///     fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
///         self.0.get(path).cloned().ok_or_else(|| Error::NoPhoto { path: path.to_owned() })
///     }
///
///     fn state(&self, path: &Path) -> Option<PhotoState> {
///         let bytes = self.0.get(path)?.len() as u64;
///         Some(PhotoState { bytes, changed: None })
///     }
/// }
///
/// let bmp = b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\0";
/// let album = Album(BTreeMap::from([(PathBuf::from("red.bmp"), bmp.to_vec())]));
/// let sample = Sample::new("red.bmp", 0).from_source(Source::new(album));
/// assert_eq!(sample.decode()?.get_pixel(0, 0).0, [255, 0, 0]);
/// # Ok::<(), Error>(())
/// ```
pub trait PhotoSource: fmt::Debug + Send + Sync {
    /// The file of a photo, as bytes: JPEG, PNG or whatever else [`decode_bytes`](crate::decode_bytes()) reads.
    ///
    /// # Errors
    /// [`Error::NoPhoto`] for a path that the source does not know, [`Error::Read`] for one that it cannot read; errors name the path.
    fn read(&self, path: &Path) -> Result<Vec<u8>, Error>;

    /// What changes when the photo does; `None` for a photo that is not there. Asked of all photos before a training and while it
    /// goes on, so that it should not take reading them.
    fn state(&self, path: &Path) -> Option<PhotoState>;
}

/// What of a photo changes when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhotoState {
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was last changed, if that is known.
    pub changed: Option<SystemTime>,
}

impl PhotoState {
    /// That of a file; `None` where there is none.
    pub(crate) fn of_file(path: &Path) -> Option<PhotoState> {
        let found = std::fs::metadata(path).ok()?;
        Some(PhotoState {
            bytes: found.len(),
            changed: found.modified().ok(),
        })
    }
}

/// A handle on the place that a photo is read from: the file system by default, or a [`PhotoSource`]. Clones share it.
#[derive(Clone, Default)]
pub struct Source(Option<Arc<dyn PhotoSource>>);

impl Source {
    /// The file system.
    pub fn files() -> Source {
        Source(None)
    }

    /// Another one.
    pub fn new(source: impl PhotoSource + 'static) -> Source {
        Source(Some(Arc::new(source)))
    }

    /// Whether photos are files of their own.
    pub fn is_files(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not what is in it: an archive knows all of its photos.
        f.write_str(if self.is_files() {
            "files"
        } else {
            "a source of its own"
        })
    }
}

/// One photo and its class.
///
/// Two samples are equal if path, label and weight are, wherever the bytes come from.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Where the photo is; in an archive, a table or another source, under which name.
    pub path: PathBuf,
    /// Position of its class in [`ImageFolder::class_names`].
    pub label: usize,
    /// How often it is drawn by [`Order::Weighted`](crate::Order::Weighted), in proportion to others: finite and at least 0. 1 unless
    /// a list says otherwise.
    pub weight: f64,
    /// What it is read from.
    pub source: Source,
}

impl Sample {
    /// A photo that is a file, with weight 1.
    ///
    /// ```
    /// let sample = marque_data::Sample::new("photos/SUV/1.jpg", 0);
    /// assert!(sample.source.is_files());
    /// ```
    pub fn new(path: impl Into<PathBuf>, label: usize) -> Sample {
        Sample {
            path: path.into(),
            label,
            weight: 1.0,
            source: Source::files(),
        }
    }

    /// The same, read from elsewhere.
    #[must_use]
    pub fn from_source(self, source: Source) -> Sample {
        Sample { source, ..self }
    }

    /// The same with a weight.
    #[must_use]
    pub fn with_weight(self, weight: f64) -> Sample {
        Sample { weight, ..self }
    }

    /// The bytes of its file.
    ///
    /// # Errors
    /// Every error names the path. [`Error::Read`], [`Error::NotAFile`] and [`Error::FileTooLarge`], and what a source of its own says.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        let Some(source) = &self.source.0 else {
            return read_file(&self.path);
        };
        let bytes = source.read(&self.path)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(Error::FileTooLarge {
                path: self.path.clone(),
                found_bytes: bytes.len() as u64,
                limit_bytes: MAX_FILE_BYTES,
            });
        }
        Ok(bytes)
    }

    /// Its pixels, as [`decode`](crate::decode()) gives those of a file.
    ///
    /// # Errors
    /// Those of [`Sample::read`] and of [`decode_bytes`](crate::decode_bytes()).
    pub fn decode(&self) -> Result<RgbImage, Error> {
        decode_bytes(&self.read()?, &self.path)
    }

    /// What changes when the photo does; `None` where it is not there.
    pub fn state(&self) -> Option<PhotoState> {
        match &self.source.0 {
            None => PhotoState::of_file(&self.path),
            Some(source) => source.state(&self.path),
        }
    }
}

impl PartialEq for Sample {
    fn eq(&self, other: &Sample) -> bool {
        (&self.path, self.label, self.weight.to_bits()) == (&other.path, other.label, other.weight.to_bits())
    }
}

impl Eq for Sample {}

impl Hash for Sample {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.path, self.label, self.weight.to_bits()).hash(state);
    }
}

/// By class and then by path: the order of samples in a part.
pub(crate) fn sort(samples: &mut [Sample]) {
    samples.sort_by(|first, second| (first.label, &first.path).cmp(&(second.label, &second.path)));
}

impl ImageFolder {
    /// The photo of this path; `None` where there is none.
    pub fn sample(&self, path: &Path) -> Option<&Sample> {
        self.samples().find(|sample| sample.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Endless;

    impl PhotoSource for Endless {
        fn read(&self, _: &Path) -> Result<Vec<u8>, Error> {
            Ok(vec![0; MAX_FILE_BYTES as usize + 1])
        }

        fn state(&self, _: &Path) -> Option<PhotoState> {
            None
        }
    }

    #[test]
    fn a_source_is_held_to_the_bounds_of_files() {
        let sample = Sample::new("a.jpg", 0).from_source(Source::new(Endless));
        assert!(matches!(sample.read(), Err(Error::FileTooLarge { .. })));
        assert_eq!(sample.state(), None);
    }
}
