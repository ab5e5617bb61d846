use crate::curve::Curve;
use crate::facts::{Facts, facts};
use crate::logs::{Logs, event_files};
use crate::models::Models;
use crate::photos::{Photos, PhotosByPath};
use crate::ranks::Ranks;
use crate::record::{self, Record};
use crate::run::{Beginning, Run};
use crate::settings::{Architecture, RunSettings};
use crate::trained::stage;
use crate::weights::{read_weights, weights_file};
use crate::{Error, TrainedRun, files};
use marque_arch::{Graph, Summary, architecture};
use marque_data::{Split, check_output};
use marque_fs::{FolderLock, check_writable, lock_folder, remove_abandoned};
use marque_model::ModelCard;
use marque_report::Fact;
use marque_torch::{Network, NetworkOptions, threads};
use marque_train::{
    Event, Examples, FeatureConfig, Features, Observer, Prepared, Recipe, SaveConfig, StopReason,
    TrainedFrom, TrainingState, fine_tuning_in_group, prepare_images,
};
use marque_weights::MatchPolicy;
use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
    /// Shapes and costs of the network.
    pub summary: Summary,
    pub(crate) drawing: String,
    features: Option<FeatureConfig>,
    pub(crate) settings: RunSettings,
    /// Where the training is gone on with.
    state: Option<TrainingState>,
    /// What it had taken before it was left, in seconds; 0 for a new one.
    pub(crate) trained_before: f64,
    /// Held until the run is done, by the process that writes.
    pub(crate) lock: Option<FolderLock>,
    pub(crate) ranks: Ranks,
}

