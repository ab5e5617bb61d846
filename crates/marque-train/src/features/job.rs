use super::part::{self, Halved, PHOTOS, Part, PartWriter};
use crate::Error;
use marque_arch::Shape;
use marque_data::{BadFile, Batch, Loader};
use marque_torch::{FrozenPrefix, Mode, Network, tensor_from_images};
use std::path::PathBuf;

/// The computation of features, view by view.
pub(super) struct Job<'a> {
    network: &'a Network,
    loader: &'a Loader,
    prefix: &'a FrozenPrefix,
    folder: PathBuf,
    /// Photos that could not be read.
    pub(super) skipped: Vec<BadFile>,
    /// Views that were found.
    pub(super) reused: usize,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        network: &'a Network,
        loader: &'a Loader,
        prefix: &'a FrozenPrefix,
        folder: PathBuf,
    ) -> Self {
        Self {
            network,
            loader,
            prefix,
            folder,
            skipped: Vec::new(),
            reused: 0,
        }
    }

    /// Bytes that the features of all photos take in one view.
    pub(super) fn bytes_per_view(&self) -> Result<u64, Error> {
        let size = self.loader.preprocess().image_size;
        let shapes = self.network.graph().shapes(size)?;
        let values = |shape: &Shape| shape.elements().map_or(u64::MAX, |count| count as u64);
        let photo = self
            .prefix
            .frontier
            .iter()
            .map(|node| values(&shapes[node.index()]));
        let photo = photo.fold(0, u64::saturating_add);
        Ok(photo.saturating_mul(2).saturating_mul(self.loader.len() as u64))
    }

    /// The parts of a view, computed if they are not there. `report` is told how many photos are done.
    pub(super) fn view(
        &mut self,
        view: u64,
        report: &mut dyn FnMut(usize) -> Result<(), Error>,
    ) -> Result<Vec<Part>, Error> {
        if let Some(parts) = self.read(view)? {
            self.reused += 1;
            return Ok(parts);
        }
        self.compute(view, report)?;
        self.read(view)?.ok_or_else(|| Error::FeatureFolder {
            folder: self.folder.clone(),
            source: std::io::Error::other("files that were just written are gone"),
        })
    }

    fn parts(&self) -> usize {
        self.loader.len().div_ceil(PHOTOS)
    }

    fn read(&self, view: u64) -> Result<Option<Vec<Part>>, Error> {
        let parts = (0..self.parts())
            .map(|part| Part::read(&part::path(&self.folder, view, part), self.network, self.prefix));
        parts.collect()
    }

    fn compute(
        &mut self,
        view: u64,
        report: &mut dyn FnMut(usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut batches = self.loader.view(view);
        let mut writer = PartWriter::default();
        let mut current = 0;
        for batch in &mut batches {
            let batch = batch?;
            let outputs = self.outputs(&batch)?;
            for (row, &index) in batch.indices.iter().enumerate() {
                while current < index / PHOTOS {
                    self.write(std::mem::take(&mut writer), view, current)?;
                    current += 1;
                }
                writer.add(index % PHOTOS, row, &outputs);
            }
            // The last report, of all photos, is the caller's.
            report(batch.indices.last().copied().unwrap_or(0))?;
        }
        // The last ones may be parts of bad photos alone.
        while current < self.parts() {
            self.write(std::mem::take(&mut writer), view, current)?;
            current += 1;
        }
        if view == 1 {
            self.skipped = batches.skipped().to_vec();
        }
        Ok(())
    }

    fn outputs(&self, batch: &Batch) -> Result<Vec<Halved>, Error> {
        let images = tensor_from_images(batch.images.view(), self.network.device())?;
        tch::no_grad(|| {
            let outputs = self
                .network
                .outputs_of(&images, Mode::Evaluation, &self.prefix.frontier)?;
            outputs.iter().map(Halved::new).collect()
        })
    }

    fn write(&self, writer: PartWriter, view: u64, part: usize) -> Result<(), Error> {
        let nodes = self.network.graph().nodes();
        let names = self
            .prefix
            .frontier
            .iter()
            .map(|node| nodes[node.index()].name.clone());
        let names: Vec<String> = names.collect();
        writer.write(&part::path(&self.folder, view, part), &names)
    }
}
