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

    /// Input channels side by side that a panel of outputs has weights for, or none of. A whole block, unless groups that cut
    /// blocks let panels have fewer zeros with a part of one.
    pub(super) fn run(&self, order: FilterOrder) -> usize {
        if order == FilterOrder::Planar {
            return 1;
        }
        if self.groups == 1 {
            return BLOCK;
        }
        // The first of those with the fewest channels.
        let widths = [BLOCK, BLOCK / 2, BLOCK / 4];
        let channels = |run: &usize| self.all_runs(*run) * run;
        widths.into_iter().min_by_key(channels).unwrap_or(BLOCK)
    }

    /// Numbers that the weight takes once it is packed for such maps, zeros included.
    pub fn packed_len(&self, order: FilterOrder) -> usize {
        let run = self.run(order);
        self.all_runs(run) * run * self.taps() * BLOCK
    }

    /// Panels of sixteen outputs.
    fn panels(&self) -> usize {
        self.out_channels.div_ceil(BLOCK)
    }

    /// The runs of all panels.
    fn all_runs(&self, run: usize) -> usize {
        (0..self.panels())
            .map(|panel| self.panel_runs(panel, run).len())
            .sum()
    }

    /// The runs of input channels that the outputs of a panel look at.
    fn panel_runs(&self, panel: usize, run: usize) -> Range<usize> {
        let group_outputs = (self.out_channels / self.groups.max(1)).max(1);
        let last = ((panel + 1) * BLOCK).min(self.out_channels) - 1;
        let first = panel * BLOCK / group_outputs * self.group_channels();
        let end = (last / group_outputs + 1) * self.group_channels();
        first / run..end.div_ceil(run)
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
    panels: Vec<Panel>,
    /// `[panel][run of channels][tap][channel of the run][output]`.
    weights: Buffer,
}

/// What a panel of sixteen outputs has weights for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Panel {
    /// Runs of input channels, as [`FilterShape::run`] has them.
    pub(crate) runs: Range<usize>,
    /// Where its weights begin.
    begin: usize,
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
        if order == FilterOrder::Planar && shape.groups != 1 {
            return Err(Error::Shape {
                operation: "convolution",
                what: "the groups of a convolution of planar maps",
                expected: "1".to_owned(),
                found: shape.groups.to_string(),
            });
        }
        let group_outputs = shape.out_channels / shape.groups;
        let (run, taps) = (shape.run(order), shape.taps());
        let mut len = 0;
        let panels = (0..shape.panels()).map(|panel| {
            let runs = shape.panel_runs(panel, run);
            let begin = len;
            len += runs.len() * taps * run * BLOCK;
            Panel { runs, begin }
        });
        let panels: Vec<Panel> = panels.collect();
        let mut weights = Buffer::zeroed(len)?;
        let shared = Shared::new(&mut weights);
        let ends = panels.iter().skip(1).map(|next| next.begin).chain([len]);
        let ends: Vec<usize> = ends.collect();
        executor.threads.run(panels.len(), |_, panel| {
            let Panel { runs, begin } = &panels[panel];
            // SAFETY: chunks have disjoint panels.
            let target = unsafe { shared.part(*begin..ends[panel]) };
            // Some channels at a time: all lanes of them fit into the first cache, and each line of the panel is written once.
            let mut lanes = vec![0.0f32; BLOCK * BLOCK * taps];
            for start in (0..shape.group_channels()).step_by(BLOCK) {
                let some = start..(start + BLOCK).min(shape.group_channels());
                for (group, outputs) in group_lanes(panel, group_outputs, shape.out_channels) {
                    let first = group * shape.group_channels();
                    for lane in outputs.clone() {
                        let filter = weight.filter(panel * BLOCK + lane, shape.group_channels() * taps);
                        let scaled = filter.range(some.start * taps..some.end * taps);
                        for (place, value) in lanes[lane * BLOCK * taps..].iter_mut().zip(scaled) {
                            *place = value as f32;
                        }
                    }
                    for (index, channel) in some.clone().enumerate() {
                        let channel = first + channel - runs.start * run;
                        let place = (channel / run * taps * run + channel % run) * BLOCK;
                        for tap in 0..taps {
                            let row = &mut target[place + tap * run * BLOCK..][..BLOCK];
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
            panels,
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

    pub(crate) fn panels(&self) -> &[Panel] {
        &self.panels
    }

    /// The weights of some panels.
    pub(crate) fn weights(&self, panels: Range<usize>) -> &[f32] {
        let begin = |panel: usize| {
            self.panels
                .get(panel)
                .map_or(self.weights.len(), |panel| panel.begin)
        };
        &self.weights[begin(panels.start)..begin(panels.end)]
    }
}

/// The groups that a panel's outputs belong to, and their lanes in it.
fn group_lanes(
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
