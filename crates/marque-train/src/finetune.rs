use crate::observer::{Event, Observer};
use crate::{Error, Examples, FeatureConfig, Features, Fit, FitConfig, Prepared, Recipe, fit};
use marque_data::Loader;
use marque_torch::Network;
use std::sync::atomic::Ordering;

/// How a pretrained network is trained.
#[derive(Debug, Clone, Default)]
pub struct FineTuneConfig {
    /// How what is not frozen is trained.
    pub fit: FitConfig,
    /// Where outputs of the frozen prefix are kept; `None`, the default, to compute them in every step. How many views there
    /// are, the recipe says.
    pub features: Option<FeatureConfig>,
}

/// Trains what a recipe leaves unfrozen of a pretrained network, from kept features of what it freezes.
///
/// With [`FineTuneConfig::features`] the frozen prefix is computed once for each view of each photo ([`Features`]); without, in every step.
/// Both give the same weights up to the rounding of the features, and in mixed precision the same bits. A recipe that does
/// not limit the views shows a new one in every epoch, so that nothing would be gained by keeping those; a network that is
/// frozen nowhere, or whose features do not fit, is trained on the photos, too.
///
/// # Errors
/// [`Error::Torch`] if the network has no node of a name in the recipe's `trained_from`; [`Error::Interrupted`] if it was
/// asked to stop before the first epoch; otherwise as [`fit()`] and [`Features::compute`].
///
/// ```no_run
/// use marque_train::{FineTuneConfig, Prepared, Progress, Recipe, fine_tune};
/// use marque_torch::{Network, NetworkOptions};
/// use marque_weights::{MatchPolicy, StateDict};
///
/// # fn tune(data: &Prepared) -> Result<(), Box<dyn std::error::Error>> {
/// let recipe = Recipe::fine_tuning("fast", "xception-keras")?;
/// let graph = marque_arch::Xception::keras().num_classes(data.class_names.len()).graph()?;
/// let file = StateDict::read("xception.h5".as_ref())?;
/// let matched = file.matched_to(&graph, MatchPolicy::NewHead)?;
/// let mut network = Network::with_matched(graph, &matched, NetworkOptions::default())?;
/// let config = FineTuneConfig { fit: recipe.fit_config(), features: None };
/// let fitted = fine_tune(&mut network, data, &recipe, &config, &mut Progress::new())?;
/// println!("best epoch: {:?}", fitted.best_epoch);
/// # Ok(())
/// # }
/// ```
pub fn fine_tune(
    network: &mut Network,
    data: &Prepared,
    recipe: &Recipe,
    config: &FineTuneConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    network.train_from(&recipe.trained_from)?;
    let train = match recipe.views {
        Some(views) => kept(
            network,
            &data.train,
            views.min(config.fit.epochs),
            config,
            observer,
        )?,
        None => None,
    };
    let validation = match &data.validation {
        Some(loader) => kept(network, loader, 1, config, observer)?,
        None => None,
    };
    let train = train
        .as_ref()
        .map_or(Examples::Photos(&data.train), Examples::Features);
    let validation = match (&validation, &data.validation) {
        (Some(features), _) => Some(Examples::Features(features)),
        (None, Some(loader)) => Some(Examples::Photos(loader)),
        (None, None) => None,
    };
    fit(network, train, validation, &config.fit, observer)
}

fn kept<'a>(
    network: &Network,
    loader: &'a Loader,
    views: u32,
    config: &FineTuneConfig,
    observer: &mut dyn Observer,
) -> Result<Option<Features<'a>>, Error> {
    let Some(features) = &config.features else {
        return Ok(None);
    };
    let features = FeatureConfig {
        views,
        ..features.clone()
    };
    Features::compute(network, loader, &features, &mut |progress| {
        if config.fit.stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        observer.observe(&Event::Features(progress))
    })
}
