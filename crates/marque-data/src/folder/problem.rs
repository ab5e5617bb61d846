//! What keeps a data folder from being read without guessing.

use std::path::Path;

use super::listing::tree;
use crate::Error;

/// Why it is unclear which folders of a data folder are classes, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutProblem {
    /// There is one class folder in all, and it holds folders.
    #[error("the only folder in it is {name:?}, which holds folders and no photos: pass {path}")]
    OneLevelTooHigh {
        /// Its name.
        name: String,
        /// The folder to pass instead.
        path: String,
    },
    /// There is one class in all.
    #[error("{name:?} would be the only class; a classifier needs at least two class folders with photos")]
    OneClass {
        /// Its name.
        name: String,
    },
    /// No class folder holds a photo; all hold folders only.
    #[error(
        "none of the class folders ({names}) holds a photo itself: pass the folder whose sub-folders are the \
         classes (such as {path}), or put photos straight into the folder of their class"
    )]
    NoPhotosInClassFolders {
        /// Names of the folders.
        names: String,
        /// The first of them.
        path: String,
    },
    /// Between the folders of the parts and those of the classes lies another level.
    #[error(
        "the folders in the parts ({names}) hold no photos, only folders: move these one level up, so that the classes \
         lie straight in the folder of a part and the photos straight in that of a class"
    )]
    LevelInsideParts {
        /// Names of the folders.
        names: String,
    },
    /// Folders that seem to be parts, but not by the names that parts have.
    #[error(
        "{name:?} looks like a part of the data, not like a class: name the folders of the parts train, val and test, \
         or move away what is not to be used; the photos of a class lie straight in its folder"
    )]
    UnknownPart {
        /// Name of the folder.
        name: String,
    },
    /// A class folder that holds parts.
    #[error("{name:?} holds a folder {inner:?}, which looks like a part of the data: pass {path}")]
    PartsInside {
        /// Name of the folder.
        name: String,
        /// What lies in it.
        inner: String,
        /// The folder to pass instead.
        path: String,
    },
    /// A folder of a part with photos but without class folders.
    #[error(
        "{name:?} holds photos but no class folders, so that their classes are unknown: sort them into {name}/<class>, \
         or move the folder away"
    )]
    FlatPart {
        /// Name of the folder.
        name: String,
    },
    /// There is a folder of one part alone, and a folder of photos beside it.
    #[error(
        "{part:?} holds folders and {name:?} beside it holds photos: either all of them are classes, whose photos lie \
         straight in their folders, or {name:?} is to be moved away"
    )]
    ClassBesidePart {
        /// Name of the part's folder.
        part: String,
        /// Name of the folder of photos.
        name: String,
    },
    /// Folders for the images and for what is known of them, instead of classes.
    #[error(
        "{images:?} and {labels:?} look like photos and what is noted of them, not like classes: pass the folder whose \
         sub-folders are the classes"
    )]
    ImagesAndLabels {
        /// Name of the folder of images.
        images: String,
        /// Name of the other folder.
        labels: String,
    },
}

impl LayoutProblem {
    /// The error for the data folder at `root`, with what lies there.
    pub(super) fn at(self, root: &Path) -> Error {
        Error::Layout {
            folder: root.to_owned(),
            problem: self,
            found: tree(root),
        }
    }
}
