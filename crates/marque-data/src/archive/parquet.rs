//! Parquet tables with photos inside, as Hugging Face ships them.
//!
//! A page of a table is compressed as a whole, so that a photo in it cannot be read by itself: the photos are copied into a file without
//! a name when the table is opened, and read from there.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::Value;

use super::packed::{Contents, Packed};
use super::spool::Spool;
use super::{Member, Opened, Span, read_failed, state_of};
use crate::decode::guarded;
use crate::facts::{Facts, GROUP, LABEL, PART, WEIGHT};
use crate::{Error, Source};

/// What a column of encoded photos may be called that is not a struct, in any case of letters.
const PHOTO: &[&str] = &[
    "image",
    "img",
    "photo",
    "picture",
    "bytes",
    "image_bytes",
    "jpg",
    "png",
];
/// Rows that are held at a time; photos may be large.
const ROWS: usize = 16;

/// Goes through a Parquet table and copies its photos.
pub(super) fn open(file: &Path) -> Result<Opened, Error> {
    // The reader takes much of what a table says of itself for granted.
    guarded(file, || copy(file))
}

fn copy(file: &Path) -> Result<Opened, Error> {
    let opened = File::open(file).map_err(|source| read_failed(file, source))?;
    let (_, changed) = state_of(&opened, file)?;
    let failed = |error: ParquetError| wrong(file, error.to_string());
    let reader = SerializedFileReader::new(opened).map_err(failed)?;
    check_compression(file, reader.metadata())?;
    let columns = Columns::of(file, reader.metadata())?;
    let projection = columns.projection(reader.metadata()).map_err(failed)?;
    let rows = RowIter::from_file_into(Box::new(reader))
        .project(Some(projection))
        .map_err(failed)?
        .with_batch_size(ROWS);
    let mut spool = Spool::new(file)?;
    let mut spans: HashMap<PathBuf, Span> = HashMap::new();
    let mut photos = Vec::new();
    for (number, row) in rows.enumerate() {
        let row = row.map_err(failed)?;
        let found = columns
            .photo(&row)
            .map_err(|problem| wrong(file, format!("row {number}: {problem}")))?;
        // Numbered, since neither is there always a name nor is it the only one; so that photos stand in the table's order.
        let name = match found.name.as_deref().and_then(last_component) {
            Some(name) => format!("{number:08}-{name}"),
            None => format!("{number:08}"),
        };
        let path = file.join(name);
        spans.insert(path.clone(), spool.append(found.bytes)?);
        let facts = found.facts;
        photos.push(Member { path, facts });
    }
    let contents = Contents::Unpacked {
        file: spool.finish()?,
        changed,
    };
    Ok(Opened {
        source: Source::new(Packed::new(contents, spans)),
        photos,
        ignored: Vec::new(),
    })
}

fn wrong(file: &Path, problem: impl Into<String>) -> Error {
    Error::List {
        path: file.to_owned(),
        line: None,
        problem: problem.into(),
    }
}

/// The last component of a path as any system writes it, without what a name cannot have.
fn last_component(path: &str) -> Option<&str> {
    path.rsplit(['/', '\\'])
        .next()
        .filter(|name| !matches!(*name, "" | "." | "..") && !name.contains('\0'))
}

fn check_compression(file: &Path, metadata: &ParquetMetaData) -> Result<(), Error> {
    let mut columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    let is_zstd = columns.any(|column| matches!(column.compression(), Compression::ZSTD(_)));
    if is_zstd && !cfg!(feature = "zstd") {
        return Err(Error::FeatureMissing {
            path: file.to_owned(),
            what: "a Parquet table that is compressed with Zstandard",
            feature: "zstd",
        });
    }
    Ok(())
}

/// Which columns are read.
struct Columns {
    photo: String,
    label: String,
    part: Option<String>,
    group: Option<String>,
    weight: Option<String>,
    /// Names of the classes, where labels are their numbers.
    class_names: Option<Vec<String>>,
}

/// A photo of a row.
struct Found<'a> {
    bytes: &'a [u8],
    name: Option<String>,
    facts: Facts,
}

impl Columns {
    fn of(file: &Path, metadata: &ParquetMetaData) -> Result<Columns, Error> {
        let fields = metadata.file_metadata().schema().get_fields();
        let called = |names: &[&str]| {
            let field = fields
                .iter()
                .find(|field| names.contains(&field.name().to_lowercase().as_str()));
            field.map(|field| field.name().to_owned())
        };
        let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
        let photos: Vec<&str> = fields
            .iter()
            .filter(|field| holds_photos(field))
            .map(|field| field.name())
            .collect();
        let photo = match photos[..] {
            [photo] => photo.to_owned(),
            [] => {
                let problem = format!(
                    "there is no column of photos (a struct with bytes, or bytes called {}); the columns are {}",
                    PHOTO.join(" or "),
                    names.join(", ")
                );
                return Err(wrong(file, problem));
            }
            _ => {
                let problem = format!("there are several columns of photos: {}", photos.join(", "));
                return Err(wrong(file, problem));
            }
        };
        let label = called(LABEL).ok_or_else(|| {
            let problem = format!(
                "there is no column called {}; the columns are {}",
                LABEL.join(" or "),
                names.join(", ")
            );
            wrong(file, problem)
        })?;
        Ok(Columns {
            class_names: class_names(metadata, &label),
            photo,
            label,
            part: called(PART),
            group: called(GROUP),
            weight: called(WEIGHT),
        })
    }

