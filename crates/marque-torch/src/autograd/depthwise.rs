//! Depthwise convolutions.
//!
//! LibTorch's gradients of some of them take ten to fifty times as long as the convolution itself: in bfloat16 those of the filters of
//! 5×5 and those of the input at stride 2, half of a training step of EfficientNet-Lite0. Forward the convolution is LibTorch's.

use super::{Backward, Map, Pieces, floats, parallel, parallel_each, record, refused};
use marque_arch::{Border, Conv2d};
use marque_kernels::{BLOCK, DepthwiseGradient, InstructionSet, Window};
use tch::{TchError, Tensor};

fn window(conv: &Conv2d, border: Border) -> Window {
    Window {
        kernel: [conv.kernel_size.height, conv.kernel_size.width],
        stride: conv.stride,
        dilation: conv.dilation,
        border: [border.top, border.left],
    }
}

/// Whether [`convolve`] takes it: there is a kernel, and a gradient is asked for.
pub(crate) fn takes_depthwise(conv: &Conv2d, border: Border, input: &Tensor, weight: &Tensor) -> bool {
    let is_depthwise = conv.groups == conv.in_channels && conv.groups == conv.out_channels;
    is_depthwise
        && conv.groups >= BLOCK
        && DepthwiseGradient::takes(window(conv, border))
        && (input.requires_grad() || weight.requires_grad())
}

/// The outputs of a depthwise convolution, which are there already, with its gradients: `weight` is the parameter itself.
pub(crate) fn convolve(
    conv: &Conv2d,
    border: Border,
    (input, weight): (&Tensor, &Tensor),
    output: &Tensor,
) -> Result<Tensor, TchError> {
    let size = |tensor: &Tensor| -> Result<[usize; 2], TchError> {
        let (_, _, height, width) = tensor.size4()?;
        Ok([height as usize, width as usize])
    };
    let gradient = DepthwiseGradient::new(
        InstructionSet::fastest(),
        conv.groups,
        window(conv, border),
        size(input)?,
        size(output)?,
    );
    let node = Depthwise {
        gradient: gradient.map_err(refused)?,
        taps: conv.kernel_size.height * conv.kernel_size.width,
    };
    record(output, &[input, weight], &[input, weight], node)
}

struct Depthwise {
    gradient: DepthwiseGradient,
    taps: usize,
}

impl Backward for Depthwise {
    fn backward(
        &self,
        saved: &[Tensor],
        gradient: &Tensor,
        needed: &[bool],
    ) -> Result<Vec<Option<Tensor>>, TchError> {
        let (input, weight) = (&saved[0], &saved[1]);
        let images = input.size4()?.0 as usize;
        if images == 0 {
            let nothing = |tensor: &Tensor, needed: bool| needed.then(|| tensor.f_zeros_like()).transpose();
            return Ok(vec![nothing(input, needed[0])?, nothing(weight, needed[1])?]);
        }
        let gradient = Map::of(gradient)?;
        let of_input = needed[0].then(|| self.of_input(images, input, weight, &gradient));
        let of_weight = needed[1].then(|| self.of_weight(images, input, weight, &gradient));
        Ok(vec![of_input.transpose()?, of_weight.transpose()?])
    }
}

impl Depthwise {
    fn pieces(&self, images: usize, gradient: &Map) -> Pieces {
        Pieces {
            count: images,
            work: gradient.pixels / images * gradient.channels * self.taps,
        }
    }

    fn of_input(
        &self,
        images: usize,
        input: &Tensor,
        weight: &Tensor,
        gradient: &Map,
    ) -> Result<Tensor, TchError> {
        let by_tap = weight
            .f_reshape([-1, self.taps as i64])?
            .f_transpose(0, 1)?
            .f_contiguous()?;
        let weights = floats(&by_tap)?;
        let result = Map::like(input)?;
        let [read, written] = [gradient.pixels, result.pixels].map(|pixels| pixels / images);
        parallel(self.pieces(images, gradient), |image| {
            // SAFETY: the result is new, and each image is of one share alone.
            let place = unsafe { result.written(image * written..(image + 1) * written) };
            let gradient = gradient.read(image * read..(image + 1) * read);
            self.gradient.of_input(gradient, &weights, place)
        })?;
        Ok(result.tensor)
    }

    fn of_weight(
        &self,
        images: usize,
        input: &Tensor,
        weight: &Tensor,
        gradient: &Map,
    ) -> Result<Tensor, TchError> {
        let input = Map::of(input)?;
        let [seen, read] = [input.pixels, gradient.pixels].map(|pixels| pixels / images);
        let mut of_images = vec![Vec::new(); images];
        parallel_each(self.pieces(images, gradient), &mut of_images, |image, sums| {
            sums.resize(self.gradient.weights(), 0.0);
            let maps = (
                input.read(image * seen..(image + 1) * seen),
                gradient.read(image * read..(image + 1) * read),
            );
            self.gradient.of_weights(maps.0, maps.1, sums)
        })?;
        // In the order of the images, whatever the number of threads.
        let mut sums = vec![0.0f32; self.gradient.weights()];
        for image in of_images {
            sums.iter_mut().zip(image).for_each(|(sum, added)| *sum += added);
        }
        Tensor::f_from_slice(&sums)?
            .f_reshape([self.taps as i64, -1])?
            .f_transpose(0, 1)?
            .f_reshape(weight.size())?
            .f_contiguous()
    }
}
