//! The decision: what was checked, in which order, and what remains on trust (FORMAT.md §10).
//!
//! [`verify`] and [`verify_archived`] return evidence that everything passed, or the first reason
//! for refusing. [`explain`] makes the same examination and returns all of it.

mod batch;
mod cards;
mod claims;
mod examination;
mod paths;
mod recompute;
mod requirements;
mod tee;
mod trust;
mod values;
mod zk;

use std::collections::BTreeMap;

pub use batch::{BatchItem, verify_batch};
use examination::Examination;
pub use zk::public_inputs;

use batch::Known;

use crate::{
    Error, UnixMillis,
    ids::{Name, OperationDigest},
    policy::{Policy, Release},
    receipt::Receipt,
    report::Report,
    value::Type,
};

/// Values that the caller brings: what it sent and received, by the policy's names.
pub type CallerValues = BTreeMap<Name, Vec<u8>>;

/// Which clock certificates and documents are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The attestation's own time, which must lie in the policy's window.
    Archived,
    /// The caller's time.
    Live(UnixMillis),
}

/// Evidence that a receipt was accepted now: only [`verify`] makes one.
#[derive(Clone, Debug)]
pub struct Verified(Outcome);

/// Evidence that a receipt was in order when its attestation was made: only [`verify_archived`]
/// makes one. It says nothing about now.
#[derive(Clone, Debug)]
pub struct VerifiedArchived(Outcome);

#[derive(Clone, Debug)]
struct Outcome {
    report: Report,
    operation: OperationDigest,
    results: Vec<ResultValue>,
}

/// A result of the operation, from an opening that matches its commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultValue {
    /// The policy's name for it.
    pub name: Name,
    /// Its type.
    pub kind: Type,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

macro_rules! outcome {
    ($name:ident) => {
        impl $name {
            /// Every check, and the trust bill.
            pub const fn report(&self) -> &Report {
                &self.0.report
            }

            /// Identity of the operation. Keep it: an upgraded receipt can be held to it.
            pub const fn operation(&self) -> OperationDigest {
                self.0.operation
            }

            /// The results that the policy names, in its order.
            pub fn results(&self) -> &[ResultValue] {
                &self.0.results
            }
        }
    };
}
outcome!(Verified);
outcome!(VerifiedArchived);

/// Checks a receipt as of `now`. Errors: the first refusal, in the order of FORMAT.md §10.1.
pub fn verify(
    receipt: &[u8],
    policy: &Policy,
    now: UnixMillis,
    values: &CallerValues,
) -> Result<Verified, Error> {
    let known = Known::default();
    decide(receipt, policy, Clock::Live(now), values, &known).map(Verified)
}

/// Checks a receipt as of its attestations' own times, which must lie in the policy's window.
pub fn verify_archived(
    receipt: &[u8],
    policy: &Policy,
    values: &CallerValues,
) -> Result<VerifiedArchived, Error> {
    let known = Known::default();
    decide(receipt, policy, Clock::Archived, values, &known).map(VerifiedArchived)
}

/// Makes the same examination and returns the whole report, whatever it says.
pub fn explain(receipt: &[u8], policy: &Policy, clock: Clock, values: &CallerValues) -> Report {
    examine(receipt, policy, clock, values, &Known::default(), Until::TheEnd).into_report()
}

fn decide(
    receipt: &[u8],
    policy: &Policy,
    clock: Clock,
    values: &CallerValues,
    known: &Known,
) -> Result<Outcome, Error> {
    examine(receipt, policy, clock, values, known, Until::TheFirstRefusal).into_outcome()
}

/// How far an examination goes. The first refusal is the answer either way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Signatures and proofs are not looked at once the answer is known.
    TheFirstRefusal,
    /// The report names every failure.
    TheEnd,
}

/// Under the first release that accepts; else under the first whose plan is the receipt's; else
/// under the first. FORMAT.md §9.8.
fn examine<'a>(
    bytes: &[u8],
    policy: &'a Policy,
    clock: Clock,
    given: &CallerValues,
    known: &Known,
    until: Until,
) -> Examination<'a> {
    let mut answer: Option<Examination<'a>> = None;
    for release in policy.releases() {
        let exam = examine_release(bytes, policy, release, clock, given, known, until);
        if exam.accepts() {
            return exam;
        }
        let closer = exam.plan_is_the_releases
            && answer.as_ref().is_some_and(|answer| !answer.plan_is_the_releases);
        if closer || answer.is_none() {
            answer = Some(exam);
        }
    }
    answer.expect("a policy has a release")
}

fn examine_release<'a>(
    bytes: &[u8],
    policy: &'a Policy,
    release: &'a Release,
    clock: Clock,
    given: &CallerValues,
    known: &Known,
    until: Until,
) -> Examination<'a> {
    let mut exam = Examination::new(policy, release, clock);
    exam.check("policy-reviewed", "9.7", claims::reviewed(policy), "its owner has read the policy");
    let receipt = match Receipt::from_bytes(bytes) {
        Ok(receipt) => exam.receipt(receipt),
        Err(error) => {
            exam.fail("receipt-form", error);
            return exam;
        }
    };
    let over = |exam: &Examination<'_>| until == Until::TheFirstRefusal && !exam.accepts();
    claims::check(&mut exam, &receipt);
    if over(&exam) {
        return exam;
    }
    let cards = cards::check(&mut exam, &receipt, known);
    let values = values::check(&mut exam, &receipt, given);
    if over(&exam) {
        return exam;
    }
    tee::check(&mut exam, &receipt);
    if over(&exam) {
        return exam;
    }
    zk::check(&mut exam, &receipt, &cards, &values, known);
    recompute::check(&mut exam, &receipt, &values);
    requirements::check(&mut exam, &receipt);
    values::results(&mut exam, &receipt, values);
    trust::bill(&mut exam, &receipt, &cards);
    paths::list(&mut exam, &receipt);
    exam
}
