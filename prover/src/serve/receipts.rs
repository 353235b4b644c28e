//! `/v1/receipts`: receipts, as far as they are.

use std::sync::Arc;

use assay_verifier::{ids::OperationDigest, inspect::inspect};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, header},
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
    Path(id): Path<String>,
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

/// Whether the client would rather have JSON: it names that, and not CBOR before it.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    let mut known = accept.split(',').filter_map(|range| {
        let kind = range.split(';').next()?.trim();
        ["application/cbor", "application/json"].contains(&kind).then_some(kind)
    });
    known.next() == Some("application/json")
}
