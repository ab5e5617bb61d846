use crate::photos::Photos;
use crate::prepared::PreparedRun;
use crate::ranks::Ranks;
use crate::record::Record;
use crate::settings::{Architecture, RunSettings};
use crate::weights::DownloadProgress;
use crate::{CompletedRun, Error, files};
use marque_arch::Graph;
use marque_data::{AlikeClasses, BadFiles, Cache, ImageFolder};
use marque_dist::Group;
use marque_torch::DeviceChoice;
use marque_train::{Inspection, Observer, Progress, Recipe, StopReason};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a run is to be: photos, network, recipe, and where its results go. Everything but the photos has a default.
#[must_use = "a run does nothing until it is started"]
pub struct Run {
    pub(crate) photos: Photos,
    pub(crate) out: Option<PathBuf>,
    pub(crate) settings: RunSettings,
    pub(crate) download_progress: Option<DownloadProgress>,
    pub(crate) beginning: Beginning,
    pub(crate) ranks: Ranks,
}

/// How a run begins.
pub(crate) enum Beginning {
    /// Where no other has been left unfinished.
    New,
    /// In the place of what there is.
    Anew,
    /// Where another has been left.
    Resumed {
        weights_file: Option<PathBuf>,
        threads: usize,
    },
}

impl Run {
    /// A run on a folder with `FOLDER/{train,test}/CLASS/*` or `FOLDER/CLASS/*`, on a list or on an archive of photos:
    /// [`ImageFolder::scan`].
    pub fn on(folder: impl Into<PathBuf>) -> Self {
        Self::on_all(vec![folder.into()])
    }

    /// A run on several of them together: [`ImageFolder::scan_all`].
    pub fn on_all(places: Vec<PathBuf>) -> Self {
        Self::of(Photos::Places(places))
    }

    /// A run on photos that are listed already, for example by [`ImageFolder::from_samples`].
    pub fn on_images(images: ImageFolder) -> Self {
        Self::of(Photos::Listed(images))
    }

    fn of(photos: Photos) -> Self {
        Self {
            photos,
            out: None,
            settings: RunSettings::default(),
            download_progress: None,
            beginning: Beginning::New,
            ranks: Ranks::default(),
        }
    }

    /// The run that was begun in this folder and not finished, with all that it was started with: it goes on where its state was
    /// kept last, and comes to the same bits as if it had never been left. On another device, with another number of threads or
    /// another LibTorch it goes on, too, and says that its last bits may differ.
    ///
    /// Photos that were listed by the caller have to be given again, with [`images`](Self::images); a folder that has been moved
    /// since is given with [`photos`](Self::photos). Reading threads and device can be others.
    ///
    /// # Errors
    /// [`Error::NotStarted`], [`Error::Finished`], and [`Error::Record`] if the folder does not say how it was started.
    ///
    /// ```no_run
    /// use marque_run::Run;
    ///
    /// let done = Run::resume("runs/first")?.start()?;
    /// # Ok::<(), marque_run::Error>(())
    /// ```
    pub fn resume(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        if folder.join(files::DONE).exists() && !folder.join(files::STATE).exists() {
            return Err(Error::Finished { folder });
        }
        let record = Record::read(&folder)?;
        Ok(Self {
            photos: record.data.map_or(Photos::Unknown, Photos::Places),
            out: Some(folder),
            settings: record.settings.into_owned(),
            download_progress: None,
            beginning: Beginning::Resumed {
                weights_file: record.weights_file,
                threads: record.threads,
            },
            ranks: Ranks::default(),
        })
    }

    /// Sets the folders of the photos: for a run that is gone on with after its photos have been moved.
    pub fn photos(self, places: Vec<PathBuf>) -> Self {
        let photos = Photos::Places(places);
        Self { photos, ..self }
    }

    /// Sets photos that are listed already.
    pub fn images(self, images: ImageFolder) -> Self {
        let photos = Photos::Listed(images);
        Self { photos, ..self }
    }

    /// The number of LibTorch's threads with which a run that is gone on with was begun; `None` for a new one. Only with as many
    /// ([`marque_torch::set_threads`]) it comes to the same bits.
    pub fn recorded_threads(&self) -> Option<usize> {
        match self.beginning {
            Beginning::Resumed { threads, .. } => Some(threads),
            _ => None,
        }
    }

    /// The command that the run was begun with, as [`command`](Self::command) has set it.
    pub fn recorded_command(&self) -> Option<&str> {
        self.settings.command.as_deref()
    }

