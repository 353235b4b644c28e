//! What goes wrong, as clients see it: RFC 9457, with the code that stands for it everywhere.

use assay_verifier::printable;
use axum::{
    extract::rejection::QueryRejection,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::error::Category;

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
    /// When it is worth coming again, in seconds, of a 503.
    #[serde(skip)]
    retry_after_s: u64,
}

/// What the service refuses of its own accord; the rest is an [`Error`]. docs/operating.md lists all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    AnswerTimeout,
    Busy,
    HostUnknown,
    MethodNotAllowed,
    MethodsAndLimits,
    Nonce,
    NotFound,
    NotParked,
    NothingFits,
    OriginUnknown,
    Priority,
    QueueFull,
    RequestBody,
    RequestContentType,
    RequestJson,
    RequestQuery,
    RequestTimeout,
    RequestTooLong,
    Stopping,
    TooLate,
}

impl Refusal {
    /// Its code and status.
    const fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::AnswerTimeout => ("answer-timeout", StatusCode::SERVICE_UNAVAILABLE),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE),
            Self::HostUnknown => ("host-unknown", StatusCode::MISDIRECTED_REQUEST),
            Self::MethodNotAllowed => ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::MethodsAndLimits => ("methods-and-limits", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Nonce => ("nonce", StatusCode::UNPROCESSABLE_ENTITY),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND),
            Self::NotParked => ("not-parked", StatusCode::CONFLICT),
            Self::NothingFits => ("nothing-fits", StatusCode::UNPROCESSABLE_ENTITY),
            Self::OriginUnknown => ("origin-unknown", StatusCode::FORBIDDEN),
            Self::Priority => ("priority", StatusCode::UNPROCESSABLE_ENTITY),
            Self::QueueFull => ("queue-full", StatusCode::SERVICE_UNAVAILABLE),
            Self::RequestBody => ("request-body", StatusCode::UNPROCESSABLE_ENTITY),
            Self::RequestContentType => {
                ("request-content-type", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::RequestJson => ("request-json", StatusCode::BAD_REQUEST),
            Self::RequestQuery => ("request-query", StatusCode::BAD_REQUEST),
            Self::RequestTimeout => ("request-timeout", StatusCode::REQUEST_TIMEOUT),
            Self::RequestTooLong => ("request-too-long", StatusCode::PAYLOAD_TOO_LARGE),
            Self::Stopping => ("stopping", StatusCode::SERVICE_UNAVAILABLE),
            Self::TooLate => ("too-late", StatusCode::CONFLICT),
        }
    }

    /// The problem, with what was expected and found.
    pub(super) fn because(self, detail: impl Into<String>) -> Problem {
        let (code, status) = self.parts();
        Problem::new(status, code, detail.into())
    }
}

/// What was received may be in it: nothing that changes how a line looks, and no more than people read.
pub(super) fn shown(detail: &str) -> String {
    let end = detail.char_indices().nth(DETAIL);
    let (begin, dots) = end.map_or((detail, ""), |(end, _)| (&detail[..end], "…"));
    format!("{}{dots}", printable(begin))
}

/// Characters of a detail, at most.
const DETAIL: usize = 500;

impl Problem {
    fn new(status: StatusCode, code: &str, detail: String) -> Self {
        let detail = shown(&detail);
        Self {
            kind: format!("urn:assay:problem:{code}"),
            title: status.canonical_reason().unwrap_or("problem").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail,
            retry_after_s: 1,
        }
    }

    /// The same, for whoever comes again after so many milliseconds.
    pub(super) fn after(self, ms: f64) -> Self {
        // Not for ever: that is an estimate, and others give up meanwhile.
        let retry_after_s = (ms / 1e3).ceil().clamp(1.0, 3600.0) as u64;
        Self { retry_after_s, ..self }
    }

    /// The process ends.
    pub(super) fn stopping() -> Self {
        Refusal::Stopping.because("the service ends")
    }

    /// There is no such thing.
    pub(super) fn not_found(what: &str) -> Self {
        Refusal::NotFound.because(format!("there is no such {what}"))
    }

