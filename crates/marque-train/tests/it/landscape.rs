//! The loss around a network: directions, surfaces, and a network that is as before.

use image::{Rgb, RgbImage};
use marque_arch::{GraphBuilder, Linear, Op, ResNet, ResidualBlock};
use marque_data::{Augment, ImageSize, Loader, LoaderConfig, Preprocess, Sample};
use marque_torch::{Device, Network, NetworkOptions, NodeState, array_from_tensor};
use marque_train::{Direction, Error, HeldPhotos, evaluate, loss_surface};
use ndarray::{ArrayD, Axis};
use tempfile::TempDir;

fn network(num_classes: usize) -> Network {
    let graph = ResNet::new("tiny", ResidualBlock::Basic, [1, 1, 0, 0]).num_classes(num_classes);
    let options = NetworkOptions {
        seed: 9,
        ..Default::default()
    };
    Network::new(graph.graph().unwrap(), options).unwrap()
}

/// Seven photos of three classes, in batches of three, with a folder that keeps them alive.
fn photos() -> (TempDir, Loader) {
    let folder = tempfile::tempdir().unwrap();
    let samples = (0..7u8).map(|number| {
        let path = folder.path().join(format!("{number}.png"));
        let photo = RgbImage::from_fn(20, 16, |x, y| Rgb([x as u8 * 9, y as u8 * number, 30 * number]));
        photo.save(&path).unwrap();
        Sample::new(path, usize::from(number % 3))
    });
    let samples = samples.collect();
    let preprocess = Preprocess {
        image_size: ImageSize::square(16),
        ..Default::default()
    };
    let config = LoaderConfig {
        batch_size: 3,
        ..Default::default()
    };
    let loader = Loader::new(samples, preprocess, Augment::none(), config).unwrap();
    (folder, loader)
}

/// The length of each filter.
fn lengths(tensor: &ArrayD<f32>) -> Vec<f32> {
    let filters = tensor.axis_iter(Axis(0));
    filters
        .map(|filter| filter.iter().map(|value| value * value).sum::<f32>().sqrt())
        .collect()
}

#[test]
fn filters_of_a_direction_are_as_long_as_those_of_the_network() {
    let network = network(3);
    let direction = Direction::random(&network, 1).unwrap();
    let weights = network.state_dict().unwrap();
    let names: Vec<&str> = direction.iter().map(|(name, _)| name).collect();
    let expected = [
        "conv1.weight",
        "layer1.0.conv1.weight",
        "layer1.0.conv2.weight",
        "layer2.0.conv1.weight",
        "layer2.0.conv2.weight",
        "layer2.0.downsample.0.weight",
        "fc.weight",
    ];
    assert_eq!(names, expected, "neither biases nor batch norms");
    for (name, along) in direction.iter() {
        let shape: Vec<usize> = along.size().iter().map(|&extent| extent as usize).collect();
        let own = ArrayD::from_shape_vec(shape, weights.f32_values(name).unwrap().into_owned()).unwrap();
        let along = array_from_tensor(along).unwrap();
        for (own, along) in lengths(&own).iter().zip(lengths(&along)) {
            assert!((own - along).abs() < 1e-5 * own, "{name}: {own} and {along}");
        }
        let product: f32 = own.iter().zip(&along).map(|(a, b)| a * b).sum();
        let squares: f32 = own.iter().map(|a| a * a).sum();
        assert!(
            product.abs() < 0.3 * squares,
            "{name} must not be the weights themselves"
        );
    }
}

#[test]
fn a_direction_is_a_function_of_the_seed_and_the_names() {
    let network = network(3);
    let drawn = |seed| {
        let direction = Direction::random(&network, seed).unwrap();
        let tensors = direction
            .iter()
            .map(|(_, along)| array_from_tensor(along).unwrap());
        tensors.collect::<Vec<_>>()
    };
    assert_eq!(drawn(1), drawn(1));
    assert!(drawn(1).iter().zip(drawn(2)).all(|(one, two)| *one != two));
    let all = drawn(1);
    assert_ne!(all[1], all[2], "two tensors of one shape have different numbers");
}

#[test]
fn the_middle_is_the_network_itself_and_it_is_put_back() {
    let (_folder, loader) = photos();
    let mut network = network(3);
    let before = network.state_dict().unwrap();
    let evaluation = evaluate(&network, &loader).unwrap();
    let photos = HeldPhotos::read(&loader, 100, Device::Cpu).unwrap();
    assert_eq!(photos.len(), 7);
    let directions = [1, 2].map(|seed| Direction::random(&network, seed).unwrap());
    let mut surface = || {
        let (alpha, beta) = ([-0.5, 0.0, 0.5], [0.0, 0.25]);
        loss_surface(
            &mut network,
            &photos,
            [&directions[0], &directions[1]],
            &alpha,
            &beta,
        )
        .unwrap()
    };
    let first = surface();
    assert_eq!(first.loss.dim(), (2, 3), "a row for each beta");
    assert_eq!(first.loss[[0, 1]].to_bits(), evaluation.loss.to_bits());
    assert_eq!(first.accuracy[[0, 1]].to_bits(), evaluation.accuracy.to_bits());
    let others = first.loss.iter().filter(|loss| **loss != evaluation.loss);
    assert_eq!(
        others.count(),
        5,
        "everywhere else the loss is another: {:?}",
        first.loss
    );
    assert_eq!(surface(), first, "the same again");
    assert_eq!(network.state_dict().unwrap(), before);
}

