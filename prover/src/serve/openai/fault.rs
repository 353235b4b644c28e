//! What goes wrong, in the shape that OpenAI's clients read.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::problem::shown;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: Code,
    /// The field of the request that it is about.
    pub(super) param: Option<String>,
    /// What was expected and found, for people.
    pub(super) message: String,
}

/// Its name. docs/llm.md lists all; where OpenAI has a name for it, it is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    ContextLengthExceeded,
    DuplicateKey,
    EngineBusy,
    EngineFailed,
    InvalidJson,
    InvalidNonce,
    InvalidType,
    InvalidUtf8,
    InvalidValue,
    MissingRequiredParameter,
    ModelNotFound,
    ModelNotSuited,
    NonceMismatch,
    ReceiptFailed,
    RequestBroken,
    RequestTimeout,
    RequestTooLong,
    Stopping,
    TemplateFailed,
    UnknownParameter,
    UnsupportedEncoding,
    UnsupportedMediaType,
    UnsupportedParameter,
    UnsupportedValue,
}

impl Code {
    /// Its name and status.
    const fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::ContextLengthExceeded => ("context_length_exceeded", StatusCode::BAD_REQUEST),
            Self::DuplicateKey => ("duplicate_key", StatusCode::BAD_REQUEST),
            Self::EngineBusy => ("engine_busy", StatusCode::SERVICE_UNAVAILABLE),
            Self::EngineFailed => ("engine_failed", StatusCode::INTERNAL_SERVER_ERROR),
            Self::InvalidJson => ("invalid_json", StatusCode::BAD_REQUEST),
            Self::InvalidNonce => ("invalid_nonce", StatusCode::BAD_REQUEST),
            Self::InvalidType => ("invalid_type", StatusCode::BAD_REQUEST),
            Self::InvalidUtf8 => ("invalid_utf8", StatusCode::BAD_REQUEST),
            Self::InvalidValue => ("invalid_value", StatusCode::BAD_REQUEST),
            Self::MissingRequiredParameter => {
                ("missing_required_parameter", StatusCode::BAD_REQUEST)
            }
            Self::ModelNotFound => ("model_not_found", StatusCode::NOT_FOUND),
            Self::ModelNotSuited => ("model_not_suited", StatusCode::BAD_REQUEST),
            Self::NonceMismatch => ("nonce_mismatch", StatusCode::BAD_REQUEST),
            Self::ReceiptFailed => ("receipt_failed", StatusCode::INTERNAL_SERVER_ERROR),
            Self::RequestBroken => ("request_broken", StatusCode::BAD_REQUEST),
            Self::RequestTimeout => ("request_timeout", StatusCode::REQUEST_TIMEOUT),
            Self::RequestTooLong => ("request_too_long", StatusCode::PAYLOAD_TOO_LARGE),
            Self::Stopping => ("stopping", StatusCode::SERVICE_UNAVAILABLE),
            Self::TemplateFailed => ("template_failed", StatusCode::BAD_REQUEST),
            Self::UnknownParameter => ("unknown_parameter", StatusCode::BAD_REQUEST),
            Self::UnsupportedEncoding => {
                ("unsupported_encoding", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::UnsupportedMediaType => {
                ("unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::UnsupportedParameter => ("unsupported_parameter", StatusCode::BAD_REQUEST),
            Self::UnsupportedValue => ("unsupported_value", StatusCode::BAD_REQUEST),
        }
    }

    /// The status of a response that it ends.
    pub(super) const fn status(self) -> StatusCode {
        self.parts().1
    }

    /// The fault, with what was expected and found.
    pub(super) fn because(self, message: impl Into<String>) -> Fault {
        Fault { code: self, param: None, message: shown(&message.into()) }
    }

    /// The same, about one field.
    pub(super) fn about(self, param: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault { param: Some(shown(&param.into())), ..self.because(message) }
    }
}

impl Fault {
    /// The process ends.
    pub(super) fn stopping() -> Self {
        Code::Stopping.because("the service ends")
    }

    /// The name of its code.
    pub(super) const fn name(&self) -> &'static str {
        self.code.parts().0
    }

    /// The body, or the data of an event.
    pub(super) fn body(&self) -> Vec<u8> {
        let kind = match self.code.status().is_server_error() {
            true => "server_error",
            false => "invalid_request_error",
        };
        let error = ErrorView {
            message: &self.message,
            kind,
            param: self.param.as_deref(),
            code: self.name(),
        };
        serde_json::to_vec(&FaultView { error }).unwrap_or_default() // text keys only
    }
}

/// A fault, as OpenAI's clients read it.
#[derive(Serialize, ToSchema)]
pub(super) struct FaultView<'a> {
    error: ErrorView<'a>,
}

#[derive(Serialize, ToSchema)]
struct ErrorView<'a> {
    /// What was expected and found.
    message: &'a str,
    /// `invalid_request_error` or `server_error`.
    #[serde(rename = "type")]
    kind: &'a str,
    /// The field that it is about.
    param: Option<&'a str>,
    /// Stable name.
    code: &'a str,
}

/// Without a receipt: for what no operation was made of.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let json = (header::CONTENT_TYPE, "application/json");
        let mut response = (status, [json], self.body()).into_response();
        retry(&mut response, status);
        response
    }
}

/// A client that was turned away for want of room may come again.
pub(super) fn retry(response: &mut Response, status: StatusCode) {
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code; the compiler minds that `parts` knows each, the document that this list does.
    const ALL: [Code; 24] = [
        Code::ContextLengthExceeded,
        Code::DuplicateKey,
        Code::EngineBusy,
        Code::EngineFailed,
        Code::InvalidJson,
        Code::InvalidNonce,
        Code::InvalidType,
        Code::InvalidUtf8,
        Code::InvalidValue,
        Code::MissingRequiredParameter,
        Code::ModelNotFound,
        Code::ModelNotSuited,
        Code::NonceMismatch,
        Code::ReceiptFailed,
        Code::RequestBroken,
        Code::RequestTimeout,
        Code::RequestTooLong,
        Code::Stopping,
        Code::TemplateFailed,
        Code::UnknownParameter,
        Code::UnsupportedEncoding,
        Code::UnsupportedMediaType,
        Code::UnsupportedParameter,
        Code::UnsupportedValue,
    ];

    #[test]
    fn the_document_lists_every_code_with_its_status() {
        let document = include_str!("../../../../docs/llm.md");
        let mut listed: Vec<_> = document
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| ")?.split(" | ");
                let status = cells.next()?.parse::<u16>().ok()?;
                Some((status, cells.next()?.trim_matches('`').to_owned()))
            })
            .collect();
        listed.sort();
        let part = |code: Code| (code.parts().1.as_u16(), code.parts().0.to_owned());
        let mut known: Vec<_> = ALL.into_iter().map(part).collect();
        known.sort();
        assert_eq!(listed, known);
    }
}
