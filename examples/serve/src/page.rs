//! The page: that of `marque-page`, which asks this server in place of an engine in the browser. It asks nobody else.

use axum::http::header;
use axum::response::{IntoResponse, Response};

macro_rules! of_the_page {
    ($name:literal) => {
        include_str!(concat!("../../../crates/marque-page/static/", $name))
    };
}

const INDEX: &str = of_the_page!("index.html");
const STYLE: &str = of_the_page!("page.css");
const SCRIPT: &str = of_the_page!("page.js");
const ENGINE: &str = include_str!("engine.js");

/// What is otherwise in a page that asks a server: there is no model to load, and there is somebody to ask.
const CHANGES: [(&str, &str); 2] = [
    ("<script src=\"model.js\" defer></script>\n", ""),
    ("connect-src 'none'", "connect-src 'self'"),
];

/// Nothing is loaded from elsewhere, and nobody else's page may show this one as its own.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src blob: data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn file(kind: &'static str, content: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, content).into_response()
}

pub(crate) async fn page() -> Response {
    let text = CHANGES.iter().fold(INDEX.to_owned(), |text, (before, after)| {
        text.replace(before, after)
    });
    file("text/html; charset=utf-8", text)
}

pub(crate) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT)
}

pub(crate) async fn engine() -> Response {
    file("text/javascript; charset=utf-8", ENGINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_otherwise_stands_in_the_page_once() {
        for (before, _) in CHANGES {
            assert_eq!(INDEX.matches(before).count(), 1, "{before}");
        }
    }
}
