//! Training of a network from nothing on a folder of photos.

use crate::run::{self, RunArguments, Start, Trained, stage};
use anyhow::Result;
use clap::Args;
use marque::torch::Network;
use marque::train::{Examples, FitConfig, Recipe, fit};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
        let start = Start::new(run, &self.arch, &self.recipe, Recipe::named)?;
        let mut network = Network::new(start.graph.clone(), run.options.network_options(&start))?;

        let facts = run.options.facts(&network, &start);
        let card = run::card(&network, &start, &facts);
        let config = FitConfig {
            stop,
            ..start.recipe.fit_config()
        };
        let mut stages = vec![stage("Preparing", start.seconds())];
        let mut observer = run::observer(run.model(), &card);
        let validation = start.data.validation.as_ref().map(Examples::Photos);
        let fitted = fit(
            &mut network,
            &start.data.train,
            validation,
            &config,
            &mut observer,
        )?;
        drop(observer);
        stages.push(stage(
            "Training and validation",
            start.seconds() - stages[0].seconds,
        ));
        Ok(Trained {
            title: format!("{} from scratch", self.arch),
            start,
            network,
            fitted,
            card,
            facts,
            stages,
        })
    }
}
