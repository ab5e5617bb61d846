//! Several splits of the same photos.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use marque_core::setting::{at_least, fraction, require};

use crate::folder::Layout;
use crate::random::{Purpose, shuffle, stream};
use crate::{Error, ImageFolder, Sample, Split, sample};

impl ImageFolder {
    /// The photos for cross-validation (Stone 1974): `count` times all photos, whose test part is another fold each time, so that each
    /// photo is tested once. Folds have the same share of each class, to within a photo, and photos of one group are in one fold. A
    /// validation part is to be cut off the training part of each, by [`ImageFolder::split`].
    ///
    /// Parts that the photos were given in are forgotten.
    ///
    /// ```
    /// use marque_data::{ImageFolder, Sample};
    ///
    /// let samples = (0..9).map(|number| Sample::new(format!("{number}.jpg"), number % 3));
    /// let names = ["SUV", "Sedan", "Van"].map(str::to_owned).to_vec();
    /// let images = ImageFolder::from_samples(".".as_ref(), names, samples.collect())?;
    /// let folds = images.folds(3, 42)?;
    /// assert_eq!(folds.len(), 3);
    /// # Ok::<(), marque_data::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 2 folds, or more than a class has photos or groups of them.
    pub fn folds(&self, count: usize, seed: u64) -> Result<Vec<ImageFolder>, Error> {
        at_least("folds", count, 2)?;
        let mut strata: BTreeMap<usize, Vec<Vec<&Sample>>> = BTreeMap::new();
        for unit in self.units() {
            let class = unit.first().map_or(0, |sample| sample.label);
            strata.entry(class).or_default().push(unit);
        }
        let mut folds: Vec<Vec<&Sample>> = vec![Vec::new(); count];
        for (class, mut units) in strata {
            let expected = format!(
                "at most {}, as many as class {:?} has photos or groups of them",
                units.len(),
                self.class_names()[class]
            );
            require("folds", units.len() >= count, expected, count)?;
            shuffle(&mut stream(seed, 0, class as u64, Purpose::Split), &mut units);
            units.sort_by_key(|unit| Reverse(unit.len()));
            let mut of_class = vec![0; count];
            for unit in units {
                // The fold with the fewest of the class, then with the fewest of all.
                let emptiest = (0..count).min_by_key(|&fold| (of_class[fold], folds[fold].len()));
                let fold = emptiest.unwrap_or(0);
                of_class[fold] += unit.len();
                folds[fold].extend(unit);
            }
        }
        let sorted = |mut samples: Vec<Sample>| {
            sample::sort(&mut samples);
            samples
        };
        let of_fold = |fold: usize| {
            let others = folds.iter().enumerate().filter(|(other, _)| *other != fold);
            let train = others.flat_map(|(_, samples)| samples.iter().copied().cloned());
            let layout = Layout::Parts {
                train: sorted(train.collect()),
                validation: None,
                test: Some(sorted(folds[fold].iter().copied().cloned().collect())),
            };
            self.laid_out(layout)
        };
        Ok((0..count).map(of_fold).collect())
    }

    /// The same photos in the parts of a split, which then are given: for running on a part of them, say.
    pub fn in_parts(&self, split: Split) -> ImageFolder {
        self.laid_out(Layout::Parts {
            train: split.train,
            validation: Some(split.validation).filter(|samples| !samples.is_empty()),
            test: Some(split.test).filter(|samples| !samples.is_empty()),
        })
    }

    /// Groups of photos that stay together, in an order of their own; one without a group is alone.
    fn units(&self) -> Vec<Vec<&Sample>> {
        let mut units: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
        let mut alone = Vec::new();
        for sample in self.samples() {
            match self.groups().get(&sample.path) {
                Some(group) => units.entry(group).or_default().push(sample),
                None => alone.push(vec![sample]),
            }
        }
        alone.extend(units.into_values());
        alone
    }
}

