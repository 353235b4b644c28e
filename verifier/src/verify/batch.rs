//! Many receipts at once: every proof of theirs in one pairing check (FORMAT.md §10.6).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{CallerValues, Clock, Verified, cards::Checked, decide, values::Opened, zk};
use crate::{
    Error, UnixMillis,
    card::Card,
    evidence::Evidence,
    groth16::{self, Statement, VerifyingKey},
    ids::CardDigest,
    operation::Method,
    policy::Policy,
    receipt::Receipt,
};

/// A receipt of a batch, with its own policy and values.
#[derive(Clone, Copy, Debug)]
pub struct BatchItem<'a> {
    /// The receipt's bytes.
    pub receipt: &'a [u8],
    /// What is demanded of it.
    pub policy: &'a Policy,
    /// What the caller sent and received.
    pub values: &'a CallerValues,
}

/// What was found out for many receipts together: keys that are sound, and statements that hold.
#[derive(Default)]
pub(super) struct Known {
    keys: BTreeMap<CardDigest, Arc<VerifyingKey>>,
    holds: BTreeSet<[u8; 32]>,
}

impl Known {
    /// The key of a card, read anew where it is not known.
    pub(super) fn key(&self, digest: CardDigest, card: &Card) -> Result<Arc<VerifyingKey>, Error> {
        match self.keys.get(&digest) {
            Some(key) => Ok(Arc::clone(key)),
            None => card.verifying_key().map(Arc::new),
        }
    }

    /// Checks a statement, unless it is known to hold.
    pub(super) fn check(&self, statement: &Statement) -> Result<(), Error> {
        match self.holds.contains(&statement.digest()) {
            true => Ok(()),
            false => statement.check(),
        }
    }
}

/// Gives each receipt the answer that [`super::verify`] gives it, in order, and is faster: the
/// proofs of all of them are checked as one; where that fails, halves are, down to the culprits.
pub fn verify_batch(items: &[BatchItem<'_>], now: UnixMillis) -> Vec<Result<Verified, Error>> {
    let mut known = Known::default();
    let mut statements = Vec::new();
    for item in items {
        // Whatever cannot be read here is refused below, with its reason.
        if let Ok(receipt) = Receipt::from_bytes(item.receipt) {
            statements.extend(claimed(&receipt, item.values, &mut known));
        }
    }
    for statement in groth16::that_hold(&statements) {
        known.holds.insert(statement.digest());
    }
    let clock = Clock::Live(now);
    let outcome = |item: &BatchItem<'_>| {
        decide(item.receipt, item.policy, clock, item.values, &known).map(Verified)
    };
    items.iter().map(outcome).collect()
}

/// What the proofs of a receipt claim, as far as it can be read. Openings are not held against their
/// commitments here: [`decide`] asks for the statement that follows from those that were.
fn claimed(receipt: &Receipt, given: &CallerValues, known: &mut Known) -> Vec<Statement> {
    let mut cards = BTreeMap::new();
    for (digest, bytes) in receipt.cards() {
        let Ok(card) = Card::from_bytes(bytes) else { continue };
        let Ok(key) = known.key(digest, &card) else { continue };
        known.keys.insert(digest, Arc::clone(&key));
        cards.insert(digest, Checked { card, key });
    }
    let values = (0u32..).zip(&receipt.operation().values);
    let mut opened: Opened = values
        .filter_map(|(index, value)| Some((index, given.get(&value.name)?.clone())))
        .collect();
    for opening in receipt.openings() {
        if let Some(bytes) = &opening.bytes {
            opened.insert(opening.value, bytes.clone());
        }
    }
    let mut statements = Vec::new();
    for evidence in receipt.evidence() {
        let Evidence::Zk { proof, step: index } = evidence else { continue };
        let Ok(step) = super::requirements::promised(receipt, *index, Method::Zk) else { continue };
        let Some(card) = step.card.and_then(|card| cards.get(&card)) else { continue };
        statements.extend(zk::statement(receipt, *index, card, proof.as_slice(), &opened).ok());
    }
    statements
}
