//! Runs that are killed, stopped, starved and locked out, as they happen to a user.

#![cfg(all(unix, feature = "run"))]

use crate::common::{example, run, synthetic_cars};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A file of a run folder.
fn content(run: &Path, file: &str) -> Vec<u8> {
    let path = run.join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `history.csv` without what the clock says.
fn history(run: &Path) -> Vec<String> {
    let table = String::from_utf8(content(run, "history.csv")).unwrap();
    let rows = table.lines();
    rows.map(|row| row.split(',').take(6).collect::<Vec<_>>().join(","))
        .collect()
}

fn assert_same_results(run: &Path, whole: &Path, what: &str) {
    assert_eq!(history(run), history(whole), "{what}");
    for file in ["model.safetensors", "predictions.csv", "metrics.json"] {
        assert!(content(run, file) == content(whole, file), "{file}: {what}");
    }
    assert!(!run.join("state.safetensors").exists(), "{what}");
    let names = std::fs::read_dir(run)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let half_written: Vec<_> = names
        .filter(|name| name.to_string_lossy().starts_with(".part-"))
        .collect();
    assert!(half_written.is_empty(), "{half_written:?}: {what}");
}

fn resuming(program: &str, out: &Path) -> Command {
    let mut command = example(program);
    command.arg("--resume").arg("--out").arg(out);
    command
}

/// Numbers that look random and are the same in every run of the tests (Steele et al. 2014, SplitMix64).
struct Moments(u64);

impl Moments {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Waits so long for a process, then kills it; answers whether it had to be killed.
fn kill_after(command: &mut Command, patience: Duration) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    while begun.elapsed() < patience {
        if let Some(status) = child.try_wait().unwrap() {
            let mut log = String::new();
            std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut log).unwrap();
            assert!(status.success(), "{log}");
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // SIGKILL: nothing of the program runs any more.
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

/// How often runs are killed: three times in every run of the tests, as often as `MARQUE_KILLS` says otherwise.
fn kills() -> usize {
    let asked = std::env::var("MARQUE_KILLS").ok();
    asked.map_or(3, |count| count.parse().unwrap())
}

/// Kills runs at random moments and resumes them until they end; what they come to is what one comes to that is left in peace.
fn killed_runs_come_to_the_same(folder: &Path, program: &str, begin: impl Fn(&Path) -> Command) {
    let whole = folder.join("whole");
    let begun = Instant::now();
    let (code, _, log) = run(&mut begin(&whole));
    assert_eq!(code, Some(0), "{log}");
    let duration = begun.elapsed();
    let mut moments = Moments(7);
    let (mut kills, mut runs) = (kills(), 0);
    while kills > 0 {
        runs += 1;
        let out = folder.join(format!("killed-{runs}"));
        let mut first = true;
        let mut here = Vec::new();
        loop {
            let mut command = match out.join("start.json").exists() {
                true => resuming(program, &out),
                false => begin(&out),
            };
            // The last one of a run is left in peace when there have been enough.
            let patience = match kills {
                0 => Duration::from_secs(600),
                _ => duration.mul_f64((if first { 0.9 } else { 1.1 }) * moments.next()),
            };
            first = false;
            if !kill_after(&mut command, patience) {
                break;
            }
            here.push(format!("{:.2} s", patience.as_secs_f64()));
            kills = kills.saturating_sub(1);
        }
        let what = format!("killed after {} of {duration:?}", here.join(", "));
        assert_same_results(&out, &whole, &what);
        // One more time there is nothing to do.
        let (code, printed, _) = run(&mut resuming(program, &out));
        assert_eq!(code, Some(0));
        assert!(printed.contains("is finished"), "{printed}");
    }
}

/// Photos that cannot be decoded although their beginnings can be read.
fn damage(data: &Path) {
    for class in ["SUV", "Van"] {
        let mut photos: Vec<PathBuf> = std::fs::read_dir(data.join("train").join(class))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        photos.sort();
        let photo = std::fs::read(&photos[0]).unwrap();
        std::fs::write(&photos[0], &photo[..photo.len() / 2]).unwrap();
    }
}

fn small(command: &mut Command, data: &Path, out: &Path) {
    command.arg("--data").arg(data).arg("--out").arg(out);
    command.args(["--batch-size", "8", "--workers", "3"]);
    // Written in about every third step.
    command.args(["--save-every", "0.002", "--keep-last", "2"]);
}

#[test]
fn runs_that_are_killed_come_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    damage(&data);
    let begin = |out: &Path| {
        let mut command = example("resnet_from_scratch");
        small(&mut command, &data, out);
        command.args(["--arch", "resnet18", "--image-size", "32", "--epochs", "5"]);
        command.args(["--set", "fit.averaging=0.9"]);
        command
    };
    killed_runs_come_to_the_same(folder.path(), "resnet_from_scratch", begin);
}

/// With auxiliary outputs, dropout, mixed precision and features of frozen layers: kills meet their computation, too.
#[test]
fn fine_tuning_that_is_killed_comes_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    damage(&data);
    let weights = folder.path().join("googlenet.safetensors");
    let (code, _, log) = run(example("initial_weights")
        .args(["--arch", "googlenet-aux", "--out"])
        .arg(&weights));
    assert_eq!(code, Some(0), "{log}");
    let begin = |out: &Path| {
        let mut command = example("finetune");
        small(&mut command, &data, out);
        command.args(["--image-size", "64"]);
        command.arg("--weights").arg(&weights);
        command.args(["--arch", "googlenet-aux", "--epochs", "3", "--set", "fit.views=2"]);
        command.args([
            "--set",
            "fit.averaging=0.9",
            "--set",
            "model.mixed_precision=true",
        ]);
        command
    };
    killed_runs_come_to_the_same(folder.path(), "finetune", begin);
}

/// Looks every twentieth of a second, until the condition holds or the process has ended.
fn wait_until(child: &mut Child, condition: impl Fn() -> bool) {
    while !condition() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before that: {ended:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Starts a program whose standard error stream goes into a file.
fn logged(command: &mut Command, log: &Path) -> Child {
    let log = std::fs::File::create(log).unwrap();
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// A run with its log, that goes on for ever.
fn endless(data: &Path, out: &Path, log: &Path) -> Child {
    let mut command = example("resnet_from_scratch");
    command.arg("--data").arg(data).arg("--out").arg(out);
    command.args(["--arch", "resnet18", "--image-size", "32", "--batch-size", "8"]);
    command.args(["--epochs", "100000"]);
    logged(&mut command, log)
}

#[test]
fn signals_keep_the_state_and_say_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    let (out, log) = (folder.path().join("run"), folder.path().join("log"));
    let printed = || std::fs::read_to_string(&log).unwrap();
    let mut child = endless(&data, &out, &log);
    wait_until(&mut child, || printed().contains("epoch   2/100000"));

    // Nobody else writes into its folder meanwhile.
    let (code, _, other) = run(&mut resuming("resnet_from_scratch", &out));
    assert_eq!(code, Some(1), "{other}");
    let owner = format!("process {} writes into it", child.id());
    assert!(other.contains(&owner), "{other}");

    for (name, epochs) in [("-INT", 2), ("-TERM", 3), ("-HUP", 4)] {
        if name != "-INT" {
            let mut command = resuming("resnet_from_scratch", &out);
            child = logged(&mut command, &log);
            let epoch = format!("epoch {epochs:>3}/100000");
            wait_until(&mut child, || printed().contains(&epoch));
        }
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{}", printed());
        let line = format!("resnet_from_scratch --resume --out {}", out.display());
        assert!(printed().contains(&line), "{}", printed());
        assert!(out.join("state.safetensors").exists() && out.join("model.safetensors").exists());
    }

    // A new run does not take its place unasked.
    let mut command = example("resnet_from_scratch");
    command.arg("--data").arg(&data).arg("--out").arg(&out);
    let (code, _, refused) = run(&mut command);
    assert_eq!(code, Some(1), "{refused}");
    assert!(
        refused.contains("not finished") && refused.contains("--resume") && refused.contains("--anew"),
        "{refused}"
    );

    // The log tells of all of it, every line being one object.
    let lines = String::from_utf8(content(&out, "log.jsonl")).unwrap();
    let events = lines.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["event"].as_str().unwrap().to_owned()
    });
    let events: Vec<String> = events.collect();
    let count = |event: &str| events.iter().filter(|found| *found == event).count();
    assert_eq!((count("start"), count("end")), (3, 3));
    assert!(count("step") > 8 && count("saved") >= 6 && count("epoch") >= 4);
}

#[test]
fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    let (out, log) = (folder.path().join("run"), folder.path().join("log"));
    let printed = || std::fs::read_to_string(&log).unwrap();
    let mut command = example("resnet_from_scratch");
    command.arg("--data").arg(&data).arg("--out").arg(&out);
    // Steps of some seconds.
    command.args(["--arch", "resnet152", "--image-size", "224", "--batch-size", "16"]);
    let mut child = logged(&mut command, &log);
    wait_until(&mut child, || out.join("log.jsonl").exists());
    signal(&child, "-TERM");
    wait_until(&mut child, || printed().contains("once more to stop at once"));
    signal(&child, "-TERM");
    let asked = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{}", printed());
    assert!(asked.elapsed() < Duration::from_secs(60));
    assert!(!printed().contains("go on with it"), "{}", printed());
}

