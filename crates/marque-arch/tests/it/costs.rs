//! Activation memory and receptive fields, against published values and a naive count.

use marque_arch::{
    ArchitectureOptions, AvgPool2d, Border, Conv2d, Error, Graph, GraphBuilder, ImageSize, MaxPool2d, NodeId,
    Op, Padding, Shape, architecture,
};
use proptest::prelude::*;

fn graph(name: &str) -> Graph {
    architecture(name, ArchitectureOptions::default()).unwrap()
}

fn side(graph: &Graph, node: &str) -> usize {
    let summary = graph.summary(ImageSize::square(224)).unwrap();
    let seen = summary.rows()[graph.find(node).unwrap().index()]
        .receptive_field
        .unwrap();
    assert_eq!(seen.height, seen.width);
    seen.height
}

/// The sum over layers of (kernel − 1) times the strides before them.
fn by_hand(layers: impl IntoIterator<Item = (usize, usize)>) -> usize {
    let (mut extent, mut jump) = (1, 1);
    for (kernel, stride) in layers {
        extent += (kernel - 1) * jump;
        jump *= stride;
    }
    extent
}

/// The path through a residual network that sees most: kernels and strides of one block, which depend on its own stride.
fn residual(blocks: [usize; 4], block: impl Fn(usize) -> Vec<(usize, usize)>) -> usize {
    let mut layers = vec![(7, 2), (3, 2)];
    for (stage, count) in blocks.into_iter().enumerate() {
        for index in 0..count {
            layers.extend(block(if stage > 0 && index == 0 { 2 } else { 1 }));
        }
    }
    by_hand(layers)
}

#[test]
fn receptive_fields_of_residual_networks_are_those_by_hand() {
    let basic = |stride| vec![(3, stride), (3, 1)];
    let middle = |stride| vec![(1, 1), (3, stride), (1, 1)];
    let first = |stride| vec![(1, stride), (3, 1), (1, 1)];
    for (name, expected, published) in [
        ("resnet18", residual([2, 2, 2, 2], basic), 435),
        ("resnet34", residual([3, 4, 6, 3], basic), 899),
        ("plain34", residual([3, 4, 6, 3], basic), 899),
        ("resnet50", residual([3, 4, 6, 3], middle), 427),
        ("resnet50-v1", residual([3, 4, 6, 3], first), 483),
        ("resnet101-v1", residual([3, 4, 23, 3], first), 1027),
        ("resnet152-v1", residual([3, 8, 36, 3], first), 1507),
    ] {
        let summary = graph(name).summary(ImageSize::square(224)).unwrap();
        assert_eq!(expected, published, "{name}");
        assert_eq!(
            summary.receptive_field(),
            Some(ImageSize::square(expected)),
            "{name}"
        );
    }
}

/// Araujo, Norris, Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks".
#[test]
fn receptive_fields_of_other_networks_are_the_published_ones() {
    let vgg = graph("vgg16");
    assert_eq!(side(&vgg, "features.29"), 196);
    assert_eq!(side(&vgg, "features.30"), 212);
    let inception = graph("inception_v3").summary(ImageSize::square(299)).unwrap();
    assert_eq!(inception.receptive_field(), Some(ImageSize::square(1311)));
}

#[test]
fn the_whole_image_is_seen_behind_global_layers() {
    let graph = graph("googlenet-aux");
    let summary = graph.summary(ImageSize::square(224)).unwrap();
    for (row, node) in summary.rows().iter().zip(graph.nodes()) {
        let beyond = node.name == "flatten"
            || ["aux", "avgpool", "dropout", "fc"]
                .iter()
                .any(|part| node.name.starts_with(part));
        assert_eq!(row.receptive_field.is_none(), beyond, "{}", node.name);
        assert_eq!(row.training_only, node.name.starts_with("aux"), "{}", node.name);
    }
}

