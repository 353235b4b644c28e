//! `/v1/operations`: what is offered, and running it.

use std::{collections::BTreeMap, sync::Arc};

use assay_verifier::{
    card::Card,
    ids::{Name, Nonce},
    operation::{Methods, NonceClaim},
};
use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    answer::Answer,
    app::App,
    catalogue::Offered,
    input::{self, Given},
    latency::Cost,
    problem::Problem,
};
use crate::{
    choice::Choice,
    definition::Function,
    error::Error,
    jobs::{NewJob, Place, State as JobState},
    random,
    run::{Attestation, Begun, Request},
};

/// What a client asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunBody {
    /// A value for every input of the operation.
    inputs: BTreeMap<String, Given>,
    /// The client's nonce, 16 to 64 bytes, hexadecimal. Without one the service makes it, and the
    /// receipt says so.
    #[serde(default)]
    #[schema(pattern = "^([0-9a-fA-F]{2}){16,64}$")]
    nonce: Option<String>,
    /// Methods of steps, in place of the default: together they must be one of the operation's choices.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, Vec<MethodName>>>)]
    methods: Option<BTreeMap<String, Methods>>,
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
    /// Jobs of a higher priority are proved first.
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

/// A way to make a claim believable.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code)] // described, never made: `Method` of the verifier is what is read and written
pub(super) enum MethodName {
    /// The verifier does the step itself.
    Recompute,
    /// An enclave attests that it executed the step.
    Tee,
    /// A Groth16 proof.
    Zk,
}

/// Who chose the methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ChosenBy {
    /// The request's budget, with or without a deadline.
    Budget,
    /// The request's deadline.
    Deadline,
    /// The operation.
    Default,
    /// The request, by name.
    Request,
}

/// Runs an operation: the answer and its receipt at once, jobs for the proofs that are under way.
#[utoipa::path(
    post, path = "/v1/operations/{name}", operation_id = "run", tag = "operations",
    params(("name" = String, Path, description = "The operation's name", pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")),
    request_body = RunBody,
    responses(
        (status = 200, description = "The answer", body = Answer),
        (status = 400, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such operation", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not application/json", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not what the operation takes or allows", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much waits, or something that is needed is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn run(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    body: Result<Json<RunBody>, JsonRejection>,
) -> Result<Json<Answer>, Problem> {
    let catalogue = app.catalogue();
    let offered = catalogue.get(&name).ok_or_else(|| Problem::not_found("operation"))?;
    let answered = tokio::time::timeout(app.config.limits.answer(), answer(&app, offered, body?.0));
    let answered = answered.await.unwrap_or_else(|_| {
        let why = "the answer took too long";
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "answer-timeout", why))
    });
    if let Err(problem) = &answered {
        app.metrics.operation(&name, problem.code(), None);
    }
    answered.map(Json)
}

async fn answer(app: &Arc<App>, offered: &Offered, body: RunBody) -> Result<Answer, Problem> {
    let runner = &offered.runner;
    let definition = runner.definition();
    let priority = body.priority;
    if priority > 9 {
        return Err(unprocessable("priority", "expected 0 to 9"));
    }
    let nonce = nonce(body.nonce.as_deref())?;
    let backlog = app.store.backlog().await?;
    let backlog_ms = backlog.expected_ms as f64 / app.config.jobs.workers.max(1) as f64;
    let wanted = Wanted {
        methods: body.methods,
        deadline_ms: body.deadline_ms,
        budget_cpu_ms: body.budget_cpu_ms,
    };
    let (choice, chosen_by) = wanted.choose(app, offered, backlog_ms)?;
    if choice.proved().next().is_some() && backlog.open() >= u64::from(app.store.rules().max_queued)
    {
        let why = "too many proofs wait already";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "queue-full", why));
    }
    let request = Request {
        inputs: input::read(definition, body.inputs)?,
        nonce,
        attestation: match body.attestation {
            AttestationName::Document => Attestation::Document,
            AttestationName::Session => Attestation::Session,
        },
        choice: choice.clone(),
    };
    let (begun, elapsed_ms) = app.engine.begin(runner.clone(), request).await?;
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
    let (operation, jobs_begun) = (receipt.digest(), jobs.len());
    tracing::info!(%operation, name, elapsed_ms, %choice, jobs = jobs_begun, "answered");
    Ok(Answer::new(&receipt, bytes, &choice, chosen_by, elapsed_ms, &jobs, backlog_ms))
}