#[test]
fn photos_that_go_or_change_end_the_run_with_its_state_whole() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    let (out, log) = (folder.path().join("run"), folder.path().join("log"));
    let printed = || std::fs::read_to_string(&log).unwrap();
    let mut child = endless(&data, &out, &log);
    wait_until(&mut child, || printed().contains("epoch   2/100000"));
    let away = folder.path().join("away");
    std::fs::rename(&data, &away).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{}", printed());
    let said = printed();
    assert!(
        said.contains("has changed since the training began") && said.contains("is not there"),
        "{said}"
    );
    let (code, _, missing) = run(&mut resuming("resnet_from_scratch", &out));
    assert_eq!(code, Some(1), "{missing}");
    assert!(missing.contains("cars"), "{missing}");

    // It goes on from where the photos are now.
    let mut command = resuming("resnet_from_scratch", &out);
    command.arg("--data").arg(&away);
    let mut child = logged(&mut command, &log);
    wait_until(&mut child, || printed().contains("/100000  train loss"));
    assert!(
        printed().contains("goes on behind") && !printed().contains("epoch   1/"),
        "{}",
        printed()
    );

    // A photo that grows is another photo.
    let photo = crate::common::any_photo(&away.join("train/SUV"));
    let bytes = [std::fs::read(&photo).unwrap(), b"more".to_vec()].concat();
    std::fs::write(&photo, bytes).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{}", printed());
    assert!(
        printed().contains(&format!("{} has changed", photo.display())),
        "{}",
        printed()
    );
    let mut command = resuming("resnet_from_scratch", &out);
    let (code, _, refused) = run(command.arg("--data").arg(&away));
    assert_eq!(code, Some(1), "{refused}");
    assert!(refused.contains("list of training photos"), "{refused}");
}

