//! `/v1/operations/{name}`: running an operation.

use std::{collections::BTreeMap, sync::Arc};

use assay_verifier::{
    ids::{Name, Nonce},
    operation::{Methods, NonceClaim},
};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::HeaderMap,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    answer::Answer,
    app::App,
    body::is_json,
    catalogue::Offered,
    input::{self, Given, Object},
    methods::{MethodName, Wanted},
    problem::{Problem, Refusal},
    receipts::Named,
};
use crate::{
    definition::Definition,
    error::Error,
    jobs::{NewJob, Place, short},
    random,
    run::{Attestation, Begun, Request},
};

/// What a client asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunBody<'a> {
    /// A value for every input of the operation.
    #[serde(borrow)]
    #[schema(value_type = BTreeMap<String, Given>)]
    inputs: &'a RawValue,
    /// The client's nonce, 16 to 64 bytes, hexadecimal. Without one the service makes it, and the
    /// receipt says so.
    #[serde(default)]
    #[schema(pattern = "^([0-9a-fA-F]{2}){16,64}$")]
    nonce: Option<String>,
    /// Methods of steps, in place of the default: together they must be one of the operation's choices.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, Vec<MethodName>>>)]
    methods: Option<Object<Methods>>,
    /// Picks the first choice, in the operation's order, whose last proof is expected by then.
    #[serde(default)]
    #[schema(minimum = 1)]
    deadline_ms: Option<u64>,
    /// Picks the first choice, in the operation's order, that is expected to take no more processor time.
    #[serde(default)]
    #[schema(minimum = 1)]
    budget_cpu_ms: Option<u64>,
    /// How the attested steps are attested.
    #[serde(default)]
    attestation: AttestationName,
    /// Jobs of a higher priority are proved first. At most what the service lets its clients ask for.
    #[serde(default)]
    #[schema(maximum = 9)]
    priority: u8,
}

/// How attested steps are attested.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AttestationName {
    /// By a document of this operation's own, with its nonce.
    Document,
    /// By the key of a session.
    #[default]
    Session,
}