impl Split {
    /// The same with a share of the training photos of each class, rounded up: those of a smaller share are among those of a larger
    /// one, so that what is seen of several shares is the number of photos and not which they are.
    ///
    /// # Errors
    /// [`Error::Setting`] for a share that is not above 0 and at most 1.
    pub fn with_train_share(&self, share: f64, seed: u64) -> Result<Split, Error> {
        fraction("share", share)?;
        require("share", share > 0.0, "above 0, at most 1", share)?;
        let mut classes: BTreeMap<usize, Vec<&Sample>> = BTreeMap::new();
        for sample in &self.train {
            classes.entry(sample.label).or_default().push(sample);
        }
        let mut train = Vec::new();
        for (class, samples) in classes {
            let mut order: Vec<usize> = (0..samples.len()).collect();
            shuffle(&mut stream(seed, 1, class as u64, Purpose::Split), &mut order);
            let count = (share * samples.len() as f64).ceil() as usize;
            let mut chosen = order[..count.min(order.len())].to_vec();
            chosen.sort_unstable();
            train.extend(chosen.into_iter().map(|place| samples[place].clone()));
        }
        Ok(Split {
            train,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SplitConfig;
    use std::collections::BTreeSet;

    fn images(counts: &[usize]) -> ImageFolder {
        let samples = counts.iter().enumerate().flat_map(|(label, &count)| {
            (0..count).map(move |number| Sample::new(format!("{label}-{number:03}.jpg"), label))
        });
        let names = (0..counts.len()).map(|class| format!("class {class}")).collect();
        ImageFolder::from_samples(".".as_ref(), names, samples.collect()).unwrap()
    }

    #[test]
    fn each_photo_is_tested_once_and_classes_are_spread() {
        let images = images(&[23, 11, 40]);
        let folds = images.folds(5, 7).unwrap();
        let mut tested = BTreeSet::new();
        for fold in &folds {
            let split = fold.split(&SplitConfig::default()).unwrap();
            for (counts, all) in split.class_counts(3).iter().zip([23, 11, 40]) {
                assert_eq!(counts.iter().sum::<usize>(), all);
                assert!(counts[2].abs_diff(all / 5) <= 1, "{counts:?}");
                assert!(counts[1] > 0);
            }
            for sample in &split.test {
                assert!(tested.insert(sample.path.clone()));
                assert!(!split.train.contains(sample) && !split.validation.contains(sample));
            }
        }
        assert_eq!(tested.len(), 74);
        let sizes: BTreeSet<usize> = folds
            .iter()
            .map(|fold| fold.split(&SplitConfig::default()).unwrap().test.len())
            .collect();
        assert!(sizes.iter().all(|size| (14..=15).contains(size)), "{sizes:?}");
        let again = images.folds(5, 7).unwrap();
        let parts = |fold: &ImageFolder| fold.split(&SplitConfig::default()).unwrap();
        assert!(
            folds
                .iter()
                .zip(&again)
                .all(|(one, other)| parts(one) == parts(other))
        );
        assert_ne!(parts(&folds[0]), parts(&images.folds(5, 8).unwrap()[0]));
    }

    #[test]
    fn folds_that_a_class_cannot_fill_are_refused() {
        let message = images(&[9, 3]).folds(4, 1).unwrap_err().to_string();
        assert!(
            message.contains("at most 3") && message.contains("class 1"),
            "{message}"
        );
        assert!(images(&[9, 3]).folds(1, 1).is_err());
    }

    #[test]
    fn smaller_shares_are_parts_of_larger_ones() {
        let images = images(&[40, 20]);
        let split = images.split(&SplitConfig::default()).unwrap();
        let mut smaller: Option<Split> = None;
        for share in [0.1, 0.3, 0.5, 1.0] {
            let part = split.with_train_share(share, 3).unwrap();
            assert_eq!((&part.validation, &part.test), (&split.validation, &split.test));
            // 28 and 14 training photos.
            let expected = [28.0_f64, 14.0].map(|count| (count * share).ceil() as usize);
            let counts = part.class_counts(2);
            assert_eq!([counts[0][0], counts[1][0]], expected);
            if let Some(smaller) = smaller {
                assert!(smaller.train.iter().all(|sample| part.train.contains(sample)));
            }
            let given = images.in_parts(part.clone());
            assert_eq!(given.split(&SplitConfig::default()).unwrap(), part);
            smaller = Some(part);
        }
        assert_eq!(smaller.unwrap(), split);
        assert!(split.with_train_share(0.0, 1).is_err());
    }
}
