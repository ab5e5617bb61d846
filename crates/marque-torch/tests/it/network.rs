//! Networks from the outside: modes, gradients, checkpoints, errors.

mod depthwise;
mod freezing;
mod peers;
mod weights;

use marque_arch::{Conv2d, Graph, GraphBuilder, Linear, MaxPool2d, Op, Padding, ResNet, ResidualBlock};
use marque_torch::{
    Device, DeviceChoice, Error, Kind, MemoryFormat, Mode, Network, NetworkOptions, Precision, Tensor,
    array_from_tensor, tensor_from_images,
};
use ndarray::Array4;

const TRAINING: Mode = Mode::Training { step: 0 };

fn small() -> Graph {
    ResNet::new("small", ResidualBlock::Basic, [1, 1, 0, 0])
        .num_classes(5)
        .graph()
        .unwrap()
}

fn network(memory_format: MemoryFormat) -> Network {
    let options = NetworkOptions {
        seed: 3,
        memory_format: Some(memory_format),
        ..Default::default()
    };
    Network::new(small(), options).unwrap()
}

fn images() -> Array4<f32> {
    Array4::from_shape_fn((4, 3, 32, 32), |(n, c, y, x)| {
        ((n * 31 + c * 17 + y * 5 + x * 3) % 23) as f32 / 11.0 - 1.0
    })
}

fn batch() -> Tensor {
    tensor_from_images(images().view(), Device::Cpu).unwrap()
}

fn loss(network: &Network, mode: Mode) -> Tensor {
    let labels = Tensor::from_slice(&[0i64, 1, 2, 3]);
    network
        .forward(&batch(), mode)
        .unwrap()
        .cross_entropy_for_logits(&labels)
}

/// Largest difference over the largest value.
fn relative_difference(first: &Tensor, second: &Tensor) -> f64 {
    let largest = |tensor: Tensor| tensor.abs().max().double_value(&[]);
    largest(first - second) / largest(second.shallow_clone())
}

#[test]
fn both_memory_formats_compute_the_same() {
    let (last, plain) = (
        network(MemoryFormat::ChannelsLast),
        network(MemoryFormat::Contiguous),
    );
    for mode in [Mode::Evaluation, TRAINING] {
        let (last_loss, plain_loss) = (loss(&last, mode), loss(&plain, mode));
        // Sums of a few thousand f32 products in another order: 1e-5 is a hundred roundings.
        assert!(relative_difference(&last_loss, &plain_loss) < 1e-5);
    }
    let gradients = last.gradients(&loss(&last, TRAINING)).unwrap();
    let expected = plain.gradients(&loss(&plain, TRAINING)).unwrap();
    for parameter in plain.trained_parameters() {
        let name = &parameter.name;
        let difference = relative_difference(gradients.get(name).unwrap(), expected.get(name).unwrap());
        assert!(difference < 1e-4, "{}: {difference}", parameter.name);
    }
}

#[test]
fn images_keep_their_meaning_in_any_memory_order() {
    let plain = images();
    let last = plain
        .view()
        .permuted_axes([0, 2, 3, 1])
        .as_standard_layout()
        .into_owned();
    let last = last.permuted_axes([0, 3, 1, 2]);
    let mut reversed = plain.clone();
    reversed.invert_axis(ndarray::Axis(3));
    reversed = Array4::from_shape_fn(plain.dim(), |(n, c, y, x)| reversed[(n, c, y, 31 - x)]);
    for (name, order) in [
        ("channels last", last.view()),
        ("plain", plain.view()),
        ("rebuilt", reversed.view()),
    ] {
        let tensor = tensor_from_images(order, Device::Cpu).unwrap();
        assert_eq!(tensor.size(), [4, 3, 32, 32], "{name}");
        assert_eq!(
            array_from_tensor(&tensor).unwrap(),
            plain.clone().into_dyn(),
            "{name}"
        );
    }
    let strided = plain.slice(ndarray::s![.., .., ..;2, ..;2]);
    let tensor = tensor_from_images(strided, Device::Cpu).unwrap();
    assert_eq!(array_from_tensor(&tensor).unwrap(), strided.to_owned().into_dyn());
}

