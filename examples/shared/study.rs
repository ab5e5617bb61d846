//! A study: several trainings of one program, one after the other, that can be left and gone on with.

use crate::flags::{INTERRUPTED, stop_at_signals};
use crate::processes::require_alone;
use crate::terminal::note;
use anyhow::{Context, Result, bail, ensure};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Parser};
use marque::data::{ImageSize, SplitConfig, check_output};
use marque::torch::{Network, NetworkOptions};
use marque::train::{
    Event, Fit, FitConfig, Observer, PrepareConfig, Prepared, Progress, Recipe, SaveConfig, StopFlag,
    StopReason, Training, TrainingState, prepare,
};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Flags of every study.
#[derive(Args, Clone, Debug)]
pub(crate) struct StudyArguments {
    /// Folder with DIR/{train,test}/CLASS/* or DIR/CLASS/*, or a list of photos: CSV, TSV or a JSON object a line.
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    data: Option<PathBuf>,
    /// Where tables and charts go.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Go on with the trainings that were begun in the folder of --out and not finished. All else is known there; --data says
    /// where photos have gone.
    #[arg(long)]
    resume: bool,
    /// Height and width that photos are brought to, in pixels.
    #[arg(long, default_value_t = 64)]
    pub(crate) image_size: usize,
    /// Epochs of each training; the recipe's if not given.
    #[arg(long)]
    epochs: Option<u32>,
    /// Photos in a step; the recipe's if not given.
    #[arg(long)]
    batch_size: Option<usize>,
    /// How photos are prepared, and networks trained: `subject`, `scratch` or `quick`.
    #[arg(long, default_value = "quick")]
    recipe: String,
    /// What all random choices are drawn from.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
}

impl StudyArguments {
    fn data(&self) -> Result<&Path> {
        self.data.as_deref().context("--data is missing")
    }

    /// The recipe of all trainings, and the photos as it wants them.
    pub(crate) fn prepare(&self) -> Result<(Recipe, Prepared)> {
        let data = self.data()?;
        let mut recipe = Recipe::named(&self.recipe)?;
        recipe.fit.epochs = self.epochs.unwrap_or(recipe.fit.epochs);
        recipe.data.batch_size = self.batch_size.unwrap_or(recipe.data.batch_size);
        // What is compared is to see the same number of epochs.
        recipe.fit.patience = None;
        recipe.data.image_size = ImageSize::square(self.image_size);
        let config = PrepareConfig {
            split: SplitConfig {
                seed: self.seed,
                ..Default::default()
            },
            seed: self.seed,
            ..Default::default()
        };
        check_output(&self.out, data)?;
        let data = prepare(data, &recipe.data, &config)?;
        note!("{}", data.inventory.to_string().trim_end());
        Ok((recipe, data))
    }

    pub(crate) fn network_options(&self) -> NetworkOptions {
        NetworkOptions {
            seed: self.seed,
            ..Default::default()
        }
    }
}

/// A program's arguments with those of a study among them.
pub(crate) trait Arguments: Parser {
    fn study(&mut self) -> &mut StudyArguments;

    /// The arguments of this process, or those with which the study that is gone on with was begun.
    fn of_this_process() -> Result<Self> {
        require_alone()?;
        let mut command = Self::command();
        let matches = command.get_matches_mut();
        let parsed = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command));
        let mut arguments = parsed.unwrap_or_else(|error| error.exit());
        let given = arguments.study().clone();
        if !given.resume {
            return Ok(arguments);
        }
        if let Some(flag) = settled(&command, &matches) {
            let message = format!("--{flag} is settled for a study that is gone on with");
            command.error(ErrorKind::ArgumentConflict, message).exit()
        }
        let Begun { data, arguments } = Begun::read(&given.out)?;
        let mut begun = Self::try_parse_from(arguments)?;
        let study = begun.study();
        study.data = given.data.or(Some(data));
        (study.out, study.resume) = (given.out, given.resume);
        Ok(begun)
    }
}

/// The first flag given that a study which is gone on with has settled.
fn settled(command: &Command, matches: &ArgMatches) -> Option<String> {
    let free = ["data", "out", "resume"];
    let mut flags = command
        .get_arguments()
        .map(|flag| flag.get_id().as_str())
        .filter(|id| !free.contains(id) && matches.try_contains_id(id).is_ok());
    let given = flags.find(|id| matches.value_source(id) == Some(ValueSource::CommandLine))?;
    Some(given.replace('_', "-"))
}

