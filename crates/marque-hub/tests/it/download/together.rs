//! Several at once, and one that is killed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use marque_hub::fetch;

use super::server::{Reply, Server};
use super::{Machine, content, entry_of};

/// Set for a process that is to fetch the file of [`content`] from this mirror.
const MIRROR: &str = "MARQUE_TEST_MIRROR";
const CACHE: &str = "MARQUE_TEST_CACHE";

/// Not a test of its own: what the other processes of these tests run.
#[test]
fn another_process() {
    let (Ok(mirror), Ok(cache)) = (std::env::var(MIRROR), std::env::var(CACHE)) else {
        return;
    };
    let machine = Machine::new();
    let mut options = machine.options_with(&[("MARQUE_WEIGHTS_MIRROR", &mirror)]);
    options.cache = Some(PathBuf::from(cache));
    fetch(&entry_of(&content()), &options).unwrap();
}

fn start_process(machine: &Machine, server: &Server) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "download::together::another_process"])
        .env(MIRROR, &server.url)
        .env(CACHE, machine.cache())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn threads_and_processes_that_want_one_file_fetch_it_once() {
    let (machine, content) = (Machine::new(), content());
    let entry = entry_of(&content);
    let served = content.clone();
    let server = Server::start(move |request, _| {
        std::thread::sleep(Duration::from_millis(300));
        Reply::file(&served, "\"1\"", request)
    });
    let mut processes = [start_process(&machine, &server), start_process(&machine, &server)];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fetch(&entry, &machine.options(&server)).unwrap());
        }
    });
    for process in &mut processes {
        assert!(process.wait().unwrap().success());
    }
    assert_eq!(std::fs::read(machine.cache().join(&entry.file)).unwrap(), content);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_a_killed_process_had_fetched_is_gone_on_with() {
    let (machine, content) = (Machine::new(), content());
    let entry = entry_of(&content);
    let served = content.clone();
    let server = Server::start(move |request, before| {
        let reply = Reply::file(&served, "\"1\"", request);
        if before == 0 {
            reply.stuck(1_500_000)
        } else {
            reply
        }
    });
    let mut process = start_process(&machine, &server);
    let part = machine.cache().join(format!("{}.part", entry.file));
    let start = Instant::now();
    while std::fs::metadata(&part).map_or(0, |metadata| metadata.len()) < 1_500_000 {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the process fetches nothing"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(!machine.cache().join(&entry.file).exists());

    let path = fetch(&entry, &machine.options(&server)).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].from(), Some(1_500_000));
    assert_eq!(machine.files(), [entry.file.as_str()]);
}
