//! Where an address really leads: mirrors, and the proxies on the way.

use super::options::Environment;

/// The hub's own address, for which `HF_ENDPOINT` names a mirror.
const HUB: &str = "https://huggingface.co";

/// The address at the mirror that the user has named, if any.
pub(super) fn rewrite(url: &str, environment: &Environment) -> String {
    if let (Some(mirror), Some((_, path))) = (environment.text("MARQUE_WEIGHTS_MIRROR"), split(url)) {
        return format!("{}/{path}", mirror.trim_end_matches('/'));
    }
    if let Some(endpoint) = environment.text("HF_ENDPOINT")
        && let Some(path) = url.strip_prefix(HUB)
        && path.starts_with('/')
    {
        return format!("{}{path}", endpoint.trim_end_matches('/'));
    }
    url.to_owned()
}

/// Authority and path of `https://host/path`, without the slash between them.
fn split(url: &str) -> Option<(&str, &str)> {
    let (_, rest) = url.split_once("://")?;
    rest.split_once('/')
}

/// The proxy through which an address is asked for, as the variables that curl and others know say.
pub(super) fn proxy<'a>(url: &str, environment: &'a Environment) -> Option<&'a str> {
    let names: &[&str] = if url.starts_with("https://") {
        &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
    };
    let proxy = names.iter().find_map(|name| environment.text(name))?;
    let exceptions = environment
        .text("no_proxy")
        .or_else(|| environment.text("NO_PROXY"));
    let (authority, _) = split(url)?;
    (!exceptions.is_some_and(|list| is_excepted(authority, list))).then_some(proxy)
}

/// Whether a list like `localhost,.example.org,10.0.0.1:8080` names the host or a domain that it belongs to.
fn is_excepted(authority: &str, list: &str) -> bool {
    let authority = authority.rsplit('@').next().unwrap_or(authority).to_lowercase();
    let host = without_port(&authority);
    let names = list.split(',').map(|name| name.trim().to_lowercase());
    names.filter(|name| !name.is_empty()).any(|name| {
        let domain = name.trim_start_matches('*').trim_start_matches('.');
        name == "*"
            || domain == authority
            || domain == host
            || domain == host.trim_matches(['[', ']'])
            || (!domain.is_empty() && host.ends_with(&format!(".{domain}")))
    })
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON_HUB: &str = "https://huggingface.co/timm/x/resolve/main/model.safetensors";

    #[test]
    fn mirrors_replace_scheme_and_host() {
        let mirror = Environment::from_iter([
            ("MARQUE_WEIGHTS_MIRROR", "http://mirror:8080/weights/"),
            ("HF_ENDPOINT", "https://hub.example"),
        ]);
        assert_eq!(
            rewrite("https://download.pytorch.org/models/a.pth", &mirror),
            "http://mirror:8080/weights/models/a.pth"
        );
        assert_eq!(
            rewrite(ON_HUB, &mirror),
            "http://mirror:8080/weights/timm/x/resolve/main/model.safetensors"
        );
        let hub = Environment::from_iter([("HF_ENDPOINT", "https://hub.example/")]);
        assert_eq!(
            rewrite(ON_HUB, &hub),
            "https://hub.example/timm/x/resolve/main/model.safetensors"
        );
        for url in ["https://download.pytorch.org/a", "https://huggingface.company/a"] {
            assert_eq!(rewrite(url, &hub), url);
        }
    }

    #[test]
    fn proxies_are_chosen_by_scheme_and_exceptions() {
        let both = Environment::from_iter([
            ("HTTPS_PROXY", "http://secure:1"),
            ("http_proxy", "http://plain:1"),
            ("NO_PROXY", "localhost, .example.org,10.0.0.1:80,::1"),
        ]);
        for (url, expected) in [
            ("https://huggingface.co/a", Some("http://secure:1")),
            ("http://huggingface.co/a", Some("http://plain:1")),
            ("http://localhost:8080/a", None),
            ("https://data.example.org/a", None),
            ("https://example.org/a", None),
            ("https://badexample.org/a", Some("http://secure:1")),
            ("http://10.0.0.1:80/a", None),
            ("http://10.0.0.1:81/a", Some("http://plain:1")),
            ("http://[::1]:81/a", None),
        ] {
            assert_eq!(proxy(url, &both), expected, "{url}");
        }
        let all = Environment::from_iter([("ALL_PROXY", "socks5://any:1"), ("no_proxy", "*.intern")]);
        assert_eq!(proxy("https://a.b/c", &all), Some("socks5://any:1"));
        assert_eq!(proxy("https://a.intern/c", &all), None);
        let none = Environment::from_iter([("ALL_PROXY", "socks5://any:1"), ("no_proxy", "*")]);
        assert_eq!(proxy("https://a.b/c", &none), None);
    }
}
