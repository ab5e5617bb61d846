//! Cutting a data set into a train, a validation and a test part.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use marque_core::setting::{fraction, require};
use serde::{Deserialize, Serialize};

use crate::folder::Layout;
use crate::random::{Purpose, shuffle, stream};
use crate::{Error, Part, Sample, SettingError};

/// What becomes of the parts that a data folder is given in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartUse {
    /// A given test folder is the test part and a given validation folder the validation part; what is missing is cut
    /// off the train folder. The default: a test set that others also use stays what it is.
    #[default]
    AsGiven,
    /// All folders are joined and split anew.
    Joined,
}

/// How the photos of a part are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stratify {
    /// Each class is split by itself, so that all parts have the same share of each class (to within a photo). The
    /// default: a rare class cannot vanish from the test part by bad luck.
    #[default]
    ByClass,
    /// All photos are shuffled together.
    Plain,
}

/// How a data folder is split.
///
/// The fractions are of all photos. Numbers of photos are rounded by largest remainder: each part gets the whole photos
/// of its share, and what is left over goes, a photo each, to the parts with the largest remainders (train before
/// validation before test where they are equal). So 4,165 photos at 0.70/0.15/0.15 become 2,915/625/625. With
/// [`Stratify::ByClass`] this is done for each class.
///
/// ```
/// use marque_data::SplitConfig;
///
/// let config = SplitConfig { train: 0.8, validation: 0.2, test: 0.2, ..SplitConfig::default() };
/// let error = config.validate().unwrap_err();
/// assert_eq!(error.to_string(), "fractions: expected train + validation + test = 1, found 1.2");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// Fraction of the train part, more than 0. Default 0.70.
    pub train: f64,
    /// Fraction of the validation part. Default 0.15.
    pub validation: f64,
    /// Fraction of the test part. Default 0.15.
    pub test: f64,
    /// Seed of the shuffling. Default 42.
    pub seed: u64,
    /// Whether each class is split by itself. Default [`Stratify::ByClass`].
    pub stratify: Stratify,
    /// Whether given parts are kept. Default [`PartUse::AsGiven`].
    pub parts: PartUse,
}

impl Default for SplitConfig {
    fn default() -> Self {
        SplitConfig {
            train: 0.70,
            validation: 0.15,
            test: 0.15,
            seed: 42,
            stratify: Stratify::default(),
            parts: PartUse::default(),
        }
    }
}

impl SplitConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`] if a fraction is not within 0 to 1, `train` is 0, or the three do not sum to 1 to within 1e-6.
    pub fn validate(&self) -> Result<(), SettingError> {
        fraction("train", self.train)?;
        fraction("validation", self.validation)?;
        fraction("test", self.test)?;
        require("train", self.train > 0.0, "more than 0", self.train)?;
        let sum = self.train + self.validation + self.test;
        let rounded = (sum * 1e6).round() / 1e6;
        require(
            "fractions",
            (sum - 1.0).abs() <= 1e-6,
            "train + validation + test = 1",
            rounded,
        )
    }
}

/// The three parts of a data set, each sorted by class and then by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Photos to learn from.
    pub train: Vec<Sample>,
    /// Photos that decide when to stop and which weights to keep.
    pub validation: Vec<Sample>,
    /// Photos that are looked at once, at the end.
    pub test: Vec<Sample>,
}

impl Split {
    /// The photos of a part.
    pub fn part(&self, part: Part) -> &[Sample] {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }

    /// Number of photos of each class in the train, the validation and the test part. Labels of `class_count` and more
    /// are not counted.
    pub fn class_counts(&self, class_count: usize) -> Vec<[usize; 3]> {
        let mut counts = vec![[0; 3]; class_count];
        for (place, part) in Part::ALL.into_iter().enumerate() {
            for sample in self.part(part) {
                if let Some(of_class) = counts.get_mut(sample.label) {
                    of_class[place] += 1;
                }
            }
        }
        counts
    }

    /// Writes the photos with their classes and parts as a list, whole or not at all: what
    /// [`ImageFolder::scan`](crate::ImageFolder::scan) reads, so that another training has the same parts. Paths are absolute; photos of
    /// archives are found by the archives' paths, those of a source of the caller's own are not.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Read`] where the folder of a path cannot be looked up.
    pub fn write_list(&self, file: &Path, class_names: &[String]) -> Result<(), Error> {
        let mut lines = csv::Writer::from_writer(Vec::new());
        let failed = |source: csv::Error| Error::Write {
            path: file.to_owned(),
            source: source.into(),
        };
        let mut samples = Part::ALL.into_iter().flat_map(|part| self.part(part));
        let has_weights = samples.any(|sample| sample.weight.to_bits() != 1.0_f64.to_bits());
        let columns = if has_weights { 4 } else { 3 };
        let header = ["path", "label", "split", "weight"];
        lines.write_record(&header[..columns]).map_err(failed)?;
        for part in Part::ALL {
            for sample in self.part(part) {
                let path = std::path::absolute(&sample.path).map_err(|source| Error::Read {
                    path: sample.path.clone(),
                    source,
                })?;
                let name = class_names.get(sample.label).map_or("", String::as_str);
                let cells = [
                    &path.display().to_string(),
                    name,
                    part.name(),
                    &sample.weight.to_string(),
                ];
                lines.write_record(&cells[..columns]).map_err(failed)?;
            }
        }
        let write = || {
            let text = lines
                .into_inner()
                .map_err(|error| std::io::Error::other(error.to_string()))?;
            marque_fs::write_atomically(file, |target| target.write_all(&text))
        };
        write().map_err(|source| Error::Write {
            path: file.to_owned(),
            source,
        })
    }
}

