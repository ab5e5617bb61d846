use super::{ENDING, header};
use crate::{DType, Error, StateDict, Tensor};
use std::borrow::Cow;
use std::io::{self, Seek, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Every array begins at a multiple of this, as NumPy's own do within their files, so that a mapped file's numbers can be
/// used where they are.
const ALIGNMENT_BYTES: u16 = 64;

impl StateDict {
    /// Writes NumPy's `.npz`, whole or not at all: what `numpy.load` reads, without pickles, in the order of
    /// [`iter`](Self::iter). The same tensors in the same order always give the same bytes.
    ///
    /// NumPy has no `bf16`: such tensors are written as `f32`, which holds each of their numbers exactly.
    /// The [`metadata`](Self::metadata) has no place in such a file and is left out.
    ///
    /// # Errors
    /// [`Error::Write`] if the disk is full or the folder cannot be written to.
    pub fn write_npz(&self, path: &Path) -> Result<(), Error> {
        marque_fs::write_atomically(path, |file| {
            let mut archive = ZipWriter::new(file);
            for (name, tensor) in self.iter() {
                write(&mut archive, name, tensor)?;
            }
            archive.finish()?;
            Ok(())
        })
        .map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })
    }
}

fn write(archive: &mut ZipWriter<impl Write + Seek>, name: &str, tensor: &Tensor) -> io::Result<()> {
    let (descr, numbers) = stored(tensor);
    let header = header::written(descr, tensor.shape());
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(header.len() as u64 + numbers.len() as u64 > u64::from(u32::MAX))
        .with_alignment(ALIGNMENT_BYTES);
    archive.start_file(format!("{name}{ENDING}"), options)?;
    archive.write_all(&header)?;
    archive.write_all(&numbers)
}

/// NumPy's name of a type, and the numbers as that type.
fn stored(tensor: &Tensor) -> (&'static str, Cow<'_, [u8]>) {
    let descr = match tensor.dtype() {
        DType::BF16 => {
            let widened = tensor.to_f32().unwrap_or_default();
            let bytes = widened.iter().flat_map(|value| value.to_le_bytes()).collect();
            return ("<f4", Cow::Owned(bytes));
        }
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::F16 => "<f2",
        DType::I64 => "<i8",
        DType::I32 => "<i4",
        DType::I16 => "<i2",
        DType::I8 => "|i1",
        DType::U64 => "<u8",
        DType::U32 => "<u4",
        DType::U16 => "<u2",
        DType::U8 => "|u1",
        DType::Bool => "|b1",
    };
    (descr, Cow::Borrowed(tensor.bytes()))
}
