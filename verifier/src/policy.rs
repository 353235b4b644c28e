//! What a relying party demands: the whole releases it accepts, and reference values (FORMAT.md §9).
//!
//! Nothing has a permissive default, unknown and repeated fields are refused, and every word that
//! loosens a check is long enough to be seen.

mod edit;
mod image;
mod learn;
mod plan;
mod release;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wire::PolicyJson;

pub use image::Image;
pub use plan::{Plan, PlannedStep, PlannedValue};
pub use release::Release;

use crate::{
    Error, UnixMillis,
    attestation::Denied,
    ids::{Name, Nonce, OperationDigest, PolicyDigest, Sha256Digest},
    json,
    value::Type,
};

/// What a relying party demands. From text only [`Policy::from_json`] makes one, which checks it; [`Policy::learn`] makes
/// one from a receipt, for its owner to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    unreviewed: bool,
    operation: Name,
    operation_digest: Option<OperationDigest>,
    nonce: NonceRule,
    outcomes: Vec<Name>,
    inputs: BTreeMap<Name, InputRule>,
    releases: Vec<Release>,
    denied_certificates: Vec<Denied>,
    accept_single_party_setup: bool,
    live: Option<LiveRule>,
    archived: Option<ArchivedRule>,
    digest: Option<PolicyDigest>,
}

/// Which nonce the operation must carry. FORMAT.md §9.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NonceRule {
    /// Any, or none: the receipt may be an old one.
    Any,
    /// The one that the caller gives with the receipt.
    Caller,
    /// This one.
    Exactly(Nonce),
}

/// What an operation input must be. FORMAT.md §9.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputRule {
    /// Anything: the relying party does not care what went in.
    AnyInputAccepted,
    /// The bytes that the caller gives with the receipt.
    CallerBytes,
    /// Bytes with this SHA-256.
    Sha256(Sha256Digest),
}

/// Ages in live mode. FORMAT.md §9.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct LiveRule {
    /// Greatest age of an attestation document.
    pub max_age_ms: u64,
    /// How far a document's time may lie ahead of the caller's clock.
    pub future_skew_ms: u64,
}

/// When an attestation may have been made, in archived mode. FORMAT.md §9.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct ArchivedRule {
    /// Earliest time, inclusive.
    pub from_ms: u64,
    /// Latest time, inclusive.
    pub to_ms: u64,
}

json::only_objects!(ArchivedRule, LiveRule);

impl ArchivedRule {
    /// Whether `time` lies in the window.
    pub const fn contains(&self, time: UnixMillis) -> bool {
        self.from_ms <= time.get() && time.get() <= self.to_ms
    }
}

