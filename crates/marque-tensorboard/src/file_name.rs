//! How an event file is called, so that TensorBoard finds it and reads it after those that are there.

use std::fs;
use std::io;
use std::path::Path;

/// TensorBoard takes every file with `tfevents` in its name for an event file.
const PREFIX: &str = "events.out.tfevents.";

/// The largest number of seconds that ten digits can write.
const MAX_SECONDS: u64 = 9_999_999_999;

/// The seconds for a new file's name: those of the clock, or as many as it takes to come after all event files of the folder.
///
/// TensorBoard reads files in the order of their names. Two processes within one second, or a clock that was set back,
/// would otherwise have the new file read before the one whose events it takes back.
pub(crate) fn seconds_after_all(folder: &Path, now: u64) -> io::Result<u64> {
    let mut seconds = now;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let there = name.to_str().and_then(seconds_of);
        // A file of the year 2286 is no reason to run out of digits.
        if let Some(there) = there.filter(|&there| there < MAX_SECONDS) {
            seconds = seconds.max(there + 1);
        }
    }
    Ok(seconds)
}

fn seconds_of(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.split('.').next()?.parse().ok()
}

/// `events.out.tfevents.<seconds>.<host>.<pid>.<n>`.
pub(crate) fn file_name(seconds: u64, host: &str, number: u64) -> String {
    format!("{PREFIX}{seconds:010}.{host}.{}.{number}", std::process::id())
}

/// The name of this machine, as far as it can be had without the C library: it only helps people to tell files apart.
pub(crate) fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .unwrap_or_default();
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || "-_.".contains(*character);
    let plain: String = name.trim().chars().filter(is_plain).take(64).collect();
    if plain.is_empty() {
        "localhost".to_owned()
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_come_after_all_files_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let seconds = |now| seconds_after_all(folder.path(), now).unwrap();
        assert_eq!(seconds(1_800_000_000), 1_800_000_000);
        for name in [
            "events.out.tfevents.1800000007.host.1.0",
            "events.out.tfevents.9999999999.host.1.0",
            "events.out.tfevents.18446744073709551615.host.1.0",
            "events.out.tfevents.soon",
            "metrics.json",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(seconds(1_800_000_000), 1_800_000_008);
        assert_eq!(seconds(1_800_000_009), 1_800_000_009);
    }

    #[test]
    fn a_host_has_a_name_without_separators() {
        let host = host();
        assert!(
            !host.is_empty() && !host.contains(['/', '\\', ' ', '\n']),
            "{host:?}"
        );
    }
}
