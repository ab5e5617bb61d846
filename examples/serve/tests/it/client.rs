//! HTTP as bytes, so that it can also be spoken wrongly.

use serde_json::Value;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn is_last(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

/// A connection.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    pub(crate) fn get(&mut self, path: &str) -> io::Result<Response> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: test"), None)?;
        self.response()
    }

    pub(crate) fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> io::Result<Response> {
        self.send(
            &format!("POST {path} HTTP/1.1\r\nHost: test{headers}"),
            Some(body),
        )?;
        self.response()
    }

    pub(crate) fn send(&mut self, head: &str, body: Option<&[u8]>) -> io::Result<()> {
        let mut bytes = head.as_bytes().to_vec();
        if let Some(body) = body {
            bytes.extend(format!("\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
            bytes.extend(body);
        } else {
            bytes.extend(b"\r\n\r\n");
        }
        self.0.write_all(&bytes)
    }

    /// The next answer; an error if the connection ends before it is complete.
    pub(crate) fn response(&mut self) -> io::Result<Response> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = head_end {
                let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
                let mut response = Response {
                    status: status.ok_or(ErrorKind::InvalidData)?,
                    head,
                    body: bytes[end + 4..].to_vec(),
                };
                let length = response.header("content-length");
                let length: usize = length.map_or(0, |length| length.parse().unwrap());
                while response.body.len() < length {
                    match self.0.read(&mut buffer)? {
                        0 => return Err(ErrorKind::UnexpectedEof.into()),
                        count => response.body.extend(&buffer[..count]),
                    }
                }
                return Ok(response);
            }
            match self.0.read(&mut buffer)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => bytes.extend(&buffer[..count]),
            }
        }
    }
}

/// A multipart body with the header that goes with it.
pub(crate) fn multipart(photos: &[(&str, &[u8])]) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    for (name, bytes) in photos {
        let head = format!(
            "--frontier\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"{name}\"\r\n\r\n"
        );
        body.extend(head.as_bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--frontier--\r\n");
    ("\r\nContent-Type: multipart/form-data; boundary=frontier", body)
}
