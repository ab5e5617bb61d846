use crate::prepared::PreparedRun;
use crate::weights::DownloadProgress;
use crate::{CompletedRun, Error};
use marque_arch::Graph;
use marque_data::{BadFiles, ImageFolder};
use marque_torch::Device;
use marque_train::{Observer, PrepareConfig, Progress, Recipe};
use std::path::PathBuf;

/// What a run is to be: photos, network, recipe, and where its results go. Everything but the photos has a default.
#[must_use = "a run does nothing until it is started"]
pub struct Run {
    pub(crate) photos: Photos,
    pub(crate) architecture: Architecture,
    pub(crate) weights: Option<PathBuf>,
    pub(crate) download_progress: Option<DownloadProgress>,
    pub(crate) recipe: Option<Recipe>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) prepare: PrepareConfig,
    pub(crate) device: Device,
    pub(crate) features: Option<PathBuf>,
    pub(crate) max_feature_bytes: u64,
    pub(crate) with_curve: bool,
    pub(crate) command: Option<String>,
}

/// Where photos come from.
pub(crate) enum Photos {
    Folder(PathBuf),
    Listed(ImageFolder),
}

/// What is trained.
pub(crate) enum Architecture {
    Named(String),
    Given(Graph),
}

/// The most bytes of features that are kept if not said otherwise.
const MAX_FEATURE_BYTES: u64 = 20_000_000_000;

impl Run {
    /// A run on a folder with `FOLDER/{train,test}/CLASS/*` or `FOLDER/CLASS/*`.
    pub fn on(folder: impl Into<PathBuf>) -> Self {
        Self::of(Photos::Folder(folder.into()))
    }

    /// A run on photos that are listed already, for example by [`ImageFolder::from_samples`].
    pub fn on_images(images: ImageFolder) -> Self {
        Self::of(Photos::Listed(images))
    }

    fn of(photos: Photos) -> Self {
        Self {
            photos,
            architecture: Architecture::Named("resnet34".to_owned()),
            weights: None,
            download_progress: None,
            recipe: None,
            out: None,
            prepare: PrepareConfig::default(),
            device: Device::Cpu,
            features: None,
            max_feature_bytes: MAX_FEATURE_BYTES,
            with_curve: false,
            command: None,
        }
    }

    /// Sets the architecture, one of [`architecture_names`](marque_arch::architecture_names); `resnet34` otherwise.
    pub fn architecture(self, name: impl Into<String>) -> Self {
        let architecture = Architecture::Named(name.into());
        Self { architecture, ..self }
    }

    /// Sets a network of one's own. Its head becomes what the recipe says, for as many classes as there are.
    pub fn graph(self, graph: Graph) -> Self {
        let architecture = Architecture::Given(graph);
        Self { architecture, ..self }
    }

    /// Sets what the network starts from: a file of any format that marque reads, or a name of official weights such as
    /// `resnet50.imagenet1k_v2`. Without weights it is trained from nothing.
    pub fn weights(self, weights: impl Into<PathBuf>) -> Self {
        let weights = Some(weights.into());
        Self { weights, ..self }
    }

    /// Sets who is told how many bytes of official weights have arrived.
    pub fn download_progress(self, report: impl Fn(u64) + 'static) -> Self {
        let download_progress: Option<DownloadProgress> = Some(Box::new(report));
        Self {
            download_progress,
            ..self
        }
    }

    /// Sets how the network is trained; [`Recipe::fast`] with weights and [`Recipe::scratch`] without, otherwise.
    pub fn recipe(self, recipe: Recipe) -> Self {
        let recipe = Some(recipe);
        Self { recipe, ..self }
    }

    /// Sets the run folder; `runs/` and the architecture's name otherwise.
    pub fn out(self, folder: impl Into<PathBuf>) -> Self {
        let out = Some(folder.into());
        Self { out, ..self }
    }

    /// Sets what all random choices are drawn from; 42 otherwise.
    pub fn seed(mut self, seed: u64) -> Self {
        self.prepare.seed = seed;
        self.prepare.split.seed = seed;
        self
    }

    /// Sets the share of all photos that decides which epoch was the best, from 0 to 1; 0.15 otherwise. What it takes or
    /// leaves, the training part has not or has. A validation folder of the photos' own stays as it is.
    pub fn validation(mut self, share: f64) -> Self {
        let split = &mut self.prepare.split;
        split.train = split.train + split.validation - share;
        split.validation = share;
        self
    }

    /// Sets the threads that read photos; one per core otherwise.
    pub fn workers(mut self, workers: usize) -> Self {
        self.prepare.workers = workers;
        self
    }

    /// Sets what becomes of photos that cannot be read; they are left out and named otherwise.
    pub fn bad_files(mut self, bad_files: BadFiles) -> Self {
        self.prepare.bad_files = bad_files;
        self
    }

    /// Sets where it is computed; on the CPU otherwise.
    pub fn device(self, device: Device) -> Self {
        Self { device, ..self }
    }

    /// Sets where outputs of frozen layers are kept; in `features` in the run folder otherwise. Runs that share a folder share
    /// what is equal.
    pub fn features(self, folder: impl Into<PathBuf>) -> Self {
        let features = Some(folder.into());
        Self { features, ..self }
    }

    /// Sets the most bytes that outputs of frozen layers take; 20 GB otherwise. With 0 they are computed in every step.
    pub fn max_feature_bytes(self, max_feature_bytes: u64) -> Self {
        Self {
            max_feature_bytes,
            ..self
        }
    }

    /// Measures the test photos after every epoch, too, and writes `curve.csv` and its chart: test accuracy over wall time. For
    /// comparing programs; nothing is decided by it.
    pub fn with_curve(self, with_curve: bool) -> Self {
        Self { with_curve, ..self }
    }

    /// Sets the command that the page shows as the one that made the run.
    pub fn command(self, command: impl Into<String>) -> Self {
        let command = Some(command.into());
        Self { command, ..self }
    }

    /// Does all of it, and shows on the standard error stream how far it is.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), [`PreparedRun::train`] and [`TrainedRun::finish`](crate::TrainedRun::finish).
    pub fn start(self) -> Result<CompletedRun, Error> {
        self.start_with(&mut Progress::new())
    }

    /// Does all of it before the eyes of an observer, which can also end the training early: what the best epoch so far gives is
    /// then tested and written.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(self, observer: &mut dyn Observer) -> Result<CompletedRun, Error> {
        self.prepare(observer)?.train(observer)?.finish(observer)
    }

    /// Checks what was asked for, gets the weights, opens all photos once, and makes the network.
    ///
    /// # Errors
    /// Before anything is read: settings of the recipe out of their ranges, results in the photos' folder, a run folder that
    /// cannot be written. Then weights that cannot be had, photos that cannot be used ([`marque_train::prepare()`]), and
    /// weights that do not suit the architecture.
    pub fn prepare(self, observer: &mut dyn Observer) -> Result<PreparedRun, Error> {
        PreparedRun::new(self, observer)
    }
}
