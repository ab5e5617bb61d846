//! The kernels that networks spend their time in, one by one and on one thread: multiply-adds per second, counted as in the definition
//! of a convolution, beside the peak of the processor's units, which is printed first.
//!
//! `cargo bench --no-default-features --features infer --bench kernels -- winograd`
//!
//! Weights and maps of a kernel that runs by itself stay in caches: in a network it is slower. `inspect --plan` measures that.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use marque::kernels::{
    Activation, Bf16, Bias, Buffer, Depthwise, DepthwiseFilters, DepthwiseGradient, Direct, DirectOperands,
    DirectOptions, Epilogue, Executor, FilterOrder, FilterShape, Filters, InstructionSet, Layout, Maps,
    MapsMut, Numbers, NumbersMut, Prologue, Rates, Source, Threads, Window, Winograd, WinogradFilters,
    WinogradOperands, WinogradOptions,
};
use std::hint::black_box;
use std::io::Write;

/// A convolution of maps of one size: input channels, output channels, side of the map, side of the filter, stride.
type Case = (usize, usize, usize, usize, usize);

const DIRECT: [Case; 8] = [
    (64, 256, 56, 1, 1),
    (256, 128, 28, 1, 1),
    (1024, 256, 14, 1, 1),
    (728, 728, 14, 1, 1),
    (512, 2048, 7, 1, 1),
    (64, 64, 56, 3, 1),
    (128, 256, 28, 3, 2),
    (512, 512, 7, 3, 1),
];
const WINOGRAD: [(usize, usize); 4] = [(64, 56), (128, 28), (256, 14), (512, 7)];
const DEPTHWISE: [(usize, usize); 3] = [(128, 112), (256, 56), (728, 14)];

fn executors() -> Vec<Executor> {
    InstructionSet::available()
        .filter_map(|set| Executor::new(set, Threads::new(1)).ok())
        .collect()
}

fn maps(channels: usize, side: usize) -> Layout {
    Layout {
        batch: 1,
        channels,
        height: side,
        width: side,
    }
}

fn filled(len: usize) -> Buffer {
    let mut buffer = Buffer::zeroed(len).expect("memory");
    for (index, value) in buffer.iter_mut().enumerate() {
        *value = (index % 17) as f32 / 17.0 - 0.5;
    }
    buffer
}

/// Border that leaves a map with stride 1 its size.
fn window(kernel: usize, stride: usize) -> Window {
    Window {
        stride,
        border: [kernel / 2; 2],
        ..Window::square(kernel)
    }
}

fn peaks(_: &mut Criterion) {
    let mut output = std::io::stdout().lock();
    for executor in executors() {
        let rates = Rates::measure(&executor).expect("memory");
        let (set, peak, bytes) = (executor.instruction_set(), rates.multiply_adds, rates.bytes);
        let line = format!("{set}: peak {peak:.1}·10⁹ multiply-adds/s, {bytes:.1} GB/s");
        // Criterion itself prints; a closed pipe ends its lines, too.
        let _ = writeln!(output, "{line}");
    }
}

fn direct(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("direct");
    for executor in executors() {
        for (arriving, leaving, side, kernel, stride) in DIRECT {
            let (from, into) = (maps(arriving, side), maps(leaving, side.div_ceil(stride)));
            let shape = FilterShape {
                in_channels: arriving,
                out_channels: leaving,
                kernel: [kernel; 2],
                groups: 1,
            };
            let options = DirectOptions {
                shape,
                order: FilterOrder::Blocked,
                window: window(kernel, stride),
                from,
                into,
                has_prologue: false,
            };
            let convolution = Direct::new(options, &executor).expect("shapes that fit");
            let weight = filled(shape.len());
            let filters = Filters::pack(shape, options.order, (&weight[..]).into(), &executor)
                .expect("shapes that fit");
            let (input, bias) = (filled(from.len()), Bias::zeros(leaving).expect("memory"));
            let (mut output, mut scratch) = (filled(into.len()), filled(convolution.scratch_len(&executor)));
            group.throughput(Throughput::Elements((into.pixels() * shape.len()) as u64));
            let case = format!("{kernel}x{kernel}/{stride} {arriving}->{leaving} {side}²");
            let id = BenchmarkId::new(executor.instruction_set().name(), case);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let operands = DirectOperands {
                        filters: &filters,
                        prologue: Prologue::None,
                        source: Source::Maps(Maps::new(from, black_box(&input)).expect("as many")),
                        epilogue: Epilogue {
                            bias: &bias,
                            addend: None,
                            activation: Activation::Relu,
                        },
                    };
                    let output = MapsMut::new(into, &mut output).expect("as many");
                    convolution
                        .run(&executor, operands, output, &mut scratch)
                        .expect("shapes that fit");
                });
            });
        }
    }
}

