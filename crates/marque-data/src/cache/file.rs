//! Decoded photos in files of their own.
//!
//! A file is written under another name and then renamed, so that nobody reads half of one. After a loss of power a renamed file may
//! lack what was written to it: its checksum says so, and it is made anew.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use image::RgbImage;
use marque_core::ContentHash;

use super::reserve;
use crate::{Error, ImageSize, Preprocess, Sample, View, jpeg_decoder};

/// What a file begins with. Another number at its end for every change of what pixels are made of a photo.
const MAGIC: &[u8; 16] = b"marque photo 01\n";
/// Magic, width, height, checksum.
const HEADER_BYTES: usize = 16 + 4 + 4 + 4;
/// The most pixels of a photo that is kept whole, for random crops.
const MOST_WHOLE_PIXELS: u64 = 1_400_000;
const TEMPORARY: &str = ".part-";
/// What a writer has not renamed for so long, it will not.
const ABANDONED: Duration = Duration::from_secs(3600);

/// What photos are kept as.
pub(crate) struct Kind<'a> {
    pub(crate) preprocess: &'a Preprocess,
    pub(crate) view: Option<&'a View>,
    /// Whether photos are kept whole, for random crops.
    pub(crate) is_whole: bool,
}

/// A folder of kept photos.
pub(crate) struct Files {
    folder: PathBuf,
    /// The hash of all that is the same for all photos.
    settings: String,
    /// The size of all photos, unless they are whole.
    image_size: Option<ImageSize>,
    bytes_left: AtomicU64,
    /// Tells the temporary files of this process apart.
    written: AtomicU64,
}

impl Files {
    pub(super) fn open(folder: &Path, max_bytes: u64, kind: &Kind<'_>) -> Result<Files, Error> {
        let failed = |source| Error::Write {
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        marque_fs::check_writable(folder).map_err(failed)?;
        let held = tidied(folder).map_err(|source| Error::Read {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Files {
            folder: folder.to_owned(),
            settings: settings(kind),
            image_size: (!kind.is_whole).then_some(kind.preprocess.image_size),
            bytes_left: AtomicU64::new(max_bytes.saturating_sub(held)),
            written: AtomicU64::new(0),
        })
    }

    pub(super) fn get(
        &self,
        sample: &Sample,
        make: impl FnOnce() -> Result<RgbImage, Error>,
    ) -> Result<RgbImage, Error> {
        let Some(path) = self.path_of(sample) else {
            return make();
        };
        if let Some(image) = self.read(&path) {
            return Ok(image);
        }
        let image = make()?;
        let bytes = (HEADER_BYTES + image.as_raw().len()) as u64;
        let fits = self.image_size.is_some()
            || u64::from(image.width()) * u64::from(image.height()) <= MOST_WHOLE_PIXELS;
        if fits && reserve(&self.bytes_left, bytes) && self.write(&path, &image).is_err() {
            // A photo that cannot be kept is read anew: the training does not depend on it.
            self.bytes_left.fetch_add(bytes, Ordering::Relaxed);
        }
        Ok(image)
    }

    /// Where the photo is kept, by all that it depends on. `None` where it is not known when the photo was changed.
    fn path_of(&self, sample: &Sample) -> Option<PathBuf> {
        let path = std::path::absolute(&sample.path).ok()?;
        let state = sample.state()?;
        let changed = state.changed?.duration_since(UNIX_EPOCH).ok()?;
        let mut hash = ContentHash::new();
        hash.bytes(&self.settings);
        hash.bytes(path.as_os_str().as_encoded_bytes());
        hash.bytes(state.bytes.to_le_bytes());
        hash.bytes(changed.as_nanos().to_le_bytes());
        let name = hash.finish();
        let (folder, name) = name.split_at(2);
        Some(self.folder.join(folder).join(name))
    }

    /// A photo that is there, whole and of the right size.
    fn read(&self, path: &Path) -> Option<RgbImage> {
        let mut bytes = fs::read(path).ok()?;
        let (header, pixels) = bytes.split_at_checked(HEADER_BYTES)?;
        let (magic, numbers) = header.split_at(MAGIC.len());
        let [width, height, checksum] =
            [0, 4, 8].map(|at| numbers.get(at..)?.first_chunk().copied().map(u32::from_le_bytes));
        let (width, height) = (width?, height?);
        let expected = u64::from(width) * u64::from(height) * 3;
        let is_sound = magic == MAGIC
            && expected == pixels.len() as u64
            && self
                .image_size
                .is_none_or(|size| (width as usize, height as usize) == (size.width, size.height))
            && checksum? == checksum_of(width, height, pixels);
        if !is_sound {
            return None;
        }
        bytes.drain(..HEADER_BYTES);
        RgbImage::from_raw(width, height, bytes)
    }

    fn write(&self, path: &Path, image: &RgbImage) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.folder);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!("{TEMPORARY}{}-{number}", std::process::id()));
        let create = || File::create_new(&temporary);
        let created = create().or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            fs::create_dir_all(folder)?;
            create()
        });
        let written = created.and_then(|mut file| {
            let (width, height) = image.dimensions();
            let mut bytes = Vec::with_capacity(HEADER_BYTES + image.as_raw().len());
            bytes.extend_from_slice(MAGIC);
            for number in [width, height, checksum_of(width, height, image.as_raw())] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(image.as_raw());
            file.write_all(&bytes)?;
            fs::rename(&temporary, path)
        });
        if written.is_err() {
            // It may not be there at all.
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

fn checksum_of(width: u32, height: u32, pixels: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&width.to_le_bytes());
    hasher.update(&height.to_le_bytes());
    hasher.update(pixels);
    hasher.finalize()
}

