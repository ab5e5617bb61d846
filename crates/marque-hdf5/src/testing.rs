//! The golden files and walks over them.

use super::{Contents, Error, File, Group, Number, Object};
use std::io::Read;
use std::path::PathBuf;

pub(super) const GOLDENS: [&str; 3] = ["layouts_earliest.h5.gz", "layouts_latest.h5.gz", "links.h5"];

/// The bytes of a golden file, unpacked.
pub(super) fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/hdf5");
    let stored = std::fs::read(folder.join(name)).unwrap();
    if !name.ends_with(".gz") {
        return stored;
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&stored[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    unpacked
}

/// The formula of `generate.py`: eighths as little-endian bytes, integers whole.
pub(super) fn formula(path: &str, number: Number, count: usize) -> Vec<u8> {
    let seed: usize = path.bytes().map(usize::from).sum();
    let numerators = (0..count).map(|i| ((7 * i + seed) % 64) as i64 - 32);
    numerators
        .flat_map(|numerator| encode(numerator, number))
        .collect()
}

fn encode(numerator: i64, number: Number) -> Vec<u8> {
    let eighths = numerator as f64 / 8.0;
    match number {
        Number::F32 => (eighths as f32).to_le_bytes().to_vec(),
        Number::F64 => eighths.to_le_bytes().to_vec(),
        Number::F16 => half_bits(eighths as f32).to_le_bytes().to_vec(),
        Number::Bf16 => ((eighths as f32).to_bits() >> 16).to_le_bytes()[..2].to_vec(),
        Number::Bool => vec![(numerator % 2 != 0).into()],
        integer => numerator.to_le_bytes()[..integer.size_bytes()].to_vec(),
    }
}

/// Only for numbers that half precision holds exactly.
fn half_bits(value: f32) -> u16 {
    if value == 0.0 {
        return 0;
    }
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 0xff) as i32 - 127 + 15;
    (bits >> 16 & 0x8000) as u16 | (exponent as u16) << 10 | (bits >> 13 & 0x3ff) as u16
}

/// Every dataset under a group, with its bytes.
pub(super) fn datasets(
    bytes: &[u8],
    group: &Group<'_>,
    found: &mut Vec<(String, Number, Vec<u8>)>,
) -> Result<(), Error> {
    for attribute in group.attributes() {
        // Numbers among the attributes are not read.
        attribute.strings().ok();
    }
    let names: Vec<String> = group.members().map(|member| member.name.to_owned()).collect();
    for name in names {
        match group.member(&name) {
            Ok(Object::Group(inner)) => datasets(bytes, &inner, found)?,
            Ok(Object::Dataset(dataset)) => {
                let contents = match dataset.contents()? {
                    Contents::InFile(range) => bytes[range].to_vec(),
                    Contents::Decoded(decoded) => decoded,
                };
                let needed: usize = dataset.shape().iter().product();
                assert_eq!(contents.len(), needed * dataset.number().size_bytes());
                found.push((dataset.path().to_owned(), dataset.number(), contents));
            }
            // An object that cannot be opened does not hide the others.
            Err(error) => drop(error.to_string()),
        }
    }
    Ok(())
}

/// Reads everything of a file; how many datasets there were.
pub(super) fn exhaust(file: Result<File<'_>, Error>, bytes: &[u8]) -> Result<usize, Error> {
    let mut found = Vec::new();
    datasets(bytes, &file?.root()?, &mut found)?;
    Ok(found.len())
}

/// A reproducible source of damage (xorshift).
pub(super) struct Damage(pub(super) u64);

impl Damage {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    /// A damaged copy: cut, or with up to four bytes changed.
    pub(super) fn apply(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        if self.below(5) == 0 {
            damaged.truncate(self.below(bytes.len()));
            return damaged;
        }
        for _ in 0..=self.below(4) {
            let place = self.below(damaged.len());
            match self.below(4) {
                0 => damaged[place] = 0xff,
                1 => damaged[place] = 0,
                _ => damaged[place] ^= 1 << self.below(8),
            }
        }
        damaged
    }
}
