use crate::{Error, Graph, ImageSize, NodeId, Shape};

/// Bytes of one value of a feature map: engines compute in f32.
const BYTES_PER_VALUE: u64 = 4;

/// A network's nodes with their output shapes and costs for one input size: parameters, multiply-adds, memory of
/// activations, receptive fields.
///
/// Its `Display` is a table in the manner of Keras's `model.summary()`.
///
/// ```
/// use marque_arch::{ImageSize, ResNet};
///
/// let summary = ResNet::resnet50().graph()?.summary(ImageSize::square(224))?;
/// assert_eq!(summary.receptive_field(), Some(ImageSize::square(427)));
/// // The stem's 64×112×112 values of four bytes.
/// assert_eq!(summary.rows()[1].activation_bytes, 3_211_264);
/// # Ok::<(), marque_arch::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub(crate) name: String,
    pub(crate) size: ImageSize,
    rows: Vec<SummaryRow>,
    output: Shape,
    receptive_field: Option<ImageSize>,
}

/// One node of a [`Summary`].
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryRow {
    /// The node's name.
    pub name: String,
    /// Its operation.
    pub op: &'static str,
    /// The nodes that it reads.
    pub inputs: Vec<NodeId>,
    /// Shape of one output sample.
    pub output: Shape,
    /// Numbers that training changes.
    pub trained_parameters: u64,
    /// Numbers that it does not: running statistics.
    pub statistics: u64,
    /// Multiplications with their additions, for one sample.
    pub multiply_adds: u64,
    /// Bytes of the node's own output for one image in f32: four times the number of its values, whether or not an engine
    /// could reuse the memory of what arrives. Weights, gradients and an engine's scratch memory are not in it.
    pub activation_bytes: u64,
    /// Height and width in pixels of the part of the input that one output value depends on, as if the image went on
    /// beyond its edges: the distance from the first to the last pixel, both included (Araujo, Norris, Sim 2019,
    /// "Computing Receptive Fields of Convolutional Neural Networks"). `None` where the value depends on the whole
    /// image: behind global and adaptive pooling, flattening and fully connected layers.
    pub receptive_field: Option<ImageSize>,
    /// Whether only training runs the node, for an auxiliary output. False of a node that serves no output at all.
    pub training_only: bool,
}

impl Graph {
    /// Shapes and costs for an input of `size`.
    ///
    /// # Errors
    /// As [`Graph::shapes`]; [`Error::Overflow`] also where a machine word does not hold a node's cost.
    pub fn summary(&self, size: ImageSize) -> Result<Summary, Error> {
        let shapes = self.shapes(size)?;
        let sights = self.sights(&shapes)?;
        let main = self.ancestors([self.output]);
        let auxiliary = self.ancestors(self.auxiliary.iter().map(|end| end.node));
        let mut rows = Vec::with_capacity(shapes.len());
        for (index, (node, &output)) in self.nodes.iter().zip(&shapes).enumerate() {
            let overflow = || Error::Overflow {
                node: node.name.clone(),
            };
            let bytes = || (output.elements()? as u64).checked_mul(BYTES_PER_VALUE);
            rows.push(SummaryRow {
                name: node.name.clone(),
                op: node.op.name(),
                inputs: node.inputs.clone(),
                output,
                trained_parameters: 0,
                statistics: 0,
                multiply_adds: node.op.multiply_adds(&output).ok_or_else(overflow)?,
                activation_bytes: bytes().ok_or_else(overflow)?,
                receptive_field: sights[index].map(|(_, extent)| extent),
                training_only: auxiliary[index] && !main[index],
            });
        }
        for parameter in self.parameters() {
            let row = &mut rows[parameter.node.index()];
            let count = parameter.count() as u64;
            if parameter.is_trained() {
                row.trained_parameters += count;
            } else {
                row.statistics += count;
            }
        }
        Ok(Summary {
            name: self.name.clone(),
            size,
            output: shapes[self.output.index()],
            receptive_field: self
                .features
                .and_then(|features| rows[features.index()].receptive_field),
            rows,
        })
    }
}

impl Summary {
    /// The nodes in topological order.
    pub fn rows(&self) -> &[SummaryRow] {
        &self.rows
    }

    /// Shape of one output sample of the whole network.
    pub fn output(&self) -> Shape {
        self.output
    }

    /// Numbers that training changes.
    pub fn trained_parameters(&self) -> u64 {
        self.total(|row| row.trained_parameters)
    }

    /// Running statistics of batch norms.
    pub fn statistics(&self) -> u64 {
        self.total(|row| row.statistics)
    }

    /// Multiplications with their additions, for one sample.
    pub fn multiply_adds(&self) -> u64 {
        self.total(|row| row.multiply_adds)
    }

    /// Bytes of all nodes' outputs for one image in f32, the image itself and auxiliary heads included: what training keeps
    /// for the way back if it keeps everything. Evaluation needs much less, for it can forget what nobody reads any
    /// more.
    pub fn activation_bytes(&self) -> u64 {
        self.total(|row| row.activation_bytes)
    }

    /// Saturates where not even a machine word holds the sum.
    fn total(&self, part: impl Fn(&SummaryRow) -> u64) -> u64 {
        self.rows
            .iter()
            .fold(0, |sum: u64, row| sum.saturating_add(part(row)))
    }

    /// The node with the largest output; the first of them where several are equal.
    pub fn largest_activation(&self) -> Option<&SummaryRow> {
        self.rows.iter().rev().max_by_key(|row| row.activation_bytes)
    }

    /// Height and width in pixels of what one value of the last feature maps ([`Graph::features`]) depends on. `None` where
    /// the graph does not mark them or where that is the whole image.
    pub fn receptive_field(&self) -> Option<ImageSize> {
        self.receptive_field
    }
}
