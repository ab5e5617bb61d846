#![doc = include_str!("../README.md")]

mod hash;
mod image_size;
pub mod setting;

pub use hash::{ContentHash, HashError};
pub use image_size::ImageSize;
pub use setting::SettingError;
