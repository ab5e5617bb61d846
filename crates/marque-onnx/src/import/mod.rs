//! From an ONNX file to a graph and its weights.

mod absorb;
mod attributes;
mod constants;
mod emit;
#[cfg(test)]
mod hostile;
mod importer;
mod names;
mod operators;
#[cfg(test)]
mod programs;
mod step;
#[cfg(test)]
mod tests;
mod under;
mod value;

use crate::error::{Error, Fault, Lack, Lacks};
use crate::export::{CLASS_NAMES_KEY, Normalization};
use crate::external::Folder;
use crate::model::{Model, Network};
use emit::{Emission, EmissionError};
use importer::{Importer, shown_name};
use marque_arch::{Graph, ImageSize};
use marque_weights::StateDict;
use std::collections::BTreeMap;
use std::path::Path;
use step::{Kind, Step, StepId};
use value::Axis;

/// The versions of ONNX's operators that are read: from October 2017 on.
const OPSETS: std::ops::RangeInclusive<u64> = 7..=26;

/// A network out of an ONNX file.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The network. Its nodes have the names of the file's, or of the modules whose weights they have.
    pub graph: Graph,
    /// Under the names of the graph's parameters, in the types that the file has them in.
    pub weights: StateDict,
    /// What the file's own first nodes do to photos, where it takes bytes; the graph takes what comes out of that.
    pub normalization: Option<Normalization>,
    /// The size of the images that the file is for, if it is for one.
    pub image_size: Option<ImageSize>,
    /// Whether the file gives probabilities; the graph gives the logits that they are made of.
    pub gave_probabilities: bool,
    /// Which program wrote it, in its own words.
    pub producer: String,
    /// Free text by name.
    pub metadata: BTreeMap<String, String>,
}

impl Imported {
    /// Reads an ONNX file. Its constants are computed, its batch norms may be folded, and activations and layer norms may be written
    /// as arithmetic; what comes out is a graph of marque's operations that gives the same answers.
    ///
    /// Numbers that lie in other files are read from the file's own folder and those below it, never through links. Nothing in
    /// the file is ever run, and the memory that is taken is bounded by the size of what is read.
    ///
    /// ```
    /// use marque_arch::{Conv2d, GraphBuilder};
    /// use marque_onnx::{ExportOptions, Imported, export};
    /// use marque_weights::{StateDict, Tensor};
    ///
    /// let mut builder = GraphBuilder::new("tiny", 3)?;
    /// let maps = builder.conv2d("conv", builder.input(), Conv2d::new(3, 2, 1))?;
    /// let graph = builder.build(maps)?;
    /// let mut weights = StateDict::default();
    /// weights.insert("conv.weight", Tensor::from_f32(&[2, 3, 1, 1], &[1.0; 6])?);
    /// let path = tempfile::tempdir()?.path().join("tiny.onnx");
    /// export(&path, &graph, &weights, &ExportOptions::default())?;
    ///
    /// let imported = Imported::read(&path)?;
    /// assert_eq!(imported.weights, weights);
    /// assert_eq!(imported.graph.parameters(), graph.parameters());
    /// # std::fs::remove_dir_all(path.parent().unwrap())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Read`] if there is no such file, [`Error::Malformed`] if it is damaged or no ONNX file, [`Error::Lacking`] with all
    /// nodes that no graph can say, [`Error::Graph`] where the network does not fit the size that the file is for.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = read_file(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        of_bytes(path, &bytes, &mut Folder::of(path))
    }

    /// The network that `bytes` are; errors call it `name`. No file is looked at, so that numbers in others are an error.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(name: &Path, bytes: &[u8]) -> Result<Self, Error> {
        of_bytes(name, bytes, &mut Folder::none())
    }

    /// Whether a checkpoint could not be read because it is an ONNX file, by what it holds.
    pub fn is_foreign(error: &marque_weights::Error) -> bool {
        matches!(
            error,
            marque_weights::Error::UnknownFormat {
                found: marque_weights::Foreign::Network { format: "ONNX" },
                ..
            }
        )
    }

    /// The names of the classes, where the file's metadata has them as [`export`](crate::export()) writes them.
    pub fn class_names(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.metadata.get(CLASS_NAMES_KEY)?).ok()
    }
}

/// What is no file is refused before it is opened: to open a pipe is to wait for its other end.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    match metadata.is_file() {
        true => std::fs::read(path),
        false => Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "not a regular file",
        )),
    }
}

fn of_bytes(path: &Path, bytes: &[u8], folder: &mut Folder) -> Result<Imported, Error> {
    let malformed = |fault: Fault| Error::Malformed {
        path: path.to_owned(),
        source: Box::new(fault),
    };
    let model = Model::parse(bytes).map_err(|error| malformed(error.into()))?;
    let network = sound(&model).map_err(malformed)?;
    let mut importer = Importer::new(network, folder).map_err(malformed)?;
    importer.run().map_err(malformed)?;
    let mut found = Reading::of(&mut importer).map_err(malformed)?;
    let lacking = |lacks: Vec<(usize, String)>| Error::Lacking {
        path: path.to_owned(),
        lacks: lacks_of(network, lacks),
    };
    let Some(end) = found.end.filter(|_| found.lacks.is_empty()) else {
        return Err(lacking(found.lacks));
    };
    let name = match network.name.trim() {
        "" => path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
        name => name
            .chars()
            .filter(|character| !character.is_control())
            .take(200)
            .collect(),
    };
    let emission = Emission {
        name: &name,
        steps: &importer.steps,
        end,
        normalizes: found.normalizes,
    };
    let mut left = importer.left();
    let mut charge = |bytes: usize| match left.checked_sub(bytes) {
        Some(less) => {
            left = less;
            Ok(())
        }
        None => Err(Fault::Budget {
            node: "output".to_owned(),
            most: importer.most(),
        }),
    };
    let made = emission
        .run(&mut found.lacks, &mut charge)
        .map_err(|error| match error {
            EmissionError::Fault(fault) => malformed(fault),
            EmissionError::Graph(error) => error.into(),
        })?;
    let Some((graph, weights)) = made.filter(|_| found.lacks.is_empty()) else {
        let nodes = found
            .lacks
            .into_iter()
            .map(|(step, reason)| (importer.steps[step].node.unwrap_or(0), reason));
        return Err(lacking(nodes.collect()));
    };
    let input = importer.known(StepId(0));
    let image_size = input
        .height
        .zip(input.width)
        .map(|(height, width)| ImageSize { height, width });
    if let Some(size) = image_size {
        graph.shapes(size)?;
    }
    let channels = graph.input_channels();
    Ok(Imported {
        graph,
        weights,
        normalization: found.normalization(&importer.steps, channels),
        image_size,
        gave_probabilities: found.gave_probabilities,
        producer: model.producer,
        metadata: model.metadata,
    })
}

