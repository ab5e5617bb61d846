//! How far gradients reach at initialisation: the size of every layer's gradient in deep chains, with and without
//! shortcuts, with sigmoids and rectifiers, with and without batch norm; and the products 0.6ⁿ and 1.6ⁿ.
//!
//! `cargo run --release --example gradient_flow -- --out runs/gradient_flow`

#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use marque::arch::{Conv2d, Graph, GraphBuilder, Linear, NodeId, Op};
use marque::data::{ImageSize, Preprocess};
use marque::report::{AxisOptions, LineChart, Series, Table, save_chart, save_table};
use marque::synthetic::{CLASS_NAMES, SyntheticCars};
use marque::torch::{Device, Network, NetworkOptions, Tensor, tch, tensor_from_images};
use ndarray::{Axis, stack};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::tell;

/// Measure the gradient of every layer of deep chains at initialisation.
#[derive(Parser, Debug)]
struct Arguments {
    /// Where charts and tables go.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Convolutions of a chain.
    #[arg(long, default_value_t = 30)]
    depth: usize,
    /// Channels of each convolution.
    #[arg(long, default_value_t = 32)]
    width: usize,
    /// Height and width of the photos in pixels.
    #[arg(long, default_value_t = 32)]
    image_size: u32,
    /// Photos of synthetic cars in the batch.
    #[arg(long, default_value_t = 32)]
    batch_size: u64,
    /// What first values and photos are drawn from.
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

/// What a chain is made of.
struct Chain {
    name: &'static str,
    shortcuts: bool,
    batch_norm: bool,
    activation: Op,
}

impl Chain {
    fn all() -> [Chain; 8] {
        let chain = |name, shortcuts, batch_norm, activation| Chain {
            name,
            shortcuts,
            batch_norm,
            activation,
        };
        [
            chain("plain; sigmoid", false, false, Op::Sigmoid),
            chain("plain; sigmoid; batch norm", false, true, Op::Sigmoid),
            chain("plain; ReLU", false, false, Op::Relu),
            chain("plain; ReLU; batch norm", false, true, Op::Relu),
            chain("residual; sigmoid", true, false, Op::Sigmoid),
            chain("residual; sigmoid; batch norm", true, true, Op::Sigmoid),
            chain("residual; ReLU", true, false, Op::Relu),
            chain("residual; ReLU; batch norm", true, true, Op::Relu),
        ]
    }

    /// Layers are norm → activation → convolution, as in He et al. 2016 (arXiv:1603.05027), so that nothing lies on the way
    /// of a shortcut; the first one sees the photo itself.
    fn graph(&self, depth: usize, width: usize) -> Result<Graph> {
        let mut builder = GraphBuilder::new(self.name, 3)?;
        let mut maps = builder.input();
        for layer in 1..=depth {
            let entering = if layer == 1 {
                maps
            } else {
                self.activated(&mut builder, maps, layer)?
            };
            let channels = if layer == 1 { 3 } else { width };
            let conv = Conv2d::new(channels, width, 3).padding(1);
            let made = builder.conv2d(format!("conv{layer}"), entering, conv)?;
            let around = self.shortcuts && layer > 1;
            maps = if around {
                builder.sum(format!("add{layer}"), made, maps)?
            } else {
                made
            };
        }
        let pooled = builder.add("pool", Op::GlobalAvgPool2d, &[maps])?;
        let features = builder.add("flatten", Op::Flatten, &[pooled])?;
        let logits = builder.linear("fc", features, Linear::new(width, CLASS_NAMES.len()))?;
        Ok(builder.build(logits)?)
    }

    fn activated(&self, builder: &mut GraphBuilder, mut maps: NodeId, layer: usize) -> Result<NodeId> {
        if self.batch_norm {
            maps = builder.batch_norm2d(format!("norm{layer}"), maps)?;
        }
        Ok(builder.add(format!("activation{layer}"), self.activation.clone(), &[maps])?)
    }