#[test]
fn every_parameter_gets_a_gradient() {
    let network = network(MemoryFormat::ChannelsLast);
    let names: Vec<String> = network
        .trained_parameters()
        .into_iter()
        .map(|parameter| parameter.name)
        .collect();
    assert_eq!(names.len(), 20);
    let gradients = network.gradients(&loss(&network, TRAINING)).unwrap();
    assert!(gradients.iter().map(|(name, _)| name).eq(&names));
    for name in names {
        let gradient = gradients.get(&name).unwrap_or_else(|| panic!("{name}"));
        assert!(gradient.abs().max().double_value(&[]) > 0.0, "{name}");
    }
}

#[test]
fn parameters_lie_in_the_store_under_their_names() {
    let network = network(MemoryFormat::ChannelsLast);
    let variables = network.var_store().variables();
    assert_eq!(variables.len(), network.graph().parameters().len());
    for parameter in network.graph().parameters() {
        let variable = &variables[&parameter.name];
        assert_eq!(
            variable.size(),
            parameter
                .shape
                .iter()
                .map(|&extent| extent as i64)
                .collect::<Vec<_>>()
        );
        assert_eq!(
            variable.requires_grad(),
            parameter.is_trained(),
            "{}",
            parameter.name
        );
    }
}

#[test]
fn only_training_moves_the_running_statistics() {
    let network = network(MemoryFormat::ChannelsLast);
    let before = network.state_dict().unwrap();
    let _ = loss(&network, Mode::Evaluation);
    assert_eq!(network.state_dict().unwrap(), before);
    let _ = loss(&network, TRAINING);
    let after = network.state_dict().unwrap();
    for (name, tensor) in after.iter() {
        assert_eq!(
            Some(tensor) != before.get(name),
            name.contains("running"),
            "{name}"
        );
    }
}

#[test]
fn gradients_do_not_add_up_over_passes() {
    let network = network(MemoryFormat::ChannelsLast);
    let bias = || {
        let gradients = network.gradients(&loss(&network, TRAINING)).unwrap();
        gradients.get("fc.bias").unwrap().copy()
    };
    assert_eq!(bias(), bias());
}

#[test]
fn a_checkpoint_carries_everything() {
    let first = network(MemoryFormat::ChannelsLast);
    let _ = loss(&first, TRAINING);
    let weights = first.state_dict().unwrap();
    let mut second = network(MemoryFormat::Contiguous);
    second.load_state_dict(&weights).unwrap();
    assert_eq!(second.state_dict().unwrap(), weights);
    let third = Network::with_weights(small(), &weights, NetworkOptions::default()).unwrap();
    assert_eq!(
        third.predict(images().view()).unwrap(),
        first.predict(images().view()).unwrap()
    );
}

#[test]
fn a_checkpoint_that_does_not_fit_changes_nothing() {
    let mut network = network(MemoryFormat::ChannelsLast);
    let before = network.state_dict().unwrap();
    let other = ResNet::new("other", ResidualBlock::Basic, [1, 1, 0, 0])
        .num_classes(6)
        .graph()
        .unwrap();
    let weights = Network::new(other, NetworkOptions::default())
        .unwrap()
        .state_dict()
        .unwrap();
    let error = network.load_state_dict(&weights).unwrap_err().to_string();
    assert!(
        error.contains("wrong shape  fc.weight: expected [5, 128], found [6, 128]"),
        "{error}"
    );
    assert_eq!(network.state_dict().unwrap(), before);
}

#[test]
fn a_rectifier_does_not_overwrite_what_others_read() {
    let mut builder = GraphBuilder::new("net", 3).unwrap();
    let image = builder.input();
    let rectified_image = builder.relu("relu_of_input", image).unwrap();
    let conv = builder
        .conv2d("conv", rectified_image, Conv2d::new(3, 4, 3).padding(1))
        .unwrap();
    let rectified = builder.relu("relu", conv).unwrap();
    let sum = builder
        .add("sum", Op::Add, &[conv, rectified, rectified])
        .unwrap();
    let pooled = builder.max_pool2d("pool", sum, MaxPool2d::new(2, 2)).unwrap();
    let network = Network::new(builder.build(pooled).unwrap(), NetworkOptions::default()).unwrap();
    let (input, before) = (batch(), batch());
    let output = network.forward(&input, Mode::Evaluation).unwrap();
    assert_eq!(input, before);
    let weight = &network.var_store().variables()["conv.weight"];
    let conv = input
        .relu()
        .conv2d(weight, None::<Tensor>, [1, 1], [1, 1], [1, 1], 1);
    let expected = (&conv + conv.relu() + conv.relu()).max_pool2d_default(2);
    assert!(relative_difference(&output, &expected) < 1e-5);
    let gradients = network.gradients(&output.sum(Kind::Float)).unwrap();
    assert!(gradients.get("conv.weight").is_some());
}

