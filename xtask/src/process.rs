//! Running other programs: shown, timed, and with errors that say what was run.

use crate::terminal::note;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs a command with this program's own input and output; its failure is an error that quotes it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// As [`run`], and gives the lines of the standard error stream that begin with `prefix`, without it, each once.
pub(crate) fn run_and_collect(command: &mut Command, prefix: &str) -> Result<Vec<String>> {
    let line = describe(command);
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let mut collected = Vec::new();
    for said in child
        .stderr
        .take()
        .into_iter()
        .flat_map(|stream| BufReader::new(stream).split(b'\n'))
    {
        let said = said.with_context(|| format!("cannot read what `{line}` says"))?;
        let said = String::from_utf8_lossy(&said);
        note!("{said}");
        if let Some(found) = said.strip_prefix(prefix)
            && !collected.iter().any(|known| known == found)
        {
            collected.push(found.to_owned());
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(collected)
}

/// As [`run`], but a command that takes longer than `limit` is ended, which is an error too.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let line = describe(command);
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("`{line}` took longer than {} and was ended", readable(limit));
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// What a command prints, trimmed; `None` when it cannot start or fails.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as a reader would type it, with the variables that it sets.
pub(crate) fn describe(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!(
                "{}={}",
                name.to_string_lossy(),
                quote(&value.to_string_lossy())
            ));
        }
    }
    let program = command.get_program().to_string_lossy();
    // Cargo is known by its full path here; the reader calls it by its name.
    words.push(program.rsplit('/').next().unwrap_or(&program).to_owned());
    words.extend(
        command
            .get_args()
            .map(|argument| quote(&argument.to_string_lossy())),
    );
    words.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=:,+%@".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A step of a longer job: its name before, the time that it took after.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    note!("── {name}");
    let start = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "failed" };
    note!("── {name}: {outcome} in {}\n", readable(start.elapsed()));
    result
}

/// A duration as people say it: `0.4 s`, `12 s`, `3 min 07 s`.
pub(crate) fn readable(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    if whole < 60 {
        format!("{whole} s")
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_described_so_that_it_can_be_pasted() {
        let mut command = Command::new("/opt/bin/cargo");
        command
            .env("RUSTDOCFLAGS", "-D warnings")
            .args(["doc", "--no-deps", "it's"]);
        assert_eq!(
            describe(&command),
            r"RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'it'\''s'"
        );
    }

    #[test]
    fn durations_read_well() {
        let shown = [0.04, 9.94, 9.96, 59.4, 59.6, 187.0].map(|s| readable(Duration::from_secs_f64(s)));
        assert_eq!(
            shown,
            ["0.0 s", "9.9 s", "10 s", "59 s", "1 min 00 s", "3 min 07 s"]
        );
    }

    #[test]
    fn a_failing_command_is_an_error_that_names_it() {
        let error = run(Command::new("sh").args(["-c", "exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("sh -c 'exit 3'") && error.contains('3'), "{error}");
        let error = run(&mut Command::new("no-such-program-here"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("cannot start `no-such-program-here`"), "{error}");
    }

    #[test]
    fn lines_with_a_prefix_are_collected_once() {
        let script = "echo 'left: no' ; echo one >&2; for _ in 1 2; do echo 'left: a b' >&2; done; printf 'left: \\377' >&2";
        let collected = run_and_collect(Command::new("sh").args(["-c", script]), "left: ").unwrap();
        assert_eq!(collected, ["a b", "\u{fffd}"]);
        let failed = run_and_collect(Command::new("sh").args(["-c", "exit 3"]), "x");
        assert!(failed.unwrap_err().to_string().contains("sh -c 'exit 3'"));
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended() {
        let limit = Duration::from_millis(300);
        let start = Instant::now();
        let error = run_within(Command::new("sleep").arg("60"), limit)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "`sleep 60` took longer than 0.3 s and was ended");
        assert!(start.elapsed() < Duration::from_secs(30));
        assert!(run_within(&mut Command::new("true"), Duration::from_secs(60)).is_ok());
        assert!(run_within(&mut Command::new("false"), Duration::from_secs(60)).is_err());
    }
}
