//! What is offered, and what it takes.

use std::sync::Arc;

use assay_verifier::{
    card::{Card, Setup},
    ids::Name,
    value::Type,
};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{app::App, catalogue::Offered, latency::Cost, methods::MethodName, problem::Problem};
use crate::{choice::Choice, definition::Function, error::Error};

/// What is offered: steps, methods, digests, cards, and what each choice takes on this machine.
#[utoipa::path(
    get, path = "/v1/operations", operation_id = "operations", tag = "operations",
    responses((status = 200, description = "The operations", body = Listing)),
)]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Listing>, Problem> {
    let backlog = app.store.backlog().await.unwrap_or_default();
    let catalogue = app.catalogue();
    let operations =
        catalogue.operations().map(|offered| view(&app, offered)).collect::<Result<_, Error>>()?;
    Ok(Json(Listing { operations, jobs_waiting: backlog.open }))
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
    kind: Type,
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
    let value = |name: &Name, kind: &Type| ValueView { name: name.to_string(), kind: kind.clone() };
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
                    Setup::Ceremony { .. } => "ceremony",
                    Setup::SingleParty => "single-party",
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
