use marque_kernels::InstructionSet;

/// How a network is to run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SessionOptions {
    /// Threads, the caller's among them; 0 for as many as the process has cores. They change no bit of an answer.
    pub threads: usize,
    /// What kernels are compiled for; the fastest that the processor has where it is `None`.
    pub instruction_set: Option<InstructionSet>,
    /// What the choice between kernels goes by; the instruction set's own where it is `None`.
    pub tuning: Option<Tuning>,
    /// Bytes of memory that a pass may take beside the weights, where a graph or a size comes from a stranger: a plan that needs more
    /// is an error, before any of it is taken. No limit but the system's where it is `None`.
    pub most_working_bytes: Option<usize>,
}

/// Rates of one core, by which a plan chooses between ways to compute a convolution. They are given, not measured, so that the same
/// network gives the same bits on every day and on every machine with the instruction set: another choice rounds differently.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Multiply-adds per nanosecond.
    pub multiply_adds: f64,
    /// Bytes of weights per nanosecond that come from memory, or from a cache that all cores share. They come while others are
    /// multiplied, so that this is more than a core reads when it does nothing else.
    pub bytes: f64,
    /// Numbers per nanosecond that Winograd's transforms of tiles of 4 outputs write or read.
    pub transformed: f64,
    /// The largest of Winograd's tiles: 6, 4, 3 or 2 outputs, or 0 to compute every convolution by its definition.
    pub largest_tile: usize,
}

impl Tuning {
    /// Rates of a common processor with this instruction set.
    pub fn of(instruction_set: InstructionSet) -> Self {
        let lanes = match instruction_set {
            InstructionSet::Avx512 => 16.0,
            InstructionSet::Avx2 => 8.0,
            _ => 4.0,
        };
        Self {
            multiply_adds: 6.5 * lanes,
            bytes: 30.0,
            transformed: 0.24 * lanes,
            largest_tile: 6,
        }
    }

    /// Nanoseconds for multiply-adds with weights of so many bytes.
    pub(crate) fn multiplying(&self, multiply_adds: usize, weight_bytes: usize) -> f64 {
        multiply_adds as f64 / self.multiply_adds + weight_bytes as f64 / self.bytes
    }

    /// Nanoseconds for the transforms of so many numbers in tiles of this size: the larger, the less of a tile stays in registers.
    pub(crate) fn transforming(&self, numbers: usize, tile: usize) -> f64 {
        let relative = match tile {
            2 => 1.3,
            3 => 1.15,
            4 => 1.0,
            _ => 0.63,
        };
        numbers as f64 / (self.transformed * relative)
    }
}