fn nonce(given: Option<&str>) -> Result<NonceClaim, Problem> {
    let Some(text) = given else {
        let made = Nonce::new(&random::bytes::<32>()?).map_err(Error::from)?;
        return Ok(NonceClaim::Server(made));
    };
    parse_nonce(text).map(NonceClaim::Client)
}

/// A client's nonce.
pub(super) fn parse_nonce(text: &str) -> Result<Nonce, Problem> {
    let refuse = |why: String| unprocessable("nonce", &why);
    let bytes = hex::decode(text).map_err(|error| refuse(error.to_string()))?;
    Nonce::new(&bytes).map_err(|error| refuse(error.to_string()))
}

fn unprocessable(code: &str, why: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, why)
}

/// What the request says of methods.
struct Wanted {
    methods: Option<BTreeMap<String, Methods>>,
    deadline_ms: Option<u64>,
    budget_cpu_ms: Option<u64>,
}

impl Wanted {
    fn choose(
        self,
        app: &App,
        offered: &Offered,
        backlog_ms: f64,
    ) -> Result<(Choice, ChosenBy), Problem> {
        let limited = match (self.deadline_ms, self.budget_cpu_ms) {
            (None, None) => None,
            (Some(_), None) => Some(ChosenBy::Deadline),
            _ => Some(ChosenBy::Budget),
        };
        match (self.methods, limited) {
            (Some(_), Some(_)) => {
                let why = "methods, or a deadline and a budget to pick them by: not both";
                Err(unprocessable("methods-and-limits", why))
            }
            (Some(methods), None) => {
                let named = |(name, methods): (String, Methods)| {
                    let name = Name::new(&name)
                        .map_err(|error| Error::Methods { why: error.to_string() })?;
                    Ok::<_, Error>((name, methods))
                };
                let methods = methods.into_iter().map(named).collect::<Result<_, _>>()?;
                Ok((offered.runner.definition().choose(&methods)?, ChosenBy::Request))
            }
            (None, None) => {
                let default = offered.choices.first().cloned().unwrap_or_default();
                Ok((default, ChosenBy::Default))
            }
            (None, Some(by)) => {
                let fits = |choice: &&Choice| {
                    let Some((answer, proofs)) = app.latencies.of(&offered.runner, choice) else {
                        return false;
                    };
                    let wait = if proofs.ms > 0.0 { backlog_ms } else { 0.0 };
                    let ms = answer.ms + wait + proofs.ms;
                    self.deadline_ms.is_none_or(|limit| ms <= limit as f64)
                        && self
                            .budget_cpu_ms
                            .is_none_or(|limit| answer.cpu_ms + proofs.cpu_ms <= limit as f64)
                };
                let choice = offered.choices.iter().find(fits).ok_or_else(|| {
                    let why = "no choice of methods is expected to fit; /v1/operations says what each takes";
                    unprocessable("nothing-fits", why)
                })?;
                Ok((choice.clone(), by))
            }
        }
    }
}

/// What is offered: steps, methods, digests, cards, and what each choice takes on this machine.
#[utoipa::path(
    get, path = "/v1/operations", operation_id = "operations", tag = "operations",
    responses((status = 200, description = "The operations", body = Listing)),
)]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Listing>, Problem> {
    let backlog = app.store.backlog().await.unwrap_or_default();
    let waiting = [JobState::Queued, JobState::Running];
    let jobs_waiting = waiting.iter().filter_map(|state| backlog.jobs.get(state)).sum();
    let catalogue = app.catalogue();
    let operations =
        catalogue.operations().map(|offered| view(&app, offered)).collect::<Result<_, Error>>()?;
    Ok(Json(Listing { operations, jobs_waiting }))
}

