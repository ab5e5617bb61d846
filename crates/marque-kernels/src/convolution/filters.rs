use crate::shared::Shared;
use crate::{BLOCK, Buffer, Error, Executor};
use std::ops::Range;

/// Dimensions of a convolution's weight: O × I/groups × height × width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FilterShape {
    /// I: channels of the input.
    pub in_channels: usize,
    /// O: channels of the output.
    pub out_channels: usize,
    /// Height and width of a filter.
    pub kernel: [usize; 2],
    /// Independent groups of channels.
    pub groups: usize,
}

impl FilterShape {
    /// Input channels of a group.
    pub fn group_channels(&self) -> usize {
        self.in_channels / self.groups.max(1)
    }

    /// Taps of a filter in one channel.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Numbers in all.
    pub fn len(&self) -> usize {
        self.out_channels * self.group_channels() * self.taps()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the numbers are as many as they should be, and groups divide channels.
    pub(super) fn check(&self, operation: &'static str, found: usize) -> Result<(), Error> {
        let divides = |channels: usize| channels > 0 && channels.is_multiple_of(self.groups);
        if self.groups > 0
            && divides(self.in_channels)
            && divides(self.out_channels)
            && found == self.len()
            && found > 0
        {
            return Ok(());
        }
        Err(Error::Shape {
            operation,
            what: "the filters",
            expected: format!("as {self:?} says"),
            found: format!("{found} numbers"),
        })
    }
}

/// The numbers of a convolution's weight, in row-major order.
#[derive(Debug, Clone, Copy)]
pub struct Weight<'a> {
    values: &'a [f32],
    /// What those of each output channel are multiplied by; empty for 1.
    scale: &'a [f64],
}

impl<'a> From<&'a [f32]> for Weight<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self { values, scale: &[] }
    }
}

impl<'a> Weight<'a> {
    /// The same with the filters of each output channel multiplied by a number, as a batch norm behind the convolution asks for.
    pub fn scaled(self, scale: &'a [f64]) -> Self {
        Self { scale, ..self }
    }

    /// Whether there are as many numbers as the shape says, and none or one to multiply each output channel's by.
    pub(crate) fn check(&self, operation: &'static str, shape: FilterShape) -> Result<(), Error> {
        shape.check(operation, self.values.len())?;
        match self.scale.is_empty() || self.scale.len() == shape.out_channels {
            true => Ok(()),
            false => Err(Error::Shape {
                operation,
                what: "the factors of output channels",
                expected: shape.out_channels.to_string(),
                found: self.scale.len().to_string(),
            }),
        }
    }

    /// The filters of an output channel, which have `len` numbers.
    pub(crate) fn filter(&self, output: usize, len: usize) -> Filter<'a> {
        Filter {
            values: &self.values[output * len..(output + 1) * len],
            scale: self.scale.get(output).copied().unwrap_or(1.0),
        }
    }
}

/// The numbers that an output channel's inputs are multiplied by.
#[derive(Clone, Copy)]
pub(crate) struct Filter<'a> {
    values: &'a [f32],
    scale: f64,
}

impl<'a> Filter<'a> {
    pub(crate) fn range(self, range: Range<usize>) -> impl Iterator<Item = f64> + use<'a> {
        self.values[range]
            .iter()
            .map(move |&value| f64::from(value) * self.scale)
    }
}

/// How the maps that filters meet lie in memory, on which the order of their weights depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilterOrder {
    /// In blocks of channels, as every operation writes them.
    Blocked,
    /// Planar, N×C×H×W: the images that a network begins with, whose few channels would fill no block.
    Planar,
}

/// Filters in panels of sixteen outputs, in the order in which the kernel reads them.
#[derive(Debug)]
pub struct Filters {
    shape: FilterShape,
    order: FilterOrder,
    /// For each panel, the block of input channels that its weights begin with.
    first_blocks: Vec<usize>,
    /// Blocks of input channels that each panel has weights for; of planar maps, channels.
    blocks: usize,
    /// `[panel][block][tap][channel of the block][output]`, planar `[panel][channel][tap][output]`.
    weights: Buffer,
}

