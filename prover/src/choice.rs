//! Which methods the steps of a run promise: the operation's default, or another set it allows.

use std::collections::BTreeMap;

use assay_verifier::{
    ids::Name,
    operation::{Method, Methods},
};

use crate::{definition::Definition, error::Error};

/// The methods of every step, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Choice(BTreeMap<Name, Methods>);

impl Choice {
    /// From the methods of every step.
    pub fn new(methods: impl IntoIterator<Item = (Name, Methods)>) -> Self {
        Self(methods.into_iter().collect())
    }

    /// The methods of a step; none, where it is not of this operation.
    pub fn of(&self, step: &Name) -> Methods {
        self.0.get(step).cloned().unwrap_or_default()
    }

    /// These methods in place of this choice's own.
    #[must_use]
    pub fn with(&self, other: &BTreeMap<Name, Methods>) -> Self {
        let mut methods = self.0.clone();
        methods.extend(other.iter().map(|(name, methods)| (name.clone(), methods.clone())));
        Self(methods)
    }

    /// Names of the steps that it proves.
    pub fn proved(&self) -> impl Iterator<Item = &Name> {
        self.0.iter().filter(|(_, methods)| methods.contains(Method::Zk)).map(|(name, _)| name)
    }
}

impl core::fmt::Display for Choice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let steps = self.0.iter().map(|(name, methods)| format!("{name} by {methods}"));
        f.write_str(&steps.collect::<Vec<_>>().join(", "))
    }
}

impl Definition {
    /// Every set of methods that a run may promise, in the operation's order of preference; the
    /// default is the first.
    pub fn choices(&self) -> Vec<Choice> {
        let default =
            Choice::new(self.steps.iter().map(|step| (step.name.clone(), step.methods.clone())));
        let others = self.allow.iter().map(|methods| default.with(methods)).collect::<Vec<_>>();
        let mut choices = vec![default];
        for choice in others {
            if !choices.contains(&choice) {
                choices.push(choice);
            }
        }
        choices
    }

    /// The choice that a caller named. Errors: a step that there is not, a set that is not allowed.
    pub fn choose(&self, wanted: &BTreeMap<Name, Methods>) -> Result<Choice, Error> {
        let known = |name: &Name| self.steps.iter().any(|step| step.name == *name);
        if let Some(step) = wanted.keys().find(|name| !known(name)) {
            return Err(Error::Methods { why: format!("the operation has no step {step}") });
        }
        let choices = self.choices();
        let default = choices.first().cloned().unwrap_or_default();
        let choice = default.with(wanted);
        if choices.contains(&choice) {
            return Ok(choice);
        }
        let allowed = choices.iter().map(Choice::to_string).collect::<Vec<_>>().join("; or ");
        Err(Error::Methods { why: format!("{choice}: the operation allows {allowed}") })
    }
}
