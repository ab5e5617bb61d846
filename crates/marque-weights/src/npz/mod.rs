//! NumPy's `.npz`, a zip archive of arrays with one `.npy` file for each, and such a file alone.
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

mod header;
mod literal;
mod order;
mod single;
mod write;

use crate::archive::{Archive, ArchiveError};
use crate::bytes::Bytes;
use crate::source::Source;
use crate::tensor::bytes_of;
use crate::{DType, Error, Format, StateDict, Tensor};
use header::{Header, HeaderError};

const ENDING: &str = ".npy";

#[derive(Debug, thiserror::Error)]
enum NpzError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("its entry {entry:?} is no array, which ends in .npy")]
    NoArray { entry: String },
    #[error("in its entry {entry:?}: {source}")]
    Header { entry: String, source: HeaderError },
    #[error("its entry {entry:?} is to be {shape:?} of {dtype}, for which it is {found} bytes long")]
    Length {
        entry: String,
        shape: Vec<usize>,
        dtype: DType,
        found: u64,
    },
}

/// Reads an `.npz` file. Arrays that are stored as they are stay in the file.
pub(crate) fn read(source: &Source, mut archive: Archive) -> Result<StateDict, Error> {
    let entries: Vec<String> = archive.names().map(str::to_owned).collect();
    let mut found = StateDict::default();
    for entry in entries.into_iter().filter(|entry| !entry.ends_with('/')) {
        let malformed = |error| source.malformed(Format::Npz, error);
        let Some(name) = entry.strip_suffix(ENDING) else {
            return Err(malformed(NpzError::NoArray { entry }));
        };
        let start = archive.read_start(&entry, header::MAX_BYTES);
        let start = start.map_err(|error| malformed(error.into()))?;
        let header = match Header::parse(&start) {
            Ok(header) => header,
            Err(HeaderError::Type { found }) => {
                return Err(Error::UnsupportedType {
                    path: source.path.clone(),
                    tensor: name.to_owned(),
                    found,
                });
            }
            Err(source) => return Err(malformed(NpzError::Header { entry, source })),
        };
        found.insert(name, array(&mut archive, &entry, &header).map_err(malformed)?);
    }
    Ok(found)
}

fn array(archive: &mut Archive, entry: &str, header: &Header) -> Result<Tensor, NpzError> {
    let size = archive.size(entry)?;
    let wrong_length = || NpzError::Length {
        entry: entry.to_owned(),
        shape: header.shape.clone(),
        dtype: header.dtype,
        found: size,
    };
    let length = bytes_of(header.dtype, &header.shape).ok_or_else(wrong_length)?;
    let end = header.length.checked_add(length).ok_or_else(wrong_length)?;
    // Before anything is unpacked.
    if end as u64 != size {
        return Err(wrong_length());
    }
    let whole = archive.read(entry, size)?;
    let numbers = whole.slice(header.length..end).ok_or_else(wrong_length)?;
    archive.check(entry)?;
    whole.forget();
    let numbers = in_order(archive, entry, header, numbers)?;
    Tensor::from_bytes(header.dtype, &header.shape, numbers).map_err(|_| wrong_length())
}

/// The numbers of an entry as a [`Tensor`] has them: the file's own bytes where they are so, a copy elsewhere.
fn in_order(
    archive: &mut Archive,
    entry: &str,
    header: &Header,
    mut numbers: Bytes,
) -> Result<Bytes, ArchiveError> {
    let size_bytes = header.dtype.size_bytes();
    if header.big_endian && size_bytes > 1 {
        archive.charge(entry, numbers.len() as u64)?;
        numbers = order::swapped(&numbers, size_bytes).into();
    }
    if header.fortran_order && header.shape.len() > 1 {
        archive.charge(entry, numbers.len() as u64)?;
        numbers = order::row_major(&numbers, size_bytes, &header.shape).into();
    }
    Ok(numbers)
}