impl Filters {
    /// Packs a weight, O×I/groups×height×width, row-major. What groups leave out becomes zeros.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers are not as many, or maps with groups are to be planar; [`Error::OutOfMemory`].
    pub fn pack(
        shape: FilterShape,
        order: FilterOrder,
        weight: Weight<'_>,
        executor: &Executor,
    ) -> Result<Self, Error> {
        weight.check("convolution", shape)?;
        let group_outputs = shape.out_channels / shape.groups;
        let panels = shape.out_channels.div_ceil(BLOCK);
        // The input channels that a panel's outputs look at.
        let channels = |panel: usize| {
            let last = ((panel + 1) * BLOCK).min(shape.out_channels) - 1;
            let first = panel * BLOCK / group_outputs * shape.group_channels();
            first..(last / group_outputs + 1) * shape.group_channels()
        };
        let (first_blocks, blocks): (Vec<usize>, usize) = match order {
            FilterOrder::Blocked => {
                let first: Vec<usize> = (0..panels).map(|panel| channels(panel).start / BLOCK).collect();
                let most = (0..panels)
                    .map(|panel| channels(panel).end.div_ceil(BLOCK) - first[panel])
                    .max();
                // A panel whose last blocks lie behind the map's begins earlier.
                let most = most.unwrap_or(0);
                let latest = shape.in_channels.div_ceil(BLOCK) - most;
                (first.into_iter().map(|block| block.min(latest)).collect(), most)
            }
            FilterOrder::Planar if shape.groups == 1 => (vec![0; panels], shape.in_channels),
            FilterOrder::Planar => {
                return Err(Error::Shape {
                    operation: "convolution",
                    what: "the groups of a convolution of planar maps",
                    expected: "1".to_owned(),
                    found: shape.groups.to_string(),
                });
            }
        };
        let width = match order {
            FilterOrder::Blocked => BLOCK,
            FilterOrder::Planar => 1,
        };
        let taps = shape.taps();
        let per_panel = blocks * taps * width * BLOCK;
        let mut weights = Buffer::zeroed(panels * per_panel)?;
        let shared = Shared::new(&mut weights);
        executor.threads.run(panels, |_, panel| {
            // SAFETY: chunks have disjoint panels.
            let target = unsafe { shared.part(panel * per_panel..(panel + 1) * per_panel) };
            // Some channels at a time: all lanes of them fit into the first cache, and each line of the panel is written once.
            let mut lanes = vec![0.0f32; BLOCK * BLOCK * taps];
            for start in (0..shape.group_channels()).step_by(BLOCK) {
                let some = start..(start + BLOCK).min(shape.group_channels());
                for (run, outputs) in lane_runs(panel, group_outputs, shape.out_channels) {
                    let first = run * shape.group_channels();
                    for lane in outputs.clone() {
                        let filter = weight.filter(panel * BLOCK + lane, shape.group_channels() * taps);
                        let scaled = filter.range(some.start * taps..some.end * taps);
                        for (place, value) in lanes[lane * BLOCK * taps..].iter_mut().zip(scaled) {
                            *place = value as f32;
                        }
                    }
                    for (index, channel) in some.clone().enumerate() {
                        let channel = first + channel - first_blocks[panel] * width;
                        let place = (channel / width * taps * width + channel % width) * BLOCK;
                        for tap in 0..taps {
                            let row = &mut target[place + tap * width * BLOCK..][..BLOCK];
                            for lane in outputs.clone() {
                                row[lane] = lanes[(lane * BLOCK + index) * taps + tap];
                            }
                        }
                    }
                }
            }
        });
        Ok(Self {
            shape,
            order,
            first_blocks,
            blocks,
            weights,
        })
    }

    /// Dimensions of the weight.
    pub fn shape(&self) -> FilterShape {
        self.shape
    }

    /// The maps that they are for.
    pub fn order(&self) -> FilterOrder {
        self.order
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        size_of_val::<[f32]>(&self.weights)
    }

    pub(crate) fn panels(&self) -> usize {
        self.first_blocks.len()
    }

    /// Blocks that each panel has weights for.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// The block of input channels that a panel's weights begin with.
    pub(crate) fn first_block(&self, panel: usize) -> usize {
        self.first_blocks[panel]
    }

    pub(crate) fn per_panel(&self) -> usize {
        self.weights.len() / self.panels()
    }

    pub(crate) fn weights(&self) -> &[f32] {
        &self.weights
    }
}

/// The groups that a panel's outputs belong to, and their lanes in it.
fn lane_runs(
    panel: usize,
    group_outputs: usize,
    out_channels: usize,
) -> impl Iterator<Item = (usize, Range<usize>)> {
    let outputs = panel * BLOCK..((panel + 1) * BLOCK).min(out_channels);
    (outputs.start / group_outputs..outputs.end.div_ceil(group_outputs)).map(move |group| {
        let first = outputs.start.max(group * group_outputs);
        let end = outputs.end.min((group + 1) * group_outputs);
        (group, first - outputs.start..end - outputs.start)
    })
}

/// What is added per output channel, filled up with zeros to whole blocks.
#[derive(Debug)]
pub struct Bias {
    channels: usize,
    values: Buffer,
}

impl Bias {
    /// One number per channel.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn pack(values: &[f32]) -> Result<Self, Error> {
        let mut bias = Self::zeros(values.len())?;
        bias.values[..values.len()].copy_from_slice(values);
        Ok(bias)
    }

    /// Nothing for so many channels.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn zeros(channels: usize) -> Result<Self, Error> {
        let values = Buffer::zeroed(channels.div_ceil(BLOCK) * BLOCK)?;
        Ok(Self { channels, values })
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(crate) fn check(&self, expected: usize) -> Result<(), Error> {
        if self.channels == expected {
            return Ok(());
        }
        Err(Error::Shape {
            operation: "convolution",
            what: "the bias",
            expected: format!("{expected} numbers"),
            found: self.channels.to_string(),
        })
    }
}
