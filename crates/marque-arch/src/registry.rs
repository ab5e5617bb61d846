use crate::{
    BottleneckStride, ConvNeXt, DenseNet, EfficientNet, EfficientNetLite, Error, GoogLeNet, Graph, Head,
    InceptionV3, MobileNetV2, MobileNetV3, PreActResNet, RegNet, ResNet, Shortcut, SubjectResNet, Vgg,
    Xception,
};

/// What every architecture can be built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchitectureOptions {
    /// Length of the logits; 1000 by default, as in ImageNet.
    pub num_classes: usize,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
    /// What stands upon the last feature maps; the architecture's own classifier by default.
    pub head: Head,
}

impl Default for ArchitectureOptions {
    fn default() -> Self {
        Self {
            num_classes: 1000,
            in_channels: 3,
            head: Head::Own,
        }
    }
}

/// How one of several networks of a family is made.
#[derive(Clone, Copy)]
enum Entry {
    ResNet(fn() -> ResNet),
    DenseNet(fn() -> DenseNet),
    Xception(fn() -> Xception),
    GoogLeNet(fn() -> GoogLeNet),
    InceptionV3(fn() -> InceptionV3),
    Vgg(fn() -> Vgg),
    MobileNetV2(fn() -> MobileNetV2),
    EfficientNetLite(fn() -> EfficientNetLite),
    MobileNetV3(fn() -> MobileNetV3),
    EfficientNet(fn() -> EfficientNet),
    RegNet(fn() -> RegNet),
    ConvNeXt(fn() -> ConvNeXt),
    PreActResNet(fn() -> PreActResNet),
    Subject(fn() -> SubjectResNet),
}

/// Names are torchvision's where it has the architecture; `-keras` is Keras's version of it, `-v1` the paper's.
const ENTRIES: [(&str, Entry); 59] = [
    ("resnet18", Entry::ResNet(ResNet::resnet18)),
    ("resnet34", Entry::ResNet(ResNet::resnet34)),
    ("resnet50", Entry::ResNet(ResNet::resnet50)),
    ("resnet101", Entry::ResNet(ResNet::resnet101)),
    ("resnet152", Entry::ResNet(ResNet::resnet152)),
    ("resnext50_32x4d", Entry::ResNet(ResNet::resnext50_32x4d)),
    ("wide_resnet50_2", Entry::ResNet(ResNet::wide_resnet50_2)),
    ("resnet50-v1", Entry::ResNet(|| v1(ResNet::resnet50()))),
    ("resnet101-v1", Entry::ResNet(|| v1(ResNet::resnet101()))),
    ("resnet152-v1", Entry::ResNet(|| v1(ResNet::resnet152()))),
    (
        "resnet34-a",
        Entry::ResNet(|| with_shortcut("resnet34-a", Shortcut::ZeroPadding)),
    ),
    (
        "resnet34-c",
        Entry::ResNet(|| with_shortcut("resnet34-c", Shortcut::Projection)),
    ),
    ("resnet34-subject", Entry::Subject(SubjectResNet::default)),
    ("plain18", Entry::ResNet(ResNet::plain18)),
    ("plain34", Entry::ResNet(ResNet::plain34)),
    ("densenet121", Entry::DenseNet(DenseNet::densenet121)),
    ("densenet161", Entry::DenseNet(DenseNet::densenet161)),
    ("densenet169", Entry::DenseNet(DenseNet::densenet169)),
    ("densenet201", Entry::DenseNet(DenseNet::densenet201)),
    (
        "densenet121-keras",
        Entry::DenseNet(|| DenseNet::densenet121().keras()),
    ),
    (
        "densenet169-keras",
        Entry::DenseNet(|| DenseNet::densenet169().keras()),
    ),
    (
        "densenet201-keras",
        Entry::DenseNet(|| DenseNet::densenet201().keras()),
    ),
    ("xception", Entry::Xception(Xception::default)),
    ("xception-keras", Entry::Xception(Xception::keras)),
    ("googlenet", Entry::GoogLeNet(GoogLeNet::default)),
    (
        "googlenet-aux",
        Entry::GoogLeNet(|| GoogLeNet::default().auxiliary()),
    ),
    ("inception_v3", Entry::InceptionV3(InceptionV3::default)),
    (
        "inception_v3-aux",
        Entry::InceptionV3(|| InceptionV3::default().auxiliary()),
    ),
    ("vgg11", Entry::Vgg(Vgg::vgg11)),
    ("vgg13", Entry::Vgg(Vgg::vgg13)),
    ("vgg16", Entry::Vgg(Vgg::vgg16)),
    ("vgg19", Entry::Vgg(Vgg::vgg19)),
    ("vgg11_bn", Entry::Vgg(|| Vgg::vgg11().with_batch_norm())),
    ("vgg13_bn", Entry::Vgg(|| Vgg::vgg13().with_batch_norm())),
    ("vgg16_bn", Entry::Vgg(|| Vgg::vgg16().with_batch_norm())),
    ("vgg19_bn", Entry::Vgg(|| Vgg::vgg19().with_batch_norm())),
    ("mobilenet_v2", Entry::MobileNetV2(MobileNetV2::default)),
    (
        "tf_efficientnet_lite0",
        Entry::EfficientNetLite(EfficientNetLite::lite0),
    ),
    (
        "tf_efficientnet_lite1",
        Entry::EfficientNetLite(EfficientNetLite::lite1),
    ),
    (
        "tf_efficientnet_lite2",
        Entry::EfficientNetLite(EfficientNetLite::lite2),
    ),
    (
        "tf_efficientnet_lite3",
        Entry::EfficientNetLite(EfficientNetLite::lite3),
    ),
    (
        "tf_efficientnet_lite4",
        Entry::EfficientNetLite(EfficientNetLite::lite4),
    ),
    ("mobilenet_v3_small", Entry::MobileNetV3(MobileNetV3::small)),
    ("mobilenet_v3_large", Entry::MobileNetV3(MobileNetV3::large)),
    ("efficientnet_b0", Entry::EfficientNet(EfficientNet::b0)),
    ("efficientnet_b1", Entry::EfficientNet(EfficientNet::b1)),
    ("efficientnet_b2", Entry::EfficientNet(EfficientNet::b2)),
    ("efficientnet_b3", Entry::EfficientNet(EfficientNet::b3)),
    ("efficientnet_b4", Entry::EfficientNet(EfficientNet::b4)),
    ("efficientnet_v2_s", Entry::EfficientNet(EfficientNet::v2_s)),
    ("regnet_y_400mf", Entry::RegNet(RegNet::y_400mf)),
    ("regnet_y_800mf", Entry::RegNet(RegNet::y_800mf)),
    ("regnet_y_1_6gf", Entry::RegNet(RegNet::y_1_6gf)),
    ("regnet_y_3_2gf", Entry::RegNet(RegNet::y_3_2gf)),
    ("convnext_tiny", Entry::ConvNeXt(ConvNeXt::tiny)),
    ("convnext_small", Entry::ConvNeXt(ConvNeXt::small)),
    (
        "preact_resnet20",
        Entry::PreActResNet(PreActResNet::preact_resnet20),
    ),
    (
        "preact_resnet56",
        Entry::PreActResNet(PreActResNet::preact_resnet56),
    ),
    (
        "preact_resnet110",
        Entry::PreActResNet(PreActResNet::preact_resnet110),
    ),
];