    /// Sets the architecture, one of [`architecture_names`](marque_arch::architecture_names); `resnet34` otherwise.
    pub fn architecture(mut self, name: impl Into<String>) -> Self {
        self.settings.architecture = Architecture::Named(name.into());
        self
    }

    /// Sets a network of one's own. Its head becomes what the recipe says, for as many classes as there are.
    pub fn graph(mut self, graph: Graph) -> Self {
        self.settings.architecture = Architecture::Given(graph);
        self
    }

    /// Sets what the network starts from: a file of any format that marque reads, or a name of official weights such as
    /// `resnet50.imagenet1k_v2`. Without weights it is trained from nothing.
    pub fn weights(mut self, weights: impl Into<PathBuf>) -> Self {
        self.settings.weights = Some(weights.into());
        self
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
    pub fn recipe(mut self, recipe: Recipe) -> Self {
        self.settings.recipe = Some(recipe);
        self
    }

    /// Sets the run folder; `runs/` and the architecture's name otherwise.
    pub fn out(self, folder: impl Into<PathBuf>) -> Self {
        let out = Some(folder.into());
        Self { out, ..self }
    }

    /// Sets what all random choices are drawn from; 42 otherwise.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.prepare.seed = seed;
        self.settings.prepare.split.seed = seed;
        self
    }

    /// Sets the share of all photos that decides which epoch was the best, from 0 to 1; 0.15 otherwise. What it takes or
    /// leaves, the training part has not or has. A validation folder of the photos' own stays as it is.
    pub fn validation(mut self, share: f64) -> Self {
        let split = &mut self.settings.prepare.split;
        split.train = split.train + split.validation - share;
        split.validation = share;
        self
    }

    /// Sets the threads that read photos; one per core otherwise.
    pub fn workers(mut self, workers: usize) -> Self {
        self.settings.prepare.workers = workers;
        self
    }

    /// Sets what becomes of photos that cannot be read; they are left out and named otherwise.
    pub fn bad_files(mut self, bad_files: BadFiles) -> Self {
        self.settings.prepare.bad_files = bad_files;
        self
    }

    /// Sets whether every photo is opened before the training; all are, up to a few hundred thousand, otherwise.
    pub fn inspection(mut self, inspection: Inspection) -> Self {
        self.settings.prepare.inspection = inspection;
        self
    }

    /// Sets whether decoded photos are kept, and where; they are not otherwise. It changes no bit of the run.
    pub fn cache(mut self, cache: Cache) -> Self {
        self.settings.prepare.cache = cache;
        self
    }

    /// Sets what becomes of classes whose names hardly differ; they are refused otherwise.
    pub fn alike_classes(mut self, alike: AlikeClasses) -> Self {
        self.settings.prepare.alike_classes = alike;
        self
    }

    /// Sets where it is computed; on the CPU otherwise.
    pub fn device(mut self, device: DeviceChoice) -> Self {
        self.settings.device = device;
        self
    }

    /// Makes the run one of several processes, each of which starts it with its own handle on the group: they train the network
    /// together, as [`Training::join`](marque_train::Training::join) says, and test it together. Rank 0 alone writes the run folder and
    /// tells its observer what happens; every process has the result. All find the photos under the same names, and a run that is
    /// gone on with its folder. Outputs of frozen layers are computed in shares, into a folder that all of them see; they are not
    /// kept where batch norms are those of all processes' photos.
    ///
    /// When a process is lost the others end with [`Error::Group`], or with the same in [`Error::Train`]. What was kept of the state is
    /// whole: [`resume`](Self::resume) goes on from it, with as many processes to the same bits, and with others as well.
    pub fn group(self, group: Arc<dyn Group>) -> Self {
        let ranks = Ranks(group);
        Self { ranks, ..self }
    }

    /// Sets the number of the GPU where the run is computed on one, and nothing where it is not: processes on one machine take one
    /// each, that of [`Launch::local_rank`](marque_dist::Launch::local_rank).
    pub fn gpu(mut self, index: usize) -> Self {
        if let DeviceChoice::Cuda(_) = self.settings.device {
            self.settings.device = DeviceChoice::Cuda(index);
        }
        self
    }

    /// Sets where outputs of frozen layers are kept; in `features` in the run folder otherwise. Runs that share a folder share
    /// what is equal.
    pub fn features(mut self, folder: impl Into<PathBuf>) -> Self {
        self.settings.features = Some(folder.into());
        self
    }

