//! The DevTools protocol over two pipes: JSON messages, each ended by a zero byte.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Error;

/// How long an answer may take: seconds, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the browser may take to end by itself before it is ended.
const FAREWELL: Duration = Duration::from_secs(5);

/// Chromium reads commands from descriptor 3 and writes answers to 4; a shell puts the pipes there.
const PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

const OPTIONS: [&str; 20] = [
    "--remote-debugging-pipe",
    "--headless=new",
    // Chromium's sandbox refuses to run as root, as which containers run; only files of the tests are opened.
    "--no-sandbox",
    "--disable-gpu",
    // Containers often have 64 MB of shared memory only.
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-features=Translate,MediaRouter,OptimizationHints",
    "--mute-audio",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    // Whatever a page asks for, nothing leaves this machine; a server of the test is on it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// A running browser.
pub(super) struct Connection {
    child: Child,
    /// To the thread that writes, so that a browser that does not read cannot block a test; `None` at the end.
    commands: Option<Sender<Vec<u8>>>,
    answers: Receiver<Value>,
    last_id: u64,
    events: Vec<Value>,
    /// Profile, home folder and standard error of the browser, removed with it.
    folder: TempDir,
}

impl Connection {
    pub(super) fn start(program: &Path) -> Result<Self, Error> {
        let folder = TempDir::with_prefix("marque-browser-").map_err(file_error(std::env::temp_dir()))?;
        let words = folder.path().join("stderr.txt");
        let stderr = std::fs::File::create(&words).map_err(file_error(words))?;
        let mut command = Command::new("sh");
        command
            .args(["-c", PIPES])
            .arg(program)
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .arg("about:blank")
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        in_a_group_of_its_own(&mut command);
        let start_error = |source| Error::Start {
            program: program.to_owned(),
            source,
        };
        let mut child = command.spawn().map_err(start_error)?;
        let missing = || start_error(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        Ok(Self {
            child,
            commands: Some(writer(input)),
            answers: reader(output),
            last_id: 0,
            events: Vec::new(),
            folder,
        })
    }

    /// Asks, and waits for the answer.
    pub(super) fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, Error> {
        let id = self.send(session, method, parameters);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Some(mut answer) = self.receive(method, deadline)? else {
                continue;
            };
            // An answer to an earlier question came too late for it.
            if answer["id"] != id {
                continue;
            }
            if let Some(error) = answer.get("error") {
                return Err(Error::Refused {
                    method: method.to_owned(),
                    message: error["message"].as_str().unwrap_or_default().to_owned(),
                });
            }
            return Ok(answer["result"].take());
        }
    }

    /// Waits for an event of a session that is not older than the `first`-th event.
    pub(super) fn wait_for(&mut self, session: &str, method: &str, first: usize) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        let is_here = |event: &Value| event["method"] == method && event["sessionId"] == session;
        while !self.events.iter().skip(first).any(is_here) {
            self.receive(method, deadline)?;
        }
        Ok(())
    }

    /// What has happened since the browser started.
    pub(super) fn events(&self) -> &[Value] {
        &self.events
    }

    fn send(&mut self, session: Option<&str>, method: &str, parameters: Value) -> u64 {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        if let Some(commands) = &self.commands {
            // A browser that has ended is noticed by the one who waits for the answer.
            let _sent = commands.send(bytes);
        }
        self.last_id
    }

    /// An answer, or `None` after an event, which is kept.
    fn receive(&mut self, method: &str, deadline: Instant) -> Result<Option<Value>, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.answers.recv_timeout(left) {
            Ok(message) if message.get("id").is_some() => Ok(Some(message)),
            Ok(event) => {
                self.events.push(event);
                Ok(None)
            }
            Err(RecvTimeoutError::Timeout) => Err(Error::Timeout {
                method: method.to_owned(),
                seconds: PATIENCE.as_secs(),
            }),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Ended {
                method: method.to_owned(),
                last_words: self.last_words(),
            }),
        }
    }

    fn last_words(&self) -> String {
        let said = std::fs::read(self.folder.path().join("stderr.txt")).unwrap_or_default();
        let text = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.send(None, "Browser.close", json!({}));
        self.commands = None;
        // The pipe closes when the last process that holds it has ended.
        let deadline = Instant::now() + FAREWELL;
        while self
            .answers
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .is_ok()
        {}
        // The child is not waited for before: until then its number, which is its group's too, is not given again.
        end_group(self.child.id());
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

pub(super) fn file_error(path: PathBuf) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::File { path, source }
}

#[cfg(unix)]
fn in_a_group_of_its_own(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn in_a_group_of_its_own(_command: &mut Command) {}

/// Ends helpers that the browser may have left.
fn end_group(group: u32) {
    let mut command = Command::new("kill");
    command.args(["-KILL", "--", &format!("-{group}")]);
    let _status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

fn writer(mut input: ChildStdin) -> Sender<Vec<u8>> {
    let (sender, messages) = mpsc::channel::<Vec<u8>>();
    thread::spawn(move || {
        for message in messages {
            if input.write_all(&message).is_err() {
                break;
            }
        }
    });
    sender
}

fn reader(output: ChildStdout) -> Receiver<Value> {
    let (sender, messages) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        while output.read_until(0, &mut bytes).is_ok_and(|count| count > 0) {
            let message = serde_json::from_slice(bytes.strip_suffix(&[0]).unwrap_or(&bytes));
            bytes.clear();
            // What is no JSON is no answer; the one who waits for one is told so by the clock.
            let Ok(message) = message else { continue };
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    messages
}
