//! What architectures are made of: their blocks alone, and the factorisations that their papers claim to be cheaper.
//! Forward and backward, batch 8, channels-last. Throughput is in multiply-adds of the forward pass, so that "elements"
//! per second beside the time tell arithmetic that was saved from arithmetic that merely became slower.
//!
//! `cargo bench --bench blocks -- factorisation` runs a part of it.

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use marque::arch::{Conv2d, Error, Graph, GraphBuilder, ImageSize, MaxPool2d, NodeId, Padding};
use marque::torch::{Device, Kind, Mode, Network, NetworkOptions, Tensor, keep_freed_memory, tch};
use std::hint::black_box;
use std::time::Duration;

const BATCH: usize = 8;

/// Adds layers to a graph, each with a name of its own.
struct Layers {
    builder: GraphBuilder,
    count: usize,
}

impl Layers {
    /// Convolution, batch norm, ReLU.
    fn conv(&mut self, input: NodeId, conv: Conv2d) -> Result<NodeId, Error> {
        self.count += 1;
        let number = self.count;
        let maps = self.builder.conv2d(format!("conv{number}"), input, conv)?;
        let maps = self.builder.batch_norm2d(format!("bn{number}"), maps)?;
        self.builder.relu(format!("relu{number}"), maps)
    }
}

/// A graph of `channels` input channels whose layers `add` adds.
fn graph(
    name: &str,
    channels: usize,
    add: impl FnOnce(&mut Layers, NodeId) -> Result<NodeId, Error>,
) -> Result<Graph, Error> {
    let builder = GraphBuilder::new(name, channels)?;
    let mut layers = Layers { builder, count: 0 };
    let input = layers.builder.input();
    let output = add(&mut layers, input)?;
    layers.builder.build(output)
}

fn same(in_channels: usize, out_channels: usize, kernel_size: usize) -> Conv2d {
    Conv2d::new(in_channels, out_channels, kernel_size).padding(kernel_size / 2)
}

/// The second block of ResNet-34's second stage.
fn residual() -> Result<Graph, Error> {
    graph("residual", 128, |layers, input| {
        let maps = layers.conv(input, same(128, 128, 3))?;
        let maps = layers.conv(maps, same(128, 128, 3))?;
        layers.builder.sum("add", maps, input)
    })
}

/// The sixth layer of DenseNet-121's second block.
fn dense() -> Result<Graph, Error> {
    graph("dense", 288, |layers, input| {
        let maps = layers.conv(input, Conv2d::new(288, 128, 1))?;
        let maps = layers.conv(maps, same(128, 32, 3))?;
        layers.builder.concat("concat", &[input, maps])
    })
}

/// A block of Xception's middle flow.
fn separable() -> Result<Graph, Error> {
    graph("separable", 728, |layers, input| {
        let mut maps = input;
        for number in 0..3 {
            let depthwise = Conv2d::depthwise(728, 3).padding(1);
            maps = layers
                .builder
                .conv2d(format!("depthwise{number}"), maps, depthwise)?;
            maps = layers.conv(maps, Conv2d::new(728, 728, 1))?;
        }
        layers.builder.sum("add", maps, input)
    })
}

/// GoogLeNet's module 3a.
fn inception() -> Result<Graph, Error> {
    graph("inception", 192, |layers, input| {
        let one = layers.conv(input, Conv2d::new(192, 64, 1))?;
        let three = layers.conv(input, Conv2d::new(192, 96, 1))?;
        let three = layers.conv(three, same(96, 128, 3))?;
        let five = layers.conv(input, Conv2d::new(192, 16, 1))?;
        let five = layers.conv(five, same(16, 32, 3))?;
        let pool = MaxPool2d::new(3, 1).padded(Padding::equal(1));
        let pooled = layers.builder.max_pool2d("pool", input, pool)?;
        let pooled = layers.conv(pooled, Conv2d::new(192, 32, 1))?;
        layers.builder.concat("concat", &[one, three, five, pooled])
    })
}

/// Convolutions of 96 channels one after the other, as (height, width) of their kernels.
fn chain(name: &str, kernels: &[(usize, usize)]) -> Result<Graph, Error> {
    graph(name, 96, |layers, input| {
        kernels.iter().try_fold(input, |maps, &(height, width)| {
            let padding = Padding::Symmetric {
                height: height / 2,
                width: width / 2,
            };
            let conv = Conv2d::new(96, 96, 1).kernel_size(height, width).padded(padding);
            layers.conv(maps, conv)
        })
    })
}

fn depthwise_separable() -> Result<Graph, Error> {
    graph("3x3_separable", 96, |layers, input| {
        let depthwise = Conv2d::depthwise(96, 3).padding(1);
        let maps = layers.builder.conv2d("depthwise", input, depthwise)?;
        layers.conv(maps, Conv2d::new(96, 96, 1))
    })
}

fn bench(criterion: &mut Criterion, group: &str, side: usize, graphs: Vec<Result<Graph, Error>>) {
    let mut group = criterion.benchmark_group(group);
    group
        .sample_size(20)
        .sampling_mode(SamplingMode::Flat)
        .measurement_time(Duration::from_secs(4));
    for graph in graphs {
        let graph = graph.expect("a sound graph");
        let size = ImageSize::square(side);
        let multiply_adds = graph
            .summary(size)
            .expect("a map that is large enough")
            .multiply_adds();
        let shape = [BATCH, graph.input_channels(), side, side].map(|extent| extent as i64);
        let network = Network::new(graph, NetworkOptions::default()).expect("memory for a block");
        let maps = Tensor::rand(shape, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let name = network.graph().name();
        group.throughput(Throughput::Elements(multiply_adds * BATCH as u64));
        group.bench_function(format!("{name}/forward"), |bencher| {
            bencher
                .iter(|| tch::no_grad(|| black_box(network.forward(&maps, Mode::Evaluation).expect("maps"))));
        });
        group.bench_function(format!("{name}/forward_backward"), |bencher| {
            bencher.iter(|| {
                let output = network.forward(&maps, Mode::Training { step: 0 }).expect("maps");
                black_box(network.gradients(&output.sum(Kind::Float)).expect("gradients"))
            });
        });
    }
    group.finish();
}

fn blocks(criterion: &mut Criterion) {
    keep_freed_memory();
    bench(criterion, "block", 28, vec![residual(), dense(), inception()]);
    bench(criterion, "block", 14, vec![separable()]);
    let pairs = vec![
        chain("5x5", &[(5, 5)]),
        chain("two_3x3", &[(3, 3), (3, 3)]),
        chain("7x7", &[(7, 7)]),
        chain("1x7_7x1", &[(1, 7), (7, 1)]),
        chain("3x3", &[(3, 3)]),
        depthwise_separable(),
    ];
    bench(criterion, "factorisation", 35, pairs);
}

criterion_group!(benches, blocks);
criterion_main!(benches);
