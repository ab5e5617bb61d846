//! The processes of a run.

use crate::Error;
use marque_dist::{Alone, Group};
use marque_train::{Event, Observer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The processes that train a network together; one, usually.
#[derive(Debug, Clone)]
pub(crate) struct Ranks(pub(crate) Arc<dyn Group>);

impl Default for Ranks {
    fn default() -> Self {
        Self(Arc::new(Alone))
    }
}

impl Ranks {
    pub(crate) fn is_alone(&self) -> bool {
        self.0.world_size() == 1
    }

    /// Whether it is the one that writes, and that is heard.
    pub(crate) fn is_first(&self) -> bool {
        self.0.rank() == 0
    }

    /// What the first rank does before the others, which may find what it has done.
    pub(crate) fn first_before_others<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        if self.is_first() {
            let done = work()?;
            self.0.barrier()?;
            return Ok(done);
        }
        self.0.barrier()?;
        work()
    }

    /// What the first rank has; it comes to all of them.
    pub(crate) fn of_first<T>(&self, own: Option<T>) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        let unreadable = |reason: String| marque_train::Error::Gathered { reason };
        if let Some(own) = own {
            if !self.is_alone() {
                let bytes = serde_json::to_vec(&own).map_err(|error| unreadable(error.to_string()))?;
                self.0.gather(&bytes)?;
            }
            return Ok(own);
        }
        let all = self.0.gather(&[])?;
        let first = all.first().map_or(&[][..], Vec::as_slice);
        Ok(serde_json::from_slice(first).map_err(|error| unreadable(error.to_string()))?)
    }

    /// An observer that is told of nothing where another rank tells it.
    pub(crate) fn heard<'a>(&self, observer: &'a mut dyn Observer) -> Heard<'a> {
        Heard {
            observer,
            is_first: self.is_first(),
        }
    }
}

/// The observer of one of several processes: all are asked whether to stop, one is told what happens.
pub(crate) struct Heard<'a> {
    observer: &'a mut dyn Observer,
    is_first: bool,
}

impl Observer for Heard<'_> {
    fn observe(&mut self, event: &Event<'_>) -> Result<(), marque_train::Error> {
        match self.is_first {
            true => self.observer.observe(event),
            false => Ok(()),
        }
    }

    fn should_stop(&self) -> bool {
        self.observer.should_stop()
    }

    fn wants_gradient_norm(&self) -> bool {
        self.is_first && self.observer.wants_gradient_norm()
    }
}