fn v1(resnet: ResNet) -> ResNet {
    let name = format!("{}-v1", resnet.name);
    resnet.name(name).bottleneck_stride(BottleneckStride::First)
}

fn with_shortcut(name: &str, shortcut: Shortcut) -> ResNet {
    ResNet::resnet34().name(name).shortcut(shortcut)
}

impl Entry {
    fn graph(self, num_classes: usize, in_channels: usize) -> Result<Graph, Error> {
        macro_rules! build {
            ($make:ident) => {
                $make()
                    .num_classes(num_classes)
                    .in_channels(in_channels)
                    .graph()
            };
        }
        match self {
            Entry::ResNet(make) => build!(make),
            Entry::DenseNet(make) => build!(make),
            Entry::Xception(make) => build!(make),
            Entry::GoogLeNet(make) => build!(make),
            Entry::InceptionV3(make) => build!(make),
            Entry::Vgg(make) => build!(make),
            Entry::MobileNetV2(make) => build!(make),
            Entry::EfficientNetLite(make) => build!(make),
            Entry::MobileNetV3(make) => build!(make),
            Entry::EfficientNet(make) => build!(make),
            Entry::RegNet(make) => build!(make),
            Entry::ConvNeXt(make) => build!(make),
            Entry::PreActResNet(make) => build!(make),
            Entry::Subject(make) => build!(make),
        }
    }
}

/// The names that [`architecture`] knows.
pub fn architecture_names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|(name, _)| *name)
}

