//! Keras's files as checkpoints: HDF5, alone or in a `.keras` archive.

use crate::archive::{Archive, ArchiveError};
use crate::bytes::Bytes;
use crate::foreign::Foreign;
use crate::keras::{self, KerasError};
use crate::source::Source;
use crate::{DType, Error, Format, StateDict, Tensor};
use marque_hdf5::{Contents, File, Number};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";
/// Far more than the description of any network takes.
const MAX_CONFIG_BYTES: u64 = 64 << 20;

#[derive(Debug, thiserror::Error)]
enum KerasFileError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("its config.json is not text")]
    ConfigText,
    #[error("in its model.weights.h5: {0}")]
    Inside(KerasError),
    #[error("tensor {tensor:?}: {source}")]
    Shape { tensor: String, source: Error },
    #[error("tensor {tensor:?} does not lie within the file")]
    Outside { tensor: String },
}

/// Which of Keras's formats an HDF5 file has: the older ones list their layers in attributes.
pub(crate) fn format_of(bytes: &[u8]) -> Format {
    let root = File::open(bytes).and_then(|file| file.root());
    let legacy = root.is_ok_and(|root| {
        let listed = ["layer_names", "layer_names0"];
        listed.iter().any(|name| root.attribute(name).is_some()) || root.contains("model_weights")
    });
    if legacy {
        Format::KerasLegacy
    } else {
        Format::KerasWeights
    }
}

/// Reads an HDF5 file of the given format.
pub(crate) fn read(source: &Source, format: Format) -> Result<StateDict, Error> {
    match keras::read(&source.bytes, None) {
        Ok(checkpoint) => tensors(source, format, &source.bytes, checkpoint),
        Err(KerasError::NoTensors) => Err(source.foreign(Foreign::Hdf5)),
        Err(error) => Err(source.malformed(format, error)),
    }
}

/// Reads a `.keras` archive.
pub(crate) fn read_archive(source: &Source, mut archive: Archive) -> Result<StateDict, Error> {
    let malformed = |error| source.malformed(Format::KerasArchive, error);
    let mut entry = |name, limit| {
        let contents = archive.read(name, limit)?;
        archive.check(name)?;
        contents.forget();
        Ok(contents)
    };
    let config = entry(CONFIG, MAX_CONFIG_BYTES).map_err(|error: ArchiveError| malformed(error.into()))?;
    let config = std::str::from_utf8(&config).map_err(|_| malformed(KerasFileError::ConfigText))?;
    let weights = entry(WEIGHTS, u64::MAX).map_err(|error| malformed(error.into()))?;
    let checkpoint =
        keras::read(&weights, Some(config)).map_err(|error| malformed(KerasFileError::Inside(error)))?;
    tensors(source, Format::KerasArchive, &weights, checkpoint)
}

/// The tensors of a file whose bytes are `file`.
fn tensors(
    source: &Source,
    format: Format,
    file: &Bytes,
    checkpoint: keras::Checkpoint<'_>,
) -> Result<StateDict, Error> {
    let mut found = StateDict::default();
    for keras::Tensor { name, dataset } in checkpoint.tensors {
        let bytes = match dataset.contents() {
            Ok(Contents::InFile(range)) => file.slice(range),
            Ok(Contents::Decoded(bytes)) => Some(bytes.into()),
            Err(error) => return Err(source.malformed(format, error)),
        };
        let Some(bytes) = bytes else {
            return Err(source.malformed(format, KerasFileError::Outside { tensor: name }));
        };
        match Tensor::from_bytes(dtype_of(dataset.number()), dataset.shape(), bytes) {
            Ok(tensor) => found.insert(name, tensor),
            Err(error) => {
                let shape = KerasFileError::Shape {
                    tensor: name,
                    source: error,
                };
                return Err(source.malformed(format, shape));
            }
        }
    }
    Ok(found)
}

fn dtype_of(number: Number) -> DType {
    match number {
        Number::F16 => DType::F16,
        Number::Bf16 => DType::BF16,
        Number::F32 => DType::F32,
        Number::F64 => DType::F64,
        Number::I8 => DType::I8,
        Number::I16 => DType::I16,
        Number::I32 => DType::I32,
        Number::I64 => DType::I64,
        Number::U8 => DType::U8,
        Number::U16 => DType::U16,
        Number::U32 => DType::U32,
        Number::U64 => DType::U64,
        Number::Bool => DType::Bool,
    }
}
