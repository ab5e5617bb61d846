#![doc = include_str!("../README.md")]

mod image_size;
pub mod setting;

pub use image_size::ImageSize;
pub use setting::SettingError;
