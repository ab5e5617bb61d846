use std::path::PathBuf;

/// What can go wrong when cars are drawn and written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Photos of this size cannot be drawn.
    #[error("image_size: expected two sides of 1 to {limit_px} px, found {width_px} × {height_px}")]
    ImageSize {
        /// The width that was asked for.
        width_px: u32,
        /// The height that was asked for.
        height_px: u32,
        /// The longest side that is drawn.
        limit_px: usize,
    },

    /// A photo could not be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
}
