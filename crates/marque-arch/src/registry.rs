use crate::{Error, Graph, ResNet};

/// What every architecture can be built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchitectureOptions {
    /// Length of the logits; 1000 by default, as in ImageNet.
    pub num_classes: usize,
    /// Channels of the image; 3 by default.
    pub in_channels: usize,
}

impl Default for ArchitectureOptions {
    fn default() -> Self {
        Self {
            num_classes: 1000,
            in_channels: 3,
        }
    }
}

/// A name and the network it stands for.
type Entry = (&'static str, fn() -> ResNet);

const RESNETS: [Entry; 5] = [
    ("resnet18", ResNet::resnet18),
    ("resnet34", ResNet::resnet34),
    ("resnet50", ResNet::resnet50),
    ("resnet101", ResNet::resnet101),
    ("resnet152", ResNet::resnet152),
];

/// The names that [`architecture`] knows.
pub fn architecture_names() -> impl Iterator<Item = &'static str> {
    RESNETS.iter().map(|(name, _)| *name)
}

/// Builds an architecture from its name, for programs that get the name as text.
///
/// ```
/// use marque_arch::{ArchitectureOptions, architecture};
///
/// let graph = architecture("resnet34", ArchitectureOptions { num_classes: 7, ..Default::default() })?;
/// assert_eq!(graph.trained_parameter_count(), 21_288_263);
/// let error = architecture("resnet35", ArchitectureOptions::default()).unwrap_err();
/// assert!(error.to_string().contains("resnet34"));
/// # Ok::<(), marque_arch::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownArchitecture`] lists the known names; otherwise as the architecture's own builder.
pub fn architecture(name: &str, options: ArchitectureOptions) -> Result<Graph, Error> {
    let resnet = RESNETS.iter().find(|(known, _)| *known == name);
    let (_, resnet) = resnet.ok_or_else(|| Error::UnknownArchitecture {
        name: name.to_owned(),
        known: architecture_names().collect::<Vec<_>>().join(", "),
    })?;
    resnet()
        .num_classes(options.num_classes)
        .in_channels(options.in_channels)
        .graph()
}
