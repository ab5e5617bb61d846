//! A checkpoint that `torch.load` reads, also with `weights_only=True`.

use crate::tensor::Tensor;
use crate::{DType, Error, StateDict};
use std::io::{self, Seek, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Where PyTorch has storages begin, so that they can be used from a mapped file.
const ALIGNMENT: u16 = 64;

/// Entries of this size and above have wide counts in the archive.
const LARGE_BYTES: usize = 1 << 31;

/// `torch.save` uses the file's name; a fixed one gives the same bytes under every name.
const FOLDER: &str = "archive";

impl StateDict {
    /// Writes a PyTorch checkpoint, whole or not at all: an `OrderedDict` of tensors, in this order, that
    /// `torch.load(path, weights_only=True)` reads. The same contents always give the same bytes.
    ///
    /// PyTorch has no place for the metadata; they are left out. Tensors that share memory are written once for each name.
    ///
    /// ```
    /// use marque_weights::{StateDict, Tensor};
    ///
    /// let mut weights = StateDict::default();
    /// weights.insert("fc.bias", Tensor::from_f32(&[2], &[0.5, -0.5])?);
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("model.pth");
    /// weights.write_torch(&path)?;
    /// assert_eq!(StateDict::read(&path)?, weights);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Write`] if the disk is full or the folder cannot be written to.
    pub fn write_torch(&self, path: &Path) -> Result<(), Error> {
        marque_fs::write_atomically(path, |file| self.write_entries(file)).map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })
    }

    fn write_entries(&self, file: impl Write + Seek) -> io::Result<()> {
        let mut archive = ZipWriter::new(file);
        entry(&mut archive, "data.pkl", &self.program())?;
        entry(&mut archive, "byteorder", b"little")?;
        for (number, (_, tensor)) in self.iter().enumerate() {
            entry(&mut archive, &format!("data/{number}"), tensor.bytes())?;
        }
        entry(&mut archive, "version", b"3\n")?;
        archive.finish()?;
        Ok(())
    }

    /// The pickle that makes the dictionary out of the storages.
    fn program(&self) -> Vec<u8> {
        let mut program = Program(b"\x80\x02".to_vec());
        program.empty_ordered_dict();
        program.op(b'(');
        for (number, (name, tensor)) in self.iter().enumerate() {
            program.text(name);
            program.tensor(&number.to_string(), tensor);
        }
        program.op(b'u');
        program.op(b'.');
        program.0
    }
}

fn entry<W: Write + Seek>(archive: &mut ZipWriter<W>, name: &str, contents: &[u8]) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::DEFAULT)
        .with_alignment(ALIGNMENT)
        .large_file(contents.len() >= LARGE_BYTES);
    archive.start_file(format!("{FOLDER}/{name}"), options)?;
    archive.write_all(contents)
}

/// Instructions of a pickle of protocol 2.
struct Program(Vec<u8>);

impl Program {
    fn op(&mut self, opcode: u8) {
        self.0.push(opcode);
    }

    fn global(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").bytes());
    }

    fn text(&mut self, text: &str) {
        self.op(b'X');
        // A name of four gigabytes does not occur.
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.bytes());
    }

    fn number(&mut self, number: usize) {
        match i32::try_from(number) {
            Ok(number) => {
                self.op(b'J');
                self.0.extend(number.to_le_bytes());
            }
            Err(_) => {
                // One byte more than the number's own keeps it positive.
                self.0.extend([0x8a, 9]);
                self.0.extend((number as u64).to_le_bytes());
                self.0.push(0);
            }
        }
    }

    fn numbers(&mut self, numbers: impl IntoIterator<Item = usize>) {
        self.op(b'(');
        numbers.into_iter().for_each(|number| self.number(number));
        self.op(b't');
    }

    fn empty_ordered_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.0.extend(b")R");
    }

    /// `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`, or `v3` with a type where storages have no
    /// such type.
    fn tensor(&mut self, key: &str, tensor: &Tensor) {
        let storage = storage_class(tensor.dtype());
        let version = if storage.is_some() {
            "_rebuild_tensor_v2"
        } else {
            "_rebuild_tensor_v3"
        };
        self.global("torch._utils", version);
        self.op(b'(');
        self.op(b'(');
        self.text("storage");
        match storage {
            Some(class) => self.global("torch", class),
            None => self.global("torch.storage", "UntypedStorage"),
        }
        self.text(key);
        self.text("cpu");
        self.number(if storage.is_some() {
            tensor.len()
        } else {
            tensor.bytes().len()
        });
        self.0.extend(b"tQ");
        self.number(0);
        self.numbers(tensor.shape().iter().copied());
        self.numbers(row_major_strides(tensor.shape()));
        self.op(0x89);
        self.empty_ordered_dict();
        if storage.is_none() {
            self.global("torch", torch_name(tensor.dtype()));
        }
        self.0.extend(b"tR");
    }
}

fn row_major_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for dimension in (1..shape.len()).rev() {
        // Of an empty tensor the other dimensions may be of any size.
        strides[dimension - 1] = strides[dimension].saturating_mul(shape[dimension].max(1));
    }
    strides
}

/// The class of storages of a type; `None` if PyTorch has none.
fn storage_class(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::F32 => Some("FloatStorage"),
        DType::F64 => Some("DoubleStorage"),
        DType::F16 => Some("HalfStorage"),
        DType::BF16 => Some("BFloat16Storage"),
        DType::I64 => Some("LongStorage"),
        DType::I32 => Some("IntStorage"),
        DType::I16 => Some("ShortStorage"),
        DType::I8 => Some("CharStorage"),
        DType::U8 => Some("ByteStorage"),
        DType::Bool => Some("BoolStorage"),
        DType::U16 | DType::U32 | DType::U64 => None,
    }
}

fn torch_name(dtype: DType) -> &'static str {
    match dtype {
        DType::U16 => "uint16",
        DType::U32 => "uint32",
        DType::U64 => "uint64",
        DType::F32 => "float32",
        DType::F64 => "float64",
        DType::F16 => "float16",
        DType::BF16 => "bfloat16",
        DType::I64 => "int64",
        DType::I32 => "int32",
        DType::I16 => "int16",
        DType::I8 => "int8",
        DType::U8 => "uint8",
        DType::Bool => "bool",
    }
}
