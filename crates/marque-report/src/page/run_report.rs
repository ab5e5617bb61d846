//! What the page of a run is made of.

use image::RgbImage;
use marque_metrics::{History, Metrics, Predictions};

use crate::{Cost, Error, Fact, PhotoFiles, RunDetails, Stage};

/// Everything there is to report about one training run.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The heading, such as `ResNet-34 from scratch`.
    pub title: String,
    /// The names of the K classes, in class order.
    pub class_names: Vec<String>,
    /// The epochs; may be empty.
    pub history: History,
    /// The probabilities for the photos of the test part.
    pub predictions: Predictions,
    /// The metrics of `predictions`.
    pub metrics: Metrics,
    /// Configuration, machine and versions, in the order in which they are shown.
    pub facts: Vec<Fact>,
    /// A drawing of the architecture as an SVG document.
    pub architecture_svg: Option<String>,
    /// The command that made the run.
    pub command: Option<String>,
    /// Photos that were left out: path and reason.
    pub skipped: Vec<(String, String)>,
    /// Where the photos of `predictions` are, to read thumbnails of the worst mistakes: the folder that their paths start from,
    /// say. Without it the page has none.
    pub photos: Option<PhotoFiles>,
    /// What the network costs to hold and to run.
    pub cost: Option<Cost>,
    /// The parts of the run with their times, in order.
    pub stages: Vec<Stage>,
    /// What in some photos speaks for the predicted class.
    pub explanations: Vec<Explanation>,
}

/// A photo with what in it speaks for the predicted class.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The photo's path, as in the predictions.
    pub path: String,
    /// The class that the photo belongs to.
    pub truth: usize,
    /// The class that is explained.
    pub predicted: usize,
    /// Its probability, from 0 to 1.
    pub probability: f64,
    /// The photo as the network sees it.
    pub photo: RgbImage,
    /// The same with the explanation over it, as [`heat_overlay`](crate::heat_overlay) makes it.
    pub overlay: RgbImage,
}

impl RunReport {
    /// What `run.json` says of it.
    pub(crate) fn details(&self) -> RunDetails {
        RunDetails {
            title: self.title.clone(),
            command: self.command.clone(),
            facts: self.facts.clone(),
            skipped: self.skipped.clone(),
            cost: self.cost,
            stages: self.stages.clone(),
        }
    }

    /// Whether the parts belong together: they may come from files that were written at different times.
    ///
    /// # Errors
    /// [`Error::Inconsistent`], and [`Error::Metrics`] if the predictions are not valid.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let classes = self.class_names.len();
        let same = |what, expected: usize, found: usize| match expected == found {
            true => Ok(()),
            false => Err(Error::Inconsistent {
                what,
                expected,
                found,
            }),
        };
        same(
            "classes of the predictions",
            classes,
            self.predictions.class_names.len(),
        )?;
        same("classes of the metrics", classes, self.metrics.per_class.len())?;
        same(
            "rows of the confusion matrix",
            classes,
            self.metrics.confusion.len(),
        )?;
        for row in &self.metrics.confusion {
            same("columns of the confusion matrix", classes, row.len())?;
        }
        let differs = |(name, other): &(&String, &String)| name != other;
        let other_names = self
            .class_names
            .iter()
            .zip(&self.predictions.class_names)
            .filter(differs)
            .count();
        same("class names in the predictions that differ", 0, other_names)?;
        let measured = self
            .metrics
            .per_class
            .iter()
            .map(|class| class.support)
            .fold(0, u64::saturating_add);
        same(
            "photos in the metrics",
            self.predictions.labels.len(),
            usize::try_from(measured).unwrap_or(usize::MAX),
        )?;
        for explanation in &self.explanations {
            let class = explanation.truth.max(explanation.predicted);
            if class >= classes {
                return same("class of an explained photo", classes.saturating_sub(1), class);
            }
        }
        Ok(self.predictions.validate()?)
    }
}
