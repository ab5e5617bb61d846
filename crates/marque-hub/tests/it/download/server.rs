//! A server on this machine that can misbehave as the world's do.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The start out of `bytes=5-`.
    pub(crate) fn from(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }
}

/// How the body goes out after the headers.
pub(crate) enum Body {
    Whole(Vec<u8>),
    /// Only so many bytes, whatever the headers promise.
    Cut(Vec<u8>, usize),
    /// So many bytes, and then silence until the client goes.
    Stuck(Vec<u8>, usize),
    /// Until the client goes.
    Endless,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: vec![("Content-Length", "0".to_owned())],
            body: Body::Whole(Vec::new()),
        }
    }

    pub(crate) fn whole(content: &[u8]) -> Self {
        Self {
            status: 200,
            headers: vec![("Content-Length", content.len().to_string())],
            body: Body::Whole(content.to_vec()),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What a good server answers: ranges, and whether the file is still the one that the client has part of.
    pub(crate) fn file(content: &[u8], etag: &str, request: &Request) -> Self {
        let same = request.header("if-range").is_none_or(|known| known == etag);
        let reply = match request.from() {
            Some(from) if same && from < content.len() => {
                let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
                Self {
                    status: 206,
                    ..Self::whole(&content[from..])
                }
                .with("Content-Range", range)
            }
            Some(_) if same => Self::status(416),
            _ => Self::whole(content),
        };
        reply.with("ETag", etag)
    }

    /// Breaks off after so many bytes of the body.
    pub(crate) fn cut(mut self, after: usize) -> Self {
        if let Body::Whole(content) = self.body {
            self.body = Body::Cut(content, after);
        }
        self
    }

    /// Falls silent after so many bytes of the body.
    pub(crate) fn stuck(mut self, after: usize) -> Self {
        if let Body::Whole(content) = self.body {
            self.body = Body::Stuck(content, after);
        }
        self
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers each request with what `handler` makes of it and of the number of requests before it.
    pub(crate) fn start(handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let handler = Arc::new(handler);
        let acceptor = std::thread::spawn({
            let (requests, stopped) = (requests.clone(), stopped.clone());
            move || {
                for stream in listener.incoming() {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let (handler, requests, stopped) = (handler.clone(), requests.clone(), stopped.clone());
                    std::thread::spawn(move || serve(stream.unwrap(), &*handler, &requests, &stopped));
                }
            }
        });
        Self {
            url,
            requests,
            stopped,
            acceptor: Some(acceptor),
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the acceptor; that it may be gone already is all right.
        let woken = TcpStream::connect(self.url.trim_start_matches("http://"));
        if let (Ok(_), Some(acceptor)) = (woken, self.acceptor.take()) {
            acceptor.join().unwrap();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    handler: &(impl Fn(&Request, usize) -> Reply + ?Sized),
    requests: &Mutex<Vec<Request>>,
    stopped: &AtomicBool,
) {
    let Some(request) = read(&stream) else { return };
    let before = {
        let mut requests = requests.lock().unwrap();
        requests.push(request.clone());
        requests.len() - 1
    };
    let reply = handler(&request, before);
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    // The client may go at any time: that is its right, and the end of the answer.
    if stream.write_all(head.as_bytes()).is_err() {
        return;
    }
    let sent = match reply.body {
        Body::Whole(content) => stream.write_all(&content),
        Body::Cut(content, after) => stream.write_all(&content[..after]),
        Body::Stuck(content, after) => {
            let sent = stream.write_all(&content[..after]);
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let gone = |stream: &TcpStream| match stream.peek(&mut [0]) {
                Ok(count) => count == 0,
                Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            };
            while !gone(&stream) && !stopped.load(Ordering::SeqCst) {}
            sent
        }
        Body::Endless => loop {
            if let Err(error) = stream.write_all(&[7; 65_536]) {
                break Err(error);
            }
        },
    };
    drop(sent);
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    });
    Some(Request {
        method,
        target,
        headers: headers.collect(),
    })
}