/// How a study was begun.
struct Begun {
    data: PathBuf,
    arguments: Vec<OsString>,
}

const FILE: &str = "study.json";

impl Begun {
    fn read(out: &Path) -> Result<Self> {
        let path = out.join(FILE);
        let text = std::fs::read(&path)
            .with_context(|| format!("no study is under way in {}: {}", out.display(), path.display()))?;
        let (data, arguments): (PathBuf, Vec<String>) =
            serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        Ok(Self {
            data,
            arguments: arguments.into_iter().map(Into::into).collect(),
        })
    }

    fn write(out: &Path, data: &Path) -> Result<()> {
        let arguments = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        let begun = (std::path::absolute(data)?, arguments.collect::<Vec<_>>());
        let path = out.join(FILE);
        marque_fs::write_atomically(&path, |file| {
            serde_json::to_writer(file, &begun).map_err(Into::into)
        })
        .with_context(|| path.display().to_string())
    }
}

/// A study under way.
pub(crate) struct Study {
    out: PathBuf,
    stop: StopFlag,
    states: Vec<PathBuf>,
    _lock: marque_fs::FolderLock,
}

/// A study was left before its end.
#[derive(Debug)]
struct Left(PathBuf);

impl std::fmt::Display for Left {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let program = std::env::args_os().next().unwrap_or_default();
        let (program, out) = (program.display(), self.0.display());
        write!(
            formatter,
            "left before its end; go on with it with\n{program} --resume --out {out}"
        )
    }
}

impl std::error::Error for Left {}

impl Study {
    /// Begins a study, or goes on with one.
    pub(crate) fn begin(arguments: &StudyArguments) -> Result<Self> {
        let out = arguments.out.clone();
        let lock =
            marque_fs::lock_folder(&out).with_context(|| format!("{} cannot be used", out.display()))?;
        marque_fs::remove_abandoned(&out)?;
        if !arguments.resume {
            let begun = out.join(FILE);
            ensure!(
                !begun.exists(),
                "{} has a study that is not finished: go on with it with --resume, choose another folder, or remove {}",
                out.display(),
                begun.display()
            );
            Begun::write(&out, arguments.data()?)?;
        }
        Ok(Self {
            out,
            stop: stop_at_signals()?,
            states: Vec::new(),
            _lock: lock,
        })
    }

    /// Trains a network as [`marque::train::fit`] does, from where that was left. A training that is finished is not made again.
    pub(crate) fn fit(
        &mut self,
        name: &str,
        network: &mut Network,
        data: &Prepared,
        config: &FitConfig,
    ) -> Result<Fit> {
        let file = self.out.join(format!("{name}.state.safetensors"));
        let mut observer = (Progress::new(), self.stop.clone());
        let mut training = Training::new(network, &data.train, data.validation(), config)?;
        if file.exists() {
            let state = TrainingState::read(&file)?;
            let mut note = format!("goes on {}", state.place());
            if let Some(differs) = training.restore(&state)? {
                note += &format!("; the last bits may differ from those of one go: {differs}");
            }
            observer.observe(&Event::Note(&note))?;
        }
        training.save_to(SaveConfig::new(&file));
        self.states.push(file);
        let outcome = training.run(&mut observer);
        let fitted = training.end(outcome)?;
        if fitted.reason == StopReason::Interrupted {
            bail!(Left(self.out.clone()));
        }
        Ok(fitted)
    }

    /// Ends a study of which all results are written: what was kept to go on with is removed.
    pub(crate) fn finish(self) -> Result<()> {
        for file in self.states.iter().chain([&self.out.join(FILE)]) {
            std::fs::remove_file(file).with_context(|| file.display().to_string())?;
        }
        Ok(())
    }
}

/// The exit code of a study.
pub(crate) fn ended(outcome: Result<()>) -> Result<ExitCode> {
    let error = match outcome {
        Ok(()) => return Ok(ExitCode::SUCCESS),
        Err(error) => error,
    };
    let Some(left) = error.downcast_ref::<Left>() else {
        return Err(error);
    };
    note!("{left}");
    Ok(ExitCode::from(INTERRUPTED))
}
