//! `standalone MODEL PHOTO…` says what photos show.

use marque::infer::{Session, SessionOptions};
use marque::model::Classifier;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let model = arguments.next().ok_or("usage: standalone MODEL PHOTO…")?;
    let classifier = Classifier::<Session>::open(model.as_ref(), SessionOptions::default())?;
    for photo in arguments {
        let classes = classifier.classify(photo.as_ref())?;
        let (name, probability) = (&classes[0].class_name, classes[0].probability);
        println!("{}: {name} {:.1} %", photo.display(), 100.0 * probability);
    }
    Ok(())
}
