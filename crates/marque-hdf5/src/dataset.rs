use super::chunks::Assembly;
use super::datatype::{ByteOrder, Dataspace, Datatype};
use super::filters::Filters;
use super::header::{Header, kind};
use super::layout::Layout;
use super::source::{Cursor, Source};
use super::{Error, Number, attribute};
use std::ops::Range;

/// An array of numbers.
#[derive(Clone)]
pub struct Dataset<'a> {
    source: Source<'a>,
    path: String,
    shape: Vec<usize>,
    number: Number,
    order: ByteOrder,
    space: Dataspace,
    layout: Layout<'a>,
    filters: Filters,
    fill: &'a [u8],
}

/// The numbers of a dataset: little-endian, in row-major order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// They are in the file as they are, in this range.
    InFile(Range<usize>),
    /// They had to be put together, unpacked or brought into this order.
    Decoded(Vec<u8>),
}

impl<'a> Dataset<'a> {
    pub(super) fn read(source: &Source<'a>, header: &Header<'a>, path: &str) -> Result<Self, Error> {
        let lacks = |what: &str| Error::malformed(header.at, format!("the dataset has no {what}"));
        let mut datatype = header.find(kind::DATATYPE)?.ok_or_else(|| lacks("type"))?;
        let (number, order) = match Datatype::read(&mut datatype)? {
            Datatype::Number(number, order) => (number, order),
            Datatype::FixedString { .. } | Datatype::VariableString => {
                return Err(datatype.unsupported("a dataset of texts"));
            }
            // Keras stores what numpy has no name for as bytes, with the name beside them.
            Datatype::Opaque { bytes: 2 } if is_bfloat16(source, header, path)? => {
                (Number::Bf16, ByteOrder::Little)
            }
            Datatype::Opaque { .. } => return Err(datatype.unsupported("a dataset of opaque bytes")),
            Datatype::Other(name) => return Err(datatype.unsupported(name)),
        };
        let mut space = header.find(kind::DATASPACE)?.ok_or_else(|| lacks("shape"))?;
        let space = Dataspace::read(&mut space)?;
        let extents = space.dims.iter().map(|&extent| usize::try_from(extent));
        let shape = extents.collect::<Result<Vec<usize>, _>>();
        let shape = shape.map_err(|_| Error::malformed(header.at, "the dataset is too large"))?;
        if header.find(kind::EXTERNAL_FILES)?.is_some() {
            return Err(Error::unsupported(header.at, "a dataset in another file"));
        }
        let mut layout = header.find(kind::LAYOUT)?.ok_or_else(|| lacks("layout"))?;
        let layout = Layout::read(&mut layout, source.length_bytes)?;
        let filters = header.find(kind::FILTERS)?;
        let filters = filters
            .map(|mut cursor| Filters::read(&mut cursor))
            .transpose()?
            .unwrap_or_default();
        let fill = header.find(kind::FILL_VALUE)?;
        let fill = fill
            .map(|mut cursor| fill_value(&mut cursor))
            .transpose()?
            .unwrap_or_default();
        Ok(Self {
            source: source.clone(),
            path: path.to_owned(),
            shape,
            number,
            order,
            space,
            layout,
            filters,
            fill,
        })
    }

    /// Its path from the root, with a leading slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its extents, slowest first; none of a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type of its numbers.
    pub fn number(&self) -> Number {
        self.number
    }

    /// The address in the file at which its numbers begin, if they are there in one piece. What is written later has, as a
    /// rule, the higher address.
    pub fn begins_at(&self) -> Option<u64> {
        match self.layout {
            Layout::Contiguous { address, .. } => address,
            _ => None,
        }
    }

    /// The numbers, or where they are.
    ///
    /// # Errors
    /// When their chunks are damaged, packed by a filter that is not read, or would take more than a file of this size may
    /// hold ([`Error::TooMuch`]). All of them within [`Error::In`].
    pub fn contents(&self) -> Result<Contents, Error> {
        self.locate().map_err(|error| error.within("dataset", &self.path))
    }

    fn locate(&self) -> Result<Contents, Error> {
        let bytes = self.space.count.checked_mul(self.number.size_bytes() as u64);
        let bytes = bytes.unwrap_or(u64::MAX);
        let stored = match &self.layout {
            Layout::Chunked(_) => return self.assemble(bytes),
            _ if bytes == 0 => return Ok(Contents::Decoded(Vec::new())),
            Layout::Contiguous { address: None, .. } => return self.assemble(bytes),
            Layout::Compact(data) => data.clone(),
            Layout::Contiguous {
                address: Some(address),
                bytes,
            } => self.source.unpaid_block(*address, *bytes, "dataset")?,
        };
        if stored.left() as u64 != bytes {
            let found = stored.left();
            return Err(stored.malformed(format!("the dataset has {found} bytes, its shape needs {bytes}")));
        }
        if self.order == ByteOrder::Little || self.number.size_bytes() == 1 {
            return Ok(Contents::InFile(stored.at..stored.end));
        }
        self.source.spend_decoded(bytes)?;
        Ok(Contents::Decoded(
            self.little_endian(stored.clone().rest().to_vec()),
        ))
    }

    /// From chunks, or from the fill value alone.
    fn assemble(&self, bytes: u64) -> Result<Contents, Error> {
        self.source.spend_decoded(bytes)?;
        let too_much = |_| Error::TooMuch {
            what: "contents",
            limit: usize::MAX as u64,
        };
        let mut output = vec![0; usize::try_from(bytes).map_err(too_much)?];
        let element = self.number.size_bytes();
        if self.fill.len() == element && self.fill.iter().any(|&byte| byte != 0) {
            let elements = output.chunks_exact_mut(element);
            elements.for_each(|into| into.copy_from_slice(self.fill));
        }
        if let Layout::Chunked(chunked) = &self.layout {
            let fits = chunked.dims.len() == self.space.dims.len() && chunked.element_bytes == element as u64;
            if !fits {
                let problem = "the chunks have other dimensions than the dataset";
                return Err(Error::malformed(self.source.base as usize, problem));
            }
            let parts = (chunked, &self.filters);
            Assembly::new(&self.source, &self.space, parts, &mut output)?.run()?;
        }
        Ok(Contents::Decoded(self.little_endian(output)))
    }

    fn little_endian(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.order == ByteOrder::Big {
            let elements = bytes.chunks_exact_mut(self.number.size_bytes());
            elements.for_each(<[u8]>::reverse);
        }
        bytes
    }
}

fn is_bfloat16<'a>(source: &Source<'a>, header: &Header<'a>, path: &str) -> Result<bool, Error> {
    let attributes = attribute::read_all(source, header, path)?;
    let Some(dtype) = attributes.iter().find(|attribute| attribute.name == "dtype") else {
        return Ok(false);
    };
    Ok(dtype.strings()? == ["bfloat16"])
}

/// What is where nothing was written: specification, section IV.A.2.f. Empty stands for zeros.
fn fill_value<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Error> {
    let version = cursor.u8()?;
    let is_given = match version {
        1 | 2 => {
            cursor.take(2)?;
            cursor.u8()? != 0 || version == 1
        }
        3 => cursor.u8()? & 0x20 != 0,
        _ => return Err(cursor.unsupported(format!("version {version} of the fill value"))),
    };
    if !is_given {
        return Ok(&[]);
    }
    // In version 2, a size of -1 used to say that there is none.
    match cursor.u32()? {
        u32::MAX => Ok(&[]),
        size => cursor.take(size as usize),
    }
}
