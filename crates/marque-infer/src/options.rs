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
}

/// Rates of one core, by which a plan chooses between ways to compute a convolution. They are given, not measured, so that the same
/// network gives the same bits on every day and on every machine with the instruction set: another choice rounds differently.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Multiply-adds per nanosecond.
    pub multiply_adds: f64,
    /// Bytes of weights per nanosecond that come from memory, or from a cache that all cores share.
    pub bytes: f64,
    /// Numbers per nanosecond that Winograd's transforms of inputs write.
    pub input_transform: f64,
    /// Numbers per nanosecond that Winograd's transforms of outputs read.
    pub output_transform: f64,
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
            multiply_adds: 6.0 * lanes,
            bytes: 20.0,
            input_transform: 0.5 * lanes,
            output_transform: 0.7 * lanes,
            largest_tile: 6,
        }
    }
}
