//! Optimisers take the steps that PyTorch's take.

use marque_arch::{BiasInit, Conv2d, Graph, GraphBuilder, ResNet};
use marque_testkit::{Golden, Precision, Tolerance, assert_close, formula};
use marque_torch::{
    Gradients, MemoryFormat, Mode, Network, NetworkOptions, Tensor, array_from_tensor, tensor_from_images,
};
use marque_train::{Adam, Adan, Lamb, Lion, NAdam, Optimizer, OptimizerConfig, RmsProp, Sgd};
use marque_weights::StateDict;
use ndarray::ArrayD;

const FORMATS: [MemoryFormat; 2] = [MemoryFormat::ChannelsLast, MemoryFormat::Contiguous];

fn adam(beta1: f64, beta2: f64, eps: f64) -> OptimizerConfig {
    OptimizerConfig::Adam(Adam {
        beta1,
        beta2,
        eps,
        weight_decay: 0.0,
    })
}

fn sgd(momentum: f64, weight_decay: f64) -> OptimizerConfig {
    OptimizerConfig::Sgd(Sgd {
        momentum,
        nesterov: false,
        weight_decay,
    })
}

fn insert(weights: &mut StateDict, name: &str, values: ArrayD<f32>) {
    let shape = values.shape().to_vec();
    let (values, _) = values.into_raw_vec_and_offset();
    weights.insert(name, marque_weights::Tensor::from_f32(&shape, &values).unwrap());
}

fn tensor(values: &ArrayD<f32>) -> Tensor {
    let shape: Vec<i64> = values.shape().iter().map(|&extent| extent as i64).collect();
    Tensor::from_slice(values.as_slice().unwrap()).reshape(shape)
}

/// A convolution with the weight and bias of the golden file.
fn convolution(format: MemoryFormat, precision: marque_torch::Precision) -> Network {
    let mut builder = GraphBuilder::new("convolution", 5).unwrap();
    let conv = Conv2d {
        bias: Some(BiasInit::PyTorchDefault),
        ..Conv2d::new(5, 4, 3)
    };
    let maps = builder.conv2d("conv", builder.input(), conv).unwrap();
    let graph: Graph = builder.build(maps).unwrap();
    let mut weights = StateDict::default();
    insert(
        &mut weights,
        "conv.weight",
        formula::uniform("weight", &[4, 5, 3, 3], 0.0, 1.0),
    );
    insert(
        &mut weights,
        "conv.bias",
        formula::uniform("bias", &[4], 0.0, 1.0),
    );
    let options = NetworkOptions {
        memory_format: Some(format),
        precision,
        ..Default::default()
    };
    Network::with_weights(graph, &weights, options).unwrap()
}

/// For every parameter the gradient that the golden file has for it at `step`.
fn gradients(network: &Network, golden: &Golden, step: usize) -> Gradients {
    let trained = network.trained_parameters();
    let products = trained.iter().map(|parameter| {
        let role = parameter.name.rsplit('.').next().unwrap();
        let gradient = golden.f32(&format!("gradient/{step}/{role}")).unwrap();
        // The gradient of a scalar product with one factor is the other.
        (&parameter.tensor * tensor(&gradient)).sum(marque_torch::Kind::Float)
    });
    let loss = products.reduce(|sum, product| sum + product).unwrap();
    network.gradients(&loss).unwrap()
}

fn cases() -> Vec<(&'static str, OptimizerConfig)> {
    vec![
        ("adam", OptimizerConfig::default()),
        ("adam_constants", adam(0.5, 0.9, 1e-3)),
        ("adamw", OptimizerConfig::adam_w(0.5)),
        ("sgd", sgd(0.0, 0.0)),
        ("sgd_l2", sgd(0.0, 0.5)),
        ("sgd_momentum", sgd(0.9, 0.0)),
        ("sgd_momentum_l2", sgd(0.9, 0.5)),
        (
            "sgd_nesterov_l2",
            OptimizerConfig::Sgd(Sgd {
                momentum: 0.9,
                nesterov: true,
                weight_decay: 0.5,
            }),
        ),
        ("nadam", OptimizerConfig::NAdam(NAdam::default())),
        (
            "nadam_decoupled",
            OptimizerConfig::NAdam(NAdam {
                beta1: 0.8,
                beta2: 0.95,
                momentum_decay: 0.1,
                weight_decay: 0.5,
                ..NAdam::default()
            }),
        ),
        ("rmsprop", OptimizerConfig::RmsProp(RmsProp::default())),
        (
            "rmsprop_momentum_l2",
            OptimizerConfig::RmsProp(RmsProp {
                alpha: 0.9,
                momentum: 0.9,
                weight_decay: 0.5,
                ..RmsProp::default()
            }),
        ),
        (
            "rmsprop_centered",
            OptimizerConfig::RmsProp(RmsProp {
                alpha: 0.9,
                eps: 1e-3,
                momentum: 0.5,
                centered: true,
                ..RmsProp::default()
            }),
        ),
        (
            "lamb",
            OptimizerConfig::Lamb(Lamb {
                weight_decay: 0.5,
                ..Lamb::default()
            }),
        ),
        (
            "lion",
            OptimizerConfig::Lion(Lion {
                weight_decay: 0.5,
                ..Lion::default()
            }),
        ),
        (
            "adan",
            OptimizerConfig::Adan(Adan {
                weight_decay: 0.5,
                ..Adan::default()
            }),
        ),
    ]
}

