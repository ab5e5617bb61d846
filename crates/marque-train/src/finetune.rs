use crate::observer::{Event, Observer};
use crate::ranks::Ranks;
use crate::{Error, Examples, FeatureConfig, Features, Fit, Prepared, Recipe, Training};
use marque_data::Loader;
use marque_dist::{Alone, Group};
use marque_torch::Network;
use std::borrow::BorrowMut;
use std::sync::Arc;

/// Trains what a recipe leaves unfrozen of a pretrained network, from kept features of what it freezes.
///
/// With `features` the frozen prefix is computed once for each view of each photo ([`Features`]); without, in every step.
/// Both give the same weights up to the rounding of the features, and in mixed precision the same bits. A recipe that does
/// not limit the views shows a new one in every epoch, so that nothing would be gained by keeping those; a network that is
/// frozen nowhere, or whose features do not fit, is trained on the photos, too, and so is one whose images grow.
///
/// The network has the head and the precision that it was made with: [`Recipe::graph`] and
/// [`Recipe::network_options`] make them what the recipe says.
///
/// # Errors
/// [`Error::Torch`] if the network has no node of a name in the recipe's `trained_from`; [`Error::Interrupted`] if it was
/// asked to stop before the first epoch; otherwise as [`fit()`](crate::fit()) and [`Features::compute`].
///
/// ```no_run
/// use marque_train::{Prepared, Progress, Recipe, fine_tune};
/// use marque_torch::{Device, Network};
/// use marque_weights::{MatchPolicy, StateDict};
///
/// # fn tune(data: &Prepared) -> Result<(), Box<dyn std::error::Error>> {
/// let pretrained = marque_arch::Xception::keras().graph()?;
/// let graph = Recipe::fast().graph(&pretrained, data.class_names.len())?;
/// let recipe = Recipe::fast().for_graph(&graph)?;
/// let matched = StateDict::read("xception.h5".as_ref())?.matched_to(&graph, MatchPolicy::NewHead)?;
/// let mut network = Network::with_matched(graph, &matched, recipe.network_options(Device::Cpu, 42))?;
/// let fitted = fine_tune(&mut network, data, &recipe, None, &mut Progress::new())?;
/// println!("best epoch: {:?}", fitted.best_epoch);
/// # Ok(())
/// # }
/// ```
pub fn fine_tune(
    network: &mut Network,
    data: &Prepared,
    recipe: &Recipe,
    features: Option<&FeatureConfig>,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    let mut training = fine_tuning(network, data, recipe, features, observer)?;
    let outcome = training.run(observer);
    training.end(outcome)
}

/// The training that [`fine_tune`] runs, before its first step; the features are computed here.
///
/// # Errors
/// As [`fine_tune`].
pub fn fine_tuning<N: BorrowMut<Network>>(
    network: N,
    data: &Prepared,
    recipe: &Recipe,
    features: Option<&FeatureConfig>,
    observer: &mut dyn Observer,
) -> Result<Training<N>, Error> {
    let alone: Arc<dyn Group> = Arc::new(Alone);
    fine_tuning_in_group(network, data, recipe, (features, &alone), observer)
}

/// As [`fine_tuning`], by the processes of a group, which the training has [joined](Training::join): each computes its share of the
/// features, in a folder that all of them share. All have the same photos and recipe, and the network of rank 0.
///
/// # Errors
/// As [`fine_tune`], and those of [`Training::join`].
pub fn fine_tuning_in_group<N: BorrowMut<Network>>(
    mut network: N,
    data: &Prepared,
    recipe: &Recipe,
    (features, group): (Option<&FeatureConfig>, &Arc<dyn Group>),
    observer: &mut dyn Observer,
) -> Result<Training<N>, Error> {
    network
        .borrow_mut()
        .train_from(recipe.model.trained_from.nodes()?)?;
    let kept = Kept { features, group };
    let own = network.borrow();
    if features.is_some() {
        // What is kept is what the network gives that all have when they have joined.
        Ranks::of(Arc::clone(group))?.copy_from_first(own)?;
    }
    let train = match recipe.fit.views {
        Some(views) if recipe.fit.resizing.is_none() => {
            kept.of(own, &data.train, views.min(recipe.fit.epochs), observer)?
        }
        _ => Examples::from(&data.train),
    };
    let validation = match &data.validation {
        Some(loader) => Some(kept.of(own, loader, 1, observer)?),
        None => None,
    };
    let mut training = Training::new(network, train, validation, &recipe.fit)?;
    training.join(Arc::clone(group))?;
    Ok(training)
}

/// Where features are kept, if they are, and who computes them.
struct Kept<'a> {
    features: Option<&'a FeatureConfig>,
    group: &'a Arc<dyn Group>,
}

impl Kept<'_> {
    /// Features of the frozen prefix for the loader's photos, or the photos themselves where there are none to be kept.
    fn of(
        &self,
        network: &Network,
        loader: &Loader,
        views: u32,
        observer: &mut dyn Observer,
    ) -> Result<Examples, Error> {
        let Some(features) = self.features else {
            return Ok(Examples::from(loader));
        };
        let features = FeatureConfig {
            views,
            ..features.clone()
        };
        let mut progress = |progress| {
            if observer.should_stop() {
                return Err(Error::Interrupted);
            }
            observer.observe(&Event::Features(progress))
        };
        let group = Arc::clone(self.group);
        let kept = Features::compute_in_group(network, loader, &features, group, &mut progress)?;
        Ok(kept.map_or_else(|| Examples::from(loader), Examples::from))
    }
}
