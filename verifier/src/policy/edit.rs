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

    /// The policy with the releases of another after its own; unread where either is. Errors: the two differ in anything
    /// else, which would then hold for releases that it was not said of; two releases of one name, or too many.
    pub fn or_releases_of(mut self, other: Self) -> Result<Self, Error> {
        let apart = |policy: &Self| Self {
            unreviewed: false,
            releases: Vec::new(),
            digest: None,
            ..policy.clone()
        };
        if apart(&self) != apart(&other) {
            let why = "releases of two policies that differ in more than their releases".to_owned();
            return Err(Error::PolicyInconsistent { why });
        }
        self.unreviewed |= other.unreviewed;
        self.releases.extend(other.releases);
        Self { digest: None, ..self }.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        self.check()?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Algorithm, Commitment,
        ids::{ModelDigest, RunId, Salt},
        operation::{Function, NonceClaim, Operation, Step, ValueEntry},
        receipt::Receipt,
        value::Type,
    };

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    /// What is learned of a step that nothing shows.
    fn learned() -> Policy {
        let kind = Type::bytes("text/plain").unwrap();
        let commitment =
            Commitment::to(Algorithm::Sha256, &kind, &Salt::new([1; 31]), b"").unwrap();
        let value = |called| ValueEntry { name: name(called), kind: kind.clone(), commitment };
        let step = Step {
            name: name("step"),
            function: Function::Model(ModelDigest::new([1; 32])),
            settings: [(name("seed"), crate::operation::Setting::Int(7))].into(),
            inputs: vec![0],
            outputs: vec![1],
            methods: Default::default(),
            card: None,
        };
        let operation = Operation {
            name: name("one"),
            run: RunId::new([0; 16]),
            nonce: NonceClaim::None,
            outcome: name("complete"),
            values: vec![value("in"), value("out")],
            steps: vec![step],
        };
        Policy::learn(&Receipt::new(operation).unwrap()).unwrap()
    }

    #[test]
    fn releases_are_joined_of_policies_that_agree_in_all_else() {
        let (a, b) = (name("a"), name("b"));
        let [first, second] = [learned().named(&a), learned().named(&b)];
        let both = first.clone().or_releases_of(second.clone()).unwrap();
        let names: Vec<_> = both.releases().iter().map(|release| release.name()).collect();
        assert_eq!(names, [&a, &b]);
        // Unread where either is.
        let read = first.clone().reviewed_by_its_owner();
        assert!(both.is_unreviewed());
        assert!(read.clone().or_releases_of(second.clone()).unwrap().is_unreviewed());
        assert!(second.clone().or_releases_of(read.clone()).unwrap().is_unreviewed());
        let both = read.clone().or_releases_of(second.clone().reviewed_by_its_owner()).unwrap();
        assert!(!both.is_unreviewed());
        // What one says of its own releases is not said of the other's.
        let lax = second.clone().with_any_input(&name("in"));
        let other = second.with_outcomes(vec![name("other")]).unwrap();
        for other in [lax, other, learned().named(&b).with_nonce(NonceRule::Caller)] {
            assert!(matches!(
                first.clone().or_releases_of(other),
                Err(Error::PolicyInconsistent { .. })
            ));
        }
        assert!(matches!(
            first.clone().or_releases_of(first),
            Err(Error::PolicyInconsistent { .. })
        ));
    }

    #[test]
    fn a_policy_is_changed_as_it_says() {
        let policy = learned().freeing(&[name("seed"), name("other")]).with_any_input(&name("in"));
        let step = &policy.releases()[0].plan().steps[0];
        assert!(step.settings.is_empty());
        assert_eq!(step.free_settings, [name("seed")]);
        assert_eq!(policy.input(&name("in")), Some(InputRule::AnyInputAccepted));
        assert_eq!(policy.input(&name("out")), None);
        assert!(learned().with_outcomes(Vec::new()).is_err());
        let read = Policy::from_json(policy.to_json().as_bytes()).unwrap();
        assert_eq!(Policy { digest: None, ..read }, policy);
    }
}
