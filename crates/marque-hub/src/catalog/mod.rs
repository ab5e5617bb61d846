//! The pinned list of official weight files: `official.toml` of this package.
//!
//! An [`Entry`] says of one file where it lives, how to know that it is the right one, whose it is, which
//! architecture it fits, how a photo must be prepared for it and how good it is said to be.

mod entry;
mod problem;
mod raw;

use std::sync::OnceLock;

pub use entry::{
    Accuracy, Checksum, ColourOrder, Entry, FileFormat, Fit, HubFile, Interpolation, Licence, Preprocessing,
    Source, Wheel,
};
pub use problem::Problem;

use crate::Error;

const OFFICIAL: &str = include_str!("../../official.toml");

/// A list of weight files.
///
/// ```
/// use marque_hub::Catalog;
///
/// let entry = Catalog::official().entry("resnet50.imagenet1k_v2")?;
/// assert_eq!(entry.file, "resnet50-11ad3fa6.pth");
/// assert_eq!(entry.preprocessing.resize_px, Some(232));
///
/// let error = Catalog::official().entry("resnet50.imagenet").unwrap_err();
/// assert!(error.to_string().contains("the nearest names are resnet50.imagenet1k_v1"));
/// # Ok::<(), marque_hub::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    entries: Vec<Entry>,
}

impl Catalog {
    /// The list that is compiled into this library.
    ///
    /// # Panics
    /// If that list were unsound, which this crate's tests exclude.
    pub fn official() -> &'static Self {
        static CATALOG: OnceLock<Catalog> = OnceLock::new();
        CATALOG.get_or_init(|| match Self::parse(OFFICIAL) {
            Ok(catalog) => catalog,
            Err(error) => panic!("official.toml: {error}"),
        })
    }

    /// Reads a list of your own, in the format of the official one.
    ///
    /// # Errors
    /// [`Error::Toml`] when the text is not of that format, [`Error::Unsound`] when an entry contradicts itself.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self {
            entries: raw::parse(text)?,
        })
    }

    /// The entry of this name.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the nearest names.
    pub fn entry(&self, name: &str) -> Result<&Entry, Error> {
        let found = self.entries.iter().find(|entry| entry.name == name);
        found.ok_or_else(|| Error::UnknownName {
            name: name.to_owned(),
            nearest: self.nearest(name).join(", "),
        })
    }

    /// All entries, in the order of the list.
    pub fn entries(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// The entries of an architecture that is named alone or with an unknown ending; otherwise the three names that
    /// differ from `name` in the fewest letters.
    fn nearest(&self, name: &str) -> Vec<&str> {
        // A stranger's text may be long; more than this is no misspelt name.
        let name: String = name.to_lowercase().chars().take(64).collect();
        let stem = name.split('.').next().unwrap_or_default();
        let mut names: Vec<&str> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
        names.sort_by_key(|known| strsim::damerau_levenshtein(known, &name));
        let same_stem = |known: &&str| known.split('.').next() == Some(stem);
        if names.iter().any(same_stem) {
            names.retain(same_stem);
        }
        names.truncate(3);
        names
    }
}

impl<'a> IntoIterator for &'a Catalog {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_name_is_answered_with_the_nearest() {
        for (name, nearest) in [
            ("resnet50", "resnet50.imagenet1k_v1, resnet50.imagenet1k_v2"),
            ("Xception.Timm", "xception.timm"),
            ("vgg16_bn.imagenet1k", "vgg16_bn.imagenet1k_v1"),
            (&"x".repeat(100_000), ""),
        ] {
            let error = Catalog::official().entry(name).unwrap_err().to_string();
            assert!(
                error.contains(&format!("the nearest names are {nearest}")),
                "{}",
                &error[error.len() - 200..]
            );
        }
    }
}
