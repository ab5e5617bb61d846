//! What trained networks answer: several looks at a photo, several models, means of weights, temperatures.

use crate::common::{CLASSES, graph, photos, prepared, recipe};
use marque_data::{Augment, BadFiles, Loader, LoaderConfig, Preprocess};
use marque_model::{Classifier, Ensemble, Error, ModelCard, save_model, soup};
use marque_torch::{Network, NetworkOptions};
use marque_train::{PredictRecipe, Prepared, Recipe, predict};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn network(seed: u64) -> Network {
    let options = NetworkOptions {
        seed,
        ..Default::default()
    };
    Network::new(graph(), options).unwrap()
}

fn card(preprocess: &Preprocess, how: &PredictRecipe, temperature: f64) -> ModelCard {
    ModelCard {
        graph: graph(),
        class_names: CLASSES.map(str::to_owned).to_vec(),
        preprocess: preprocess.clone(),
        mirrored: how.mirrored,
        scales: how.scales.clone(),
        five_crop: how.five_crop,
        temperature,
        run: BTreeMap::new(),
    }
}

/// A model file of a network that has learnt nothing: its answers are as good as any for what is done with them.
fn saved(folder: &Path, seed: u64, card: &ModelCard) -> PathBuf {
    let path = folder.join(format!("{seed}.safetensors"));
    save_model(&path, &network(seed).state_dict().unwrap(), card).unwrap();
    path
}

fn open(path: &Path) -> Classifier<Network> {
    Classifier::open(path, NetworkOptions::default()).unwrap()
}

fn config() -> LoaderConfig {
    LoaderConfig {
        bad_files: BadFiles::Skip,
        batch_size: 4,
        ..LoaderConfig::default()
    }
}

fn data(folder: &Path) -> (Prepared, Recipe) {
    let recipe = recipe(1);
    (prepared(folder, &recipe, 2), recipe)
}

#[test]
fn a_photo_is_answered_by_the_mean_of_all_looks_at_it() {
    let (folder, models) = (photos(), tempfile::tempdir().unwrap());
    let (data, _) = data(folder.path());
    let how = PredictRecipe {
        mirrored: true,
        scales: vec![1.0, 1.5],
        five_crop: Some(0.75),
        ..PredictRecipe::default()
    };
    let network = network(1);
    let (predictions, unreadable) = predict(&network, &data.test, &data.class_names, &how).unwrap();
    assert!(unreadable.is_empty());
    predictions.validate().unwrap();

    // One look after the other, by hand.
    let loader = &data.test;
    let mut sums = ndarray::Array2::<f32>::zeros(predictions.probabilities.raw_dim());
    for view in how.test_augment().views(loader.preprocess().image_size) {
        for batch in loader.with_view(&view).unwrap().epoch(0) {
            let batch = batch.unwrap();
            let mirrored = batch.images.slice(ndarray::s![.., .., .., ..;-1]).to_owned();
            for images in [batch.images.view(), mirrored.view()] {
                let own = marque_model::softmax(network.predict(images).unwrap());
                for (&index, row) in batch.indices.iter().zip(own.rows()) {
                    let mut sum = sums.row_mut(index);
                    sum += &row;
                }
            }
        }
    }
    for (found, sum) in predictions.probabilities.iter().zip(&sums) {
        assert!((found - sum / 20.0).abs() < 1e-6, "{found} {sum}");
    }

    // The model file answers the same, photo by photo and all together, at its temperature.
    let card = card(loader.preprocess(), &how, 2.0);
    let classifier = open(&saved(models.path(), 1, &card));
    let (tested, _) = classifier.test(loader.samples().to_vec(), config()).unwrap();
    let expected = predictions.clone().tempered(2.0);
    assert_eq!(tested.paths, expected.paths);
    assert_ne!(tested.probabilities, predictions.probabilities);
    for (row, sample) in loader.samples().iter().enumerate() {
        let photo = marque_data::decode(&sample.path).unwrap();
        let alone = classifier.photo_probabilities(&photo).unwrap();
        for (class, alone) in alone.into_iter().enumerate() {
            let expected = expected.probabilities[[row, class]];
            assert!((tested.probabilities[[row, class]] - expected).abs() < 1e-6);
            assert!((alone - expected).abs() < 1e-6);
        }
    }
}

