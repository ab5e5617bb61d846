//! What one process of a group does.

use marque_dist::{Error, Group, Launch};
use marque_testkit::skip;
use marque_torch::{Device, Kind, Tensor};
use std::io::Write;
use std::process::Command;
use std::sync::Arc;

/// The variable that says what a process does.
const ROLE: &str = "MARQUE_TEST_ROLE";

/// This program as one process of a group.
pub(crate) fn command(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments()).env(ROLE, role);
    command
}

/// What has to be said to this program so that it is one process of a group; the role is a variable.
pub(crate) fn arguments() -> [&'static str; 4] {
    ["--ignored", "--exact", "--nocapture", "rank::rank"]
}

pub(crate) fn role(command: &mut Command, role: &str) {
    command.env(ROLE, role);
}

/// Not through the test harness, which would keep it where a process is killed.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

#[test]
#[ignore = "one process of a group, which the other tests start"]
fn rank() {
    let Ok(role) = std::env::var(ROLE) else {
        return skip("no role of a process is given: the other tests start this one");
    };
    match play(&role) {
        Ok(()) => say("done"),
        Err(error) => {
            say(&format!("error: {error}"));
            // As the programs of marque end.
            std::process::exit(1);
        }
    }
}

fn play(role: &str) -> Result<(), Error> {
    let launch = Launch::from_environment()?.expect("variables");
    if role == "late" && launch.restart == 0 && launch.rank == 1 {
        // Has told the others where it is, and is gone before they do anything together.
        let _group = launch.connect()?;
        say("leaves");
        std::process::exit(3);
    }
    say("comes");
    let group = launch.connect()?;
    say(&format!("rank {} of {}", group.rank(), group.world_size()));
    match role {
        "sums" | "late" => sums(&group),
        "forever" => loop {
            let mut ones = Tensor::ones([1 << 16], (Kind::Float, Device::Cpu));
            group.all_reduce(&mut ones)?;
            say("summed");
        },
        "waiting" => {
            if group.rank() == 1 {
                say("sleeps");
                std::thread::sleep(std::time::Duration::from_secs(600));
            }
            group.barrier()
        }
        "twice" => {
            if group.rank() == 1 {
                std::process::exit(0);
            }
            let first = group.barrier().unwrap_err();
            assert!(matches!(first, Error::Collective { .. }), "{first}");
            group.barrier()
        }
        other => panic!("no role {other}"),
    }
}

/// A tensor whose sum over ranks depends on their order in the last bits.
fn awkward(rank: usize, count: i64) -> Tensor {
    let numbers = Tensor::arange(count, (Kind::Float, Device::Cpu));
    (numbers * 0.37 + rank as f64 * 1.1).sin() * 10_f64.powi(rank as i32 - 1)
}

fn sums(group: &Arc<dyn Group>) -> Result<(), Error> {
    let (rank, world) = (group.rank(), group.world_size());
    let mut summed = awkward(rank, 10_007);
    group.all_reduce(&mut summed)?;
    let bits: Vec<f32> = Vec::try_from(&summed).unwrap();
    let expected: Tensor = (0..world).map(|rank| awkward(rank, 10_007)).sum();
    let error = (&summed - expected).abs().max().double_value(&[]);
    assert!(error < 1e-3, "{error}");
    let hash = bits.iter().fold(0_u64, |hash, number| {
        hash.wrapping_mul(31).wrapping_add(number.to_bits().into())
    });
    say(&format!("bits {hash:016x}"));

    for kind in [Kind::Double, Kind::BFloat16, Kind::Int64, Kind::Uint8] {
        let mut small = Tensor::full([5], rank as i64 + 1, (kind, Device::Cpu));
        group.all_reduce(&mut small)?;
        let sum = (world * (world + 1) / 2) as f64;
        let found: Vec<f64> = Vec::try_from(&small.to_kind(Kind::Double)).unwrap();
        assert_eq!(found, [sum; 5], "{kind:?}");
    }

    // In place, whatever the order in memory.
    let mut maps = awkward(rank, 2 * 3 * 4 * 5)
        .reshape([2, 4, 5, 3])
        .permute([0, 3, 1, 2]);
    let (strides, place) = (maps.stride(), maps.data_ptr());
    let expected: Tensor = (0..world)
        .map(|rank| awkward(rank, 120).reshape([2, 4, 5, 3]).permute([0, 3, 1, 2]))
        .sum();
    group.all_reduce(&mut maps)?;
    assert_eq!((maps.stride(), maps.data_ptr()), (strides, place));
    assert!((maps - expected).abs().max().double_value(&[]) < 1e-3);

    let root = world - 1;
    let mut copied = awkward(rank, 1000);
    group.broadcast(&mut copied, root)?;
    assert_eq!(copied, awkward(root, 1000));
    let refused = group.broadcast(&mut copied, world).unwrap_err();
    assert!(matches!(refused, Error::Rank { .. }), "{refused}");

    let own = vec![b'a' + rank as u8; 3 * rank];
    let expected: Vec<Vec<u8>> = (0..world).map(|rank| vec![b'a' + rank as u8; 3 * rank]).collect();
    assert_eq!(group.gather(&own)?, expected);
    assert_eq!(group.gather(b"")?, vec![Vec::<u8>::new(); world]);
    group.barrier()
}
