//! What is deployed as one: a plan and the images that may run it (FORMAT.md §9.8).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Image, Plan, PlannedStep};
use crate::{
    Error, UnixMillis,
    ids::Name,
    json,
    operation::{Method, Methods},
};

/// One release. A receipt is of one release as a whole: nothing of one is mixed with another's.
///
/// Invariants, held by `check`: the plan is consistent; every step says what is demanded of it, or that nothing is; images and
/// cards that are demanded are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    name: Name,
    not_after: Option<UnixMillis>,
    default_evidence: Vec<Methods>,
    plan: Plan,
    images: BTreeMap<Name, Image>,
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub(super) struct ReleaseJson {
    name: Name,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    not_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    default_evidence: Vec<Methods>,
    plan: Plan,
    #[serde(default, deserialize_with = "json::unique")]
    images: BTreeMap<Name, Image>,
}
json::only_objects!(ReleaseJson);

impl From<Release> for ReleaseJson {
    fn from(release: Release) -> Self {
        let Release { name, not_after, default_evidence, plan, images } = release;
        let not_after_ms = not_after.map(UnixMillis::get);
        Self { name, not_after_ms, default_evidence, plan, images }
    }
}

impl TryFrom<ReleaseJson> for Release {
    type Error = Error;

    fn try_from(json: ReleaseJson) -> Result<Self, Error> {
        let ReleaseJson { name, not_after_ms, default_evidence, plan, images } = json;
        let not_after = not_after_ms.map(UnixMillis::new).transpose().map_err(|error| {
            Error::PolicyInconsistent { why: format!("not_after_ms of release {name}: {error}") }
        })?;
        let release = Self { name, not_after, default_evidence, plan, images };
        release.check()?;
        Ok(release)
    }
}

impl Release {
    /// A release in which every step says itself what is demanded of it.
    pub(super) const fn new(name: Name, plan: Plan, images: BTreeMap<Name, Image>) -> Self {
        Self { name, not_after: None, default_evidence: Vec::new(), plan, images }
    }

    /// The release under another name.
    pub(super) fn named(self, name: Name) -> Self {
        Self { name, ..self }
    }

    /// The release with these settings left free wherever a step fixes them.
    pub(super) fn freeing(mut self, settings: &[Name]) -> Self {
        for step in &mut self.plan.steps {
            let fixed = settings.iter().filter(|name| step.settings.remove(*name).is_some());
            step.free_settings.extend(fixed.cloned());
        }
        self
    }

    /// When it was last accepted; `None` for as long as the policy is.
    pub const fn not_after(&self) -> Option<UnixMillis> {
        self.not_after
    }

    /// Its name, for reports.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The plan that is accepted.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What is demanded of a step of the plan: all methods of one of the sets. Empty for a step
    /// that rests on the operator's word, and for no other.
    pub fn evidence_of<'p>(&'p self, step: &'p PlannedStep) -> &'p [Methods] {
        match step.evidence.is_empty() && !step.accept_operators_word {
            true => &self.default_evidence,
            false => &step.evidence,
        }
    }

    /// The images that may cover a step, by name.
    pub fn images_of<'p>(
        &'p self,
        step: &'p PlannedStep,
    ) -> impl Iterator<Item = (&'p Name, &'p Image)> {
        step.images.iter().filter_map(|name| self.images.get_key_value(name))
    }

    /// The words in it that loosen a check.
    pub(super) fn loosened(&self) -> Vec<String> {
        let mut words = Vec::new();
        for (name, image) in &self.images {
            words.extend(image.loosened().map(|word| format!("image {name}: {word}")));
        }
        for step in &self.plan.steps {
            if step.accept_operators_word {
                words.push(format!("accept_operators_word: nothing shows step {}", step.name));
            }
            if !step.free_settings.is_empty() {
                let names: Vec<_> = step.free_settings.iter().map(Name::as_str).collect();
                let (names, step) = (names.join(", "), &step.name);
                words.push(format!("free_settings: {names} of step {step} may be anything"));
            }
        }
        words
    }

    /// What a release can say wrongly.
    fn check(&self) -> Result<(), Error> {
        let refuse = |why: String| Err(Error::PolicyInconsistent { why });
        self.plan.check()?;
        let distinct: BTreeSet<_> = self.default_evidence.iter().collect();
        if distinct.len() != self.default_evidence.len() {
            let name = &self.name;
            return refuse(format!("default_evidence of release {name} has one alternative twice"));
        }
        if self.default_evidence.iter().any(Methods::is_empty) {
            let name = &self.name;
            return refuse(format!("default_evidence of release {name} has an empty alternative"));
        }
        for step in &self.plan.steps {
            let (evidence, name) = (self.evidence_of(step), &step.name);
            if evidence.is_empty() != step.accept_operators_word {
                let why = "names either evidence or accept_operators_word";
                return refuse(format!("step {name} {why}, and there is no default_evidence"));
            }
            if let Some(image) = step.images.iter().find(|name| !self.images.contains_key(name)) {
                return refuse(format!("step {name} names image {image}, which images lacks"));
            }
            let demands = |method| evidence.iter().any(|set| set.contains(method));
            if demands(Method::Tee) && step.images.is_empty() {
                return refuse(format!("step {name} demands tee and names no image"));
            }
            if demands(Method::Zk) && step.card.is_none() {
                return refuse(format!("step {name} demands zk and pins no card"));
            }
        }
        Ok(())
    }
}
