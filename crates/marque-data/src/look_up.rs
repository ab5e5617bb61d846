//! Floats of bytes: one of 256 for each channel.

use crate::Preprocess;
use crate::pixels::Pixels;
use crate::wide::Loop;

/// What each of the 256 values of each channel becomes.
#[derive(Default)]
pub(crate) struct Tables {
    mean: [f32; 3],
    std: [f32; 3],
    /// Empty until they are asked for.
    values: Vec<[f32; 256]>,
}

impl Tables {
    /// Those of `preprocess`, which are mostly those that were asked for before.
    pub(crate) fn of(&mut self, preprocess: &Preprocess) -> &[[f32; 256]] {
        let bits = |values: [f32; 3]| values.map(f32::to_bits);
        let same = bits(self.mean) == bits(preprocess.mean) && bits(self.std) == bits(preprocess.std);
        if self.values.is_empty() || !same {
            (self.mean, self.std) = (preprocess.mean, preprocess.std);
            let table = |channel| {
                std::array::from_fn(|value| normal(value as f32, self.mean[channel], self.std[channel]))
            };
            self.values = (0..3).map(table).collect();
        }
        &self.values
    }
}

/// A sample from 0 to 255 as the network sees it.
#[inline(always)]
pub(crate) fn normal(value: f32, mean: f32, std: f32) -> f32 {
    (value / 255.0 - mean) / std
}

/// Two neighbouring positions and the weight of the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Taps {
    pub(crate) first: usize,
    pub(crate) second: usize,
    pub(crate) weight: f32,
}

/// Looks every sample up, where rows and columns come from whole ones.
pub(crate) struct LookUp<'a> {
    pub(crate) pixels: Pixels<'a>,
    pub(crate) tables: &'a [[f32; 256]],
    /// Where rows and columns come from; `None` for the photo as it lies.
    pub(crate) moved: Option<(&'a [Taps], &'a [Taps])>,
    /// H × W × 3.
    pub(crate) out: &'a mut [f32],
}

impl Loop for LookUp<'_> {
    #[inline(always)]
    fn run(self) {
        let [red, green, blue] = self.tables else { return };
        let length = self.pixels.bytes_per_pixel();
        let bytes = self.pixels.bytes;
        let put = |out: &mut [f32], pixel: &[u8]| {
            out[0] = red[usize::from(pixel[0])];
            out[1] = green[usize::from(pixel[1])];
            out[2] = blue[usize::from(pixel[2])];
        };
        let Some((rows, columns)) = self.moved else {
            let out = self.out.chunks_exact_mut(3);
            if self.pixels.is_wide {
                out.zip(bytes.chunks_exact(4))
                    .for_each(|(out, pixel)| put(out, pixel));
            } else {
                out.zip(bytes.chunks_exact(3))
                    .for_each(|(out, pixel)| put(out, pixel));
            }
            return;
        };
        let stride = length * self.pixels.width;
        for (row, out) in rows
            .iter()
            .zip(self.out.chunks_exact_mut((3 * columns.len()).max(1)))
        {
            let line = &bytes[row.first * stride..][..stride];
            for (column, out) in columns.iter().zip(out.chunks_exact_mut(3)) {
                put(out, &line[column.first * length..][..3]);
            }
        }
    }
}
