//! Whole architectures: a training step (forward, cross-entropy, backward, Adam) at batch 16 in both memory formats, and
//! inference at batch 1, 8 and 16; for networks that are fine-tuned in minutes, a training step of 32 images of 128×208 in both
//! precisions. `pytorch.py` beside this file times the same in PyTorch.
//!
//! `cargo bench --bench architectures -- densenet121/train/channels_last` runs a part of it, `-- 128x208` the fine-tuning.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use marque::arch::{ArchitectureOptions, architecture};
use marque::torch::{
    Device, Kind, MemoryFormat, Mode, Network, NetworkOptions, Precision, Tensor, keep_freed_memory, tch,
    tensor_from_images,
};
use marque::train::{Optimizer, OptimizerConfig};
use ndarray::Array4;
use std::hint::black_box;
use std::time::Duration;

const ARCHITECTURES: [&str; 7] = [
    "resnet34",
    "resnet18",
    "densenet121",
    "xception",
    "googlenet",
    "inception_v3",
    "vgg16",
];
const TRAINING_BATCH: usize = 16;
const INFERENCE_BATCHES: [usize; 3] = [1, 8, 16];
const SIZE: [usize; 2] = [224; 2];
const FINE_TUNED: [&str; 4] = [
    "tf_efficientnet_lite0",
    "mobilenet_v3_large",
    "resnet34",
    "xception",
];
const FINE_TUNING_BATCH: usize = 32;
const FINE_TUNING_SIZE: [usize; 2] = [128, 208];
const PRECISIONS: [(&str, Precision); 2] = [("single", Precision::Single), ("mixed", Precision::Mixed)];
const FORMATS: [(&str, MemoryFormat); 2] = [
    ("channels_last", MemoryFormat::ChannelsLast),
    ("contiguous", MemoryFormat::Contiguous),
];

fn images(batch: usize, [height, width]: [usize; 2]) -> Tensor {
    let images = Array4::from_shape_fn((batch, 3, height, width), |(n, c, y, x)| {
        ((n * 31 + c * 17 + y * 5 + x * 3) % 23) as f32 / 11.0 - 1.0
    });
    tensor_from_images(images.view(), Device::Cpu).expect("memory for a batch")
}

fn network(name: &str, memory_format: MemoryFormat, precision: Precision) -> Network {
    let graph = architecture(name, ArchitectureOptions::default()).expect("a known architecture");
    let options = NetworkOptions {
        memory_format: Some(memory_format),
        precision,
        ..Default::default()
    };
    Network::new(graph, options).expect("memory for a network")
}

/// Images of a step, how many and how large.
type Images = (usize, [usize; 2]);

fn training_step(
    group: &mut BenchmarkGroup<'_, WallTime>,
    label: &str,
    (count, size): Images,
    make: impl Fn() -> Network,
) {
    let images = images(count, size);
    let labels = Tensor::from_slice(&(0..count as i64).collect::<Vec<_>>());
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function(label, |bencher| {
        // Made here, so that a part of the benches does not pay for the memory of all.
        let network = make();
        let mut optimizer =
            Optimizer::new(&network, OptimizerConfig::default()).expect("PyTorch's constants");
        let mut step = 0;
        bencher.iter(|| {
            let outputs = network.forward_training(&images, step).expect("a step");
            let loss = outputs.logits.cross_entropy_for_logits(&labels);
            let gradients = network.gradients(&loss).expect("a step");
            optimizer.step(&gradients, 1e-3).expect("a step");
            step += 1;
            black_box(loss.double_value(&[]))
        });
    });
}

fn inference(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, batch: usize) {
    let images = images(batch, SIZE);
    for (label, format) in FORMATS {
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("inference/{batch}/{label}"), |bencher| {
            let network = network(name, format, Precision::Single);
            bencher.iter(|| {
                let logits = tch::no_grad(|| network.forward(&images, Mode::Evaluation)).expect("logits");
                black_box(logits.sum(Kind::Float).double_value(&[]))
            });
        });
    }
}

fn architectures(criterion: &mut Criterion) {
    keep_freed_memory();
    for name in ARCHITECTURES {
        let mut group = criterion.benchmark_group(name);
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .measurement_time(Duration::from_secs(15));
        for (label, format) in FORMATS {
            let make = || network(name, format, Precision::Single);
            training_step(
                &mut group,
                &format!("train/{label}"),
                (TRAINING_BATCH, SIZE),
                make,
            );
        }
        for batch in INFERENCE_BATCHES {
            inference(&mut group, name, batch);
        }
        group.finish();
    }
    for name in FINE_TUNED {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        for (label, precision) in PRECISIONS {
            let make = || network(name, MemoryFormat::ChannelsLast, precision);
            let images = (FINE_TUNING_BATCH, FINE_TUNING_SIZE);
            training_step(&mut group, &format!("train/128x208/{label}"), images, make);
        }
        group.finish();
    }
}

criterion_group!(benches, architectures);
criterion_main!(benches);
