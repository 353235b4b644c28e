//! Documents with their policies, written out for other programs: as FORMAT.md §8.7 and §8.8 say.

use assay_verifier::attestation::{DebugEnclaves, Names, Nonce, PcrSet, PublicKey, UserData};
use base64ct::{Base64, Encoding as _};
use serde_json::{Map, Value, json};

use super::World;

/// `{"id", "code", "now_ms", "doc", "policy"}` with a policy of §8.7; code null where the document
/// must be accepted. None where no policy says this, which is so for an empty nonce.
pub fn document(id: &str, code: Option<&str>, world: &World) -> Option<Value> {
    let doc = Base64::encode_string(&world.document());
    Some(json!({"id": id, "code": code, "now_ms": world.now, "doc": doc, "policy": policy(world)?}))
}

/// The policy in the grammar of §8.7.
pub fn policy(world: &World) -> Option<Value> {
    let policy = &world.policy;
    let unpinned = policy.images.iter().any(|set| (0..3).any(|at| set.get(at).is_none()));
    let mut json = json!({
        "pcr_sets": policy.images.iter().map(registers).collect::<Vec<_>>(),
        "nonce": match &policy.binding.nonce {
            Nonce::AnyNonceAccepted => "any_nonce_accepted".to_owned(),
            Nonce::Exactly(nonce) if nonce.is_empty() => return None,
            Nonce::Exactly(nonce) => hex::encode(nonce),
        },
        "user_data": match &policy.binding.user_data {
            UserData::AnyUserDataAccepted => "any_user_data_accepted".to_owned(),
            UserData::Exactly(bytes) => hex::encode(bytes),
        },
        "public_key": match &policy.binding.public_key {
            PublicKey::Absent => "absent".to_owned(),
            PublicKey::AnyPublicKeyAccepted => "any_public_key_accepted".to_owned(),
            PublicKey::Exactly(bytes) => hex::encode(bytes),
            PublicKey::Present => "present".to_owned(),
        },
        "future_skew_ms": policy.freshness.future_skew_ms,
        "denied_certificates": policy.trust.denied.iter().map(|denied| json!({
            "issuer": hex::encode(denied.issuer()), "serial": hex::encode(denied.serial()),
        })).collect::<Vec<_>>(),
        "accept_debug_enclave": policy.debug == DebugEnclaves::AcceptedUnmeasured,
        "accept_code_not_pinned": unpinned,
        "accept_names_not_checked": policy.trust.names == Names::Unchecked,
    });
    let fields = json.as_object_mut().expect("it is an object");
    if let Some(age) = policy.freshness.max_age_ms {
        fields.insert("max_age_ms".into(), age.into());
    }
    if !policy.trust.root.is_aws() {
        let root = hex::encode(policy.trust.root.der());
        fields.insert("accept_root_other_than_aws".into(), root.into());
    }
    Some(json)
}

/// A case of a conformance file, §8.8: which public key it is cannot be said there, only that there
/// is one. None where that smaller grammar lacks another word.
pub fn case(id: &str, expect: &str, world: &World) -> Option<Value> {
    let policy = &world.policy;
    let mut sets = policy.images.iter();
    let said = policy.trust.names == Names::Checked
        && policy.trust.denied.is_empty()
        && policy.trust.root == World::default().policy.trust.root
        && policy.images.iter().count() == 1;
    if !said {
        return None;
    }
    Some(json!({
        "id": id,
        "cat": "X",
        "expect": expect,
        "reason": id,
        "doc": Base64::encode_string(&world.document()),
        "now_ms": world.now,
        "policy": {
            "pcrs": registers(sets.next()?),
            "nonce": match &policy.binding.nonce {
                Nonce::AnyNonceAccepted => None,
                Nonce::Exactly(nonce) => Some(hex::encode(nonce)),
            },
            "max_age_ms": policy.freshness.max_age_ms,
            "max_future_ms": policy.freshness.future_skew_ms,
            "allow_debug": policy.debug == DebugEnclaves::AcceptedUnmeasured,
            "require_public_key": match policy.binding.public_key {
                PublicKey::Exactly(_) | PublicKey::Present => true,
                PublicKey::AnyPublicKeyAccepted => false,
                PublicKey::Absent => return None,
            },
            "user_data": match &policy.binding.user_data {
                UserData::AnyUserDataAccepted => None,
                UserData::Exactly(bytes) => Some(hex::encode(bytes)),
            },
        },
    }))
}

/// A conformance file under the root of [`World::default`].
pub fn file(cases: Vec<Value>) -> String {
    let root = World::default().policy.trust.root;
    let file = json!({
        "note": "made by the project's own generator",
        "root_der_b64": Base64::encode_string(root.der()),
        "timestamp_ms": 0,
        "cases": cases,
    });
    file.to_string()
}

fn registers(set: &PcrSet) -> Value {
    let entries = set.iter().map(|(index, pcr)| (index.to_string(), pcr.to_string().into()));
    entries.collect::<Map<_, _>>().into()
}
