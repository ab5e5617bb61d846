//! The kernels that networks spend their time in, one by one and on one thread: multiply-adds per second, counted as in the definition
//! of a convolution, beside the peak of the processor's units, which is printed first.
//!
//! `cargo bench --no-default-features --features infer --bench kernels -- winograd`
//!
//! Weights and maps of a kernel that runs by itself stay in caches: in a network it is slower. `inspect --plan` measures that.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use marque::kernels::{
    Activation, Bias, Buffer, Depthwise, DepthwiseFilters, Direct, DirectOperands, DirectOptions, Epilogue,
    Executor, FilterOrder, FilterShape, Filters, InstructionSet, Layout, Maps, MapsMut, Prologue, Rates,
    Source, Threads, Window, Winograd, WinogradFilters, WinogradOperands, WinogradOptions,
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

criterion_group!(benches, peaks, direct, winograd, depthwise);
criterion_main!(benches);
