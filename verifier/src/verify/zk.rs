//! Groth16 evidence (FORMAT.md §6).

use std::{collections::BTreeMap, sync::Arc};

use ark_bls12_381::Fr;

use super::{
    cards::Checked, check_id::CheckId, examination::Examination, known::Known, values::Opened,
    verifier::Until,
};
use crate::{
    Error,
    card::Card,
    evidence::Evidence,
    groth16::{Proof, Statement, context},
    ids::CardDigest,
    operation::{Method, Step},
    receipt::Receipt,
    report::{Check, Status},
};

pub(super) fn check(
    exam: &mut Examination<'_>,
    receipt: &Receipt,
    cards: &BTreeMap<CardDigest, Checked>,
    opened: &Opened,
    known: &Known,
    until: Until,
) {
    for (index, step, proof) in proofs(receipt) {
        let outcome = claimed(receipt, index, step, cards, proof, opened)
            .and_then(|statement| known.check(&statement));
        match outcome {
            Err(error) => {
                exam.fail_of(CheckId::ZkProof, &step.name, error);
                // One false proof is the answer: the next cost as much.
                if until == Until::TheFirstRefusal {
                    return;
                }
            }
            Ok(()) => {
                let says =
                    "the proof holds for this operation, this step and these values".to_owned();
                exam.note(Check::new(CheckId::ZkProof, Status::Pass, says).of(&step.name));
                exam.hold(index, Method::Zk);
            }
        }
    }
}

/// What the proofs claim that [`check`] would look at, as far as they can be read, for a batch: no more of them than have
/// public inputs in proportion to the receipt, since all are kept until the last receipt is read.
pub(super) fn statements(
    receipt: &Receipt,
    cards: &BTreeMap<CardDigest, Checked>,
    opened: &Opened,
    mut room: usize,
) -> Vec<Statement> {
    let mut statements = Vec::new();
    for (index, step, proof) in proofs(receipt) {
        let checked = step.card.and_then(|digest| cards.get(&digest));
        let inputs = checked.map_or(0, |checked| checked.card.public_inputs());
        if inputs > room {
            continue;
        }
        if let Ok(statement) = claimed(receipt, index, step, cards, proof, opened) {
            room = room.saturating_sub(inputs);
            statements.push(statement);
        }
    }
    statements
}

/// The receipt's proofs, each with its step.
fn proofs(receipt: &Receipt) -> impl Iterator<Item = (u32, &Step, &[u8])> {
    receipt.evidence().iter().filter_map(|evidence| {
        let Evidence::Zk { proof, step: index } = evidence else { return None };
        let step = receipt.operation().steps.get(usize::try_from(*index).ok()?)?;
        Some((*index, step, proof.as_slice()))
    })
}

/// What a proof claims: that the circuit of the card's key joins the values of this step, in this
/// operation.
fn claimed(
    receipt: &Receipt,
    index: u32,
    step: &Step,
    cards: &BTreeMap<CardDigest, Checked>,
    proof: &[u8],
    opened: &Opened,
) -> Result<Statement, Error> {
    let checked = step.card.and_then(|digest| cards.get(&digest));
    let checked = checked.ok_or_else(|| Error::CardMissing { step: step.name.clone() })?;
    let inputs = public_inputs(receipt, index, &checked.card, opened)?;
    Ok(Statement { key: Arc::clone(&checked.key), inputs, proof: Proof::from_bytes(proof)? })
}

/// The public inputs of a step's proof under a card, FORMAT.md §6.3. `opened` holds bytes of values by
/// their index, each held against its commitment before. Errors: no such step, or one of other values
/// than the card's; a public value that is not opened or not in its range.
pub fn public_inputs(
    receipt: &Receipt,
    index: u32,
    card: &Card,
    opened: &BTreeMap<u32, Vec<u8>>,
) -> Result<Vec<Fr>, Error> {
    let operation = receipt.operation();
    let step = usize::try_from(index).ok().and_then(|at| operation.steps.get(at));
    let step = step.ok_or(Error::EvidenceStepUnknown { index })?;
    let indices: Vec<u32> = step.inputs.iter().chain(&step.outputs).copied().collect();
    if indices.len() != card.ports().count() {
        return Err(Error::CardTypes { step: step.name.clone() });
    }
    let mut inputs = vec![context(&receipt.digest(), index)];
    for (index, port) in indices.into_iter().zip(card.ports()) {
        let value = operation.value(index).ok_or(Error::OpeningUnknown { index })?;
        let bytes = opened.get(&index).map(Vec::as_slice);
        inputs.extend(port.elements(&step.name, value, bytes)?);
    }
    Ok(inputs)
}
