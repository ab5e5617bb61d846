//! The loader: the same batches for any number of threads, bad files named, nothing left running.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::write_photos;
use marque_data::{
    Augment, BadFiles, Batch, Cache, CropRange, Error, ImageSize, LastBatch, Loader, LoaderConfig, Order,
    Preprocess, Sample, Share,
};

fn config() -> LoaderConfig {
    LoaderConfig {
        batch_size: 4,
        workers: 2,
        order: Order::Shuffled,
        ..LoaderConfig::default()
    }
}

fn loader(samples: Vec<Sample>, augment: Augment, config: LoaderConfig) -> Loader {
    let preprocess = Preprocess {
        image_size: ImageSize::square(12),
        ..Preprocess::default()
    };
    Loader::new(samples, preprocess, augment, config).unwrap()
}

/// All that a batch holds, in comparable form: the bits of the pixels, labels, indices, and the number skipped.
type Content = (Vec<u32>, Vec<i64>, Vec<usize>, usize);

fn content(batch: Batch) -> Content {
    let bits = batch.images.iter().map(|value| value.to_bits()).collect();
    (bits, batch.labels, batch.indices, batch.skipped.len())
}

fn epochs(loader: &Loader) -> Vec<Content> {
    (0..2)
        .flat_map(|epoch| {
            loader
                .epoch(epoch)
                .map(|batch| content(batch.unwrap()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn batches_do_not_depend_on_workers_prefetch_or_cache() {
    let folder = tempfile::tempdir().unwrap();
    let mut samples = write_photos(folder.path(), 21);
    std::fs::write(&samples[6].path, b"broken").unwrap();
    samples[13].path = folder.path().join("missing.png");
    let crop = CropRange {
        area: (0.3, 1.0),
        aspect: (0.75, 1.3),
    };
    let cropping = Augment {
        random_resized_crop: Some(crop),
        ..Augment::strong()
    };
    for augment in [Augment::none(), Augment::subject(), cropping] {
        let base = LoaderConfig {
            bad_files: BadFiles::Skip,
            ..config()
        };
        let expected = epochs(&loader(
            samples.clone(),
            augment.clone(),
            LoaderConfig {
                workers: 1,
                ..base.clone()
            },
        ));
        assert_eq!(expected.iter().map(|batch| batch.1.len()).sum::<usize>(), 2 * 19);
        assert_eq!(expected.iter().map(|batch| batch.3).sum::<usize>(), 2 * 2);
        for other in [
            LoaderConfig {
                workers: 4,
                ..base.clone()
            },
            LoaderConfig {
                workers: 7,
                prefetch: 1,
                ..base.clone()
            },
            LoaderConfig {
                prefetch: 0,
                ..base.clone()
            },
            LoaderConfig {
                workers: 3,
                cache: Cache::Memory { max_bytes: 1 << 20 },
                ..base.clone()
            },
            LoaderConfig {
                cache: Cache::Files {
                    folder: folder.path().join("cache"),
                    max_bytes: 1 << 20,
                },
                ..base.clone()
            },
            // Room for a few photos only.
            LoaderConfig {
                cache: Cache::Memory { max_bytes: 3_000 },
                ..base.clone()
            },
        ] {
            assert!(
                epochs(&loader(samples.clone(), augment.clone(), other.clone())) == expected,
                "{other:?}"
            );
        }
    }
}

#[test]
fn a_batch_holds_what_the_sample_at_its_index_looks_like() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(write_photos(folder.path(), 10), Augment::subject(), config());
    let mut seen = Vec::new();
    for batch in loader.epoch(3) {
        let batch = batch.unwrap();
        assert_eq!(batch.images.shape(), [batch.len(), 3, 12, 12]);
        assert!(
            batch
                .images
                .view()
                .permuted_axes([0, 2, 3, 1])
                .is_standard_layout()
        );
        for ((image, &label), &index) in batch.images.outer_iter().zip(&batch.labels).zip(&batch.indices) {
            let sample = &loader.samples()[index];
            assert_eq!(label, sample.label as i64);
            let photo = marque_data::decode(&sample.path).unwrap();
            let plan = Augment::subject().plan(42, 3, index as u64);
            assert_eq!(image, loader.preprocess().augmented(&photo, &plan).unwrap());
        }
        seen.extend(batch.indices);
    }
    assert_ne!(seen, (0..10).collect::<Vec<_>>());
    assert_eq!(seen.iter().copied().collect::<BTreeSet<_>>().len(), 10);
    let next: Vec<usize> = loader.epoch(4).flat_map(|batch| batch.unwrap().indices).collect();
    assert_ne!(seen, next);
}

#[test]
fn sequential_order_is_the_order_of_the_samples() {
    let folder = tempfile::tempdir().unwrap();
    let sequential = LoaderConfig {
        order: Order::Sequential,
        ..config()
    };
    let loader = loader(write_photos(folder.path(), 9), Augment::none(), sequential);
    assert_eq!(
        (loader.len(), loader.batches_per_epoch(), loader.class_count()),
        (9, 2, 2)
    );
    let indices: Vec<Vec<usize>> = loader.epoch(1).map(|batch| batch.unwrap().indices).collect();
    assert_eq!(indices, [vec![0, 1, 2, 3], vec![4, 5, 6, 7, 8]]);
}

#[test]
fn stop_ends_the_epoch_with_the_first_bad_file() {
    let folder = tempfile::tempdir().unwrap();
    let samples = write_photos(folder.path(), 12);
    for bad in [5, 6, 9] {
        std::fs::write(&samples[bad].path, b"").unwrap();
    }
    let loader = loader(
        samples,
        Augment::none(),
        LoaderConfig {
            order: Order::Sequential,
            ..config()
        },
    );
    for _ in 0..5 {
        let mut batches = loader.epoch(0);
        assert_eq!(batches.next().unwrap().unwrap().indices, [0, 1, 2, 3]);
        let error = batches.next().unwrap().unwrap_err();
        assert!(matches!(error, Error::EmptyFile { path } if path.ends_with("005.png")));
        assert!(batches.next().is_none());
    }
}

#[test]
fn skipped_files_are_all_reported_and_no_batch_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let samples = write_photos(folder.path(), 16);
    // One in the first batch, all of the second, all of the last.
    for bad in [2, 4, 5, 6, 7, 12, 13, 14, 15] {
        std::fs::write(&samples[bad].path, b"nothing").unwrap();
    }
    let skip = LoaderConfig {
        order: Order::Sequential,
        bad_files: BadFiles::Skip,
        ..config()
    };
    let loader = loader(samples, Augment::none(), skip);
    let mut batches = loader.epoch(0);
    let first = batches.next().unwrap().unwrap();
    assert_eq!((first.indices, first.skipped.len()), (vec![0, 1, 3], 1));
    let second = batches.next().unwrap().unwrap();
    assert_eq!((second.indices, second.skipped.len()), (vec![8, 9, 10, 11], 4));
    assert!(batches.next().is_none());
    assert_eq!(batches.skipped().len(), 9);
    assert!(
        batches
            .skipped()
            .iter()
            .all(|bad| bad.reason.starts_with("not an image"))
    );
}

#[test]
fn settings_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let samples = write_photos(folder.path(), 3);
    let new =
        |samples, config| Loader::new(samples, Preprocess::default(), Augment::none(), config).unwrap_err();
    assert!(matches!(new(Vec::new(), config()), Error::NoSamples));
    let message = new(
        samples.clone(),
        LoaderConfig {
            batch_size: 0,
            ..config()
        },
    )
    .to_string();
    assert_eq!(message, "loader.batch_size: expected at least 1, found 0");
    let drop_all = LoaderConfig {
        batch_size: 4,
        last_batch: LastBatch::Drop,
        ..config()
    };
    assert!(new(samples, drop_all).to_string().contains("at most 3"));
}

#[test]
fn a_dropped_epoch_stops_and_the_loader_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(
        write_photos(folder.path(), 40),
        Augment::none(),
        LoaderConfig {
            prefetch: 8,
            ..config()
        },
    );
    for epoch in 0..20 {
        let mut batches = loader.epoch(epoch);
        batches.next().unwrap().unwrap();
    }
    let mut batches = loader.epoch(0);
    // Batches outlive their loader.
    drop(loader);
    assert_eq!(
        batches.by_ref().map(|batch| batch.unwrap().len()).sum::<usize>(),
        40
    );
    assert!(batches.waiting() > std::time::Duration::ZERO);
}

/// How many threads of this process have a name.
#[cfg(target_os = "linux")]
fn threads_named(expected: &str) -> usize {
    let has_name =
        |task: &Path| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == expected);
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter(|task| has_name(&task.as_ref().unwrap().path()))
        .count()
}

