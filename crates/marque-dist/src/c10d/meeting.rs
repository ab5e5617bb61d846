//! Waiting until all processes have come.
//!
//! Those that are here say so again and again: one that is lost while the others wait for a late one is noticed as later losses are, and
//! not when the time for all is over. A process that never comes is not known to anybody but its launcher.

use super::ffi::Store;
use crate::Launch;
use std::time::{Duration, Instant};

/// How often a process says that it is here.
const BEAT: Duration = Duration::from_secs(1);
/// How long one that was here may say nothing.
const SILENCE: Duration = Duration::from_secs(15);
/// How often it is looked who has come: often at first, when all start at once.
const LOOKS: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(250)];

/// What is known of another process.
struct Other {
    rank: usize,
    /// How many times it has said that it is here.
    beats: u64,
    last: Instant,
}

fn key(rank: usize, beat: u64) -> String {
    format!("here/{rank}/{beat}")
}

/// Answers when all processes are here.
pub(super) fn meet(store: &Store, launch: &Launch) -> Result<(), String> {
    let begun = Instant::now();
    let ranks = (0..launch.world_size).filter(|&rank| rank != launch.rank);
    let mut others: Vec<Other> = ranks
        .map(|rank| Other {
            rank,
            beats: 0,
            last: begun,
        })
        .collect();
    let mut given = 0;
    let mut pause = LOOKS[0];
    loop {
        if begun.elapsed() >= BEAT * given {
            store.note(&key(launch.rank, u64::from(given)))?;
            given += 1;
        }
        for other in &mut others {
            while store.has(&key(other.rank, other.beats))? {
                other.beats += 1;
                other.last = Instant::now();
            }
        }
        let named = |wanted: &dyn Fn(&Other) -> bool| {
            let ranks = others.iter().filter(|other| wanted(other));
            ranks
                .map(|other| other.rank.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let late = named(&|other| other.beats == 0);
        if late.is_empty() {
            return Ok(());
        }
        let lost = named(&|other| other.beats > 0 && other.last.elapsed() > SILENCE);
        if !lost.is_empty() {
            return Err(format!(
                "rank {lost} was here and has said nothing for {} s, while rank {late} had not come",
                SILENCE.as_secs()
            ));
        }
        if begun.elapsed() >= launch.timeout {
            return Err(format!(
                "rank {late} had not come after {} s",
                launch.timeout.as_secs()
            ));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LOOKS[1]);
    }
}