fn golden() -> Golden {
    Golden::open(env!("CARGO_MANIFEST_DIR"), "optimizers/io.safetensors").unwrap()
}

#[test]
fn five_steps_of_every_rule_are_those_of_its_reference() {
    let golden = golden();
    for (case, config) in cases() {
        for format in FORMATS {
            let network = convolution(format, marque_torch::Precision::Single);
            let mut optimizer = Optimizer::new(&network, config).unwrap();
            for step in 1..=5 {
                let gradients = gradients(&network, &golden, step);
                optimizer.step(&gradients, 1e-2).unwrap();
                for parameter in network.trained_parameters() {
                    let role = parameter.name.rsplit('.').next().unwrap();
                    let found = array_from_tensor(&parameter.tensor).unwrap();
                    let expected = golden.f32(&format!("{case}/{step}/{role}")).unwrap();
                    let what = format!("{case}, step {step}, {role}, {format:?}");
                    // Values of about 1 that a step changes by a hundredth: a few roundings of the value.
                    assert_close(
                        &what,
                        found.view(),
                        expected.view(),
                        Tolerance::strict(Precision::F32),
                    );
                }
            }
        }
    }
}

#[test]
fn fifty_steps_of_every_rule_in_double_precision_are_those_of_its_reference() {
    let golden = golden();
    for (case, config) in cases() {
        let network = convolution(MemoryFormat::Contiguous, marque_torch::Precision::Double);
        let mut optimizer = Optimizer::new(&network, config).unwrap();
        for step in 1..=50 {
            let gradients = gradients(&network, &golden, step);
            optimizer.step(&gradients, 1e-2).unwrap();
            if ![10, 50].contains(&step) {
                continue;
            }
            for parameter in network.trained_parameters() {
                let role = parameter.name.rsplit('.').next().unwrap();
                let values: Vec<f64> = Vec::try_from(&parameter.tensor.contiguous().view([-1])).unwrap();
                let expected = golden.f64(&format!("{case}/double/{step}/{role}")).unwrap();
                let found = ArrayD::from_shape_vec(expected.raw_dim(), values).unwrap();
                // PyTorch keeps NAdam's product of momenta in single precision, of which a step is 1e-2.
                let tolerance = if case.starts_with("nadam") { 1e-8 } else { 1e-12 };
                assert_close(
                    &format!("{case}, step {step}, {role}"),
                    found.view(),
                    expected.view(),
                    Tolerance::relative(tolerance),
                );
            }
        }
    }
}

/// The whole step: forward, backward and Adam on ResNet-18 against torchvision's. The reference numbers lie
/// with the network's (`crates/marque-torch/tests/golden/resnet/generate.py`).
#[test]
fn an_adam_step_of_resnet18_changes_its_parameters_as_in_pytorch() {
    let torch_crate = concat!(env!("CARGO_MANIFEST_DIR"), "/../marque-torch");
    let golden = Golden::open(torch_crate, "resnet/resnet18_training.safetensors").unwrap();
    let graph = ResNet::resnet18().graph().unwrap();
    let mut weights = StateDict::default();
    for parameter in graph.parameters() {
        let by_formula = || formula::parameter(&parameter.name, &parameter.shape);
        let values = if parameter.is_trained() {
            by_formula()
        } else {
            golden.f32(&parameter.name).unwrap()
        };
        insert(&mut weights, &parameter.name, values);
    }
    let network = Network::with_weights(graph, &weights, NetworkOptions::default()).unwrap();
    let labels: Vec<i64> = golden.i64("labels").unwrap().into_iter().collect();
    let images = formula::images([4, 3, 64, 64], "training/26");
    let images = tensor_from_images(images.view(), network.device()).unwrap();
    let logits = network.forward(&images, Mode::Training { step: 0 }).unwrap();
    let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(&labels));
    let gradients = network.gradients(&loss).unwrap();
    Optimizer::new(&network, OptimizerConfig::default())
        .unwrap()
        .step(&gradients, 1e-3)
        .unwrap();
    let mut compared = 0;
    for parameter in network.trained_parameters() {
        let key = format!("update/{}", parameter.name);
        if !golden.names().any(|name| name == key) {
            continue;
        }
        let after = array_from_tensor(&parameter.tensor).unwrap();
        let update = &after - &formula::parameter(&parameter.name, after.shape());
        let found = formula::sample(update.view()).into_dyn();
        // Updates of 1e-3 on values of 1 are rounded to 6e-5 of themselves.
        assert_close(
            &key,
            found.view(),
            golden.f32(&key).unwrap().view(),
            Tolerance::relative(1e-3),
        );
        compared += 1;
    }
    assert_eq!(compared, 14);
}
