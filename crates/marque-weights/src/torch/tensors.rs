//! From the account of a call of `_rebuild_tensor_v2` to a tensor.

use super::error::{TensorError, short};
use super::layout::{Layout, swap};
use super::pickle::{Global, Id, Pickle, Value};
use crate::bytes::Bytes;
use crate::{DType, Tensor};
use std::borrow::Cow;
use std::collections::HashMap;

/// PyTorch itself has no more.
const MAX_DIMENSIONS: usize = 64;

/// How deep a tensor may be wrapped: a parameter around a subclass around a tensor.
const MAX_WRAPPERS: usize = 8;

/// How many times the file's own size copies of its numbers may take. A file whose tensors all are permuted needs one.
const MAX_COPIES: usize = 4;

/// What tensors are views of.
pub(super) trait Storages {
    /// The bytes of a storage, which should be `claimed`.
    fn get(&mut self, key: &str, claimed: usize) -> Result<Bytes, TensorError>;

    /// Whether its numbers are big-endian.
    fn are_big_endian(&self) -> bool {
        false
    }
}

/// The tensors of a pickle.
pub(super) struct Tensors<'p, 'a, S> {
    pickle: &'p Pickle<'a>,
    storages: S,
    made: HashMap<Id, Tensor>,
    /// How many more bytes may be copied.
    copies_left: usize,
}

/// What a pickle says of a tensor.
struct View<'a> {
    dtype: DType,
    storage: Storage<'a>,
    layout: Layout,
}

/// What a pickle says of a storage.
pub(super) struct Storage<'a> {
    pub(super) key: Cow<'a, str>,
    /// `None`: bytes without a type.
    dtype: Option<DType>,
    /// How many numbers it has, bytes if they have no type.
    numbers: usize,
    /// The part that a view of it sees: where it begins and how long it is, in numbers.
    part: Option<(usize, usize)>,
}

impl<'p, 'a, S: Storages> Tensors<'p, 'a, S> {
    pub(super) fn new(pickle: &'p Pickle<'a>, storages: S, file_bytes: usize) -> Self {
        Self {
            pickle,
            storages,
            made: HashMap::new(),
            copies_left: file_bytes.saturating_mul(MAX_COPIES),
        }
    }

    /// The tensor that `id` stands for; see [`is_tensor`].
    pub(super) fn get(&mut self, id: Id) -> Result<Tensor, TensorError> {
        if let Some(made) = self.made.get(&id) {
            return Ok(made.clone());
        }
        let view = view(self.pickle, id)?;
        let tensor = self.make(view)?;
        self.made.insert(id, tensor.clone());
        Ok(tensor)
    }

    fn make(&mut self, view: View<'_>) -> Result<Tensor, TensorError> {
        let View {
            dtype,
            storage,
            layout,
        } = view;
        let bytes = self.storage_bytes(&storage)?;
        let size = dtype.size_bytes();
        let count = layout.check(bytes.len() / size)?;
        let big_endian = self.storages.are_big_endian() && size > 1;
        let bytes = if count == 0 {
            Bytes::from(Vec::new())
        } else if layout.is_contiguous() && !big_endian {
            let start = layout.offset * size;
            bytes
                .slice(start..start + count * size)
                .ok_or(TensorError::TooLarge)?
        } else {
            self.copies_left = self
                .copies_left
                .checked_sub(count * size)
                .ok_or(TensorError::TooLarge)?;
            let mut gathered = layout.gather(&bytes, size);
            if big_endian {
                swap(&mut gathered, size);
            }
            Bytes::from(gathered)
        };
        Tensor::from_bytes(dtype, &layout.shape, bytes).map_err(|_| TensorError::Malformed { what: "shape" })
    }

    fn storage_bytes(&mut self, storage: &Storage<'_>) -> Result<Bytes, TensorError> {
        let size = storage.number_bytes();
        let claimed = storage.numbers.checked_mul(size).ok_or(TensorError::TooLarge)?;
        let bytes = self.storages.get(&storage.key, claimed)?;
        if bytes.len() != claimed {
            return Err(TensorError::StorageSize {
                key: short(&storage.key),
                claimed,
                found: bytes.len(),
            });
        }
        let Some((first, length)) = storage.part else {
            return Ok(bytes);
        };
        let part = first.checked_add(length).and_then(|end| {
            let range = first.checked_mul(size)?..end.checked_mul(size)?;
            bytes.slice(range)
        });
        part.ok_or(TensorError::Malformed {
            what: "part of a storage",
        })
    }
}

