//! Openings against commitments, inputs against the policy, and results (FORMAT.md §4.3, §9.4).

use std::collections::{BTreeMap, BTreeSet};

use super::{Expected, ResultValue, check_id::CheckId, examination::Examination};
use crate::{
    Error,
    commitment::Commitment,
    ids::{Name, Sha256Digest},
    operation::ValueEntry,
    policy::InputRule,
    receipt::{Opening, Receipt},
    report::{Check, Status, ValueReport},
    value::TensorType,
};

/// Most integers of a value that a report repeats.
const SHOWN_INTEGERS: usize = 4096;
/// Most integers of all values together.
const SHOWN_IN_ALL: usize = 1 << 15;

/// Values whose bytes are known and match their commitments, by index.
pub(super) type Opened = BTreeMap<u32, Vec<u8>>;

/// Every opening of a receipt, held against its commitment.
pub(super) struct Openings {
    /// In the order of the set; `None` where nobody has the bytes.
    each: Vec<(Name, Option<Result<ValueReport, Error>>)>,
    opened: Opened,
    sha256: BTreeMap<u32, Sha256Digest>,
}

impl Openings {
    pub(super) fn of(receipt: &Receipt, expected: &Expected) -> Self {
        let (mut each, mut opened, mut sha256) = (Vec::new(), Opened::new(), BTreeMap::new());
        let mut room = SHOWN_IN_ALL;
        for opening in receipt.openings() {
            let Some(value) = receipt.operation().value(opening.value) else { continue };
            let own = expected.values.get(&value.name);
            let found = (own.is_some() || opening.bytes.is_some()).then(|| {
                let bytes = open(value, opening, own)?;
                let report = shown(value, &bytes, &mut room);
                sha256.insert(opening.value, report.sha256);
                opened.insert(opening.value, bytes);
                Ok(report)
            });
            each.push((value.name.clone(), found));
        }
        Self { each, opened, sha256 }
    }

    pub(super) const fn opened(&self) -> &Opened {
        &self.opened
    }
}

pub(super) fn check(
    exam: &mut Examination<'_>,
    receipt: &Receipt,
    openings: &Openings,
    expected: &Expected,
) {
    let operation = receipt.operation();
    let table: BTreeMap<&Name, u32> =
        operation.values.iter().map(|value| &value.name).zip(0u32..).collect();
    for name in expected.values.keys().filter(|name| !table.contains_key(name)) {
        let error = Error::CallerValueUnknown { found: name.clone() };
        exam.fail_of(CheckId::CallerValue, name, error);
    }
    for (name, found) in &openings.each {
        match found {
            None => {
                let says = "its bytes are not in the receipt, and the caller did not bring them";
                let check = Check::new(CheckId::Opening, Status::Skip, says.to_owned());
                exam.note(check.of(name));
            }
            Some(Ok(value)) => {
                let says = "the bytes match the commitment".to_owned();
                exam.note(Check::new(CheckId::Opening, Status::Pass, says).of(name));
                exam.report.values.push(value.clone());
            }
            Some(Err(error)) => exam.fail_of(CheckId::Opening, name, error.clone()),
        }
    }
    for (index, value) in operation.inputs() {
        let rule = exam.policy.input(&value.name);
        let own = expected.values.get(&value.name);
        let outcome = input(value, rule, openings.sha256.get(&index).copied(), own);
        let says = match rule {
            Some(InputRule::AnyInputAccepted) => "the policy accepts any",
            Some(InputRule::CallerBytes) => "it is what the caller brought",
            Some(InputRule::Sha256(_)) => "it has the digest of the policy",
            None => "",
        };
        exam.check_of(CheckId::Input, &value.name, outcome, says);
    }
    let with_opening: BTreeSet<u32> = receipt.openings().iter().map(|o| o.value).collect();
    for name in expected.values.keys() {
        if table.get(name).is_some_and(|index| !with_opening.contains(index)) {
            let error = Error::OpeningMissing { value: name.clone() };
            exam.fail_of(CheckId::CallerValue, name, error);
        }
    }
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
    opened: Option<Sha256Digest>,
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
            let found = opened.ok_or_else(|| Error::OpeningMissing { value: name() })?;
            if found != expected {
                return Err(Error::InputMismatch { value: name(), expected, found });
            }
            Ok(())
        }
    }
}

/// Hands out the results that the policy names. A result that is not opened is refused: there
/// would be nothing to show but the operator's word.
pub(super) fn results(exam: &mut Examination<'_>, receipt: &Receipt, opened: &Opened) {
    let values = receipt.operation().values.iter().zip(0u32..);
    let table: BTreeMap<&Name, _> =
        values.map(|(value, index)| (&value.name, (value, index))).collect();
    for name in &exam.release.plan().results {
        let known = table.get(name);
        let found = known.and_then(|(value, index)| Some((value, opened.get(index)?)));
        let outcome = match found {
            Some((value, bytes)) => {
                exam.report.results.push(name.clone());
                exam.results.push(ResultValue {
                    name: name.clone(),
                    kind: value.kind.clone(),
                    bytes: bytes.clone(),
                });
                Ok(())
            }
            None => Err(Error::ResultNotDisclosed { value: name.clone() }),
        };
        exam.check_of(CheckId::Result, name, outcome, "it comes from an opening of this receipt");
    }
}

fn shown(value: &ValueEntry, bytes: &[u8], room: &mut usize) -> ValueReport {
    let few = |tensor: &&TensorType| tensor.elements() <= SHOWN_INTEGERS.min(*room);
    let integers = value.kind.tensor().filter(few);
    *room = room.saturating_sub(integers.map_or(0, TensorType::elements));
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
