//! The loss around trained networks (Li et al. 2018, arXiv:1712.09913): a plane of two random directions, scaled filter by
//! filter, seen from above and from the side. Networks with and without shortcuts are drawn on one scale.
//!
//! `cargo run --release --example loss_landscape -- --data photos --out runs/loss_landscape`

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/processes.rs"]
mod processes;
#[path = "shared/study.rs"]
mod study;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use marque::arch::{ArchitectureOptions, architecture};
use marque::data::{Augment, BadFiles, Loader, LoaderConfig, Order};
use marque::model::read_model;
use marque::report::{
    ContourOptions, Grid, Scale, SurfaceOptions, Table, contour_chart, save_chart, save_table, surface_chart,
};
use marque::torch::Network;
use marque::train::{Direction, HeldPhotos, LossSurface, Prepared, Recipe, loss_surface};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use study::{Study, StudyArguments};
use terminal::{note, tell};

/// Draw the loss around networks with and without shortcuts.
#[derive(Parser, Debug)]
struct Arguments {
    #[command(flatten)]
    study: StudyArguments,
    /// A model that was trained at --image-size, as `degradation` writes it; may be given several times. Without any, those of --arch are
    /// trained.
    #[arg(long, value_name = "FILE")]
    model: Vec<PathBuf>,
    /// An architecture to train; may be given several times.
    #[arg(long, value_name = "NAME", default_values = ["resnet18", "plain18"])]
    arch: Vec<String>,
    /// Points along a side of the grid, odd, so that the network itself is one of them.
    #[arg(long, default_value_t = 21)]
    points: usize,
    /// How far the grid reaches; at 1 a step is as long as the weights.
    #[arg(long, default_value_t = 1.0)]
    reach: f64,
    /// Training photos on which the loss is measured.
    #[arg(long, default_value_t = 128)]
    photos: usize,
}

impl study::Arguments for Arguments {
    fn study(&mut self) -> &mut StudyArguments {
        &mut self.study
    }
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(|| study::ended(program()))
}

fn program() -> Result<()> {
    let arguments = <Arguments as study::Arguments>::of_this_process()?;
    let (points, reach) = (arguments.points, arguments.reach);
    ensure!(
        points >= 3 && points % 2 == 1,
        "--points: expected an odd number from 3, found {points}"
    );
    ensure!(
        reach > 0.0 && reach.is_finite(),
        "--reach: expected a positive number, found {reach}"
    );
    ensure!(arguments.photos >= 1, "--photos: expected at least 1, found 0");
    let (recipe, data) = arguments.study.prepare()?;
    let mut surfaces = Vec::new();
    let mut study = match arguments.model.is_empty() {
        true => Some(Study::begin(&arguments.study)?),
        false => None,
    };
    let networks = match &mut study {
        Some(study) => trained(&arguments, &recipe, &data, study)?,
        None => read(&arguments, &data)?,
    };
    for (name, mut network) in networks {
        note!("measuring {name}");
        let surface = measure(&mut network, &arguments, &data).with_context(|| format!("around {name}"))?;
        surfaces.push((name, surface));
    }
    draw(&arguments.study.out, &surfaces)?;
    study.map_or(Ok(()), Study::finish)
}

/// The networks of the model files, with their names.
fn read(arguments: &Arguments, data: &Prepared) -> Result<Vec<(String, Network)>> {
    let read = arguments.model.iter().map(|file| {
        let (card, weights) = read_model(file)?;
        ensure!(
            card.class_names == data.class_names,
            "{} knows the classes {:?}, the folder has {:?}",
            file.display(),
            card.class_names,
            data.class_names
        );
        let name = file.file_stem().context("a model without a name")?;
        let network = Network::with_weights(card.graph, &weights, arguments.study.network_options())?;
        Ok((name.to_string_lossy().into_owned(), network))
    });
    read.collect()
}

