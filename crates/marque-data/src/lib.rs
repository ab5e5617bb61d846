//! Image folders, splits, decoding, augmentation and a parallel loader for image classifiers.
//!
//! The way of a photo: [`ImageFolder::scan`] lists the files, [`ImageFolder::split`] cuts them into parts,
//! [`Inventory::take`] tells what there is and what is wrong with it,
//! [`decode()`] reads one, [`Preprocess`] makes it an image of one size in normalised numbers, [`Augment`] changes it at
//! random in training, and a [`Loader`] does all that on several threads and hands out batches.
//!
//! Two rules hold throughout. Nothing about a result depends on threads or time: every random choice is a function of
//! (seed, epoch, sample index), see [`random`]. And files are hostile until parsed: a bad photo is an error that
//! names it and says why, never a panic and never silently left out.
//!
//! ```no_run
//! use marque_data::{Augment, ImageFolder, Loader, LoaderConfig, Order, Preprocess, SplitConfig};
//!
//! let split = ImageFolder::scan("photos".as_ref())?.split(&SplitConfig::default())?;
//! let config = LoaderConfig { batch_size: 32, order: Order::Shuffled, ..LoaderConfig::default() };
//! let loader = Loader::new(split.train, Preprocess::default(), Augment::subject(), config)?;
//! for batch in loader.epoch(1) {
//!     let batch = batch?;
//!     println!("{:?}", batch.images.dim()); // N×3×H×W
//! }
//! # Ok::<(), marque_data::Error>(())
//! ```

mod augment;
mod cache;
mod check;
mod decode;
mod error;
mod folder;
mod inventory;
mod loader;
mod output;
mod pixels;
mod preprocess;
pub mod random;
mod rectangle;
mod split;
mod stats;

pub use augment::{Augment, AugmentPlan, ColorJitter, ColorPlan, CropRange, RandomErasing};
pub use cache::Cache;
pub use check::{BadFile, BadFiles, CheckReport, check};
pub use decode::{MAX_FILE_BYTES, MAX_IMAGE_BYTES, MAX_SIDE_PX, decode, decode_bytes};
pub use error::Error;
pub use folder::{ImageFolder, LayoutProblem, Part, Sample, has_photo_name, list_photos};
pub use inventory::{BadPhoto, Inventory, MOST_UNREADABLE, Placed};
pub use loader::{Batch, Batches, LastBatch, Loader, LoaderConfig, Order};
pub use marque_core::{ImageSize, SettingError};
pub use output::check_output;
pub use preprocess::{IMAGENET_MEAN, IMAGENET_STD, MAX_IMAGE_SIZE_PX, Preprocess, Resize};
pub use rectangle::{Rectangle, RectanglePlan};
pub use split::{PartUse, Split, SplitConfig, Stratify};
pub use stats::{ChannelStatistics, channel_mean};
