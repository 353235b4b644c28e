//! What bytes say, decoded and nothing more: for looking at, never for deciding (FORMAT.md §10.5).

use serde::Serialize;

use crate::{
    Error,
    card::{Card, Port, Setup},
    evidence::Evidence,
    ids::{CardDigest, CircuitDigest, KeyId, ManifestDigest, ModelDigest, Name, OperationDigest},
    operation::{Methods, Operation, Settings, Step},
    receipt::Receipt,
    value::Type,
};

/// A view of a receipt. Its JSON form begins with words that say that nothing was checked.
#[derive(Debug, Serialize)]
pub struct View {
    notice: &'static str,
    operation: OperationView,
    evidence: Vec<EvidenceView>,
    openings: Vec<OpeningView>,
    cards: Vec<CardView>,
}

#[derive(Debug, Serialize)]
struct OperationView {
    digest: OperationDigest,
    name: Name,
    run: crate::ids::RunId,
    nonce: Option<crate::ids::Nonce>,
    nonce_made_by: &'static str,
    outcome: Name,
    values: Vec<ValueView>,
    steps: Vec<StepView>,
}

#[derive(Debug, Serialize)]
struct ValueView {
    name: Name,
    #[serde(rename = "type")]
    kind: Type,
    commitment: String,
}

#[derive(Debug, Serialize)]
struct StepView {
    name: Name,
    function: String,
    settings: Settings,
    inputs: Vec<Name>,
    outputs: Vec<Name>,
    methods: Methods,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardDigest>,
}

#[derive(Debug, Serialize)]
struct EvidenceView {
    kind: &'static str,
    steps: Vec<Name>,
    bytes: usize,
}

#[derive(Debug, Serialize)]
struct OpeningView {
    value: Name,
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    integers: Option<Vec<i64>>,
}

#[derive(Debug, Serialize)]
struct CardView {
    digest: CardDigest,
    key: KeyId,
    circuit: CircuitDigest,
    model: ModelDigest,
    manifest: ManifestDigest,
    compiler: String,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    setup: String,
}

/// Most integers of a value that a view repeats.
const SHOWN_INTEGERS: usize = 256;

/// Decodes a receipt for looking at it. Errors: bytes that are no receipt.
pub fn inspect(bytes: &[u8]) -> Result<View, Error> {
    let receipt = Receipt::from_bytes(bytes)?;
    let operation = receipt.operation();
    let cards = receipt.cards().map(|(digest, bytes)| Ok(card(digest, &Card::from_bytes(bytes)?)));
    Ok(View {
        notice: "NOT VERIFIED: this is what the bytes say",
        operation: OperationView {
            digest: receipt.digest(),
            name: operation.name.clone(),
            run: operation.run,
            nonce: operation.nonce.nonce().cloned(),
            nonce_made_by: operation.nonce.maker(),
            outcome: operation.outcome.clone(),
            values: operation
                .values
                .iter()
                .map(|value| ValueView {
                    name: value.name.clone(),
                    kind: value.kind.clone(),
                    commitment: value.commitment.to_string(),
                })
                .collect(),
            steps: operation.steps.iter().map(|step| step_view(operation, step)).collect(),
        },
        evidence: receipt.evidence().iter().map(|e| evidence(operation, e)).collect(),
        openings: receipt.openings().iter().filter_map(|o| opening(operation, o)).collect(),
        cards: cards.collect::<Result<_, Error>>()?,
    })
}

impl View {
    /// The view as JSON text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a view has text keys only");
        text.push('\n');
        text
    }
}

fn step_view(operation: &Operation, step: &Step) -> StepView {
    let names = |indices: &[u32]| {
        let values = indices.iter().filter_map(|index| operation.value(*index));
        values.map(|value| value.name.clone()).collect()
    };
    StepView {
        name: step.name.clone(),
        function: step.function.to_string(),
        settings: step.settings.clone(),
        inputs: names(&step.inputs),
        outputs: names(&step.outputs),
        methods: step.methods.clone(),
        card: step.card,
    }
}

fn evidence(operation: &Operation, evidence: &Evidence) -> EvidenceView {
    let steps = evidence.steps().iter().filter_map(|step| usize::try_from(*step).ok());
    let bytes = match evidence {
        Evidence::TeeDocument { document, .. } | Evidence::TeeSession { document, .. } => {
            document.len()
        }
        Evidence::Zk { proof, .. } => proof.len(),
    };
    let named = steps.filter_map(|step| operation.steps.get(step));
    EvidenceView {
        kind: evidence.kind(),
        steps: named.map(|step| step.name.clone()).collect(),
        bytes,
    }
}

fn opening(operation: &Operation, opening: &crate::receipt::Opening) -> Option<OpeningView> {
    let value = operation.value(opening.value)?;
    let tensor = value.kind.tensor().filter(|tensor| tensor.elements() <= SHOWN_INTEGERS);
    let bytes = opening.bytes.as_deref();
    Some(OpeningView {
        value: value.name.clone(),
        bytes: bytes.map(<[u8]>::len),
        integers: tensor.zip(bytes).and_then(|(tensor, bytes)| tensor.integers(bytes).ok()),
    })
}

fn card(digest: CardDigest, card: &Card) -> CardView {
    CardView {
        digest,
        key: card.key_id(),
        circuit: card.circuit,
        model: card.model,
        manifest: card.manifest,
        compiler: card.compiler.clone(),
        inputs: card.inputs.clone(),
        outputs: card.outputs.clone(),
        setup: match &card.setup {
            Setup::Ceremony { contributions, .. } => {
                format!("ceremony, {contributions} contributions")
            }
            Setup::SingleParty => "single-party".to_owned(),
        },
    }
}
