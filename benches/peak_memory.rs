//! The most memory that a training step takes (forward, cross-entropy, backward, Adam) at 224×224, batch 16, over what the
//! process holds before: the network, the optimiser's state, feature maps, gradients. `pytorch.py --memory` measures the
//! same. One architecture a process, since a process does not give back all that it has let go.
//!
//! `cargo bench --bench peak_memory -- densenet121 12` takes twelve steps instead of three; `--give-back` behind it asks for
//! the allocator's default of giving memory back to the system. Linux only, which tells a process its peak.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints what it has measured"
)]

use marque::arch::{ArchitectureOptions, architecture};
use marque::torch::{Device, Network, NetworkOptions, Tensor, keep_freed_memory, tensor_from_images};
use marque::train::{Optimizer, OptimizerConfig};
use ndarray::Array4;

const BATCH: usize = 16;
const SIZE: usize = 224;
const STEPS: u64 = 3;
const USAGE: &str = "the number of steps must be a whole number: peak_memory NAME [STEPS] [--give-back]";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo passes `--bench` along.
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-'));
    let name = words.next().unwrap_or_else(|| "densenet121".to_owned());
    let steps = words
        .next()
        .map_or(Ok(STEPS), |steps| steps.parse().map_err(|_| USAGE))?;
    if !std::env::args().any(|argument| argument == "--give-back") {
        keep_freed_memory();
    }
    let images = tensor_from_images(Array4::zeros((BATCH, 3, SIZE, SIZE)).view(), Device::Cpu)?;
    let labels = Tensor::from_slice(&(0..BATCH as i64).collect::<Vec<_>>());
    let before = status_mib("VmRSS:")?;
    let graph = architecture(&name, ArchitectureOptions::default())?;
    let network = Network::new(graph, NetworkOptions::default())?;
    let mut optimizer = Optimizer::new(&network, OptimizerConfig::default())?;
    for step in 0..steps {
        let logits = network.forward_training(&images, step)?.logits;
        let loss = logits.cross_entropy_for_logits(&labels);
        optimizer.step(&network.gradients(&loss)?, 1e-3)?;
    }
    let peak = status_mib("VmHWM:")?;
    println!("{name}: {:.0} MiB over {before:.0} MiB before", peak - before);
    Ok(())
}

/// An entry of the process's own status.
fn status_mib(key: &str) -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    Ok(number
        .ok_or("no such entry in /proc/self/status")?
        .parse::<f64>()?
        / 1024.0)
}