fn winograd(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("winograd");
    for executor in executors() {
        for ((channels, side), tile) in WINOGRAD
            .into_iter()
            .flat_map(|case| [2, 4, 6].map(|tile| (case, tile)))
        {
            let layout = maps(channels, side);
            let shape = FilterShape {
                in_channels: channels,
                out_channels: channels,
                kernel: [3; 2],
                groups: 1,
            };
            let options = WinogradOptions {
                tile,
                border: [1, 1],
                from: layout,
                into: layout,
            };
            let convolution = Winograd::new(options, &executor).expect("shapes that fit");
            let weight = filled(shape.len());
            let filters =
                WinogradFilters::pack(shape, tile, (&weight[..]).into(), &executor).expect("shapes that fit");
            let (input, bias) = (filled(layout.len()), Bias::zeros(channels).expect("memory"));
            let (mut output, mut scratch) =
                (filled(layout.len()), filled(convolution.scratch_len(&executor)));
            group.throughput(Throughput::Elements((layout.pixels() * shape.len()) as u64));
            let case = format!("F({tile}) {channels} {side}²");
            let id = BenchmarkId::new(executor.instruction_set().name(), case);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let operands = WinogradOperands {
                        filters: &filters,
                        input: Maps::new(layout, black_box(&input)).expect("as many"),
                        epilogue: Epilogue {
                            bias: &bias,
                            addend: None,
                            activation: Activation::Relu,
                        },
                    };
                    let output = MapsMut::new(layout, &mut output).expect("as many");
                    convolution
                        .run(&executor, operands, output, &mut scratch)
                        .expect("shapes that fit");
                });
            });
        }
    }
}

fn depthwise(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("depthwise");
    for executor in executors() {
        for (channels, side) in DEPTHWISE {
            let layout = maps(channels, side);
            let weight = filled(channels * 9);
            let filters =
                DepthwiseFilters::pack(channels, [3; 2], (&weight[..]).into()).expect("shapes that fit");
            let (input, bias) = (filled(layout.len()), Bias::zeros(channels).expect("memory"));
            let mut output = filled(layout.len());
            group.throughput(Throughput::Elements((layout.pixels() * channels * 9) as u64));
            let id = BenchmarkId::new(
                executor.instruction_set().name(),
                format!("3x3 {channels} {side}²"),
            );
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let depthwise = Depthwise {
                        filters: &filters,
                        bias: &bias,
                        window: window(3, 1),
                        rectify_input: false,
                        activation: Activation::Identity,
                    };
                    let maps = Maps::new(layout, black_box(&input)).expect("as many");
                    let output = MapsMut::new(layout, &mut output).expect("as many");
                    executor
                        .depthwise(depthwise, maps, output)
                        .expect("shapes that fit");
                });
            });
        }
    }
}

/// Channels, side of the map, taps, stride: EfficientNet-Lite0's that LibTorch is slowest at.
const GRADIENTS: [(usize, usize, usize, usize); 4] =
    [(96, 64, 3, 2), (144, 32, 5, 2), (240, 16, 5, 1), (672, 8, 5, 1)];

/// Gradients of the input and of the filters of a depthwise convolution, both for one image in bfloat16.
fn depthwise_gradient(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("depthwise_gradient");
    for set in InstructionSet::available() {
        for (channels, side, taps, stride) in GRADIENTS {
            let (size, outputs) = ([side; 2], [side.div_ceil(stride); 2]);
            let gradient = DepthwiseGradient::new(set, channels, window(taps, stride), size, outputs)
                .expect("a window that there is a kernel for");
            let map = |side: usize| vec![Bf16::nearest(0.5); side * side * channels];
            let (image, slopes, mut result) = (map(side), map(outputs[0]), map(side));
            let weights = vec![0.5; taps * taps * channels];
            let mut of_weights = weights.clone();
            let count = outputs[0] * outputs[1] * channels * taps * taps;
            group.throughput(Throughput::Elements(count as u64));
            let case = format!("{taps}x{taps}/{stride} {channels} {side}²");
            group.bench_function(BenchmarkId::new(format!("{set}/input"), &case), |bencher| {
                bencher.iter(|| {
                    let result = NumbersMut::Bf16(&mut result);
                    gradient
                        .of_input(Numbers::Bf16(black_box(&slopes)), &weights, result)
                        .expect("maps that fit");
                });
            });
            group.bench_function(BenchmarkId::new(format!("{set}/weights"), &case), |bencher| {
                bencher.iter(|| {
                    let maps = (Numbers::Bf16(black_box(&image)), Numbers::Bf16(&slopes));
                    gradient
                        .of_weights(maps.0, maps.1, &mut of_weights)
                        .expect("maps that fit");
                });
            });
        }
    }
}

criterion_group!(benches, peaks, direct, winograd, depthwise, depthwise_gradient);
criterion_main!(benches);
