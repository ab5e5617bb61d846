//! `POST /classify`: a photo as the body, or several as `multipart/form-data`.

use crate::app::App;
use crate::body::Held;
use crate::job::{Job, Outcome, Photo};
use crate::model::Model;
use crate::multipart;
use crate::names;
use crate::problem::{Problem, Told, json, with_status_of};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// Classes that are named for each photo, unless the query says otherwise.
const TOP: usize = 5;

/// What is said of all photos of a request.
#[derive(Serialize)]
struct Answers {
    /// Which model answered.
    model: String,
    answers: Vec<Answer>,
    /// The first of the problems, if no photo could be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Told>,
}

/// What is said of one photo.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Classes {
        photo: String,
        label: String,
        probability: f64,
        top: Vec<Class>,
    },
    Error {
        photo: String,
        error: Told,
    },
}

/// The probability is given as the double of the same value, as `classify --json` gives it.
#[derive(Serialize)]
struct Class {
    label: String,
    probability: f64,
}

/// Answers a request, whatever is wrong with it.
pub(crate) async fn classify(State(app): State<Arc<App>>, request: Request) -> Response {
    let began = std::time::Instant::now();
    let (head, mut body) = request.into_parts();
    let response = match photos(&app, &head, &mut body).await {
        Ok((top, photos)) => answer(&app, top, photos).await,
        Err(problem) => {
            app.metrics.photo(problem.kind());
            app.reader.discard(body).await;
            Err(problem)
        }
    };
    app.metrics.classify_seconds.observe(began.elapsed());
    response.unwrap_or_else(Problem::into_response)
}

/// Reads what is asked.
async fn photos(app: &App, head: &Parts, body: &mut Body) -> Result<(usize, Vec<Photo>), Problem> {
    let top = top(head.uri.query().unwrap_or_default())?;
    let encoding = text(head, &header::CONTENT_ENCODING);
    if !encoding.is_empty() && encoding != "identity" {
        return Err(Problem::Encoded {
            found: encoding.chars().take(100).collect(),
        });
    }
    let promised = text(head, &header::CONTENT_LENGTH).parse().ok();
    app.reader.check_promised(promised)?;
    // Better to say it before all of the body is sent.
    app.require_places(1)?;
    let boundary = multipart::boundary(&text(head, &header::CONTENT_TYPE)).transpose()?;
    let held = app.reader.read(body, promised).await?;
    let photos = match boundary {
        Some(boundary) => parts(app, &held, &boundary)?,
        None => {
            let name = names::in_disposition(&text(head, &header::CONTENT_DISPOSITION));
            vec![Photo {
                name: name.unwrap_or_else(|| "photo".to_owned()),
                bytes: held.bytes.clone(),
                body: held,
            }]
        }
    };
    Ok((top, photos))
}

fn parts(app: &App, held: &Held, boundary: &str) -> Result<Vec<Photo>, Problem> {
    let parts = multipart::parts(&held.bytes, boundary, app.options.max_photos.into())?;
    if parts.is_empty() {
        return Err(Problem::NoPhotos);
    }
    let photos = parts.into_iter().enumerate().map(|(index, part)| Photo {
        name: part.name.unwrap_or_else(|| format!("photo {}", index + 1)),
        bytes: part.bytes,
        body: held.clone(),
    });
    Ok(photos.collect())
}

/// How many classes are to be named.
fn top(query: &str) -> Result<usize, Problem> {
    let wrong = || Problem::Query {
        expected: "nothing or top=N, N at least 1",
        found: query.chars().take(100).collect(),
    };
    match query.strip_prefix("top=") {
        None if query.is_empty() => Ok(TOP),
        None => Err(wrong()),
        Some(number) => number.parse().ok().filter(|&top| top > 0).ok_or_else(wrong),
    }
}

/// The text of a header, empty if there is none.
fn text(head: &Parts, name: &HeaderName) -> String {
    let value = head.headers.get(name).map(|value| value.as_bytes());
    String::from_utf8_lossy(value.unwrap_or_default())
        .trim()
        .to_owned()
}

/// Has all photos looked at, and tells what came of it.
async fn answer(app: &App, top: usize, photos: Vec<Photo>) -> Result<Response, Problem> {
    let places = app.places(photos.len()).inspect_err(|problem| {
        app.metrics.photo(problem.kind());
    })?;
    let model = app.slot.current();
    let deadline = Instant::now() + app.options.answer_time;
    let mut asked = Vec::with_capacity(photos.len());
    for (photo, place) in photos.into_iter().zip(places) {
        let (reply, outcome) = oneshot::channel();
        asked.push((photo.name.clone(), outcome));
        app.pool.submit(Job {
            photo,
            model: model.clone(),
            reply,
            place,
            on_the_way: app.way.enter(),
        });
    }
    let mut outcomes = Vec::with_capacity(asked.len());
    for (photo, outcome) in asked {
        let outcome = match timeout_at(deadline, outcome).await {
            Ok(Ok(outcome)) => outcome,
            // The photo was dropped without a word: that is a fault in here.
            Ok(Err(_)) => Err(Problem::Model { photo: photo.clone() }),
            Err(_) => Err(Problem::TooLate {
                photo: photo.clone(),
                limit: app.options.answer_time,
            }),
        };
        let kind = outcome.as_ref().map_or_else(Problem::kind, |_| "answered");
        app.metrics.photo(kind);
        outcomes.push((photo, outcome));
    }
    Ok(response(&model, top, outcomes))
}

/// The status is that of the first problem if no photo was answered.
fn response(model: &Model, top: usize, outcomes: Vec<(String, Outcome)>) -> Response {
    let problem = match outcomes.iter().all(|(_, outcome)| outcome.is_err()) {
        true => outcomes
            .iter()
            .find_map(|(_, outcome)| outcome.as_ref().err())
            .cloned(),
        false => None,
    };
    let answers = outcomes.into_iter().map(|(photo, outcome)| match outcome {
        Ok(probabilities) => classes(model, top, photo, probabilities),
        Err(problem) => Answer::Error {
            photo,
            error: problem.told(),
        },
    });
    let answers = Answers {
        model: model.id.clone(),
        answers: answers.collect(),
        error: problem.as_ref().map(Problem::told),
    };
    match problem {
        Some(problem) => with_status_of(&problem, &answers),
        None => json(StatusCode::OK, &answers),
    }
}

fn classes(model: &Model, top: usize, photo: String, probabilities: Vec<f32>) -> Answer {
    let ranked = model.classifier.ranked(probabilities);
    let top: Vec<Class> = ranked
        .into_iter()
        .take(top)
        .map(|class| Class {
            label: class.class_name,
            probability: class.probability.into(),
        })
        .collect();
    // A model has a class at least.
    let (label, probability) = top
        .first()
        .map(|class| (class.label.clone(), class.probability))
        .unwrap_or_default();
    Answer::Classes {
        photo,
        label,
        probability,
        top,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_a_number_of_classes_or_nothing() {
        assert_eq!(top("").unwrap(), TOP);
        assert_eq!(top("top=3").unwrap(), 3);
        for query in ["top=", "top=0", "top=-1", "top=many", "size=3", "top=3&size=3"] {
            assert!(top(query).is_err(), "{query}");
        }
    }
}
