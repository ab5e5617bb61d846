//! Disks that are full or take nothing.

#![cfg(target_os = "linux")]

use crate::common::{After, assert_same, photos, quiet, run};
use marque_run::Run;
use marque_testkit::skip;
use marque_train::{Error, Event};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A file system of 20 MB.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, and a line that says so, where none may be mounted.
    fn mounted() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=20m", "tmpfs"]);
        let mounted = command.arg(folder.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        skip("full and read-only disks: mounting a file system of 20 MB needs root");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, how: &str) {
        let how = format!("remount,{how}");
        let mut command = Command::new("mount");
        let remounted = command.args(["-o", how.as_str()]).arg(self.path()).status();
        assert!(remounted.unwrap().success());
    }

    /// Writes until there is no room.
    fn fill(&self) {
        let mut file = File::create(self.path().join("filler")).unwrap();
        let block = vec![1; 1 << 16];
        while file.write_all(&block).is_ok() {}
        while file.write_all(&[1]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn a_disk_that_fills_ends_the_run_with_its_state_whole() {
    let Some(disk) = SmallDisk::mounted() else { return };
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let whole = run(photos.path(), &folder.path().join("whole"));
    let whole = whole.start_with(&mut quiet).unwrap();
    let out = disk.path().join("run");
    let mut notes = String::new();
    let mut filling = |event: &Event<'_>| {
        match event {
            Event::EpochStart { epoch: 3, .. } => disk.fill(),
            Event::Note(text) => notes += text,
            _ => {}
        }
        Ok(())
    };
    let error = run(photos.path(), &out).start_with(&mut filling).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("No space left") && error.contains("safetensors"),
        "{error}"
    );
    assert!(
        notes.contains("what was kept of the training's state is whole"),
        "{notes}"
    );
    let names = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.collect();
    assert!(names.iter().all(|name| !name.starts_with(".part-")), "{names:?}");
    std::fs::remove_file(disk.path().join("filler")).unwrap();
    let done = Run::resume(&out).unwrap().start_with(&mut quiet).unwrap();
    assert_same(&done, &whole);
}

#[test]
fn a_disk_that_takes_nothing_is_known_before_anything_is_read() {
    let Some(disk) = SmallDisk::mounted() else { return };
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let out = disk.path().join("run");
    disk.remount("ro");
    let mut events = 0;
    let mut counting = |_: &Event<'_>| {
        events += 1;
        Ok(())
    };
    let error = run(photos.path(), &out).start_with(&mut counting).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("Read-only") && error.contains("run"), "{error}");
    assert_eq!(events, 0, "nothing was read");
    disk.remount("rw");
    run(photos.path(), &out).start_with(&mut After(4)).unwrap_err();
    disk.remount("ro");
    let error = Run::resume(&out).unwrap().start_with(&mut quiet).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("Read-only"), "{error}");
    disk.remount("rw");
    let done = Run::resume(&out).unwrap().start_with(&mut quiet).unwrap();
    let whole = run(photos.path(), &folder.path().join("whole"));
    assert_same(&done, &whole.start_with(&mut quiet).unwrap());
}

/// A log on a full disk ends alone, or with the run where all are needed.
#[test]
fn a_log_that_cannot_be_written_ends_the_run_only_where_it_is_needed() {
    let (photos, folder) = (photos(), tempfile::tempdir().unwrap());
    let out = folder.path().join("run");
    let log = out.join("log.jsonl");
    let mut notes = String::new();
    let mut observer = |event: &Event<'_>| -> Result<(), Error> {
        match event {
            Event::Start(_) => symlink("/dev/full", &log).unwrap(),
            Event::Note(text) => notes += text,
            _ => {}
        }
        Ok(())
    };
    let needed = run(photos.path(), &out).need_logs(true);
    let error = needed.start_with(&mut observer).unwrap_err().to_string();
    assert!(
        error.contains("log.jsonl") && error.contains("No space left"),
        "{error}"
    );
    run(photos.path(), &out).anew().start_with(&mut observer).unwrap();
    assert!(
        notes.contains("log.jsonl ends here, the run goes on") && notes.matches("ends here").count() == 1,
        "{notes}"
    );
}
