//! Operations of groups in which all goes well.

use crate::rank;
use marque_testkit::python_or_skip;
use marque_testkit::ranks::{Ended, Ranks, free_port};

fn line<'a>(ended: &'a Ended, begins: &str) -> &'a str {
    let found = ended.output.lines().find(|line| line.starts_with(begins));
    found.unwrap_or_else(|| panic!("no {begins:?}:\n{}", ended.output))
}

fn all_well(ended: &[Ended]) {
    for ended in ended {
        assert!(ended.status.success(), "{}", ended.output);
        line(ended, "done");
    }
}

#[test]
fn sums_copies_and_gathered_bytes_are_those_of_all_ranks() {
    for world in [2, 3, 4] {
        let run = || {
            let ended = Ranks::start(world, |_| rank::command("sums")).wait();
            all_well(&ended);
            let bits: Vec<String> = ended.iter().map(|ended| line(ended, "bits").to_owned()).collect();
            assert!(bits.iter().all(|other| *other == bits[0]), "{bits:?}");
            for (rank, ended) in ended.iter().enumerate() {
                line(ended, &format!("rank {rank} of {world}"));
            }
            bits[0].clone()
        };
        assert_eq!(run(), run(), "{world} ranks have other bits the second time");
    }
}

#[test]
fn torchrun_starts_a_group_and_starts_it_anew() {
    let Some(mut python) = python_or_skip(&["torch.distributed.run"]) else {
        return;
    };
    let this = std::env::current_exe().unwrap();
    rank::role(&mut python, "late");
    let output = python
        .args([
            "-m",
            "torch.distributed.run",
            "--no-python",
            "--nproc-per-node",
            "2",
        ])
        .args(["--max-restarts", "1", "--master-addr", "127.0.0.1"])
        .args(["--master-port", &free_port().to_string()])
        .arg(this)
        .args(rank::arguments())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{log}");
    // The first start ends with a rank that leaves, the second one sums.
    assert_eq!(said.matches("leaves").count(), 1, "{said}\n{log}");
    assert_eq!(said.matches("done").count(), 2, "{said}\n{log}");
}