    /// Root mean square of the gradient of each convolution's weights, first layer first.
    fn gradients(&self, arguments: &Arguments, (images, labels): &(Tensor, Tensor)) -> Result<Vec<f64>> {
        let graph = self.graph(arguments.depth, arguments.width)?;
        let network = Network::new(
            graph,
            NetworkOptions {
                seed: arguments.seed,
                ..Default::default()
            },
        )?;
        let logits = network.forward_training(images, 0)?.logits;
        let mean = tch::Reduction::Mean;
        let loss = logits.f_cross_entropy_loss(labels, None::<&Tensor>, mean, -100, 0.0)?;
        let gradients = network.gradients(&loss)?;
        let size = |layer| {
            let gradient = gradients
                .get(&format!("conv{layer}.weight"))
                .context("a layer without gradient")?;
            // In double precision: the squares of vanished gradients are below the smallest single.
            let squares = gradient.f_to_kind(tch::Kind::Double)?.f_square()?;
            Ok(squares.f_mean(tch::Kind::Double)?.f_double_value(&[])?.sqrt())
        };
        (1..=arguments.depth).map(size).collect()
    }
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(
        arguments.depth >= 2,
        "--depth: expected at least 2, found {}",
        arguments.depth
    );
    ensure!(
        arguments.batch_size >= 2,
        "--batch-size: expected at least 2, found {}",
        arguments.batch_size
    );
    let batch = cars(&arguments)?;
    let chains = Chain::all();
    let measured = chains
        .iter()
        .map(|chain| chain.gradients(&arguments, &batch).context(chain.name));
    let measured: Vec<Vec<f64>> = measured.collect::<Result<_>>()?;
    let mut table = Table::new(std::iter::once("layer").chain(chains.iter().map(|chain| chain.name)));
    for layer in 0..arguments.depth {
        let sizes = measured.iter().map(|sizes| format!("{:e}", sizes[layer]));
        table.push(std::iter::once((layer + 1).to_string()).chain(sizes));
    }
    save_table(&arguments.out, "gradient_flow", &table)?;
    let series = chains
        .iter()
        .zip(&measured)
        .map(|(chain, sizes)| numbered(chain.name, sizes));
    let chart = LineChart {
        title: "Gradients at initialisation".to_owned(),
        x: AxisOptions::linear("Layer, from the image"),
        y: AxisOptions::log10("Gradient of a weight (root mean square)"),
        series: series.collect(),
    };
    save_chart(&arguments.out, "gradient_flow", &chart.draw())?;
    let mut ends = Table::new(["chain", "first layer", "last layer", "first / last"]);
    for (chain, sizes) in chains.iter().zip(&measured) {
        let (first, last) = (sizes[0], sizes[arguments.depth - 1]);
        ends.push([
            chain.name.to_owned(),
            format!("{first:.2e}"),
            format!("{last:.2e}"),
            format!("{:.2e}", first / last),
        ]);
    }
    products(&arguments)?;
    tell!("{}", ends.to_string().trim_end());
    Ok(())
}

/// A batch of synthetic cars, each channel brought to about −2…2, and its labels.
fn cars(arguments: &Arguments) -> Result<(Tensor, Tensor)> {
    let size = arguments.image_size;
    let cars = SyntheticCars {
        seed: arguments.seed,
        image_size: (size, size),
    };
    cars.validate()?;
    let preprocess = Preprocess {
        image_size: ImageSize::square(size as usize),
        ..Default::default()
    };
    let photos: Vec<_> = (0..arguments.batch_size)
        .map(|index| preprocess.tensor(&cars.render(index)))
        .collect();
    let views: Vec<_> = photos.iter().map(|photo| photo.view()).collect();
    let images = tensor_from_images(stack(Axis(0), &views)?.view(), Device::Cpu)?;
    let labels: Vec<i64> = (0..arguments.batch_size)
        .map(|index| cars.label(index) as i64)
        .collect();
    Ok((images, Tensor::f_from_slice(&labels)?))
}

/// The arithmetic of vanishing and exploding products.
fn products(arguments: &Arguments) -> Result<()> {
    let powers = |base: f64| (1..=15).map(|n| base.powi(n)).collect::<Vec<_>>();
    let (small, large) = (powers(0.6), powers(1.6));
    let mut table = Table::new(["n", "0.6^n", "1.6^n"]);
    for (index, (small, large)) in small.iter().zip(&large).enumerate() {
        table.push([
            (index + 1).to_string(),
            format!("{small:.6}"),
            format!("{large:.3}"),
        ]);
    }
    save_table(&arguments.out, "products", &table)?;
    let chart = LineChart {
        title: "A factor per layer".to_owned(),
        x: AxisOptions::linear("Layers n"),
        y: AxisOptions::log10("Product"),
        series: vec![numbered("0.6ⁿ", &small), numbered("1.6ⁿ", &large)],
    };
    save_chart(&arguments.out, "products", &chart.draw())?;
    Ok(())
}

/// A line through values at 1, 2, 3 and so on.
fn numbered(name: &str, values: &[f64]) -> Series {
    Series::new(
        name,
        values
            .iter()
            .enumerate()
            .map(|(index, &value)| ((index + 1) as f64, value)),
    )
}
