//! The same photos give the same training, wherever they are listed.

use crate::common::{CLASSES, photos, prepared, recipe};
use crate::training::network;
use marque_train::{Error, Event, Training};
use std::path::Path;

/// The weights and the losses of a short training.
fn trained(data: &Path) -> (marque_weights::StateDict, Vec<u64>) {
    let mut recipe = recipe(2);
    recipe.data.augment = marque_data::Augment::strong();
    let data = prepared(data, &recipe, 2);
    let mut training = Training::new(network(), &data.train, data.validation(), &recipe.fit).unwrap();
    training.run(&mut |_: &Event<'_>| Ok::<(), Error>(())).unwrap();
    let losses = training.history().epochs.iter();
    let losses = losses
        .map(|epoch| epoch.validation_loss.unwrap().to_bits())
        .collect();
    (training.network().state_dict().unwrap(), losses)
}

#[test]
fn a_list_gives_the_bits_of_its_folder() {
    let folder = photos();
    let expected = trained(folder.path());
    let mut rows = Vec::new();
    for class in CLASSES {
        for number in 0..12 {
            rows.push((format!("{class}/{number}.png"), class));
        }
    }
    // In any order.
    rows.reverse();
    rows.swap(3, 20);
    let elsewhere = tempfile::tempdir().unwrap();
    let table: String = rows
        .iter()
        .map(|(path, class)| format!("{path},{class}\n"))
        .collect();
    let list = folder.path().join("photos.csv");
    std::fs::write(&list, format!("path,label\n{table}")).unwrap();
    assert!(trained(&list) == expected);
    std::fs::remove_file(&list).unwrap();
    let whole = |path: &str| folder.path().join(path).display().to_string();
    let lines: Vec<String> = rows
        .iter()
        .map(|(path, class)| serde_json::json!({"image": whole(path), "class": class}).to_string())
        .collect();
    let list = elsewhere.path().join("photos.jsonl");
    std::fs::write(&list, lines.join("\n")).unwrap();
    assert!(trained(&list) == expected);
}