#[cfg(target_os = "linux")]
#[test]
fn no_thread_outlives_the_loader() {
    // No other test has a loader with so many workers.
    let twelfth = "marque-data-11";
    let folder = tempfile::tempdir().unwrap();
    let twelve = LoaderConfig {
        workers: 12,
        ..config()
    };
    let loader = loader(write_photos(folder.path(), 40), Augment::none(), twelve);
    let mut batches = loader.epoch(0);
    batches.next().unwrap().unwrap();
    // A thread gives itself its name when it first runs.
    while threads_named(twelfth) == 0 {
        std::thread::yield_now();
    }
    drop(loader);
    assert_eq!(threads_named(twelfth), 1);
    drop(batches);
    // The kernel may list a thread for a moment after it has been joined.
    let is_gone = (0..1000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        threads_named(twelfth) == 0
    });
    assert!(is_gone);
}

/// Which photos are bad is known only when they are read: whatever is left of the batches that were planned, no photo is
/// alone, none is lost, and none is seen twice.
#[test]
fn bad_photos_leave_no_photo_alone() {
    let folder = tempfile::tempdir().unwrap();
    let samples = write_photos(folder.path(), 10);
    let missing = folder.path().join("missing.png");
    let all = loader(
        samples.clone(),
        Augment::none(),
        LoaderConfig {
            batch_size: 10,
            order: Order::Sequential,
            ..config()
        },
    );
    let photos = all.epoch(0).next().unwrap().unwrap().images;
    let photos: Vec<_> = photos.outer_iter().collect();
    let mut cases = 0;
    for bad in 0..1_u32 << samples.len() {
        // Every pattern of bad photos, thinned to some three hundred.
        if bad.wrapping_mul(2_654_435_761) >> 30 != 0 && bad.count_ones() < 8 {
            continue;
        }
        let is_bad = |index: usize| bad >> index & 1 == 1;
        let mut samples = samples.clone();
        for (index, sample) in samples.iter_mut().enumerate() {
            if is_bad(index) {
                sample.path.clone_from(&missing);
            }
        }
        let readable: Vec<usize> = (0..samples.len()).filter(|&index| !is_bad(index)).collect();
        for batch_size in [2, 3, 4, 9] {
            let skip = LoaderConfig {
                batch_size,
                bad_files: BadFiles::Skip,
                order: Order::Sequential,
                prefetch: bad as usize % 3,
                ..config()
            };
            let loader = loader(samples.clone(), Augment::none(), skip);
            let mut batches = loader.epoch(0);
            let found: Vec<Batch> = batches.by_ref().map(Result::unwrap).collect();
            let indices: Vec<usize> = found.iter().flat_map(|batch| batch.indices.clone()).collect();
            assert_eq!(indices, readable, "{bad:b}, batches of {batch_size}");
            assert_eq!(batches.skipped().len(), bad.count_ones() as usize);
            if readable.len() > 1 {
                assert!(
                    found.iter().all(|batch| batch.len() > 1),
                    "{bad:b}, batches of {batch_size}"
                );
            }
            for batch in found {
                for (image, &index) in batch.images.outer_iter().zip(&batch.indices) {
                    assert_eq!(image, photos[index], "{bad:b}, batches of {batch_size}");
                }
            }
            cases += 1;
        }
    }
    assert!(cases > 1000, "{cases}");
}

