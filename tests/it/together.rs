//! Programs that are started as several processes of one training.

#![cfg(all(unix, feature = "run"))]

#[cfg(not(feature = "distributed"))]
use crate::common::synthetic_cars;
use crate::common::{example, run};
use std::path::Path;
use std::process::Command;

fn begin(data: &Path, out: &Path) -> Command {
    let mut command = example("resnet_from_scratch");
    command.arg("--data").arg(data).arg("--out").arg(out);
    command.args(["--arch", "resnet18", "--image-size", "32", "--batch-size", "8"]);
    command.args(["--epochs", "2", "--threads", "1", "--save-every", "0"]);
    command
}

#[cfg(not(feature = "distributed"))]
#[test]
fn a_program_that_cannot_be_one_of_several_names_the_feature() {
    let folder = tempfile::tempdir().unwrap();
    let cars = synthetic_cars(folder.path());
    let mut command = begin(&cars, &folder.path().join("run"));
    command.envs([("RANK", "0"), ("WORLD_SIZE", "2")]);
    command.envs([("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "1")]);
    let (code, out, err) = run(&mut command);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(
        err.contains("error: WORLD_SIZE says that this is one of 2 processes"),
        "{err}"
    );
    assert!(err.contains("--features distributed"), "{err}");
    assert!(!folder.path().join("run").exists());
}

#[test]
fn a_program_that_trains_in_one_process_is_no_one_of_several() {
    let folder = tempfile::tempdir().unwrap();
    for program in ["tune", "degradation", "observe", "small_model"] {
        let mut command = example(program);
        if program != "small_model" {
            command.args(["--data", "photos"]);
        }
        command.arg("--out").arg(folder.path().join("run"));
        command.envs([
            ("SLURM_PROCID", "1"),
            ("SLURM_NTASKS", "2"),
            ("SLURM_LOCALID", "1"),
        ]);
        command.envs([("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "1")]);
        let (code, _, err) = run(&mut command);
        assert_eq!(code, Some(1), "{err}");
        assert!(
            err.contains("this program trains in one process, and was started as 1 of 2"),
            "{err}"
        );
    }
}

#[cfg(feature = "distributed")]
mod ranks {
    use super::begin;
    use crate::common::{example, synthetic_cars};
    use crate::processes::{Ended, Ranks};
    use crate::skip::skip;
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    const FILES: [&str; 3] = ["model.safetensors", "predictions.csv", "metrics.json"];

    fn content(run: &Path, file: &str) -> Vec<u8> {
        let path = run.join(file);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn losses(run: &Path) -> Vec<String> {
        let table = String::from_utf8(content(run, "history.csv")).unwrap();
        let rows = table.lines();
        rows.map(|row| row.split(',').take(6).collect::<Vec<_>>().join(","))
            .collect()
    }

    fn assert_same(run: &Path, whole: &Path, what: &str) {
        assert_eq!(losses(run), losses(whole), "{what}");
        for file in FILES {
            assert!(content(run, file) == content(whole, file), "{file}: {what}");
        }
        assert!(!run.join("state.safetensors").exists(), "{what}");
    }

    fn resume(out: &Path) -> Command {
        let mut command = example("resnet_from_scratch");
        command.arg("--resume").arg("--out").arg(out);
        command
    }

    fn start(world: usize, data: &Path, out: &Path) -> Ranks {
        Ranks::start(world, |_| {
            let mut command = match out.join("start.json").exists() {
                true => resume(out),
                false => begin(data, out),
            };
            // For one that is killed before they have found each other, which nobody sees.
            command.env("MARQUE_DIST_TIMEOUT", "20");
            command
        })
    }

    fn all_well(ended: &[Ended]) {
        for ended in ended {
            assert!(ended.status.success(), "{}", ended.output);
        }
    }

    #[test]
    fn two_processes_make_one_run_and_go_on_when_one_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let cars = synthetic_cars(folder.path());
        let whole = folder.path().join("whole");
        let ended = start(2, &cars, &whole).wait();
        all_well(&ended);
        assert!(
            ended[0].output.contains("of its steps' time between 2 processes"),
            "{}",
            ended[0].output
        );
        assert!(ended[0].output.contains("report.html"), "{}", ended[0].output);
        assert_eq!(ended[1].output, "", "only the first one speaks");
        let log = String::from_utf8(content(&whole, "log.jsonl")).unwrap();
        assert_eq!(log.matches("\"event\":\"communication\"").count(), 2, "{log}");

        for killed in [0, 1] {
            let out = folder.path().join(format!("killed-{killed}"));
            let mut ranks = start(2, &cars, &out);
            // The state is there after the first step.
            while !out.join("state.safetensors").exists() {
                std::thread::sleep(Duration::from_millis(2));
            }
            ranks.kill(killed);
            let ended = ranks.wait();
            let left = &ended[1 - killed];
            assert_eq!(left.status.code(), Some(1), "{}", left.output);
            let expected = format!("failed on rank {} of 2", 1 - killed);
            assert!(left.output.contains(&expected), "{}", left.output);
            all_well(&start(2, &cars, &out).wait());
            assert_same(&out, &whole, &format!("rank {killed} was killed"));
        }
    }

    #[test]
    fn sigterm_to_one_process_stops_all_and_the_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let cars = synthetic_cars(folder.path());
        let out = folder.path().join("run");
        let ranks = start(2, &cars, &out);
        while !out.join("state.safetensors").exists() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let signalled = Command::new("kill").arg(ranks.id(1).to_string()).status();
        assert!(signalled.unwrap().success());
        let ended = ranks.wait();
        for ended in &ended {
            assert_eq!(ended.status.code(), Some(130), "{}", ended.output);
        }
        assert!(
            ended[0].output.contains("go on with it with"),
            "{}",
            ended[0].output
        );
        all_well(&start(2, &cars, &out).wait());
        assert!(out.join("run.json").exists());
    }

    /// Its number among the processes of its machine is that of its GPU. One that is not there is named.
    #[test]
    fn each_process_takes_the_gpu_of_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let cars = synthetic_cars(folder.path());
        let gpus = marque::torch::tch::Cuda::device_count().max(0) as usize;
        let run = |name: &str| {
            let out = folder.path().join(name);
            let ended = Ranks::start(2, |_| {
                let mut command = begin(&cars, &out);
                command.args(["--device", "cuda"]);
                command
            });
            (ended.wait(), out)
        };
        let (ended, first) = run("first");
        if gpus >= 2 {
            all_well(&ended);
            let (ended, second) = run("second");
            all_well(&ended);
            assert_eq!(losses(&first), losses(&second));
            return;
        }
        skip(&format!("two processes on two GPUs: there are {gpus}"));
        for (number, ended) in ended.iter().enumerate().skip(gpus) {
            assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
            let expected = format!("device cuda:{number} is not available");
            assert!(ended.output.contains(&expected), "{}", ended.output);
        }
    }

    /// Kills at moments that look random, of either process, until there have been as many as `MARQUE_KILLS` says, 30 otherwise.
    #[test]
    #[ignore = "takes minutes"]
    fn runs_of_two_processes_survive_many_kills() {
        let asked = std::env::var("MARQUE_KILLS").ok();
        let most: usize = asked.map_or(30, |count| count.parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let cars = synthetic_cars(folder.path());
        let whole = folder.path().join("whole");
        let begun = std::time::Instant::now();
        all_well(&start(2, &cars, &whole).wait());
        let duration = begun.elapsed();
        let (mut kills, mut runs, mut moment, mut slowest) = (0, 0, 0.0_f64, Duration::ZERO);
        while kills < most {
            runs += 1;
            let out = folder.path().join(format!("run-{runs}"));
            loop {
                // Multiples of the golden ratio fill the time evenly, and in no order.
                moment = (moment + 0.618_033_988_749_895).fract();
                let killed = kills % 2;
                let mut ranks = start(2, &cars, &out);
                if kills < most {
                    std::thread::sleep(duration.mul_f64(1.1 * moment));
                    ranks.kill(killed);
                }
                let ended = ranks.wait();
                let left = &ended[1 - killed];
                if ended[killed].status.code().is_some() {
                    // It had ended before.
                    all_well(&ended);
                    break;
                }
                kills += 1;
                slowest = slowest.max(left.after);
                // One that had come to its end has nobody to miss.
                let code = left.status.code();
                assert!(code == Some(1) || code == Some(0), "{code:?} {}", left.output);
                if code == Some(1) {
                    assert!(left.output.contains("error: "), "{}", left.output);
                }
                if out.join("run.json").exists() && !out.join("state.safetensors").exists() {
                    break;
                }
            }
            assert_same(&out, &whole, &format!("run {runs}, {kills} kills"));
        }
        use std::io::Write;
        let line = format!("{kills} kills in {runs} runs; the other process ended after {slowest:?} at most");
        writeln!(std::io::stderr(), "{line}").unwrap();
    }
}