/// The network of a file of a version that is read.
fn sound<'m, 'a>(model: &'m Model<'a>) -> Result<&'m Network<'a>, Fault> {
    let opset = model
        .opsets
        .iter()
        .find(|(domain, _)| matches!(*domain, "" | "ai.onnx"));
    let (Some(network), Some(&(_, found)), Some(_)) = (&model.graph, opset, model.ir_version) else {
        return Err(Fault::NoModel);
    };
    match OPSETS.contains(&found) {
        true => Ok(network),
        false => Err(Fault::Opset {
            found,
            least: *OPSETS.start(),
            most: *OPSETS.end(),
        }),
    }
}

/// What going through the nodes came to.
struct Reading {
    /// The step whose output is the logits.
    end: Option<StepId>,
    gave_probabilities: bool,
    takes_bytes: bool,
    /// The step that normalises bytes.
    normalizes: Option<StepId>,
    /// By nodes.
    lacks: Vec<(usize, String)>,
}

impl Reading {
    fn of(importer: &mut Importer<'_, '_>) -> Result<Self, Fault> {
        let output = importer.output()?;
        let mut reading = Self {
            end: None,
            gave_probabilities: false,
            takes_bytes: importer.takes_bytes(),
            normalizes: None,
            lacks: std::mem::take(&mut importer.lacks),
        };
        let mut ends = std::mem::take(&mut importer.ends);
        if let Some(output) = output {
            let mut end = output.step;
            if let Kind::Softmax = importer.kind(end) {
                reading.gave_probabilities = true;
                end = importer.first_input(end);
            }
            let node = importer.steps[end.0].node.unwrap_or(0);
            if output.axes != Axis::VECTOR && output.axes != Axis::PLANAR {
                let reason = format!("the network's output has the dimensions {:?}", output.axes);
                reading.lacks.push((node, reason));
            }
            absorb::absorb(&mut importer.steps, end);
            reading.end = Some(end);
            ends.push(end);
        }
        let is_live = absorb::live(&importer.steps, &ends);
        for (step, is_live) in importer.steps.iter().zip(is_live) {
            if let Some(reason) = emit::reason(&step.kind).filter(|_| is_live) {
                reading.lacks.push((step.node.unwrap_or(0), reason));
            }
        }
        if let (Some(end), true) = (reading.end, reading.takes_bytes) {
            reading.normalizes = normalizing(&importer.steps, end);
        }
        Ok(reading)
    }

    /// What the file does to bytes: (x / 255 − mean) / std is scale · x + shift.
    fn normalization(&self, steps: &[Step], channels: usize) -> Option<Normalization> {
        if !self.takes_bytes {
            return None;
        }
        let numbers = self.normalizes.and_then(|step| match &steps[step.0].kind {
            Kind::Affine(affine) => affine.for_channels(channels),
            _ => None,
        });
        let (scale, shift) = numbers.unwrap_or_else(|| (vec![1.0; channels], vec![0.0; channels]));
        let std: Vec<f64> = scale.iter().map(|scale| 1.0 / (255.0 * scale)).collect();
        let mean = shift.iter().zip(&std).map(|(shift, std)| -shift * std);
        Some(Normalization {
            mean: mean.map(|mean| mean as f32).collect(),
            std: std.iter().map(|&std| std as f32).collect(),
        })
    }
}

/// The step that alone reads the input and changes its numbers channel by channel, to positive multiples.
fn normalizing(steps: &[Step], end: StepId) -> Option<StepId> {
    let is_live = absorb::live(steps, &[end]);
    let counts = absorb::reader_counts(steps, &is_live, end);
    let mut readers = steps.iter().zip(&is_live).enumerate();
    let found = readers.find(|(_, (step, is_live))| **is_live && step.inputs.contains(&StepId(0)));
    let (index, (step, _)) = found?;
    match &step.kind {
        Kind::Affine(affine) if counts[0] == 1 && affine.scale.iter().all(|&scale| scale > 0.0) => {
            Some(StepId(index))
        }
        _ => None,
    }
}

/// What is lacking, in the order of the nodes and each node once.
fn lacks_of(network: &Network<'_>, mut found: Vec<(usize, String)>) -> Lacks {
    found.sort_by_key(|(node, _)| *node);
    found.dedup_by_key(|(node, _)| *node);
    let lacks = found.into_iter().filter_map(|(index, reason)| {
        let node = network.nodes.get(index)?;
        Some(Lack {
            node: shown_name(node),
            operator: node.op_type.to_owned(),
            reason,
        })
    });
    Lacks(lacks.collect())
}