impl<'a> Storage<'a> {
    /// What a persistent id says: `("storage", class, key, place, numbers)` and, before 1.6, a part or `None`.
    pub(super) fn of(pickle: &Pickle<'a>, id: Id) -> Result<Self, TensorError> {
        let malformed = TensorError::Malformed { what: "storage" };
        let Value::Persistent(id) = pickle.value(id) else {
            return Err(malformed);
        };
        let Some(&[kind, class, key, _place, numbers, ref rest @ ..]) = pickle.members(*id) else {
            return Err(malformed);
        };
        let (Some("storage"), Some(class), Some(numbers)) =
            (pickle.text(kind), pickle.global(class), length(pickle, numbers))
        else {
            return Err(malformed);
        };
        let Some(key) = key_of(pickle, key) else {
            return Err(malformed);
        };
        let part = match rest.first().and_then(|&part| pickle.members(part)) {
            None => None,
            Some(&[_key, first, size]) => match (length(pickle, first), length(pickle, size)) {
                (Some(first), Some(size)) => Some((first, size)),
                _ => return Err(malformed),
            },
            Some(_) => return Err(malformed),
        };
        Ok(Self {
            key,
            dtype: storage_dtype(class)?,
            numbers,
            part,
        })
    }

    /// The key of a storage and the bytes of one of its numbers, also where tensors of its type are not read.
    pub(super) fn key_and_width(pickle: &Pickle<'a>, id: Id) -> Result<(Cow<'a, str>, usize), TensorError> {
        let malformed = || TensorError::Malformed { what: "storage" };
        let Value::Persistent(id) = pickle.value(id) else {
            return Err(malformed());
        };
        let Some(&[_kind, class, key, ..]) = pickle.members(*id) else {
            return Err(malformed());
        };
        let width = storage_width(pickle.global(class).ok_or_else(malformed)?);
        Ok((
            key_of(pickle, key).ok_or_else(malformed)?,
            width.ok_or_else(malformed)?,
        ))
    }

    /// Bytes of one of its numbers.
    pub(super) fn number_bytes(&self) -> usize {
        self.dtype.map_or(1, DType::size_bytes)
    }
}

fn key_of<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Cow<'a, str>> {
    match pickle.value(id) {
        Value::Text(key) => Some(Cow::Borrowed(*key)),
        Value::Int(key) => Some(Cow::Owned(key.to_string())),
        _ => None,
    }
}

/// Whether a value is a call that makes a tensor, of whatever kind.
pub(super) fn is_tensor(pickle: &Pickle<'_>, id: Id) -> bool {
    let callable = pickle.object(id).and_then(|object| pickle.class_of(object));
    callable.is_some_and(|Global { module, name }| match module {
        "torch._utils" => name.starts_with("_rebuild_"),
        "torch._tensor" => name == "_rebuild_from_type_v2",
        "torch.nn.parameter" => matches!(name, "Parameter" | "Buffer"),
        "torch.autograd.variable" => name == "Variable",
        _ => false,
    })
}

fn view<'a>(pickle: &Pickle<'a>, id: Id) -> Result<View<'a>, TensorError> {
    let malformed = |what| TensorError::Malformed { what };
    let object = pickle.object(id).ok_or(malformed("kind"))?;
    let mut function = pickle.global(object.callable).ok_or(malformed("kind"))?;
    let mut arguments = object.arguments;
    for _ in 0..MAX_WRAPPERS {
        let given = pickle.members(arguments).ok_or(malformed("call"))?;
        match (function.name, given) {
            ("_rebuild_tensor" | "_rebuild_tensor_v2", &[storage, offset, shape, strides, ref rest @ ..]) => {
                let storage = Storage::of(pickle, storage)?;
                let dtype = storage.dtype.ok_or(malformed("type"))?;
                refuse_lazy_sign(pickle, rest.get(2))?;
                return view_of(pickle, storage, dtype, [offset, shape, strides]);
            }
            ("_rebuild_tensor_v3", &[storage, offset, shape, strides, _, _, dtype, ref rest @ ..]) => {
                let storage = Storage::of(pickle, storage)?;
                let dtype = dtype_called(pickle.global(dtype).ok_or(malformed("type"))?)?;
                refuse_lazy_sign(pickle, rest.first())?;
                return view_of(pickle, storage, dtype, [offset, shape, strides]);
            }
            (
                "_rebuild_parameter" | "_rebuild_parameter_with_state" | "Parameter" | "Buffer" | "Variable",
                &[inner, ..],
            ) => {
                let inner = pickle.object(inner).ok_or(malformed("call"))?;
                function = pickle.global(inner.callable).ok_or(malformed("call"))?;
                arguments = inner.arguments;
            }
            ("_rebuild_from_type_v2", &[inner, _class, inner_arguments, ..]) => {
                function = pickle.global(inner).ok_or(malformed("call"))?;
                arguments = inner_arguments;
            }
            _ => return Err(unsupported_kind(function)),
        }
    }
    Err(malformed("call"))
}

