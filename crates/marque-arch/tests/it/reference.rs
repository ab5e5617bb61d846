//! Names, shapes, order and costs are those of torchvision and timm.
//!
//! `golden/reference/generate.py` asks these libraries and PyTorch's own counter of operations, and says how
//! `networks.txt` is to be read.

use marque_arch::{ArchitectureOptions, Graph, ImageSize, Op, architecture, architecture_names};

const GOLDEN: &str = include_str!("../golden/reference/networks.txt");
const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

#[derive(Debug, Default)]
struct Network {
    name: String,
    num_classes: usize,
    trained_parameters: u64,
    /// eps and momentum of every batch norm.
    norms: Option<(f64, f64)>,
    /// eps of every layer norm.
    layer_norms: Option<f64>,
    multiply_adds: Vec<(ImageSize, u64)>,
    /// Name and shape of every entry of the `state_dict`, for 1000 classes.
    state: Vec<(String, Vec<usize>)>,
}

impl Network {
    fn read(paragraph: &str) -> Self {
        let mut network = Self::default();
        let mut before = String::new();
        for line in paragraph.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |place: usize| words[place].parse::<usize>().unwrap();
            match words[0] {
                "network" => (network.name, network.num_classes) = (words[1].to_owned(), number(2)),
                "trained" => network.trained_parameters = number(1) as u64,
                "norms" => network.norms = words[1].parse().ok().zip(words[2].parse().ok()),
                "layer_norms" => network.layer_norms = words[1].parse().ok(),
                "multiply_adds" => {
                    let (height, width) = (number(1), number(2));
                    let size = ImageSize { height, width };
                    network.multiply_adds.push((size, number(3) as u64));
                }
                _ => {
                    let name = format!("{}{}", &before[..number(0)], words[1]);
                    let shape = (2..words.len()).map(number).collect();
                    network.enter(&name, shape);
                    before = name;
                }
            }
        }
        network
    }

    fn enter(&mut self, name: &str, shape: Vec<usize>) {
        match name.strip_suffix('*') {
            Some(layer) => {
                let entries = NORM.map(|role| (format!("{layer}{role}"), shape.clone()));
                self.state.extend(entries);
            }
            None => self.state.push((name.to_owned(), shape)),
        }
    }

    fn graph(&self) -> Graph {
        let options = ArchitectureOptions {
            num_classes: self.num_classes,
            ..Default::default()
        };
        architecture(&self.name, options).unwrap()
    }
}

/// All networks of the golden file: 52 with two numbers of classes each, and two with auxiliary heads.
fn networks() -> Vec<Network> {
    let networks: Vec<Network> = GOLDEN.trim_end().split("\n\n").map(Network::read).collect();
    assert_eq!(networks.len(), 2 * 52 + 2);
    networks
}

fn entries(graph: &Graph) -> Vec<(String, Vec<usize>)> {
    let parameters = graph.parameters().into_iter();
    parameters
        .map(|parameter| (parameter.name, parameter.shape))
        .collect()
}

#[test]
fn names_shapes_and_order_are_those_of_the_state_dict() {
    let mut compared = 0;
    for network in networks().iter().filter(|network| network.num_classes == 1000) {
        let found = entries(&network.graph());
        for (position, (found, expected)) in found.iter().zip(&network.state).enumerate() {
            assert_eq!(found, expected, "{}, entry {position}", network.name);
        }
        assert_eq!(found.len(), network.state.len(), "{}", network.name);
        compared += found.len();
    }
    assert_eq!(compared, 18547);
}

/// Keras's networks have no `state_dict`; they are ours of the same name, computed another way.
#[test]
fn keras_versions_have_the_parameters_of_the_others() {
    let networks = networks();
    let mut compared = 0;
    for name in architecture_names() {
        let Some(base) = name.strip_suffix("-keras") else {
            continue;
        };
        let is_base = |network: &&Network| network.name == base && network.num_classes == 1000;
        let expected = &networks.iter().find(is_base).unwrap().state;
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        assert_eq!(&entries(&graph), expected, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 4);
}

#[test]
fn trained_parameters_and_multiply_adds_are_counted_alike() {
    let mut compared = 0;
    for network in networks() {
        let graph = network.graph();
        let place = format!("{} with {} classes", network.name, network.num_classes);
        assert_eq!(
            graph.trained_parameter_count(),
            network.trained_parameters,
            "{place}"
        );
        for (size, expected) in &network.multiply_adds {
            let summary = graph.summary(*size).unwrap();
            let place = format!("{place} at {}×{}", size.height, size.width);
            assert_eq!(summary.multiply_adds(), *expected, "{place}");
            assert_eq!(
                summary.trained_parameters(),
                network.trained_parameters,
                "{place}"
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 2 * 2 * 52);
}

#[test]
fn batch_norms_have_the_constants_of_the_library() {
    let mut compared = 0;
    for network in networks() {
        for node in network.graph().nodes() {
            let Op::BatchNorm2d(norm) = &node.op else { continue };
            // Networks with auxiliary heads come without this line; the others have the same layers.
            if let Some(expected) = network.norms {
                assert_eq!(
                    (norm.eps, norm.momentum),
                    expected,
                    "{} {}",
                    network.name,
                    node.name
                );
                compared += 1;
            } else {
                assert!(network.name.ends_with("-aux"), "{} {}", network.name, node.name);
            }
        }
    }
    assert_eq!(compared, 6378);
}

#[test]
fn layer_norms_have_the_constant_of_the_library() {
    let mut compared = 0;
    for network in networks() {
        for node in network.graph().nodes() {
            if let Op::LayerNorm2d(norm) = &node.op {
                assert_eq!(
                    Some(norm.eps),
                    network.layer_norms,
                    "{} {}",
                    network.name,
                    node.name
                );
                compared += 1;
            }
        }
    }
    // One for each block, and 1 + 3 + 1 between them; with both numbers of classes.
    assert_eq!(compared, 2 * (18 + 5 + 36 + 5));
}

/// Every architecture is compared here, or computes logits that are compared in `marque-torch`.
#[test]
fn no_architecture_is_left_out() {
    let networks = networks();
    let missing: Vec<&str> = architecture_names()
        .filter(|name| !networks.iter().any(|network| network.name == *name))
        .collect();
    assert_eq!(
        missing,
        [
            "resnet34-subject",
            "densenet121-keras",
            "densenet169-keras",
            "densenet201-keras",
            "xception-keras"
        ]
    );
}