pub(crate) fn split(
    layout: &Layout,
    groups: &BTreeMap<PathBuf, String>,
    class_count: usize,
    config: &SplitConfig,
) -> Result<Split, Error> {
    let cut = |samples: &[Sample], shares: Shares| {
        let split = if groups.is_empty() {
            cut(samples, class_count, shares, config)
        } else {
            cut_between_groups(samples, groups, shares, config)
        };
        shares.check(&split, samples.len())?;
        Ok(split)
    };
    let SplitConfig {
        train,
        validation,
        test,
        ..
    } = *config;
    match (layout, config.parts) {
        (Layout::Flat(samples), _) => cut(
            samples,
            Shares {
                train,
                validation,
                test,
            },
        ),
        (
            Layout::Parts {
                train: a,
                validation: b,
                test: c,
            },
            PartUse::Joined,
        ) => {
            let mut samples = a.clone();
            samples.extend(b.iter().flatten().cloned());
            samples.extend(c.iter().flatten().cloned());
            // The same photos give the same split however they were laid out before.
            samples.sort_by(|a, b| {
                (a.label, a.path.file_name())
                    .cmp(&(b.label, b.path.file_name()))
                    .then_with(|| a.path.cmp(&b.path))
            });
            cut(
                &samples,
                Shares {
                    train,
                    validation,
                    test,
                },
            )
        }
        (
            Layout::Parts {
                train: samples,
                validation: given_validation,
                test: given_test,
            },
            PartUse::AsGiven,
        ) => {
            let shares = Shares {
                train,
                validation: if given_validation.is_some() {
                    0.0
                } else {
                    validation
                },
                test: if given_test.is_some() { 0.0 } else { test },
            };
            let mut split = cut(samples, shares)?;
            if let Some(given) = given_validation {
                split.validation.clone_from(given);
            }
            if let Some(given) = given_test {
                split.test.clone_from(given);
            }
            Ok(split)
        }
    }
}

/// The shares of the parts in some photos, which need not sum to 1.
#[derive(Clone, Copy)]
struct Shares {
    train: f64,
    validation: f64,
    test: f64,
}

impl Shares {
    fn all(self) -> [f64; 3] {
        [self.train, self.validation, self.test]
    }

    /// Refuses parts without photos that should have some.
    fn check(self, split: &Split, available: usize) -> Result<(), Error> {
        let parts = [&split.train, &split.validation, &split.test].map(Vec::len);
        let mut parts = Part::ALL.into_iter().zip(self.all()).zip(parts);
        match parts.find(|&((_, fraction), photos)| fraction > 0.0 && photos == 0) {
            Some(((part, fraction), _)) => Err(Error::EmptyPart {
                part: part.name(),
                fraction,
                available,
            }),
            None => Ok(()),
        }
    }
}

