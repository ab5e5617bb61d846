use crate::training::FitConfig;
use crate::{Error, Examples};
use marque_core::ContentHash;
use marque_data::Loader;
use marque_torch::{Network, NodeState, threads};
use serde::{Deserialize, Serialize};

/// What a training's state belongs to. Two trainings of equal identity, at the same place, take the same steps to the bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
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
}

impl Identity {
    pub(super) fn new(
        network: &Network,
        train: &Examples,
        validation: Option<&Examples>,
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
            graph: graph.finish(),
            fit: config.clone(),
            train: photos(train.loader())?,
            validation: validation.map(|examples| photos(examples.loader())).transpose()?,
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
            },
        })
    }

    /// Whether a state of `other` is one of this training.
    pub(super) fn check(&self, other: &Self) -> Result<(), Error> {
        let hidden = |text: &str| text.chars().take(12).collect::<String>();
        let optional = |text: &Option<String>| text.as_deref().map_or("none".to_owned(), hidden);
        let fit = |config: &FitConfig| serde_json::to_string(config).unwrap_or_default();
        let views = |views: Option<usize>| views.map_or("none".to_owned(), |views| views.to_string());
        let compared = [
            (
                "network or its frozen part",
                hidden(&self.graph),
                hidden(&other.graph),
            ),
            ("way of training", fit(&self.fit), fit(&other.fit)),
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
        let pairs = [
            ("device", self.device.clone(), other.device.clone()),
            ("threads", self.threads.to_string(), other.threads.to_string()),
            ("processor", self.processor.clone(), other.processor.clone()),
        ];
        let differing = pairs.into_iter().filter(|(_, own, other)| own != other);
        let texts: Vec<String> = differing
            .map(|(what, own, other)| format!("{what} {own} in place of {other}"))
            .collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }
}

/// Hash of a loader's photos and of everything that decides what its batches hold. Where the photos' folder lies does not
/// matter.
fn photos(loader: &Loader) -> Result<String, Error> {
    let mut hash = ContentHash::new();
    let config = loader.config();
    hash.value(loader.preprocess())?;
    hash.value(loader.augment())?;
    hash.value(&(
        config.batch_size,
        config.order,
        config.seed,
        config.bad_files,
        config.last_batch,
    ))?;
    for sample in loader.samples() {
        let name = sample.path.file_name().unwrap_or_default();
        hash.bytes(name.as_encoded_bytes());
        // A photo that is not there is the loader's to complain about.
        let size = std::fs::metadata(&sample.path).map(|found| found.len()).ok();
        hash.value(&(sample.label, size))?;
    }
    Ok(hash.finish())
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
