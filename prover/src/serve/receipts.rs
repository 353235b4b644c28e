//! `/v1/receipts`: receipts, as far as they are.

use std::sync::Arc;

use assay_verifier::{ids::OperationDigest, inspect::inspect};
use axum::{
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse as _, Response},
};

use super::{app::App, problem::Problem};
use crate::error::Error;

/// A receipt: the same id gives it with every proof that has been attached.
#[utoipa::path(
    get, path = "/v1/receipts/{id}", operation_id = "receipt", tag = "receipts",
    params(("id" = String, Path, description = "The operation's digest", pattern = "^[0-9a-f]{64}$")),
    responses(
        (status = 200, description = "The receipt; as JSON, a view of what its bytes say, not verified", content(
            (Vec<u8> = "application/cbor"), (serde_json::Value = "application/json"),
        )),
        (status = 404, description = "No such receipt", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Named(id): Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let digest: OperationDigest = id.parse().map_err(|_| Problem::not_found("receipt"))?;
    let bytes = app.store.receipt(digest).await?.ok_or_else(|| Problem::not_found("receipt"))?;
    // It changes when a proof is attached.
    let fresh = (header::CACHE_CONTROL, "no-cache");
    if wants_json(&headers) {
        let view = inspect(&bytes).map_err(Error::from)?.to_json();
        return Ok(([(header::CONTENT_TYPE, "application/json"), fresh], view).into_response());
    }
    Ok(([(header::CONTENT_TYPE, "application/cbor"), fresh], bytes).into_response())
}

/// The one parameter of a path. What is not text is the name of nothing.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named = Path::<String>::from_request_parts(parts, state).await;
        named.map(|Path(name)| Self(name)).map_err(|_| Problem::not_found("resource"))
    }
}

/// Whether the client would rather have JSON than CBOR (RFC 9110 §12.5.1): it names it, with a weight
/// that is greater, or the same and earlier. Wild cards leave it at CBOR.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    let accepted =
        headers.get_all(header::ACCEPT).into_iter().filter_map(|line| line.to_str().ok());
    let mut best = None;
    for range in accepted.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let json = match parts.next().map(str::to_ascii_lowercase).as_deref() {
            Some("application/json") => true,
            Some("application/cbor") => false,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1f32);
        if weight > best.map_or(0.0, |(_, most)| most) {
            best = Some((json, weight));
        }
    }
    best.is_some_and(|(json, _)| json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_for_those_who_ask_for_it() {
        for (accept, json) in [
            ("", false),
            ("*/*", false),
            ("text/html", false),
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/json, application/cbor", true),
            ("application/cbor, application/json", false),
            ("application/cbor;q=0.5, application/json", true),
            ("application/json;q=0.5, application/cbor;q=0.9", false),
            ("application/json;q=0", false),
            ("application/json;q=nan", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(wants_json(&headers), json, "{accept}");
        }
    }
}
