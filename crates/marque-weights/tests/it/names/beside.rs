//! What files hold beside a network, and what tells the file of another one.

use super::{file, golden, graph, parameters};
use marque_arch::{Graph, architecture_names};
use marque_weights::{Account, MatchPolicy};

type Shapes = Vec<(String, Vec<usize>)>;

/// Where a tensor is to be found in the account.
#[derive(Debug, Clone, Copy, PartialEq)]
enum List {
    Ignored,
    Head,
    Beside,
}

const GRAPHS: [&str; 4] = ["resnet18", "densenet121", "vgg11_bn", "googlenet"];

/// What people's programs leave in state dictionaries, with the list that it belongs in.
fn extras(graph: &Graph) -> Vec<(&'static str, List, Shapes)> {
    let one = |name: &str, shape: &[usize]| vec![(name.to_owned(), shape.to_vec())];
    let copy = |above: &str| -> Shapes {
        let named = parameters(graph).map(|(name, shape)| (format!("{above}{name}"), shape));
        named.collect()
    };
    let profile = parameters(graph).filter(|(name, _)| name.ends_with("weight"));
    let profile = profile.flat_map(|(name, _)| {
        ["total_ops", "total_params"].map(|leaf| (name.replace("weight", leaf), vec![1]))
    });
    vec![
        ("weights of a loss", List::Beside, one("criterion.weight", &[7])),
        (
            "centres of a loss",
            List::Beside,
            one("center_loss.centers", &[7, 64]),
        ),
        ("a metric", List::Beside, one("val_metrics.confmat", &[7, 7])),
        ("a temperature", List::Beside, one("temperature", &[])),
        (
            "an optimiser",
            List::Beside,
            one("optimizer.state.0.exp_avg", &[64, 3, 7, 7]),
        ),
        ("a decoder", List::Beside, one("decoder.up.weight", &[8, 8, 3, 3])),
        ("an average", List::Beside, copy("ema.")),
        ("a module's average", List::Beside, copy("ema_model.module.")),
        ("another copy", List::Beside, copy("the_second_network.")),
        ("another head", List::Head, one("projector.0.weight", &[128, 64])),
        ("a count of averages", List::Ignored, one("n_averaged", &[])),
        ("a profile", List::Ignored, profile.collect()),
        ("a profile's sum", List::Ignored, one("total_ops", &[1])),
    ]
}

fn list(account: &Account, list: List) -> &[String] {
    match list {
        List::Ignored => &account.ignored,
        List::Head => &account.unused_head,
        List::Beside => &account.beside,
    }
}

#[test]
fn what_stands_beside_a_network_is_listed() {
    let mut count = 0;
    for name in GRAPHS {
        let graph = graph(name, 7);
        for (what, wanted, extra) in extras(&graph) {
            for (network, beside) in [("", ""), ("model.", ""), ("module.", "module.")] {
                let extra = extra
                    .iter()
                    .map(|(name, shape)| (format!("{beside}{name}"), shape.clone()));
                let mut names: Vec<String> = extra.clone().map(|(name, _)| name).collect();
                names.sort();
                let own = parameters(&graph).map(|(name, shape)| (format!("{network}{name}"), shape));
                let own: Shapes = own.collect();
                // Beside a network comes before it as well as after it.
                for weights in [
                    file(own.iter().cloned().chain(extra.clone())),
                    file(extra.clone().chain(own.iter().cloned())),
                ] {
                    for policy in [MatchPolicy::NewHead, MatchPolicy::Strict] {
                        let place = format!("{what} with {network:?}{name}, {policy:?}");
                        let matched = weights.matched_to(&graph, policy);
                        let account = matched.unwrap_or_else(|error| panic!("{place}: {error}")).account;
                        assert_eq!(account.loaded.len(), parameters(&graph).count(), "{place}");
                        assert_eq!(account.prefix, network, "{place}");
                        let mut found = list(&account, wanted).to_vec();
                        found.sort();
                        assert_eq!(found, names, "{place}");
                        let all = account.beside.len() + account.ignored.len() + account.unused_head.len();
                        assert_eq!(all, names.len(), "{place}");
                        assert!(account.differences.is_empty(), "{place}");
                        count += 1;
                    }
                }
            }
        }
    }
    assert_eq!(count, GRAPHS.len() * 13 * 3 * 2 * 2);
}