    fn projection(&self, metadata: &ParquetMetaData) -> Result<Type, ParquetError> {
        let schema = metadata.file_metadata().schema();
        let others = [&self.part, &self.group, &self.weight].into_iter().flatten();
        let read: Vec<&String> = [&self.photo, &self.label].into_iter().chain(others).collect();
        let fields = schema.get_fields().iter();
        let fields = fields.filter(|field| read.iter().any(|name| *name == field.name()));
        Type::group_type_builder(schema.name())
            .with_fields(fields.map(Arc::clone).collect())
            .build()
    }

    /// The photo of a row, or what is wrong with it.
    fn photo<'a>(&self, row: &'a Row) -> Result<Found<'a>, String> {
        let field = |name: &str| {
            let mut columns = row.get_column_iter();
            columns
                .find(|(column, _)| *column == name)
                .map(|(_, field)| field)
        };
        let optional = |name: &Option<String>| match name.as_deref().and_then(field) {
            Some(found) => text(found),
            None => Ok(None),
        };
        let (bytes, name) = match field(&self.photo) {
            Some(Field::Bytes(bytes)) => (Some(bytes.data()), None),
            Some(Field::Group(photo)) => {
                let (mut bytes, mut name) = (None, None);
                for (child, value) in photo.get_column_iter() {
                    match (child.as_str(), value) {
                        ("bytes", Field::Bytes(found)) => bytes = Some(found.data()),
                        ("path", Field::Str(found)) => name = Some(found.clone()),
                        _ => {}
                    }
                }
                (bytes, name)
            }
            _ => (None, None),
        };
        let Some(bytes) = bytes else {
            return Err(match name {
                Some(name) => format!("the photo is not in the table, only its path: {name:?}"),
                None => "there is no photo".to_owned(),
            });
        };
        let label = optional(&Some(self.label.clone()))?;
        Ok(Found {
            bytes,
            name,
            facts: Facts {
                label: self.class_name(label)?,
                part: optional(&self.part)?,
                group: optional(&self.group)?,
                weight: optional(&self.weight)?,
            },
        })
    }

    fn class_name(&self, label: Option<String>) -> Result<Option<String>, String> {
        let (Some(names), Some(label)) = (&self.class_names, &label) else {
            return Ok(label);
        };
        // Hugging Face writes −1 where a test set keeps its labels to itself.
        let name = label.parse().ok().and_then(|number: usize| names.get(number));
        match name {
            Some(name) => Ok(Some(name.clone())),
            None => Err(format!("there is no class {label}; there are {}", names.len())),
        }
    }
}

/// Whether a column has encoded photos: a struct with bytes, or bytes by a name that says so.
fn holds_photos(field: &Type) -> bool {
    let is_bytes = |field: &Type| field.is_primitive() && field.get_physical_type() == Physical::BYTE_ARRAY;
    if field.is_primitive() {
        return is_bytes(field) && PHOTO.contains(&field.name().to_lowercase().as_str());
    }
    field
        .get_fields()
        .iter()
        .any(|child| child.name() == "bytes" && is_bytes(child))
}

/// A text or a whole number; `None` for what is not there.
fn text(field: &Field) -> Result<Option<String>, String> {
    let text = match field {
        Field::Null => return Ok(None),
        Field::Str(text) => text.trim().to_owned(),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => text.trim().to_owned(),
            Err(_) => return Err("a text is not UTF-8".to_owned()),
        },
        Field::Bool(_)
        | Field::Byte(_)
        | Field::Short(_)
        | Field::Int(_)
        | Field::Long(_)
        | Field::UByte(_)
        | Field::UShort(_)
        | Field::UInt(_)
        | Field::ULong(_)
        | Field::Float(_)
        | Field::Double(_) => field.to_string(),
        other => return Err(format!("{other} is neither a text nor a number")),
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// The names of the classes that Hugging Face's `datasets` keeps beside the table.
fn class_names(metadata: &ParquetMetaData, label: &str) -> Option<Vec<String>> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    let entry = pairs.iter().find(|pair| pair.key == "huggingface")?;
    let known: Value = serde_json::from_str(entry.value.as_deref()?).ok()?;
    let names = known
        .get("info")?
        .get("features")?
        .get(label)?
        .get("names")?
        .as_array()?;
    names
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect()
}