/// A convolution keeps its input for the backward pass: a rectifier that reads the same map later must not overwrite it.
/// Xception's blocks begin like this.
#[test]
fn a_rectifier_behind_a_convolution_of_the_same_map_leaves_it_alone() {
    let mut builder = GraphBuilder::new("net", 3).unwrap();
    let maps = builder
        .conv2d("conv", builder.input(), Conv2d::new(3, 4, 3))
        .unwrap();
    let skip = builder.conv2d("skip", maps, Conv2d::new(4, 4, 1)).unwrap();
    let rectified = builder.relu("relu", maps).unwrap();
    let sum = builder.sum("sum", rectified, skip).unwrap();
    let network = Network::new(builder.build(sum).unwrap(), NetworkOptions::default()).unwrap();
    let weights = network.var_store().variables();
    let (conv, skip) = (&weights["conv.weight"], &weights["skip.weight"]);
    let convolve = |input: &Tensor, weight| input.conv2d(weight, None::<Tensor>, [1, 1], [0, 0], [1, 1], 1);
    let maps = convolve(&batch(), conv);
    let expected = maps.relu() + convolve(&maps, skip);
    let expected = Tensor::run_backward(&[expected.sum(Kind::Float)], &[conv, skip], false, false);
    let output = network.forward(&batch(), TRAINING).unwrap();
    let gradients = network.gradients(&output.sum(Kind::Float)).unwrap();
    for (name, expected) in ["conv.weight", "skip.weight"].iter().zip(&expected) {
        // The same products, added in another order in another memory format.
        assert!(
            relative_difference(gradients.get(name).unwrap(), expected) < 1e-5,
            "{name}"
        );
    }
}

/// Of an even window the border has a surplus row and column at the end.
#[test]
fn a_max_pooling_of_an_even_window_keeps_the_size_of_a_map() {
    for (kernel_size, stride) in [(2, 1), (4, 1), (2, 3), (4, 2)] {
        let pool = MaxPool2d::new(kernel_size, stride).padded(Padding::Same);
        let mut builder = GraphBuilder::new("net", 1).unwrap();
        let pooled = builder.max_pool2d("pool", builder.input(), pool).unwrap();
        let network = Network::new(builder.build(pooled).unwrap(), NetworkOptions::default()).unwrap();
        // Values that fall, all below the zeros of a border that would be no border of a maximum.
        let images = Array4::from_shape_fn((1, 1, 5, 7), |(_, _, y, x)| -1.0 - (7 * y + x) as f32);
        let images = tensor_from_images(images.view(), Device::Cpu).unwrap();
        let found = array_from_tensor(&network.forward(&images, Mode::Evaluation).unwrap()).unwrap();
        let (height, width) = (5usize.div_ceil(stride), 7usize.div_ceil(stride));
        assert_eq!(found.shape(), [1, 1, height, width], "{kernel_size}/{stride}");
        let first = |index: usize, length: usize, count: usize| {
            let amount = ((count - 1) * stride + kernel_size).saturating_sub(length);
            (index * stride).saturating_sub(amount / 2)
        };
        for (place, &value) in found.indexed_iter() {
            let (y, x) = (first(place[2], 5, height), first(place[3], 7, width));
            assert_eq!(
                value,
                -1.0 - (7 * y + x) as f32,
                "{kernel_size}/{stride} {place:?}"
            );
        }
    }
}