/// Several trainings of one program are left, and go on where they were.
#[test]
fn a_study_goes_on_with_the_training_that_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    let begin = |out: &Path| {
        let mut command = example("shortcut_options");
        command.arg("--data").arg(&data).arg("--out").arg(out);
        command.args(["--arch-depth", "18", "--image-size", "32", "--batch-size", "8"]);
        command.args(["--epochs", "3"]);
        command
    };
    let [whole, out] = ["whole", "left"].map(|name| folder.path().join(name));
    let (code, table, log) = run(&mut begin(&whole));
    assert_eq!(code, Some(0), "{log}");
    let log = folder.path().join("log");
    let printed = || std::fs::read_to_string(&log).unwrap();
    let mut command = begin(&out);
    let mut child = logged(&mut command, &log);
    wait_until(&mut child, || {
        printed()
            .split("option B")
            .nth(1)
            .is_some_and(|log| log.contains("epoch   1/3"))
    });
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{}", printed());
    let line = format!("shortcut_options --resume --out {}", out.display());
    assert!(printed().contains(&line), "{}", printed());

    let (code, _, refused) = run(&mut begin(&out));
    assert_eq!(code, Some(1), "{refused}");
    assert!(refused.contains("not finished"), "{refused}");
    let (code, _, refused) = run(resuming("shortcut_options", &out).args(["--epochs", "9"]));
    assert_eq!(code, Some(2), "{refused}");
    assert!(refused.contains("--epochs is settled"), "{refused}");

    let (code, again, log) = run(&mut resuming("shortcut_options", &out));
    assert_eq!((code, again), (Some(0), table), "{log}");
    assert!(log.contains("goes on behind epoch 3"), "{log}");
    let names = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = names.filter(|name| name.contains("st")).collect();
    assert!(
        left.iter()
            .all(|name| !name.contains("state") && !name.contains("study")),
        "{left:?}"
    );
    let (code, _, over) = run(&mut resuming("shortcut_options", &out));
    assert_eq!(code, Some(1), "{over}");
    assert!(over.contains("no study is under way"), "{over}");
}

/// The example of an observer and a metric of one's own.
#[test]
fn an_observer_sees_gradients_and_the_page_has_a_metric_more() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_cars(folder.path());
    let out = folder.path().join("run");
    let mut command = example("observe");
    command.arg("--data").arg(&data).arg("--out").arg(&out);
    command.args(["--set", "fit.epochs=2", "--set", "data.image_size=32"]);
    let (code, printed, log) = run(command.args(["--set", "data.batch_size=8"]));
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("largest gradient ").count(), 2, "{log}");
    assert!(printed.contains("geometric mean of recalls 0."), "{printed}");
    let page = String::from_utf8(content(&out, "report.html")).unwrap();
    assert!(page.contains("Geometric mean of recalls"));
}
