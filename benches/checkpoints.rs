//! From a checkpoint in a warm file cache to a network that can run: the time, and the most memory on the way beside the
//! file's size. ResNet-50, 102 MB, as `.safetensors` and as `.pth`. A process each, since a process does not give back all
//! that it has let go. `pytorch.py --load FILE` measures PyTorch on the same files, which `--keep DIR` leaves behind.
//!
//! `cargo bench --bench checkpoints`. Memory is shown on Linux only, which tells a process its peak.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints what it has measured"
)]

use marque::arch::{ArchitectureOptions, architecture};
use marque::torch::{Network, NetworkOptions};
use marque::weights::{MatchPolicy, StateDict};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const ARCHITECTURE: &str = "resnet50";
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    let after = |flag: &str| words.iter().skip_while(|word| *word != flag).nth(1);
    if let Some(file) = after("--time") {
        return time(Path::new(file));
    }
    if let Some(file) = after("--memory") {
        return memory(Path::new(file));
    }
    let folder = tempfile::tempdir()?;
    let folder: PathBuf = after("--keep").map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let graph = architecture(ARCHITECTURE, ArchitectureOptions::default())?;
    let weights = Network::new(graph, NetworkOptions::default())?.state_dict()?;
    let (safetensors, torch) = (folder.join("resnet50.safetensors"), folder.join("resnet50.pth"));
    weights.write(&safetensors)?;
    weights.write_torch(&torch)?;
    for file in [&safetensors, &torch] {
        for measure in ["--time", "--memory"] {
            Command::new(std::env::current_exe()?)
                .arg(measure)
                .arg(file)
                .status()?;
        }
    }
    Ok(())
}

fn load(file: &Path) -> Result<Network, Box<dyn Error>> {
    let graph = architecture(ARCHITECTURE, ArchitectureOptions::default())?;
    let matched = StateDict::read(file)?.matched_to(&graph, MatchPolicy::Strict)?;
    Ok(Network::with_matched(graph, &matched, NetworkOptions::default())?)
}

fn time(file: &Path) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let network = load(file)?;
        times.push(begin.elapsed());
        drop(network);
    }
    times.sort();
    let [first, median, last] = [0, ROUNDS / 2, ROUNDS - 1].map(|position| seconds(times[position]));
    println!("{}: {median:.3} s ({first:.3} to {last:.3})", file.display());
    Ok(())
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn memory(file: &Path) -> Result<(), Box<dyn Error>> {
    // LibTorch's own memory is there before.
    drop(marque::torch::Tensor::f_zeros(
        [1],
        (marque::torch::Kind::Float, marque::torch::Device::Cpu),
    )?);
    let before = status_bytes("VmRSS:")?;
    let network = load(file)?;
    let peak = status_bytes("VmHWM:")? - before;
    let size = std::fs::metadata(file)?.len() as f64;
    println!(
        "{}: {:.1} MB, {:.2} times the file",
        file.display(),
        peak / 1e6,
        peak / size
    );
    drop(network);
    Ok(())
}

/// An entry of the process's own status.
fn status_bytes(key: &str) -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    let kibibytes: f64 = number.ok_or("no such entry in /proc/self/status")?.parse()?;
    Ok(kibibytes * 1024.0)
}
