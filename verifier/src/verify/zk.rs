//! Groth16 evidence (FORMAT.md §6).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{batch::Known, cards::Checked, examination::Examination};
use crate::{
    Error,
    evidence::Evidence,
    groth16::{Proof, Statement, VerifyingKey, context},
    ids::CardDigest,
    operation::{Method, Step},
    receipt::Receipt,
    report::{Check, Status},
};

pub(super) fn check(
    exam: &mut Examination<'_>,
    receipt: &Receipt,
    cards: &BTreeMap<CardDigest, Checked>,
    known: &Known,
) {
    let mut covered = BTreeSet::new();
    for evidence in receipt.evidence() {
        let Evidence::Zk { proof, step: index } = evidence else { continue };
        let index = *index;
        let step = match super::requirements::promised(receipt, index, Method::Zk) {
            Ok(step) => step,
            Err(error) => {
                exam.fail("zk-proof", error);
                continue;
            }
        };
        if !covered.insert(index) {
            let error = Error::EvidenceRepeated { step: step.name.clone(), method: Method::Zk };
            exam.fail_of("zk-proof", &step.name, error);
            continue;
        }
        let checked = step.card.and_then(|digest| cards.get(&digest));
        let outcome = checked
            .ok_or_else(|| Error::CardMissing { step: step.name.clone() })
            .and_then(|card| statement(receipt, index, step, proof.as_slice(), &card.key))
            .and_then(|statement| known.check(&statement));
        let pinned = exam.release.plan().step(index).and_then(|planned| planned.card);
        match outcome {
            Err(error) => exam.fail_of("zk-proof", &step.name, error),
            Ok(()) if pinned.is_none() => {
                let says = "the policy pins no card for this step: ignored".to_owned();
                exam.note(Check::new("zk-proof", "9.5", Status::Skip, says).of(&step.name));
            }
            // A card other than the pinned one was refused with the plan.
            Ok(()) if pinned != step.card => {}
            Ok(()) => {
                let says =
                    "the proof holds for this operation, this step and these values".to_owned();
                exam.note(Check::new("zk-proof", "6.1", Status::Pass, says).of(&step.name));
                exam.hold(index, Method::Zk);
            }
        }
    }
}

/// What a proof claims: that these commitments, in this operation and step, are of values that the
/// key's circuit joins.
pub(super) fn statement(
    receipt: &Receipt,
    index: u32,
    step: &Step,
    proof: &[u8],
    key: &Arc<VerifyingKey>,
) -> Result<Statement, Error> {
    let mut inputs = vec![context(&receipt.digest(), index)];
    for value in step.inputs.iter().chain(&step.outputs) {
        let commitment = receipt.operation().value(*value).map(|value| value.commitment);
        let element = commitment.and_then(|commitment| commitment.element());
        inputs.push(element.ok_or_else(|| Error::StepInvalid {
            step: step.name.clone(),
            why: "a value of a step that promises zk is committed to with Poseidon",
        })?);
    }
    Ok(Statement { key: Arc::clone(key), inputs, proof: Proof::from_bytes(proof)? })
}
