//! Reading of HDF5 files, as far as Keras and h5py write them for checkpoints.
//!
//! After "HDF5 File Format Specification, Version 3.0" (The HDF Group); sections are cited where they are
//! read. These files come from strangers. Whatever their bytes, each operation ends with a value or an error:
//! a [`source::Cursor`] cannot leave its part of the file, trees are walked with a memory of where they have
//! been, and what can be read and decoded in all is bounded by the size of the file.
//!
//! Not read: shared header messages (committed types), datasets of strings and compounds, virtual and external
//! datasets, filters other than deflate, shuffle and fletcher32, layouts from before HDF5 1.6, and soft and
//! external links, which are listed but cannot be opened.

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
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use attribute::Attribute;
pub(crate) use dataset::{Contents, Dataset};
pub(crate) use datatype::Number;
pub(crate) use error::Hdf5Error;
pub(crate) use group::{Group, Member, Object};

use source::Source;

/// An HDF5 file.
#[derive(Clone)]
pub(crate) struct File<'a> {
    source: Source<'a>,
    root: u64,
}

impl<'a> File<'a> {
    /// Reads the superblock of a file that is wholly in memory or mapped there.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Hdf5Error> {
        Self::from_source(Source::new(bytes))
    }

    /// Reads on after wrong checksums, so that a test gets at the code behind them.
    #[cfg(test)]
    pub(crate) fn open_unverified(bytes: &'a [u8]) -> Result<Self, Hdf5Error> {
        let mut source = Source::new(bytes);
        source.verify = false;
        Self::from_source(source)
    }

    fn from_source(mut source: Source<'a>) -> Result<Self, Hdf5Error> {
        let root = superblock::read(&mut source)?;
        Ok(Self { source, root })
    }

    pub(crate) fn root(&self) -> Result<Group<'a>, Hdf5Error> {
        Group::root(&self.source, self.root)
    }
}