fn unsupported_kind(function: Global<'_>) -> TensorError {
    let found = match function.name {
        "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor" => "sparse".to_owned(),
        "_rebuild_qtensor" => "quantized".to_owned(),
        "_rebuild_nested_tensor" => "nested".to_owned(),
        "_rebuild_meta_tensor_no_storage" => "meta, which has no numbers".to_owned(),
        name => short(name),
    };
    TensorError::Unsupported { found }
}

/// PyTorch can note that a tensor is to be negated or conjugated when it is next looked at.
fn refuse_lazy_sign(pickle: &Pickle<'_>, notes: Option<&Id>) -> Result<(), TensorError> {
    let notes = notes.and_then(|&notes| pickle.entries(notes));
    let noted = notes
        .is_some_and(|mut notes| notes.any(|(_, value)| matches!(pickle.value(value), Value::Bool(true))));
    if noted {
        return Err(TensorError::Unsupported {
            found: "a negated or conjugated view".to_owned(),
        });
    }
    Ok(())
}

fn view_of<'a>(
    pickle: &Pickle<'a>,
    storage: Storage<'a>,
    dtype: DType,
    [offset, shape, strides]: [Id; 3],
) -> Result<View<'a>, TensorError> {
    let malformed = |what| TensorError::Malformed { what };
    let layout = Layout {
        shape: lengths(pickle, shape).ok_or(malformed("shape"))?,
        strides: lengths(pickle, strides).ok_or(malformed("list of strides"))?,
        offset: length(pickle, offset).ok_or(malformed("offset"))?,
    };
    if layout.shape.len() != layout.strides.len() {
        return Err(malformed("list of strides"));
    }
    Ok(View {
        dtype,
        storage,
        layout,
    })
}

fn length(pickle: &Pickle<'_>, id: Id) -> Option<usize> {
    usize::try_from(pickle.int(id)?).ok()
}

/// A tuple of lengths, or `torch.Size` around one.
fn lengths(pickle: &Pickle<'_>, id: Id) -> Option<Vec<usize>> {
    let members = match pickle.object(id) {
        Some(object) if pickle.global(object.callable)?.is("torch", "Size") => {
            let &[size] = pickle.members(object.arguments)? else {
                return None;
            };
            pickle.members(size)?
        }
        _ => pickle.members(id)?,
    };
    if members.len() > MAX_DIMENSIONS {
        return None;
    }
    members.iter().map(|&member| length(pickle, member)).collect()
}

/// The type of a storage's numbers by its class; `None` for bytes without a type.
fn storage_dtype(class: Global<'_>) -> Result<Option<DType>, TensorError> {
    let unsupported = || TensorError::Unsupported {
        found: short(&class.to_string()),
    };
    if !matches!(class.module, "torch" | "torch.cuda" | "torch.storage") {
        return Err(unsupported());
    }
    Ok(Some(match class.name {
        "FloatStorage" => DType::F32,
        "DoubleStorage" => DType::F64,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        "LongStorage" => DType::I64,
        "IntStorage" => DType::I32,
        "ShortStorage" => DType::I16,
        "CharStorage" => DType::I8,
        "ByteStorage" => DType::U8,
        "BoolStorage" => DType::Bool,
        "UntypedStorage" => return Ok(None),
        _ => return Err(unsupported()),
    }))
}

/// Bytes of one number of a storage, also of a type that is not read.
fn storage_width(class: Global<'_>) -> Option<usize> {
    match class.name {
        "ComplexDoubleStorage" => Some(16),
        "ComplexFloatStorage" => Some(8),
        "QInt32Storage" => Some(4),
        "QInt8Storage" | "QUInt8Storage" | "QUInt4x2Storage" | "QUInt2x4Storage" => Some(1),
        _ => Some(storage_dtype(class).ok()?.map_or(1, DType::size_bytes)),
    }
}

fn dtype_called(global: Global<'_>) -> Result<DType, TensorError> {
    let known = match (global.module, global.name) {
        ("torch", "float32" | "float") => DType::F32,
        ("torch", "float64" | "double") => DType::F64,
        ("torch", "float16" | "half") => DType::F16,
        ("torch", "bfloat16") => DType::BF16,
        ("torch", "int64" | "long") => DType::I64,
        ("torch", "int32" | "int") => DType::I32,
        ("torch", "int16" | "short") => DType::I16,
        ("torch", "int8") => DType::I8,
        ("torch", "uint64") => DType::U64,
        ("torch", "uint32") => DType::U32,
        ("torch", "uint16") => DType::U16,
        ("torch", "uint8") => DType::U8,
        ("torch", "bool") => DType::Bool,
        _ => {
            return Err(TensorError::Unsupported {
                found: short(&global.to_string()),
            });
        }
    };
    Ok(known)
}
