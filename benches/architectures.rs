//! Whole architectures: a training step (forward, cross-entropy, backward, Adam) at batch 16 in both memory formats, and
//! inference at batch 1, 8 and 16. `pytorch.py` beside this file times the same in PyTorch.
//!
//! `cargo bench --bench architectures -- densenet121/train/channels_last` runs a part of it.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use marque::arch::{ArchitectureOptions, architecture};
use marque::torch::{
    Device, Kind, MemoryFormat, Mode, Network, NetworkOptions, Tensor, keep_freed_memory, tch,
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
const SIZE: usize = 224;
const FORMATS: [(&str, MemoryFormat); 2] = [
    ("channels_last", MemoryFormat::ChannelsLast),
    ("contiguous", MemoryFormat::Contiguous),
];

fn images(batch: usize) -> Tensor {
    let images = Array4::from_shape_fn((batch, 3, SIZE, SIZE), |(n, c, y, x)| {
        ((n * 31 + c * 17 + y * 5 + x * 3) % 23) as f32 / 11.0 - 1.0
    });
    tensor_from_images(images.view(), Device::Cpu).expect("memory for a batch")
}

fn network(name: &str, memory_format: MemoryFormat) -> Network {
    let graph = architecture(name, ArchitectureOptions::default()).expect("a known architecture");
    let options = NetworkOptions {
        memory_format: Some(memory_format),
        ..Default::default()
    };
    Network::new(graph, options).expect("memory for a network")
}

fn training_step(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, format: (&str, MemoryFormat)) {
    let images = images(TRAINING_BATCH);
    let labels = Tensor::from_slice(&(0..TRAINING_BATCH as i64).collect::<Vec<_>>());
    group.throughput(Throughput::Elements(TRAINING_BATCH as u64));
    group.bench_function(format!("train/{}", format.0), |bencher| {
        // Made here, so that a part of the benches does not pay for the memory of all.
        let network = network(name, format.1);
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
    let images = images(batch);
    for (label, format) in FORMATS {
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("inference/{batch}/{label}"), |bencher| {
            let network = network(name, format);
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
        for format in FORMATS {
            training_step(&mut group, name, format);
        }
        for batch in INFERENCE_BATCHES {
            inference(&mut group, name, batch);
        }
        group.finish();
    }
}

criterion_group!(benches, architectures);
criterion_main!(benches);
