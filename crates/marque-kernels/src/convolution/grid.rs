//! Into how many pieces the work of an operation is cut.

/// Bytes of input that a piece may have: with the weights that pass by they must fit into the second cache.
const INPUT_OF_A_PIECE: usize = 512 << 10;
/// Multiply-adds that are worth handing to another thread: about ten microseconds.
const WORTHWHILE: usize = 1 << 20;
/// Pieces per thread where there is enough to do, so that a thread that comes late costs little.
const PIECES_PER_THREAD: usize = 4;

/// What is to be cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// Rows or pixels, of which a piece has whole ones.
    pub(crate) units: usize,
    /// Panels of outputs, of which a piece has whole groups.
    pub(crate) panels: usize,
    /// Panels that a kernel computes together.
    pub(crate) group: usize,
    /// Bytes of input of all units.
    pub(crate) input: usize,
    /// How many times as much it is to read a byte of input than one of the weights: more than 1 where it is copied first.
    pub(crate) input_effort: usize,
    /// Bytes of weights of all panels.
    pub(crate) weights: usize,
    pub(crate) multiply_adds: usize,
    /// Units that a piece should not have fewer of, where others are to be had.
    pub(crate) fewest_units: usize,
}

/// A grid of pieces: parts of the units × parts of the panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) units: usize,
    pub(crate) panels: usize,
}

impl Work {
    /// The grid that reads the least among those with enough pieces: each part of the units reads all weights, and each part of the
    /// panels all of the input.
    pub(crate) fn grid(&self, threads: usize) -> Grid {
        let threads = threads.max(1);
        let wanted = match threads {
            0 | 1 => 1,
            _ => (self.multiply_adds / WORTHWHILE).clamp(1, PIECES_PER_THREAD * threads),
        };
        let groups = self.panels.div_ceil(self.group);
        let fewest = self.input.div_ceil(INPUT_OF_A_PIECE).clamp(1, self.units);
        let most = (self.units / self.fewest_units.max(1))
            .max(fewest)
            .min(fewest.max(wanted));
        let grids = (fewest..=most).map(|units| Grid {
            units,
            panels: wanted.div_ceil(units).min(groups),
        });
        let traffic = |grid: &Grid| {
            let weights = grid.units.saturating_mul(self.weights);
            let input = self.input.saturating_mul(self.input_effort);
            weights.saturating_add(grid.panels.saturating_mul(input))
        };
        let missing = |grid: &Grid| wanted.saturating_sub(grid.units * grid.panels);
        // A few pieces that are no multiple of the threads leave some of them without work at the end.
        let is_uneven = |grid: &Grid| {
            let pieces = grid.units * grid.panels;
            pieces < PIECES_PER_THREAD * threads && !pieces.is_multiple_of(threads)
        };
        let best = grids.min_by_key(|grid| (missing(grid), is_uneven(grid), traffic(grid)));
        best.unwrap_or(Grid { units: 1, panels: 1 })
    }
}

impl Grid {
    pub(crate) fn pieces(&self) -> usize {
        self.units * self.panels
    }
}
