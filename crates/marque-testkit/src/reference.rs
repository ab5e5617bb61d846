//! Naive reference kernels: loops that follow the definition, summing in `f64`, for property tests of fast ones.
//!
//! All maps are N×C×H×W. Nothing here is fast, and nothing is clever.

use crate::Error;
use ndarray::{Array1, Array4, ArrayView1, ArrayView4, Axis};

/// A window that slides over feature maps; each pair is (vertical, horizontal).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Taps in each direction.
    pub kernel_size: [usize; 2],
    /// Step between windows.
    pub stride: [usize; 2],
    /// Border before the first and after the last row, before the first and after the last column.
    pub padding: [[usize; 2]; 2],
    /// Distance between taps; 1 is dense.
    pub dilation: [usize; 2],
}

impl Window {
    /// A dense square window with stride 1 and no padding.
    pub fn square(kernel_size: usize) -> Self {
        Self {
            kernel_size: [kernel_size; 2],
            stride: [1; 2],
            padding: [[0; 2]; 2],
            dilation: [1; 2],
        }
    }

    /// Sets both strides.
    pub fn stride(self, stride: usize) -> Self {
        Self {
            stride: [stride; 2],
            ..self
        }
    }

    /// Sets the border on all four sides.
    pub fn padding(self, padding: usize) -> Self {
        Self {
            padding: [[padding; 2]; 2],
            ..self
        }
    }

    /// Sets both dilations.
    pub fn dilation(self, dilation: usize) -> Self {
        Self {
            dilation: [dilation; 2],
            ..self
        }
    }

    /// Windows that fit along `axis` (0 vertical, 1 horizontal) of maps with `extent` pixels along it.
    fn count(&self, axis: usize, extent: usize) -> Option<usize> {
        let reach = self.dilation[axis] * self.kernel_size[axis].checked_sub(1)? + 1;
        let padded = extent + self.padding[axis].iter().sum::<usize>();
        Some(padded.checked_sub(reach)?.checked_div(self.stride[axis])? + 1)
    }

    /// Height and width of the output.
    fn output_size(&self, operation: &'static str, size: [usize; 2]) -> Result<[usize; 2], Error> {
        match (self.count(0, size[0]), self.count(1, size[1])) {
            (Some(height), Some(width)) => Ok([height, width]),
            _ => Err(Error::Shape {
                operation,
                expected: "maps that a window fits into".to_owned(),
                found: format!("{size:?} for {self:?}"),
            }),
        }
    }

    /// The pixels of one window: (tap row, tap column, map row, map column), without those on the border.
    fn taps(&self, place: [usize; 2], size: [usize; 2]) -> impl Iterator<Item = [usize; 4]> {
        let Self {
            kernel_size,
            stride,
            padding,
            dilation,
        } = *self;
        let pixel = move |axis: usize, tap: usize| {
            let position = place[axis] * stride[axis] + tap * dilation[axis];
            position
                .checked_sub(padding[axis][0])
                .filter(|&pixel| pixel < size[axis])
        };
        (0..kernel_size[0]).flat_map(move |row| {
            (0..kernel_size[1])
                .filter_map(move |column| Some([row, column, pixel(0, row)?, pixel(1, column)?]))
        })
    }
}

/// Two-dimensional convolution (cross-correlation): `weight` is O×I/groups×K×K, `bias` has O elements.
///
/// `window.kernel_size` must be the weight's; the border counts as zeros.
///
/// # Errors
/// [`Error::Shape`] where weight, bias, groups or window do not fit the input.
pub fn conv2d(
    input: ArrayView4<'_, f32>,
    weight: ArrayView4<'_, f32>,
    bias: Option<ArrayView1<'_, f32>>,
    window: Window,
    groups: usize,
) -> Result<Array4<f32>, Error> {
    let (count, in_channels, height, width) = input.dim();
    let (out_channels, group_channels, kernel_height, kernel_width) = weight.dim();
    let fits = groups > 0
        && out_channels % groups == 0
        && group_channels * groups == in_channels
        && [kernel_height, kernel_width] == window.kernel_size
        && bias.is_none_or(|bias| bias.len() == out_channels);
    if !fits {
        return Err(Error::Shape {
            operation: "conv2d",
            expected: format!("a weight for {in_channels} channels in {groups} groups, {window:?}"),
            found: format!(
                "weight {:?}, bias {:?}",
                weight.shape(),
                bias.map(|bias| bias.len())
            ),
        });
    }
    let size = [height, width];
    let [out_height, out_width] = window.output_size("conv2d", size)?;
    let convolve = |(image, output, y, x)| {
        let first_channel = output / (out_channels / groups) * group_channels;
        let mut sum = bias.map_or(0.0, |bias| f64::from(bias[output]));
        for [row, column, source_y, source_x] in window.taps([y, x], size) {
            for channel in 0..group_channels {
                let value = f64::from(input[[image, first_channel + channel, source_y, source_x]]);
                sum += value * f64::from(weight[[output, channel, row, column]]);
            }
        }
        sum as f32
    };
    Ok(Array4::from_shape_fn(
        (count, out_channels, out_height, out_width),
        convolve,
    ))
}

