//! Photos that go bad and numbers that are none, in the midst of a training.

use crate::common::{graph, photos, prepared, recipe};
use crate::training::network;
use marque_data::{BadFiles, SplitConfig};
use marque_torch::{Network, NetworkOptions};
use marque_train::{Error, Event, Inspection, PrepareConfig, evaluate, fit, predict, prepare};
use marque_weights::StateDict;

/// Ten photos in batches of eight and two, one of which goes bad when the training has begun.
#[test]
fn a_bad_photo_leaves_no_batch_of_one() {
    let folder = tempfile::tempdir().unwrap();
    for (part, count) in [("train", 5), ("val", 4), ("test", 4)] {
        for (class, name) in ["SUV", "Van"].iter().enumerate() {
            let class_folder = folder.path().join(part).join(name);
            std::fs::create_dir_all(&class_folder).unwrap();
            for number in 0..count {
                let photo = image::RgbImage::from_fn(40, 30, |x, y| {
                    image::Rgb([
                        (x * 6) as u8,
                        (y * 8) as u8,
                        (class as u32 * 90 + number * 20) as u8,
                    ])
                });
                photo.save(class_folder.join(format!("{number}.png"))).unwrap();
            }
        }
    }
    let recipe = recipe(2);
    let settings = PrepareConfig {
        split: SplitConfig::default(),
        bad_files: BadFiles::Skip,
        workers: 2,
        seed: 1,
        ..PrepareConfig::default()
    };
    let data = prepare(folder.path(), &recipe.data, &settings).unwrap();
    let plan = data.train.plan(1);
    assert_eq!(plan.iter().map(Vec::len).collect::<Vec<_>>(), [8, 2]);
    std::fs::write(&data.train.samples()[plan[1][0]].path, b"none").unwrap();
    // A network whose last maps are 1×1 pixel.
    let graph = marque_arch::ResNet::resnet18().num_classes(2).graph().unwrap();
    let mut network = Network::new(graph, NetworkOptions::default()).unwrap();
    let mut quiet = |_: &Event<'_>| Ok(());
    let validation = data.validation();
    let outcome = fit(
        &mut network,
        &data.train,
        validation.clone(),
        &recipe.fit,
        &mut quiet,
    )
    .unwrap();
    assert!(
        outcome
            .history
            .epochs
            .iter()
            .all(|epoch| epoch.validation_loss.unwrap().is_finite())
    );
    let weights = network.state_dict().unwrap();
    for (name, _) in weights.iter() {
        assert!(
            weights
                .f32_values(name)
                .unwrap()
                .iter()
                .all(|value| value.is_finite()),
            "{name}"
        );
    }

    let mut fails = |network: &mut Network| {
        let outcome = fit(network, &data.train, validation.clone(), &recipe.fit, &mut quiet);
        outcome.unwrap_err().to_string()
    };
    // Where one photo alone can be read, nothing can be learnt, and nothing is spoilt.
    for (name, number) in ["SUV", "Van"]
        .into_iter()
        .flat_map(|name| (0..5).map(move |number| (name, number)))
    {
        if (name, number) != ("SUV", 3) {
            std::fs::write(folder.path().join(format!("train/{name}/{number}.png")), b"none").unwrap();
        }
    }
    let error = fails(&mut network);
    assert!(
        error.contains("a batch norm cannot be trained on one value per channel"),
        "{error}"
    );
    assert_eq!(network.state_dict().unwrap(), weights);
    std::fs::write(folder.path().join("train/SUV/3.png"), b"none").unwrap();
    let error = fails(&mut network);
    assert!(
        error.starts_with("none of the 10 photos of the training part can be read; the first is "),
        "{error}"
    );
}

#[test]
fn photos_that_were_not_opened_are_found_bad_when_their_turn_comes() {
    let folder = photos();
    let recipe = recipe(1);
    let settings = PrepareConfig {
        inspection: Inspection::Nothing,
        ..PrepareConfig::default()
    };
    let opened = prepare(folder.path(), &recipe.data, &PrepareConfig::default()).unwrap();
    let data = prepare(folder.path(), &recipe.data, &settings).unwrap();
    assert!(opened.inventory.opened && !data.inventory.opened);
    assert_eq!(
        data.preprocess, opened.preprocess,
        "of so few photos all are measured"
    );
    let bad = data.train.samples()[3].path.clone();
    std::fs::write(&bad, b"none").unwrap();
    let data = prepare(folder.path(), &recipe.data, &settings).unwrap();
    assert_eq!(data.inventory.counts, opened.inventory.counts);
    assert!(data.inventory.bad.is_empty() && data.inventory.to_string().contains("photos were not opened"));
    let mut left_out = 0;
    let mut observer = |event: &Event<'_>| {
        if let Event::EpochEnd { skipped, .. } = event {
            left_out = *skipped;
        }
        Ok(())
    };
    fit(
        &mut network(),
        &data.train,
        data.validation(),
        &recipe.fit,
        &mut observer,
    )
    .unwrap();
    assert_eq!(left_out, 1);
}

#[test]
fn a_validation_loss_that_is_no_number_ends_the_run_at_once() {
    let folder = photos();
    let recipe = recipe(5);
    let data = prepared(folder.path(), &recipe, 2);
    // Training does not look at running statistics; evaluation does.
    let mut broken = StateDict::default();
    for (name, tensor) in network().state_dict().unwrap().iter() {
        let spoilt = vec![f32::NAN; tensor.shape().iter().product()];
        let tensor = match name {
            "bn1.running_mean" => marque_weights::Tensor::from_f32(tensor.shape(), &spoilt).unwrap(),
            _ => tensor.clone(),
        };
        broken.insert(name, tensor);
    }
    let mut network = Network::with_weights(graph(), &broken, NetworkOptions::default()).unwrap();
    let mut epochs = 0;
    let mut count = |event: &Event<'_>| {
        epochs += usize::from(matches!(event, Event::EpochStart { .. }));
        Ok(())
    };
    let validation = data.validation();
    let error = fit(&mut network, &data.train, validation, &recipe.fit, &mut count).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NonFiniteValidationLoss {
                epoch: 1,
                photos: 9,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .starts_with("the validation loss is NaN in epoch 1, at a learning rate of "),
        "{error}"
    );
    assert_eq!(epochs, 1);
}

#[test]
fn a_part_without_a_readable_photo_is_no_number_either() {
    let folder = photos();
    let recipe = recipe(1);
    let data = prepared(folder.path(), &recipe, 2);
    for sample in data.test.samples() {
        std::fs::write(&sample.path, b"gone").unwrap();
    }
    let network = network();
    let measured = evaluate(&network, &data.test).unwrap_err();
    let predicted = predict(&network, &data.test, &data.class_names, &Default::default()).unwrap_err();
    for error in [measured, predicted] {
        assert!(
            matches!(error, Error::NothingReadable { photos: 9, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("not an image"), "{error}");
    }
}
