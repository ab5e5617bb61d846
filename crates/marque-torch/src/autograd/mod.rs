//! Nodes of LibTorch's backward pass whose arithmetic is ours.
//!
//! LibTorch has no way but C++ to add one; it is in `node.cc`, and knows nothing of what nodes do. Here is its other side: the one place
//! of these nodes with foreign functions and pointers.

mod batch_norm;
mod depthwise;

pub(crate) use batch_norm::{Norm, normalise, normalise_together};
pub(crate) use depthwise::{convolve, takes_depthwise};

use crate::network::channels_last;
use marque_kernels::{Bf16, Numbers, NumbersMut};
use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use tch::{Kind, TchError, Tensor};
use torch_sys::C_tensor;

/// What a node does on the way back.
pub(crate) trait Backward: Send + 'static {
    /// The gradients of the inputs that are needed, for what was saved and the gradient of the output.
    fn backward(
        &self,
        saved: &[Tensor],
        gradient: &Tensor,
        needed: &[bool],
    ) -> Result<Vec<Option<Tensor>>, TchError>;
}

/// `MarqueFunctions` of the C++ file.
#[repr(C)]
struct Functions {
    backward: unsafe extern "C" fn(
        state: *const c_void,
        saved: *const *const C_tensor,
        saved_count: usize,
        gradient: *const C_tensor,
        needed: *const u8,
        results: *mut *mut C_tensor,
        inputs: usize,
        message: *mut c_char,
        length: usize,
    ) -> i32,
    release: unsafe extern "C" fn(*mut c_void),
}

struct FunctionsOf<B>(PhantomData<B>);

impl<B: Backward> FunctionsOf<B> {
    const TABLE: Functions = Functions {
        backward: backward::<B>,
        release: release::<B>,
    };
}

unsafe extern "C" {
    fn marque_record(
        output: *const C_tensor,
        inputs: *const *const C_tensor,
        inputs_count: usize,
        saved: *const *const C_tensor,
        saved_count: usize,
        state: *mut c_void,
        functions: *const Functions,
        message: *mut c_char,
        length: usize,
    ) -> *mut C_tensor;

    fn marque_parallel(
        count: i64,
        grain: i64,
        work: unsafe extern "C" fn(*const c_void, i64, i64),
        context: *const c_void,
        message: *mut c_char,
        length: usize,
    ) -> i32;
}

/// Room for what LibTorch says of an error.
struct Message([c_char; 512]);

impl Message {
    fn new() -> Self {
        Self([0; 512])
    }

    fn error(&self) -> TchError {
        // SAFETY: the array is zero at its end, whoever has written into it.
        let said = unsafe { CStr::from_ptr(self.0.as_ptr()) };
        TchError::Torch(said.to_string_lossy().into_owned())
    }
}

/// The output as what a node makes of the inputs, whose gradients it computes from what is saved. The output has no history of its own.
pub(crate) fn record<B: Backward>(
    output: &Tensor,
    inputs: &[&Tensor],
    saved: &[&Tensor],
    node: B,
) -> Result<Tensor, TchError> {
    let pointers = |tensors: &[&Tensor]| -> Vec<*const C_tensor> {
        tensors.iter().map(|tensor| tensor.as_ptr()).collect()
    };
    let (inputs, saved) = (pointers(inputs), pointers(saved));
    let functions: &'static Functions = &FunctionsOf::<B>::TABLE;
    let mut message = Message::new();
    // SAFETY: the tensors live, the lists are as long as is said, the functions are those of the state, which is handed over, and what is
    // answered is a tensor of ours.
    unsafe {
        let recorded = marque_record(
            output.as_ptr(),
            inputs.as_ptr(),
            inputs.len(),
            saved.as_ptr(),
            saved.len(),
            Box::into_raw(Box::new(node)).cast(),
            functions,
            message.0.as_mut_ptr(),
            message.0.len(),
        );
        if recorded.is_null() {
            return Err(message.error());
        }
        Ok(Tensor::from_ptr(recorded))
    }
}

