//! Every word that loosens a check, at work; and releases.

use assay_verifier::{
    card::Setup,
    ids::Sha256Digest,
    operation::{NonceClaim, Setting},
};
use serde_json::json;

use super::{Case, Row};
use crate::{
    nitro::TIMESTAMP,
    receipts::{NOW, name, nonce},
};

fn own_nonce_waived(case: &mut Case) {
    let policy = case.policy.as_object_mut().expect("a policy");
    policy.remove("nonce");
    policy.insert("accept_without_own_nonce".into(), true.into());
}

fn debug(case: &mut Case) {
    for pcr in &mut case.fixture.world.pcrs {
        pcr.1.fill(0);
    }
    for index in ["0", "1", "2"] {
        case.policy["releases"][0]["images"]["image-0"]["pcrs"][index] = "00".repeat(48).into();
    }
}

/// A second release, of another image, before the one that the receipt is of.
fn newer_release(case: &mut Case) {
    let mut newer = case.policy["releases"][0].clone();
    newer["name"] = "newer".into();
    newer["images"]["image-0"]["pcrs"]["0"] = "11".repeat(48).into();
    case.policy["releases"].as_array_mut().expect("a list").insert(0, newer);
}

/// The enclave's own software measured its configuration.
fn configured(case: &mut Case) {
    case.fixture.world.pcrs.push((16, vec![0x16; 48]));
}

/// The leaf certificate, as a policy denies it: its serial number begins with a byte, 0x5a, and its place in the chain.
fn denied(case: &Case) -> serde_json::Value {
    let leaf = case.fixture.world.chain.last().expect("a leaf");
    json!({"issuer": hex::encode(&leaf.issuer), "serial": hex::encode(&leaf.serial[2..])})
}

/// One image that says which configuration, and one of the same code that says nothing of it.
fn two_images(case: &mut Case, order: &[&str]) {
    let learned = case.fixture.policy();
    let configured = learned["releases"][0]["images"]["image-0"].clone();
    let mut plain = configured.clone();
    plain["pcrs"].as_object_mut().expect("registers").remove("16");
    case.policy["releases"][0]["images"] = json!({"plain": plain, "configured": configured});
    case.policy["releases"][0]["plan"]["steps"][0]["images"] = json!(order);
}

