//! The decision: what was checked, in which order, and what remains on trust (FORMAT.md §10).
//!
//! [`verify`] and [`verify_archived`] return evidence that everything passed, or the first reason
//! for refusing. [`explain`] makes the same examination and returns all of it.

mod batch;
mod cards;
mod check_id;
mod claims;
mod examination;
mod known;
mod paths;
mod recompute;
mod requirements;
mod tee;
mod trust;
mod values;
mod verifier;
mod vouched;
mod zk;

use std::collections::BTreeMap;

pub use batch::{BatchItem, verify_batch};
pub(crate) use check_id::CheckId;
use known::Known;
use verifier::{Until, Verifier};
pub use zk::public_inputs;

use crate::{
    Error, UnixMillis,
    ids::{Name, Nonce, OperationDigest},
    policy::Policy,
    report::Report,
    value::Type,
};

/// What the caller knows of the operation by itself: nothing is taken from a file or from the receipt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The nonce that it made. Where it is given, the operation must carry it, whatever the policy says.
    pub nonce: Option<Nonce>,
    /// Values that it sent or received, by the policy's names.
    pub values: BTreeMap<Name, Vec<u8>>,
}

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
    expected: &Expected,
) -> Result<Verified, Error> {
    let known = Known::default();
    let verifier = Verifier::new(receipt, policy, Clock::Live(now), expected, &known);
    verifier.examine(Until::TheFirstRefusal).into_outcome().map(Verified)
}

/// Checks a receipt as of its attestations' own times, which must lie in the policy's window.
pub fn verify_archived(
    receipt: &[u8],
    policy: &Policy,
    expected: &Expected,
) -> Result<VerifiedArchived, Error> {
    let known = Known::default();
    let verifier = Verifier::new(receipt, policy, Clock::Archived, expected, &known);
    verifier.examine(Until::TheFirstRefusal).into_outcome().map(VerifiedArchived)
}

/// Makes the same examination and returns the whole report, whatever it says.
pub fn explain(receipt: &[u8], policy: &Policy, clock: Clock, expected: &Expected) -> Report {
    let known = Known::default();
    Verifier::new(receipt, policy, clock, expected, &known).examine(Until::TheEnd).into_report()
}
