//! What the service says of itself: attestation, suggested policies, health, metrics, description.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    app::App,
    methods::MethodName,
    openai,
    operations::parse_nonce,
    problem::{Problem, Refusal},
    receipts::wants_json,
};
use crate::{choice::Choice, error::Error};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AttestationQuery {
    /// The client's nonce, 16 to 64 bytes, hexadecimal.
    #[param(pattern = "^([0-9a-fA-F]{2}){16,64}$")]
    nonce: String,
}

/// An attestation document made now, with the client's nonce: for looking at what runs here. It carries
/// neither key nor user data, so that no receipt can use it.
#[utoipa::path(
    get, path = "/v1/attestation", operation_id = "attestation", tag = "about",
    params(AttestationQuery),
    responses(
        (status = 200, description = "The document", content(
            (Vec<u8> = "application/cbor"), (Attestation = "application/json"),
        )),
        (status = 400, description = "No nonce", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The nonce is not 16 to 64 bytes", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The engine is busy", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn attestation(
    State(app): State<Arc<App>>,
    query: Result<Query<AttestationQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let nonce = parse_nonce(&query?.nonce)?;
    let asked = app.engine.attest(nonce.as_bytes().to_vec());
    let document = in_time(app.config.limits.answer(), asked).await?;
    let fresh = (header::CACHE_CONTROL, "no-store");
    if wants_json(&headers) {
        let document = Base64::encode_string(&document);
        return Ok(([fresh], Json(Attestation { document })).into_response());
    }
    Ok(([(header::CONTENT_TYPE, "application/cbor"), fresh], document).into_response())
}

#[derive(Serialize, ToSchema)]
pub(super) struct Attestation {
    /// The document, COSE_Sign1, in base64.
    #[schema(content_encoding = "base64")]
    document: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PolicyQuery {
    /// The client's nonce, 16 to 64 bytes, hexadecimal: the policies then want it.
    #[param(pattern = "^([0-9a-fA-F]{2}){16,64}$")]
    nonce: Option<String>,
}

/// The policies that the operator suggests, for each operation one per choice of methods. Whoever is to be convinced decides:
/// read one, compare its digests with what you know from elsewhere, then remove `unreviewed`.
#[utoipa::path(
    get, path = "/v1/policy", operation_id = "policy", tag = "about",
    params(PolicyQuery),
    responses(
        (status = 200, description = "The suggestion", body = Suggestion),
        (status = 400, description = "Not a query of this resource", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The nonce is not 16 to 64 bytes", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn policy(
    State(app): State<Arc<App>>,
    query: Result<Query<PolicyQuery>, QueryRejection>,
) -> Result<Json<Suggestion>, Problem> {
    let nonce = query?.nonce.as_deref().map(parse_nonce).transpose()?;
    let mut policies = BTreeMap::new();
    for offered in app.catalogue().operations() {
        let name = offered.runner.definition().name.to_string();
        let suggested = offered.policies(nonce.as_ref())?.into_iter();
        let suggested =
            suggested.map(|(methods, policy)| Suggested { methods, path: None, policy });
        policies.insert(name, suggested.collect());
    }
    for offered in app.llms.all() {
        let suggested = openai::suggest(offered, &app.document, nonce.as_ref())?.into_iter();
        let suggested = suggested.map(|(path, policy)| Suggested {
            methods: Choice::default(),
            path: Some(path),
            policy,
        });
        policies.insert(offered.operation.to_string(), suggested.collect());
    }
    let notice = "the operator's suggestion, for you to review: nothing here is a reason to believe a receipt";
    Ok(Json(Suggestion { notice, policies }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Suggestion {
    notice: &'static str,
    /// By operation, the default methods first; none, where its run on zeros failed.
    policies: BTreeMap<String, Vec<Suggested>>,
}

#[derive(Serialize, ToSchema)]
struct Suggested {
    /// The methods of each step, as a request chooses them.
    #[schema(value_type = BTreeMap<String, Vec<MethodName>>)]
    methods: Choice,
    /// The path that it is for, where the operation is an exchange (FORMAT.md §11).
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'static str>,
    /// The policy (FORMAT.md §9) that accepts their receipts.
    #[schema(value_type = Object)]
    policy: serde_json::Value,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: &'static str,
}

/// Whether the process runs.
#[utoipa::path(
    get, path = "/healthz", operation_id = "health", tag = "about",
    responses((status = 200, description = "It runs", body = Health)),
)]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "running" })
}

/// Whether requests are welcome: the engine answers, the store keeps what it is given, and the service does not
/// end.
#[utoipa::path(
    get, path = "/readyz", operation_id = "ready", tag = "about",
    responses(
        (status = 200, description = "They are", body = Health),
        (status = 503, description = "They are not", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Health>, Problem> {
    if *app.stopped().borrow() {
        return Err(Problem::stopping());
    }
    // To its end, whoever asks and leaves: it takes back what it writes.
    let store = app.store.clone();
    let checked = tokio::spawn(async move { store.check().await }).await;
    checked.map_err(|error| Error::Panicked { why: error.to_string() })??;
    in_time(READY, app.engine.ping()).await?;
    Ok(Json(Health { status: "ready" }))
}

/// The engine does one thing at a time: whoever would wait longer comes again.
async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let done = tokio::time::timeout(limit, work).await;
    let ms = limit.as_millis();
    done.unwrap_or_else(|_| {
        Err(Refusal::Busy.because(format!("the engine was not free within {ms} ms")))
    })
}

/// How soon the engine answers where requests are welcome.
const READY: Duration = Duration::from_secs(2);

/// What Prometheus reads.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "about",
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "application/openmetrics-text"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let text = app.metrics.text(&app.store.census().await?);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// The description of the interface, as its bytes.
#[derive(Clone)]
pub(super) struct Description(Arc<str>);

impl Description {
    pub(super) fn new(description: &utoipa::openapi::OpenApi) -> Self {
        Self(serde_json::to_string_pretty(description).unwrap_or_default().into())
    }
}

impl IntoResponse for Description {
    fn into_response(self) -> Response {
        let mut response = self.0.to_string().into_response();
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}
