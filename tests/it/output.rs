//! Programs whose output nobody takes: a reader that has gone, a disk that is full, a terminal that was closed.

#![cfg(all(
    feature = "download",
    feature = "report",
    feature = "train",
    target_os = "linux"
))]

use crate::common::{example, synthetic_cars, training};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, Stdio};

/// Makes where a program's output goes.
type Stream = fn() -> Stdio;

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// A disk without room.
fn full() -> Stdio {
    File::create("/dev/full").unwrap().into()
}

/// The exit code and what was said on the standard error stream.
fn ended(command: &mut Command) -> (Option<i32>, String) {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!log.contains("panicked"), "{command:?}\n{log}");
    (output.status.code(), log)
}

#[test]
fn a_run_is_written_whole_whoever_reads_its_output() {
    let folder = tempfile::tempdir().unwrap();
    let cars = synthetic_cars(folder.path());
    // A name that is no text: neither the data nor the run need one.
    let name = OsString::from_vec(b"caf\xe9 \xff".to_vec());
    let data = folder.path().join(&name);
    std::fs::rename(&cars, &data).unwrap();
    let outputs: [(&[u8], Stream, Stream); 2] =
        [(b"closed", closed, closed), (b"full \xfe", full, Stdio::piped)];
    for (out, stdout, stderr) in outputs {
        let out = OsStr::from_bytes(out);
        let mut command = training(&data, &folder.path().join(out), "1");
        let result = command.stdout(stdout()).stderr(stderr()).output().unwrap();
        let log = String::from_utf8_lossy(&result.stderr);
        assert_eq!(result.status.code(), Some(0), "{log}");
        for file in [
            "model.safetensors",
            "report.txt",
            "report.html",
            "predictions.csv",
            "run.json",
        ] {
            assert!(folder.path().join(out).join(file).is_file(), "{out:?} {file}");
        }
        // Where there is anybody to tell.
        let said = "cannot write to the standard output: No space left on device (os error 28); all results have been written";
        assert_eq!(log.contains(said), out.as_bytes() != b"closed", "{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
    lines_of_answers(&folder.path().join("closed/model.safetensors"), &data);
}

/// What is only said is lost where it cannot be said: that is an error, but for a reader who has seen enough.
fn lines_of_answers(model: &std::path::Path, data: &std::path::Path) {
    let photo = crate::common::any_photo(&data.join("test/Van"));
    for json in [false, true] {
        let classify = || {
            let mut command = example("classify");
            command.arg("--model").arg(model).arg(&photo).arg(&photo);
            command.args(json.then_some("--json"));
            command
        };
        assert_eq!(ended(classify().stdout(closed())), (Some(0), String::new()));
        let (code, log) = ended(classify().stdout(full()));
        assert_eq!(code, Some(1));
        assert_eq!(
            log,
            "error: cannot write to the standard output: No space left on device (os error 28)\n"
        );
    }
}

#[test]
fn programs_without_a_reader_end_quietly_and_write_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).into_os_string();
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let with = |mut arguments: Vec<OsString>, flag: &str, file: OsString| {
        arguments.extend([flag.into(), file]);
        arguments
    };
    std::fs::write(path("p.csv"), "0.75,0.25\n0.25,0.75\n").unwrap();
    std::fs::write(path("y.csv"), "0\n1\n").unwrap();
    let small = [
        "--depth",
        "3",
        "--width",
        "4",
        "--image-size",
        "8",
        "--batch-size",
        "2",
    ];
    let scores = with(
        with(Vec::new(), "--scores", path("p.csv")),
        "--labels",
        path("y.csv"),
    );
    // What each does without a reader, and with a full disk.
    let programs = [
        ("inspect", words(&["--arch", "resnet18"]), None, 1),
        ("inspect", words(&["--arch", "resnet18", "--json"]), None, 1),
        ("inspect", words(&["--arch", "resnet18", "--modules"]), None, 1),
        (
            "inspect",
            with(words(&["--arch", "resnet18"]), "--svg", path("a.svg")),
            Some("a.svg"),
            1,
        ),
        (
            "initial_weights",
            with(
                words(&["--arch", "resnet18", "--classes", "2"]),
                "--out",
                path("w.safetensors"),
            ),
            Some("w.safetensors"),
            0,
        ),
        (
            "convert",
            with(
                with(Vec::new(), "--from", path("w.safetensors")),
                "--to",
                path("w.pth"),
            ),
            Some("w.pth"),
            0,
        ),
        (
            "evaluate_scores",
            with(scores, "--json", path("m.json")),
            Some("m.json"),
            0,
        ),
        (
            "synthetic_cars",
            with(
                words(&["--train-per-class", "1", "--test-per-class", "1"]),
                "--out",
                path("cars"),
            ),
            Some("cars/train"),
            0,
        ),
        (
            "gradient_flow",
            with(words(&small), "--out", path("g")),
            Some("g/products.csv"),
            0,
        ),
    ];
    for (program, arguments, file, with_full_disk) in &programs {
        for (stdout, expected) in [(closed as Stream, 0), (full, *with_full_disk)] {
            let (code, log) = ended(example(program).args(arguments).stdout(stdout()));
            assert_eq!(code, Some(expected), "{program} {arguments:?}\n{log}");
            if let Some(file) = file {
                assert!(folder.path().join(file).exists(), "{program} {file}");
            }
            if *program == "synthetic_cars" {
                std::fs::remove_dir_all(folder.path().join("cars")).unwrap();
            }
        }
    }
    assert_eq!(programs.len(), 9);
    // Nobody to tell of an error, either.
    let missing = example("inspect")
        .args(["--arch", "resnet35"])
        .stderr(closed())
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(1));
}
