//! An observer and a metric of one's own: a run that says how hard it is pulled at, and a page with a number more.
//!
//! `cargo run --release --example observe -- --data photos --out runs/observed`

#[path = "shared/processes.rs"]
mod processes;
#[path = "shared/terminal.rs"]
mod terminal;

use anyhow::Result;
use clap::Parser;
use marque::report::Fact;
use marque::run::Run;
use marque::train::{Error, Event, Observer, Progress, Recipe};
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::{note, tell};

/// Train a network before the eyes of an observer, and put a metric on the page of the run.
#[derive(Parser, Debug)]
struct Arguments {
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*, or a list of photos: CSV, TSV or a JSON object a line.
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    data: Option<PathBuf>,
    /// Where the run folder goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A setting of the recipe, such as fit.epochs=2; may be given again.
    #[arg(long, value_name = "SETTING=VALUE", conflicts_with = "resume")]
    set: Vec<String>,
    /// Go on with the run in the folder of --out.
    #[arg(long, conflicts_with = "data")]
    resume: bool,
}

/// Remembers the largest gradient of each epoch: where it is many times the others, a lower learning rate is worth a try.
#[derive(Default)]
struct LargestGradient {
    step: usize,
    norm: f64,
}

impl Observer for LargestGradient {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::Step(step) if step.gradient_norm > Some(self.norm) => {
                (self.step, self.norm) = (step.step, step.gradient_norm.unwrap_or_default());
            }
            Event::EpochEnd { .. } => {
                note!(
                    "           largest gradient {:.2}, in step {}",
                    self.norm,
                    self.step
                );
                *self = Self::default();
            }
            _ => {}
        }
        Ok(())
    }

    fn wants_gradient_norm(&self) -> bool {
        true
    }
}

fn main() -> ExitCode {
    marque::torch::wait_briefly();
    terminal::run(program)
}

fn program() -> Result<()> {
    let arguments = Arguments::parse();
    processes::require_alone()?;
    let run = match &arguments.data {
        Some(data) => {
            let mut recipe = Recipe::quick();
            for assignment in &arguments.set {
                recipe = recipe.with(assignment)?;
            }
            Run::on(data)
                .architecture("resnet18")
                .recipe(recipe)
                .out(&arguments.out)
                .command(terminal::command())
        }
        None => Run::resume(&arguments.out)?,
    };
    let mut observer = (Progress::new(), LargestGradient::default());
    let trained = run.prepare(&mut observer)?.train(&mut observer)?;
    let mut tested = trained.test(&mut observer)?;
    // Between the test and the page there is room for whatever one wants to know.
    let recalls = tested.report.metrics.per_class.iter().map(|class| class.recall);
    let mean = geometric_mean(&recalls.collect::<Vec<_>>());
    let fact = Fact::new("Geometric mean of recalls", format!("{mean:.3}"));
    tested.report.facts.push(fact);
    let done = tested.write()?;
    tell!(
        "geometric mean of recalls {mean:.3}\n{}",
        done.files.report_html.display()
    );
    Ok(())
}

/// Kubat and Matwin 1997: unlike accuracy it is 0 as soon as one class is never recognised.
fn geometric_mean(recalls: &[f64]) -> f64 {
    let logarithms: f64 = recalls.iter().map(|recall| recall.ln()).sum();
    (logarithms / recalls.len() as f64).exp()
}
