//! Photos per second of marque's loader over a folder, as `loaders.py` asks for it; prints one line of JSON.
//!
//! `cargo bench --no-default-features --features turbojpeg --bench loaders -- --data cars7 --augment subject --epochs 5`

#![allow(clippy::print_stdout, reason = "a bench prints what it has measured")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use marque::data::{
    Augment, Cache, Error, ImageFolder, ImageSize, Loader, LoaderConfig, Order, Preprocess, Sample,
    Transform, jpeg_decoder,
};

type Failure = Box<dyn std::error::Error>;

struct Arguments {
    data: PathBuf,
    photos: usize,
    size: usize,
    workers: usize,
    epochs: u64,
    augment: String,
    scaled: Option<f32>,
    cache: Cache,
}

fn arguments() -> Result<Arguments, Failure> {
    let mut found = Arguments {
        data: PathBuf::new(),
        photos: 800,
        size: 224,
        workers: 2,
        epochs: 3,
        augment: "subject".to_owned(),
        scaled: None,
        cache: Cache::None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--data" => found.data = value()?.into(),
            "--photos" => found.photos = value()?.parse()?,
            "--size" => found.size = value()?.parse()?,
            "--workers" => found.workers = value()?.parse()?,
            "--epochs" => found.epochs = value()?.parse()?,
            "--augment" => found.augment = value()?,
            "--scaled" => found.scaled = Some(value()?.parse()?),
            "--cache" => {
                let max_bytes = 8 << 30;
                found.cache = match value()?.as_str() {
                    "memory" => Cache::Memory { max_bytes },
                    folder => Cache::Files {
                        folder: folder.into(),
                        max_bytes,
                    },
                };
            }
            // Cargo's own.
            "--bench" => {}
            other => return Err(format!("what is {other}?").into()),
        }
    }
    Ok(found)
}

fn augment(name: &str) -> Result<Augment, Failure> {
    Ok(match name {
        "none" => Augment::none(),
        "subject" => Augment::subject(),
        "strong" => Augment::strong(),
        "rand" => Augment {
            transforms: vec![serde_json::from_str::<Transform>(r#"{"kind": "rand_augment"}"#)?],
            ..Augment::none()
        },
        other => return Err(format!("no augmentation is called {other}").into()),
    })
}

/// All photos below a folder, whatever its shape, or so many of them, evenly.
fn samples(arguments: &Arguments) -> Result<Vec<Sample>, Error> {
    let all: Vec<Sample> = ImageFolder::scan(&arguments.data)?.samples().cloned().collect();
    let step = (all.len() / arguments.photos.max(1)).max(1);
    Ok(all.into_iter().step_by(step).take(arguments.photos).collect())
}

fn main() -> Result<(), Failure> {
    let arguments = arguments()?;
    let samples = samples(&arguments)?;
    let count = samples.len();
    let preprocess = Preprocess {
        image_size: ImageSize::square(arguments.size),
        scaled_decoding: arguments.scaled,
        ..Preprocess::default()
    };
    let config = LoaderConfig {
        workers: arguments.workers,
        order: Order::Shuffled,
        cache: arguments.cache.clone(),
        ..LoaderConfig::default()
    };
    let loader = Loader::new(samples, preprocess, augment(&arguments.augment)?, config)?;
    let mut rates = Vec::new();
    for epoch in 0..arguments.epochs {
        let began = Instant::now();
        let mut seen = 0;
        for batch in loader.epoch(epoch) {
            let batch = black_box(batch?);
            seen += batch.len();
            loader.give_back(batch);
        }
        rates.push(seen as f64 / began.elapsed().as_secs_f64());
    }
    let best = rates.iter().copied().fold(0.0, f64::max);
    let all: Vec<String> = rates.iter().map(|rate| format!("{rate:.1}")).collect();
    println!(
        "{{\"decoder\": \"{}\", \"photos\": {count}, \"best\": {best:.1}, \"epochs\": [{}]}}",
        jpeg_decoder(),
        all.join(", ")
    );
    Ok(())
}