impl PreparedRun {
    pub(crate) fn new(run: Run, observer: &mut dyn Observer) -> Result<Self, Error> {
        let begun = Instant::now();
        let name = match &run.settings.architecture {
            Architecture::Named(name) => name.clone(),
            Architecture::Given(graph) => graph.name().to_owned(),
        };
        let out = run.folder(&name);
        let mut settings = run.settings;
        let recipe = settings.recipe.take().unwrap_or_else(|| match settings.weights {
            Some(_) => Recipe::fast(),
            None => Recipe::scratch(),
        });
        let mut recipe = recipe.for_architecture(&name);
        recipe.validate()?;
        let device = settings.device.device()?;
        let base = match &settings.architecture {
            Architecture::Named(name) => architecture(name, Default::default())?,
            Architecture::Given(graph) => graph.clone(),
        };
        if let Photos::Unknown = run.photos {
            return Err(Error::NoPhotos);
        }
        let ranks = run.ranks;
        let is_synchronised = recipe.fit.synchronized_norms && !ranks.is_alone();
        let keeps_features = settings.max_feature_bytes > 0 && !is_synchronised;
        let features = keeps_features.then(|| FeatureConfig {
            folder: settings
                .features
                .clone()
                .unwrap_or_else(|| out.join(files::FEATURES)),
            views: 1,
            max_bytes: settings.max_feature_bytes,
        });
        if ranks.is_first() {
            check_places(&run.photos, &out, features.as_ref())?;
        }
        let begins_anew = matches!(run.beginning, Beginning::Anew);
        let Left {
            lock,
            state,
            weights_file: known_weights,
        } = Left::in_folder(&out, run.beginning, &ranks)?;
        // Hours later is no time to learn that they cannot be had. What goes on from a state has them in it.
        let weights = match (&settings.weights, known_weights) {
            (Some(_), Some(known)) if state.is_some() || known.exists() => Some(known),
            (Some(weights), _) => {
                Some(ranks.first_before_others(|| weights_file(weights, run.download_progress))?)
            }
            (None, _) => None,
        };
        let images = run.photos.listed(settings.prepare.alike_classes)?;
        let data = prepare_images(&images, &recipe.data, &settings.prepare)?;
        observer.observe(&Event::Note(&data.inventory.to_string()))?;
        let graph = recipe.graph(&base, data.class_names.len())?;
        if weights.is_none() && !matches!(recipe.model.trained_from, TrainedFrom::Nodes(_)) {
            // What has learnt nothing is not worth keeping.
            recipe.model.trained_from = TrainedFrom::All;
        }
        let recipe = recipe.for_graph(&graph)?;
        let size = data.preprocess.image_size;
        let (summary, drawing) = (graph.summary(size)?, graph.to_svg(size)?);
        let options = recipe.network_options(device, settings.prepare.seed);
        let network = match (&state, &weights) {
            (Some(state), _) => Network::with_weights(graph, &state.weights(), options)?,
            (None, Some(weights)) => pretrained(weights, graph, options, observer)?,
            (None, None) => Network::new(graph, options)?,
        };
        let facts = facts(&Facts {
            recipe: &recipe,
            data: &data,
            network: &network,
            summary: &summary,
            weights: weights.as_deref(),
            seed: settings.prepare.seed,
        })?;
        let lines = facts
            .iter()
            .map(|Fact { name, value }| format!("{name:<22} {value}"));
        observer.observe(&Event::Note(&lines.collect::<Vec<_>>().join("\n")))?;
        let title = match weights {
            Some(_) => format!("{name}, fine-tuned"),
            None => format!("{name} from scratch"),
        };
        let (is_resumed, writes) = (lock.is_some(), ranks.is_first());
        let lock = match lock {
            None if writes => Some(locked(&out)?),
            lock => lock,
        };
        if writes && !is_resumed && !begins_anew {
            // Another process may have begun one since this was asked first.
            refuse_unfinished(&out)?;
        }
        if writes && !is_resumed {
            settings.recipe = Some(recipe.clone());
            settings.features = settings.features.as_deref().map(absolute);
            let record = Record {
                data: match &run.photos {
                    Photos::Places(places) => Some(places.iter().map(|place| absolute(place)).collect()),
                    _ => None,
                },
                weights_file: weights.as_deref().map(absolute),
                threads: threads(),
                settings: Cow::Borrowed(&settings),
            };
            begin(&out, &record, observer)?;
            recipe.write(&out.join(files::RECIPE))?;
        }
        let split = out.join(files::SPLIT);
        if writes && (!is_resumed || !split.exists()) {
            split_of(&data)
                .write_list(&split, &data.class_names)
                .map_err(marque_train::Error::from)?;
        }
        Ok(Self {
            begun,
            recipe,
            data,
            network,
            facts,
            title,
            out,
            root: images.root().to_owned(),
            summary,
            drawing,
            features,
            settings,
            trained_before: state.as_ref().map_or(0.0, TrainingState::seconds),
            state,
            lock,
            ranks,
        })
    }

