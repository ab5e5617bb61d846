//! Makes `weights/synthetic-cars.safetensors`: a residual network of eight layers for the synthetic cars, in half precision and small
//! enough to lie in the repository. Tests classify with it, and `cargo first-answer`.
//!
//! `cargo run --release --example small_model -- --out weights/synthetic-cars.safetensors`

#[path = "shared/processes.rs"]
mod processes;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use marque::arch::{Conv2d, Error as GraphError, Graph, GraphBuilder, ImageSize, Linear, NodeId, Op};
use marque::model::save_model;
use marque::run::Run;
use marque::synthetic::{CLASS_NAMES, PartCounts, SyntheticCars, write_folder};
use marque::train::{Progress, Recipe};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::tell;

/// Make the small model of the synthetic cars.
#[derive(Parser, Debug)]
struct Arguments {
    /// Where the model goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Training photos of each class.
    #[arg(long, default_value_t = 600)]
    train_per_class: u64,
    /// How often the training photos are gone through.
    #[arg(long, default_value_t = 20)]
    epochs: u32,
    /// Seed of everything random.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    processes::require_alone()?;
    let folder = tempfile::tempdir()?;
    let photos = folder.path().join("cars");
    let cars = SyntheticCars {
        seed: arguments.seed,
        ..SyntheticCars::default()
    };
    let classes = CLASS_NAMES.len() as u64;
    let counts = PartCounts {
        train: classes * arguments.train_per_class,
        test: classes * 100,
    };
    write_folder(&cars, counts, &photos)?;
    let mut recipe = Recipe::quick();
    recipe.data.image_size = ImageSize {
        height: 64,
        width: 96,
    };
    recipe.fit.epochs = arguments.epochs;
    let run = Run::on(&photos)
        .graph(small_resnet()?)
        .recipe(recipe)
        .seed(arguments.seed)
        .out(folder.path().join("run"))
        .start_with(&mut Progress::new())?;
    let weights = run.network.state_dict()?.to_half_precision()?;
    let mut card = run.card;
    // Where it was made is nobody's concern; how, its command says.
    card.run
        .retain(|name, _| ["marque_version", "seed"].contains(&name.as_str()));
    card.run.insert(
        "command".to_owned(),
        "cargo run --release --example small_model".to_owned(),
    );
    save_model(&arguments.out, &weights, &card)?;
    tell!(
        "{}\n{}: {} bytes",
        run.metrics.classification_report(),
        arguments.out.display(),
        std::fs::metadata(&arguments.out)?.len()
    );
    Ok(())
}

/// Three residual blocks between a convolution and a linear layer (He et al. 2016, as for CIFAR-10).
fn small_resnet() -> Result<Graph, GraphError> {
    let mut builder = GraphBuilder::new("resnet8-small", 3)?;
    let image = builder.input();
    let stem = builder.conv2d("conv1", image, Conv2d::new(3, 16, 3).stride(2).padding(1))?;
    let stem = builder.batch_norm2d("bn1", stem)?;
    let mut maps = builder.relu("relu", stem)?;
    for (layer, channels) in [(1, 16), (2, 32), (3, 64)] {
        maps = residual_block(&mut builder, &format!("layer{layer}"), maps, channels)?;
    }
    builder.mark_features(maps);
    let means = builder.add("avgpool", Op::GlobalAvgPool2d, &[maps])?;
    let vector = builder.add("flatten", Op::Flatten, &[means])?;
    let logits = builder.linear("fc", vector, Linear::new(64, CLASS_NAMES.len()))?;
    builder.build(logits)
}

fn residual_block(
    builder: &mut GraphBuilder,
    path: &str,
    input: NodeId,
    channels: usize,
) -> Result<NodeId, GraphError> {
    let arriving = builder.channels(input).unwrap_or(channels);
    let stride = if arriving == channels { 1 } else { 2 };
    let conv = |arriving, stride| Conv2d::new(arriving, channels, 3).stride(stride).padding(1);
    let maps = builder.conv2d(format!("{path}.conv1"), input, conv(arriving, stride))?;
    let maps = builder.batch_norm2d(format!("{path}.bn1"), maps)?;
    let maps = builder.relu(format!("{path}.relu1"), maps)?;
    let maps = builder.conv2d(format!("{path}.conv2"), maps, conv(channels, 1))?;
    let maps = builder.batch_norm2d(format!("{path}.bn2"), maps)?;
    let mut shortcut = input;
    if arriving != channels {
        let projection = Conv2d::new(arriving, channels, 1).stride(stride);
        shortcut = builder.conv2d(format!("{path}.downsample.0"), input, projection)?;
        shortcut = builder.batch_norm2d(format!("{path}.downsample.1"), shortcut)?;
    }
    let sum = builder.sum(format!("{path}.add"), maps, shortcut)?;
    builder.relu(format!("{path}.relu2"), sum)
}
