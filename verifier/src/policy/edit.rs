//! Changes to a policy that was learned, for whoever suggests or reviews one: checked as the policy itself, and never made on its
//! text.

use super::{InputRule, NonceRule, Policy};
use crate::{Error, ids::Name};

impl Policy {
    /// The policy without its mark: for its owner, who has read it.
    pub fn reviewed_by_its_owner(self) -> Self {
        Self { unreviewed: false, digest: None, ..self }
    }

    /// The policy with another rule for the nonce.
    pub fn with_nonce(self, nonce: NonceRule) -> Self {
        Self { nonce, digest: None, ..self }
    }

    /// The policy for these outcomes. Errors: none of them.
    pub fn with_outcomes(self, outcomes: Vec<Name>) -> Result<Self, Error> {
        Self { outcomes, digest: None, ..self }.checked()
    }

    /// The policy with any value accepted of an input that it has.
    pub fn with_any_input(mut self, input: &Name) -> Self {
        if let Some(rule) = self.inputs.get_mut(input) {
            *rule = InputRule::AnyInputAccepted;
        }
        Self { digest: None, ..self }
    }

    /// The policy with these settings left free wherever a step fixes them.
    pub fn freeing(self, settings: &[Name]) -> Self {
        let releases = self.releases.into_iter().map(|release| release.freeing(settings));
        Self { releases: releases.collect(), digest: None, ..self }
    }

    /// The policy with one release alone, its first, under this name.
    pub fn named(self, release: &Name) -> Self {
        let first = self.releases.into_iter().take(1);
        let releases = first.map(|first| first.named(release.clone())).collect();
        Self { releases, digest: None, ..self }
    }

    /// The policy with the releases of another after its own. Errors: two of one name, too many, or other inputs.
    pub fn or_releases_of(mut self, other: Self) -> Result<Self, Error> {
        self.releases.extend(other.releases);
        Self { digest: None, ..self }.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        self.check()?;
        Ok(self)
    }
}
