//! Openings against commitments, inputs against the policy, and results (FORMAT.md §4.3, §9.4).

use std::collections::BTreeMap;

use super::{CallerValues, ResultValue, examination::Examination};
use crate::{
    Error,
    commitment::Commitment,
    ids::{Name, Sha256Digest},
    operation::ValueEntry,
    policy::InputRule,
    receipt::{Opening, Receipt},
    report::{Check, Status, ValueReport},
};

/// Most integers of a value that a report repeats.
const SHOWN_INTEGERS: usize = 4096;

/// Values whose bytes are known and match their commitments, by index.
pub(super) type Opened = BTreeMap<u32, Vec<u8>>;

pub(super) fn check(exam: &mut Examination<'_>, receipt: &Receipt, given: &CallerValues) -> Opened {
    let operation = receipt.operation();
    for name in given.keys() {
        if !operation.values.iter().any(|value| value.name == *name) {
            exam.fail_of("caller-value", name, Error::CallerValueUnknown { found: name.clone() });
        }
    }
    let mut opened = Opened::new();
    for opening in receipt.openings() {
        let Some(value) = operation.value(opening.value) else { continue };
        let own = given.get(&value.name);
        if own.is_none() && opening.bytes.is_none() {
            let says = "its bytes are not in the receipt, and the caller did not bring them";
            exam.note(Check::new("opening", "4.3", Status::Skip, says.to_owned()).of(&value.name));
            continue;
        }
        match open(value, opening, own) {
            Ok(bytes) => {
                let says = "the bytes match the commitment".to_owned();
                exam.note(Check::new("opening", "4.3", Status::Pass, says).of(&value.name));
                exam.report.values.push(shown(value, &bytes));
                opened.insert(opening.value, bytes);
            }
            Err(error) => exam.fail_of("opening", &value.name, error),
        }
    }
    for (index, value) in operation.inputs() {
        let rule = exam.policy.input(&value.name);
        let outcome = input(value, rule, opened.get(&index), given.get(&value.name));
        let says = match rule {
            Some(InputRule::AnyInputAccepted) => "the policy accepts any",
            Some(InputRule::CallerBytes) => "it is what the caller brought",
            Some(InputRule::Sha256(_)) => "it has the digest of the policy",
            None => "",
        };
        exam.check_of("input", &value.name, "9.4", outcome, says);
    }
    for name in given.keys() {
        let known = (0u32..).zip(&operation.values).find(|(_, value)| value.name == *name);
        if known.is_some_and(|(index, _)| !receipt.openings().iter().any(|o| o.value == index)) {
            exam.fail_of("caller-value", name, Error::OpeningMissing { value: name.clone() });
        }
    }
    opened
}

/// The bytes of an opened value: the caller's, which must then equal what the receipt discloses.
fn open(value: &ValueEntry, opening: &Opening, own: Option<&Vec<u8>>) -> Result<Vec<u8>, Error> {
    let mut known = None;
    for bytes in [opening.bytes.as_ref(), own].into_iter().flatten() {
        let algorithm = value.commitment.algorithm();
        let found = Commitment::to(algorithm, &value.kind, &opening.salt, bytes)?;
        if found != value.commitment {
            return Err(Error::OpeningMismatch {
                value: value.name.clone(),
                expected: value.commitment,
                found,
            });
        }
        known = Some(bytes.clone());
    }
    known.ok_or_else(|| Error::OpeningMissing { value: value.name.clone() })
}

fn input(
    value: &ValueEntry,
    rule: Option<InputRule>,
    opened: Option<&Vec<u8>>,
    own: Option<&Vec<u8>>,
) -> Result<(), Error> {
    let name = || value.name.clone();
    match rule {
        // An input that the plan does not have is refused as part of the plan.
        None => Err(Error::InputUnknown { value: name() }),
        Some(InputRule::AnyInputAccepted) => Ok(()),
        Some(InputRule::CallerBytes) => match (own, opened) {
            (None, _) => Err(Error::CallerValueMissing { value: name() }),
            (Some(_), None) => Err(Error::OpeningMissing { value: name() }),
            // Equal to the commitment, or it would not have been opened.
            (Some(_), Some(_)) => Ok(()),
        },
        Some(InputRule::Sha256(expected)) => {
            let bytes = opened.ok_or_else(|| Error::OpeningMissing { value: name() })?;
            let found = Sha256Digest::of(bytes);
            if found != expected {
                return Err(Error::InputMismatch { value: name(), expected, found });
            }
            Ok(())
        }
    }
}

/// Hands out the results that the policy names. A result that is not opened is refused: there
/// would be nothing to show but the operator's word.
pub(super) fn results(exam: &mut Examination<'_>, receipt: &Receipt, mut opened: Opened) {
    for name in exam.release.plan().results.clone() {
        let known = (0u32..).zip(&receipt.operation().values).find(|(_, value)| value.name == name);
        let bytes = known.and_then(|(index, value)| Some((value, opened.remove(&index)?)));
        let outcome = match bytes {
            Some((value, bytes)) => {
                exam.report.results.push(name.clone());
                exam.results.push(ResultValue {
                    name: name.clone(),
                    kind: value.kind.clone(),
                    bytes,
                });
                Ok(())
            }
            None => Err(Error::ResultNotDisclosed { value: name.clone() }),
        };
        exam.check_of("result", &name, "9.2", outcome, "it comes from an opening of this receipt");
    }
}

fn shown(value: &ValueEntry, bytes: &[u8]) -> ValueReport {
    let integers = value.kind.tensor().filter(|tensor| tensor.elements() <= SHOWN_INTEGERS);
    ValueReport {
        name: value.name.clone(),
        kind: value.kind.clone(),
        integers: integers.and_then(|tensor| tensor.integers(bytes).ok()),
        sha256: Sha256Digest::of(bytes),
        commitment: value.commitment.to_string(),
    }
}

/// For reports that need no receipt: the names of a list, for people.
pub(super) fn names(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}
