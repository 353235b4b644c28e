//! A receipt must convince its own maker before it goes out.

use std::collections::{BTreeMap, BTreeSet};

use assay_verifier::{
    Clock, Expected, UnixMillis, explain,
    ids::Name,
    policy::Policy,
    receipt::Receipt,
    report::{Report, Status},
};

use crate::error::Error;

/// Verifies a receipt under the policy that it teaches. The proofs of the steps `pending` may be
/// absent; everything else must hold. `given` are the inputs as the caller sent them, and whatever else
/// it has of values whose bytes are not in the receipt; without them the receipt's own openings stand in,
/// which were held against them before.
///
/// A receipt that is only upgraded is verified as of its attestation's time: it was accepted live when
/// it was made, and a proof may come when the certificates have lapsed.
pub(crate) fn stands(
    receipt: &Receipt,
    pending: &BTreeSet<u32>,
    given: Option<&BTreeMap<Name, Vec<u8>>>,
    now: UnixMillis,
) -> Result<(), Error> {
    let (receipt, unsigned) = signed_part(receipt)?;
    let pending: BTreeSet<u32> = pending.union(&unsigned).copied().collect();
    let mut policy = Policy::learn(&receipt)?.reviewed_by_its_owner();
    let operation = receipt.operation();
    let mut values = BTreeMap::new();
    for (index, input) in operation.inputs() {
        let Some(opening) = receipt.openings().iter().find(|opening| opening.value == index) else {
            // Nobody can hold it against anything.
            policy = policy.with_any_input(&input.name);
            continue;
        };
        let bytes = given.map_or(opening.bytes.as_ref(), |given| given.get(&input.name));
        if let Some(bytes) = bytes {
            values.insert(input.name.clone(), bytes.clone());
        }
    }
    let detached = receipt.openings().iter().filter(|opening| opening.bytes.is_none());
    for value in detached.filter_map(|opening| operation.value(opening.value)) {
        if let Some(bytes) = given.and_then(|given| given.get(&value.name)) {
            values.insert(value.name.clone(), bytes.clone());
        }
    }
    let upgraded = given.is_none() && policy.archived().is_some();
    let clock = if upgraded { Clock::Archived } else { Clock::Live(now) };
    let report = explain(&receipt.to_bytes(), &policy, clock, &Expected { nonce: None, values });
    let awaited: BTreeSet<&str> = (0u32..)
        .zip(&operation.steps)
        .filter(|(index, _)| pending.contains(index))
        .map(|(_, step)| step.name.as_str())
        .collect();
    refused(&report, &awaited)
}

/// The receipt without the documents of an emulated security module, and the steps that lack an
/// attestation for it. QEMU's module has no key: the place of the signature is filled with zeros, and
/// every verifier refuses such a receipt. Here, the rest of it is checked as ever.
fn signed_part(receipt: &Receipt) -> Result<(Receipt, BTreeSet<u32>), Error> {
    let (unsigned, signed): (Vec<_>, Vec<_>) = receipt
        .evidence()
        .iter()
        .partition(|evidence| evidence.document().is_some_and(is_unsigned));
    if unsigned.is_empty() {
        return Ok((receipt.clone(), BTreeSet::new()));
    }
    let mut rest = Receipt::new(receipt.operation().clone())?;
    signed.into_iter().for_each(|evidence| rest.attach(evidence.clone()));
    receipt.openings().iter().for_each(|opening| rest.open(opening.clone()));
    receipt.cards().for_each(|(_, card)| rest.add_card(card.to_vec()));
    let steps = unsigned.into_iter().flat_map(|evidence| evidence.steps()).copied().collect();
    Ok((rest, steps))
}

/// Whether a document says of itself that nobody signed it: the reserved algorithm -1, and zeros.
fn is_unsigned(document: &[u8]) -> bool {
    document.starts_with(&[0x84, 0x43, 0xa1, 0x01, 0x20, 0xa0]) && document.ends_with(&[0; 64])
}

/// The first check that failed, but for proofs that are awaited.
fn refused(report: &Report, awaited: &BTreeSet<&str>) -> Result<(), Error> {
    for check in &report.checks {
        let subject = check.subject.as_deref();
        let late = check.code == Some("evidence-pending")
            && subject.is_some_and(|step| awaited.contains(step));
        if check.status == Status::Fail && !late {
            return Err(Error::OwnReceipt {
                code: check.code.unwrap_or("refused"),
                why: check.says.clone(),
            });
        }
    }
    Ok(())
}
