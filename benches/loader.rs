//! How fast photos become batches, over photos of about 500 × 350 px that are made first, or over the folder that the
//! environment variable `MARQUE_BENCH_DATA` names.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints what it has measured"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use marque::data::{
    Augment, Cache, ImageFolder, Loader, LoaderConfig, Order, Preprocess, Sample, decode, decode_bytes,
};

type Failure = Box<dyn std::error::Error>;

/// Smooth shapes, edges and some grain: a JPEG of it is about as large as that of a photo.
fn photo(variant: u32) -> RgbImage {
    let (width, height) = (420 + variant * 37 % 160, 300 + variant * 53 % 110);
    RgbImage::from_fn(width, height, |x, y| {
        let (fx, fy) = (x as f32 / width as f32, y as f32 / height as f32);
        let wave = (fx * (9.0 + variant as f32) + (fy * 7.0).sin() * 3.0).sin();
        let edge = if (fx - 0.5).powi(2) + (fy - 0.6).powi(2) < 0.08 {
            70.0
        } else {
            0.0
        };
        let grain = ((x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 7 & 15) as f32;
        Rgb([
            100.0 + 60.0 * wave + grain,
            90.0 + edge + 40.0 * fy + grain,
            160.0 - 80.0 * fy * wave,
        ]
        .map(|v| v as u8))
    })
}

fn write_photos(folder: &Path, count: u32) -> Result<Vec<Sample>, Failure> {
    let mut samples = Vec::new();
    for variant in 0..count {
        let path = folder.join(format!("{variant:03}.jpg"));
        let mut bytes = Vec::new();
        photo(variant).write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 88))?;
        std::fs::write(&path, bytes)?;
        samples.push(Sample::new(path, (variant % 7) as usize));
    }
    Ok(samples)
}

/// 256 photos, evenly from the whole of a folder that was named.
fn samples(made: &Path) -> Result<Vec<Sample>, Failure> {
    match std::env::var_os("MARQUE_BENCH_DATA").map(PathBuf::from) {
        None => write_photos(made, 256),
        Some(root) => {
            let folder = ImageFolder::scan(&root)?;
            let step = (folder.len() / 256).max(1);
            Ok(folder.samples().step_by(step).take(256).cloned().collect())
        }
    }
}

fn one_batch(criterion: &mut Criterion, samples: &[Sample]) -> Result<(), Failure> {
    let preprocess = Preprocess::default();
    let augment = Augment::subject();
    let mut files = Vec::new();
    for sample in samples.iter().take(32) {
        files.push((std::fs::read(&sample.path)?, decode(&sample.path)?));
    }
    let mut group = criterion.benchmark_group("decode_resize_augment_batch32");
    group
        .throughput(Throughput::Elements(files.len() as u64))
        .measurement_time(Duration::from_secs(8));
    group.bench_function("decode_one_thread", |bencher| {
        bencher.iter(|| {
            files
                .iter()
                .filter(|(bytes, _)| decode_bytes(black_box(bytes), Path::new("")).is_ok())
                .count()
        });
    });
    group.bench_function("resize_one_thread", |bencher| {
        bencher.iter(|| {
            files
                .iter()
                .filter(|(_, photo)| preprocess.resize_image(black_box(photo)).is_ok())
                .count()
        });
    });
    let resized = files
        .iter()
        .map(|(_, photo)| preprocess.resize_image(photo))
        .collect::<Result<Vec<_>, _>>()?;
    for (name, augment) in [
        ("normalise_one_thread", Augment::none()),
        ("augment_one_thread", augment.clone()),
    ] {
        group.bench_function(name, |bencher| {
            let plans = || {
                (0..32)
                    .map(|index| augment.plan(42, 0, index))
                    .collect::<Vec<_>>()
            };
            bencher.iter_batched(
                plans,
                |plans| {
                    let pairs = resized.iter().zip(&plans);
                    pairs
                        .filter(|(image, plan)| black_box(preprocess.augmented(image, plan)).is_ok())
                        .count()
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.bench_function("all_one_thread", |bencher| {
        bencher.iter(|| {
            let mut good = 0;
            for (index, (bytes, _)) in files.iter().enumerate() {
                let plan = augment.plan(42, 0, index as u64);
                let photo = decode_bytes(black_box(bytes), Path::new(""));
                good += usize::from(
                    photo
                        .and_then(|photo| preprocess.augmented(&photo, &plan))
                        .is_ok(),
                );
            }
            good
        });
    });
    group.finish();
    Ok(())
}

fn loader_throughput(criterion: &mut Criterion, samples: &[Sample]) -> Result<(), Failure> {
    let mut group = criterion.benchmark_group("loader_throughput_224");
    group
        .throughput(Throughput::Elements(samples.len() as u64))
        .sample_size(10);
    let max_bytes = 1 << 30;
    let memory = Cache::Memory { max_bytes };
    let folder = tempfile::tempdir()?;
    let files = Cache::Files {
        folder: folder.path().to_owned(),
        max_bytes,
    };
    let rand_augment = Augment {
        transforms: vec![serde_json::from_str(r#"{"kind": "rand_augment"}"#)?],
        ..Augment::none()
    };
    for (name, augment, cache) in [
        ("plain", Augment::none(), Cache::None),
        ("subject", Augment::subject(), Cache::None),
        ("strong", Augment::strong(), Cache::None),
        ("rand_augment", rand_augment, Cache::None),
        ("subject_cached", Augment::subject(), memory),
        ("subject_cached_in_files", Augment::subject(), files),
    ] {
        let config = LoaderConfig {
            order: Order::Shuffled,
            cache,
            ..LoaderConfig::default()
        };
        let loader = Loader::new(samples.to_vec(), Preprocess::default(), augment, config)?;
        let mut epoch = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                epoch += 1;
                loader
                    .epoch(epoch)
                    .filter_map(Result::ok)
                    .map(|batch| {
                        let count = black_box(&batch).len();
                        loader.give_back(batch);
                        count
                    })
                    .sum::<usize>()
            });
        });
    }
    group.finish();
    Ok(())
}

fn benches(criterion: &mut Criterion) {
    let run = |criterion: &mut Criterion| -> Result<(), Failure> {
        let folder = tempfile::tempdir()?;
        let samples = samples(folder.path())?;
        one_batch(criterion, &samples)?;
        loader_throughput(criterion, &samples)
    };
    if let Err(error) = run(criterion) {
        eprintln!("the bench could not run: {error}");
        std::process::exit(1);
    }
}

criterion_group!(loader, benches);
criterion_main!(loader);
