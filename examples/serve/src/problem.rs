//! What can be wrong with a request, as a client is told.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use marque_data::Error as DataError;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// What is wrong with a request or with one of its photos.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("there is nothing at this address; expected POST /classify, GET /, GET /healthz or GET /metrics")]
    NoSuchAddress,
    #[error("this address takes {expected}; got {found}")]
    Method { expected: &'static str, found: String },
    #[error("the query expects {expected}; got {found}")]
    Query { expected: &'static str, found: String },
    #[error("the body is encoded as {found}; expected the bytes of a photo as they are")]
    Encoded { found: String },
    #[error("the body is empty; expected a photo, or multipart/form-data with photos")]
    EmptyBody,
    #[error("the body has {found}; expected at most {limit_bytes} bytes")]
    BodyTooLarge { limit_bytes: usize, found: String },
    #[error("the body took longer than it may: {found}; expected {expected}")]
    SlowBody { expected: String, found: String },
    #[error("the body broke off after {found_bytes} bytes: {reason}")]
    BrokenBody { found_bytes: usize, reason: String },
    #[error("the multipart body is damaged: expected {expected}; got {found}")]
    Multipart { expected: &'static str, found: String },
    #[error("the multipart body has no photo; expected parts with a file name")]
    NoPhotos,
    #[error("the request has {found} photos; expected at most {limit}")]
    TooManyPhotos { limit: usize, found: String },
    #[error("{photo}: the image has {width_px} × {height_px} px; expected at most {limit_px} px in all")]
    TooManyPixels {
        photo: String,
        width_px: u32,
        height_px: u32,
        limit_px: u64,
    },
    #[error("{photo}: {reason}")]
    Photo {
        photo: String,
        reason: String,
        fault: Fault,
    },
    #[error("too many photos wait already, {limit} at most; try again")]
    QueueFull { limit: usize },
    #[error("the bodies of all requests take too much memory, {limit_bytes} bytes at most; try again")]
    MemoryFull { limit_bytes: usize },
    #[error("{photo}: no answer within {} s; try again", limit.as_secs_f64())]
    TooLate { photo: String, limit: Duration },
    #[error("{photo}: the model failed")]
    Model { photo: String },
}

/// How a photo is bad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// There is nothing.
    Empty,
    /// It is something else.
    NotAPhoto,
    /// It promises more than is allowed.
    TooLarge,
    /// It is one, but not whole or not sound.
    Damaged,
}

impl Fault {
    fn expected(self) -> &'static str {
        match self {
            Self::Empty | Self::NotAPhoto => "a JPEG, PNG, GIF, WebP, BMP or TIFF",
            Self::TooLarge => "fewer pixels",
            Self::Damaged => "a photo that is whole",
        }
    }
}

/// A problem as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    photo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
}

#[derive(Serialize)]
struct Envelope {
    error: Told,
}

impl Problem {
    /// A photo that cannot be read. The error must have been made under the photo's name, so that it tells no path.
    pub(crate) fn of_photo(photo: &str, error: &DataError) -> Self {
        let fault = match error {
            DataError::EmptyFile { .. } => Fault::Empty,
            DataError::NotAnImage { .. } | DataError::NotRead { .. } => Fault::NotAPhoto,
            DataError::ImageTooLarge { .. } | DataError::FileTooLarge { .. } => Fault::TooLarge,
            _ => Fault::Damaged,
        };
        Self::Photo {
            photo: photo.to_owned(),
            reason: error.reason(Path::new(photo)),
            fault,
        }
    }