/// # Safety
/// `state` is a `B`, lists are as long as is said, and the message has room for `length`, a zero at its end included.
unsafe extern "C" fn backward<B: Backward>(
    state: *const c_void,
    saved: *const *const C_tensor,
    saved_count: usize,
    gradient: *const C_tensor,
    needed: *const u8,
    results: *mut *mut C_tensor,
    inputs: usize,
    message: *mut c_char,
    length: usize,
) -> i32 {
    let computed = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as the caller says; the clones share the tensors' memory.
        let (node, saved, gradient, needed) = unsafe {
            let tensor = |pointer: &*const C_tensor| Tensor::clone_from_ptr(pointer.cast_mut());
            let saved = std::slice::from_raw_parts(saved, saved_count).iter().map(tensor);
            let needed = std::slice::from_raw_parts(needed, inputs).iter();
            (
                &*state.cast::<B>(),
                saved.collect::<Vec<_>>(),
                tensor(&gradient),
                needed.map(|&needed| needed != 0).collect::<Vec<_>>(),
            )
        };
        tch::no_grad(|| node.backward(&saved, &gradient, &needed))
    }));
    let error = match computed {
        Ok(Ok(found)) => {
            for (place, tensor) in found.into_iter().enumerate().take(inputs) {
                if let Some(tensor) = tensor {
                    // SAFETY: the list has a place for each input; the receiver lets go of the tensor.
                    unsafe { *results.add(place) = ManuallyDrop::new(tensor).as_mut_ptr() };
                }
            }
            return 0;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "a gradient could not be computed".to_owned(),
    };
    for (place, byte) in error.bytes().take(length.saturating_sub(1)).enumerate() {
        // SAFETY: the message has room for it, and is zero behind it.
        unsafe { *message.add(place) = byte as c_char };
    }
    1
}

/// # Safety
/// `state` is a `B` that was boxed and is used no more.
unsafe extern "C" fn release<B: Backward>(state: *mut c_void) {
    // SAFETY: as the caller says.
    drop(unsafe { Box::from_raw(state.cast::<B>()) });
}

/// Multiplications that are worth waking a thread for: LibTorch's own measure.
const WORTH_SHARING: usize = 32_768;

/// Some pieces of work, and how many multiplications each takes.
#[derive(Clone, Copy)]
struct Pieces {
    count: usize,
    work: usize,
}

impl Pieces {
    /// Pieces that are worth a thread.
    fn grain(self) -> usize {
        WORTH_SHARING.div_ceil(self.work.max(1))
    }
}

/// Runs `work` for each piece, on LibTorch's threads. The first error of any is answered.
fn parallel<W>(pieces: Pieces, work: W) -> Result<(), TchError>
where
    W: Fn(usize) -> Result<(), marque_kernels::Error> + Sync,
{
    struct Context<W> {
        work: W,
        error: Mutex<Option<String>>,
    }

    /// # Safety
    /// `context` is a `Context<W>`.
    unsafe extern "C" fn share<W>(context: *const c_void, begin: i64, end: i64)
    where
        W: Fn(usize) -> Result<(), marque_kernels::Error> + Sync,
    {
        // SAFETY: as the caller says.
        let context = unsafe { &*context.cast::<Context<W>>() };
        let all = || (begin..end).try_for_each(|number| (context.work)(number as usize));
        let said = match catch_unwind(AssertUnwindSafe(all)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a share of the work failed".to_owned(),
        };
        if let Ok(mut error) = context.error.lock() {
            error.get_or_insert(said);
        }
    }

    let context = Context {
        work,
        error: Mutex::new(None),
    };
    let mut message = Message::new();
    // SAFETY: the function is that of the context, which lives until all shares are done.
    let code = unsafe {
        marque_parallel(
            pieces.count as i64,
            pieces.grain() as i64,
            share::<W>,
            (&raw const context).cast(),
            message.0.as_mut_ptr(),
            message.0.len(),
        )
    };
    if code != 0 {
        return Err(message.error());
    }
    match context.error.into_inner() {
        Ok(None) => Ok(()),
        Ok(Some(said)) => Err(TchError::Torch(said)),
        Err(_) => Err(TchError::Torch("a share of the work failed".to_owned())),
    }
}

