use super::transforms::FilterEvaluation;
use crate::shared::Shared;
use crate::{BLOCK, Buffer, Error, Executor, FilterShape, Weight};

/// Filters of three by three taps, evaluated at the points of tiles of one size and all smaller ones.
#[derive(Debug)]
pub struct WinogradFilters {
    shape: FilterShape,
    points: usize,
    /// `[panel][pair of points][input channel, filled up to blocks][output]`.
    weights: Buffer,
}

impl WinogradFilters {
    /// Evaluates a weight, O×I×3×3, row-major, for tiles of up to `tile` outputs: 2, 3, 4 or 6. Sums are in double precision.
    ///
    /// # Errors
    /// [`Error::Shape`] where the filters are not of three by three taps in one group, or the tile is of another size;
    /// [`Error::OutOfMemory`].
    pub fn pack(
        shape: FilterShape,
        tile: usize,
        weight: Weight<'_>,
        executor: &Executor,
    ) -> Result<Self, Error> {
        weight.check("winograd", shape)?;
        if (shape.kernel, shape.groups) != ([3, 3], 1) || ![2, 3, 4, 6].contains(&tile) {
            return Err(Error::Shape {
                operation: "winograd",
                what: "the filters",
                expected: "3×3 in one group, for tiles of 2, 3, 4 or 6 outputs".to_owned(),
                found: format!("{shape:?}, {tile}"),
            });
        }
        let points = tile + 2;
        let channels = shape.in_channels.div_ceil(BLOCK) * BLOCK;
        let panels = shape.out_channels.div_ceil(BLOCK);
        let per_panel = points * points * channels * BLOCK;
        let mut weights = Buffer::zeroed(panels * per_panel)?;
        let shared = Shared::new(&mut weights);
        executor.threads.run(panels, |_, panel| {
            // SAFETY: chunks have disjoint panels.
            let target = unsafe { shared.part(panel * per_panel..(panel + 1) * per_panel) };
            let outputs = BLOCK.min(shape.out_channels - panel * BLOCK);
            for channel in 0..shape.in_channels {
                // Sixteen outputs at a time, so that a cache line is written once.
                let mut taps = [[0.0f64; BLOCK]; 9];
                for lane in 0..outputs {
                    let filter = weight.filter(panel * BLOCK + lane, shape.in_channels * 9);
                    for (tap, value) in taps.iter_mut().zip(filter.range(channel * 9..(channel + 1) * 9)) {
                        tap[lane] = value;
                    }
                }
                let evaluation = FilterEvaluation {
                    taps: &taps,
                    points,
                    values: &mut target[channel * BLOCK..],
                    pair_stride: channels * BLOCK,
                };
                // SAFETY: an executor has only kernels that its processor runs.
                unsafe { (executor.kernels.winograd_filters)(evaluation) };
            }
        });
        Ok(Self {
            shape,
            points,
            weights,
        })
    }

    /// Dimensions of the weight.
    pub fn shape(&self) -> FilterShape {
        self.shape
    }

    /// The largest tile that they serve.
    pub fn tile(&self) -> usize {
        self.points - 2
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        size_of_val::<[f32]>(&self.weights)
    }

    pub(crate) fn panels(&self) -> usize {
        self.shape.out_channels.div_ceil(BLOCK)
    }

    /// Numbers of a panel.
    pub(crate) fn per_panel(&self) -> usize {
        self.weights.len() / self.panels()
    }

    /// Numbers of a panel at a pair of points.
    pub(crate) fn per_pair(&self) -> usize {
        self.per_panel() / (self.points * self.points)
    }

    /// Weights at a pair of points from some panel on.
    pub(crate) fn at(&self, panel: usize, row: usize, column: usize) -> &[f32] {
        let pair = row * self.points + column;
        &self.weights[panel * self.per_panel() + pair * self.per_pair()..]
    }
}
