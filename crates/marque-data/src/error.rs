use std::path::{Path, PathBuf};

#[cfg(feature = "photos")]
use crate::LayoutProblem;
use crate::SettingError;

/// What can go wrong between a folder of photos and a batch.
///
/// Each message is a whole sentence: it names the file or setting at fault and ends with the cause, which is also kept
/// as [`source`](std::error::Error::source). [`Error::reason`] is the message without the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },

    /// A file or folder could not be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },

    /// The path of a photo leads to a folder, a pipe or a device.
    #[error("{path}: not a regular file", path = path.display())]
    NotAFile {
        /// What is not a file.
        path: PathBuf,
    },

    /// The file has no bytes.
    #[error("{path}: the file is empty", path = path.display())]
    EmptyFile {
        /// The empty file.
        path: PathBuf,
    },

    /// The file is larger than any photo is expected to be, and was not read.
    #[error("{path}: the file has {found_bytes} bytes, more than the limit of {limit_bytes}", path = path.display())]
    FileTooLarge {
        /// The large file.
        path: PathBuf,
        /// Its size.
        found_bytes: u64,
        /// The largest size that is read.
        limit_bytes: u64,
    },

    /// The content does not begin like any image format that is read here.
    #[error("{path}: not an image of a known format (JPEG, PNG, GIF, WebP, BMP, TIFF)", path = path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
    },

    /// The content is of a kind that is recognised, but not read.
    #[error("{path}: {found}, which is not read; {advice}", path = path.display())]
    NotRead {
        /// The file.
        path: PathBuf,
        /// What it is, with its article: `a HEIC photo`.
        found: &'static str,
        /// What to do about it.
        advice: &'static str,
    },

    /// The header promises an image too large to be held in memory; nothing was allocated for it.
    #[error(
        "{path}: the image has {width_px} × {height_px} px, more than the limit of {limit_side_px} px a side or {limit_bytes} bytes of pixels; make a smaller copy",
        path = path.display()
    )]
    ImageTooLarge {
        /// The file.
        path: PathBuf,
        /// Width by the header.
        width_px: u32,
        /// Height by the header.
        height_px: u32,
        /// The most bytes that decoded pixels may take.
        limit_bytes: u64,
        /// The longest side.
        limit_side_px: u32,
    },

    /// The header gives an image without pixels.
    #[error("{path}: the image has {width_px} × {height_px} px, and so no pixel", path = path.display())]
    WithoutPixels {
        /// The file.
        path: PathBuf,
        /// Width by the header.
        width_px: u32,
        /// Height by the header.
        height_px: u32,
    },

    /// The file ends before the image does.
    #[error("{path}: the file is truncated: it ends after {found_bytes} bytes, before the end of the image", path = path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The size of the file.
        found_bytes: u64,
    },

    /// Something else comes where the rest of a JPEG's picture should be: its lower part would be grey.
    #[error(
        "{path}: the picture is cut short: {found_blocks} of {expected_blocks} blocks of 8 × 8 px are there, then {next}",
        path = path.display()
    )]
    CutShort {
        /// The file.
        path: PathBuf,
        /// Blocks of the scan that could be read.
        found_blocks: usize,
        /// Blocks that the scan should have.
        expected_blocks: usize,
        /// What comes instead.
        next: &'static str,
    },

    /// The markers of a JPEG make no sense.
    #[error("{path}: the JPEG is damaged: {part} cannot be understood", path = path.display())]
    DamagedJpeg {
        /// The file.
        path: PathBuf,
        /// Which part.
        part: &'static str,
    },

    /// The decoder refused a JPEG.
    #[error("cannot decode {path}: {source}", path = path.display())]
    DecodeJpeg {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    #[cfg(feature = "photos")]
    /// The decoder for TIFFs with palettes and few bits refused the file.
    #[error("cannot decode {path}: {source}", path = path.display())]
    DecodeTiff {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: tiff::TiffError,
    },

    #[cfg(feature = "photos")]
    /// The decoder refused the file.
    #[error("cannot decode {path}: {source}", path = path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: image::ImageError,
    },

    /// The decoder, or the augmentation after it, panicked on this file: a fault of the program that is kept from
    /// ending the run.
    #[error("{path}: the decoder panicked: {message}", path = path.display())]
    Panicked {
        /// The file.
        path: PathBuf,
        /// What the panic said.
        message: String,
    },

    /// An image has no pixels.
    #[error("an image of {width_px} × {height_px} px cannot be resized")]
    NoPixels {
        /// Its width.
        width_px: u32,
        /// Its height.
        height_px: u32,
    },

    /// Pixels that are not as many as their sides say.
    #[error("an image of {width_px} × {height_px} px has {expected_bytes} bytes; got {found_bytes}")]
    PixelCount {
        /// Its width.
        width_px: u32,
        /// Its height.
        height_px: u32,
        /// Bytes that pixels of these sides have.
        expected_bytes: u64,
        /// Bytes that were given.
        found_bytes: usize,
    },

    /// The resampling was refused.
    #[error("cannot resize: {0}")]
    Resize(#[from] marque_resize::Error),

    /// A photo that its source does not know.
    #[error("{path}: there is no such photo", path = path.display())]
    NoPhoto {
        /// What was asked for.
        path: PathBuf,
    },

    /// What an archive holds found no place in the folder of temporary files.
    #[error("cannot unpack {path} into {folder}: {source}; the variable TMPDIR names another folder", path = path.display(), folder = folder.display())]
    Temporary {
        /// The archive.
        path: PathBuf,
        /// The folder of temporary files.
        folder: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },

    /// Something that this program was built without.
    #[error("{path} is {what}, which this program was built without: the feature `{feature}` reads it", path = path.display())]
    FeatureMissing {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// The feature of marque-data.
        feature: &'static str,
    },

    /// A list, an archive or a table of photos that cannot be read without guessing.
    #[error("{path}{place}: {problem}", path = path.display(), place = line.map_or(String::new(), |line| format!(", line {line}")))]
    List {
        /// The list, archive or table.
        path: PathBuf,
        /// Its line, from 1; `None` if it is wrong as a whole, or has no lines.
        line: Option<u64>,
        /// What is wrong.
        problem: String,
    },

    /// No class folder was found where they were expected.
    #[error("{folder}: no class folders found; expected {folder}/<class>/<photos> or {folder}/train/<class>/<photos>", folder = folder.display())]
    NoClasses {
        /// The data folder.
        folder: PathBuf,
    },

    /// There are photos of other parts, but none of the train part, where photos were to be split for a training.
    #[error("{folder}: no photo is of the train part; there are {found} photos", folder = folder.display())]
    NoTrainPart {
        /// The data folder, or that of the list.
        folder: PathBuf,
        /// The other parts with their numbers of photos.
        found: String,
    },

    /// Two folders claim to be the same part, such as `val` and `valid`.
    #[error("{folder}: both {first} and {second} would be the same part", folder = folder.display())]
    PartTwice {
        /// The data folder.
        folder: PathBuf,
        /// One of the two.
        first: String,
        /// The other.
        second: String,
    },

    /// A class has no photo in any part.
    #[error("{folder}: class {class:?} has no photos (classes found: {classes})", folder = folder.display(), classes = classes.join(", "))]
    EmptyClass {
        /// The data folder.
        folder: PathBuf,
        /// The class without photos.
        class: String,
        /// All classes found, sorted.
        classes: Vec<String>,
    },

    #[cfg(feature = "photos")]
    /// It is unclear which folders are classes.
    #[error("{folder}: {problem}\nfound:\n{found}", folder = folder.display())]
    Layout {
        /// The data folder.
        folder: PathBuf,
        /// Why it is unclear, and what to do.
        problem: LayoutProblem,
        /// Two levels of the folder with counts, a line each.
        found: String,
    },

    /// Class folders whose names differ only in what a copy changes.
    #[error(
        "{folder}: class names that differ only in case, spaces, signs between words or Unicode form: {names}; give the \
         folders of one class one name",
        folder = folder.display()
    )]
    AlikeClasses {
        /// The data folder.
        folder: PathBuf,
        /// The names, each with the parts that have it.
        names: String,
    },

    /// Classes that could only be tested, never learnt.
    #[error(
        "{folder}: no training photos of {classes}; put some into the train folder, or move these class folders away",
        folder = folder.display(),
        classes = classes.join(", ")
    )]
    ClassWithoutTraining {
        /// The data folder.
        folder: PathBuf,
        /// The quoted names of the classes, each with its counts in the other parts.
        classes: Vec<String>,
    },

    /// Not one photo of a part, or of a class in it, can be read.
    #[error("none of the {count} {what} can be read; the first is {first}: {reason}", first = first.display())]
    NothingReadable {
        /// `test photos`, `train photos of class "SUV"`.
        what: String,
        /// How many there are.
        count: usize,
        /// Path of the first.
        first: PathBuf,
        /// Why the first cannot be read.
        reason: String,
    },

    /// Results would lie among the photos.
    #[error(
        "{out} lies in the data folder {data}, where the next training would find it: write somewhere else",
        out = out.display(),
        data = data.display()
    )]
    OutputInData {
        /// The folder of the results.
        out: PathBuf,
        /// The data folder.
        data: PathBuf,
    },

    /// The name of a class folder is not UTF-8, so it cannot be stored with a model.
    #[error("{path}: the name of a class folder must be valid UTF-8", path = path.display())]
    ClassNameNotUtf8 {
        /// The class folder.
        path: PathBuf,
    },

    /// A part that was asked for would have no photos.
    #[error(
        "the {part} part would be empty: {fraction} of {available} photos; give more photos or ask for a fraction of 0"
    )]
    EmptyPart {
        /// `train`, `validation` or `test`.
        part: &'static str,
        /// The fraction that was asked for.
        fraction: f64,
        /// How many photos there were to take it from.
        available: usize,
    },

    /// A setting is outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),

    /// There is nothing to load or to measure.
    #[error("no photos: expected at least one sample")]
    NoSamples,

    /// Every photo was skipped as unreadable.
    #[error("none of {count} photos could be read; the first was {first}: {reason}", first = first.display())]
    AllBad {
        /// How many were tried.
        count: usize,
        /// Path of the first.
        first: PathBuf,
        /// Why the first could not be read.
        reason: String,
    },

    #[cfg(feature = "photos")]
    /// The loader's threads could not be started.
    #[error("cannot start the loader's threads: {source}")]
    Threads {
        /// What the thread pool said.
        source: rayon::ThreadPoolBuildError,
    },

    /// A worker of the loader ended without an answer.
    #[error("the loader's workers ended before batch {batch} was ready")]
    WorkersGone {
        /// Position of the batch in its epoch, from 0.
        batch: usize,
    },
}

impl Error {
    /// The message without the path, where that is `path`: for a line or a column that has the path already.
    ///
    /// This is the text of [`BadFile::reason`](crate::BadFile::reason).
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// let error = marque_data::decode_bytes(b"", Path::new("a.jpg")).unwrap_err();
    /// assert_eq!(error.to_string(), "a.jpg: the file is empty");
    /// assert_eq!(error.reason(Path::new("a.jpg")), "the file is empty");
    /// ```
    pub fn reason(&self, path: &Path) -> String {
        let text = self.to_string();
        let name = path.display().to_string();
        if let Some(rest) = text.strip_prefix(&format!("{name}: ")) {
            return rest.to_owned();
        }
        text.replacen(&format!(" {name}"), "", 1)
    }
}