/// As [`parallel`], with a value for each piece, which its work alone may change.
fn parallel_each<T: Send, W>(pieces: Pieces, values: &mut [T], work: W) -> Result<(), TchError>
where
    W: Fn(usize, &mut T) -> Result<(), marque_kernels::Error> + Sync,
{
    struct Shared<T>(*mut T);
    // SAFETY: each value is handed to one call of the work alone.
    unsafe impl<T: Send> Sync for Shared<T> {}
    impl<T> Shared<T> {
        fn at(&self, place: usize) -> *mut T {
            self.0.wrapping_add(place)
        }
    }

    let pieces = Pieces {
        count: pieces.count.min(values.len()),
        ..pieces
    };
    let shared = Shared(values.as_mut_ptr());
    // SAFETY: numbers lie below the length, and each is given once.
    parallel(pieces, |number| work(number, unsafe { &mut *shared.at(number) }))
}

/// A map in memory: the channels of each pixel side by side, pixel behind pixel, image behind image.
struct Map {
    tensor: Tensor,
    first: *mut c_void,
    channels: usize,
    pixels: usize,
    is_narrow: bool,
}

// SAFETY: the memory is that of the tensor, which is kept; what is written is asked of callers.
unsafe impl Sync for Map {}

impl Map {
    /// The map in this order, which is a copy where it does not lie so.
    fn of(tensor: &Tensor) -> Result<Self, TchError> {
        Self::lying_so(channels_last(tensor)?)
    }

    fn lying_so(tensor: Tensor) -> Result<Self, TchError> {
        let (images, channels, height, width) = tensor.size4()?;
        let is_narrow = match tensor.kind() {
            Kind::Float => false,
            Kind::BFloat16 => true,
            kind => {
                return Err(TchError::Kind(format!(
                    "expected f32 or bfloat16, found {kind:?}"
                )));
            }
        };
        if !tensor.f_permute([0, 2, 3, 1])?.is_contiguous() {
            return Err(TchError::Torch("a map does not lie channels-last".to_owned()));
        }
        Ok(Self {
            first: tensor.data_ptr(),
            channels: channels as usize,
            pixels: (images * height * width) as usize,
            is_narrow,
            tensor,
        })
    }

    /// A map of the same shape, type and order, whose numbers are not set.
    fn like(tensor: &Tensor) -> Result<Self, TchError> {
        // No view of another one, which LibTorch would not let anybody overwrite.
        Self::lying_so(tensor.f_empty_like()?)
    }

    /// The numbers of some pixels.
    fn read(&self, pixels: Range<usize>) -> Numbers<'_> {
        assert!(pixels.start <= pixels.end && pixels.end <= self.pixels);
        let (first, length) = (pixels.start * self.channels, pixels.len() * self.channels);
        // SAFETY: the map has so many numbers, of this type; nobody writes to a map that is read.
        unsafe {
            if self.is_narrow {
                let numbers =
                    std::slice::from_raw_parts(self.first.cast::<Bf16>(), self.pixels * self.channels);
                Numbers::Bf16(&numbers[first..first + length])
            } else {
                let numbers =
                    std::slice::from_raw_parts(self.first.cast::<f32>(), self.pixels * self.channels);
                Numbers::F32(&numbers[first..first + length])
            }
        }
    }

    /// The numbers of some pixels, to be written.
    ///
    /// # Safety
    /// The map is one of [`like`](Self::like), and nobody else has these pixels.
    unsafe fn written(&self, pixels: Range<usize>) -> NumbersMut<'_> {
        assert!(pixels.start <= pixels.end && pixels.end <= self.pixels);
        let (first, length) = (pixels.start * self.channels, pixels.len() * self.channels);
        // SAFETY: the map has so many numbers, of this type, and these are the caller's alone.
        unsafe {
            if self.is_narrow {
                let place = self.first.cast::<Bf16>().add(first);
                NumbersMut::Bf16(std::slice::from_raw_parts_mut(place, length))
            } else {
                let place = self.first.cast::<f32>().add(first);
                NumbersMut::F32(std::slice::from_raw_parts_mut(place, length))
            }
        }
    }
}

/// The numbers of a tensor of single precision, row by row.
fn floats(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let mut numbers = vec![0.0; tensor.numel()];
    let count = numbers.len();
    tensor.f_copy_data(&mut numbers, count)?;
    Ok(numbers)
}

fn refused(error: marque_kernels::Error) -> TchError {
    TchError::Torch(error.to_string())
}
