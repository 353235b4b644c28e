//! What the policy demands of each step, against what held (FORMAT.md §9.5).

use std::collections::BTreeMap;

use super::{check_id::CheckId, examination::Examination};
use crate::{
    Error,
    operation::{Method, Methods},
    receipt::Receipt,
    report::{Check, Status},
};

pub(super) fn check(exam: &mut Examination<'_>, receipt: &Receipt) {
    pending(exam, receipt);
    let plan = exam.release.plan();
    for (at, planned) in plan.steps.iter().enumerate() {
        // Another plan was refused before; a step of another name is not this one.
        let step = exam.report.steps.get(at).filter(|step| step.name == planned.name);
        let (held, pending) = match step {
            Some(step) => (step.held.clone(), step.pending.clone()),
            None => Default::default(),
        };
        if planned.accept_operators_word {
            let says = "nothing is demanded: the operator's word".to_owned();
            exam.note(Check::new(CheckId::Requirement, Status::Info, says).of(&planned.name));
            continue;
        }
        let evidence = exam.release.evidence_of(planned);
        let satisfied = evidence.iter().any(|set| set.within(&held));
        if let Some(step) = exam.report.steps.get_mut(at) {
            step.satisfied = satisfied;
        }
        let outcome = if satisfied {
            Ok(())
        } else {
            refusal(planned.name.clone(), evidence, &held, &pending)
        };
        match outcome {
            Ok(()) => exam.note(
                Check::new(CheckId::Requirement, Status::Pass, format!("{held} holds"))
                    .compared(alternatives(evidence), held.to_string())
                    .of(&planned.name),
            ),
            Err(error) => exam.fail_of(CheckId::Requirement, &planned.name, error),
        }
    }
}

/// Pending, where an alternative lacks nothing but evidence that is promised and not attached.
fn refusal(
    step: crate::ids::Name,
    evidence: &[Methods],
    held: &Methods,
    pending: &Methods,
) -> Result<(), Error> {
    let awaited = evidence.iter().map(|set| set.without(held)).find(|lacks| lacks.within(pending));
    match awaited {
        Some(pending) => Err(Error::EvidencePending { step, pending }),
        None => {
            let expected = alternatives(evidence);
            Err(Error::EvidenceMissing { step, expected, found: held.clone() })
        }
    }
}

fn alternatives(evidence: &[Methods]) -> String {
    let sets: Vec<_> = evidence.iter().map(Methods::to_string).collect();
    sets.join(" or ")
}

/// Names every promised proof or attestation that is absent, whatever the policy demands.
fn pending(exam: &mut Examination<'_>, receipt: &Receipt) {
    let mut attached: BTreeMap<u32, Methods> = BTreeMap::new();
    for evidence in receipt.evidence() {
        for step in evidence.steps() {
            attached.entry(*step).or_default().insert(evidence.method());
        }
    }
    for (index, step) in (0u32..).zip(&receipt.operation().steps) {
        let mut present = attached.remove(&index).unwrap_or_default();
        // Recomputing needs no evidence.
        present.insert(Method::Recompute);
        let absent = step.methods.without(&present);
        if !absent.is_empty() {
            let says = format!("{absent} is promised and not attached yet");
            exam.note(Check::new(CheckId::Pending, Status::Info, says).of(&step.name));
        }
        if let Some(report) =
            usize::try_from(index).ok().and_then(|at| exam.report.steps.get_mut(at))
        {
            report.pending = absent;
        }
    }
}
