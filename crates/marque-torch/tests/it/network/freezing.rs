//! What is frozen stays as it is, costs nothing and need not be computed twice.

use super::{TRAINING, batch, loss, network};
use marque_arch::{Conv2d, GraphBuilder};
use marque_torch::{Device, Error, Kind, MemoryFormat, Mode, Network, NetworkOptions, NodeState, Tensor};

#[test]
fn what_is_frozen_stays_and_costs_no_gradient() {
    let mut network = network(MemoryFormat::ChannelsLast);
    let first_trained = network.graph().find("layer2.0.conv1").unwrap();
    network
        .set_states(|id, _| {
            if id < first_trained {
                NodeState::Frozen
            } else {
                NodeState::Trained
            }
        })
        .unwrap();
    let before = network.state_dict().unwrap();
    let gradients = network.gradients(&loss(&network, TRAINING)).unwrap();
    let after = network.state_dict().unwrap();
    let frozen =
        |name: &str| name.starts_with("conv1") || name.starts_with("bn1") || name.starts_with("layer1");
    for parameter in network.graph().parameters() {
        let name = parameter.name.as_str();
        assert_eq!(
            gradients.get(name).is_some(),
            parameter.is_trained() && !frozen(name),
            "{name}"
        );
        if frozen(name) {
            assert_eq!(after.get(name), before.get(name), "{name}");
        }
    }
    assert_ne!(
        after.get("layer2.0.bn1.running_mean"),
        before.get("layer2.0.bn1.running_mean")
    );
    assert!(
        network
            .trained_parameters()
            .iter()
            .all(|parameter| !frozen(&parameter.name))
    );

    network.set_states(|_, _| NodeState::Trained).unwrap();
    let gradients = network.gradients(&loss(&network, TRAINING)).unwrap();
    assert!(gradients.get("conv1.weight").is_some());
}

#[test]
fn what_is_frozen_drops_nothing() {
    let mut builder = GraphBuilder::new("dropout", 2).unwrap();
    let image = builder.input();
    let early = builder.dropout("early", image, 0.5).unwrap();
    let conv = builder.conv2d("conv", early, Conv2d::new(2, 2, 1)).unwrap();
    let late = builder.dropout("late", conv, 0.5).unwrap();
    let mut network = Network::new(builder.build(late).unwrap(), NetworkOptions::default()).unwrap();
    assert!(network.frozen_prefix().is_none());
    network.train_from(&["conv"]).unwrap();
    let prefix = network.frozen_prefix().unwrap();
    assert_eq!(prefix.nodes, [true, true, false, false]);
    let images = Tensor::ones([1, 2, 8, 8], (Kind::Float, Device::Cpu));
    let early = network.graph().find("early").unwrap();
    let kept = network.outputs_of(&images, TRAINING, &[early]).unwrap();
    assert_eq!(kept[0], images);
    let output = network.forward(&images, TRAINING).unwrap();
    assert!(output.eq(0.0).any().int64_value(&[]) == 1, "{output:?}");
}

#[test]
fn a_pass_may_start_from_outputs_of_nodes() {
    for memory_format in [MemoryFormat::ChannelsLast, MemoryFormat::Contiguous] {
        let network = network(memory_format);
        let graph = network.graph();
        // A cut through both branches of the second block.
        let cut = ["layer2.0.conv1", "layer2.0.downsample.0"].map(|name| graph.find(name).unwrap());
        let kept = network.outputs_of(&batch(), Mode::Evaluation, &cut).unwrap();
        let start: Vec<_> = cut.into_iter().zip(kept.iter().map(Tensor::copy)).collect();
        let whole = network.forward(&batch(), Mode::Evaluation).unwrap();
        let from_cut = network.forward(&start[..], Mode::Evaluation).unwrap();
        assert_eq!(whole, from_cut);
        // Nothing that was handed in is overwritten.
        assert_eq!(start[0].1, kept[0]);

        let error = network.forward(&start[..1], Mode::Evaluation).unwrap_err();
        assert!(
            matches!(&error, Error::Uncovered { given } if given == "layer2.0.conv1"),
            "{error}"
        );
    }
}

#[test]
fn the_frozen_prefix_ends_where_training_begins() {
    let mut network = network(MemoryFormat::ChannelsLast);
    assert!(network.frozen_prefix().is_none(), "everything is trained");
    network.train_from(&["layer2.0.downsample.0"]).unwrap();
    let prefix = network.frozen_prefix().unwrap();
    let nodes = network.graph().nodes();
    let names: Vec<&str> = prefix
        .frontier
        .iter()
        .map(|node| nodes[node.index()].name.as_str())
        .collect();
    // The projection reads the first block's output, the addition the end of the frozen branch.
    assert_eq!(names, ["layer1.0.relu", "layer2.0.bn2"]);
    for trained in network.trained_parameters() {
        assert!(
            trained.name.starts_with("layer2.0.downsample") || trained.name.starts_with("fc"),
            "{}",
            trained.name
        );
    }
    assert!(matches!(network.train_from(&["layer9"]), Err(Error::Graph(_))));
    network.train_from::<&str>(&[]).unwrap();
    assert!(network.frozen_prefix().is_none());
}

#[test]
fn a_rectifier_at_the_cut_is_computed_again_rather_than_kept_beside_its_input() {
    let mut builder = GraphBuilder::new("cut", 3).unwrap();
    let input = builder.input();
    let stem = builder.conv2d("stem", input, Conv2d::new(3, 4, 3)).unwrap();
    let rectified = builder.relu("relu", stem).unwrap();
    let branch = builder.conv2d("branch", rectified, Conv2d::new(4, 4, 1)).unwrap();
    let sum = builder.sum("sum", branch, stem).unwrap();
    let mut network = Network::new(builder.build(sum).unwrap(), NetworkOptions::default()).unwrap();
    network.train_from(&["branch"]).unwrap();
    let prefix = network.frozen_prefix().unwrap();
    assert_eq!(prefix.frontier, [stem]);
}
