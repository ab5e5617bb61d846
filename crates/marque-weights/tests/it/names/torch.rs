use super::{check, file, graph, parameters};
use marque_arch::Head;
use marque_weights::MatchPolicy;

#[test]
fn old_densenet_files_have_more_dots() {
    let graph = graph("densenet121", 1000);
    let dotted = |name: &str| {
        let name = ["norm1", "norm2", "conv1", "conv2"]
            .iter()
            .fold(name.to_owned(), |name, part| {
                let (kind, number) = part.split_at(4);
                name.replace(&format!(".{part}."), &format!(".{kind}.{number}."))
            });
        format!("module.{name}")
    };
    let weights = file(parameters(&graph).map(|(name, shape)| (dotted(&name), shape)));
    check(
        &weights,
        &graph,
        parameters(&graph).map(|(name, _)| (dotted(&name), name)),
    );
    let account = weights.matched_to(&graph, MatchPolicy::Strict).unwrap().account;
    assert_eq!(account.prefix, "module.");
    assert!(
        account
            .to_string()
            .contains("old DenseNet files behind \"module.\""),
        "{account}"
    );
}

#[test]
fn the_first_xception_for_pytorch_has_flat_kernels_and_a_last_linear() {
    let graph = graph("xception", 1000);
    let old = |name: &str| name.replace("fc.", "last_linear.");
    let weights = file(parameters(&graph).map(|(name, mut shape)| {
        if name.contains("pointwise") {
            shape.truncate(2);
        }
        (old(&name), shape)
    }));
    check(
        &weights,
        &graph,
        parameters(&graph).map(|(name, _)| (old(&name), name)),
    );
}

#[test]
fn the_classifier_of_timms_vgg_is_made_of_convolutions() {
    let graph = graph("vgg11", 10);
    let theirs = |(name, shape): (String, Vec<usize>)| match name.rsplit_once('.').unwrap() {
        ("classifier.0", "weight") => ("pre_logits.fc1.weight".to_owned(), vec![4096, 512, 7, 7]),
        ("classifier.3", "weight") => ("pre_logits.fc2.weight".to_owned(), vec![4096, 4096, 1, 1]),
        ("classifier.0", kind) => (format!("pre_logits.fc1.{kind}"), shape),
        ("classifier.3", kind) => (format!("pre_logits.fc2.{kind}"), shape),
        ("classifier.6", kind) => (format!("head.fc.{kind}"), shape),
        _ => (name, shape),
    };
    let weights = file(parameters(&graph).map(theirs));
    check(
        &weights,
        &graph,
        parameters(&graph).map(|(name, shape)| (theirs((name.clone(), shape)).0, name)),
    );
    let other = graph.with_head(Head::Linear, 7).unwrap();
    let account = weights
        .matched_to(&other, MatchPolicy::default())
        .unwrap()
        .account;
    assert_eq!((account.new_head.len(), account.unused_head.len()), (2, 6));
}

#[test]
fn efficientnet_pytorch_counts_blocks_through_and_norms_from_0() {
    let graph = graph("tf_efficientnet_lite1", 1000);
    let names: Vec<(String, Vec<usize>)> = parameters(&graph).collect();
    let blocks: Vec<&str> = names
        .iter()
        .filter_map(|(name, _)| name.strip_suffix(".conv_dw.weight"))
        .collect();
    assert_eq!((blocks.len(), blocks[4]), (21, "blocks.2.0"));
    let theirs = |name: &str| {
        let Some(number) = blocks
            .iter()
            .position(|block| name.starts_with(&format!("{block}.")))
        else {
            let pairs = [
                ("bn1", "_bn0"),
                ("bn2", "_bn1"),
                ("classifier", "_fc"),
                ("conv", "_conv"),
            ];
            let (ours, theirs) = pairs
                .into_iter()
                .find(|(ours, _)| name.starts_with(ours))
                .unwrap();
            return name.replacen(ours, theirs, 1);
        };
        let mut pairs = vec![("conv_dw", "_depthwise_conv")];
        pairs.extend(match number {
            0 => vec![("conv_pw", "_project_conv"), ("bn1", "_bn1"), ("bn2", "_bn2")],
            _ => vec![
                ("conv_pwl", "_project_conv"),
                ("conv_pw", "_expand_conv"),
                ("bn1", "_bn0"),
                ("bn2", "_bn1"),
                ("bn3", "_bn2"),
            ],
        });
        let layer = &name[blocks[number].len() + 1..];
        let (ours, theirs) = pairs
            .into_iter()
            .find(|(ours, _)| layer.starts_with(ours))
            .unwrap();
        format!("_blocks.{number}.{}", layer.replacen(ours, theirs, 1))
    };
    for prefix in ["", "module."] {
        let named = |name: &str| format!("{prefix}{}", theirs(name));
        let weights = file(names.iter().map(|(name, shape)| (named(name), shape.clone())));
        check(
            &weights,
            &graph,
            names.iter().map(|(name, _)| (named(name), name.clone())),
        );
    }
}
