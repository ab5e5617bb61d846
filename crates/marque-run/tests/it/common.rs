//! A run of seconds.

use image::{Rgb, RgbImage};
use marque_arch::{Graph, ResNet, ResidualBlock};
use marque_run::{CompletedRun, Run};
use marque_train::{Error, Event, Observer, Recipe};
use std::path::Path;
use tempfile::TempDir;

pub(crate) const CLASSES: [&str; 3] = ["Blue", "Green", "Red"];

/// Three classes that differ in colour, ten photos each.
pub(crate) fn photos() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, name) in CLASSES.iter().enumerate() {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        for number in 0..10u32 {
            let photo = RgbImage::from_fn(40, 30, |x, y| {
                let inside = (x + 3 * number) % 40 < 20 && (y + 2 * number) % 30 < 15;
                let mut pixel = [(60 + 5 * number) as u8; 3];
                pixel[2 - class] = if inside { 220 } else { 90 };
                Rgb(pixel)
            });
            let path = folder.path().join(name).join(format!("{number}.png"));
            photo.save(path).unwrap();
        }
    }
    folder
}

pub(crate) fn graph() -> Graph {
    let tiny = ResNet::new("tiny", ResidualBlock::Basic, [1, 0, 0, 0]);
    tiny.graph().unwrap()
}

pub(crate) fn recipe() -> Recipe {
    let mut recipe = Recipe::scratch();
    recipe.fit.epochs = 4;
    recipe.fit.averaging = Some(0.9);
    recipe.data.batch_size = 8;
    recipe.data.image_size = marque_arch::ImageSize::square(24);
    recipe
}

pub(crate) fn run(photos: &Path, out: &Path) -> Run {
    Run::on(photos).graph(graph()).recipe(recipe()).out(out)
}

pub(crate) fn quiet(_: &Event<'_>) -> Result<(), Error> {
    Ok(())
}

/// Asks to stop after so many steps.
pub(crate) struct After(pub(crate) usize);

impl Observer for After {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), Error> {
        if let Event::Step(_) = event {
            self.0 -= 1;
        }
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.0 == 0
    }
}

/// Weights and predictions of both runs have the same bits.
pub(crate) fn assert_same(run: &CompletedRun, whole: &CompletedRun) {
    let results = |run: &CompletedRun| {
        let files = [&run.model, &run.files.predictions_csv];
        files.map(|file| std::fs::read(file).unwrap())
    };
    assert!(results(run) == results(whole));
    let losses = |run: &CompletedRun| {
        let epochs = run.fit.history.epochs.iter();
        epochs.map(|epoch| epoch.train_loss.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(losses(run), losses(whole));
}
