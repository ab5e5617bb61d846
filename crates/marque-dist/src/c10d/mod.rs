//! A group on LibTorch's process groups.

mod ffi;
mod meeting;
mod route;

use crate::{Error, Group, Launch};
use ffi::{Connected, Store};
use marque_torch::Tensor;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How long those that are left wait for one another to say so. A process that computes says so only when it comes to its next operation,
/// so that it may be named as missing, too.
const ROLL_CALL: Duration = Duration::from_secs(3);
/// How much longer the one stays at which they ask.
const LINGERING: Duration = Duration::from_secs(2);

/// Several processes, connected by Gloo.
#[derive(Debug)]
pub(crate) struct C10d {
    connected: Arc<Connected>,
    rank: usize,
    world_size: usize,
    /// Whether rank 0 serves the store through which the others ask for one another.
    is_served_by_rank_0: bool,
    is_broken: AtomicBool,
}

impl C10d {
    pub(crate) fn connect(launch: &Launch) -> Result<Self, Error> {
        let interfaces = std::env::var("GLOO_SOCKET_IFNAME").unwrap_or_default();
        let connected = Store::open(launch).and_then(|store| {
            let address = route::announce(&store, launch)?;
            meeting::meet(&store, launch)?;
            let address = route::seen_by_all(&store, launch, address)?;
            store.join(launch, &interfaces, address)
        });
        let connected = connected.map_err(|said| Error::Connect {
            rank: launch.rank,
            world_size: launch.world_size,
            address: format!("{}:{}", launch.host, launch.port),
            said,
        })?;
        Ok(Self {
            connected: Arc::new(connected),
            rank: launch.rank,
            world_size: launch.world_size,
            is_served_by_rank_0: !launch.is_served,
            is_broken: AtomicBool::new(false),
        })
    }

    fn run(
        &self,
        operation: &'static str,
        collective: impl FnOnce(&Connected) -> Result<(), String>,
    ) -> Result<(), Error> {
        let (rank, world_size) = (self.rank, self.world_size);
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(Error::Broken {
                operation,
                rank,
                world_size,
            });
        }
        collective(&self.connected).map_err(|said| {
            self.is_broken.store(true, Ordering::Relaxed);
            // One that waits for this process, and not for the one that is lost, would not come to the roll call in time. There is
            // nothing to be done about connections that cannot be closed.
            let _ = self.connected.leave();
            Error::Collective {
                operation,
                rank,
                world_size,
                said,
                lost: self.lost(),
            }
        })
    }

    /// Who of the others does not answer, in words. Asked on a thread of its own: a store whose server hangs never answers.
    fn lost(&self) -> String {
        let (sender, receiver) = mpsc::channel();
        let (connected, rank, world_size) = (Arc::clone(&self.connected), self.rank, self.world_size);
        let asked = std::thread::Builder::new().spawn(move || {
            // Nobody receives it if it comes too late.
            let _ = sender.send(answering(connected.store(), rank, world_size));
        });
        let answered = match asked {
            Ok(_) => receiver.recv_timeout(ROLL_CALL + Duration::from_secs(1)).ok(),
            Err(_) => None,
        };
        let serves = self.is_served_by_rank_0 && self.rank == 0;
        if serves && self.world_size > 2 {
            std::thread::sleep(LINGERING);
        }
        let seconds = ROLL_CALL.as_secs();
        match answered.flatten() {
            Some(lost) if lost.is_empty() => {
                "all others answer: what failed is the connection, or another process that has left by now"
                    .to_owned()
            }
            Some(lost) => {
                let ranks: Vec<String> = lost.iter().map(ToString::to_string).collect();
                let noun = if lost.len() == 1 { "rank" } else { "ranks" };
                format!("no answer within {seconds} s from {noun} {}", ranks.join(", "))
            }
            None if self.is_served_by_rank_0 && self.rank != 0 => {
                "no answer from rank 0, at which the others could be asked for".to_owned()
            }
            None => "the others could not be asked for".to_owned(),
        }
    }
}

/// The ranks that do not say that they are left, too; `None` if they cannot be asked.
fn answering(store: &Store, rank: usize, world_size: usize) -> Option<Vec<usize>> {
    let key = |rank: usize| format!("left/{rank}");
    store.note(&key(rank)).ok()?;
    let begun = Instant::now();
    let mut lost = Vec::new();
    for other in (0..world_size).filter(|&other| other != rank) {
        let left = ROLL_CALL
            .saturating_sub(begun.elapsed())
            .max(Duration::from_millis(1));
        if store.wait_for(&key(other), left).is_err() {
            lost.push(other);
        }
    }
    // One that is there is found at any time; one that is gone takes the time of all. If the server is gone, nobody is found.
    store.note(&key(rank)).ok()?;
    Some(lost)
}

impl Group for C10d {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world_size(&self) -> usize {
        self.world_size
    }

    fn all_reduce(&self, tensor: &mut Tensor) -> Result<(), Error> {
        self.run("all-reduce", |connected| connected.all_reduce(tensor))
    }

    fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Result<(), Error> {
        if root >= self.world_size {
            return Err(Error::Rank {
                found: root,
                world_size: self.world_size,
            });
        }
        self.run("broadcast", |connected| connected.broadcast(tensor, root))
    }
}
