use super::part::{self, Halved, PHOTOS, Part, PartWriter};
use crate::Error;
use crate::ranks::Ranks;
use marque_arch::Shape;
use marque_data::{BadFile, Batch, Loader};
use marque_torch::{FrozenPrefix, Mode, Network, tensor_from_images};
use std::path::PathBuf;

/// The computation of features, view by view.
pub(super) struct Job<'a> {
    network: &'a Network,
    loader: &'a Loader,
    prefix: &'a FrozenPrefix,
    /// Each of them computes some of the parts, into the same folder.
    ranks: &'a Ranks,
    folder: PathBuf,
    /// Photos that could not be read.
    pub(super) skipped: Vec<BadFile>,
    /// Views that were found.
    pub(super) reused: usize,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        (network, prefix): (&'a Network, &'a FrozenPrefix),
        loader: &'a Loader,
        ranks: &'a Ranks,
        folder: PathBuf,
    ) -> Self {
        Self {
            network,
            loader,
            prefix,
            ranks,
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
        // What one rank finds is there for all.
        let found = match self.ranks.is_first() {
            true => self.read(view)?,
            false => None,
        };
        if self.ranks.any(found.is_some())? {
            self.reused += 1;
        } else {
            self.compute(view, report)?;
        }
        match found {
            Some(parts) => Ok(parts),
            None => self.written(view),
        }
    }

    fn written(&self, view: u64) -> Result<Vec<Part>, Error> {
        self.read(view)?.ok_or_else(|| {
            let said = match self.ranks.is_alone() {
                true => "files that were just written are gone",
                false => "files that another process has written are not there: is it the same folder for all of them?",
            };
            Error::FeatureFolder {
                folder: self.folder.clone(),
                source: std::io::Error::other(said),
            }
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

    /// Computes this rank's parts of a view. The ranks meet after each of them: one that is lost is noticed then, and one that is asked to
    /// stop tells the others.
    fn compute(
        &mut self,
        view: u64,
        report: &mut dyn FnMut(usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (parts, photos) = (self.parts(), self.loader.len());
        let mut own = (self.ranks.rank()..parts).step_by(self.ranks.count());
        let samples = own
            .clone()
            .flat_map(|part| part * PHOTOS..photos.min((part + 1) * PHOTOS));
        let mut batches = self.loader.view_of(view, samples);
        let mut meetings = parts.div_ceil(self.ranks.count());
        let mut writer = PartWriter::default();
        let mut current = own.next();
        let (mut done, mut is_to_stop) = (0, false);
        for batch in &mut batches {
            let batch = batch?;
            let outputs = self.outputs(&batch)?;
            for (row, &index) in batch.indices.iter().enumerate() {
                while let Some(part) = current
                    && part < index / PHOTOS
                {
                    self.write(std::mem::take(&mut writer), view, part)?;
                    current = own.next();
                    meetings -= 1;
                    self.meet(is_to_stop)?;
                }
                writer.add(index % PHOTOS, row, &outputs);
            }
            done += batch.indices.len();
            // Of all ranks' photos as many as of its own; the last report, of all photos, is the caller's.
            match report((done * self.ranks.count()).min(photos.saturating_sub(1))) {
                Err(Error::Interrupted) if !self.ranks.is_alone() => is_to_stop = true,
                outcome => outcome?,
            }
        }
        // The last ones may be parts of bad photos alone.
        while let Some(part) = current {
            self.write(std::mem::take(&mut writer), view, part)?;
            current = own.next();
        }
        // Also with those that have a part more.
        for _ in 0..meetings {
            self.meet(is_to_stop)?;
        }
        if view == 1 {
            self.skipped = self.ranks.all_files(batches.skipped())?;
        }
        Ok(())
    }

    fn meet(&self, is_to_stop: bool) -> Result<(), Error> {
        match self.ranks.any(is_to_stop)? {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
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