#[test]
fn layers_of_keras_that_no_graph_has_stand_beside() {
    let preprocessing = [("count", vec![]), ("mean", vec![3]), ("variance", vec![3])]
        .map(|(leaf, shape)| (format!("normalization/{leaf}"), shape));
    let own = golden("vgg16").into_iter().map(|row| (row.0, row.2));
    let weights = file(preprocessing.into_iter().chain(own));
    let account = weights
        .matched_to(&graph("vgg16", 1000), MatchPolicy::Strict)
        .unwrap()
        .account;
    assert_eq!(
        account.beside,
        [
            "normalization/count",
            "normalization/mean",
            "normalization/variance"
        ]
    );
}

#[test]
fn the_account_shows_what_stands_beside() {
    let graph = graph("resnet18", 7);
    let extra = [("criterion.weight", vec![7]), ("n_averaged", vec![])];
    let extra = extra.map(|(name, shape)| (name.to_owned(), shape));
    let weights = file(parameters(&graph).chain(extra));
    let account = weights.matched_to(&graph, MatchPolicy::Strict).unwrap().account;
    assert_eq!(
        account.to_string(),
        "102 of 102 parameters loaded; names are the graph's own (torchvision, timm)\n  \
         beside the network: criterion.weight\n  ignored: 1 counters and states"
    );
}

#[test]
fn what_stands_within_a_network_is_of_another_one() {
    let mut count = 0;
    for (name, strange) in [
        ("resnet18", "layer5.0.conv1.weight"),
        ("resnet18", "layer4.2.conv1.weight"),
        ("resnet18", "layer1.0.se.fc1.weight"),
        ("resnet18", "conv2.weight"),
        ("densenet121", "features.denseblock4.denselayer17.conv1.weight"),
        ("vgg11", "features.99.weight"),
        ("xception", "block13.rep.0.conv1.weight"),
        ("googlenet", "inception6a.branch1.conv.weight"),
        ("inception_v3", "Mixed_8a.branch1x1.conv.weight"),
    ] {
        let graph = graph(name, 7);
        let weights = file(parameters(&graph).chain([(strange.to_owned(), vec![64, 64, 3, 3])]));
        for policy in [MatchPolicy::NewHead, MatchPolicy::Strict] {
            let error = weights.matched_to(&graph, policy).expect_err(strange).to_string();
            assert!(error.contains("0 missing, 1 unexpected"), "{error}");
            assert!(error.contains(strange), "{error}");
            count += 1;
        }
    }
    assert_eq!(count, 18);
    // The trunk of the file has another name, or none.
    let graph = graph("densenet121", 7);
    for trunk in ["", "backbone."] {
        let own = parameters(&graph).chain([("features.denseblock5.conv.weight".to_owned(), vec![8, 8])]);
        let weights = file(own.map(|(name, shape)| (name.replace("features.", trunk), shape)));
        assert!(
            weights.matched_to(&graph, MatchPolicy::default()).is_err(),
            "{trunk:?}"
        );
    }
}

/// Bodies with the same names and shapes, whose differences no weight shows: strides, padding, auxiliary heads.
fn is_same_body(first: &str, second: &str) -> bool {
    let body = |name: &str| -> String {
        let name = name.trim_end_matches("-keras").trim_end_matches("-aux");
        name.trim_end_matches("-v1").to_owned()
    };
    let without_projections = ["plain34", "resnet34-a"];
    body(first) == body(second)
        || [first, second]
            .iter()
            .all(|name| without_projections.contains(name))
}

/// The file of another family has hardly a name in common, and is named by another test.
fn is_same_family(first: &str, second: &str) -> bool {
    let family = |name: &str| match &name[..3] {
        "pla" => "res".to_owned(),
        family => family.to_owned(),
    };
    family(first) == family(second)
}

#[test]
fn a_file_of_every_other_member_of_a_family_is_refused() {
    let graphs: Vec<Graph> = architecture_names().map(|name| graph(name, 7)).collect();
    let mut pairs = 0;
    for written in &graphs {
        let extra = [("criterion.weight".to_owned(), vec![7])];
        let weights = file(parameters(written).chain(extra));
        for read in graphs
            .iter()
            .filter(|graph| is_same_family(graph.name(), written.name()))
        {
            // Whatever fits: its differences are those that the other policies refuse.
            let partial = weights.matched_to(read, MatchPolicy::Partial);
            let fits = partial.is_ok_and(|matched| matched.account.differences.is_empty());
            let has_more = written.parameters().len() > read.parameters().len();
            let expected = is_same_body(written.name(), read.name());
            assert_eq!(
                fits,
                expected && (written.parameters().len() == read.parameters().len() || has_more),
                "{} in {}",
                written.name(),
                read.name()
            );
            pairs += 1;
        }
    }
    assert!(pairs > 250, "{pairs}");
}