#[test]
fn branches_are_left_out_sample_by_sample() {
    let mut builder = GraphBuilder::new("branch", 2).unwrap();
    let image = builder.input();
    let kept = builder
        .add("kept", Op::StochasticDepth { p: 0.25 }, &[image])
        .unwrap();
    let graph = builder.build(kept).unwrap();
    let network = Network::new(graph, NetworkOptions::default()).unwrap();
    let images = Tensor::ones([64, 2, 3, 3], (Kind::Float, Device::Cpu));
    let run = |mode| network.forward(&images, mode).unwrap();
    assert_eq!(run(Mode::Evaluation), images);
    let first = run(TRAINING);
    let samples = Vec::<f32>::try_from(first.amax([1, 2, 3], false)).unwrap();
    // All values of a sample are one and the same: nothing, or divided by the probability to stay.
    assert_eq!(first.amin([1, 2, 3], false), first.amax([1, 2, 3], false));
    assert!(
        samples
            .iter()
            .all(|value| [0.0, (1.0 / 0.75) as f32].contains(value)),
        "{samples:?}"
    );
    let left_out = samples.iter().filter(|value| **value == 0.0).count();
    // 16 of 64 are expected, with a deviation of 3.5.
    assert!((4..=28).contains(&left_out), "{left_out}");
    assert_eq!(run(TRAINING), first);
    assert_ne!(run(Mode::Training { step: 1 }), first);
}

#[test]
fn squeeze_and_excitation_and_layer_norms_run_in_mixed_precision() {
    for name in ["mobilenet_v3_small", "convnext_tiny"] {
        let graph = || marque_arch::architecture(name, Default::default()).unwrap();
        let [single, mixed] = [Precision::Single, Precision::Mixed].map(|precision| {
            let options = NetworkOptions {
                precision,
                ..NetworkOptions::default()
            };
            let network = Network::new(graph(), options).unwrap();
            network
                .forward(
                    &Tensor::ones([2, 3, 64, 64], (Kind::Float, Device::Cpu)),
                    Mode::Evaluation,
                )
                .unwrap()
        });
        assert_eq!(mixed.kind(), Kind::Float);
        // bfloat16 has 8 bits.
        let difference = relative_difference(&mixed, &single);
        assert!(difference < 0.1, "{name}: {difference}");
    }
}

#[test]
fn inputs_that_do_not_fit_are_errors() {
    let network = network(MemoryFormat::ChannelsLast);
    for (shape, complaint) in [
        (vec![1, 4, 32, 32], "N×3×H×W"),
        (vec![0, 3, 32, 32], "N at least 1"),
        (vec![3, 32, 32], "N×3×H×W"),
        (vec![1, 3, 0, 32], "conv1"),
    ] {
        let zeros = Tensor::zeros(&shape[..], (Kind::Float, Device::Cpu));
        let error = network.forward(&zeros, Mode::Evaluation).unwrap_err().to_string();
        assert!(error.contains(complaint), "{shape:?}: {error}");
    }
    let bytes = Tensor::zeros([1, 3, 32, 32], (Kind::Uint8, Device::Cpu));
    assert!(matches!(
        network.forward(&bytes, Mode::Evaluation),
        Err(Error::WrongTensor { .. })
    ));
}

#[test]
fn a_head_on_maps_cannot_predict() {
    let mut builder = GraphBuilder::new("net", 3).unwrap();
    let flat = builder.add("flatten", Op::Flatten, &[builder.input()]).unwrap();
    let logits = builder.linear("fc", flat, Linear::new(3 * 32 * 32, 2)).unwrap();
    let network = Network::new(builder.build(logits).unwrap(), NetworkOptions::default()).unwrap();
    assert_eq!(network.predict(images().view()).unwrap().dim(), (4, 2));
    assert!(
        network
            .predict(images().slice(ndarray::s![.., .., ..16, ..]))
            .is_err()
    );

    let builder = GraphBuilder::new("net", 3).unwrap();
    let input = builder.input();
    let network = Network::new(builder.build(input).unwrap(), NetworkOptions::default()).unwrap();
    assert!(matches!(
        network.predict(images().view()),
        Err(Error::WrongTensor { .. })
    ));
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    let missing = DeviceChoice::Cuda(97).device().unwrap_err();
    assert!(
        missing.to_string().starts_with("device cuda:97 is not available"),
        "{missing}"
    );
    for text in ["gpu", "cuda:", "cuda:-1", "cpu:0", ""] {
        assert!(
            matches!(text.parse::<DeviceChoice>(), Err(Error::UnknownDevice { .. })),
            "{text}"
        );
    }
}