/// The largest value of each window; the border counts as minus infinity.
///
/// # Errors
/// [`Error::Shape`] where no window fits.
pub fn max_pool2d(input: ArrayView4<'_, f32>, window: Window) -> Result<Array4<f32>, Error> {
    let (count, channels, height, width) = input.dim();
    let size = [height, width];
    let [out_height, out_width] = window.output_size("max_pool2d", size)?;
    let largest = |(image, channel, y, x)| {
        let values = window
            .taps([y, x], size)
            .map(|[_, _, row, column]| input[[image, channel, row, column]]);
        values.fold(f32::NEG_INFINITY, f32::max)
    };
    Ok(Array4::from_shape_fn(
        (count, channels, out_height, out_width),
        largest,
    ))
}

/// Scale, shift and statistics of a batch normalisation, one number per channel.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm {
    /// Scale, γ.
    pub weight: Array1<f32>,
    /// Shift, β.
    pub bias: Array1<f32>,
    /// Mean of each channel.
    pub mean: Array1<f32>,
    /// Variance of each channel.
    pub variance: Array1<f32>,
    /// Added to the variance.
    pub eps: f64,
}

/// Batch normalisation with the given statistics: weight · (x − mean) / √(variance + eps) + bias.
///
/// # Errors
/// [`Error::Shape`] where `norm` is for another number of channels.
pub fn batch_norm(input: ArrayView4<'_, f32>, norm: &BatchNorm) -> Result<Array4<f32>, Error> {
    let channels = input.dim().1;
    let lengths = [&norm.weight, &norm.bias, &norm.mean, &norm.variance].map(|values| values.len());
    if lengths != [channels; 4] {
        return Err(Error::Shape {
            operation: "batch_norm",
            expected: format!("{channels} channels"),
            found: format!("{lengths:?} weights, biases, means and variances"),
        });
    }
    Ok(Array4::from_shape_fn(input.dim(), |(image, channel, y, x)| {
        let centred = f64::from(input[[image, channel, y, x]]) - f64::from(norm.mean[channel]);
        let normalised = centred / (f64::from(norm.variance[channel]) + norm.eps).sqrt();
        (f64::from(norm.weight[channel]) * normalised + f64::from(norm.bias[channel])) as f32
    }))
}

/// Mean and variance of each channel over N, H and W.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelStatistics {
    /// The mean.
    pub mean: Array1<f32>,
    /// The mean squared distance from the mean: what training normalises with.
    pub biased_variance: Array1<f32>,
    /// The same with one element fewer in the denominator: what PyTorch adds to the running variance.
    pub unbiased_variance: Array1<f32>,
}

/// The statistics that batch normalisation takes from a batch in training.
///
/// # Errors
/// [`Error::Shape`] where a channel has fewer than two elements.
pub fn channel_statistics(input: ArrayView4<'_, f32>) -> Result<ChannelStatistics, Error> {
    let (images, _, height, width) = input.dim();
    let count = images * height * width;
    if count < 2 {
        return Err(Error::Shape {
            operation: "channel_statistics",
            expected: "two or more elements per channel".to_owned(),
            found: format!("{:?}", input.shape()),
        });
    }
    let channels = || input.axis_iter(Axis(1));
    let mean_of = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / count as f64;
    let means: Vec<f64> = channels()
        .map(|channel| mean_of(&mut channel.iter().map(|&value| f64::from(value))))
        .collect();
    let squares = |(channel, mean): (ndarray::ArrayView3<'_, f32>, &f64)| {
        mean_of(&mut channel.iter().map(|&value| (f64::from(value) - mean).powi(2)))
    };
    let variances: Vec<f64> = channels().zip(&means).map(squares).collect();
    let unbias = count as f64 / (count - 1) as f64;
    Ok(ChannelStatistics {
        mean: means.iter().map(|&mean| mean as f32).collect(),
        biased_variance: variances.iter().map(|&variance| variance as f32).collect(),
        unbiased_variance: variances
            .iter()
            .map(|&variance| (variance * unbias) as f32)
            .collect(),
    })
}
