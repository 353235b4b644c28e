//! What a client is answered at once.

use std::collections::BTreeMap;

use assay_verifier::{receipt::Receipt, value::Type};
use base64ct::{Base64, Encoding as _};
use serde::Serialize;
use utoipa::ToSchema;

use super::methods::{ChosenBy, MethodName};
use crate::{choice::Choice, jobs::NewJob};

/// The answer. What it says is for convenience; what can be believed is the receipt.
#[derive(Serialize, ToSchema)]
pub(super) struct Answer {
    /// The operation's digest: the receipt's id, now and when its proofs are attached.
    operation: String,
    /// The operation's name.
    name: String,
    /// How it ended.
    outcome: String,
    /// What the steps promise; the receipt says the same.
    #[schema(value_type = BTreeMap<String, Vec<MethodName>>)]
    methods: Choice,
    /// Who chose them.
    chosen_by: ChosenBy,
    /// Values that no step takes, as far as the receipt discloses them.
    results: BTreeMap<String, ResultView>,
    /// The receipt as it is now, CBOR in base64.
    #[schema(content_encoding = "base64")]
    receipt: String,
    /// Where the receipt is, and will be with its proofs.
    receipt_url: String,
    /// Proofs that are under way.
    jobs: Vec<JobLink>,
    /// Milliseconds that executing and attesting took.
    elapsed_ms: f64,
    /// Milliseconds until all proofs are expected; null where there are none or none was measured.
    proofs_expected_ms: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct JobLink {
    id: String,
    /// The step that it proves.
    step: String,
    url: String,
    /// Server-sent events of its progress.
    events_url: String,
}

#[derive(Serialize, ToSchema)]
struct ResultView {
    /// As in FORMAT.md §9.1.
    #[serde(rename = "type")]
    #[schema(value_type = Object)]
    kind: Type,
    /// The elements, where it is a tensor of at most 4,096 integers.
    #[serde(skip_serializing_if = "Option::is_none")]
    integers: Option<Vec<i64>>,
    /// The value, as FORMAT.md §2.2 writes it.
    #[schema(content_encoding = "base64")]
    base64: String,
}

impl Answer {
    pub(super) fn new(
        receipt: &Receipt,
        bytes: Vec<u8>,
        choice: &Choice,
        chosen_by: ChosenBy,
        elapsed_ms: f64,
        jobs: &[NewJob],
        backlog_ms: f64,
    ) -> Self {
        let operation = receipt.operation();
        let expected: u64 = jobs.iter().map(|job| job.expected_ms).sum();
        Self {
            operation: receipt.digest().to_string(),
            name: operation.name.to_string(),
            outcome: operation.outcome.to_string(),
            methods: choice.clone(),
            chosen_by,
            results: results(receipt),
            receipt: Base64::encode_string(&bytes),
            receipt_url: format!("/v1/receipts/{}", receipt.digest()),
            jobs: jobs.iter().map(JobLink::new).collect(),
            elapsed_ms,
            proofs_expected_ms: (expected > 0).then_some(expected as f64 + backlog_ms),
        }
    }
}

impl JobLink {
    fn new(job: &NewJob) -> Self {
        let url = format!("/v1/jobs/{}", job.id);
        Self {
            id: job.id.clone(),
            step: job.step_name.clone(),
            events_url: format!("{url}/events"),
            url,
        }
    }
}

fn results(receipt: &Receipt) -> BTreeMap<String, ResultView> {
    let operation = receipt.operation();
    let result = |opening: &assay_verifier::receipt::Opening| {
        let taken = operation.steps.iter().any(|step| step.inputs.contains(&opening.value));
        let value = operation.value(opening.value).filter(|_| !taken)?;
        let bytes = opening.bytes.as_deref()?;
        let integers = value
            .kind
            .tensor()
            .filter(|tensor| tensor.elements() <= SHOWN)
            .and_then(|tensor| tensor.integers(bytes).ok());
        let base64 = Base64::encode_string(bytes);
        Some((value.name.to_string(), ResultView { kind: value.kind.clone(), integers, base64 }))
    };
    receipt.openings().iter().filter_map(result).collect()
}

/// Most elements that are repeated as numbers.
const SHOWN: usize = 4096;