/// The operations.
#[derive(Serialize, ToSchema)]
pub(super) struct Listing {
    operations: Vec<OperationView>,
    /// Jobs that wait or run.
    jobs_waiting: u64,
}

#[derive(Serialize, ToSchema)]
struct OperationView {
    name: String,
    inputs: Vec<ValueView>,
    steps: Vec<StepView>,
    /// Every set of methods that a run may promise, the default first.
    choices: Vec<ChoiceView>,
    /// Whether values may leave for workers outside.
    outside_workers: bool,
}

#[derive(Serialize, ToSchema)]
struct ValueView {
    name: String,
    /// As in FORMAT.md §9.1.
    #[serde(rename = "type")]
    #[schema(value_type = Object)]
    kind: assay_verifier::value::Type,
}

#[derive(Serialize, ToSchema)]
struct StepView {
    name: String,
    /// `glue NAME`, or the kind of the model.
    function: String,
    /// The model's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    inputs: Vec<String>,
    outputs: Vec<ValueView>,
    /// The key that proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardView>,
}

#[derive(Serialize, ToSchema)]
struct CardView {
    digest: String,
    key: String,
    circuit: String,
    /// `single-party` or `ceremony`.
    setup: &'static str,
    /// What a proof takes on this machine, where it was measured.
    proof: Option<Cost>,
}

#[derive(Serialize, ToSchema)]
struct ChoiceView {
    #[schema(value_type = BTreeMap<String, Vec<MethodName>>)]
    methods: Choice,
    /// What the answer takes on this machine, where it was measured.
    answer: Option<Cost>,
    /// What all proofs take, beyond the answer and jobs that wait.
    proofs: Option<Cost>,
}

fn view(app: &App, offered: &Offered) -> Result<OperationView, Error> {
    let runner = &offered.runner;
    let definition = runner.definition();
    let value = |name: &Name, kind: &assay_verifier::value::Type| ValueView {
        name: name.to_string(),
        kind: kind.clone(),
    };
    let steps = definition.steps.iter().map(|step| {
        let (function, model) = match &step.function {
            Function::Glue(glue, _) => (format!("glue {}", glue.id()), None),
            Function::Model(model) => {
                (model.kind.name().to_owned(), Some(model.digest.to_string()))
            }
        };
        let card = runner.prepared().card(&step.name).map(|bytes| {
            let card = Card::from_bytes(bytes)?;
            let digest = Card::digest(bytes);
            Ok::<_, Error>(CardView {
                digest: digest.to_string(),
                key: card.key_id().to_string(),
                circuit: card.circuit.to_string(),
                setup: match card.setup {
                    assay_verifier::card::Setup::Ceremony { .. } => "ceremony",
                    assay_verifier::card::Setup::SingleParty => "single-party",
                },
                proof: app.latencies.proof(digest),
            })
        });
        Ok::<_, Error>(StepView {
            name: step.name.to_string(),
            function,
            model,
            inputs: step.inputs.iter().map(Name::to_string).collect(),
            outputs: step.outputs.iter().map(|(name, kind)| value(name, kind)).collect(),
            card: card.transpose()?,
        })
    });
    let choices = offered.choices.iter().map(|choice| {
        let (answer, proofs) = app.latencies.of(runner, choice).unzip();
        ChoiceView { methods: choice.clone(), answer, proofs }
    });
    Ok(OperationView {
        name: definition.name.to_string(),
        inputs: definition.inputs.iter().map(|input| value(&input.name, &input.kind)).collect(),
        steps: steps.collect::<Result<_, _>>()?,
        choices: choices.collect(),
        outside_workers: definition.outside_workers,
    })
}
