//! Memory that a thread uses for one photo after the other.

use std::cell::Cell;

use marque_resize::Resizer;

use crate::look_up::Tables;

/// Buffers that keep their memory from photo to photo: what is allocated anew has to be cleared page by page.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) resizer: Resizer,
    /// A decoded photo, four bytes a pixel.
    #[cfg(feature = "photos")]
    pub(crate) decoded: Vec<u8>,
    /// One of the final size.
    pub(crate) resized: Vec<u8>,
    /// One of the final size, three bytes a pixel.
    #[cfg(feature = "photos")]
    pub(crate) packed: Vec<u8>,
    pub(crate) tables: Tables,
    #[cfg(feature = "photos")]
    pub(crate) lines: Vec<f32>,
}

/// The most memory that a thread keeps for its next photo: room for 16 megapixels.
const MOST_KEPT_BYTES: usize = 64 << 20;

thread_local! {
    static OWN: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Lends the thread's buffers to `work`. Where they are lent already, it gets new ones.
    pub(crate) fn with<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
        let mut scratch = OWN.take().unwrap_or_default();
        let result = work(&mut scratch);
        #[cfg(feature = "photos")]
        if scratch.decoded.capacity() > MOST_KEPT_BYTES {
            scratch.decoded = Vec::new();
        }
        if scratch.resizer.held_bytes() > MOST_KEPT_BYTES {
            scratch.resizer.release();
        }
        OWN.set(Some(scratch));
        result
    }
}

/// A buffer of this length whose content does not matter.
pub(crate) fn of_length<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) -> &mut [T] {
    if buffer.capacity() < length {
        // New memory is zero already; filling it would touch every page once more.
        *buffer = vec![T::default(); length];
    } else {
        buffer.resize(length, T::default());
    }
    buffer
}

#[cfg(all(test, feature = "photos"))]
mod tests {
    use super::*;

    #[test]
    fn large_buffers_are_let_go_and_lent_ones_are_not_lent_twice() {
        Scratch::with(|outer| {
            of_length(&mut outer.decoded, 100);
            Scratch::with(|inner| assert!(inner.decoded.is_empty()));
        });
        Scratch::with(|scratch| scratch.decoded = Vec::with_capacity(MOST_KEPT_BYTES + 1));
        Scratch::with(|scratch| assert!(scratch.decoded.capacity() <= MOST_KEPT_BYTES));
    }
}