    /// Sets the most bytes that outputs of frozen layers take; 20 GB otherwise. With 0 they are computed in every step.
    pub fn max_feature_bytes(mut self, max_feature_bytes: u64) -> Self {
        self.settings.max_feature_bytes = max_feature_bytes;
        self
    }

    /// Measures the test photos after every epoch, too, and writes `curve.csv` and its chart: test accuracy over wall time. For
    /// comparing programs; nothing is decided by it.
    pub fn with_curve(mut self, with_curve: bool) -> Self {
        self.settings.with_curve = with_curve;
        self
    }

    /// Sets the command that the page shows as the one that made the run.
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.settings.command = Some(command.into());
        self
    }

    /// Sets the longest time between two writes of the training's state within an epoch, ten minutes otherwise; `None` for none.
    /// At the end of every epoch it is written in any case.
    pub fn save_every(mut self, save_every: Option<Duration>) -> Self {
        self.settings.save_every = save_every;
        self
    }

    /// Keeps a model file of each of so many last epochs in `epochs` in the run folder; none otherwise. The best one is always
    /// kept, as `model.safetensors`.
    pub fn keep_last(mut self, epochs: usize) -> Self {
        self.settings.keep_last = epochs;
        self
    }

    /// Writes event files for TensorBoard into `tensorboard` in the run folder: settings as hyper-parameters, the network, of
    /// each step loss, learning rate and gradient norm, of each epoch losses, accuracies, speed and how all trained weights
    /// are distributed, and of the test the confusion matrix and up to 16 photos that were taken for another class with the
    /// greatest confidence.
    ///
    /// The gradient norm takes about a hundredth of a step. For ResNet-34 the weights of an epoch take about half a
    /// second on one core, in a release build, and 0.2 MB of the file; the photos take most of the rest.
    pub fn tensorboard(mut self, tensorboard: bool) -> Self {
        self.settings.logs.tensorboard = tensorboard;
        self
    }

    /// Ends the run where a log cannot be written, `history.csv`, `log.jsonl` or TensorBoard's; otherwise that log ends, and
    /// the run goes on.
    pub fn need_logs(mut self, are_needed: bool) -> Self {
        self.settings.logs.are_needed = are_needed;
        self
    }

    /// Begins anew where the run folder has a run that was not finished: what there is of it is lost.
    pub fn anew(self) -> Self {
        let beginning = Beginning::Anew;
        Self { beginning, ..self }
    }

    /// Does all of it, and shows on the standard error stream how far it is.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), [`PreparedRun::train`] and [`TrainedRun::finish`](crate::TrainedRun::finish).
    pub fn start(self) -> Result<CompletedRun, Error> {
        self.start_with(&mut Progress::new())
    }

    /// Does all of it before the eyes of an observer, which can also have it left: its state is then kept.
    ///
    /// # Errors
    /// As [`start`](Self::start), and [`Error::Interrupted`] if the observer asked for that.
    pub fn start_with(self, observer: &mut dyn Observer) -> Result<CompletedRun, Error> {
        let prepared = self.prepare(observer)?;
        let folder = prepared.folder().to_owned();
        let interrupted = || Error::Interrupted {
            folder: folder.clone(),
        };
        let trained = match prepared.train(observer) {
            Err(Error::Train(marque_train::Error::Interrupted)) => return Err(interrupted()),
            trained => trained?,
        };
        match trained.fit.reason {
            StopReason::Interrupted => Err(interrupted()),
            _ => trained.finish(observer),
        }
    }

    /// Checks what was asked for, gets the weights, opens all photos once, makes the network, and locks the run folder.
    ///
    /// # Errors
    /// Before anything is read: settings of the recipe out of their ranges, results in the photos' folder, a run folder that
    /// cannot be written, [`Error::Unfinished`] and [`Error::Busy`]. Then weights that cannot be had, photos that cannot be used
    /// ([`marque_train::prepare()`]), and weights that do not suit the architecture.
    pub fn prepare(self, observer: &mut dyn Observer) -> Result<PreparedRun, Error> {
        let ranks = self.ranks.clone();
        PreparedRun::new(self, &mut ranks.heard(observer))
    }

    pub(crate) fn folder(&self, architecture: &str) -> PathBuf {
        let default = || Path::new("runs").join(architecture);
        self.out.clone().unwrap_or_else(default)
    }
}
