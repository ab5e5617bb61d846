//! JSON objects from strangers.

use indexmap::IndexMap;
use indexmap::map::Entry;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A JSON object in its order. A name that is there twice is an error: programs differ in which of the two they take.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) IndexMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = IndexMap::new();
        while let Some(name) = access.next_key::<String>()? {
            insert_new(&mut entries, name, access.next_value()?)?;
        }
        Ok(Object(entries))
    }
}

/// Adds an entry of an object that is being read.
pub(crate) fn insert_new<T, E: Error>(
    entries: &mut IndexMap<String, T>,
    name: String,
    value: T,
) -> Result<(), E> {
    match entries.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(value);
            Ok(())
        }
        Entry::Occupied(entry) => Err(E::custom(format_args!("{:?} is there twice", entry.key()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_repetition_refused() {
        let Object(found) = serde_json::from_str::<Object<u8>>(r#"{"b": 1, "a": 2}"#).unwrap();
        assert!(found.into_iter().eq([("b".to_owned(), 1), ("a".to_owned(), 2)]));
        let error = serde_json::from_str::<Object<u8>>(r#"{"b": 1, "b": 2}"#).unwrap_err();
        assert!(error.to_string().starts_with("\"b\" is there twice"), "{error}");
    }
}
