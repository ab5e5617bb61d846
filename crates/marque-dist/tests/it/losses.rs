//! Groups of which a process is lost.

use crate::rank;
use marque_testkit::ranks::{Ended, Ranks};
use std::process::Command;

/// The line with which a process that is left has ended.
fn error(ended: &Ended) -> &str {
    assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
    let found = ended.output.lines().find(|line| line.starts_with("error: "));
    found.unwrap_or_else(|| panic!("no error:\n{}", ended.output))
}

#[test]
fn a_rank_that_is_killed_is_named_by_all_others() {
    let world = 3;
    for killed in [0, 2] {
        let mut ranks = Ranks::start(world, |_| rank::command("forever"));
        (0..world).for_each(|rank| ranks.wait_for(rank, "summed"));
        ranks.kill(killed);
        for (rank, ended) in ranks.wait().iter().enumerate() {
            if rank == killed {
                assert_eq!(ended.status.code(), None);
                continue;
            }
            let said = error(ended);
            assert!(
                said.starts_with(&format!("error: all-reduce failed on rank {rank} of 3: ")),
                "{said}"
            );
            let named = match killed {
                0 => "; no answer from rank 0, at which the others could be asked for",
                _ => "; no answer within 3 s from rank 2",
            };
            assert!(said.ends_with(named), "{said}");
        }
    }
}

#[test]
fn a_rank_that_hangs_is_named_after_the_timeout() {
    let mut ranks = Ranks::start(3, |_| {
        let mut command = rank::command("waiting");
        command.env("MARQUE_DIST_TIMEOUT", "2");
        command
    });
    ranks.wait_for(1, "sleeps");
    // Not even its threads go on.
    let stopped = Command::new("kill")
        .args(["-STOP", &ranks.id(1).to_string()])
        .status();
    assert!(stopped.unwrap().success());
    for rank in [0, 2] {
        ranks.wait_for(rank, "error: ");
    }
    ranks.kill(1);
    for (rank, ended) in ranks.wait().iter().enumerate().filter(|(rank, _)| *rank != 1) {
        let said = error(ended);
        assert!(
            said.starts_with(&format!("error: all-reduce failed on rank {rank} of 3: ")),
            "{said}"
        );
        assert!(said.contains("Timed out") || said.contains("closed"), "{said}");
        assert!(said.ends_with("; no answer within 3 s from rank 1"), "{said}");
    }
}

#[test]
fn nothing_is_done_in_a_group_that_is_broken() {
    let ended = Ranks::start(2, |_| rank::command("twice")).wait();
    assert_eq!(
        error(&ended[0]),
        "error: all-reduce was not begun on rank 0 of 2: an operation of this group has failed before"
    );
}

#[test]
fn a_rank_to_which_nobody_comes_says_where_it_waited() {
    for lonely in [0, 1] {
        let mut ranks = Ranks::start(2, |rank| {
            let mut command = if rank == lonely {
                rank::command("sums")
            } else {
                Command::new("true")
            };
            command.env("MARQUE_DIST_TIMEOUT", "2");
            command
        });
        ranks.wait_for(lonely, "error: ");
        let ended = ranks.wait();
        let said = error(&ended[lonely]);
        let expected = format!("error: rank {lonely} of 2 did not find the others through 127.0.0.1:");
        assert!(said.starts_with(&expected), "{said}");
    }
}

#[test]
fn a_rank_that_is_lost_while_another_is_late_is_named() {
    let mut ranks = Ranks::start(3, |rank| match rank {
        2 => {
            let mut late = Command::new("sleep");
            late.arg("300");
            late
        }
        _ => rank::command("sums"),
    });
    // Rank 0 serves the store, so that the other one has been there when it is told so.
    ranks.wait_for(1, "comes");
    std::thread::sleep(std::time::Duration::from_secs(3));
    ranks.kill(1);
    ranks.wait_for(0, "error: ");
    ranks.kill(2);
    let ended = ranks.wait();
    let said = error(&ended[0]);
    assert!(
        said.ends_with("rank 1 was here and has said nothing for 15 s, while rank 2 had not come"),
        "{said}"
    );
}
