//! Which evidence covers which claim of an operation (FORMAT.md §10.3): what none covers is the operator's word.

use crate::{
    operation::{Method, Methods, Step},
    report::{ClaimReport, SettingReport},
};

/// The word for a claim that no evidence covers.
const OPERATORS_WORD: &str = "operators-word";

/// Settings of a step, by the methods that hold for it. An enclave signs them, and recomputing goes by them; a circuit has
/// none.
pub(super) fn settings(step: &Step, held: &Methods) -> Vec<SettingReport> {
    let by = by(&[Method::Recompute, Method::Tee], held);
    let report = |(name, value): (&_, &crate::operation::Setting)| SettingReport {
        name: Clone::clone(name),
        value: value.clone(),
        vouched_by: by.clone(),
    };
    step.settings.iter().map(report).collect()
}

/// What is said of the whole operation, by the methods that hold somewhere in it: an enclave signs nothing whose outcome and
/// nonce it did not set itself; a proof is tied to the operation, which anyone can write who has the values.
pub(super) fn claim(field: &'static str, value: String, anywhere: &Methods) -> ClaimReport {
    ClaimReport { field, value, vouched_by: by(&[Method::Tee], anywhere) }
}

fn by(covering: &[Method], held: &Methods) -> Vec<&'static str> {
    let covering = covering.iter().filter(|method| held.contains(**method));
    let names: Vec<_> = covering.map(|method| method.name()).collect();
    if names.is_empty() { vec![OPERATORS_WORD] } else { names }
}
