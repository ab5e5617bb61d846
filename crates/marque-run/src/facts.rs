//! What a reader of the run's page wants to know.

use crate::Error;
use marque_arch::Summary;
use marque_report::Fact;
use marque_torch::{Network, Waiting, threads};
use marque_train::{Prepared, Recipe, TrainedFrom};
use std::path::Path;

/// What the facts are about.
pub(crate) struct Facts<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) data: &'a Prepared,
    pub(crate) network: &'a Network,
    pub(crate) summary: &'a Summary,
    pub(crate) weights: Option<&'a Path>,
    pub(crate) seed: u64,
}

pub(crate) fn facts(of: &Facts<'_>) -> Result<Vec<Fact>, Error> {
    let Facts {
        recipe,
        data,
        network,
        summary,
        ..
    } = of;
    let fit = &recipe.fit;
    let validation = data.validation.as_ref().map_or(0, |loader| loader.len());
    let photos = format!(
        "{} train, {validation} validation, {} test",
        data.train.len(),
        data.test.len()
    );
    let mut facts = vec![
        Fact::new("Architecture", network.graph().name()),
        Fact::new("Parameters", summary.trained_parameters()),
        Fact::new(
            "Multiply-adds",
            format!("{:.3} G per photo", summary.multiply_adds() as f64 / 1e9),
        ),
    ];
    if let Some(weights) = of.weights {
        let name = weights.file_name().unwrap_or_default().to_string_lossy();
        facts.push(Fact::new("Starts from", name));
        facts.push(Fact::new("Trained from", trained_from(of)?));
    }
    facts.extend([
        Fact::new("Image size", image_sizes(recipe)),
        Fact::new("Photos", photos),
        Fact::new("Recipe", &recipe.name),
        Fact::new("Epochs", fit.epochs),
        Fact::new("Batch size", recipe.data.batch_size),
        Fact::new("Learning rate", fit.learning_rate),
        Fact::new("Optimiser", format!("{:?}", fit.optimizer)),
        Fact::new("Schedule", format!("{:?}", fit.schedule)),
        Fact::new("Augmentation", format!("{:?}", recipe.data.augment)),
        Fact::new("Framing", format!("{:?}", data.preprocess.resize)),
        Fact::new("Mean", format!("{:?}", data.preprocess.mean)),
        Fact::new("Standard deviation", format!("{:?}", data.preprocess.std)),
        Fact::new("Seed", of.seed),
        Fact::new("Precision", format!("{:?}", network.precision())),
        Fact::new("Device", format!("{:?}, {} threads", network.device(), threads())),
        Fact::new("Waiting threads", Waiting::of_this_process()),
        Fact::new("marque", env!("CARGO_PKG_VERSION")),
    ]);
    let warnings = data.inventory.warnings().into_iter();
    facts.extend(warnings.map(|warning| Fact::new("Warning", warning)));
    Ok(facts)
}

/// What photos are brought to, in training and after it.
fn image_sizes(recipe: &Recipe) -> String {
    let whole = recipe.data.image_size;
    let growing = recipe.fit.resizing.map(|resizing| {
        let first = resizing.image_size(whole, 1, recipe.fit.epochs);
        format!("{first} in the first epoch, growing to {whole}")
    });
    let trained = growing.unwrap_or_else(|| whole.to_string());
    match recipe.data.test_image_size {
        Some(test) => format!("{trained}; {test} after training"),
        None => trained,
    }
}

/// The first trained nodes, and how much of the network's multiply-adds is frozen before them.
fn trained_from(of: &Facts<'_>) -> Result<String, Error> {
    let names = match &of.recipe.model.trained_from {
        TrainedFrom::Nodes(names) => names,
        _ => return Ok("the beginning".to_owned()),
    };
    let graph = of.network.graph();
    let starts = names.iter().map(|name| graph.find(name));
    let trained = graph.descendants(starts.collect::<Result<Vec<_>, _>>()?);
    let rows = of.summary.rows().iter().zip(trained);
    let frozen: u64 = rows
        .filter(|(_, trained)| !trained)
        .map(|(row, _)| row.multiply_adds)
        .sum();
    let share = 100.0 * frozen as f64 / of.summary.multiply_adds() as f64;
    Ok(format!(
        "{}; {share:.0} % of the multiply-adds before it are frozen",
        names.join(" and ")
    ))
}
