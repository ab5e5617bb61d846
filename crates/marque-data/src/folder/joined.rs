//! Several folders, lists and archives as one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{AlikeClasses, ImageFolder, Layout, alike};
use crate::{Error, Sample, sample};

/// The photos of several folders, of which there is at least one.
pub(super) fn join(mut folders: Vec<ImageFolder>, alike: AlikeClasses) -> Result<ImageFolder, Error> {
    let root = shared_root(&folders);
    if alike == AlikeClasses::Merge {
        merge_names(&mut folders);
    }
    let class_names = class_names(&root, &folders)?;
    let has_parts = folders
        .iter()
        .any(|folder| matches!(folder.layout, Layout::Parts { .. }));
    let [mut train, mut validation, mut test] = [const { Vec::new() }; 3];
    let (mut has_validation, mut has_test) = (false, false);
    let (mut ignored, mut groups) = (Vec::new(), BTreeMap::new());
    for folder in folders {
        let labels: Vec<usize> = folder
            .class_names
            .iter()
            .map(|name| class_names.iter().position(|known| known == name).unwrap_or(0))
            .collect();
        let labelled = |samples: Vec<Sample>| {
            samples.into_iter().map(|sample| Sample {
                label: labels[sample.label],
                ..sample
            })
        };
        match folder.layout {
            // Beside folders in parts they are more to learn from: what photos are to be tested on, the others say.
            Layout::Flat(samples) => train.extend(labelled(samples)),
            Layout::Parts {
                train: own,
                validation: own_validation,
                test: own_test,
            } => {
                train.extend(labelled(own));
                has_validation |= own_validation.is_some();
                validation.extend(labelled(own_validation.unwrap_or_default()));
                has_test |= own_test.is_some();
                test.extend(labelled(own_test.unwrap_or_default()));
            }
        }
        ignored.extend(folder.ignored);
        groups.extend(folder.groups);
    }
    refuse_repeated(&root, [&train, &validation, &test])?;
    for samples in [&mut train, &mut validation, &mut test] {
        sample::sort(samples);
    }
    let layout = match has_parts {
        false => Layout::Flat(train),
        true => Layout::Parts {
            train,
            validation: has_validation.then_some(validation),
            test: has_test.then_some(test),
        },
    };
    Ok(ImageFolder {
        root,
        class_names,
        layout,
        ignored,
        groups,
    })
}

/// Gives classes of names that hardly differ the same one in all folders.
fn merge_names(folders: &mut [ImageFolder]) {
    let mut names: Vec<String> = folders
        .iter()
        .flat_map(|folder| folder.class_names.clone())
        .collect();
    alike::merge(&mut names);
    let own = folders.iter_mut().flat_map(|folder| &mut folder.class_names);
    for (own, name) in own.zip(names) {
        *own = name;
    }
}

/// The longest beginning that the folders' paths share.
fn shared_root(folders: &[ImageFolder]) -> PathBuf {
    let mut roots = folders.iter().map(|folder| folder.root.as_path());
    let first = roots.next().unwrap_or(Path::new(""));
    let shared = roots.fold(first.to_owned(), |shared, root| {
        let both = shared.components().zip(root.components());
        both.take_while(|(one, other)| one == other)
            .map(|(component, _)| component)
            .collect()
    });
    match shared.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => shared,
    }
}

/// The classes of all folders, in the order of each: numbers by their size, names bytewise.
fn class_names(root: &Path, folders: &[ImageFolder]) -> Result<Vec<String>, Error> {
    let names: BTreeSet<&String> = folders.iter().flat_map(|folder| &folder.class_names).collect();
    if let Some(alike) = alike::find(names.iter().map(|name| name.as_str())) {
        return Err(Error::AlikeClasses {
            folder: root.to_owned(),
            names: alike::quoted(&alike),
        });
    }
    let mut names: Vec<String> = names.into_iter().cloned().collect();
    let are_numbers = |folder: &ImageFolder| {
        // As they are sorted where a list has them; folders named by numbers are sorted as names.
        let numbers: Option<Vec<u64>> = folder.class_names.iter().map(|name| name.parse().ok()).collect();
        numbers.is_some_and(|numbers| numbers.is_sorted())
    };
    if folders.iter().all(are_numbers) {
        names.sort_by_key(|name| name.parse::<u64>().unwrap_or(u64::MAX));
    }
    Ok(names)
}

fn refuse_repeated(root: &Path, parts: [&Vec<Sample>; 3]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    let repeated = parts
        .into_iter()
        .flatten()
        .find(|sample| !seen.insert(&sample.path));
    match repeated {
        None => Ok(()),
        Some(sample) => Err(Error::List {
            path: root.to_owned(),
            line: None,
            problem: format!(
                "{} is there twice: no folder is to be given twice, or inside another",
                sample.path.display()
            ),
        }),
    }
}
