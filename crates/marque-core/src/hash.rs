//! One hash for keys of caches and the identity of data.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// SHA-256 over several parts, each with its length before it, so that no two lists of parts run into the same bytes.
///
/// It is the same on every machine and in every version, unlike the standard library's hashes, and unlike a hash of
/// `Debug` text, which no one promises to keep.
///
/// ```
/// use marque_core::{ContentHash, ImageSize};
///
/// let mut hash = ContentHash::new();
/// hash.bytes("photos/a.jpg");
/// hash.value(&ImageSize::square(224))?;
/// let key = hash.finish();
/// assert_eq!(key.len(), 64);
/// # Ok::<(), marque_core::HashError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ContentHash(Sha256);

/// A value has no JSON form: a map whose keys are no text, or a type that refuses to be serialised.
#[derive(Debug, thiserror::Error)]
#[error("a value cannot be hashed: {source}")]
pub struct HashError {
    /// What serialisation said.
    #[from]
    source: serde_json::Error,
}

impl ContentHash {
    /// The hash of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes, or the UTF-8 bytes of a text, as one part.
    pub fn bytes(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Adds the JSON form of a value as one part. Infinite numbers and those that are none are all `null` there: they are not
    /// told apart.
    ///
    /// # Errors
    /// [`HashError`] if it has none; nothing is added then.
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), HashError> {
        self.bytes(serde_json::to_vec(value)?);
        Ok(())
    }

    /// The hash of all parts: 64 hexadecimal digits in small letters.
    pub fn finish(self) -> String {
        self.0
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn of(parts: &[&str]) -> String {
        let mut hash = ContentHash::new();
        for part in parts {
            hash.bytes(part);
        }
        hash.finish()
    }

    #[test]
    fn it_is_sha_256_of_lengths_and_bytes() {
        // printf '' | sha256sum, and printf '\003\0\0\0\0\0\0\0abc' | sha256sum.
        assert_eq!(
            of(&[]),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            of(&["abc"]),
            "ce91dc5eec0139adf091900d225971d6ad246a845bad791b5693a9d0d55dd391"
        );
    }

    #[test]
    fn parts_do_not_run_together() {
        let all = [of(&["ab", "c"]), of(&["a", "bc"]), of(&["abc"]), of(&["abc", ""])];
        for (index, hash) in all.iter().enumerate() {
            assert!(!all[..index].contains(hash), "{index}");
        }
    }

    #[test]
    fn values_are_hashed_by_their_json() {
        let mut hash = ContentHash::new();
        hash.value(&("a", 1, Some(0.5_f32), None::<u8>)).unwrap();
        assert_eq!(hash.finish(), of(&[r#"["a",1,0.5,null]"#]));
        let keys = BTreeMap::from([((1, 2), 3)]);
        let mut hash = ContentHash::new();
        let error = hash.value(&keys).unwrap_err().to_string();
        assert!(
            error.starts_with("a value cannot be hashed: key must be"),
            "{error}"
        );
        assert_eq!(hash.finish(), of(&[]));
    }
}