#[test]
fn a_step_is_a_multiple_of_the_direction() {
    let (_folder, loader) = photos();
    let photos = HeldPhotos::read(&loader, 7, Device::Cpu).unwrap();
    let mut network = network(3);
    let direction = Direction::random(&network, 1).unwrap();
    let none = Direction::random(&network, 2).unwrap();
    let surface = loss_surface(&mut network, &photos, [&none, &direction], &[0.0], &[0.5]).unwrap();
    let mut weights = network.state_dict().unwrap();
    for (name, along) in direction.iter() {
        let along = array_from_tensor(along).unwrap();
        let values = weights.f32_values(name).unwrap();
        let moved: Vec<f32> = values
            .iter()
            .zip(&along)
            .map(|(value, along)| value + 0.5 * along)
            .collect();
        let moved = marque_weights::Tensor::from_f32(along.shape(), &moved).unwrap();
        weights.insert(name, moved);
    }
    network.load_state_dict(&weights).unwrap();
    let expected = evaluate(&network, &loader).unwrap().loss;
    let found = surface.loss[[0, 0]];
    assert!(
        (found - expected).abs() < 1e-5 * expected,
        "{found} and {expected}"
    );
}

#[test]
fn as_many_photos_are_held_as_asked_for() {
    let (_folder, loader) = photos();
    for (asked, held) in [(1, 1), (3, 3), (4, 4), (7, 7), (8, 7)] {
        assert_eq!(HeldPhotos::read(&loader, asked, Device::Cpu).unwrap().len(), held);
    }
    let error = HeldPhotos::read(&loader, 0, Device::Cpu).unwrap_err();
    assert_eq!(error.to_string(), "at_most: expected at least 1 photo, found 0");
}

#[test]
fn an_error_leaves_the_network_as_it_was() {
    let (_folder, loader) = photos();
    let photos = HeldPhotos::read(&loader, 7, Device::Cpu).unwrap();
    let own = network(3);
    let foreign = Direction::random(&own, 1).unwrap();
    let mut other = network(4);
    let error = loss_surface(&mut other, &photos, [&foreign, &foreign], &[0.0], &[0.0]).unwrap_err();
    assert!(matches!(error, Error::Setting { .. }), "{error}");
    assert!(error.to_string().contains("one made for this network"), "{error}");

    // A network for two classes: the labels of the photos do not suit it, after its weights have been moved.
    let mut small = network(2);
    let before = small.state_dict().unwrap();
    let directions = [1, 2].map(|seed| Direction::random(&small, seed).unwrap());
    let error = loss_surface(
        &mut small,
        &photos,
        [&directions[0], &directions[1]],
        &[0.5],
        &[0.5],
    );
    assert!(matches!(error.unwrap_err(), Error::LibTorch { .. }));
    assert_eq!(small.state_dict().unwrap(), before);
}

#[test]
fn frozen_nodes_are_not_moved() {
    let mut network = network(3);
    let frozen = |name: &str| match name == "fc" {
        true => NodeState::Trained,
        false => NodeState::Frozen,
    };
    network.set_states(|_, node| frozen(&node.name)).unwrap();
    let direction = Direction::random(&network, 1).unwrap();
    let names: Vec<&str> = direction.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["fc.weight"]);
}

#[test]
fn a_filter_of_zeros_stays_one() {
    let mut builder = GraphBuilder::new("linear", 3).unwrap();
    let pooled = builder
        .add("pool", Op::GlobalAvgPool2d, &[builder.input()])
        .unwrap();
    let features = builder.add("flatten", Op::Flatten, &[pooled]).unwrap();
    let logits = builder.linear("fc", features, Linear::new(3, 2)).unwrap();
    let mut network = Network::new(builder.build(logits).unwrap(), NetworkOptions::default()).unwrap();
    let mut weights = network.state_dict().unwrap();
    let values = [0.0, 0.0, 0.0, 3.0, 0.0, 4.0];
    weights.insert(
        "fc.weight",
        marque_weights::Tensor::from_f32(&[2, 3], &values).unwrap(),
    );
    network.load_state_dict(&weights).unwrap();
    let direction = Direction::random(&network, 1).unwrap();
    let (_, along) = direction.iter().next().unwrap();
    let lengths = lengths(&array_from_tensor(along).unwrap());
    assert_eq!(lengths[0], 0.0);
    assert!((lengths[1] - 5.0).abs() < 1e-5);
}
