//! From a graph and its weights to an ONNX file.

mod file;
mod nodes;
mod operators;

use crate::Error;
pub(crate) use operators::averaging;

use file::Layout;
use marque_arch::{Graph, ImageSize};
use marque_weights::{MatchPolicy, StateDict};
use nodes::Exporter;
use std::collections::BTreeMap;
use std::path::Path;

/// The version of ONNX's operators that files are written for; of May 2022, the first that has `LayerNormalization`.
pub const OPSET: u64 = 17;

/// The version of the file format that goes with it.
const IR_VERSION: i64 = 8;

/// The metadata under which class names lie in a file, as a JSON list.
pub const CLASS_NAMES_KEY: &str = "class_names";

/// How a graph is written to an ONNX file; by default for normalised images of any size.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportOptions {
    /// Height and width of the images, in px; `None` for a file that takes every size that the network does. The poolings of VGGs
    /// to a grid of cells can be written for one size only.
    pub image_size: Option<ImageSize>,
    /// If given, the file takes photos, N×H×W×C bytes from 0 to 255, and its first nodes normalise them; otherwise it takes
    /// normalised images, N×C×H×W floats.
    pub normalization: Option<Normalization>,
    /// Names of the classes in the order of the logits; kept as a JSON list under [`CLASS_NAMES_KEY`], if there are any.
    pub class_names: Vec<String>,
    /// Free text by name, kept as the file's metadata.
    pub metadata: BTreeMap<String, String>,
}

/// What is done to the samples of a photo before a network sees them: a sample `x` from 0 to 255 of channel `c` becomes
/// `(x / 255 − mean[c]) / std[c]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    /// One number for each channel, of samples from 0 to 1.
    pub mean: Vec<f32>,
    /// One number for each channel, positive.
    pub std: Vec<f32>,
}

impl Normalization {
    fn check(&self, channels: usize) -> Result<(), Error> {
        let refuse = |setting, what: &str, found: &[f32]| {
            Err(Error::Setting {
                setting,
                expected: format!("{channels} {what} numbers"),
                found: format!("{found:?}"),
            })
        };
        let is_finite = self.mean.iter().all(|mean| mean.is_finite());
        if self.mean.len() != channels || !is_finite {
            return refuse("mean", "finite", &self.mean);
        }
        let is_positive = self.std.iter().all(|&std| std > 0.0 && std.is_finite());
        match self.std.len() == channels && is_positive {
            true => Ok(()),
            false => refuse("std", "positive", &self.std),
        }
    }
}

/// Writes a network to an ONNX file, whole or not at all: version [`OPSET`] of ONNX's operators, any number of images at a time.
///
/// Nodes and weights keep their names, dropouts and auxiliary heads are left out, batch norms use their stored statistics. Numbers
/// are written in single precision. The input is called `images`, N×C×H×W floats, or `photos`, N×H×W×C bytes (see
/// [`ExportOptions::normalization`]); the output is called `logits`, N×K.
///
/// ```
/// use marque_arch::ResNet;
/// use marque_onnx::{ExportOptions, export};
/// # use marque_weights::{StateDict, Tensor};
///
/// let graph = ResNet::resnet18().num_classes(7).graph()?;
/// # let mut weights = StateDict::default();
/// # for parameter in graph.parameters() {
/// #     weights.insert(&parameter.name, Tensor::from_f32(&parameter.shape, &vec![0.5; parameter.count()])?);
/// # }
/// let folder = tempfile::tempdir()?;
/// export(&folder.path().join("resnet18.onnx"), &graph, &weights, &ExportOptions::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Weights`] lists every name that is missing, unexpected or of another shape; [`Error::SizeNeeded`] for a graph that can be
/// written for one size only where none is given, [`Error::Graph`] where that size is too small; [`Error::Setting`],
/// [`Error::TooLarge`] and [`Error::Write`].
pub fn export(path: &Path, graph: &Graph, weights: &StateDict, options: &ExportOptions) -> Result<(), Error> {
    let matched = weights.matched_to(graph, MatchPolicy::Strict)?;
    let file = layout(graph, options)?;
    marque_fs::write_atomically(path, |target| file.write(&matched.weights, target)).map_err(|source| {
        Error::Write {
            path: path.to_owned(),
            source,
        }
    })
}

/// The bytes of the file that [`export`] writes.
///
/// # Errors
/// As [`export`].
pub fn export_bytes(graph: &Graph, weights: &StateDict, options: &ExportOptions) -> Result<Vec<u8>, Error> {
    let matched = weights.matched_to(graph, MatchPolicy::Strict)?;
    let mut bytes = Vec::new();
    let written = layout(graph, options)?.write(&matched.weights, &mut bytes);
    written.map_err(|source| Error::Write {
        path: graph.name().into(),
        source,
    })?;
    Ok(bytes)
}

fn layout(graph: &Graph, options: &ExportOptions) -> Result<Layout, Error> {
    if let Some(normalization) = &options.normalization {
        normalization.check(graph.input_channels())?;
    }
    let mut metadata = options.metadata.clone();
    if !options.class_names.is_empty() {
        let names = serde_json::Value::from(options.class_names.clone());
        metadata.insert(CLASS_NAMES_KEY.to_owned(), names.to_string());
    }
    let shapes = options.image_size.map(|size| graph.shapes(size)).transpose()?;
    Layout::new(Exporter::new(graph, options, shapes).run()?, metadata)
}
