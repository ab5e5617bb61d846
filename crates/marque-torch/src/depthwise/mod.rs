//! Depthwise convolutions with gradients of our own.
//!
//! LibTorch's gradients of some of them take ten to fifty times as long as the convolution itself: in bfloat16 those of the filters of
//! 5×5 and those of the input at stride 2, half of a training step of EfficientNet-Lite0. A node of the backward pass can be added in C++
//! alone; it is in the file beside this one, and calls the functions here for its arithmetic.

use marque_arch::{Border, Conv2d};
use marque_kernels::{BLOCK, Bf16, DepthwiseGradient, Error, InstructionSet, Numbers, NumbersMut, Window};
use std::ffi::{CStr, c_char, c_void};
use tch::{Device, Kind, TchError, Tensor};
use torch_sys::C_tensor;

/// `MarqueDepthwiseShape` of the C++ file.
#[derive(Clone, Copy)]
#[repr(C)]
struct Shape {
    channels: i64,
    size: [i64; 2],
    outputs: [i64; 2],
    taps: i64,
    stride: i64,
    top: i64,
    left: i64,
    bottom: i64,
    right: i64,
    is_narrow: i64,
}

/// `MarqueDepthwiseGradients` of the C++ file.
#[repr(C)]
struct Gradients {
    of_input: unsafe extern "C" fn(&Shape, i64, *const c_void, *const f32, *mut c_void) -> i32,
    of_weights: unsafe extern "C" fn(&Shape, i64, *const c_void, *const c_void, *mut f32) -> i32,
}

static GRADIENTS: Gradients = Gradients { of_input, of_weights };

unsafe extern "C" {
    fn marque_depthwise(
        input: *const C_tensor,
        weight: *const C_tensor,
        shape: &Shape,
        gradients: &'static Gradients,
        message: *mut c_char,
        length: usize,
    ) -> *mut C_tensor;
}

/// Whether [`convolve`] takes it: maps channels-last on a CPU, with gradients that are asked for.
pub(crate) fn takes(conv: &Conv2d, border: Border, input: &Tensor, weight: &Tensor) -> bool {
    let is_depthwise = conv.groups == conv.in_channels && conv.groups == conv.out_channels;
    is_depthwise
        && conv.groups >= BLOCK
        && DepthwiseGradient::takes(window(conv, border))
        && input.device() == Device::Cpu
        && matches!(input.kind(), Kind::Float | Kind::BFloat16)
        && weight.kind() == Kind::Float
        && (input.requires_grad() || weight.requires_grad())
}

fn window(conv: &Conv2d, border: Border) -> Window {
    Window {
        kernel: [conv.kernel_size.height, conv.kernel_size.width],
        stride: conv.stride,
        dilation: conv.dilation,
        border: [border.top, border.left],
    }
}

/// The convolution without its bias.
pub(crate) fn convolve(
    conv: &Conv2d,
    border: Border,
    input: &Tensor,
    weight: &Tensor,
) -> Result<Tensor, TchError> {
    let (_, channels, height, width) = input.size4()?;
    let taps = weight.size4()?.2;
    let outputs = |length: i64, before: usize, behind: usize| {
        (length + (before + behind) as i64 - taps) / conv.stride as i64 + 1
    };
    let shape = Shape {
        channels,
        size: [height, width],
        outputs: [
            outputs(height, border.top, border.bottom),
            outputs(width, border.left, border.right),
        ],
        taps,
        stride: conv.stride as i64,
        top: border.top as i64,
        left: border.left as i64,
        bottom: border.bottom as i64,
        right: border.right as i64,
        is_narrow: i64::from(input.kind() == Kind::BFloat16),
    };
    let mut message: [c_char; 512] = [0; 512];
    // SAFETY: the tensors live, the shape and the message are as the C++ file has them; it ends the message, and what it answers is a
    // tensor of ours.
    unsafe {
        let (pointer, length) = (message.as_mut_ptr(), message.len());
        let output = marque_depthwise(
            input.as_ptr(),
            weight.as_ptr(),
            &shape,
            &GRADIENTS,
            pointer,
            length,
        );
        if output.is_null() {
            let said = CStr::from_ptr(pointer).to_string_lossy();
            return Err(TchError::Torch(said.into_owned()));
        }
        Ok(Tensor::from_ptr(output))
    }
}

