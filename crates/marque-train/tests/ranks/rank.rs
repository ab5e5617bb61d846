//! What one process of a training does.

use crate::common::{graph, prepared, recipe};
use marque_arch::{BiasInit, Conv2d, Graph, GraphBuilder, Linear, Op};
use marque_data::Augment;
use marque_dist::{Alone, Group, Launch};
use marque_testkit::ranks::{Ended, Ranks};
use marque_testkit::skip;
use marque_torch::{Network, NetworkOptions, Precision, set_threads};
use marque_train::{
    Error, Event, FeatureConfig, FitConfig, Observer, OptimizerConfig, Recipe, SaveConfig, Schedule, Sgd,
    StopReason, TrainedFrom, TrainingState, evaluate_in_group, fine_tuning_in_group, predict_in_group,
};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// The variable that says what is trained.
const SETTINGS: &str = "MARQUE_TEST_TRAINING";

/// A training, as each of its processes is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) photos: PathBuf,
    pub(crate) epochs: u32,
    pub(crate) batch_size: usize,
    /// In double precision, or in single.
    pub(crate) double: bool,
    /// With batch norms, or without.
    pub(crate) normed: bool,
    /// Whether batch norms are those of all processes' photos.
    pub(crate) synchronized: bool,
    /// Where outputs of the first convolution, which is frozen then, are kept.
    pub(crate) kept: Option<PathBuf>,
    /// Where the state is kept after each step.
    pub(crate) state: Option<PathBuf>,
    /// The rank that asks to stop, and the step after which it does.
    pub(crate) stops: Option<(usize, usize)>,
    /// The rank that kills itself, and where.
    pub(crate) dies: Option<(usize, String)>,
    pub(crate) threads: usize,
}

impl Settings {
    pub(crate) fn new(photos: &Path) -> Self {
        Self {
            photos: photos.to_owned(),
            epochs: 2,
            batch_size: 8,
            double: false,
            normed: true,
            synchronized: false,
            kept: None,
            state: None,
            stops: None,
            dies: None,
            threads: 1,
        }
    }

    /// Starts the training with so many processes.
    pub(crate) fn start(&self, world_size: usize) -> Ranks {
        Ranks::start(world_size, |_| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command
                .args(["--ignored", "--exact", "--nocapture", "rank::rank"])
                .env(SETTINGS, serde_json::to_string(self).unwrap());
            command
        })
    }

    /// What all processes of a training told, which went well.
    pub(crate) fn outcomes(&self, world_size: usize) -> Vec<Outcome> {
        self.start(world_size).wait().iter().map(outcome).collect()
    }

    fn recipe(&self) -> Recipe {
        let mut recipe = recipe(self.epochs);
        recipe.data.augment = Augment::subject();
        recipe.data.batch_size = self.batch_size;
        if self.kept.is_some() {
            recipe.model.trained_from = TrainedFrom::Nodes(vec!["two".to_owned()]);
            recipe.fit.views = Some(2);
        }
        recipe.fit = FitConfig {
            optimizer: OptimizerConfig::Sgd(Sgd {
                momentum: 0.9,
                ..Sgd::default()
            }),
            learning_rate: 0.05,
            schedule: Schedule::cosine(0.1),
            averaging: self.normed.then_some(0.9),
            synchronized_norms: self.synchronized,
            ..recipe.fit
        };
        recipe
    }
}

/// What a process tells of its training.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) is_done: bool,
    /// The mean loss of each step, as bits.
    pub(crate) losses: Vec<u64>,
    /// Validation loss and accuracy of each epoch, as bits.
    pub(crate) validation: Vec<[u64; 2]>,
    /// Hash of the best weights.
    pub(crate) weights: String,
    /// Loss and accuracy of the test photos.
    pub(crate) test: [u64; 2],
    /// Paths of the test photos, and the bits of their probabilities.
    pub(crate) predicted: Vec<(String, Vec<u32>)>,
    /// What [`Training::restore`] said.
    pub(crate) differs: Option<String>,
}

/// What a process told that ended well.
pub(crate) fn outcome(ended: &Ended) -> Outcome {
    assert!(ended.status.success(), "{}", ended.output);
    let told = ended
        .output
        .lines()
        .find_map(|line| line.strip_prefix("outcome "));
    let told = told.unwrap_or_else(|| panic!("nothing was told:\n{}", ended.output));
    serde_json::from_str(told).unwrap()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

#[test]
#[ignore = "one process of a training, which the other tests start"]
fn rank() {
    let Ok(settings) = std::env::var(SETTINGS) else {
        return skip("no training is given: the other tests start this one");
    };
    let settings: Settings = serde_json::from_str(&settings).unwrap();
    match train(&settings) {
        Ok(outcome) => say(&format!("outcome {}", serde_json::to_string(&outcome).unwrap())),
        Err(error) => {
            say(&format!("error: {error}"));
            // As the programs of marque end.
            std::process::exit(1);
        }
    }
}

/// Ends this process as a loss of power would.
fn die() -> ! {
    let id = std::process::id().to_string();
    let _ = Command::new("kill").args(["-KILL", &id]).status();
    unreachable!("killed");
}

/// Tells where the training is, kills the process there if it is to be, and asks for the end.
struct Watching<'a> {
    settings: &'a Settings,
    rank: usize,
    losses: Vec<u64>,
    steps: usize,
}

