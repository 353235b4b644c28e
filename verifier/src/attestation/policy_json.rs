//! The written form of a [`Policy`] (FORMAT.md §8.7).

use super::{
    json::{Fields, Json},
    pcr::{Pcr, PcrSet},
    policy::{
        Binding, DebugEnclaves, Denied, Freshness, Names, Nonce, PcrSets, Policy, PublicKey, Trust,
        UserData,
    },
    policy_error::PolicyError,
    roots::Root,
    sample::shorten,
};

impl Policy {
    /// Reads a policy: JSON in the one grammar of FORMAT.md §8.7.
    ///
    /// ```
    /// use assay_verifier::attestation::Policy;
    /// let pcr = "ab".repeat(48);
    /// let text = format!(
    ///     r#"{{ "pcr_sets": [{{ "0": "{pcr}", "1": "{pcr}", "2": "{pcr}" }}],
    ///           "nonce": "00112233445566778899aabbccddeeff",
    ///           "user_data": "any_user_data_accepted",
    ///           "public_key": "present",
    ///           "max_age_ms": 300000, "future_skew_ms": 60000 }}"#
    /// );
    /// assert!(Policy::from_json(text.as_bytes()).is_ok());
    /// ```
    pub fn from_json(bytes: &[u8]) -> Result<Self, PolicyError> {
        let json = Json::parse(bytes)?;
        let fields = json.fields("the policy", FIELDS)?;
        let partial = flag(&fields, LEAVE_CODE_UNPINNED)?;
        let images = fields
            .require("pcr_sets")?
            .array("pcr_sets")?
            .iter()
            .map(|set| pcr_set(set, "pcr_sets", partial))
            .collect::<Result<_, _>>()?;
        let debug = match flag(&fields, ACCEPT_DEBUG)? {
            true => DebugEnclaves::AcceptedUnmeasured,
            false => DebugEnclaves::Refused,
        };
        let skew = fields.get("future_skew_ms").map(|skew| skew.unsigned("future_skew_ms"));
        Ok(Self {
            trust: trust(&fields)?,
            images: PcrSets::new(images)?,
            debug,
            binding: Binding {
                nonce: nonce(fields.require("nonce")?)?,
                user_data: user_data(fields.require("user_data")?)?,
                public_key: public_key(fields.require("public_key")?)?,
            },
            freshness: Freshness {
                max_age_ms: fields
                    .get("max_age_ms")
                    .map(|age| age.unsigned("max_age_ms"))
                    .transpose()?,
                future_skew_ms: skew.transpose()?.unwrap_or_default(),
            },
        })
    }
}

/// Reads `{"0": hex, "1": hex, …}`.
pub(super) fn pcr_set(
    json: &Json,
    field: &'static str,
    partial: bool,
) -> Result<PcrSet, PolicyError> {
    let mut pcrs = Vec::new();
    for (key, value) in json.entries(field)? {
        pcrs.push((pcr_index(key)?, value.text(field)?.parse::<Pcr>()?));
    }
    match partial {
        true => PcrSet::new_leaving_code_measurements_unpinned(pcrs),
        false => PcrSet::new(pcrs),
    }
}

/// A number from 0 to 31 in decimal, without sign or leading zero.
pub(super) fn pcr_index(key: &str) -> Result<u8, PolicyError> {
    (0..32_u8)
        .find(|index| index.to_string() == key)
        .ok_or_else(|| PolicyError::PcrKey { found: shorten(key) })
}

fn trust(fields: &Fields<'_>) -> Result<Trust, PolicyError> {
    let root = match fields.get(OTHER_ROOT) {
        None => Root::aws_g1(),
        Some(der) => Root::named(&der.hex(OTHER_ROOT)?)
            .map_err(|error| PolicyError::Root(Box::new(error)))?,
    };
    let denied = match fields.get("denied_certificates") {
        None => Vec::new(),
        Some(list) => {
            list.array("denied_certificates")?.iter().map(denied).collect::<Result<_, _>>()?
        }
    };
    let names = match flag(fields, LEAVE_NAMES_UNCHECKED)? {
        true => Names::Unchecked,
        false => Names::Checked,
    };
    Ok(Trust { root, denied, names })
}

fn denied(json: &Json) -> Result<Denied, PolicyError> {
    let fields = json.fields("denied_certificates", &["issuer", "serial"])?;
    let issuer = fields.require("issuer")?.hex("issuer")?;
    Ok(Denied::new(&issuer, &fields.require("serial")?.hex("serial")?))
}

fn nonce(json: &Json) -> Result<Nonce, PolicyError> {
    match json.text("nonce")? {
        "any_nonce_accepted" => Ok(Nonce::AnyNonceAccepted),
        "" => Err(PolicyError::NonceEmpty),
        _ => Ok(Nonce::Exactly(json.hex("nonce")?)),
    }
}

fn user_data(json: &Json) -> Result<UserData, PolicyError> {
    match json.text("user_data")? {
        "any_user_data_accepted" => Ok(UserData::AnyUserDataAccepted),
        _ => Ok(UserData::Exactly(json.hex("user_data")?)),
    }
}

fn public_key(json: &Json) -> Result<PublicKey, PolicyError> {
    match json.text("public_key")? {
        "absent" => Ok(PublicKey::Absent),
        "any_public_key_accepted" => Ok(PublicKey::AnyPublicKeyAccepted),
        "present" => Ok(PublicKey::Present),
        _ => Ok(PublicKey::Exactly(json.hex("public_key")?)),
    }
}

fn flag(fields: &Fields<'_>, field: &'static str) -> Result<bool, PolicyError> {
    fields.get(field).map_or(Ok(false), |value| value.bool(field))
}

const FIELDS: &[&str] = &[
    ACCEPT_DEBUG,
    "denied_certificates",
    "future_skew_ms",
    LEAVE_CODE_UNPINNED,
    LEAVE_NAMES_UNCHECKED,
    "max_age_ms",
    "nonce",
    OTHER_ROOT,
    "pcr_sets",
    "public_key",
    "user_data",
];
const ACCEPT_DEBUG: &str = "accept_debug_enclave";
const LEAVE_CODE_UNPINNED: &str = "accept_code_not_pinned";
const LEAVE_NAMES_UNCHECKED: &str = "accept_names_not_checked";
const OTHER_ROOT: &str = "accept_root_other_than_aws";
