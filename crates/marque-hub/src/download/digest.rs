//! Checksums of files, and whether they are the right ones.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::Error;
use crate::catalog::Checksum;

const BUFFER_BYTES: usize = 1 << 20;

/// What is known of a file once it was read to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digests {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// Only computed for those checksums that are MD5: it costs as much as the other again, and more.
    pub(super) md5: Option<String>,
}

/// Reads a file to its end, or to `limit` bytes, beyond which it cannot be the right one.
pub(super) fn of_file(path: &Path, checksum: &Checksum, limit: u64) -> Result<Digests, Error> {
    let file = File::open(path).map_err(Error::file("read", path))?;
    let digests = copy(file, io::sink(), checksum, limit).map_err(Error::file("read", path))?;
    digests.ok_or_else(|| Error::TooLarge {
        origin: path.display().to_string(),
        limit,
    })
}

/// Copies to the end of `from`; `None` when that is not reached within `limit` bytes.
pub(super) fn copy(
    mut from: impl Read,
    mut to: impl io::Write,
    checksum: &Checksum,
    limit: u64,
) -> io::Result<Option<Digests>> {
    let mut sha256 = Sha256::new();
    let mut md5 = matches!(checksum, Checksum::Md5(_)).then(Md5::new);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes += count as u64;
        if bytes > limit {
            return Ok(None);
        }
        sha256.update(&buffer[..count]);
        if let Some(md5) = &mut md5 {
            md5.update(&buffer[..count]);
        }
        to.write_all(&buffer[..count])?;
    }
    Ok(Some(Digests {
        bytes,
        sha256: hexadecimal(&sha256.finalize()),
        md5: md5.map(|md5| hexadecimal(&md5.finalize())),
    }))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Digests {
    /// Whether the file is the one that the list means. `announced` is the SHA-256 that the hub gave, if it did.
    pub(super) fn check(
        &self,
        origin: &str,
        bytes: Option<u64>,
        checksum: &Checksum,
        announced: Option<&str>,
    ) -> Result<(), Error> {
        if let Some(expected) = bytes.filter(|expected| *expected != self.bytes) {
            return Err(Error::Size {
                origin: origin.to_owned(),
                expected,
                found: self.bytes,
            });
        }
        let (kind, found, expected, right) = match checksum {
            Checksum::Sha256(sum) => ("sha256", &self.sha256, sum.as_str(), self.sha256 == *sum),
            Checksum::Sha256Prefix(prefix) => (
                "sha256",
                &self.sha256,
                prefix.as_str(),
                self.sha256.starts_with(prefix),
            ),
            Checksum::Md5(sum) => match &self.md5 {
                Some(found) => ("md5", found, sum.as_str(), found == sum),
                None => ("md5", &self.sha256, sum.as_str(), false),
            },
            Checksum::Hub(_) => {
                let sum = announced.unwrap_or(&self.sha256);
                ("sha256", &self.sha256, sum, self.sha256 == sum)
            }
        };
        if right {
            return Ok(());
        }
        Err(Error::Checksum {
            origin: origin.to_owned(),
            kind,
            expected: expected.to_owned(),
            found: found.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2 and RFC 1321, for "abc".
    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

    fn check(text: &str, bytes: Option<u64>, checksum: Checksum) -> Result<(), Error> {
        let digests = copy(text.as_bytes(), io::sink(), &checksum, 100)
            .unwrap()
            .unwrap();
        digests.check("it", bytes, &checksum, None)
    }

    #[test]
    fn every_kind_of_checksum_tells_the_right_file_from_another() {
        for checksum in [
            Checksum::Sha256(SHA256.to_owned()),
            Checksum::Sha256Prefix(SHA256[..8].to_owned()),
            Checksum::Md5(MD5.to_owned()),
        ] {
            check("abc", Some(3), checksum.clone()).unwrap();
            let error = check("abd", Some(3), checksum.clone()).unwrap_err();
            assert!(matches!(error, Error::Checksum { .. }), "{error}");
            let error = check("abcd", Some(3), checksum).unwrap_err().to_string();
            assert_eq!(error, "it has 4 bytes, expected 3");
        }
    }

    #[test]
    fn reading_stops_at_the_limit() {
        let checksum = Checksum::Sha256(SHA256.to_owned());
        let endless = io::repeat(7);
        assert_eq!(copy(endless, io::sink(), &checksum, 5_000_000).unwrap(), None);
    }
}
