use crate::curve::Curve;
use crate::facts::{Facts, facts};
use crate::run::{Architecture, Photos, Run};
use crate::trained::stage;
use crate::weights::weights_file;
use crate::{Error, TrainedRun};
use marque_arch::{Graph, Summary, architecture};
use marque_data::check_output;
use marque_model::{ModelCard, save_model};
use marque_report::Fact;
use marque_torch::{Network, NetworkOptions};
use marque_train::{
    Event, Examples, FeatureConfig, Features, Observer, Prepared, Recipe, TrainedFrom, fine_tuning, prepare,
    prepare_images,
};
use marque_weights::{MatchPolicy, StateDict};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A run before its first step: photos, network and recipe are there.
#[derive(Debug)]
pub struct PreparedRun {
    pub(crate) begun: Instant,
    /// The recipe, with all decided that it left to the architecture.
    pub recipe: Recipe,
    /// The photos in their parts.
    pub data: Prepared,
    /// The network as it starts.
    pub network: Network,
    /// What the run's page tells of all this.
    pub facts: Vec<Fact>,
    pub(crate) title: String,
    pub(crate) out: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) command: Option<String>,
    /// Shapes and costs of the network.
    pub summary: Summary,
    pub(crate) drawing: String,
    features: Option<FeatureConfig>,
    with_curve: bool,
}

impl PreparedRun {
    pub(crate) fn new(run: Run, observer: &mut dyn Observer) -> Result<Self, Error> {
        let begun = Instant::now();
        let name = match &run.architecture {
            Architecture::Named(name) => name.clone(),
            Architecture::Given(graph) => graph.name().to_owned(),
        };
        let recipe = run.recipe.unwrap_or_else(|| match run.weights {
            Some(_) => Recipe::fast(),
            None => Recipe::scratch(),
        });
        let mut recipe = recipe.for_architecture(&name);
        recipe.validate()?;
        let base = match run.architecture {
            Architecture::Named(name) => architecture(&name, Default::default())?,
            Architecture::Given(graph) => graph,
        };
        let root = match &run.photos {
            Photos::Folder(folder) => folder.clone(),
            Photos::Listed(images) => images.root().to_owned(),
        };
        let out = run.out.unwrap_or_else(|| Path::new("runs").join(&name));
        let features = (run.max_feature_bytes > 0).then(|| FeatureConfig {
            folder: run.features.unwrap_or_else(|| out.join("features")),
            views: 1,
            max_bytes: run.max_feature_bytes,
        });
        if let Photos::Folder(folder) = &run.photos {
            check_output(&out, folder)?;
            if let Some(features) = &features {
                check_output(&features.folder, folder)?;
            }
        }
        // Hours later is no time to learn that they cannot be had.
        let weights = run
            .weights
            .map(|weights| weights_file(&weights, run.download_progress));
        let weights = weights.transpose()?;
        let data = match &run.photos {
            Photos::Folder(folder) => prepare(folder, &recipe.data, &run.prepare)?,
            Photos::Listed(images) => prepare_images(images, &recipe.data, &run.prepare)?,
        };
        observer.observe(&Event::Note(&data.inventory.to_string()))?;
        let graph = recipe.graph(&base, data.class_names.len())?;
        if weights.is_none() && !matches!(recipe.model.trained_from, TrainedFrom::Nodes(_)) {
            // What has learnt nothing is not worth keeping.
            recipe.model.trained_from = TrainedFrom::All;
        }
        let recipe = recipe.for_graph(&graph)?;
        let size = recipe.data.image_size;
        let (summary, drawing) = (graph.summary(size)?, graph.to_svg(size)?);
        let options = recipe.network_options(run.device, run.prepare.seed);
        let network = match &weights {
            Some(weights) => pretrained(weights, graph, options, observer)?,
            None => Network::new(graph, options)?,
        };
        let facts = facts(&Facts {
            recipe: &recipe,
            data: &data,
            network: &network,
            summary: &summary,
            weights: weights.as_deref(),
            seed: run.prepare.seed,
        })?;
        let lines = facts
            .iter()
            .map(|Fact { name, value }| format!("{name:<22} {value}"));
        observer.observe(&Event::Note(&lines.collect::<Vec<_>>().join("\n")))?;
        let title = match weights {
            Some(_) => format!("{name}, fine-tuned"),
            None => format!("{name} from scratch"),
        };
        Ok(Self {
            begun,
            recipe,
            data,
            network,
            facts,
            title,
            out,
            root,
            command: run.command,
            summary,
            drawing,
            features,
            with_curve: run.with_curve,
        })
    }