    /// The run folder.
    pub fn folder(&self) -> &Path {
        &self.out
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
            scales: self.recipe.predict.scales.clone(),
            five_crop: self.recipe.predict.five_crop,
            temperature: 1.0,
            run: facts.collect(),
        }
    }

    /// Trains the network, or goes on with that. Each time that it is better than ever before, the model file is written:
    /// whatever happens later, the best model so far is there. The state of the training is kept in `state.safetensors`.
    ///
    /// # Errors
    /// As [`marque_train::fine_tune()`], and [`Error::Report`] if the curve cannot be written. What was kept of the state before
    /// is whole, and can be gone on with.
    pub fn train(mut self, observer: &mut dyn Observer) -> Result<TrainedRun, Error> {
        let (ranks, preparing) = (self.ranks.clone(), self.begun.elapsed().as_secs_f64());
        let observer: &mut dyn Observer = &mut ranks.heard(observer);
        let card = self.card();
        // The prefix is frozen only now: what is kept of the test photos is that of the trained network, too.
        self.network.train_from(self.recipe.model.trained_from.nodes()?)?;
        let is_kept = self.features.is_some() && self.network.frozen_prefix().is_some();
        let (writes, with_curve) = (ranks.is_first(), ranks.is_first() && self.settings.with_curve);
        let test = match (&self.features, self.settings.with_curve) {
            (Some(features), true) => {
                let (network, photos, group) = (&self.network, &self.data.test, Arc::clone(&ranks.0));
                Features::compute_in_group(network, photos, features, group, &mut |_| Ok(()))?
            }
            _ => None,
        };
        let test = test.map_or_else(|| Examples::from(&self.data.test), Examples::from);
        let epochs = self.state.as_ref().map_or(0, |state| state.history.epochs.len());
        let curve = with_curve.then(|| Curve::new(self.begun, test, &self.out, epochs));
        let mut watched = Watched {
            observer,
            models: writes.then_some(Models {
                folder: &self.out,
                card: &card,
                keep_last: self.settings.keep_last,
            }),
            curve: curve.transpose()?,
            logs: writes.then(|| {
                Logs::new(
                    &self.out,
                    self.settings.logs,
                    &self.recipe,
                    PhotosByPath::new(&self.root, self.data.test.samples()),
                )
            }),
        };
        let features = self.features.as_ref();
        let mut training = fine_tuning_in_group(
            &mut self.network,
            &self.data,
            &self.recipe,
            (features, &ranks.0),
            &mut watched,
        )?;
        if let Some(state) = self.state.take() {
            let mut place = state.place();
            if let Some(differs) = training.restore(&state)? {
                place += &format!("; the last bits may differ from those of one go: {differs}");
            }
            watched.observe(&Event::Note(&format!("goes on {place}")))?;
            self.facts.push(Fact::new("Resumed", place));
        }
        training.save_to(SaveConfig {
            every: self.settings.save_every,
            ..SaveConfig::new(self.out.join(files::STATE))
        });
        let outcome = training.run(&mut watched);
        let state = self.out.join(files::STATE);
        if outcome.is_err() && state.exists() {
            let note = format!(
                "what was kept of the training's state is whole: {}",
                state.display()
            );
            watched.observer.observe(&Event::Note(&note))?;
        }
        let fitted = training.end(outcome)?;
        let Watched { curve, logs, .. } = watched;
        let fitting = self.begun.elapsed().as_secs_f64() - preparing;
        let training: f64 = fitted.history.epochs.iter().map(|epoch| epoch.seconds).sum();
        let mut stages = vec![stage("Preparing", preparing)];
        if is_kept {
            let trained_now = training - self.trained_before;
            stages.push(stage("Outputs of the frozen layers", fitting - trained_now));
        }
        stages.push(stage(
            "Training and validation",
            if is_kept {
                training
            } else {
                fitting + self.trained_before
            },
        ));
        if let Some(curve) = &curve
            && fitted.reason != StopReason::Interrupted
        {
            curve.write(&self.out)?;
        }
        Ok(TrainedRun {
            run: self,
            fit: fitted,
            card,
            stages,
            logs,
        })
    }
}

/// The photos of a training in their parts.
fn split_of(data: &Prepared) -> Split {
    Split {
        train: data.train.samples().to_vec(),
        validation: data
            .validation
            .as_ref()
            .map_or_else(Vec::new, |loader| loader.samples().to_vec()),
        test: data.test.samples().to_vec(),
    }
}

/// Results go neither among the photos nor where nothing can be written.
fn check_places(photos: &Photos, out: &Path, features: Option<&FeatureConfig>) -> Result<(), Error> {
    // The photos of a list may lie anywhere, and a training finds no others.
    let places: &[PathBuf] = match photos {
        Photos::Places(places) => places,
        Photos::Listed(_) | Photos::Unknown => &[],
    };
    for folder in places.iter().filter(|place| !place.is_file()) {
        check_output(out, folder)?;
        if let Some(features) = features {
            check_output(&features.folder, folder)?;
        }
    }
    check_writable(out).map_err(|source| Error::Busy {
        folder: out.to_owned(),
        source,
    })
}

/// What a run that is gone on with has left; nothing for a new one.
#[derive(Default)]
struct Left {
    /// Of the process that writes.
    lock: Option<FolderLock>,
    state: Option<TrainingState>,
    weights_file: Option<PathBuf>,
}

