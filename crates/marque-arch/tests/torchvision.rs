//! Names, shapes, order and costs of the residual networks are torchvision's.
//!
//! `golden/resnet/generate.py` asks torchvision and PyTorch's own counter of operations.

use marque_arch::{ArchitectureOptions, ImageSize, architecture, architecture_names};
use serde::Deserialize;

#[derive(Deserialize)]
struct Network {
    name: String,
    num_classes: usize,
    trained_parameters: u64,
    multiply_adds: Vec<Cost>,
    /// Name and shape of the last entries of the `state_dict`: all of them for 1000 classes.
    state: Vec<(String, Vec<usize>)>,
}

#[derive(Deserialize)]
struct Cost {
    height: usize,
    width: usize,
    count: u64,
}

fn networks() -> Vec<Network> {
    let networks: Vec<Network> = serde_json::from_str(include_str!("golden/resnet/networks.json")).unwrap();
    let mut names: Vec<&str> = networks.iter().map(|network| network.name.as_str()).collect();
    names.dedup();
    assert!(
        names
            .iter()
            .all(|name| architecture_names().any(|known| known == *name))
    );
    assert_eq!((names.len(), networks.len()), (5, 10));
    networks
}

fn graph(network: &Network) -> marque_arch::Graph {
    let options = ArchitectureOptions {
        num_classes: network.num_classes,
        ..Default::default()
    };
    architecture(&network.name, options).unwrap()
}

#[test]
fn names_shapes_and_order_are_those_of_the_state_dict() {
    let mut compared = 0;
    for network in networks() {
        let found: Vec<(String, Vec<usize>)> = graph(&network)
            .parameters()
            .into_iter()
            .map(|parameter| (parameter.name, parameter.shape))
            .collect();
        let others = found.len() - network.state.len();
        assert!(
            others == 0 || network.num_classes != 1000,
            "{}: {others} too many",
            network.name
        );
        for (found, expected) in found[others..].iter().zip(&network.state) {
            assert_eq!(
                found, expected,
                "{} with {} classes",
                network.name, network.num_classes
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 102 + 182 + 267 + 522 + 777 + 5 * 2);
}

#[test]
fn trained_parameters_and_multiply_adds_are_counted_alike() {
    for network in networks() {
        let graph = graph(&network);
        assert_eq!(
            graph.trained_parameter_count(),
            network.trained_parameters,
            "{}",
            network.name
        );
        assert_eq!(network.multiply_adds.len(), 2);
        for cost in &network.multiply_adds {
            let summary = graph
                .summary(ImageSize {
                    height: cost.height,
                    width: cost.width,
                })
                .unwrap();
            let place = format!("{} at {}×{}", network.name, cost.height, cost.width);
            assert_eq!(summary.multiply_adds(), cost.count, "{place}");
            assert_eq!(
                summary.trained_parameters(),
                network.trained_parameters,
                "{place}"
            );
        }
    }
}