    /// What the model file says beside the weights.
    pub fn card(&self) -> ModelCard {
        let facts = self
            .facts
            .iter()
            .map(|fact| (fact.name.clone(), fact.value.clone()));
        ModelCard {
            graph: self.network.graph().clone(),
            class_names: self.data.class_names.clone(),
            preprocess: self.data.preprocess.clone(),
            mirrored: self.recipe.predict.mirrored,
            run: facts.collect(),
        }
    }

    /// Trains the network. Each time that it is better than ever before, the model file is written: whatever happens later,
    /// the best model so far is there.
    ///
    /// # Errors
    /// As [`marque_train::fine_tune()`], and [`Error::Report`] if the curve cannot be written.
    pub fn train(mut self, observer: &mut dyn Observer) -> Result<TrainedRun, Error> {
        let preparing = self.begun.elapsed().as_secs_f64();
        let card = self.card();
        let model = self.out.join("model.safetensors");
        // The prefix is frozen only now: what is kept of the test photos is that of the trained network, too.
        self.network.train_from(self.recipe.model.trained_from.nodes()?)?;
        let is_kept = self.features.is_some() && self.network.frozen_prefix().is_some();
        let test = match (&self.features, self.with_curve) {
            (Some(features), true) => {
                Features::compute(&self.network, &self.data.test, features, &mut |_| Ok(()))?
            }
            _ => None,
        };
        let test = test.map_or_else(|| Examples::from(&self.data.test), Examples::from);
        let mut watched = Watched {
            observer,
            model: &model,
            card: &card,
            curve: self.with_curve.then(|| Curve::new(self.begun, test)),
        };
        let features = self.features.as_ref();
        let mut training = fine_tuning(
            &mut self.network,
            &self.data,
            &self.recipe,
            features,
            &mut watched,
        )?;
        let outcome = training.run(&mut watched);
        let fitted = training.end(outcome)?;
        let curve = watched.curve;
        let fitting = self.begun.elapsed().as_secs_f64() - preparing;
        let training: f64 = fitted.history.epochs.iter().map(|epoch| epoch.seconds).sum();
        let mut stages = vec![stage("Preparing", preparing)];
        if is_kept {
            stages.push(stage("Outputs of the frozen layers", fitting - training));
        }
        stages.push(stage(
            "Training and validation",
            if is_kept { training } else { fitting },
        ));
        if let Some(curve) = &curve {
            curve.write(&self.out)?;
        }
        Ok(TrainedRun {
            run: self,
            fit: fitted,
            card,
            model,
            stages,
        })
    }
}

/// What happens while a run is trained.
struct Watched<'a> {
    observer: &'a mut dyn Observer,
    model: &'a Path,
    card: &'a ModelCard,
    curve: Option<Curve>,
}

impl Observer for Watched<'_> {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), marque_train::Error> {
        self.observer.observe(event)?;
        if let Event::Improved { weights, .. } = event {
            save_model(self.model, weights, self.card).map_err(marque_train::Error::observer)?;
        }
        match &mut self.curve {
            Some(curve) => curve.observe(event),
            None => Ok(()),
        }
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }
}

/// The network with the weights of a file, and first values where a new head is.
fn pretrained(
    path: &Path,
    graph: Graph,
    options: NetworkOptions,
    observer: &mut dyn Observer,
) -> Result<Network, Error> {
    let within = |source| Error::Weights {
        path: path.to_owned(),
        source,
    };
    let file = StateDict::read(path).map_err(within)?;
    let matched = file.matched_to(&graph, MatchPolicy::NewHead).map_err(within)?;
    observer.observe(&Event::Note(&matched.account.to_string()))?;
    Ok(Network::with_matched(graph, &matched, options)?)
}