    /// The code.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// What was expected and found.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// One place says which failure has which status; each is logged here, once, where it is ours.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Input { .. }
            | Error::InputUnknown { .. }
            | Error::Methods { .. }
            | Error::Output { .. }
            | Error::Zkml(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Store { .. }
            | Error::StoreMissing { .. }
            | Error::StoreUnavailable { .. }
            | Error::Libtorch(_)
            | Error::Attester(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::CardUnknown { .. }
            | Error::Config { .. }
            | Error::Definition { .. }
            | Error::Engine { .. }
            | Error::FolderCircuit { .. }
            | Error::FolderFileChanged { .. }
            | Error::FolderIncomplete { .. }
            | Error::FolderIndex { .. }
            | Error::Key { .. }
            | Error::Llm(_)
            | Error::Model { .. }
            | Error::NoRandomness { .. }
            | Error::OwnReceipt { .. }
            | Error::Panicked { .. }
            | Error::PublicNotDisclosed { .. }
            | Error::Unreadable { .. }
            | Error::Unwritable { .. }
            | Error::Usage { .. }
            | Error::Verifier(_)
            | Error::Witness { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(code = error.code(), %error, "a request failed");
            // What failed inside is in the log; the code is enough to find it.
            let detail = match &error {
                Error::StoreUnavailable { what, .. } => format!("the job store: {what}"),
                _ => "the service could not do it; its log says why".to_owned(),
            };
            return Self::new(status, error.code(), detail);
        }
        Self::new(status, error.code(), error.to_string())
    }
}

/// JSON of another form is refused as another thing than what is no JSON.
impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        let refusal = match error.classify() {
            Category::Data => Refusal::RequestBody,
            Category::Eof | Category::Io | Category::Syntax => Refusal::RequestJson,
        };
        refusal.because(error.to_string())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Refusal::RequestQuery.because(rejection.body_text())
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
            headers.insert(header::RETRY_AFTER, HeaderValue::from(self.retry_after_s));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every refusal of the service's own; the compiler minds that `parts` knows each, the document
    /// that this list does.
    const ALL: [Refusal; 20] = [
        Refusal::AnswerTimeout,
        Refusal::Busy,
        Refusal::HostUnknown,
        Refusal::MethodNotAllowed,
        Refusal::MethodsAndLimits,
        Refusal::Nonce,
        Refusal::NotFound,
        Refusal::NotParked,
        Refusal::NothingFits,
        Refusal::OriginUnknown,
        Refusal::Priority,
        Refusal::QueueFull,
        Refusal::RequestBody,
        Refusal::RequestContentType,
        Refusal::RequestJson,
        Refusal::RequestQuery,
        Refusal::RequestTimeout,
        Refusal::RequestTooLong,
        Refusal::Stopping,
        Refusal::TooLate,
    ];

    /// Errors that clients cause.
    fn caused() -> Vec<Problem> {
        let name = assay_verifier::ids::Name::new("a").unwrap();
        let why = String::new();
        [
            Error::Input { name: name.clone(), why: why.clone() },
            Error::InputUnknown { found: why.clone(), known: why.clone() },
            Error::Methods { why: why.clone() },
            Error::Output { step: name, why: why.clone() },
            assay_zkml::Error::InputRange { input: why, index: 0, low: 0, high: 0, found: 0 }
                .into(),
        ]
        .map(Problem::from)
        .into()
    }

    #[test]
    fn the_document_lists_every_code_with_its_status() {
        let document = include_str!("../../../docs/operating.md");
        let mut listed: Vec<_> = document
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| ")?.split(" | ");
                let status = cells.next()?.parse::<u16>().ok()?;
                Some((status, cells.next()?.trim_matches('`').to_owned()))
            })
            .collect();
        listed.sort();
        let own = ALL.into_iter().map(|refusal| refusal.because(""));
        let mut known: Vec<_> =
            own.chain(caused()).map(|problem| (problem.status, problem.code)).collect();
        known.sort();
        assert_eq!(listed, known);
    }
}
