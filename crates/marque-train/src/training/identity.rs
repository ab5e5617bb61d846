use crate::training::FitConfig;
use crate::training::photo_sizes::PhotoSizes;
use crate::{Error, Examples};
use marque_core::ContentHash;
use marque_torch::{Network, NodeState, libtorch_version, threads};
use serde::{Deserialize, Serialize};

/// What a training's state belongs to. Two trainings of equal identity, at the same place, take the same steps to the bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The version of marque.
    pub marque: String,
    /// Hash of the graph and of what in it is frozen.
    pub graph: String,
    /// How it is trained.
    pub fit: FitConfig,
    /// Hash of the training photos (names, classes, sizes in bytes) and of how they are ordered, prepared, changed and batched.
    pub train: String,
    /// The same of the validation photos, if there are any.
    pub validation: Option<String>,
    /// Views of each photo where they are kept as features.
    pub kept_views: Option<usize>,
    /// What the network draws first values and dropouts from.
    pub seed: u64,
    /// The type and the order in memory that the network computes in.
    pub computation: String,
    /// Where it runs.
    pub place: Place,
}

/// What may change the last bits of a result, and no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The device.
    pub device: String,
    /// LibTorch's threads.
    pub threads: usize,
    /// The vector instructions of the processor.
    pub processor: String,
    /// The version of LibTorch.
    pub libtorch: Option<String>,
    /// The processes that train it together.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub ranks: usize,
}

fn one() -> usize {
    1
}

/// States of one process are what they were before there were several.
fn is_one(ranks: &usize) -> bool {
    *ranks == 1
}

impl Identity {
    pub(super) fn new(
        network: &Network,
        train: &Examples,
        (train_photos, validation_photos): (&PhotoSizes, Option<&PhotoSizes>),
        config: &FitConfig,
    ) -> Result<Self, Error> {
        let mut graph = ContentHash::new();
        graph.value(network.graph())?;
        let states = network.states().iter();
        graph.value(
            &states
                .map(|&state| state == NodeState::Trained)
                .collect::<Vec<_>>(),
        )?;
        Ok(Self {
            marque: env!("CARGO_PKG_VERSION").to_owned(),
            graph: graph.finish(),
            fit: config.clone(),
            train: train_photos.hash()?,
            validation: validation_photos.map(PhotoSizes::hash).transpose()?,
            kept_views: match train {
                Examples::Photos(_) => None,
                Examples::Features(features) => Some(features.views()),
            },
            seed: network.seed(),
            computation: format!("{:?} {:?}", network.precision(), network.memory_format()),
            place: Place {
                device: format!("{:?}", network.device()),
                threads: threads(),
                processor: processor().to_owned(),
                libtorch: libtorch_version().map(str::to_owned),
                ranks: 1,
            },
        })
    }

    /// Whether a state of `other` is one of this training.
    pub(super) fn check(&self, other: &Self) -> Result<(), Error> {
        let hidden = |text: &str| text.chars().take(12).collect::<String>();
        let optional = |text: &Option<String>| text.as_deref().map_or("none".to_owned(), hidden);
        let (fit, other_fit) = differing(&self.fit, &other.fit);
        let views = |views: Option<usize>| views.map_or("none".to_owned(), |views| views.to_string());
        let compared = [
            ("version of marque", self.marque.clone(), other.marque.clone()),
            (
                "network or its frozen part",
                hidden(&self.graph),
                hidden(&other.graph),
            ),
            ("way of training", fit, other_fit),
            (
                "list of training photos",
                hidden(&self.train),
                hidden(&other.train),
            ),
            (
                "list of validation photos",
                optional(&self.validation),
                optional(&other.validation),
            ),
            (
                "number of kept views",
                views(self.kept_views),
                views(other.kept_views),
            ),
            ("seed", self.seed.to_string(), other.seed.to_string()),
            (
                "precision or order in memory",
                self.computation.clone(),
                other.computation.clone(),
            ),
        ];
        match compared.into_iter().find(|(_, own, other)| own != other) {
            Some((what, expected, found)) => Err(Error::OtherTraining {
                what,
                expected,
                found,
            }),
            None => Ok(()),
        }
    }
}

impl Place {
    /// What differs, in words.
    pub(super) fn differences(&self, other: &Self) -> Option<String> {
        let named =
            |version: &Option<String>| version.clone().unwrap_or_else(|| "of unknown version".to_owned());
        let pairs = [
            ("device", self.device.clone(), other.device.clone()),
            ("processes", self.ranks.to_string(), other.ranks.to_string()),
            ("threads", self.threads.to_string(), other.threads.to_string()),
            ("processor", self.processor.clone(), other.processor.clone()),
            ("LibTorch", named(&self.libtorch), named(&other.libtorch)),
        ];
        let differing = pairs.into_iter().filter(|(_, own, other)| own != other);
        let texts: Vec<String> = differing
            .map(|(what, own, other)| format!("{what} {own} in place of {other}"))
            .collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }
}

/// The settings that are not the same in both, as JSON.
fn differing(own: &FitConfig, other: &FitConfig) -> (String, String) {
    let [own, other] = [own, other].map(|config| serde_json::to_value(config).unwrap_or_default());
    let only = |of: &serde_json::Value, beside: &serde_json::Value| {
        let fields = of.as_object().into_iter().flatten();
        let differing = fields.filter(|(name, value)| beside.get(name) != Some(value));
        let texts: Vec<String> = differing.map(|(name, value)| format!("{name} {value}")).collect();
        texts.join(", ")
    };
    (only(&own, &other), only(&other, &own))
}

/// The widest vector instructions, by which LibTorch chooses its kernels.
fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            "x86-64 with AVX-512"
        } else if std::arch::is_x86_feature_detected!("avx2") {
            "x86-64 with AVX2"
        } else {
            "x86-64"
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        std::env::consts::ARCH
    }
}
