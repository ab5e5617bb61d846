//! What is answered at which address.

use crate::app::App;
use crate::classify::classify;
use crate::page;
use crate::problem::{Problem, json};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;

/// All addresses.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::page).fallback(get_alone))
        .route("/page.css", get(page::style).fallback(get_alone))
        .route("/page.js", get(page::script).fallback(get_alone))
        .route("/engine.js", get(page::engine).fallback(get_alone))
        .route("/classify", post(classify).fallback(post_alone))
        .route("/healthz", get(health).fallback(get_alone))
        .route("/metrics", get(metrics).fallback(get_alone))
        .fallback(nothing)
        .with_state(app)
}

/// The address as the metrics call it: what clients make up must not become labels.
pub(crate) fn label(path: &str) -> &'static str {
    match path {
        "/" => "/",
        "/page.css" => "/page.css",
        "/page.js" => "/page.js",
        "/engine.js" => "/engine.js",
        "/classify" => "/classify",
        "/healthz" => "/healthz",
        "/metrics" => "/metrics",
        _ => "other",
    }
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let model = app.slot.current();
    let card = model.classifier.card();
    json(
        StatusCode::OK,
        &serde_json::json!({
            "status": "ok",
            "model": model.id,
            "classes": card.class_names,
            "image_size": { "height": card.preprocess.image_size.height, "width": card.preprocess.image_size.width },
        }),
    )
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, app.metrics.text(&app.now())).into_response()
}

async fn nothing(State(app): State<Arc<App>>, request: Request) -> Problem {
    app.reader.discard(request.into_body()).await;
    Problem::NoSuchAddress
}

async fn get_alone(state: State<Arc<App>>, request: Request) -> Problem {
    wrong_method("GET, HEAD", state, request).await
}

async fn post_alone(state: State<Arc<App>>, request: Request) -> Problem {
    wrong_method("POST", state, request).await
}

async fn wrong_method(expected: &'static str, State(app): State<Arc<App>>, request: Request) -> Problem {
    let found = request.method().as_str().chars().take(30).collect();
    app.reader.discard(request.into_body()).await;
    Problem::Method { expected, found }
}
