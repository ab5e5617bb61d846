//! One request: redirects, proxies, and what the answer's headers say.

use std::io::Read;

use ureq::http::{HeaderMap, Response, header};
use ureq::tls::{RootCerts, TlsConfig};

use super::options::FetchOptions;
use super::{Error, mirror};

const MAX_REDIRECTS: usize = 10;

/// What is asked for beside the address: the rest of a file, if it is still the same one.
pub(super) struct Rest<'a> {
    pub(super) from: u64,
    pub(super) validator: Option<&'a str>,
}

/// What a server has begun to send.
pub(super) struct Answer {
    /// Where it comes from at last.
    pub(super) url: String,
    pub(super) status: u16,
    /// What tells this version of the file from another: a strong ETag, or the time of the last change.
    pub(super) validator: Option<String>,
    /// Where the body belongs in the file, when it is a part.
    pub(super) from: Option<u64>,
    /// Size of the whole file.
    pub(super) total: Option<u64>,
    /// The SHA-256 that the Hugging Face hub announces, on the way or at the end of it.
    pub(super) announced: Option<String>,
    pub(super) body: Box<dyn Read>,
}

pub(super) fn get(url: &str, rest: Option<&Rest>, options: &FetchOptions) -> Result<Answer, Error> {
    let mut current = url.to_owned();
    let mut announced = None;
    for _ in 0..=MAX_REDIRECTS {
        let response = request(&current, rest, options)?;
        announced = announced.or_else(|| announced_sha256(response.headers()));
        let status = response.status().as_u16();
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return Ok(answer(current, status, announced, response));
        }
        let target = text(response.headers(), header::LOCATION.as_str()).and_then(|to| resolve(&current, to));
        let target = target.ok_or_else(|| Error::Redirects { url: url.to_owned() })?;
        if current.starts_with("https://") && !target.starts_with("https://") {
            return Err(Error::Downgrade { url: current, target });
        }
        current = target;
    }
    Err(Error::Redirects { url: url.to_owned() })
}

fn request(url: &str, rest: Option<&Rest>, options: &FetchOptions) -> Result<Response<ureq::Body>, Error> {
    let failed = |source| Error::Connection {
        url: url.to_owned(),
        source: Box::new(source),
    };
    let agent = agent(url, options).map_err(failed)?;
    let mut request = agent.get(url);
    if let Some(rest) = rest {
        request = request.header(header::RANGE, format!("bytes={}-", rest.from));
        if let Some(validator) = rest.validator {
            request = request.header(header::IF_RANGE, validator);
        }
    }
    request.call().map_err(failed)
}

/// The trust of the operating system holds, so that a company's own certificates do; on Linux SSL_CERT_FILE too.
fn agent(url: &str, options: &FetchOptions) -> Result<ureq::Agent, ureq::Error> {
    let proxy = match mirror::proxy(url, &options.environment) {
        Some(proxy) if proxy.contains("://") => Some(ureq::Proxy::new(proxy)?),
        Some(proxy) => Some(ureq::Proxy::new(&format!("http://{proxy}"))?),
        None => None,
    };
    let patience = Some(options.patience);
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // Redirects are followed above, where their headers can be seen and their targets judged.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        .tls_config(
            TlsConfig::builder()
                .root_certs(RootCerts::PlatformVerifier)
                .build(),
        )
        .user_agent(concat!("marque-weights/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_connect(patience)
        .timeout_recv_response(patience)
        .timeout_per_read(patience)
        .build();
    Ok(config.new_agent())
}

fn answer(url: String, status: u16, announced: Option<String>, response: Response<ureq::Body>) -> Answer {
    let headers = response.headers();
    let etag = text(headers, header::ETAG.as_str()).filter(|etag| !etag.starts_with("W/"));
    let validator = etag.or_else(|| text(headers, header::LAST_MODIFIED.as_str()));
    let length = text(headers, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    let (from, total) = match text(headers, header::CONTENT_RANGE.as_str()).and_then(content_range) {
        Some((from, total)) if status == 206 => (Some(from), total),
        _ => (None, length),
    };
    Answer {
        url,
        status,
        validator: validator.map(str::to_owned),
        from,
        total,
        announced,
        body: Box::new(response.into_body().into_reader()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Start and whole size out of `bytes 5-9/10` or `bytes 5-9/*`.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.parse().ok()?, total.parse().ok()))
}

/// The hub names a large file's SHA-256 in the answer that redirects to its store.
fn announced_sha256(headers: &HeaderMap) -> Option<String> {
    let sum = text(headers, "x-linked-etag")?.trim_matches('"').to_lowercase();
    (sum.len() == 64 && sum.chars().all(|digit| digit.is_ascii_hexdigit())).then_some(sum)
}

/// The absolute address that `to` means in an answer from `url`.
fn resolve(url: &str, to: &str) -> Option<String> {
    let to = to.split('#').next().unwrap_or(to);
    if to.starts_with("http://") || to.starts_with("https://") {
        return Some(to.to_owned());
    }
    let (scheme, rest) = url.split_once("://")?;
    if let Some(elsewhere) = to.strip_prefix("//") {
        return Some(format!("{scheme}://{elsewhere}"));
    }
    if to.is_empty() || to.split('/').next().is_some_and(|first| first.contains(':')) {
        return None;
    }
    let authority = rest.split('/').next()?;
    if to.starts_with('/') {
        return Some(format!("{scheme}://{authority}{to}"));
    }
    let path = rest.split(['?', '#']).next()?;
    let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
    Some(format!("{scheme}://{folder}/{to}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_the_address_says() {
        let from = "https://a.b/c/d?e=/f";
        for (to, expected) in [
            ("https://x.y/z", Some("https://x.y/z")),
            ("//x.y/z", Some("https://x.y/z")),
            ("/z?q#f", Some("https://a.b/z?q")),
            ("z", Some("https://a.b/c/z")),
            ("ftp://x.y/z", None),
            ("file:///etc/passwd", None),
            ("javascript:1", None),
            ("", None),
        ] {
            assert_eq!(resolve(from, to).as_deref(), expected, "{to}");
        }
    }

    #[test]
    fn ranges_are_read_or_refused() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for nonsense in ["bytes */10", "5-9/10", "bytes -9/10", "bytes 5-9", ""] {
            assert_eq!(content_range(nonsense), None, "{nonsense}");
        }
    }
}
