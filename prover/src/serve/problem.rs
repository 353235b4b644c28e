//! What goes wrong, as clients see it: RFC 9457, with the code that stands for it everywhere.

use axum::{
    extract::rejection::{JsonRejection, PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::error::Error;

/// A problem, as `application/problem+json`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Problem {
    /// `urn:assay:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The status, in words.
    title: String,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Stable name, in kebab case.
    code: String,
    /// What was expected and found, for people.
    detail: String,
}

impl Problem {
    /// A problem with a code of the service's own.
    pub(super) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:assay:problem:{code}"),
            title: status.canonical_reason().unwrap_or("problem").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
        }
    }

    /// The operations that wait are as many as may.
    pub(super) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many operations wait already")
    }

    /// The process ends.
    pub(super) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the service ends")
    }

    /// There is no such thing.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what}"))
    }

    /// The code.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// One place says which failure has which status; each is logged here, once, where it is ours.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Input { .. } | Error::Methods { .. } | Error::Usage { .. } | Error::Zkml(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Error::Store { .. } | Error::Libtorch(_) | Error::Attester(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Error::CardUnknown { .. }
            | Error::Config { .. }
            | Error::Definition { .. }
            | Error::Engine { .. }
            | Error::FolderCircuit { .. }
            | Error::FolderFileChanged { .. }
            | Error::FolderIncomplete { .. }
            | Error::FolderIndex { .. }
            | Error::Key { .. }
            | Error::NoRandomness { .. }
            | Error::OwnReceipt { .. }
            | Error::Panicked { .. }
            | Error::Unreadable { .. }
            | Error::Unwritable { .. }
            | Error::Verifier(_)
            | Error::Witness { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(code = error.code(), %error, "a request failed");
            // What failed inside is in the log; the code is enough to find it.
            return Self::new(
                status,
                error.code(),
                "the service could not do it; its log says why",
            );
        }
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "request-body", rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), "request-path", rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "request-query", rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
