//! Memory that was let go stays with the process. A program of its own: the setting is the whole process's, and a test
//! harness would run this on a thread that is not the first.

#![allow(
    clippy::print_stdout,
    reason = "measured deviations, shown of tests that fail"
)]

use marque_torch::{Device, Kind, Tensor, keep_freed_memory};

/// Like the feature maps of a step: some are larger than what the allocator would keep by itself.
const TENSORS_MIB: [i64; 5] = [48, 24, 96, 12, 64];
const STEPS: usize = 10;

fn main() {
    let does_as_told = keep_freed_memory();
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        assert!(!does_as_told);
        return;
    }
    assert!(does_as_told);
    let step = || -> Vec<Tensor> {
        let pieces = TENSORS_MIB.iter();
        pieces
            .map(|mib| Tensor::ones([mib << 18], (Kind::Float, Device::Cpu)))
            .collect()
    };
    // Until every size has found its place.
    for _ in 0..STEPS {
        drop(step());
    }
    let before = page_faults();
    for _ in 0..STEPS {
        drop(step());
    }
    let faults = page_faults() - before;
    // Each page that the system hands out anew costs a fault.
    let pages = STEPS as u64 * TENSORS_MIB.iter().sum::<i64>() as u64 * 256;
    println!("{faults} page faults for {pages} pages");
    assert!(faults < pages / 10, "{faults} page faults for {pages} pages");
}

/// Pages that the process has had to ask for so far: the tenth field of its status.
fn page_faults() -> u64 {
    let status = std::fs::read_to_string("/proc/self/stat").expect("Linux tells a process its status");
    let fields = status.rsplit(") ").next().map(|fields| fields.split(' '));
    let minor = fields.and_then(|mut fields| fields.nth(7));
    minor
        .and_then(|number| number.parse().ok())
        .expect("a count of faults")
}
