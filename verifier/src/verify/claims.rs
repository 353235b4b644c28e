//! The operation against the policy: name, nonce, outcome, plan (FORMAT.md §9.2, §9.3).

use super::examination::Examination;
use crate::{
    Error,
    operation::{NonceClaim, Operation},
    policy::Policy,
    receipt::Receipt,
};

pub(super) fn reviewed(policy: &Policy) -> Result<(), Error> {
    if policy.is_unreviewed() { Err(Error::PolicyUnreviewed) } else { Ok(()) }
}

pub(super) fn check(exam: &mut Examination<'_>, receipt: &Receipt) {
    let (policy, operation) = (exam.policy, receipt.operation());
    exam.check("operation-name", "9.3", name(policy, operation), "it is the operation asked for");
    if policy.operation_digest().is_some() {
        let says = "it is the very operation that was pinned";
        exam.check("operation-digest", "9.3", digest(policy, receipt), says);
    }
    let says = match operation.nonce {
        NonceClaim::Client(_) if policy.nonce().is_some() => "it carries the nonce of this policy",
        NonceClaim::Client(_) => "some client's nonce, not held against anything",
        NonceClaim::None => "it carries no nonce",
        NonceClaim::Server(_) => "its nonce was made by the operator: it may be an old receipt",
    };
    exam.check("nonce", "9.3", nonce(policy, operation), says);
    exam.check("outcome", "9.3", outcome(policy, operation), "its outcome is accepted");
    let says = "steps, functions, settings, wiring and types are those of the policy";
    exam.check("plan", "9.2", policy.plan().compare(operation), says);
}

fn name(policy: &Policy, operation: &Operation) -> Result<(), Error> {
    if operation.name != *policy.operation() {
        return Err(Error::OperationName {
            expected: policy.operation().clone(),
            found: operation.name.clone(),
        });
    }
    Ok(())
}

fn digest(policy: &Policy, receipt: &Receipt) -> Result<(), Error> {
    match policy.operation_digest() {
        Some(expected) if expected != receipt.digest() => {
            Err(Error::OperationDigestMismatch { expected, found: receipt.digest() })
        }
        _ => Ok(()),
    }
}

/// A policy with a nonce wants exactly it, as the client's.
fn nonce(policy: &Policy, operation: &Operation) -> Result<(), Error> {
    match (policy.nonce(), &operation.nonce) {
        (None, _) => Ok(()),
        (Some(expected), NonceClaim::Client(found)) if expected == found => Ok(()),
        (Some(expected), found) => {
            let nonce = found.nonce().map_or_else(String::new, |nonce| format!(" {nonce}"));
            let found = format!("{}{nonce}", found.maker());
            Err(Error::NonceMismatch { expected: format!("client {expected}"), found })
        }
    }
}

fn outcome(policy: &Policy, operation: &Operation) -> Result<(), Error> {
    if policy.outcomes().contains(&operation.outcome) {
        return Ok(());
    }
    Err(Error::OutcomeNotAccepted { found: operation.outcome.clone() })
}