/// The hash of all that pixels depend on but the photo itself.
fn settings(kind: &Kind<'_>) -> String {
    let Kind {
        preprocess,
        view,
        is_whole,
    } = kind;
    let mut hash = ContentHash::new();
    hash.bytes(MAGIC);
    hash.bytes(jpeg_decoder());
    if !is_whole {
        let made = (
            preprocess.image_size,
            preprocess.resize,
            preprocess.scaled_decoding,
            view,
        );
        // Numbers and names have a JSON form; what had none would only be made anew.
        if hash.value(&made).is_err() {
            hash.bytes(format!("{:?}", SystemTime::now()));
        }
    }
    hash.finish()
}

/// Bytes of all files in the folder, after those have been removed that writers left half-written.
fn tidied(folder: &Path) -> io::Result<u64> {
    let mut held = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(entry.path())? {
            let file = file?;
            // Another process may have renamed it meanwhile.
            let Ok(state) = file.metadata() else { continue };
            let age = state.modified().ok().and_then(|changed| changed.elapsed().ok());
            let is_temporary = file
                .file_name()
                .as_encoded_bytes()
                .starts_with(TEMPORARY.as_bytes());
            if is_temporary && age.is_some_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(file.path());
            } else {
                held += state.len();
            }
        }
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IMAGENET_MEAN;

    fn files(folder: &Path, max_bytes: u64, preprocess: &Preprocess) -> Files {
        let kind = Kind {
            preprocess,
            view: None,
            is_whole: false,
        };
        Files::open(folder, max_bytes, &kind).unwrap()
    }

    fn preprocess() -> Preprocess {
        Preprocess {
            image_size: ImageSize::square(2),
            ..Preprocess::default()
        }
    }

    fn photo(value: u8) -> RgbImage {
        RgbImage::from_pixel(2, 2, image::Rgb([value; 3]))
    }

    fn sample(folder: &Path, name: &str) -> Sample {
        let path = folder.join(name);
        fs::write(&path, name).unwrap();
        Sample::new(path, 0)
    }

    fn refuse() -> Result<RgbImage, Error> {
        Err(Error::NoSamples)
    }

    #[test]
    fn a_photo_is_found_again_until_it_or_a_setting_changes() {
        let folder = tempfile::tempdir().unwrap();
        let sample = sample(folder.path(), "a.jpg");
        let cache = folder.path().join("cache");
        let own = files(&cache, 1 << 20, &preprocess());
        own.get(&sample, || Ok(photo(7))).unwrap();
        assert_eq!(own.get(&sample, refuse).unwrap(), photo(7));
        // Another process; what comes after the pixels does not matter.
        let normalised = Preprocess {
            mean: IMAGENET_MEAN.map(|mean| mean / 2.0),
            ..preprocess()
        };
        assert_eq!(
            files(&cache, 0, &normalised).get(&sample, refuse).unwrap(),
            photo(7)
        );
        for other in [
            Preprocess {
                resize: crate::Resize::Cover,
                ..preprocess()
            },
            Preprocess {
                scaled_decoding: Some(3.0),
                ..preprocess()
            },
        ] {
            files(&cache, 0, &other).get(&sample, refuse).unwrap_err();
        }
        fs::write(&sample.path, "another").unwrap();
        own.get(&sample, refuse).unwrap_err();
    }

    #[test]
    fn what_is_damaged_or_cut_short_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let sample = sample(folder.path(), "a.jpg");
        let cache = files(&folder.path().join("cache"), 1 << 20, &preprocess());
        cache.get(&sample, || Ok(photo(7))).unwrap();
        let path = cache.path_of(&sample).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            cache.get(&sample, refuse).unwrap_err();
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 4;
            fs::write(&path, damaged).unwrap();
            cache.get(&sample, refuse).unwrap_err();
        }
        cache.get(&sample, || Ok(photo(8))).unwrap();
        assert_eq!(cache.get(&sample, refuse).unwrap(), photo(8));
    }

    #[test]
    fn the_bound_holds_for_what_was_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let samples = ["a", "b", "c"].map(|name| sample(folder.path(), name));
        let cache = folder.path().join("cache");
        let bytes = HEADER_BYTES as u64 + 12;
        let first = files(&cache, 2 * bytes, &preprocess());
        for sample in &samples {
            first.get(sample, || Ok(photo(1))).unwrap();
        }
        first.get(&samples[2], refuse).unwrap_err();
        let second = files(&cache, 2 * bytes + 1, &preprocess());
        second.get(&samples[2], || Ok(photo(1))).unwrap();
        second.get(&samples[2], refuse).unwrap_err();
        assert_eq!(tidied(&cache).unwrap(), 2 * bytes);
    }

    #[test]
    fn a_folder_that_takes_no_files_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::write(&taken, "a file").unwrap();
        let kind = Kind {
            preprocess: &preprocess(),
            view: None,
            is_whole: false,
        };
        let error = Files::open(&taken, 1, &kind).err().unwrap();
        assert!(matches!(error, Error::Write { .. }));
    }
}