impl Left {
    fn in_folder(folder: &Path, beginning: Beginning, ranks: &Ranks) -> Result<Self, Error> {
        match beginning {
            Beginning::Resumed { weights_file, .. } => {
                let lock = ranks.is_first().then(|| locked(folder)).transpose()?;
                let state = folder.join(files::STATE);
                Ok(Self {
                    lock,
                    state: state.exists().then(|| TrainingState::read(&state)).transpose()?,
                    weights_file,
                })
            }
            Beginning::New => {
                refuse_unfinished(folder)?;
                Ok(Self::default())
            }
            Beginning::Anew => Ok(Self::default()),
        }
    }
}

/// The folder, for this process alone, without what writers that were killed have left in it.
fn locked(folder: &Path) -> Result<FolderLock, Error> {
    let busy = |source| Error::Busy {
        folder: folder.to_owned(),
        source,
    };
    let lock = lock_folder(folder).map_err(busy)?;
    // Features that lie elsewhere may be another run's, too.
    let kept = std::fs::read_dir(folder.join(files::FEATURES))
        .into_iter()
        .flatten();
    let kept = kept.filter_map(|entry| Some(entry.ok()?.path()).filter(|path| path.is_dir()));
    for part in [folder.to_owned(), folder.join(files::EPOCHS)]
        .into_iter()
        .chain(kept)
    {
        remove_abandoned(&part).map_err(busy)?;
    }
    Ok(lock)
}

fn refuse_unfinished(folder: &Path) -> Result<(), Error> {
    match folder.join(files::STATE).exists() {
        true => Err(Error::Unfinished {
            folder: folder.to_owned(),
        }),
        false => Ok(()),
    }
}

/// Turns a folder into that of a run that has begun. What an older one has left there does not make it a finished one.
fn begin(folder: &Path, record: &Record<'_>, observer: &mut dyn Observer) -> Result<(), Error> {
    let busy = |source| Error::Busy {
        folder: folder.to_owned(),
        source,
    };
    let events = event_files(&folder.join(files::TENSORBOARD)).map_err(busy)?;
    let names = [files::DONE, files::STATE, files::LOG, record::FILE];
    for file in names.map(|name| folder.join(name)).iter().chain(&events) {
        match std::fs::remove_file(file) {
            Err(source) if source.kind() != ErrorKind::NotFound => return Err(busy(source)),
            _ => {}
        }
    }
    match record.write(folder) {
        // A path that is no text: the run is worth making all the same.
        Err(Error::Record { path, reason }) if !path.exists() && check_writable(folder).is_ok() => {
            let note = format!(
                "this run cannot be gone on with if it is left: {}: {reason}",
                path.display()
            );
            Ok(observer.observe(&Event::Note(&note))?)
        }
        written => written,
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// What happens while a run is trained.
struct Watched<'a> {
    observer: &'a mut dyn Observer,
    models: Option<Models<'a>>,
    curve: Option<Curve>,
    logs: Option<Logs>,
}

impl Observer for Watched<'_> {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), marque_train::Error> {
        self.observer.observe(event)?;
        if let Some(models) = &mut self.models {
            models.observe(event)?;
        }
        if let Some(curve) = &mut self.curve {
            curve.observe(event)?;
        }
        match &mut self.logs {
            Some(logs) => logs.tell(event, self.observer),
            None => Ok(()),
        }
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }

    fn wants_gradient_norm(&self) -> bool {
        let for_logs = self.logs.as_ref().is_some_and(Logs::want_gradient_norm);
        self.observer.wants_gradient_norm() || for_logs
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
    let file = read_weights(path, &graph)?;
    let matched = file.matched_to(&graph, MatchPolicy::NewHead).map_err(within)?;
    observer.observe(&Event::Note(&matched.account.to_string()))?;
    Ok(Network::with_matched(graph, &matched, options)?)
}
