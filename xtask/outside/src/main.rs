//! A folder of photos, one call, and a classifier, in a project that is not marque's.

use anyhow::Result;
use marque::model::Classifier;
use marque::run::Run;
use marque::synthetic::{PartCounts, SyntheticCars, write_folder};
use marque::torch::Network;
use marque::train::Recipe;

fn main() -> Result<()> {
    marque::torch::wait_briefly();
    let folder = tempfile::tempdir()?;
    let photos = folder.path().join("photos");
    let cars = SyntheticCars {
        image_size: (48, 32),
        ..Default::default()
    };
    write_folder(&cars, PartCounts { train: 42, test: 14 }, &photos)?;

    let recipe = Recipe::quick().with("data.image_size=32")?.with("fit.epochs=1")?;
    let run = Run::on(&photos)
        .architecture("resnet18")
        .recipe(recipe)
        .out(folder.path().join("run"))
        .start()?;
    println!("{}", run.metrics.classification_report());

    let classifier = Classifier::<Network>::open(&run.model, Default::default())?;
    let photo = photos.join(&run.predictions.paths[0]);
    let best = &classifier.classify(&photo)?[0];
    println!("{}: {} {:.2}", photo.display(), best.class_name, best.probability);
    Ok(())
}
