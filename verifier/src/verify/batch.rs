//! Many receipts at once: every proof of theirs in one pairing check (FORMAT.md §10.6).

use super::{
    Clock, Expected, Verified,
    known::Known,
    verifier::{Until, Verifier},
};
use crate::{
    Error, UnixMillis,
    groth16::{self, Statement},
    policy::Policy,
};

/// A receipt of a batch, with its own policy and what its caller knows.
#[derive(Clone, Copy, Debug)]
pub struct BatchItem<'a> {
    /// The receipt's bytes.
    pub receipt: &'a [u8],
    /// What is demanded of it.
    pub policy: &'a Policy,
    /// What the caller sent, received, and drew.
    pub expected: &'a Expected,
}

/// Gives each receipt the answer that [`super::verify`] gives it, in order, and is faster: the
/// proofs of all of them are checked as one; where that fails, halves are, down to the culprits.
///
/// Proofs take part only where nothing before them refuses the receipt. However many are false, the groups that are
/// tried in vain come to twice the proofs there are: the rest is checked receipt by receipt, as `verify` would.
pub fn verify_batch(items: &[BatchItem<'_>], now: UnixMillis) -> Vec<Result<Verified, Error>> {
    let known = Known::default();
    let clock = Clock::Live(now);
    let verifiers: Vec<_> = items
        .iter()
        .map(|item| Verifier::new(item.receipt, item.policy, clock, item.expected, &known))
        .collect();
    let claimed: Vec<Vec<Statement>> = verifiers.iter().map(Verifier::claimed).collect();
    for statement in groth16::that_hold(&claimed) {
        known.note(statement);
    }
    let answer = |verifier: &Verifier<'_>| {
        verifier.examine(Until::TheFirstRefusal).into_outcome().map(Verified)
    };
    verifiers.iter().map(answer).collect()
}
