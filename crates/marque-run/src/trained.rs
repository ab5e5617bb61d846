use crate::cost::cost;
use crate::explained::explanations;
use crate::logs::Logs;
use crate::photos::{PhotosByPath, photo_files};
use crate::prepared::PreparedRun;
use crate::ranks::Ranks;
use crate::{Error, files};
use marque_fs::FolderLock;
use marque_metrics::{Metrics, Predictions};
use marque_model::{ModelCard, save_model};
use marque_report::{Fact, RunFiles, RunReport, Stage, write_run};
use marque_torch::Network;
use marque_train::{Event, Fit, Observer, Prepared, Recipe, predict_in_group};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// A run after its training. The model file is there.
#[derive(Debug)]
pub struct TrainedRun {
    pub(crate) run: PreparedRun,
    /// The epochs, the best of them, and why they ended. The network has the weights of the best.
    pub fit: Fit,
    pub(crate) card: ModelCard,
    pub(crate) stages: Vec<Stage>,
    /// Of the process that writes.
    pub(crate) logs: Option<Logs>,
}

/// A run that is done.
#[derive(Debug)]
pub struct CompletedRun {
    /// The trained network.
    pub network: Network,
    /// What the model file says beside the weights.
    pub card: ModelCard,
    /// The epochs, the best of them, and why they ended.
    pub fit: Fit,
    /// The probabilities of the test photos.
    pub predictions: Predictions,
    /// The metrics of the predictions.
    pub metrics: Metrics,
    /// The model file.
    pub model: PathBuf,
    /// The other files of the run folder.
    pub files: RunFiles,
}

pub(crate) fn stage(name: &str, seconds: f64) -> Stage {
    Stage {
        name: name.to_owned(),
        seconds,
    }
}

impl TrainedRun {
    /// The trained network.
    pub fn network(&self) -> &Network {
        &self.run.network
    }

    /// What the training began with.
    pub fn prepared(&self) -> &PreparedRun {
        &self.run
    }

    /// Tests the network, explains some test photos, and writes the run folder.
    ///
    /// # Errors
    /// As [`test`](Self::test) and [`TestedRun::write`].
    pub fn finish(self, observer: &mut dyn Observer) -> Result<CompletedRun, Error> {
        self.test(observer)?.write()
    }

    /// Writes the model, tests it on the test part, and explains some of its photos.
    ///
    /// # Errors
    /// [`Error::Model`] if the model cannot be written, [`Error::Train`] if no test photo can be read.
    pub fn test(self, observer: &mut dyn Observer) -> Result<TestedRun, Error> {
        let Self {
            run,
            fit,
            mut card,
            mut stages,
            mut logs,
        } = self;
        let (network, data, ranks) = (run.network, run.data, run.ranks);
        let observer: &mut dyn Observer = &mut ranks.heard(observer);
        let begun = Instant::now();
        let temperature = calibrated(&network, &data, &run.recipe, (&ranks, &mut *observer))?;
        if let Some(temperature) = temperature {
            card.temperature = temperature;
            stages.push(stage("Calibrating", begun.elapsed().as_secs_f64()));
        }
        let model = run.out.join(files::MODEL);
        if ranks.is_first() {
            save_model(&model, &network.state_dict()?, &card)?;
        }
        let begun = Instant::now();
        let (group, how) = (Arc::clone(&ranks.0), &run.recipe.predict);
        let asked = predict_in_group(&network, &data.test, &data.class_names, how, group)?;
        let (predictions, unreadable) = asked;
        let predictions = predictions.tempered(card.temperature).relative_to(&run.root);
        let tested = Event::Tested(&predictions);
        observer.observe(&tested)?;
        if let Some(logs) = &mut logs {
            logs.tell(&tested, observer)?;
        }
        stages.push(stage("Testing", begun.elapsed().as_secs_f64()));
        let begun = Instant::now();
        let photos = PhotosByPath::new(&run.root, data.test.samples());
        let explanations = match ranks.is_first() {
            true => explanations(&network, &card, &predictions, &photos, observer)?,
            false => Vec::new(),
        };
        stages.push(stage("Explaining photos", begun.elapsed().as_secs_f64()));
        let mut facts = run.facts;
        if let Some(temperature) = temperature {
            let value = format!("{temperature:.3}, measured on the validation photos");
            facts.push(Fact::new("Temperature", value));
        }
        let epochs = fit.history.epochs.len();
        facts.push(Fact::new(
            "Ended",
            format!("{:?} after {epochs} epochs", fit.reason),
        ));
        let seconds = run.begun.elapsed().as_secs_f64();
        let before = match run.trained_before {
            0.0 => String::new(),
            before => format!(", and {before:.0} s of training before it was resumed"),
        };
        facts.push(Fact::new("Time", format!("{seconds:.0} s{before}")));
        let skipped = data
            .skipped
            .into_iter()
            .chain(unreadable.into_iter().map(Into::into));
        let report = RunReport {
            title: run.title,
            class_names: data.class_names,
            history: fit.history.clone(),
            metrics: predictions.metrics()?,
            predictions,
            facts,
            architecture_svg: Some(run.drawing),
            command: run.settings.command,
            skipped: skipped
                .map(|photo| (photo.path.display().to_string(), photo.reason))
                .collect(),
            photos: Some(photo_files(&run.root, data.test.samples())),
            cost: Some(cost(&network, card.preprocess.image_size)?),
            stages,
            explanations,
        };
        Ok(TestedRun {
            network,
            card,
            fit,
            report,
            model,
            out: run.out,
            lock: run.lock,
            ranks,
        })
    }
}

