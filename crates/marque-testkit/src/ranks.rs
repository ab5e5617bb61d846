//! Several processes of one training on this machine, started by a test.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than any of them takes on a busy machine: a test that is stuck is to fail, not to hang.
const PATIENCE: Duration = Duration::from_secs(300);

/// Processes that were started together. Those that still run when it is dropped are killed.
#[derive(Debug)]
pub struct Ranks {
    children: Vec<Child>,
    outputs: TempDir,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// All that it wrote.
    pub output: String,
    /// How long after the start of [`Ranks::wait`] it was seen to have ended.
    pub after: Duration,
}

/// A TCP port of the loopback interface that nobody uses.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

impl Ranks {
    /// Starts `world_size` processes, each by the command that is made for its rank, with the five variables that torchrun sets.
    ///
    /// # Panics
    /// If one cannot be started.
    pub fn start(world_size: usize, command: impl Fn(usize) -> Command) -> Self {
        let (port, outputs) = (free_port(), tempfile::tempdir().expect("a folder"));
        let children = (0..world_size).map(|rank| {
            let output = File::create(outputs.path().join(rank.to_string())).expect("a file");
            let same = output.try_clone().expect("the same file");
            let mut command = command(rank);
            command
                .env("RANK", rank.to_string())
                .env("WORLD_SIZE", world_size.to_string())
                .env("LOCAL_RANK", rank.to_string())
                .env("MASTER_ADDR", "127.0.0.1")
                .env("MASTER_PORT", port.to_string())
                .stdin(Stdio::null())
                .stdout(output)
                .stderr(same);
            command.spawn().expect("a process")
        });
        Self {
            children: children.collect(),
            outputs,
        }
    }

    /// Ends one with SIGKILL.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn kill(&mut self, rank: usize) {
        self.children[rank].kill().expect("a process that can be killed");
    }

    /// The number by which the system knows one.
    pub fn id(&self, rank: usize) -> u32 {
        self.children[rank].id()
    }

    /// What one has written so far.
    pub fn output(&self, rank: usize) -> String {
        let bytes = std::fs::read(self.outputs.path().join(rank.to_string()));
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    }

    /// Waits until one has written this.
    ///
    /// # Panics
    /// If it ends before, or does not.
    pub fn wait_for(&mut self, rank: usize, text: &str) {
        let begun = Instant::now();
        while !self.output(rank).contains(text) {
            let ended = self.children[rank].try_wait().expect("a status");
            let is_there = self.output(rank).contains(text);
            assert!(
                is_there || (ended.is_none() && begun.elapsed() < PATIENCE),
                "rank {rank} did not write {text:?} ({ended:?}):\n{}",
                self.output(rank)
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until all have ended.
    ///
    /// # Panics
    /// If they do not.
    pub fn wait(mut self) -> Vec<Ended> {
        let begun = Instant::now();
        let mut seen: Vec<Option<(ExitStatus, Duration)>> = vec![None; self.children.len()];
        while seen.iter().any(Option::is_none) {
            for (child, seen) in self.children.iter_mut().zip(&mut seen) {
                if seen.is_none() {
                    *seen = child
                        .try_wait()
                        .expect("a status")
                        .map(|status| (status, begun.elapsed()));
                }
            }
            if begun.elapsed() >= PATIENCE {
                let outputs: Vec<String> = (0..seen.len()).map(|rank| self.output(rank)).collect();
                panic!("not all have ended: {seen:?}\n{}", outputs.join("\n---\n"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let ended = seen.into_iter().flatten().enumerate();
        ended
            .map(|(rank, (status, after))| Ended {
                status,
                output: self.output(rank),
                after,
            })
            .collect()
    }
}

impl Drop for Ranks {
    fn drop(&mut self) {
        for child in &mut self.children {
            // One that has ended cannot be killed any more.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
