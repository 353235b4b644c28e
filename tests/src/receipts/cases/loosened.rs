//! Every word that loosens a check, at work; and releases.

use assay_verifier::{
    card::Setup,
    ids::Sha256Digest,
    operation::{NonceClaim, Setting},
};
use serde_json::json;

use super::{Case, Row};
use crate::receipts::{name, nonce};

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
