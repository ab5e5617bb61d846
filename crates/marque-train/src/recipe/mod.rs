//! How a classifier is trained, as data.

mod data;
mod file;
mod flat;
mod listed;
mod model;
mod named;
mod settings;
mod space;

pub use data::{DataRecipe, Framing, Normalization, Sampler};
pub use model::{ModelRecipe, TrainedFrom};
pub use settings::{Setting, settings};
pub use space::{Choice, Range, RangeScale, SearchSpace};

use crate::{Error, FitConfig};
use marque_arch::Graph;
use marque_core::setting::Within;
use marque_data::TestAugment;
use marque_torch::{Device, NetworkOptions, Precision};
use serde::{Deserialize, Serialize};

/// How a classifier is trained, as data: everything but the photos, the architecture and the seed.
///
/// Every setting has a default, so that a file says what is different and no more. It is JSON, or TOML by the ending of its
/// name:
///
/// ```
/// use marque_train::Recipe;
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("small.toml");
/// std::fs::write(&file, "[data]\nimage_size = 96\n\n[fit]\nepochs = 20\n")?;
/// let recipe = Recipe::read(&file)?.with("fit.label_smoothing=0.1")?;
/// assert_eq!((recipe.fit.epochs, recipe.fit.label_smoothing), (20, 0.1));
/// assert_eq!(recipe.data.batch_size, 32);
///
/// let error = recipe.with("fit.lable_smoothing=0.1").unwrap_err();
/// assert!(error.to_string().contains("did you mean \"fit.label_smoothing\"?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Its name, for a reader of the run; `custom` by default.
    pub name: String,
    /// What becomes of photos before the network sees them.
    pub data: DataRecipe,
    /// What of the network is new, trained and exact.
    pub model: ModelRecipe,
    /// How the network is trained.
    pub fit: FitConfig,
    /// How the trained network is asked.
    pub predict: PredictRecipe,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            name: "custom".to_owned(),
            data: DataRecipe::default(),
            model: ModelRecipe::default(),
            fit: FitConfig::default(),
            predict: PredictRecipe::default(),
        }
    }
}

/// How a trained network is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PredictRecipe {
    /// Whether a photo's probabilities are the mean of its own and its mirror image's; they are its own by default.
    pub mirrored: bool,
    /// Factors on the sides of the image at which a photo is looked at; `[1.0]` by default.
    pub scales: Vec<f64>,
    /// The share of each side that five parts of a photo have, its corners and its middle, which are looked at in place of all of it;
    /// `None`, the default, for all of it.
    pub five_crop: Option<f64>,
    /// Whether probabilities are brought to the temperature at which those of the validation photos are best (Guo et al. 2017,
    /// arXiv:1706.04599); they are not by default.
    pub calibrated: bool,
}

impl Default for PredictRecipe {
    fn default() -> Self {
        let TestAugment {
            mirrored,
            scales,
            five_crop,
        } = TestAugment::default();
        Self {
            mirrored,
            scales,
            five_crop,
            calibrated: false,
        }
    }
}

impl PredictRecipe {
    /// The looks at a photo whose mean is the answer.
    pub fn test_augment(&self) -> TestAugment {
        TestAugment {
            mirrored: self.mirrored,
            scales: self.scales.clone(),
            five_crop: self.five_crop,
        }
    }
}

impl Recipe {
    /// Checks all ranges: the one place where that is done, before anything is read or computed.
    ///
    /// # Errors
    /// [`Error::Setting`] with the path of the setting.
    pub fn validate(&self) -> Result<(), Error> {
        self.data.validate().within("data")?;
        self.model.validate().within("model")?;
        self.predict.test_augment().validate().within("predict")?;
        Ok(self.fit.validate().within("fit")?)
    }

    /// The recipe with what it leaves to the architecture decided for the one of this name: the pixel values that its
    /// published weights were trained on.
    pub fn for_architecture(mut self, architecture: &str) -> Self {
        if self.data.normalization == Normalization::Pretrained {
            self.data.normalization = named::published_normalization(architecture);
        }
        self
    }

    /// The recipe with what it leaves to the network decided for this one: [`TrainedFrom`] becomes a list of nodes, or all.
    ///
    /// # Errors
    /// [`Error::Graph`] if the graph has no node of a name in it, or no place where it can be cut.
    pub fn for_graph(self, graph: &Graph) -> Result<Self, Error> {
        let mut recipe = self.for_architecture(graph.name());
        recipe.model.trained_from = recipe.model.trained_from.decided(graph, recipe.data.image_size)?;
        Ok(recipe)
    }

    /// The network that the recipe trains: `architecture` with the recipe's head for this number of classes.
    ///
    /// # Errors
    /// [`Error::Graph`] if the architecture has no place for the head, [`Error::Setting`] if it has nothing that the recipe sets a
    /// probability of.
    pub fn graph(&self, architecture: &Graph, num_classes: usize) -> Result<Graph, Error> {
        self.model
            .with_probabilities(architecture.with_head(self.model.head, num_classes)?)
    }

    /// How the network is made: where it runs, what it draws from, and how exactly it computes.
    pub fn network_options(&self, device: Device, seed: u64) -> NetworkOptions {
        NetworkOptions {
            device,
            seed,
            precision: if self.model.mixed_precision {
                Precision::fastest_on(device)
            } else {
                Precision::Single
            },
            ..Default::default()
        }
    }
}
