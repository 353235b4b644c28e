//! The operation against the policy: name, nonce, outcome, plan (FORMAT.md §9.2, §9.3).

use super::examination::Examination;
use crate::{
    Error,
    ids::Name,
    operation::{NonceClaim, Operation},
    policy::Policy,
    receipt::Receipt,
};

pub(super) fn reviewed(policy: &Policy) -> Result<(), Error> {
    if policy.is_unreviewed() { Err(Error::PolicyUnreviewed) } else { Ok(()) }
}

pub(super) fn check(exam: &mut Examination<'_>, receipt: &Receipt) {
    let (policy, operation) = (exam.policy, receipt.operation());
    exam.compare(
        "operation-name",
        "9.3",
        name(policy, operation),
        "it is the operation asked for",
        policy.operation().to_string(),
        operation.name.to_string(),
    );
    if let Some(expected) = policy.operation_digest() {
        let says = "it is the very operation that was pinned";
        let (expected, found) = (expected.to_string(), receipt.digest().to_string());
        exam.compare("operation-digest", "9.3", digest(policy, receipt), says, expected, found);
    }
    let says = match operation.nonce {
        NonceClaim::Client(_) if policy.nonce().is_some() => "it carries the nonce of this policy",
        NonceClaim::Client(_) => "some client's nonce, not held against anything",
        NonceClaim::None => "it carries no nonce",
        NonceClaim::Server(_) => "its nonce was made by the operator: it may be an old receipt",
    };
    let expected =
        policy.nonce().map_or("any, or none".to_owned(), |nonce| format!("client {nonce}"));
    exam.compare("nonce", "9.3", nonce(policy, operation), says, expected, made(operation));
    let outcomes: Vec<_> = policy.outcomes().iter().map(Name::as_str).collect();
    exam.compare(
        "outcome",
        "9.3",
        outcome(policy, operation),
        "its outcome is accepted",
        outcomes.join(" or "),
        operation.outcome.to_string(),
    );
    let says = "steps, functions, settings, wiring and types are those of the policy";
    let compared = exam.release.plan().compare(operation);
    exam.plan_is_the_releases = compared.is_ok();
    exam.check("plan", "9.2", compared, says);
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
        (Some(expected), _) => {
            let (expected, found) = (format!("client {expected}"), made(operation));
            Err(Error::NonceMismatch { expected, found })
        }
    }
}

/// Who made the operation's nonce, and the nonce.
fn made(operation: &Operation) -> String {
    let nonce = operation.nonce.nonce().map_or_else(String::new, |nonce| format!(" {nonce}"));
    format!("{}{nonce}", operation.nonce.maker())
}

fn outcome(policy: &Policy, operation: &Operation) -> Result<(), Error> {
    if policy.outcomes().contains(&operation.outcome) {
        return Ok(());
    }
    Err(Error::OutcomeNotAccepted { found: operation.outcome.clone() })
}