#[test]
fn batches_of_one_are_given_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut samples = write_photos(folder.path(), 5);
    samples[3].path = folder.path().join("missing.png");
    let lengths = |batch_size, last_batch| {
        let skip = LoaderConfig {
            batch_size,
            last_batch,
            bad_files: BadFiles::Skip,
            order: Order::Sequential,
            ..config()
        };
        let loader = loader(samples.clone(), Augment::none(), skip);
        let lengths = loader.epoch(0).map(|batch| batch.unwrap().len());
        lengths.collect::<Vec<_>>()
    };
    assert_eq!(lengths(1, LastBatch::MergeSingle), [1, 1, 1, 1]);
    assert_eq!(lengths(2, LastBatch::Keep), [2, 1, 1]);
    assert_eq!(lengths(2, LastBatch::MergeSingle), [2, 2]);
}

#[test]
fn a_loader_of_another_size_gives_what_a_new_one_would() {
    let folder = tempfile::tempdir().unwrap();
    let samples = write_photos(folder.path(), 9);
    let size = ImageSize {
        height: 20,
        width: 28,
    };
    for cache in [Cache::None, Cache::Memory { max_bytes: 1 << 20 }] {
        let config = LoaderConfig { cache, ..config() };
        let small = loader(samples.clone(), Augment::strong(), config.clone());
        let before = epochs(&small);
        let preprocess = small.preprocess().with_image_size(size);
        let new = Loader::new(samples.clone(), preprocess, Augment::strong(), config).unwrap();
        let other = small.with_image_size(size).unwrap();
        assert_eq!(epochs(&other), epochs(&new));
        assert_eq!(other.plan(3), small.plan(3));
        assert_eq!(epochs(&small), before);
    }
    let error = loader(samples, Augment::none(), config())
        .with_image_size(ImageSize::square(0))
        .unwrap_err();
    assert!(matches!(error, Error::Setting(_)), "{error}");
}