/// The networks, trained, with their names.
fn trained(
    arguments: &Arguments,
    recipe: &Recipe,
    data: &Prepared,
    study: &mut Study,
) -> Result<Vec<(String, Network)>> {
    let trained = arguments.arch.iter().map(|name| {
        note!("{name}");
        let num_classes = data.class_names.len();
        let graph = architecture(
            name,
            ArchitectureOptions {
                num_classes,
                ..Default::default()
            },
        )?;
        let mut network = Network::new(graph, arguments.study.network_options())?;
        study.fit(name, &mut network, data, &recipe.fit)?;
        Ok((name.clone(), network))
    });
    trained.collect()
}

fn measure(network: &mut Network, arguments: &Arguments, data: &Prepared) -> Result<LossSurface> {
    // Training photos without their random changes, mixed.
    let config = LoaderConfig {
        order: Order::Shuffled,
        seed: arguments.study.seed,
        bad_files: BadFiles::Skip,
        ..Default::default()
    };
    let loader = Loader::new(
        data.train.samples().to_vec(),
        data.preprocess.clone(),
        Augment::none(),
        config,
    )?;
    let photos = HeldPhotos::read(&loader, arguments.photos, network.device())?;
    let seed = arguments.study.seed;
    let directions = [
        Direction::random(network, seed)?,
        Direction::random(network, seed.wrapping_add(1))?,
    ];
    let half = (arguments.points / 2) as f64;
    let steps: Vec<f64> = (0..arguments.points)
        .map(|point| (point as f64 - half) / half * arguments.reach)
        .collect();
    Ok(loss_surface(
        network,
        &photos,
        [&directions[0], &directions[1]],
        &steps,
        &steps,
    )?)
}

/// Charts of all surfaces on one logarithmic scale, their tables, and a summary.
fn draw(out: &Path, surfaces: &[(String, LossSurface)]) -> Result<()> {
    let losses = surfaces
        .iter()
        .flat_map(|(_, surface)| surface.loss.iter().copied());
    let finite = losses.filter(|loss| loss.is_finite());
    let range = finite.fold((f64::INFINITY, 0.0), |range, loss| {
        (loss.min(range.0), loss.max(range.1))
    });
    let mut summary = Table::new(["network", "loss at the network", "lowest", "median", "highest"]);
    for (name, surface) in surfaces {
        charts(out, name, surface, range)?;
        let mut table = Table::new(["alpha", "beta", "loss", "accuracy"]);
        for ((row, column), loss) in surface.loss.indexed_iter() {
            let accuracy = surface.accuracy[[row, column]];
            let numbers = [surface.alpha[column], surface.beta[row], *loss, accuracy];
            table.push(numbers.map(|number| number.to_string()));
        }
        save_table(out, name, &table)?;
        let mut sorted: Vec<f64> = surface.loss.iter().copied().collect();
        let centre = sorted[sorted.len() / 2];
        sorted.sort_by(f64::total_cmp);
        let numbers = [
            centre,
            sorted[0],
            sorted[sorted.len() / 2],
            sorted[sorted.len() - 1],
        ];
        let numbers = numbers.map(|number| format!("{number:.3}"));
        summary.push(std::iter::once(name.clone()).chain(numbers));
    }
    save_table(out, "loss_landscape", &summary)?;
    tell!("{}", summary.to_string().trim_end());
    Ok(())
}

fn charts(out: &Path, name: &str, surface: &LossSurface, range: (f64, f64)) -> Result<()> {
    let grid = Grid {
        x: &surface.alpha,
        y: &surface.beta,
        values: surface.loss.view(),
    };
    let above = ContourOptions {
        title: format!("Loss around {name}"),
        x_label: "First direction α".to_owned(),
        y_label: "Second direction β".to_owned(),
        value_label: "Cross-entropy".to_owned(),
        scale: Scale::Log10,
        reaches: Some(range),
        ..Default::default()
    };
    save_chart(out, &format!("{name}-contour"), &contour_chart(&grid, &above)?)?;
    let side = SurfaceOptions {
        title: above.title,
        x_label: "α".to_owned(),
        y_label: "β".to_owned(),
        value_label: above.value_label,
        scale: above.scale,
        reaches: above.reaches,
        ..Default::default()
    };
    save_chart(out, &format!("{name}-surface"), &surface_chart(&grid, &side)?)?;
    Ok(())
}
