//! The JSON form of a policy (FORMAT.md §9.1), and the one way from it to a [`Policy`].

use std::collections::BTreeMap;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as DeError, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

use super::{ArchivedRule, InputRule, LiveRule, NonceRule, Policy, Release, release::ReleaseJson};
use crate::{
    Error,
    attestation::Denied,
    ids::{Name, OperationDigest, Sha256Digest},
    json,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub(super) struct PolicyJson {
    version: u32,
    /// Present and true in a policy learned from a receipt, until its owner has read it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    unreviewed: bool,
    operation: Name,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    operation_digest: Option<OperationDigest>,
    /// Hexadecimal, or [`CALLER`].
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    accept_without_own_nonce: bool,
    outcomes: Vec<Name>,
    #[serde(deserialize_with = "json::unique")]
    inputs: BTreeMap<Name, InputRule>,
    releases: Vec<ReleaseJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    denied_certificates: Vec<DeniedJson>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    accept_single_party_setup: bool,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    live: Option<LiveRule>,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    archived: Option<ArchivedRule>,
}

/// A certificate that is refused: DER of its issuer's name, and its serial number, hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
struct DeniedJson {
    issuer: String,
    serial: String,
}
json::only_objects!(PolicyJson, DeniedJson);

/// `{"sha256": hex}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
struct DigestJson {
    sha256: Sha256Digest,
}
json::only_objects!(DigestJson);

impl<'de> Deserialize<'de> for InputRule {
    /// A word, or an object with a digest: an enum of `serde` would take `{"any_input_accepted": null}` too.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Rule;

        impl<'de> Visitor<'de> for Rule {
            type Value = InputRule;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("caller_bytes, any_input_accepted, or an object with sha256")
            }

            fn visit_str<E: DeError>(self, word: &str) -> Result<InputRule, E> {
                match word {
                    "any_input_accepted" => Ok(InputRule::AnyInputAccepted),
                    "caller_bytes" => Ok(InputRule::CallerBytes),
                    _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<InputRule, A::Error> {
                let digest = DigestJson::deserialize(MapAccessDeserializer::new(access))?;
                Ok(InputRule::Sha256(digest.sha256))
            }
        }

        from.deserialize_any(Rule)
    }
}

/// The nonce is the caller's, given with the receipt.
const CALLER: &str = "caller_nonce";

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let nonce = match &self.nonce {
            NonceRule::Any => None,
            NonceRule::Caller => Some(CALLER.to_owned()),
            NonceRule::Exactly(nonce) => Some(nonce.to_string()),
        };
        let denied = self.denied_certificates.iter().map(|denied| DeniedJson {
            issuer: hex::encode(denied.issuer()),
            serial: hex::encode(denied.serial()),
        });
        let json = PolicyJson {
            version: Self::VERSION,
            unreviewed: self.unreviewed,
            operation: self.operation.clone(),
            operation_digest: self.operation_digest,
            accept_without_own_nonce: nonce.is_none(),
            nonce,
            outcomes: self.outcomes.clone(),
            inputs: self.inputs.clone(),
            releases: self.releases.iter().cloned().map(ReleaseJson::from).collect(),
            denied_certificates: denied.collect(),
            accept_single_party_setup: self.accept_single_party_setup,
            live: self.live,
            archived: self.archived,
        };
        Serialize::serialize(&json, to)
    }
}

impl TryFrom<PolicyJson> for Policy {
    type Error = Error;

    fn try_from(json: PolicyJson) -> Result<Self, Error> {
        if json.version != Self::VERSION {
            return Err(Error::VersionUnknown {
                expected: i64::from(Self::VERSION),
                found: i64::from(json.version),
            });
        }
        let releases = json.releases.into_iter().map(Release::try_from);
        let policy = Self {
            unreviewed: json.unreviewed,
            operation: json.operation,
            operation_digest: json.operation_digest,
            nonce: nonce(json.nonce, json.accept_without_own_nonce)?,
            outcomes: json.outcomes,
            inputs: json.inputs,
            releases: releases.collect::<Result<_, _>>()?,
            denied_certificates: json
                .denied_certificates
                .iter()
                .map(denied)
                .collect::<Result<_, _>>()?,
            accept_single_party_setup: json.accept_single_party_setup,
            live: json.live,
            archived: json.archived,
            digest: None,
        };
        policy.check()?;
        Ok(policy)
    }
}

fn nonce(nonce: Option<String>, accept_without: bool) -> Result<NonceRule, Error> {
    match (nonce.as_deref(), accept_without) {
        (None, true) => Ok(NonceRule::Any),
        (Some(CALLER), false) => Ok(NonceRule::Caller),
        (Some(text), false) => Ok(NonceRule::Exactly(text.parse()?)),
        _ => {
            let why = "it names either a nonce or accept_without_own_nonce".to_owned();
            Err(Error::PolicyInconsistent { why })
        }
    }
}

fn denied(json: &DeniedJson) -> Result<Denied, Error> {
    let hex = |field: &str, text: &str| match hex::decode(text) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => {
            let why =
                format!("{field} of a denied certificate is hexadecimal, two digits per byte");
            Err(Error::PolicyMalformed { why })
        }
    };
    let (issuer, serial) = (hex("issuer", &json.issuer)?, hex("serial", &json.serial)?);
    Denied::of(&issuer, &serial).map_err(|error| Error::PolicyMalformed {
        why: format!("issuer of a denied certificate is no DER of a name: {error}"),
    })
}