impl Shape {
    fn gradient(&self) -> Result<DepthwiseGradient, Error> {
        let window = Window {
            kernel: [self.taps as usize; 2],
            stride: self.stride as usize,
            dilation: 1,
            border: [self.top as usize, self.left as usize],
        };
        let sizes = [self.size, self.outputs].map(|size| size.map(|length| length as usize));
        DepthwiseGradient::new(
            InstructionSet::fastest(),
            self.channels as usize,
            window,
            sizes[0],
            sizes[1],
        )
    }

    fn numbers(&self, size: [i64; 2]) -> usize {
        (size[0] * size[1] * self.channels) as usize
    }

    /// The numbers of an image's map.
    ///
    /// # Safety
    /// Maps of this size lie there, one for each image, and nobody writes to them for the time of `'a`.
    unsafe fn read<'a>(&self, maps: *const c_void, image: usize, size: [i64; 2]) -> Numbers<'a> {
        let numbers = self.numbers(size);
        // SAFETY: as the caller says.
        unsafe {
            if self.is_narrow == 0 {
                let first = maps.cast::<f32>().add(image * numbers);
                Numbers::F32(std::slice::from_raw_parts(first, numbers))
            } else {
                let first = maps.cast::<Bf16>().add(image * numbers);
                Numbers::Bf16(std::slice::from_raw_parts(first, numbers))
            }
        }
    }

    /// The same to be written.
    ///
    /// # Safety
    /// Maps of this size lie there, one for each image, and are ours alone for the time of `'a`.
    unsafe fn written<'a>(&self, maps: *mut c_void, image: usize, size: [i64; 2]) -> NumbersMut<'a> {
        let numbers = self.numbers(size);
        // SAFETY: as the caller says.
        unsafe {
            if self.is_narrow == 0 {
                let first = maps.cast::<f32>().add(image * numbers);
                NumbersMut::F32(std::slice::from_raw_parts_mut(first, numbers))
            } else {
                let first = maps.cast::<Bf16>().add(image * numbers);
                NumbersMut::Bf16(std::slice::from_raw_parts_mut(first, numbers))
            }
        }
    }
}

/// # Safety
/// `gradient` and `result` are so many maps of the shape's outputs and of its input, `weights` a filter for each channel, tap by tap.
unsafe extern "C" fn of_input(
    shape: &Shape,
    images: i64,
    gradient: *const c_void,
    weights: *const f32,
    result: *mut c_void,
) -> i32 {
    let all = || -> Result<(), Error> {
        let plan = shape.gradient()?;
        for image in 0..images as usize {
            // SAFETY: as the caller says.
            unsafe {
                let weights = std::slice::from_raw_parts(weights, plan.weights());
                let gradient = shape.read(gradient, image, shape.outputs);
                plan.of_input(gradient, weights, shape.written(result, image, shape.size))?;
            }
        }
        Ok(())
    };
    i32::from(all().is_err())
}

/// # Safety
/// `maps` and `gradient` are so many maps of the shape's input and of its outputs, `results` as many times the filters, tap by tap.
unsafe extern "C" fn of_weights(
    shape: &Shape,
    images: i64,
    maps: *const c_void,
    gradient: *const c_void,
    results: *mut f32,
) -> i32 {
    let all = || -> Result<(), Error> {
        let plan = shape.gradient()?;
        for image in 0..images as usize {
            // SAFETY: as the caller says.
            unsafe {
                let result =
                    std::slice::from_raw_parts_mut(results.add(image * plan.weights()), plan.weights());
                let gradient = shape.read(gradient, image, shape.outputs);
                plan.of_weights(shape.read(maps, image, shape.size), gradient, result)?;
            }
        }
        Ok(())
    };
    i32::from(all().is_err())
}