/// The temperature of the validation photos' probabilities, if the recipe asks for it and there are such photos.
fn calibrated(
    network: &Network,
    data: &Prepared,
    recipe: &Recipe,
    (ranks, observer): (&Ranks, &mut dyn Observer),
) -> Result<Option<f64>, Error> {
    if !recipe.predict.calibrated {
        return Ok(None);
    }
    let Some(validation) = &data.validation else {
        observer.observe(&Event::Note("not calibrated: there are no validation photos"))?;
        return Ok(None);
    };
    let group = Arc::clone(&ranks.0);
    let (predictions, _) = predict_in_group(network, validation, &data.class_names, &recipe.predict, group)?;
    Ok(Some(predictions.temperature()?))
}

/// A run after its test: what the run folder will tell can still be added to.
#[derive(Debug)]
pub struct TestedRun {
    /// The trained network.
    pub network: Network,
    /// What the model file says beside the weights.
    pub card: ModelCard,
    /// The epochs, the best of them, and why they ended.
    pub fit: Fit,
    /// What the page is made of: predictions, metrics, facts and all else.
    pub report: RunReport,
    model: PathBuf,
    out: PathBuf,
    /// Held until all is written, by the process that does.
    lock: Option<FolderLock>,
    ranks: Ranks,
}

impl TestedRun {
    /// Writes the run folder. What was kept of the training's state is removed: the run is done. Of several processes the first one
    /// does so, and the others wait until it has.
    ///
    /// # Errors
    /// [`Error::Report`] if a file cannot be written, [`Error::Busy`] if the state cannot be removed.
    pub fn write(self) -> Result<CompletedRun, Error> {
        let files = match self.ranks.is_first() {
            true => Some(self.written()?),
            false => None,
        };
        let files = self.ranks.of_first(files)?;
        drop(self.lock);
        Ok(CompletedRun {
            network: self.network,
            card: self.card,
            fit: self.fit,
            predictions: self.report.predictions,
            metrics: self.report.metrics,
            model: self.model,
            files,
        })
    }

    fn written(&self) -> Result<RunFiles, Error> {
        let files = write_run(&self.out, &self.report)?;
        match std::fs::remove_file(self.out.join(files::STATE)) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(Error::Busy {
                folder: self.out.clone(),
                source,
            }),
            _ => Ok(files),
        }
    }
}
