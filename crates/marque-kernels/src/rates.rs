//! What a core does at best, which kernels are measured by.

use crate::simd::Simd;
use crate::{BLOCK, Buffer, Error, Executor};
use std::hint::black_box;
use std::time::Instant;

/// Rounds of the loop that touches no memory: about a millisecond.
const ROUNDS: usize = 1 << 18;
/// More numbers than the second cache of any core holds: 32 MiB.
const NUMBERS: usize = 8 << 20;
/// The best of so many tries counts.
const TRIES: usize = 7;

/// What one core of this machine does at best with an instruction set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Multiply-adds per nanosecond of a loop that touches no memory: the peak of its arithmetic units.
    pub multiply_adds: f64,
    /// Bytes per nanosecond that are read one after the other from beyond the second cache.
    pub bytes: f64,
}

impl Rates {
    /// Measures them, which takes some ten milliseconds.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn measure(executor: &Executor) -> Result<Self, Error> {
        let memory = Buffer::zeroed(NUMBERS)?;
        let best = |work: &dyn Fn() -> f32| {
            let time = || {
                let began = Instant::now();
                black_box(work());
                began.elapsed().as_secs_f64() * 1e9
            };
            (0..TRIES).map(|_| time()).fold(f64::INFINITY, f64::min)
        };
        // SAFETY: an executor has kernels of this processor alone.
        let multiplying = best(&|| unsafe { (executor.kernels.multiply_registers)(black_box(ROUNDS)) });
        // SAFETY: as above.
        let reading = best(&|| unsafe { (executor.kernels.read)(black_box(&memory)) });
        Ok(Self {
            multiply_adds: (ROUNDS * executor.kernels.chains * BLOCK) as f64 / multiplying,
            bytes: (NUMBERS * size_of::<f32>()) as f64 / reading,
        })
    }
}

/// Multiply-adds of `CHAINS` blocks that do not depend on each other, round after round.
///
/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn multiply_registers<S: Simd, const CHAINS: usize>(rounds: usize) -> f32 {
    // SAFETY: as the caller says; the sums are stored to an array of that size.
    unsafe {
        let factor = S::splat(black_box(0.999));
        // All numbers are different, so that no compiler sees that some could be one.
        let mut sums = [factor; CHAINS];
        for (chain, sum) in sums.iter_mut().enumerate() {
            let numbers: [f32; BLOCK] = std::array::from_fn(|lane| (chain * BLOCK + lane) as f32);
            *sum = S::load(black_box(&numbers).as_ptr());
        }
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = S::multiply_add(*sum, factor, factor);
            }
        }
        let mut total = [0.0; BLOCK];
        let sum = sums.into_iter().reduce(|left, right| S::add(left, right));
        S::store(total.as_mut_ptr(), sum.unwrap_or(factor));
        total[0]
    }
}

/// The sum of whole blocks of numbers, several at a time.
///
/// # Safety
/// The processor must have the vectors' instruction set.
#[inline(always)]
pub(crate) unsafe fn read<S: Simd>(values: &[f32]) -> f32 {
    const TOGETHER: usize = 4;
    // SAFETY: as the caller says; chunks have the blocks that are loaded.
    unsafe {
        let mut sums = [S::splat(0.0); TOGETHER];
        for chunk in values.chunks_exact(TOGETHER * BLOCK) {
            for (place, sum) in sums.iter_mut().enumerate() {
                *sum = S::add(*sum, S::load(chunk.as_ptr().add(place * BLOCK)));
            }
        }
        let mut total = [0.0; BLOCK];
        let sum = sums.into_iter().reduce(|left, right| S::add(left, right));
        S::store(total.as_mut_ptr(), sum.unwrap_or(S::splat(0.0)));
        total[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InstructionSet, Threads};

    #[test]
    fn rates_are_positive_numbers() {
        for set in InstructionSet::available() {
            let rates = Rates::measure(&Executor::new(set, Threads::new(1)).unwrap()).unwrap();
            assert!(
                rates.multiply_adds > 0.0 && rates.multiply_adds.is_finite(),
                "{set}: {rates:?}"
            );
            assert!(rates.bytes > 0.0 && rates.bytes.is_finite(), "{set}: {rates:?}");
        }
    }
}
