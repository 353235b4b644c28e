//! Key cards against the operation and the policy (FORMAT.md §6.4, §9.5).

use std::{collections::BTreeMap, sync::Arc};

use super::{check_id::CheckId, examination::Examination, known::Known};
use crate::{
    Error,
    card::{Card, Port, Setup},
    groth16::VerifyingKey,
    ids::CardDigest,
    operation::{Function, Step},
    receipt::Receipt,
    report::{Check, Status},
};

/// A card that fits its steps, with its key.
pub(super) struct Checked {
    pub(super) card: Card,
    pub(super) key: Arc<VerifyingKey>,
}

/// Checks every card that is there; returns those that are in order.
pub(super) fn check(
    exam: &mut Examination<'_>,
    receipt: &Receipt,
    known: &Known,
) -> BTreeMap<CardDigest, Checked> {
    let mut checked = BTreeMap::new();
    for (digest, bytes) in receipt.cards() {
        match read(exam, receipt, digest, bytes, known) {
            Ok(card) => {
                let says =
                    "the key is sound, and the card fits the steps that refer to it".to_owned();
                exam.note(Check::new(CheckId::Card, Status::Pass, says).of(digest));
                checked.insert(digest, card);
            }
            Err(error) => exam.fail_of(CheckId::Card, &digest, error),
        }
    }
    checked
}

/// The card with its key. Steps that refer to another card than the policy's were refused with the plan.
fn read(
    exam: &Examination<'_>,
    receipt: &Receipt,
    digest: CardDigest,
    bytes: &[u8],
    known: &Known,
) -> Result<Checked, Error> {
    let operation = receipt.operation();
    let card = Card::from_bytes(bytes)?;
    let steps: Vec<_> = operation.steps.iter().filter(|step| step.card == Some(digest)).collect();
    if steps.is_empty() {
        return Err(Error::CardUnreferenced { found: digest });
    }
    for step in steps {
        fits(&card, step, receipt)?;
    }
    if card.setup == Setup::SingleParty && !exam.policy.accepts_single_party_setup() {
        return Err(Error::SetupSingleParty { key: card.key_id() });
    }
    let key = known.key(digest, &card)?;
    Ok(Checked { card, key })
}

/// The card is of this step's model, and its ports have the types of the step's values.
fn fits(card: &Card, step: &Step, receipt: &Receipt) -> Result<(), Error> {
    if step.function != Function::Model(card.model) {
        return Err(Error::CardModel {
            step: step.name.clone(),
            expected: step.function.to_string(),
            found: Function::Model(card.model).to_string(),
        });
    }
    let same = |indices: &[u32], ports: &[Port]| {
        let values = indices.iter().filter_map(|index| receipt.operation().value(*index));
        values.map(|value| &value.kind).eq(ports.iter().map(|port| &port.kind))
    };
    if !same(&step.inputs, &card.inputs) || !same(&step.outputs, &card.outputs) {
        return Err(Error::CardTypes { step: step.name.clone() });
    }
    Ok(())
}