/// Photos are dealt out group by group, the largest first, each to the part that lacks most of what it should have; groups of the
/// same class are dealt together, and one of several classes counts as its first photo's.
fn cut_between_groups(
    samples: &[Sample],
    groups: &BTreeMap<PathBuf, String>,
    shares: Shares,
    config: &SplitConfig,
) -> Split {
    // A photo without a group is one.
    let mut units: BTreeMap<(bool, &str), Vec<&Sample>> = BTreeMap::new();
    let alone: Vec<String> = samples
        .iter()
        .map(|sample| sample.path.display().to_string())
        .collect();
    for (sample, path) in samples.iter().zip(&alone) {
        let group = groups.get(&sample.path);
        let unit = (group.is_some(), group.map_or(path.as_str(), String::as_str));
        units.entry(unit).or_default().push(sample);
    }
    let mut strata: BTreeMap<usize, Vec<Vec<&Sample>>> = BTreeMap::new();
    for unit in units.into_values() {
        let class = match config.stratify {
            Stratify::ByClass => unit.first().map_or(0, |sample| sample.label),
            Stratify::Plain => 0,
        };
        strata.entry(class).or_default().push(unit);
    }
    let shares = shares.all();
    let mut split = Split::default();
    for (class, mut units) in strata {
        shuffle(
            &mut stream(config.seed, 0, class as u64, Purpose::Split),
            &mut units,
        );
        units.sort_by_key(|unit| std::cmp::Reverse(unit.len()));
        let total = units.iter().map(Vec::len).sum();
        let mut missing = largest_remainder(total, shares).map(|count| count as i64);
        for unit in units {
            let parts = (0..3).filter(|&part| shares[part] > 0.0);
            // The first of several that lack as many.
            let part = parts
                .min_by_key(|&part| std::cmp::Reverse(missing[part]))
                .unwrap_or(0);
            missing[part] -= unit.len() as i64;
            let chosen = [&mut split.train, &mut split.validation, &mut split.test];
            if let Some(chosen) = chosen.into_iter().nth(part) {
                chosen.extend(unit.into_iter().cloned());
            }
        }
    }
    for part in [&mut split.train, &mut split.validation, &mut split.test] {
        part.sort_by(|first, second| (first.label, &first.path).cmp(&(second.label, &second.path)));
    }
    split
}

fn cut(samples: &[Sample], class_count: usize, shares: Shares, config: &SplitConfig) -> Split {
    let groups: Vec<Vec<&Sample>> = match config.stratify {
        Stratify::Plain => vec![samples.iter().collect()],
        Stratify::ByClass => {
            let mut groups = vec![Vec::new(); class_count];
            for sample in samples {
                groups[sample.label].push(sample);
            }
            groups
        }
    };
    let mut split = Split::default();
    for (index, group) in groups.iter().enumerate() {
        let [train, validation, _] =
            largest_remainder(group.len(), [shares.train, shares.validation, shares.test]);
        let mut order: Vec<usize> = (0..group.len()).collect();
        shuffle(
            &mut stream(config.seed, 0, index as u64, Purpose::Split),
            &mut order,
        );
        let (train, rest) = order.split_at(train);
        let (validation, test) = rest.split_at(validation);
        for (part, chosen) in [
            (&mut split.train, train),
            (&mut split.validation, validation),
            (&mut split.test, test),
        ] {
            let mut chosen = chosen.to_vec();
            chosen.sort_unstable();
            part.extend(chosen.into_iter().map(|position| group[position].clone()));
        }
    }
    split
}

/// `total` divided in the proportion of `shares`, in whole numbers that sum to `total`.
fn largest_remainder(total: usize, shares: [f64; 3]) -> [usize; 3] {
    let sum: f64 = shares.iter().sum();
    if sum <= 0.0 {
        return [total, 0, 0];
    }
    // A quota such as 0.7 · 10 may come out a rounding error below the whole number that it is.
    let quotas = shares.map(|share| share / sum * total as f64 + 1e-9);
    let mut counts = quotas.map(|quota| quota.floor() as usize);
    let mut left = total.saturating_sub(counts.iter().sum());
    let mut order = [0, 1, 2];
    let remainder = |part: usize| quotas[part] - quotas[part].floor();
    // Remainders closer than the rounding error count as equal: the sort is stable, so the earlier part comes first.
    order.sort_by_key(|&part| std::cmp::Reverse((remainder(part) * 1e6).round() as i64));
    for part in order.into_iter().filter(|&part| shares[part] > 0.0).cycle() {
        if left == 0 {
            break;
        }
        counts[part] += 1;
        left -= 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_by_largest_remainder() {
        let shares = [0.70, 0.15, 0.15];
        assert_eq!(largest_remainder(4165, shares), [2915, 625, 625]);
        assert_eq!(largest_remainder(10, shares), [7, 2, 1]);
        assert_eq!(largest_remainder(20, shares), [14, 3, 3]);
        assert_eq!(largest_remainder(0, shares), [0, 0, 0]);
        assert_eq!(largest_remainder(3, [0.7, 0.15, 0.0]), [2, 1, 0]);
        assert_eq!(largest_remainder(5, [1.0, 0.0, 0.0]), [5, 0, 0]);
        for total in 0..2000 {
            assert_eq!(largest_remainder(total, shares).iter().sum::<usize>(), total);
        }
    }
}
