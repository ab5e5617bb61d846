//! Residual networks: a training step (forward, cross-entropy, backward, Adam) and inference, in both memory
//! formats. `pytorch_train_step.py` beside this file times the same steps in PyTorch.
//!
//! `cargo bench --bench resnet -- 'resnet34/.*/channels_last'` runs a part of it.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use marque::arch::{ArchitectureOptions, architecture};
use marque::torch::{Device, Kind, MemoryFormat, Mode, Network, NetworkOptions, Tensor, tensor_from_images};
use marque::train::{Optimizer, OptimizerConfig};
use ndarray::Array4;
use std::hint::black_box;
use std::time::Duration;

const BATCH: usize = 16;
const SIZE: usize = 224;

fn images() -> Array4<f32> {
    Array4::from_shape_fn((BATCH, 3, SIZE, SIZE), |(n, c, y, x)| {
        ((n * 31 + c * 17 + y * 5 + x * 3) % 23) as f32 / 11.0 - 1.0
    })
}

fn network(name: &str, memory_format: MemoryFormat) -> Network {
    let graph = architecture(name, ArchitectureOptions::default()).expect("a known architecture");
    let options = NetworkOptions {
        memory_format: Some(memory_format),
        ..Default::default()
    };
    Network::new(graph, options).expect("memory for a residual network")
}

fn training_step(group: &mut BenchmarkGroup<'_, WallTime>, label: &str, network: Network) {
    let images = tensor_from_images(images().view(), Device::Cpu).expect("memory for a batch");
    let labels = Tensor::from_slice(&(0..BATCH as i64).collect::<Vec<_>>());
    let mut optimizer = Optimizer::new(&network, OptimizerConfig::default()).expect("PyTorch's constants");
    group.bench_function(format!("train/{label}"), |bencher| {
        bencher.iter(|| {
            let logits = network
                .forward(&images, Mode::Training { step: 0 })
                .expect("a step");
            let loss = logits.cross_entropy_for_logits(&labels);
            let gradients = network.gradients(&loss).expect("a step");
            optimizer.step(&gradients, 1e-3).expect("a step");
            black_box(loss.double_value(&[]))
        });
    });
}

fn inference(group: &mut BenchmarkGroup<'_, WallTime>, label: &str, network: &Network) {
    let images = tensor_from_images(images().view(), Device::Cpu).expect("memory for a batch");
    group.bench_function(format!("inference/{label}"), |bencher| {
        bencher.iter(|| {
            let logits = tch::no_grad(|| network.forward(&images, Mode::Evaluation)).expect("logits");
            black_box(logits.sum(Kind::Float).double_value(&[]))
        });
    });
}

fn resnets(criterion: &mut Criterion) {
    for name in ["resnet34", "resnet18"] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(BATCH as u64));
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .measurement_time(Duration::from_secs(20));
        for (label, format) in [
            ("channels_last", MemoryFormat::ChannelsLast),
            ("contiguous", MemoryFormat::Contiguous),
        ] {
            training_step(&mut group, label, network(name, format));
            inference(&mut group, label, &network(name, format));
        }
        group.finish();
    }
}

criterion_group!(benches, resnets);
criterion_main!(benches);