impl Policy {
    /// The format's version.
    pub const VERSION: u32 = 0;
    /// Most releases: a deploy has two, and each may be tried on a receipt.
    pub const MAX_RELEASES: usize = 8;
    /// Most bytes of a policy.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Reads a policy and checks that it is consistent. FORMAT.md §9.1.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        if text.len() > Self::MAX_BYTES {
            let why =
                format!("it has {} bytes, at most {} are allowed", text.len(), Self::MAX_BYTES);
            return Err(Error::PolicyMalformed { why });
        }
        let json: PolicyJson = serde_json::from_slice(text)
            .map_err(|error| Error::PolicyMalformed { why: error.to_string() })?;
        let digest = PolicyDigest::new(*Sha256Digest::of(text).as_bytes());
        Ok(Self { digest: Some(digest), ..json.try_into()? })
    }

    /// The policy as JSON text for people.
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a policy has text keys and no floats");
        text.push('\n');
        text
    }

    /// Whether nobody has read it since it was learned from a receipt.
    pub const fn is_unreviewed(&self) -> bool {
        self.unreviewed
    }

    /// SHA-256 of the text it was read from; `None` for one that was learned.
    pub const fn digest(&self) -> Option<PolicyDigest> {
        self.digest
    }

    /// Name of the operation.
    pub const fn operation(&self) -> &Name {
        &self.operation
    }

    /// The one operation that is accepted, where it is pinned.
    pub const fn operation_digest(&self) -> Option<OperationDigest> {
        self.operation_digest
    }

    /// Which nonce the operation must carry.
    pub const fn nonce(&self) -> &NonceRule {
        &self.nonce
    }

    /// Outcomes that are accepted.
    pub fn outcomes(&self) -> &[Name] {
        &self.outcomes
    }

    /// What an operation input must be.
    pub fn input(&self, name: &Name) -> Option<InputRule> {
        self.inputs.get(name).copied()
    }

    /// The releases that are accepted, each as a whole: at least one.
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// Type of a value, by the first release that has it.
    pub fn type_of(&self, name: &Name) -> Option<&Type> {
        let mut values = self.releases.iter().flat_map(|release| &release.plan().values);
        values.find(|value| value.name == *name).map(|value| &value.kind)
    }

    /// Certificates that are refused although their signatures hold.
    pub fn denied_certificates(&self) -> &[Denied] {
        &self.denied_certificates
    }

    /// Whether a key that one party made is accepted.
    pub const fn accepts_single_party_setup(&self) -> bool {
        self.accept_single_party_setup
    }

    /// Ages in live mode.
    pub const fn live(&self) -> Option<LiveRule> {
        self.live
    }

    /// The window in archived mode.
    pub const fn archived(&self) -> Option<ArchivedRule> {
        self.archived
    }

    /// Every word in it that loosens a check, for people.
    pub fn loosened(&self) -> Vec<String> {
        let mut words = Vec::new();
        for (name, rule) in &self.inputs {
            if *rule == InputRule::AnyInputAccepted {
                words.push(format!("any_input_accepted: input {name} may be anything"));
            }
        }
        if self.nonce == NonceRule::Any {
            words.push("accept_without_own_nonce: the receipt may be an old one".to_owned());
        }
        if self.accept_single_party_setup {
            let word =
                "accept_single_party_setup: whoever made a key of one party can forge its proofs";
            words.push(word.to_owned());
        }
        for release in &self.releases {
            words.extend(release.loosened().into_iter().map(|word| match self.releases.len() {
                1 => word,
                _ => format!("release {}: {word}", release.name()),
            }));
        }
        words
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |why: String| Err(Error::PolicyInconsistent { why });
        if self.outcomes.is_empty() {
            return refuse("it accepts no outcome".to_owned());
        }
        if self.outcomes.iter().collect::<BTreeSet<_>>().len() != self.outcomes.len() {
            return refuse("it names an outcome twice".to_owned());
        }
        if !(1..=Self::MAX_RELEASES).contains(&self.releases.len()) {
            let (most, found) = (Self::MAX_RELEASES, self.releases.len());
            return refuse(format!("it has {found} releases, expected 1 to {most}"));
        }
        let names: BTreeSet<_> = self.releases.iter().map(Release::name).collect();
        if names.len() != self.releases.len() {
            return refuse("two releases have one name".to_owned());
        }
        let ruled: BTreeSet<_> = self.inputs.keys().collect();
        for release in &self.releases {
            if ruled != release.plan().inputs.iter().collect() {
                let name = release.name();
                let why = "inputs and plan.inputs of release";
                return refuse(format!("{why} {name} do not name the same values"));
            }
        }
        if self.archived.is_some_and(|window| window.from_ms > window.to_ms) {
            return refuse("archived.from_ms is after archived.to_ms".to_owned());
        }
        let times = self.archived.map(|window| [window.from_ms, window.to_ms]);
        if times.is_some_and(|times| times.iter().any(|time| UnixMillis::new(*time).is_err())) {
            return refuse("archived: a time below 10^12 looks like seconds".to_owned());
        }
        Ok(())
    }
}
