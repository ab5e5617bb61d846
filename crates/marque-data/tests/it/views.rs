//! Epochs in parts: their order without their pixels, and their pixels in another order.

use std::collections::BTreeMap;

use crate::common::write_photos;
use marque_data::{
    Augment, BadFiles, Batches, Cache, ImageSize, LastBatch, Loader, LoaderConfig, Order, Preprocess, Sample,
};
use ndarray::{Array3, Axis};

fn loader(samples: Vec<Sample>, config: LoaderConfig) -> Loader {
    let image_size = ImageSize {
        height: 10,
        width: 14,
    };
    let preprocess = Preprocess {
        image_size,
        ..Preprocess::default()
    };
    let config = LoaderConfig {
        batch_size: 4,
        workers: 2,
        order: Order::Shuffled,
        ..config
    };
    Loader::new(samples, preprocess, Augment::strong(), config).unwrap()
}

/// The samples of each batch, and the pixels of each sample.
fn content(batches: Batches) -> (Vec<Vec<usize>>, BTreeMap<usize, Array3<f32>>) {
    let (mut order, mut pixels) = (Vec::new(), BTreeMap::new());
    for batch in batches {
        let batch = batch.unwrap();
        for (image, &index) in batch.images.axis_iter(Axis(0)).zip(&batch.indices) {
            assert!(pixels.insert(index, image.to_owned()).is_none());
        }
        order.push(batch.indices);
    }
    (order, pixels)
}

#[test]
fn a_plan_is_what_the_epoch_does() {
    let folder = tempfile::tempdir().unwrap();
    let samples = write_photos(folder.path(), 9);
    for (last_batch, lengths) in [
        (LastBatch::MergeSingle, vec![4, 5]),
        (LastBatch::Keep, vec![4, 4, 1]),
        (LastBatch::Drop, vec![4, 4]),
    ] {
        let loader = loader(
            samples.clone(),
            LoaderConfig {
                last_batch,
                ..LoaderConfig::default()
            },
        );
        for epoch in 0..3 {
            let plan = loader.plan(epoch);
            assert_eq!(plan.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
            assert_eq!(content(loader.epoch(epoch)).0, plan);
        }
        assert_ne!(loader.plan(0), loader.plan(1));
    }
}

#[test]
fn a_view_shows_every_photo_once_as_its_epoch_does() {
    let folder = tempfile::tempdir().unwrap();
    let samples = write_photos(folder.path(), 9);
    for last_batch in [LastBatch::MergeSingle, LastBatch::Keep, LastBatch::Drop] {
        let loader = loader(
            samples.clone(),
            LoaderConfig {
                last_batch,
                cache: Cache::Memory { max_bytes: 1 << 20 },
                ..LoaderConfig::default()
            },
        );
        let (order, pixels) = content(loader.view(5));
        assert_eq!(order, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8]]);
        let shown = content(loader.epoch(5)).1;
        assert!(shown.len() >= 8);
        for (index, image) in &shown {
            assert_eq!(image, &pixels[index]);
        }
        let other = content(loader.view(6)).1;
        assert!(pixels.iter().all(|(index, image)| image != other[index]));
    }
}

#[test]
fn an_epoch_of_a_view_has_the_order_of_one_and_the_pixels_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(write_photos(folder.path(), 11), LoaderConfig::default());
    let view = content(loader.view(2)).1;
    for epoch in [0, 2, 7] {
        let (order, pixels) = content(loader.epoch_of_view(epoch, 2));
        assert_eq!(order, loader.plan(epoch));
        assert_eq!(pixels, view);
    }
    assert_eq!(content(loader.epoch_of_view(2, 2)), content(loader.epoch(2)));
    assert_ne!(content(loader.epoch(7)).1, view);
}

#[test]
fn bad_photos_are_left_out_of_a_view_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let samples = write_photos(folder.path(), 9);
    std::fs::write(&samples[8].path, b"broken").unwrap();
    std::fs::write(&samples[2].path, b"broken").unwrap();
    let loader = loader(
        samples,
        LoaderConfig {
            bad_files: BadFiles::Skip,
            ..LoaderConfig::default()
        },
    );
    let mut batches = loader.view(0);
    let order: Vec<Vec<usize>> = batches.by_ref().map(|batch| batch.unwrap().indices).collect();
    assert_eq!(order, [vec![0, 1, 3], vec![4, 5, 6, 7]]);
    assert_eq!(batches.skipped().len(), 2);
}
