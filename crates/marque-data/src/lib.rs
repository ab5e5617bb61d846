#![doc = include_str!("../README.md")]

#[cfg(feature = "photos")]
mod archive;
#[cfg(feature = "photos")]
mod augment;
#[cfg(feature = "photos")]
mod augmented;
#[cfg(feature = "photos")]
mod cache;
#[cfg(feature = "photos")]
mod check;
#[cfg(feature = "photos")]
mod decode;
mod error;
#[cfg(feature = "photos")]
mod facts;
#[cfg(feature = "photos")]
mod folder;
#[cfg(feature = "photos")]
mod folds;
#[cfg(feature = "photos")]
mod inventory;
#[cfg(feature = "photos")]
mod last_pass;
#[cfg(feature = "photos")]
mod loader;
mod look_up;
#[cfg(feature = "photos")]
mod output;
#[cfg(feature = "photos")]
mod packed;
mod pixels;
mod preprocess;
#[cfg(feature = "photos")]
pub mod random;
#[cfg(feature = "photos")]
mod reading;
#[cfg(feature = "photos")]
mod rectangle;
mod resample;
#[cfg(feature = "photos")]
mod sample;
mod scratch;
#[cfg(feature = "photos")]
mod similar;
#[cfg(feature = "photos")]
mod split;
#[cfg(feature = "photos")]
mod stats;
mod test_augment;
#[cfg(feature = "photos")]
mod transform;
mod wide;

#[cfg(feature = "photos")]
pub use augment::{Augment, AugmentPlan, ColorJitter, ColorPlan, CropRange, RandomErasing};
#[cfg(feature = "photos")]
pub use cache::Cache;
#[cfg(feature = "photos")]
pub use check::{BadFile, BadFiles, CheckReport, check};
#[cfg(feature = "photos")]
pub use decode::{MAX_FILE_BYTES, MAX_IMAGE_BYTES, MAX_SIDE_PX, decode, decode_bytes, jpeg_decoder};
pub use error::Error;
#[cfg(feature = "photos")]
pub use folder::{AlikeClasses, ImageFolder, LayoutProblem, Part, has_photo_name, list_photos};
#[cfg(feature = "photos")]
pub use inventory::{BadPhoto, Inventory, MOST_UNREADABLE, Placed};
#[cfg(feature = "photos")]
pub use loader::{Batch, Batches, LastBatch, Loader, LoaderConfig, Order, Share};
pub use marque_core::{ImageSize, SettingError};
#[cfg(feature = "photos")]
pub use output::check_output;
pub use pixels::{Pixels, over_white};
pub use preprocess::{IMAGENET_MEAN, IMAGENET_STD, MAX_IMAGE_SIZE_PX, Preprocess, Resize};
#[cfg(feature = "photos")]
pub use rectangle::{Rectangle, RectanglePlan};
#[cfg(feature = "photos")]
pub use sample::{PhotoSource, PhotoState, Sample, Source};
#[cfg(feature = "photos")]
pub use similar::{MOST_DIFFERENT_BITS, PerceptualHash};
#[cfg(feature = "photos")]
pub use split::{PartUse, Split, SplitConfig, Stratify};
#[cfg(feature = "photos")]
pub use stats::{ChannelStatistics, channel_mean};
pub use test_augment::{TestAugment, View};
#[cfg(feature = "photos")]
pub use transform::{Fill, Interpolation, Length, Operation, Sampling, Transform};
