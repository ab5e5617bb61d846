//! Training of a network from nothing on a folder of photos.

use crate::run::{self, Plan, RunArguments, Trained};
use anyhow::Result;
use clap::Args;
use marque::torch::Network;
use marque::train::{Examples, FitConfig, Recipe, fit, prepare};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Flags of training from nothing.
#[derive(Args, Debug)]
pub(crate) struct ScratchArguments {
    /// An architecture's name, such as resnet18, resnet34, resnet50, plain34 or resnet34-subject.
    #[arg(long, default_value = "resnet34")]
    pub(crate) arch: String,
    /// How to train: `subject`, `scratch`, `quick`, or a file such as the recipe.json of a run.
    #[arg(long, default_value = "scratch")]
    pub(crate) recipe: String,
}

impl ScratchArguments {
    /// Trains the network that the flags name.
    pub(crate) fn train(&self, run: &RunArguments, stop: Arc<AtomicBool>) -> Result<Trained> {
        let start = Instant::now();
        let arch = &self.arch;
        let device = run.options.start()?;
        let recipe = run.options.recipe(&self.recipe, Recipe::named)?;
        let data = prepare(&run.data, &recipe, &run.options.prepare_config())?;
        let Plan {
            graph,
            summary,
            drawing,
        } = Plan::new(arch, &recipe, &data)?;
        let mut network = Network::new(graph, run.options.network_options(device, &recipe))?;

        let facts = run.options.facts(&network, &summary, &recipe, &data);
        let card = run::card(&network, &data, &recipe, &facts);
        let config = FitConfig {
            stop,
            ..recipe.fit_config()
        };
        let mut observer = run::observer(run.model(), &card);
        let validation = data.validation.as_ref().map(Examples::Photos);
        let fitted = fit(&mut network, &data.train, validation, &config, &mut observer)?;
        drop(observer);
        Ok(Trained {
            title: format!("{arch} from scratch"),
            network,
            drawing,
            data,
            recipe,
            fitted,
            card,
            facts,
            start,
        })
    }
}