pub(super) const ROWS: &[Row] = &[
    ("accepted_any_input", "accepted", "whatever the picture was", |case| {
        case.policy["inputs"]["image"] = "any_input_accepted".into();
        case.values.clear();
    }),
    ("accepted_ceremony", "accepted", "a key of many, says the pinned card", |case| {
        case.fixture.card.setup = Setup::Ceremony {
            contributions: 12,
            phase1: Sha256Digest::new([0x91; 32]),
            phase2: Sha256Digest::new([0x92; 32]),
        };
        *case = Case::of(std::mem::take(&mut case.fixture));
    }),
    ("accepted_debug_enclave", "accepted", "a debug enclave, by the long word", |case| {
        debug(case);
        case.policy["releases"][0]["images"]["image-0"]["accept_debug_enclave"] = true.into();
    }),
    ("accepted_free_setting", "accepted", "any number of threads", |case| {
        let step = &mut case.policy["releases"][0]["plan"]["steps"][0];
        step["settings"] = json!({});
        step["free_settings"] = json!(["threads"]);
        case.fixture.steps[0].settings = [(name("threads"), Setting::Int(8))].into();
    }),
    ("accepted_nonce_of_the_server", "accepted", "the operator's nonce, by the word", |case| {
        own_nonce_waived(case);
        case.fixture.nonce = NonceClaim::Server(nonce(0xcc));
    }),
    ("accepted_operators_word", "accepted", "nothing shows the features", |case| {
        let step = case.policy["releases"][0]["plan"]["steps"][0].as_object_mut().expect("a step");
        step.remove("evidence");
        step.insert("accept_operators_word".into(), true.into());
        case.fixture.steps[0].methods = Default::default();
        case.fixture.attested.clear();
    }),
    ("accepted_either_method", "accepted", "tee with zk, or tee alone", |case| {
        let card = case.policy["releases"][0]["plan"]["steps"][1]["card"].clone();
        let step = &mut case.policy["releases"][0]["plan"]["steps"][0];
        step["evidence"] = json!([["tee", "zk"], ["tee"]]);
        step["card"] = card;
    }),
    ("accepted_by_default_evidence", "accepted", "tee, where a step says nothing else", |case| {
        let release = &mut case.policy["releases"][0];
        let step = release["plan"]["steps"][0].as_object_mut().expect("a step");
        step.remove("evidence");
        release["default_evidence"] = json!([["tee"]]);
    }),
    ("accepted_second_release", "accepted", "the older of two releases", newer_release),
    ("release_default_evidence_not_met", "evidence-missing", "tee and recompute of all", |case| {
        let release = &mut case.policy["releases"][0];
        let step = release["plan"]["steps"][0].as_object_mut().expect("a step");
        step.remove("evidence");
        release["default_evidence"] = json!([["recompute", "tee"]]);
    }),
    (
        "release_images_mixed",
        "attestation-pcr-mismatch",
        "the plan of one release, run by the image of another",
        |case| {
            newer_release(case);
            // The receipt's own image is now of a release that has another model.
            let older = &mut case.policy["releases"][1]["plan"]["steps"][0]["function"];
            older["model"] = "77".repeat(32).into();
        },
    ),
    ("release_not_of_any", "plan-function", "a model of neither release", |case| {
        newer_release(case);
        for release in 0..2 {
            let step = &mut case.policy["releases"][release]["plan"]["steps"][0];
            step["function"]["model"] = "77".repeat(32).into();
        }
    }),
    ("accepted_callers_nonce", "accepted", "the caller gives its nonce with the receipt", |case| {
        case.policy["nonce"] = "caller_nonce".into();
        case.nonce = Some(vec![0xaa; 32]);
    }),
    (
        "nonce_of_the_caller_missing",
        "caller-nonce-missing",
        "the caller forgot its nonce",
        |case| {
            case.policy["nonce"] = "caller_nonce".into();
        },
    ),
    ("nonce_of_another_request", "nonce-mismatch", "the caller made another nonce", |case| {
        case.policy["nonce"] = "caller_nonce".into();
        case.nonce = Some(vec![0xbb; 32]);
    }),
    ("nonce_given_though_waived", "nonce-mismatch", "waived, and the caller gave one", |case| {
        own_nonce_waived(case);
        case.nonce = Some(vec![0xbb; 32]);
    }),
    ("nonce_of_the_policy_and_another", "nonce-mismatch", "policy and caller differ", |case| {
        case.nonce = Some(vec![0xbb; 32]);
    }),
    ("accepted_configuration_pinned", "accepted", "the image's configuration is pinned", |case| {
        configured(case);
        case.policy = case.fixture.policy();
    }),
    ("accepted_configuration_open", "accepted", "any configuration, by the long word", |case| {
        configured(case);
        let image = &mut case.policy["releases"][0]["images"]["image-0"];
        image["accept_configuration_not_pinned"] = true.into();
    }),
    (
        "tee_configuration_not_pinned",
        "configuration-not-pinned",
        "an image that was configured, under a policy that says nothing of it",
        configured,
    ),
    ("accepted_image_by_the_second", "accepted", "the second of two images fits whole", |case| {
        configured(case);
        two_images(case, &["plain", "configured"]);
    }),
    ("accepted_image_by_the_first", "accepted", "the same two, the other way round", |case| {
        configured(case);
        two_images(case, &["configured", "plain"]);
    }),
    (
        "tee_debug_enclave_not_pinned",
        "attestation-debug-enclave",
        "a debug enclave, other registers pinned",
        |case| {
            for pcr in &mut case.fixture.world.pcrs {
                pcr.1.fill(0);
            }
        },
    ),
    ("accepted_eight_releases", "accepted", "by the last of eight, a large input pinned", |case| {
        use assay_verifier::{ids::Sha256Digest, value::Type};
        let image = &mut case.fixture.values[0];
        image.kind = Type::bytes("application/json").expect("a media type");
        image.bytes = vec![b' '; 1 << 16];
        let digest = Sha256Digest::of(&image.bytes);
        *case = Case::of(std::mem::take(&mut case.fixture));
        case.values.clear();
        case.policy["inputs"]["image"] = json!({"sha256": digest.to_string()});
        let release = case.policy["releases"][0].clone();
        let releases = (0..8).map(|number| {
            let mut release = release.clone();
            release["name"] = format!("release-{number}").into();
            if number < 7 {
                release["images"]["image-0"]["pcrs"]["0"] = "11".repeat(48).into();
            }
            release
        });
        case.policy["releases"] = releases.collect();
    }),
    ("tee_other_configuration", "attestation-pcr-mismatch", "configured otherwise", |case| {
        configured(case);
        case.policy = case.fixture.policy();
        case.fixture.world.pcrs[16].1[0] ^= 1;
    }),
    ("accepted_release_until_now", "accepted", "the last moment of a release", |case| {
        case.policy["releases"][0]["not_after_ms"] = NOW.into();
    }),
    ("release_over", "release-lapsed", "a release that was accepted until just now", |case| {
        case.policy["releases"][0]["not_after_ms"] = (NOW - 1).into();
    }),
    ("accepted_archived_release", "accepted", "attested at the release's last moment", |case| {
        case.policy["releases"][0]["not_after_ms"] = TIMESTAMP.into();
        case.now = None;
    }),
    ("release_over_when_attested", "release-lapsed", "attested after the release's end", |case| {
        case.policy["releases"][0]["not_after_ms"] = (TIMESTAMP - 1).into();
        case.now = None;
    }),
    (
        "release_of_no_time",
        "release-time-unknown",
        "archived, a release that ends, and nothing that tells a time",
        |case| {
            super::policy::proof_alone(case);
            case.policy["archived"] = json!({"from_ms": TIMESTAMP, "to_ms": TIMESTAMP});
            case.policy["releases"][0]["not_after_ms"] = TIMESTAMP.into();
            case.now = None;
        },
    ),
    (
        "tee_certificate_denied",
        "attestation-certificate-denied",
        "the issuer withdrew it",
        |case| {
            let denied = denied(case);
            case.policy["denied_certificates"] = json!([denied]);
        },
    ),
    ("accepted_other_certificate_denied", "accepted", "another certificate is withdrawn", |case| {
        let mut denied = denied(case);
        denied["serial"] = "7f7f".into();
        case.policy["denied_certificates"] = json!([denied]);
    }),
    ("accepted_settings_of_a_proof", "accepted", "settings that no circuit contains", |case| {
        super::policy::proof_alone(case);
        case.fixture.steps[1].settings = [(name("safety-filter"), Setting::Bool(true))].into();
        case.fixture.outcome = name("filtered-by-safety-model");
        case.policy = case.fixture.policy();
    }),
    ("policy_without_release", "policy-inconsistent", "nothing is deployed", |case| {
        case.policy["releases"] = json!([]);
    }),
    ("policy_release_named_twice", "policy-inconsistent", "two releases of one name", |case| {
        let again = case.policy["releases"][0].clone();
        case.policy["releases"].as_array_mut().expect("a list").push(again);
    }),
    ("policy_default_demands_nothing", "policy-inconsistent", "a default of none", |case| {
        case.policy["releases"][0]["default_evidence"] = json!([[]]);
    }),
    (
        "policy_release_of_other_inputs",
        "policy-inconsistent",
        "a release with an input that has no rule",
        |case| {
            newer_release(case);
            case.policy["releases"][0]["plan"]["inputs"] = json!(["image", "features"]);
        },
    ),
];