/// Runs an operation: the answer and its receipt at once, jobs for the proofs that are under way.
#[utoipa::path(
    post, path = "/v1/operations/{name}", operation_id = "run", tag = "operations",
    params(("name" = String, Path, description = "The operation's name", pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")),
    request_body = RunBody<'_>,
    responses(
        (status = 200, description = "The answer", body = Answer),
        (status = 400, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such operation", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body did not come in time", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not application/json", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not what the operation takes or allows", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much waits, or something that is needed is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn run(
    State(app): State<Arc<App>>,
    Named(name): Named,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Answer>, Problem> {
    let catalogue = app.catalogue();
    let offered = catalogue.get(&name).ok_or_else(|| Problem::not_found("operation"))?;
    if !is_json(&headers) {
        return Err(Refusal::RequestContentType.because("expected Content-Type: application/json"));
    }
    let most = input::most_bytes(offered.runner.definition(), app.config.limits.body_bytes);
    // Its room is held as long as the request is: what is made of it is as large.
    let body = app.bodies.take(body, most).await?;
    let answered =
        tokio::time::timeout(app.config.limits.answer(), answer(&app, offered, body.bytes.clone()));
    let answered = answered.await.unwrap_or_else(|_| {
        let limit = app.config.limits.answer_ms;
        Err(Refusal::AnswerTimeout.because(format!("there was no answer within {limit} ms")))
    });
    if let Err(problem) = &answered {
        app.metrics.operation(&name, problem.code(), None);
    }
    answered.map(Json).map_err(|problem| hurry(&app, &name, problem))
}

/// Says when it is worth coming again, of what waits for the engine: once it has done what waits before.
fn hurry(app: &App, name: &str, problem: Problem) -> Problem {
    if !["answer-timeout", "busy"].contains(&problem.code()) {
        return problem;
    }
    let answer = Name::new(name).ok().and_then(|name| app.latencies.answer(&name));
    let waiting = app.engine.waiting() as f64;
    problem.after(answer.unwrap_or_default().ms * waiting)
}

/// What a body says.
struct Asked {
    inputs: BTreeMap<Name, Vec<u8>>,
    nonce: NonceClaim,
    wanted: Wanted,
    attestation: Attestation,
    priority: u8,
}

impl Asked {
    fn read(definition: &Definition, body: &[u8]) -> Result<Self, Problem> {
        let RunBody { inputs, nonce, methods, deadline_ms, budget_cpu_ms, attestation, priority } =
            serde_json::from_slice(body)?;
        let methods = methods.map(|Object(methods)| methods);
        Ok(Self {
            nonce: claim(nonce.as_deref())?,
            inputs: input::read(definition, inputs)?,
            wanted: Wanted { methods, deadline_ms, budget_cpu_ms },
            attestation: match attestation {
                AttestationName::Document => Attestation::Document,
                AttestationName::Session => Attestation::Session,
            },
            priority,
        })
    }
}

async fn answer(app: &Arc<App>, offered: &Offered, body: Bytes) -> Result<Answer, Problem> {
    let runner = &offered.runner;
    let definition = runner.definition();
    let reading = runner.clone();
    let read = app.bodies.read(move || Asked::read(reading.definition(), &body));
    let Asked { inputs, nonce, wanted, attestation, priority } = read.await??;
    let most = app.config.jobs.max_priority;
    if priority > most {
        let why = format!("expected at most jobs.max_priority, {most}, found {priority}");
        return Err(Refusal::Priority.because(why));
    }
    let backlog = app.store.backlog().await?;
    let backlog_ms = backlog.expected_ms as f64 / app.config.jobs.workers.max(1) as f64;
    let (choice, chosen_by) = wanted.choose(app, offered, backlog_ms)?;
    let (open, most) = (backlog.open, app.store.rules().max_queued);
    if choice.proved().next().is_some() && open >= u64::from(most) {
        let why = format!("{open} proofs wait or run already, at most {most} may");
        // Once one of them has ended.
        return Err(Refusal::QueueFull.because(why).after(backlog_ms / open.max(1) as f64));
    }
    let request = Request { inputs, nonce, attestation, choice: choice.clone() };
    let (begun, cost) = app.engine.begin(runner.clone(), request).await?;
    let elapsed_ms = cost.ms;
    let Begun { receipt, proofs } = begun;
    let mut jobs = Vec::new();
    for task in &proofs {
        let step = usize::try_from(task.step).ok();
        let step = step.and_then(|step| receipt.operation().steps.get(step));
        let Some((step, card)) = step.and_then(|step| Some((step, step.card?))) else { continue };
        let id = hex::encode(random::bytes::<16>()?);
        let expected = app.latencies.proof(card).unwrap_or_default();
        jobs.push(NewJob {
            witness: app.proving.key().seal(&id, task)?,
            id,
            step: task.step,
            step_name: step.name.to_string(),
            card,
            place: if definition.outside_workers { Place::Anywhere } else { Place::Here },
            expected_ms: expected.ms.round() as u64,
        });
    }
    let name = definition.name.as_str();
    let bytes = receipt.to_bytes();
    app.store.submit(receipt.digest(), name, &bytes, &jobs, priority).await?;
    app.latencies.saw_answer(&definition.name, elapsed_ms);
    app.metrics.operation(name, "complete", Some(elapsed_ms));
    let (operation, jobs_begun) = (receipt.digest().to_string(), jobs.len());
    tracing::info!(operation = short(&operation), name, elapsed_ms, %choice, jobs = jobs_begun, "answered");
    Ok(Answer::new(&receipt, bytes, &choice, chosen_by, elapsed_ms, &jobs, backlog_ms))
}

/// The client's nonce, or one that is made now.
fn claim(given: Option<&str>) -> Result<NonceClaim, Problem> {
    let Some(text) = given else {
        let made = Nonce::new(&random::bytes::<32>()?).map_err(Error::from)?;
        return Ok(NonceClaim::Server(made));
    };
    parse_nonce(text).map(NonceClaim::Client)
}

/// A client's nonce.
pub(super) fn parse_nonce(text: &str) -> Result<Nonce, Problem> {
    let refuse = |why: String| Refusal::Nonce.because(why);
    let bytes = hex::decode(text)
        .map_err(|error| refuse(format!("expected hexadecimal digits in pairs: {error}")))?;
    Nonce::new(&bytes).map_err(|error| refuse(error.to_string()))
}
