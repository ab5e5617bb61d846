//! Looking at every photo of a folder before a long run does.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::decode::decode_bytes;
use crate::similar::alike;
use crate::{Error, ImageFolder, PerceptualHash, Sample};

/// What to do about a photo that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadFiles {
    /// Stop with an error that names it. The default: data are not to shrink unnoticed.
    #[default]
    Stop,
    /// Leave it out, and say so in the result.
    Skip,
}

/// A photo that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadFile {
    /// Where it is.
    pub path: PathBuf,
    /// Why it cannot be used, without the path.
    pub reason: String,
}

impl BadFile {
    /// A bad file and the error that it caused.
    pub fn new(path: &Path, error: &Error) -> BadFile {
        BadFile {
            path: path.to_owned(),
            reason: error.reason(path),
        }
    }
}

/// What [`check()`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Number of photos that decode.
    pub images: usize,
    /// Photos that do not, sorted by path.
    pub bad: Vec<BadFile>,
    /// Groups of files with the same bytes, each sorted by path: the same photo in two parts makes a test flatter, in
    /// two classes it cannot be learnt.
    pub duplicates: Vec<Vec<PathBuf>>,
    /// Pairs of photos that look nearly the same without having the same bytes: scaled, compressed anew, mirrored, touched up.
    pub alike: Vec<[PathBuf; 2]>,
}

impl CheckReport {
    /// Whether every photo decodes. Duplicates do not count against it.
    pub fn is_clean(&self) -> bool {
        self.bad.is_empty()
    }
}

/// Decodes every photo of a folder and lists the bad ones with the reason.
///
/// Runs on the current rayon pool; holds one photo a thread in memory.
///
/// ```no_run
/// use marque_data::{ImageFolder, check};
///
/// let report = check(&ImageFolder::scan("photos".as_ref())?);
/// for bad in &report.bad {
///     println!("{}: {}", bad.path.display(), bad.reason);
/// }
/// for same in &report.duplicates {
///     println!("{} copies of one photo", same.len());
/// }
/// # Ok::<(), marque_data::Error>(())
/// ```
pub fn check(folder: &ImageFolder) -> CheckReport {
    let samples: Vec<&Sample> = folder.samples().collect();
    let looked = look_at_all(&samples);
    let pairs = look_alike(&looked).into_iter();
    let mut report = CheckReport {
        alike: pairs
            .map(|(first, second)| [samples[first].path.clone(), samples[second].path.clone()])
            .collect(),
        ..CheckReport::default()
    };
    let mut same: BTreeMap<Fingerprint, Vec<PathBuf>> = BTreeMap::new();
    for (sample, result) in samples.into_iter().zip(looked) {
        match result {
            Ok(Looked { fingerprint, .. }) => {
                report.images += 1;
                same.entry(fingerprint).or_default().push(sample.path.clone());
            }
            Err(bad) => report.bad.push(bad),
        }
    }
    report.bad.sort_by(|a, b| a.path.cmp(&b.path));
    report.duplicates = same.into_values().filter(|paths| paths.len() > 1).collect();
    report.duplicates.iter_mut().for_each(|paths| paths.sort());
    report.duplicates.sort();
    report
}

/// Length and hash of a file. That two of ten million different files share both has odds of one in 400,000.
pub(crate) type Fingerprint = (usize, u64);

/// What is kept of a photo that was decoded.
#[derive(Clone, Debug)]
pub(crate) struct Looked {
    pub(crate) fingerprint: Fingerprint,
    /// None where there is too little to be seen.
    hash: Option<PerceptualHash>,
}

/// Decodes each photo, on the current rayon pool.
pub(crate) fn look_at_all(samples: &[&Sample]) -> Vec<Result<Looked, BadFile>> {
    samples
        .par_iter()
        .map(|sample| look(sample).map_err(|error| BadFile::new(&sample.path, &error)))
        .collect()
}

fn look(sample: &Sample) -> Result<Looked, Error> {
    let bytes = sample.read()?;
    let photo = decode_bytes(&bytes, &sample.path)?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    Ok(Looked {
        fingerprint: (bytes.len(), hasher.finish()),
        hash: PerceptualHash::of(&photo)?,
    })
}

/// Positions of pairs that look nearly the same and have other bytes.
pub(crate) fn look_alike(looked: &[Result<Looked, BadFile>]) -> Vec<(usize, usize)> {
    let mut known = BTreeSet::new();
    // Of photos with the same bytes the first stands for all.
    let mut first = |result: &Result<Looked, BadFile>| {
        let looked = result.as_ref().ok()?;
        known.insert(looked.fingerprint).then_some(looked.hash)?
    };
    let hashes: Vec<Option<PerceptualHash>> = looked.iter().map(&mut first).collect();
    alike(&hashes)
}