#[test]
fn the_shares_of_all_ranks_are_the_batches() {
    let folder = tempfile::tempdir().unwrap();
    let mut samples = write_photos(folder.path(), 21);
    std::fs::write(&samples[6].path, b"broken").unwrap();
    samples[13].path = folder.path().join("missing.png");
    for last_batch in [LastBatch::Keep, LastBatch::MergeSingle] {
        let whole = loader(
            samples.clone(),
            Augment::strong(),
            LoaderConfig {
                bad_files: BadFiles::Skip,
                last_batch,
                ..config()
            },
        );
        for ranks in [2, 3, 5] {
            let mut shares: Vec<_> = (0..ranks)
                .map(|rank| {
                    whole
                        .with_share(Share::new(rank, ranks).unwrap())
                        .epoch_from(1, 1, 1)
                })
                .collect();
            let mut together: Vec<Content> = Vec::new();
            let mut empty = 0;
            // All of them have as many batches, those without a photo included.
            for planned in 2..=whole.batches_per_epoch() {
                let mut batch: Content = Default::default();
                for share in &mut shares {
                    let part = share.next().unwrap().unwrap();
                    assert_eq!(share.planned(), planned);
                    assert_eq!(part.is_empty(), part.images.shape()[0] == 0);
                    empty += usize::from(part.is_empty());
                    let (bits, labels, indices, skipped) = content(part);
                    batch.0.extend(bits);
                    batch.1.extend(labels);
                    batch.2.extend(indices);
                    batch.3 += skipped;
                }
                together.push(batch);
            }
            assert!(
                shares
                    .iter_mut()
                    .all(|share| share.is_finished() && share.next().is_none())
            );
            // Five ranks and batches of four photos.
            assert!(empty > 0 || ranks < 5, "{ranks} ranks");
            if last_batch == LastBatch::Keep {
                let expected: Vec<Content> = whole
                    .epoch_from(1, 1, 1)
                    .map(|batch| content(batch.unwrap()))
                    .collect();
                assert!(together == expected, "{ranks} ranks");
            }
            // A photo of the first batch that is bad is not met.
            let photos: usize = together.iter().map(|batch| batch.2.len() + batch.3).sum();
            assert_eq!(photos, 21 - whole.plan(1)[0].len());
        }
    }
}
