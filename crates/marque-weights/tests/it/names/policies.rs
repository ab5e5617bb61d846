use super::{file, golden, graph, parameters, zeros};
use marque_arch::ResNet;
use marque_weights::{DType, MatchPolicy, StateDict, Tensor};

#[test]
fn trees_hang_on_other_branches() {
    let graph = graph("densenet121", 7);
    for (change, prefix) in [
        (
            &(|name: &str| format!("module.encoder.{name}")) as &dyn Fn(&str) -> String,
            "module.encoder.",
        ),
        (&|name: &str| name.replace("features.", "backbone."), "backbone."),
        (&|name: &str| name.replace("features.", ""), ""),
    ] {
        let weights = file(parameters(&graph).map(|(name, shape)| (change(&name), shape)));
        let matched = weights.matched_to(&graph, MatchPolicy::Strict).unwrap();
        assert_eq!(matched.account.prefix, prefix);
    }
}

#[test]
fn heads_and_auxiliary_heads_may_differ() {
    let counters = |name: &str| {
        name.ends_with("running_var")
            .then(|| name.replace("running_var", "num_batches_tracked"))
    };
    let full = graph("googlenet-aux", 1000);
    let mut weights = file(parameters(&full));
    for counter in parameters(&full).filter_map(|(name, _)| counters(&name)) {
        weights.insert(counter, Tensor::new(DType::I64, &[], vec![0; 8]).unwrap());
    }
    let plain = graph("googlenet", 7);
    let account = weights
        .matched_to(&plain, MatchPolicy::default())
        .unwrap()
        .account;
    assert_eq!(account.new_head, ["fc.bias", "fc.weight"]);
    assert_eq!(
        (account.unused_head.len(), account.unused_auxiliary.len()),
        (2, 18)
    );
    assert_eq!(account.ignored.len(), 59);
    let error = weights
        .matched_to(&plain, MatchPolicy::Strict)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("0 missing, 18 unexpected, 2 of another shape"),
        "{error}"
    );
    // Without a top, and another head of several layers.
    let body = file(parameters(&plain).filter(|(name, _)| !name.starts_with("fc")));
    let account = body.matched_to(&full, MatchPolicy::default()).unwrap().account;
    assert_eq!(account.new_head.len(), 20);
    let mut other = body;
    for (name, shape) in [
        ("projector.0.weight", vec![9, 1024]),
        ("projector.1.running_mean", vec![9]),
    ] {
        other.insert(name, zeros(&shape));
    }
    let account = other.matched_to(&plain, MatchPolicy::default()).unwrap().account;
    assert_eq!(
        account.unused_head,
        ["projector.0.weight", "projector.1.running_mean"]
    );
}

#[test]
fn a_file_of_another_architecture_is_named() {
    let refused = |weights: &StateDict, name: &str| {
        let error = weights
            .matched_to(&graph(name, 7), MatchPolicy::default())
            .unwrap_err();
        let text = error.to_string();
        assert!(text.lines().count() < 70, "{text}");
        text
    };
    let torch = file(parameters(&graph("resnet50", 1000)));
    assert!(refused(&torch, "resnet101").contains("it looks like resnet50: did you mean that?"));
    assert!(refused(&torch, "vgg16").contains("it looks like resnet50"));
    let keras = file(golden("densenet121").into_iter().map(|row| (row.0, row.2)));
    assert!(refused(&keras, "xception-keras").contains("it looks like densenet121-keras"));
    let keras = file(golden("resnet50").into_iter().map(|row| (row.1, row.2)));
    assert!(refused(&keras, "resnet101").contains("it looks like resnet50-v1"));
    let strange = file([("a.weight", vec![3]), ("b.weight", vec![4])]);
    assert!(!refused(&strange, "resnet18").contains("looks like"));
    // Grey images are not another architecture.
    let grey = ResNet::resnet18().in_channels(1).graph().unwrap();
    let error = file(parameters(&graph("resnet18", 7)))
        .matched_to(&grey, MatchPolicy::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the checkpoint does not fit the network: 0 missing, 0 unexpected, 1 of another shape\n  \
         wrong shape  conv1.weight: expected [64, 1, 7, 7], found [64, 3, 7, 7]"
    );
}

#[test]
fn partly_means_whatever_fits() {
    let weights = file(parameters(&graph("resnet34", 1000)));
    let matched = weights
        .matched_to(&graph("resnet18", 1000), MatchPolicy::Partial)
        .unwrap();
    assert_eq!(matched.account.loaded.len(), 102);
    assert_eq!(matched.weights.len(), 102);
    assert!(
        matched
            .account
            .differences
            .unexpected
            .contains(&"layer3.5.bn2.weight".to_owned())
    );
    let strange = file([("a.weight", vec![3])]);
    assert!(
        strange
            .matched_to(&graph("resnet18", 7), MatchPolicy::Partial)
            .is_err()
    );
}

#[test]
fn integers_are_no_parameters() {
    let mut weights = file(parameters(&graph("resnet18", 7)));
    weights.insert("bn1.bias", Tensor::new(DType::I16, &[64], vec![0; 128]).unwrap());
    let error = weights
        .matched_to(&graph("resnet18", 7), MatchPolicy::default())
        .unwrap_err();
    assert!(error.to_string().contains("\"bn1.bias\" holds i16"), "{error}");
}
