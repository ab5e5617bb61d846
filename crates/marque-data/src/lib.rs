#![doc = include_str!("../README.md")]

mod augment;
mod cache;
mod check;
mod decode;
mod error;
mod folder;
mod folds;
mod inventory;
mod loader;
mod output;
mod pixels;
mod preprocess;
pub mod random;
mod rectangle;
mod similar;
mod split;
mod stats;
mod test_augment;
mod transform;

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
pub use similar::{MOST_DIFFERENT_BITS, PerceptualHash};
pub use split::{PartUse, Split, SplitConfig, Stratify};
pub use stats::{ChannelStatistics, channel_mean};
pub use test_augment::{TestAugment, View};
pub use transform::{Fill, Interpolation, Length, Operation, Sampling, Transform};
