use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::file_name::{file_name, host, seconds_after_all};
use crate::graph::{self, GraphNode};
use crate::histogram::Histogram;
use crate::hyper_parameters::{self, HyperParameter, Status};
use crate::proto::Message;
use crate::record::framed;
use crate::{Error, summary};

/// An event file that grows with each call.
///
/// Each event is handed to the operating system whole before the call returns, so that TensorBoard shows it while the
/// training goes on, and so that only a failure of the machine can lose it. If it cannot be written, the file is cut back to
/// what it was, so that it can be read on.
///
/// Values are found by their tags, which TensorBoard groups by what stands before the first `/`. Steps are any numbers up to
/// 2⁶³ − 1 that grow: optimisation steps or epochs, but the same for all tags that are to be compared. The time of an event
/// is that of the system clock. Of a tag with many steps TensorBoard shows some, drawn at random, the last among them: 1000
/// scalars, 500 histograms, 10 images; with `--samples_per_plugin scalars=0,images=100` all scalars and 100 images.
///
/// One folder is one run of TensorBoard's. Only one writer at a time should write to it.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
    /// Bytes of the file that are whole records.
    length: u64,
}

impl EventWriter {
    /// Begins a file `events.out.tfevents.<seconds>.<host>.<pid>.<n>` in `folder`, which is made if there is none.
    ///
    /// The seconds are those since 1970; if the folder has event files that are as new or newer, one second more than theirs:
    /// TensorBoard reads the files of a folder in the order of their names.
    ///
    /// # Errors
    /// [`Error::Folder`] and [`Error::Write`], if the file system takes neither.
    pub fn create(folder: &Path) -> Result<Self, Error> {
        let in_folder = |source| Error::Folder {
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(in_folder)?;
        let seconds = seconds_after_all(folder, wall_time() as u64).map_err(in_folder)?;
        let (path, file) = create_new(folder, seconds)?;
        let mut writer = Self {
            path,
            file,
            length: 0,
        };
        writer.write(&event(0)?.text(3, "brain.Event:2"))?;
        Ok(writer)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes back what earlier files of the folder say of `step` and all steps after it.
    ///
    /// For a training that goes on from a saved state after it was killed: it repeats steps whose events are there already.
    /// TensorBoard drops these events when it reads on to this one. Its fast loader, which is the usual one, goes by the steps
    /// alone: it drops those of a tag once the tag has a value at the same step or an earlier one. With `--load_fast=false` all
    /// are dropped at once.
    ///
    /// # Errors
    /// [`Error::Step`] and [`Error::Write`].
    pub fn session_start(&mut self, step: u64) -> Result<(), Error> {
        const START: i64 = 1;
        let start = event(step)?.message(7, &Message::new().integer(1, START));
        // TensorBoard takes the first start that it comes upon for that of the first session, and drops nothing. Whether the
        // earlier files have one is up to their writer.
        self.write(&start)?;
        self.write(&start)
    }

    /// One point of the curve `tag`, under "Time Series" and "Scalars".
    ///
    /// TensorBoard keeps values in single precision. Where one is infinite or not a number, it draws a mark in place of a point.
    ///
    /// # Errors
    /// [`Error::EmptyName`], [`Error::Step`] and [`Error::Write`].
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<(), Error> {
        self.summary(step, &[summary::scalar(tag, value)?])
    }

    /// A picture, given as the bytes of a PNG, under "Images" with a slider over its steps.
    ///
    /// Its size is read from the PNG's header; the rest is not looked at.
    ///
    /// # Errors
    /// [`Error::NotPng`] if there is no header of a PNG or a side of zero pixels; [`Error::EmptyName`], [`Error::Step`] and
    /// [`Error::Write`].
    pub fn image(&mut self, tag: &str, step: u64, png: &[u8]) -> Result<(), Error> {
        self.summary(step, &[summary::image(tag, png)?])
    }

    /// How numbers are distributed at a step, under "Histograms" and "Distributions".
    ///
    /// Without any number "Histograms" shows a flat line, and "Distributions" 0.
    ///
    /// # Errors
    /// [`Error::EmptyName`], [`Error::Step`] and [`Error::Write`].
    pub fn histogram(&mut self, tag: &str, step: u64, histogram: &Histogram) -> Result<(), Error> {
        self.summary(step, &[summary::histogram(tag, histogram)?])
    }

    /// A text under "Text", which TensorBoard reads as Markdown.
    ///
    /// # Errors
    /// [`Error::EmptyName`], [`Error::Step`] and [`Error::Write`].
    pub fn text(&mut self, tag: &str, step: u64, markdown: &str) -> Result<(), Error> {
        self.summary(step, &[summary::text(tag, markdown)?])
    }

    /// What the training is done with, a row of the table under "HParams", and the tags of the scalars that tell how good it is.
    ///
    /// With `metrics` the columns of the table are these hyper-parameters and metrics. TensorBoard takes the columns from one of
    /// the runs that it compares, so that all should have the same. Without `metrics` it makes columns of all hyper-parameters
    /// and of all scalars that any of the runs has.
    ///
    /// Of several calls in one folder TensorBoard heeds the first.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a number that is none, [`Error::DuplicateName`], [`Error::EmptyName`] and [`Error::Write`].
    pub fn hyper_parameters(
        &mut self,
        values: &[(&str, HyperParameter)],
        metrics: &[&str],
    ) -> Result<(), Error> {
        self.summary(0, &hyper_parameters::start(values, metrics, wall_time())?)
    }

    /// How the training that [`hyper_parameters`](Self::hyper_parameters) told of has ended, and that it has ended now.
    ///
    /// Of several calls in one folder TensorBoard heeds the first.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn hyper_parameters_end(&mut self, status: Status) -> Result<(), Error> {
        self.summary(0, &[hyper_parameters::end(status, wall_time())?])
    }

    /// A network, under "Graphs".
    ///
    /// One is enough for a folder, also for a training that goes on. Of several TensorBoard shows the last, and with
    /// `--load_fast=false` the first.
    ///
    /// # Errors
    /// [`Error::EmptyGraph`], [`Error::NodeName`], [`Error::DuplicateNode`], [`Error::UnknownInput`], [`Error::OutputSize`], or
    /// for attributes [`Error::EmptyName`] and [`Error::DuplicateName`]; and [`Error::Write`].
    pub fn graph(&mut self, nodes: &[GraphNode]) -> Result<(), Error> {
        self.write(&event(0)?.message(4, &graph::message(nodes)?))
    }

    fn summary(&mut self, step: u64, values: &[Message]) -> Result<(), Error> {
        let summary = values
            .iter()
            .fold(Message::new(), |summary, value| summary.message(1, value));
        self.write(&event(step)?.message(5, &summary))
    }

    fn write(&mut self, event: &Message) -> Result<(), Error> {
        let record = framed(event);
        if let Err(source) = self.file.write_all(&record) {
            // Behind half a record no reader would find the next.
            let source = self.file.set_len(self.length).err().unwrap_or(source);
            return Err(Error::Write {
                path: self.path.clone(),
                source,
            });
        }
        self.length += record.len() as u64;
        Ok(())
    }
}

/// The beginning of an event: when it is and which step it tells of.
fn event(step: u64) -> Result<Message, Error> {
    let signed = i64::try_from(step).map_err(|_| Error::Step {
        found: step,
        limit: i64::MAX as u64,
    })?;
    Ok(Message::new().double(1, wall_time()).integer(2, signed))
}

/// Seconds since 1970; 0 by a clock that is set to before.
fn wall_time() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

/// A file that was not there, under the first number that is free.
fn create_new(folder: &Path, seconds: u64) -> Result<(PathBuf, File), Error> {
    let host = host();
    let mut number = 0;
    loop {
        let path = folder.join(file_name(seconds, &host, number));
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(source) => return Err(Error::Write { path, source }),
        }
    }
}