#[test]
fn an_ensemble_answers_with_the_mean_of_its_models_whatever_the_order_of_their_classes() {
    let (folder, models) = (photos(), tempfile::tempdir().unwrap());
    let (data, _) = data(folder.path());
    let how = PredictRecipe::default();
    let first = card(data.test.preprocess(), &how, 1.0);
    let mut second = first.clone();
    second.class_names.rotate_left(1);
    second.preprocess = second
        .preprocess
        .with_image_size(marque_data::ImageSize::square(32));
    let paths = [saved(models.path(), 1, &first), saved(models.path(), 2, &second)];
    let ensemble = Ensemble::new(paths.iter().map(|path| open(path)).collect()).unwrap();
    assert_eq!(ensemble.class_names(), first.class_names);
    let samples = data.test.samples();
    let (together, _) = ensemble.test(samples, &config()).unwrap();
    let alone = paths
        .each_ref()
        .map(|path| open(path).test(samples.to_vec(), config()).unwrap().0);
    for (row, label) in together.labels.iter().enumerate() {
        assert_eq!(*label, samples[row].label);
        for class in 0..3 {
            // What the second calls 0 is the first's 1.
            let [one, other] = [
                alone[0].probabilities[[row, class]],
                alone[1].probabilities[[row, (class + 2) % 3]],
            ];
            assert!((together.probabilities[[row, class]] - 0.5 * (one + other)).abs() < 1e-6);
        }
    }
    let answer = ensemble.classify(&samples[0].path).unwrap();
    let place = first
        .class_names
        .iter()
        .position(|name| *name == answer[0].class_name)
        .unwrap();
    assert!((answer[0].probability - together.probabilities[[0, place]]).abs() < 1e-6);

    let mut other = first;
    other.class_names[0] = "Bus".to_owned();
    let other = open(&saved(models.path(), 3, &other));
    let refused = Ensemble::new(vec![open(&paths[0]), other]).unwrap_err();
    assert!(matches!(refused, Error::OtherClasses { .. }), "{refused}");
    assert!(matches!(
        Ensemble::<Network>::new(Vec::new()),
        Err(Error::NoModels)
    ));
}

#[test]
fn a_photo_that_goes_away_is_left_out_of_every_look() {
    let (folder, models) = (photos(), tempfile::tempdir().unwrap());
    let (data, _) = data(folder.path());
    let how = PredictRecipe {
        scales: vec![1.0, 1.25],
        ..PredictRecipe::default()
    };
    let samples = data.test.samples();
    std::fs::write(&samples[2].path, b"no photo any more").unwrap();
    let classifier = open(&saved(models.path(), 1, &card(data.test.preprocess(), &how, 1.0)));
    let (predictions, unreadable) = classifier.test(samples.to_vec(), config()).unwrap();
    assert_eq!(predictions.labels.len(), samples.len() - 1);
    assert_eq!(unreadable.len(), 1);
    assert!(
        predictions
            .paths
            .iter()
            .all(|path| *path != samples[2].path.display().to_string())
    );
}

#[test]
fn a_soup_has_the_means_of_the_weights() {
    let (folder, models) = (photos(), tempfile::tempdir().unwrap());
    let (data, _) = data(folder.path());
    let first = card(data.test.preprocess(), &PredictRecipe::default(), 3.0);
    let paths = [1, 2, 3].map(|seed| saved(models.path(), seed, &first));
    let (mean, weights) = soup(&paths).unwrap();
    assert_eq!(mean.temperature, 1.0);
    let states = [1, 2, 3].map(|seed| network(seed).state_dict().unwrap());
    for (name, tensor) in weights.iter() {
        let all = states.each_ref().map(|state| state.get(name).unwrap().to_f64());
        for (place, found) in tensor.to_f64().into_iter().enumerate() {
            let expected = all.iter().map(|values| values[place]).sum::<f64>() / 3.0;
            assert!((found - expected).abs() <= 1e-7 * expected.abs(), "{name}");
        }
    }
    assert_eq!(weights.iter().count(), states[0].iter().count());
    // It is a model like any other.
    let path = models.path().join("soup.safetensors");
    save_model(&path, &weights, &mean).unwrap();
    open(&path).classify(&data.test.samples()[0].path).unwrap();

    let mut other = first;
    other.graph = marque_arch::ResNet::new("other", marque_arch::ResidualBlock::Basic, [2, 0, 0, 0])
        .num_classes(3)
        .graph()
        .unwrap();
    let wider = Network::new(other.graph.clone(), NetworkOptions::default()).unwrap();
    let file = models.path().join("other.safetensors");
    save_model(&file, &wider.state_dict().unwrap(), &other).unwrap();
    let refused = soup(&[&paths[0], &file]).unwrap_err().to_string();
    assert!(
        refused.contains("other.safetensors is of another network"),
        "{refused}"
    );
}

#[test]
fn a_view_takes_the_place_of_the_whole_photo_in_a_loader() {
    let folder = photos();
    let (data, _) = data(folder.path());
    let how = PredictRecipe {
        five_crop: Some(0.5),
        ..PredictRecipe::default()
    };
    let preprocess = data.test.preprocess();
    let samples = data.test.samples().to_vec();
    let loader = Loader::new(samples.clone(), preprocess.clone(), Augment::none(), config()).unwrap();
    let view = how.test_augment().views(preprocess.image_size)[3];
    let batch = loader.with_view(&view).unwrap().epoch(0).next().unwrap().unwrap();
    let photo = marque_data::decode(&samples[0].path).unwrap();
    let expected = preprocess.tensor(&preprocess.view(&photo, &view).unwrap());
    assert_eq!(batch.images.index_axis(ndarray::Axis(0), 0), expected);
}
