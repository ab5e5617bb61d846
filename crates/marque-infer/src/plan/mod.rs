//! A program for images of one size and number: which kernels run on what memory.

mod arena;
mod build;
mod choice;
mod places;
mod step;
mod table;

pub(crate) use build::Builder;
pub use table::PlanRow;
pub(crate) use table::write;

use crate::Error;
use arena::Workspace;
use marque_arch::ImageSize;
use marque_kernels::{Executor, Image, Layout, Maps};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use step::Step;

/// How a network computes batches of one number of images of one size.
#[derive(Debug)]
pub struct Plan {
    /// N, C, H and W of the images.
    images: Layout,
    steps: Vec<Step>,
    /// Where the network's output lies in the arena.
    output: Range<usize>,
    output_layout: Layout,
    /// Whether the output is a vector per image, not maps.
    is_vector: bool,
    /// Numbers of the arena that all maps lie in.
    arena: usize,
    /// Numbers of working memory of the step that takes the most.
    scratch: usize,
    /// Memory that no pass is using now.
    free: Mutex<Vec<Workspace>>,
}

impl Plan {
    /// Images of a batch.
    pub fn batch(&self) -> usize {
        self.images.batch
    }

    /// Their size.
    pub fn image_size(&self) -> ImageSize {
        ImageSize {
            height: self.images.height,
            width: self.images.width,
        }
    }

    /// Bytes of memory that a pass takes beside the weights.
    pub fn working_bytes(&self) -> usize {
        (self.arena + self.scratch) * size_of::<f32>()
    }

    /// What is computed in which way, step by step.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &PlanRow> {
        self.steps.iter().map(|step| &step.row)
    }

    pub(crate) fn is_for(&self, images: Layout) -> bool {
        self.images == images
    }

    /// A pass over planar images. `read` gets the output; `times`, where there are any, get what each step took.
    pub(crate) fn run<T>(
        &self,
        executor: &Executor,
        images: &[f32],
        mut times: Option<&mut [Duration]>,
        read: impl FnOnce(Maps<'_>, bool) -> T,
    ) -> Result<T, Error> {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let known = free().pop();
        let mut workspace = match known {
            Some(workspace) => workspace,
            None => Workspace::new(self.arena, self.scratch)?,
        };
        let image = Image {
            layout: self.images,
            values: images,
        };
        for (index, step) in self.steps.iter().enumerate() {
            let time = times.as_deref_mut().and_then(|times| times.get_mut(index));
            // The clock is looked at for a profile alone: WebAssembly has none.
            let timed = time.map(|time| (time, Instant::now()));
            step.run(executor, image, &mut workspace)?;
            if let Some((time, began)) = timed {
                *time += began.elapsed();
            }
        }
        let output = Maps::new(self.output_layout, &workspace.arena[self.output.clone()])?;
        let result = read(output, self.is_vector);
        free().push(workspace);
        Ok(result)
    }
}