/// Builds an architecture from its name, for programs that get the name as text.
///
/// ```
/// use marque_arch::{ArchitectureOptions, Head, architecture};
///
/// let options = ArchitectureOptions { num_classes: 7, ..Default::default() };
/// assert_eq!(architecture("resnet34", options)?.trained_parameter_count(), 21_288_263);
///
/// // The subject's head upon any of them.
/// let graph = architecture("xception-keras", ArchitectureOptions { head: Head::Subject, ..options })?;
/// assert_eq!(graph.trained_parameter_count(), 20_806_952 + 1_182_215);
///
/// let error = architecture("resnet35", options).unwrap_err();
/// assert!(error.to_string().contains("the nearest names are resnet34"));
/// # Ok::<(), marque_arch::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownArchitecture`] lists the nearest and all known names; otherwise as the architecture's own builder.
pub fn architecture(name: &str, options: ArchitectureOptions) -> Result<Graph, Error> {
    let entry = ENTRIES.iter().find(|(known, _)| *known == name);
    let (_, entry) = entry.ok_or_else(|| Error::UnknownArchitecture {
        name: name.to_owned(),
        nearest: nearest_names(name).join(", "),
        known: architecture_names().collect::<Vec<_>>().join(", "),
    })?;
    let graph = entry.graph(options.num_classes, options.in_channels)?;
    match options.head {
        Head::Own => Ok(graph),
        head => graph.with_head(head, options.num_classes),
    }
}

/// The three known names that differ from `name` in the fewest letters.
fn nearest_names(name: &str) -> Vec<&'static str> {
    // A stranger's text may be long; more than this is no misspelt name.
    let name: String = name.to_lowercase().chars().take(64).collect();
    let mut names: Vec<&str> = architecture_names().collect();
    names.sort_by_key(|known| strsim::damerau_levenshtein(known, &name));
    names.truncate(3);
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageSize;

    #[test]
    fn every_name_makes_a_graph_of_that_name_that_runs_at_the_usual_sizes() {
        let mut names: Vec<&str> = architecture_names().collect();
        for name in &names {
            let options = ArchitectureOptions {
                num_classes: 7,
                in_channels: 1,
                head: Head::Own,
            };
            let graph = architecture(name, options).unwrap();
            assert_eq!(graph.name(), name.trim_end_matches("-aux"));
            assert_eq!(graph.input_channels(), 1);
            for side in [224, 299] {
                // The auxiliary head of Inception-v3 slides a 5×5 window over what a pooling leaves.
                if *name == "inception_v3-aux" && side == 224 {
                    continue;
                }
                let shapes = graph.shapes(ImageSize::square(side)).unwrap();
                assert_eq!(
                    shapes[graph.output().index()].to_string(),
                    "7",
                    "{name} at {side}"
                );
            }
            assert!(graph.features().is_some(), "{name}");
            let subject = ArchitectureOptions {
                head: Head::Subject,
                ..options
            };
            assert!(architecture(name, subject).is_ok(), "{name}");
            assert!(
                architecture(
                    name,
                    ArchitectureOptions {
                        num_classes: 0,
                        ..options
                    }
                )
                .is_err()
            );
            assert!(
                architecture(
                    name,
                    ArchitectureOptions {
                        in_channels: 0,
                        ..options
                    }
                )
                .is_err()
            );
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ENTRIES.len());
    }

    /// The sizes that the families' documentation states.
    #[test]
    fn the_smallest_image_is_where_the_documentation_has_it() {
        for (name, smallest) in [
            ("resnet152", 1),
            ("resnet34-a", 1),
            ("resnet34-subject", 1),
            ("densenet201", 29),
            ("densenet121-keras", 29),
            ("xception", 7),
            ("xception-keras", 7),
            ("googlenet", 15),
            ("inception_v3", 75),
            ("inception_v3-aux", 299),
            ("vgg19_bn", 32),
            ("resnext50_32x4d", 1),
            ("mobilenet_v2", 1),
            ("tf_efficientnet_lite4", 1),
            ("mobilenet_v3_small", 1),
            ("mobilenet_v3_large", 1),
            ("efficientnet_b4", 1),
            ("efficientnet_v2_s", 1),
            ("regnet_y_3_2gf", 1),
            ("convnext_small", 32),
            ("preact_resnet110", 1),
        ] {
            let graph = architecture(name, ArchitectureOptions::default()).unwrap();
            let fits = |side: usize| graph.shapes(ImageSize::square(side)).is_ok();
            let found = (1..400).find(|&side| fits(side));
            assert_eq!(found, Some(smallest), "{name}");
            assert!((smallest..400).all(fits), "{name}");
        }
    }

    #[test]
    fn misspelt_names_lead_to_the_nearest() {
        let nearest = |name| nearest_names(name)[0];
        assert_eq!(nearest("ResNet-34"), "resnet34");
        assert_eq!(nearest("densnet121"), "densenet121");
        assert_eq!(nearest("inceptionv3"), "inception_v3");
        assert_eq!(nearest("vgg19bn"), "vgg19_bn");
        assert_eq!(nearest("exception"), "xception");
    }
}
