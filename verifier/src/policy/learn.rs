//! A first policy, learned from a receipt and marked as unreviewed (FORMAT.md §9.7).

use std::collections::BTreeMap;

use super::{
    ArchivedRule, Image, InputRule, LiveRule, NonceRule, Plan, PlannedStep, PlannedValue, Policy,
    Release, image::configures,
};
use crate::{
    Error,
    attestation::{Document, Pcr, PcrSet, Root},
    card::{Card, Setup},
    ids::Name,
    operation::{Function, Method, NonceClaim, Operation},
    receipt::Receipt,
};

impl Policy {
    /// The policy that accepts receipts like this one: its plan, images, cards and, where the
    /// client made it, its nonce. Inputs become the caller's bytes. Nothing in it was checked, so
    /// it is marked `unreviewed` and accepted by no verification until its owner removes that.
    pub fn learn(receipt: &Receipt) -> Result<Self, Error> {
        let operation = receipt.operation();
        let (images, window) = learn_images(receipt)?;
        let plan = learn_plan(operation, &images);
        let nonce = match &operation.nonce {
            NonceClaim::Client(nonce) => NonceRule::Exactly(nonce.clone()),
            NonceClaim::None | NonceClaim::Server(_) => NonceRule::Any,
        };
        let rules = plan.inputs.iter().map(|name| (name.clone(), InputRule::CallerBytes));
        let mut single_party = false;
        let of_a_step = |digest| operation.steps.iter().any(|step| step.card == Some(digest));
        for (_, card) in receipt.cards().filter(|(digest, _)| of_a_step(*digest)) {
            single_party |= Card::from_bytes(card)?.setup == Setup::SingleParty;
        }
        Ok(Self {
            unreviewed: true,
            operation: operation.name.clone(),
            operation_digest: None,
            nonce,
            outcomes: vec![operation.outcome.clone()],
            inputs: rules.collect(),
            releases: vec![Release::new(
                Name::new("release-0")?,
                plan,
                images.into_iter().map(|learned| (learned.name, learned.image)).collect(),
            )],
            denied_certificates: Vec::new(),
            accept_single_party_setup: single_party,
            live: Some(LiveRule {
                max_age_ms: DEFAULT_MAX_AGE_MS,
                future_skew_ms: DEFAULT_SKEW_MS,
            }),
            archived: window,
            digest: None,
        })
    }
}

/// An enclave re-attests at most every 60 minutes, and a receipt wants a few minutes to be read.
const DEFAULT_MAX_AGE_MS: u64 = 65 * 60 * 1000;
/// Two machines' clocks that are kept by NTP differ by far less.
const DEFAULT_SKEW_MS: u64 = 30 * 1000;

struct Learned {
    name: Name,
    image: Image,
    steps: Vec<u32>,
}

/// One image for every distinct set of registers, and the window that holds all documents' times.
fn learn_images(receipt: &Receipt) -> Result<(Vec<Learned>, Option<ArchivedRule>), Error> {
    let mut learned: Vec<Learned> = Vec::new();
    let mut window: Option<ArchivedRule> = None;
    for evidence in receipt.evidence() {
        let Some(bytes) = evidence.document() else { continue };
        let document = Document::parse(bytes)?;
        let chain = document.unverified_chain()?;
        let root = chain.first().map(|root| Root::named(root.der())).transpose()?;
        let root = root.unwrap_or_else(Root::aws_g1);
        let wanted = |(index, pcr): &(u8, Pcr)| matches!(index, 0..=2) || configures(*index, *pcr);
        let pcrs = PcrSet::new(document.unverified_pcrs().filter(wanted))
            .map_err(|error| Error::PolicyInconsistent { why: error.to_string() })?;
        let image = Image::new(pcrs, root);
        let time = document.unverified_timestamp().get();
        window = Some(match window {
            None => ArchivedRule { from_ms: time, to_ms: time },
            Some(rule) => {
                ArchivedRule { from_ms: rule.from_ms.min(time), to_ms: rule.to_ms.max(time) }
            }
        });
        let steps = evidence.steps();
        match learned.iter_mut().find(|known| known.image == image) {
            Some(known) => known.steps.extend(steps),
            None => {
                let name = format!("image-{}", learned.len());
                learned.push(Learned { name: Name::new(&name)?, image, steps: steps.to_vec() });
            }
        }
    }
    Ok((learned, window))
}

fn learn_plan(operation: &Operation, images: &[Learned]) -> Plan {
    let name_of = |index: &u32| operation.value(*index).map(|value| value.name.clone());
    let taken: Vec<u32> = operation.steps.iter().flat_map(|step| step.inputs.clone()).collect();
    let given = operation.steps.iter().flat_map(|step| &step.outputs);
    let results = given.filter(|index| !taken.contains(index)).filter_map(name_of).collect();
    let steps = (0u32..).zip(&operation.steps).map(|(index, step)| {
        let mut demanded = step.methods.clone();
        if matches!(step.function, Function::Glue(_)) {
            demanded.insert(Method::Recompute);
        }
        PlannedStep {
            name: step.name.clone(),
            function: step.function.clone(),
            settings: step.settings.clone().into_iter().collect::<BTreeMap<_, _>>(),
            free_settings: Vec::new(),
            inputs: step.inputs.iter().filter_map(name_of).collect(),
            outputs: step.outputs.iter().filter_map(name_of).collect(),
            accept_operators_word: demanded.is_empty(),
            evidence: if demanded.is_empty() { Vec::new() } else { vec![demanded] },
            images: images
                .iter()
                .filter(|image| image.steps.contains(&index))
                .map(|image| image.name.clone())
                .collect(),
            card: step.card,
        }
    });
    Plan {
        values: operation
            .values
            .iter()
            .map(|value| PlannedValue { name: value.name.clone(), kind: value.kind.clone() })
            .collect(),
        inputs: operation.inputs().map(|(_, value)| value.name.clone()).collect(),
        results,
        steps: steps.collect(),
    }
}