    /// One word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NoSuchAddress => "no_such_address",
            Self::Method { .. } => "method",
            Self::Query { .. } => "query",
            Self::Encoded { .. } => "encoded",
            Self::EmptyBody => "empty_body",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::SlowBody { .. } => "slow_body",
            Self::BrokenBody { .. } => "broken_body",
            Self::Multipart { .. } => "multipart",
            Self::NoPhotos => "no_photos",
            Self::TooManyPhotos { .. } => "too_many_photos",
            Self::TooManyPixels { .. } => "too_many_pixels",
            Self::Photo { fault, .. } => match fault {
                Fault::Empty => "empty_photo",
                Fault::NotAPhoto => "not_a_photo",
                Fault::TooLarge => "too_many_pixels",
                Fault::Damaged => "damaged_photo",
            },
            Self::QueueFull { .. } => "queue_full",
            Self::MemoryFull { .. } => "memory_full",
            Self::TooLate { .. } => "too_late",
            Self::Model { .. } => "model",
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchAddress => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Query { .. } | Self::EmptyBody | Self::BrokenBody { .. } => StatusCode::BAD_REQUEST,
            Self::Multipart { .. } | Self::NoPhotos => StatusCode::BAD_REQUEST,
            Self::Encoded { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::SlowBody { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } | Self::TooManyPhotos { .. } | Self::TooManyPixels { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Photo { fault, .. } => match fault {
                Fault::Empty => StatusCode::BAD_REQUEST,
                Fault::NotAPhoto => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Fault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                Fault::Damaged => StatusCode::UNPROCESSABLE_ENTITY,
            },
            Self::QueueFull { .. } | Self::MemoryFull { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLate { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Model { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// As JSON has it.
    pub(crate) fn told(&self) -> Told {
        let (expected, found) = match self {
            Self::Method { expected, found }
            | Self::Query { expected, found }
            | Self::Multipart { expected, found } => (Some((*expected).to_owned()), Some(found.clone())),
            Self::SlowBody { expected, found } => (Some(expected.clone()), Some(found.clone())),
            Self::BodyTooLarge { limit_bytes, found } => {
                (Some(format!("at most {limit_bytes} bytes")), Some(found.clone()))
            }
            Self::TooManyPhotos { limit, found } => {
                (Some(format!("at most {limit} photos")), Some(found.clone()))
            }
            Self::TooManyPixels {
                width_px,
                height_px,
                limit_px,
                ..
            } => (
                Some(format!("at most {limit_px} px")),
                Some(format!("{width_px} × {height_px} px")),
            ),
            Self::Encoded { found } => (Some("no encoding".to_owned()), Some(found.clone())),
            Self::Photo { reason, fault, .. } => (Some(fault.expected().to_owned()), Some(reason.clone())),
            _ => (None, None),
        };
        Told {
            kind: self.kind(),
            message: self.to_string(),
            photo: self.photo().map(str::to_owned),
            expected,
            found,
        }
    }

    fn photo(&self) -> Option<&str> {
        match self {
            Self::TooManyPixels { photo, .. }
            | Self::Photo { photo, .. }
            | Self::TooLate { photo, .. }
            | Self::Model { photo } => Some(photo),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = with_status_of(&self, &Envelope { error: self.told() });
        if let Self::Method { expected, .. } = self {
            let allowed = HeaderValue::from_static(expected);
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        response
    }
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, answer: &impl Serialize) -> Response {
    match serde_json::to_vec(answer) {
        Ok(text) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (status, headers, text).into_response()
        }
        // Numbers and texts can always be written.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// An answer in JSON that has a problem's status and says when to come again.
pub(crate) fn with_status_of(problem: &Problem, answer: &impl Serialize) -> Response {
    let status = problem.status();
    let mut response = json(status, answer);
    if matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        let soon = HeaderValue::from_static("1");
        response.headers_mut().insert(header::RETRY_AFTER, soon);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_photo_is_named_once_in_reason_and_message() {
        let error = marque_data::decode_bytes(b"dear diary", Path::new("notes.jpg")).unwrap_err();
        let problem = Problem::of_photo("notes.jpg", &error);
        let told = serde_json::to_value(problem.told()).unwrap();
        assert_eq!(told["photo"], "notes.jpg");
        assert_eq!(told["kind"], "not_a_photo");
        let message = told["message"].as_str().unwrap();
        assert!(message.starts_with("notes.jpg: not an image"), "{message}");
        assert_eq!(problem.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
