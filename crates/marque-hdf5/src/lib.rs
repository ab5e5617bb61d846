#![doc = include_str!("../README.md")]

// After "HDF5 File Format Specification, Version 3.0" (The HDF Group); sections are cited where they are read. A
// `source::Cursor` cannot leave its part of the file, and `source::Source` keeps the account of what is read in all.

mod arrays;
mod attribute;
mod btree1;
mod btree2;
mod checksum;
mod chunks;
mod dataset;
mod datatype;
mod error;
mod filters;
mod fractal_heap;
mod group;
mod header;
mod layout;
mod links;
mod source;
mod superblock;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use attribute::Attribute;
pub use dataset::{Contents, Dataset};
pub use datatype::Number;
pub use error::Error;
pub use group::{Group, Member, Object};

use source::Source;

/// An HDF5 file, wholly in memory or mapped there.
///
/// Everything that is read of it draws on one account of work, whose limit depends on the size of the file alone; a clone
/// shares it.
#[derive(Clone)]
pub struct File<'a> {
    source: Source<'a>,
    root: u64,
}

impl<'a> File<'a> {
    /// Reads the superblock, which is at the start or behind a user block.
    ///
    /// # Errors
    /// [`Error::NotHdf5`] when there is none; others when it is damaged, or when the file is shorter than it says.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::from_source(Source::new(bytes))
    }

    /// Reads on after wrong checksums, so that a test gets at the code behind them.
    #[cfg(test)]
    fn open_unverified(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut source = Source::new(bytes);
        source.verify = false;
        Self::from_source(source)
    }

    fn from_source(mut source: Source<'a>) -> Result<Self, Error> {
        let root = superblock::read(&mut source)?;
        Ok(Self { source, root })
    }

    /// The group that everything is in.
    ///
    /// # Errors
    /// When its header, list of members or list of attributes is damaged or of a kind that is not read.
    pub fn root(&self) -> Result<Group<'a>, Error> {
        Group::root(&self.source, self.root)
    }
}
