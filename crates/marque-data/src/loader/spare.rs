use std::sync::{Mutex, PoisonError};

/// Memory of batches that have been used, for the next ones.
///
/// What the system hands out anew it clears page by page first.
#[derive(Debug, Default)]
pub(crate) struct Spare(Mutex<Vec<Vec<f32>>>);

impl Spare {
    /// So many floats, whose content does not matter.
    pub(super) fn take(&self, length: usize) -> Vec<f32> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = held.iter().position(|memory| memory.capacity() >= length);
        let memory = fitting.map(|place| held.swap_remove(place));
        drop(held);
        match memory {
            Some(mut memory) => {
                memory.resize(length, 0.0);
                memory
            }
            // The system clears it, which is less than filling it with zeros.
            None => vec![0.0; length],
        }
    }

    /// Keeps memory, up to so many pieces of it.
    pub(super) fn keep(&self, memory: Vec<f32>, most: usize) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() < most && memory.capacity() > 0 {
            held.push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_again_and_no_more_is_held_than_asked_for() {
        let spare = Spare::default();
        spare.keep(Vec::with_capacity(100), 2);
        let own = spare.take(60);
        assert!(own.len() == 60 && own.capacity() >= 100);
        assert_eq!(spare.take(10).len(), 10);
        for _ in 0..5 {
            spare.keep(vec![1.0; 8], 2);
        }
        assert_eq!(spare.0.lock().unwrap().len(), 2);
        // Too small ones are left.
        assert_eq!(spare.take(1000), vec![0.0; 1000]);
        assert_eq!(spare.0.lock().unwrap().len(), 2);
    }
}