#[test]
fn mixed_precision_is_near_single_and_keeps_f32_parameters() {
    let single = network(MemoryFormat::ChannelsLast);
    let options = NetworkOptions {
        seed: 3,
        precision: Precision::Mixed,
        ..Default::default()
    };
    let mixed = Network::new(small(), options).unwrap();
    let (expected, found) = (
        single.forward(&batch(), TRAINING).unwrap(),
        mixed.forward(&batch(), TRAINING).unwrap(),
    );
    assert_eq!(found.kind(), Kind::Float);
    // Seven bits of fraction err by 2⁻⁸ a rounding; the roundings of five convolutions and norms in a row, in quadrature
    // and with a margin of three.
    let tolerance = 3.0 * (10f64).sqrt() / 256.0;
    assert!(relative_difference(&found, &expected) < tolerance);
    assert!(
        relative_difference(&found, &expected) > 1e-6,
        "nothing was rounded"
    );

    let gradients = [&single, &mixed].map(|network| network.gradients(&loss(network, TRAINING)).unwrap());
    // Rounding carries some rectifiers over their kink, which turns the gradients of early layers further than rounding does.
    for (name, least) in [
        ("conv1.weight", 0.9),
        ("layer2.0.conv2.weight", 0.99),
        ("fc.weight", 0.999),
    ] {
        let [expected, found] = gradients.each_ref().map(|gradients| gradients.get(name).unwrap());
        assert_eq!(found.kind(), Kind::Float);
        let cosine = (found * expected).sum(Kind::Float) / (found.norm() * expected.norm());
        let cosine = cosine.double_value(&[]);
        assert!(cosine > least, "{name}: {cosine}");
    }
    for (name, variable) in mixed.var_store().variables() {
        assert_eq!(variable.kind(), Kind::Float, "{name}");
    }
}

/// A batch norm over one value per channel has no variance: PyTorch refuses it, too.
#[test]
fn a_batch_norm_is_not_trained_on_single_values() {
    let graph = ResNet::resnet18().num_classes(3).graph().unwrap();
    let mut network = Network::new(graph, NetworkOptions::default()).unwrap();
    let before = network.state_dict().unwrap();
    let images = |count: usize, side: usize| {
        let images = Array4::from_shape_fn((count, 3, side, side), |(n, c, y, x)| {
            (n + c + y * x) as f32 / 99.0
        });
        tensor_from_images(images.view(), Device::Cpu).unwrap()
    };
    // The last stage of a ResNet has maps of 1×1 for images of up to 32×32.
    let error = network.forward(&images(1, 32), TRAINING).unwrap_err();
    let expected = "layer4.0.bn1: a batch norm cannot be trained on one value per channel, and its input is 1×512×1×1; \
                    give it batches of at least 2 photos or larger photos, or freeze it";
    assert_eq!(error.to_string(), expected);
    assert_eq!(network.state_dict().unwrap(), before, "nothing was changed");
    assert!(network.forward_training(&images(1, 32), 0).is_err());

    // The same from the outputs of a node, where the size of the image is not known.
    let stage = network.graph().find("layer3.1.relu").unwrap();
    let outputs = |images: &Tensor| {
        let outputs = network.outputs_of(images, Mode::Evaluation, &[stage]).unwrap();
        vec![(stage, outputs.into_iter().next().unwrap())]
    };
    let (single, large) = (outputs(&images(1, 32)), outputs(&images(1, 64)));
    let from_outputs = network.forward(single.as_slice(), TRAINING);
    assert!(
        matches!(from_outputs, Err(Error::SingleValue { channels: 512, .. })),
        "{from_outputs:?}"
    );
    assert_eq!(network.state_dict().unwrap(), before, "nothing was changed");
    let _logits = network.forward(large.as_slice(), TRAINING).unwrap();

    // Neither two photos, nor a larger one, nor evaluation, nor a frozen batch norm is at fault.
    let _logits = network.forward(&images(2, 32), TRAINING).unwrap();
    let _logits = network.forward(&images(1, 64), TRAINING).unwrap();
    let _logits = network.forward(&images(1, 32), Mode::Evaluation).unwrap();
    network.train_from(&["fc"]).unwrap();
    let _logits = network.forward(&images(1, 32), TRAINING).unwrap();
    let after = network.state_dict().unwrap();
    assert_eq!(after.iter().count(), before.iter().count());
    for (name, _) in after.iter() {
        let values = after.f32_values(name).unwrap();
        assert!(values.iter().all(|value| value.is_finite()), "{name}");
    }
}