impl Watching<'_> {
    fn comes_to(&self, place: &str) {
        say(place);
        if let Some((rank, where_it_dies)) = &self.settings.dies
            && *rank == self.rank
            && where_it_dies == place
        {
            die();
        }
    }
}

impl Observer for Watching<'_> {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::Step(step) => {
                self.losses.push(step.batch_loss.to_bits());
                self.steps += 1;
                self.comes_to(&format!("step {}", step.step));
            }
            Event::Features(told) => self.comes_to(&format!("features {}", told.done)),
            Event::Saved { .. } => self.comes_to(&format!("saved {}", self.steps)),
            Event::Communication(told) => self.comes_to(&format!("evaluation {}", told.epoch)),
            _ => {}
        }
        Ok(())
    }

    fn should_stop(&self) -> bool {
        let stops = self.settings.stops;
        stops.is_some_and(|(rank, step)| rank == self.rank && self.steps >= step)
    }
}

fn train(settings: &Settings) -> Result<Outcome, Error> {
    set_threads(settings.threads);
    let group: Arc<dyn Group> = match Launch::from_environment()? {
        Some(launch) => launch.connect()?,
        None => Arc::new(Alone),
    };
    let mut watching = Watching {
        settings,
        rank: group.rank(),
        losses: Vec::new(),
        steps: 0,
    };
    watching.comes_to("start");
    let recipe = settings.recipe();
    let data = prepared(&settings.photos, &recipe, 1);
    let options = NetworkOptions {
        // The weights are those of rank 0, whatever the others begin with.
        seed: 9,
        precision: match settings.double {
            true => Precision::Double,
            false => Precision::Single,
        },
        ..Default::default()
    };
    let network = Network::new(if settings.normed { graph() } else { plain() }, options)?;
    if group.rank() > 0 {
        let mut parameters = network.trained_parameters();
        let _ = tch::no_grad(|| parameters[0].tensor.f_fill_(7.0)).unwrap();
    }
    let features = settings.kept.as_ref().map(|folder| FeatureConfig {
        folder: folder.clone(),
        views: 1,
        max_bytes: 100_000_000,
    });
    let mut training = fine_tuning_in_group(
        network,
        &data,
        &recipe,
        (features.as_ref(), &group),
        &mut watching,
    )?;
    let mut differs = None;
    if let Some(file) = &settings.state {
        if file.exists() {
            let state = TrainingState::read(file)?;
            // Nobody writes it before all have read it.
            group.barrier()?;
            differs = training.restore(&state)?;
        }
        training.save_to(SaveConfig {
            every: Some(Duration::ZERO),
            ..SaveConfig::new(file)
        });
    }
    let reason = training.run(&mut watching)?;
    let (network, history, _) = training.into_best()?;
    let test = evaluate_in_group(&network, &data.test, Arc::clone(&group))?;
    let how = &recipe.predict;
    let predicted = predict_in_group(&network, &data.test, &data.class_names, how, group)?.0;
    let rows = predicted.probabilities.rows().into_iter();
    let rows = rows.map(|row| row.iter().map(|number| number.to_bits()).collect());
    let mut hash = marque_core::ContentHash::new();
    for (name, tensor) in network.state_dict()?.iter() {
        hash.bytes(name.as_bytes());
        hash.bytes(tensor.bytes());
    }
    let validation = history.epochs.iter().map(|epoch| {
        [epoch.validation_loss, epoch.validation_accuracy].map(|number| number.unwrap().to_bits())
    });
    Ok(Outcome {
        is_done: reason == StopReason::Finished,
        losses: watching.losses,
        validation: validation.collect(),
        weights: hash.finish(),
        test: [test.loss, test.accuracy].map(f64::to_bits),
        predicted: predicted.paths.iter().cloned().zip(rows).collect(),
        differs,
    })
}

/// A network without batch norms: what it makes of an image does not depend on the others.
fn plain() -> Graph {
    let mut builder = GraphBuilder::new("plain", 3).unwrap();
    let conv = |channels| Conv2d {
        bias: Some(BiasInit::PyTorchDefault),
        ..Conv2d::new(channels, 8, 3)
    };
    let maps = builder.conv2d("one", builder.input(), conv(3)).unwrap();
    let maps = builder.relu("one_relu", maps).unwrap();
    let maps = builder.conv2d("two", maps, conv(8)).unwrap();
    let maps = builder.relu("two_relu", maps).unwrap();
    let pooled = builder.add("pool", Op::GlobalAvgPool2d, &[maps]).unwrap();
    let pooled = builder.add("flatten", Op::Flatten, &[pooled]).unwrap();
    let logits = builder.linear("fc", pooled, Linear::new(8, 3)).unwrap();
    builder.build(logits).unwrap()
}
