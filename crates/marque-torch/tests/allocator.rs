//! Memory that was let go stays with the process. A program of its own: the setting is the whole process's, and a test
//! harness would run this on a thread that is not the first.

use marque_torch::{Device, Kind, Tensor, keep_freed_memory};

const BYTES: i64 = 128 << 20;
const TENSORS: u64 = 12;

fn main() {
    let does_as_told = keep_freed_memory();
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        assert!(!does_as_told);
        return;
    }
    assert!(does_as_told);
    let before = page_faults();
    for _ in 0..TENSORS {
        let _ = Tensor::ones([BYTES / 4], (Kind::Float, Device::Cpu));
    }
    let faults = page_faults() - before;
    // Each page of a tensor that the system hands out anew costs a fault. A tensor that follows another of its size may
    // miss its place by the few bytes of its alignment, but then the next one finds room.
    let of_one = BYTES as u64 / 4096;
    println!("{faults} page faults for {TENSORS} tensors of {of_one} pages");
    assert!(
        faults < 4 * of_one,
        "{faults} page faults for {TENSORS} tensors of {of_one} pages"
    );
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
