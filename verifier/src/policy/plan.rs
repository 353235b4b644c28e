//! The plan: steps, wiring and types of an operation without its values (FORMAT.md §9.2).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    Error,
    ids::{CardDigest, Name},
    json,
    operation::{Function, Methods, Operation, Setting, Settings, Step},
    text::joined,
    value::Type,
};

/// The steps, wiring and types that a policy accepts, and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Plan {
    /// The value table, in order.
    pub values: Vec<PlannedValue>,
    /// Values that no step gives, in order of the table.
    pub inputs: Vec<Name>,
    /// Values that the relying party wants to learn.
    pub results: Vec<Name>,
    /// The steps, in order.
    pub steps: Vec<PlannedStep>,
}

/// A value and its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct PlannedValue {
    /// Its name.
    pub name: Name,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Type,
}

/// A step and what is demanded of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct PlannedStep {
    /// Its name.
    pub name: Name,
    /// What it computes.
    pub function: Function,
    /// Settings that must be exactly these.
    #[serde(deserialize_with = "json::unique")]
    pub settings: BTreeMap<Name, Setting>,
    /// Settings that must be there and may be anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub free_settings: Vec<Name>,
    /// The values it takes, in order.
    pub inputs: Vec<Name>,
    /// The values it gives, in order.
    pub outputs: Vec<Name>,
    /// Alternatives: all methods of one of them must hold. None: the release's default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Methods>,
    /// Takes the place of `evidence`: nothing is demanded.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub accept_operators_word: bool,
    /// Images that may attest the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Name>,
    /// The key card of its proofs.
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    pub card: Option<CardDigest>,
}

json::only_objects!(Plan, PlannedValue, PlannedStep);

impl Plan {
    /// The planned step at an index.
    pub fn step(&self, index: u32) -> Option<&PlannedStep> {
        self.steps.get(usize::try_from(index).ok()?)
    }

    /// What a plan can say wrongly by itself.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |why: String| Err(Error::PolicyInconsistent { why });
        let names: BTreeSet<_> = self.values.iter().map(|value| &value.name).collect();
        if names.len() != self.values.len() {
            return refuse("plan.values names a value twice".to_owned());
        }
        if self.results.is_empty() {
            return refuse("plan.results is empty: there would be nothing to learn".to_owned());
        }
        let distinct: BTreeSet<_> = self.results.iter().collect();
        if distinct.len() != self.results.len() {
            return refuse("plan.results names a value twice".to_owned());
        }
        let inputs: BTreeSet<_> = self.inputs.iter().collect();
        if inputs.len() != self.inputs.len() {
            return refuse("plan.inputs names a value twice".to_owned());
        }
        if let Some(name) = self.results.iter().find(|name| inputs.contains(name)) {
            return refuse(format!("result {name} is an input: nothing would show it"));
        }
        let named = self.inputs.iter().chain(&self.results);
        let wired = self.steps.iter().flat_map(|step| step.inputs.iter().chain(&step.outputs));
        if let Some(name) = named.chain(wired).find(|name| !names.contains(name)) {
            return refuse(format!("plan.values has no value {name}"));
        }
        for step in &self.steps {
            let lists = [
                ("images", &step.images),
                ("free_settings", &step.free_settings),
                ("outputs", &step.outputs),
            ];
            for (field, names) in lists {
                if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
                    return refuse(format!("{field} of step {} names one twice", step.name));
                }
            }
            if step.settings.len().saturating_add(step.free_settings.len()) > Step::MAX_SETTINGS {
                return refuse(format!("step {} has more than 64 settings", step.name));
            }
            if step.evidence.iter().collect::<BTreeSet<_>>().len() != step.evidence.len() {
                return refuse(format!("step {} has one alternative twice", step.name));
            }
            if step.evidence.iter().any(Methods::is_empty) {
                return refuse(format!("step {} has an empty alternative", step.name));
            }
            if let Some(name) =
                step.free_settings.iter().find(|name| step.settings.contains_key(name))
            {
                return refuse(format!(
                    "setting {name} of step {} is both given and free",
                    step.name
                ));
            }
        }
        Ok(())
    }

    /// Refuses an operation whose plan differs: a step missing, added, in another place, with
    /// another function or settings, or fed from another value. FORMAT.md §9.2.
    pub(crate) fn compare(&self, operation: &Operation) -> Result<(), Error> {
        let expected: Vec<_> = self.values.iter().map(|v| (&v.name, &v.kind)).collect();
        let found: Vec<_> = operation.values.iter().map(|v| (&v.name, &v.kind)).collect();
        if expected != found {
            let show = |values: &[(&Name, &Type)]| {
                joined(values.len(), values.iter().map(|(name, kind)| format!("{name}: {kind}")))
            };
            return Err(Error::PlanValues { expected: show(&expected), found: show(&found) });
        }
        let expected: Vec<_> = self.steps.iter().map(|step| step.name.clone()).collect();
        let found: Vec<_> = operation.steps.iter().map(|step| step.name.clone()).collect();
        if expected != found {
            return Err(Error::PlanSteps { expected: list(&expected), found: list(&found) });
        }
        for (planned, step) in self.steps.iter().zip(&operation.steps) {
            planned.compare(step, operation)?;
        }
        let found: Vec<_> = operation.inputs().map(|(_, value)| value.name.clone()).collect();
        if self.inputs != found {
            return Err(Error::PlanInputs { expected: list(&self.inputs), found: list(&found) });
        }
        Ok(())
    }
}

impl PlannedStep {
    fn compare(&self, step: &Step, operation: &Operation) -> Result<(), Error> {
        if self.function != step.function {
            return Err(Error::PlanFunction {
                step: self.name.clone(),
                expected: self.function.to_string(),
                found: step.function.to_string(),
            });
        }
        self.compare_settings(&step.settings)?;
        let names = |indices: &[u32]| -> Vec<Name> {
            let values = indices.iter().filter_map(|index| operation.value(*index));
            values.map(|value| value.name.clone()).collect()
        };
        let (inputs, outputs) = (names(&step.inputs), names(&step.outputs));
        if self.inputs != inputs || self.outputs != outputs {
            let show = |inputs: &[Name], outputs: &[Name]| {
                format!("{} -> {}", list(inputs), list(outputs))
            };
            return Err(Error::PlanWiring {
                step: self.name.clone(),
                expected: show(&self.inputs, &self.outputs),
                found: show(&inputs, &outputs),
            });
        }
        // A step that promises zk is the program of its card, whatever shows it.
        match step.card {
            Some(found) if self.card != Some(found) => Err(Error::PlanCard {
                step: self.name.clone(),
                expected: self.card.map_or("none".to_owned(), |card| card.to_string()),
                found,
            }),
            _ => Ok(()),
        }
    }

    fn compare_settings(&self, found: &Settings) -> Result<(), Error> {
        let expected: BTreeSet<_> = self.settings.keys().chain(&self.free_settings).collect();
        let names: BTreeSet<_> = found.keys().collect();
        let differs =
            |name: &Name| self.settings.get(name).is_some_and(|v| Some(v) != found.get(name));
        let mut wrong = expected.symmetric_difference(&names).copied();
        match wrong.next().or_else(|| found.keys().find(|name| differs(name))) {
            None => Ok(()),
            Some(setting) => {
                Err(Error::PlanSetting { step: self.name.clone(), setting: setting.clone() })
            }
        }
    }
}

fn list(names: &[Name]) -> String {
    joined(names.len(), names.iter().map(Name::to_string))
}