#[test]
fn activations_take_four_bytes_a_value() {
    let mut builder = GraphBuilder::new("net", 3).unwrap();
    let maps = builder
        .conv2d("conv", builder.input(), Conv2d::new(3, 8, 3).stride(2))
        .unwrap();
    let maps = builder.relu("relu", maps).unwrap();
    let pooled = builder.add("pool", Op::GlobalAvgPool2d, &[maps]).unwrap();
    let graph = builder.build(pooled).unwrap();
    let size = ImageSize { height: 9, width: 5 };
    let summary = graph.summary(size).unwrap();
    let bytes: Vec<u64> = summary.rows().iter().map(|row| row.activation_bytes).collect();
    // 3×9×5, twice 8×4×2, 8×1×1.
    assert_eq!(bytes, [540, 256, 256, 32]);
    assert_eq!(summary.activation_bytes(), 1084);
    assert_eq!(summary.largest_activation().unwrap().name, "input");
    assert_eq!(summary.receptive_field(), None);
    assert_eq!(summary.rows()[2].receptive_field, Some(ImageSize::square(3)));
}

#[test]
fn the_first_of_equally_large_nodes_is_named() {
    let graph = graph("resnet18");
    let summary = graph.summary(ImageSize::square(224)).unwrap();
    assert_eq!(summary.largest_activation().unwrap().name, "conv1");
}

/// Pixels along one direction, a bit for each.
type Pixels = [u64; 6];
const SIDE: usize = 64 * 6;

/// Rows or columns: the extent and the border before the map in that direction.
type Axis = (fn(ImageSize) -> usize, fn(Border) -> usize);
const ROWS: Axis = (|size| size.height, |border| border.top);
const COLUMNS: Axis = (|size| size.width, |border| border.left);

/// Where the taps of an output's place lie in the map that arrives.
struct Taps {
    count: usize,
    dilation: usize,
    stride: usize,
    border: usize,
}

impl Taps {
    fn new(op: &Op, arriving: ImageSize, (extent, before): Axis) -> Self {
        let (count, dilation, stride) = match op {
            Op::Conv2d(conv) => (extent(conv.kernel_size), conv.dilation, conv.stride),
            Op::MaxPool2d(pool) => (pool.kernel_size, 1, pool.stride),
            Op::AvgPool2d(pool) => (pool.kernel_size, 1, pool.stride),
            Op::Subsample { stride } => (1, 1, *stride),
            _ => (1, 1, 1),
        };
        let border = op.window().and_then(|window| window.border(arriving));
        Self {
            count,
            dilation,
            stride,
            border: border.map_or(0, before),
        }
    }

    /// The pixels that change any of the taps in `map`.
    fn pixels(&self, map: &[Pixels], place: usize) -> Pixels {
        let mut pixels = Pixels::default();
        for tap in 0..self.count {
            let position = (place * self.stride + tap * self.dilation).checked_sub(self.border);
            if let Some(more) = position.and_then(|position| map.get(position)) {
                join(&mut pixels, more);
            }
        }
        pixels
    }
}

fn join(pixels: &mut Pixels, more: &Pixels) {
    for (word, more) in pixels.iter_mut().zip(more) {
        *word |= more;
    }
}

/// For every place of every node's output, the pixels that change it.
fn influences(graph: &Graph, axis: Axis) -> Vec<Vec<Pixels>> {
    let shapes = graph.shapes(ImageSize::square(SIDE)).unwrap();
    let size = |node: usize| match shapes[node] {
        Shape::Map { size, .. } => size,
        Shape::Vector { .. } => panic!("only maps are counted"),
    };
    let pixel = |place: usize| std::array::from_fn(|word| u64::from(place / 64 == word) << (place % 64));
    let mut all: Vec<Vec<Pixels>> = vec![(0..SIDE).map(pixel).collect()];
    for (index, node) in graph.nodes().iter().enumerate().skip(1) {
        let mut output = vec![Pixels::default(); axis.0(size(index))];
        for input in &node.inputs {
            let taps = Taps::new(&node.op, size(input.index()), axis);
            for (place, pixels) in output.iter_mut().enumerate() {
                join(pixels, &taps.pixels(&all[input.index()], place));
            }
        }
        all.push(output);
    }
    all
}

