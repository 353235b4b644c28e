//! The policy for itself; then the operation against it: name, nonce, outcome, plan (FORMAT.md §9.2, §9.3, §9.6 to §9.8).

use super::{Clock, check_id::CheckId, examination::Examination};
use crate::{
    Error,
    ids::{Name, Nonce},
    operation::{NonceClaim, Operation},
    policy::{NonceRule, Policy},
    receipt::Receipt,
};

/// What refuses every receipt: a policy that nobody read, that is not for this clock, or whose release is over.
pub(super) fn of_policy(exam: &mut Examination<'_>) {
    let reviewed = match exam.policy.is_unreviewed() {
        true => Err(Error::PolicyUnreviewed),
        false => Ok(()),
    };
    exam.check(CheckId::PolicyReviewed, reviewed, "its owner has read the policy");
    let missing = match exam.clock {
        Clock::Archived => exam.policy.archived().is_none().then_some("archived"),
        Clock::Live(_) => exam.policy.live().is_none().then_some("live"),
    };
    let section = missing.map_or(Ok(()), |missing| Err(Error::PolicyClock { missing }));
    exam.check(CheckId::PolicyClock, section, "the policy is for this clock");
    if let (Clock::Live(now), Some(not_after)) = (exam.clock, exam.release.not_after()) {
        let lapsed = || Error::ReleaseLapsed {
            release: exam.release.name().clone(),
            not_after: not_after.get(),
            found: now,
        };
        let outcome = if now > not_after { Err(lapsed()) } else { Ok(()) };
        exam.check(CheckId::Release, outcome, "the release is accepted still");
    }
}

/// Archived, a release that ends wants every attestation made before that, and one at least: nothing else tells a time.
pub(super) fn in_time(exam: &mut Examination<'_>) {
    let (Clock::Archived, Some(end)) = (exam.clock, exam.release.not_after()) else { return };
    let (release, not_after) = (exam.release.name().clone(), end.get());
    let outcome = match exam.attested_at.iter().max().copied() {
        None => Err(Error::ReleaseTimeUnknown { release, not_after }),
        Some(found) if found > end => Err(Error::ReleaseLapsed { release, not_after, found }),
        Some(_) => Ok(()),
    };
    exam.check(CheckId::Release, outcome, "it was attested while the release was accepted");
}

pub(super) fn check(exam: &mut Examination<'_>, receipt: &Receipt) {
    let (policy, operation) = (exam.policy, receipt.operation());
    exam.compare(
        CheckId::OperationName,
        name(policy, operation),
        "it is the operation asked for",
        policy.operation().to_string(),
        operation.name.to_string(),
    );
    if let Some(expected) = policy.operation_digest() {
        let says = "it is the very operation that was pinned";
        let (expected, found) = (expected.to_string(), receipt.digest().to_string());
        exam.compare(CheckId::OperationDigest, digest(policy, receipt), says, expected, found);
    }
    let own: Vec<&Nonce> = exam.own_nonces().collect();
    let says = match operation.nonce {
        NonceClaim::Client(_) if !own.is_empty() => "it carries the relying party's nonce",
        NonceClaim::Client(_) => "some client's nonce, not held against anything",
        NonceClaim::None => "it carries no nonce",
        NonceClaim::Server(_) => "its nonce was made by the operator: it may be an old receipt",
    };
    let expected = own.first().map_or("any, or none".to_owned(), |nonce| format!("client {nonce}"));
    let (outcome, found) = (nonce(policy, &own, operation), operation.nonce.to_string());
    exam.compare(CheckId::Nonce, outcome, says, expected, found);
    let outcomes: Vec<_> = policy.outcomes().iter().map(Name::as_str).collect();
    exam.compare(
        CheckId::Outcome,
        outcome_of(policy, operation),
        "its outcome is accepted",
        outcomes.join(" or "),
        operation.outcome.to_string(),
    );
    let says = "steps, functions, settings, wiring and types are those of the policy";
    let compared = exam.release.plan().compare(operation);
    exam.plan_is_the_releases = compared.is_ok();
    exam.check(CheckId::Plan, compared, says);
    exam.list_steps(receipt);
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

/// The operation carries every nonce that is its relying party's own, as a client's.
fn nonce(policy: &Policy, own: &[&Nonce], operation: &Operation) -> Result<(), Error> {
    if *policy.nonce() == NonceRule::Caller && own.is_empty() {
        return Err(Error::CallerNonceMissing);
    }
    let carried = |nonce: &Nonce| matches!(&operation.nonce, NonceClaim::Client(n) if n == nonce);
    match own.iter().find(|nonce| !carried(nonce)) {
        None => Ok(()),
        Some(expected) => {
            let (expected, found) = (format!("client {expected}"), operation.nonce.to_string());
            Err(Error::NonceMismatch { expected, found })
        }
    }
}

fn outcome_of(policy: &Policy, operation: &Operation) -> Result<(), Error> {
    if policy.outcomes().contains(&operation.outcome) {
        return Ok(());
    }
    Err(Error::OutcomeNotAccepted { found: operation.outcome.clone() })
}