/// From the first to the last pixel.
fn extent(pixels: Pixels) -> usize {
    let set: Vec<usize> = (0..SIDE)
        .filter(|place| pixels[place / 64] >> (place % 64) & 1 == 1)
        .collect();
    set.last().unwrap() - set[0] + 1
}

/// One step of a random network.
#[derive(Debug, Clone)]
struct Step {
    choice: u8,
    kernel: [usize; 2],
    stride: usize,
    dilation: usize,
}

impl Step {
    fn conv(&self) -> Conv2d {
        Conv2d {
            dilation: self.dilation,
            ..Conv2d::new(2, 2, 1).kernel_size(self.kernel[0], self.kernel[1])
        }
    }

    /// Adds the step; sizes stay equal where branches meet.
    fn add(&self, builder: &mut GraphBuilder, name: &str, maps: NodeId) -> Result<NodeId, Error> {
        let stride = self.stride;
        match self.choice {
            0 => builder.conv2d(name, maps, self.conv().stride(stride).padding(1)),
            1 => builder.conv2d(name, maps, self.conv().stride(stride).padded(Padding::Same)),
            2 => builder.max_pool2d(name, maps, MaxPool2d::new(self.kernel[0], stride).ceil_mode()),
            3 => {
                let pool = AvgPool2d {
                    kernel_size: self.kernel[1],
                    stride,
                    padding: self.kernel[1] / 2,
                };
                builder.avg_pool2d(name, maps, pool)
            }
            4 => builder.add(name, Op::Subsample { stride }, &[maps]),
            5 => self.add_residual(builder, name, maps),
            _ => {
                // The wider branch looks to the right, the other one straight ahead.
                let halves = [4, 1].map(|side| Conv2d::new(2, 1, side).stride(stride).padded(Padding::Same));
                let [wide, narrow] = halves;
                let wide = builder.conv2d(format!("{name}.wide"), maps, wide)?;
                let narrow = builder.conv2d(format!("{name}.narrow"), maps, narrow)?;
                builder.concat(name, &[wide, narrow])
            }
        }
    }

    fn add_residual(&self, builder: &mut GraphBuilder, name: &str, maps: NodeId) -> Result<NodeId, Error> {
        let [height, width] = self.kernel.map(|taps| taps / 2);
        let conv = self.conv().kernel_size(2 * height + 1, 2 * width + 1);
        let padding = Padding::Symmetric {
            height: height * self.dilation,
            width: width * self.dilation,
        };
        let branch = builder.conv2d(format!("{name}.conv"), maps, conv.padded(padding))?;
        builder.sum(name, maps, branch)
    }
}

fn step() -> impl Strategy<Value = Step> {
    (0u8..7, [1usize..6, 1usize..6], 1usize..3, 1usize..3).prop_map(|(choice, kernel, stride, dilation)| {
        Step {
            choice,
            kernel,
            stride,
            dilation,
        }
    })
}

proptest! {
    /// In the middle of an image that is larger than any field, the pixels that change a value lie as far apart as the
    /// summary says.
    #[test]
    fn receptive_fields_are_those_of_a_naive_count(
        steps in prop::collection::vec(step(), 1..5)
    ) {
        let mut builder = GraphBuilder::new("net", 2).unwrap();
        let mut maps = builder.input();
        for (index, step) in steps.into_iter().enumerate() {
            maps = step.add(&mut builder, &format!("step{index}"), maps).unwrap();
        }
        let graph = builder.build(maps).unwrap();
        let summary = graph.summary(ImageSize::square(SIDE)).unwrap();
        let (rows, columns) = (influences(&graph, ROWS), influences(&graph, COLUMNS));
        for (index, row) in summary.rows().iter().enumerate() {
            let seen = row.receptive_field.unwrap();
            prop_assert!(seen.height.max(seen.width) < SIDE / 2);
            let (down, across) = (&rows[index], &columns[index]);
            prop_assert_eq!(seen.height, extent(down[down.len() / 2]), "{}", &row.name);
            prop_assert_eq!(seen.width, extent(across[across.len() / 2]), "{}", &row.name);
        }
    }
}
