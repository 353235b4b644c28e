//! Policies and callers that get in their own way, and demands that are not met.

use serde_json::json;

use super::{Case, Row};

fn remove(case: &mut Case, field: &str) {
    case.policy.as_object_mut().expect("a policy").remove(field);
}

/// The receipt whose head alone is shown, by its proof.
pub(super) fn proof_alone(case: &mut Case) {
    case.fixture.attested.clear();
    case.fixture.steps[0].methods = Default::default();
    case.policy = case.fixture.policy();
}

pub(super) const ROWS: &[Row] = &[
    ("policy_unreviewed", "policy-unreviewed", "learned, and read by nobody", |case| {
        case.policy["unreviewed"] = true.into();
    }),
    ("policy_unknown_field", "policy-malformed", "a word that it does not have", |case| {
        case.policy["accept_anything"] = true.into();
    }),
    ("policy_null", "policy-malformed", "an operation pinned to null", |case| {
        case.policy["operation_digest"] = serde_json::Value::Null;
    }),
    ("policy_other_version", "version-unknown", "version 1", |case| {
        case.policy["version"] = 1.into();
    }),
    (
        "policy_without_nonce_or_word",
        "policy-inconsistent",
        "it neither names nor waives a nonce",
        |case| {
            remove(case, "nonce");
        },
    ),
    ("policy_without_outcome", "policy-inconsistent", "it accepts no outcome", |case| {
        case.policy["outcomes"] = json!([]);
    }),
    ("policy_tee_without_image", "policy-inconsistent", "tee is demanded of no image", |case| {
        case.policy["releases"][0]["plan"]["steps"][0]["images"] = json!([]);
    }),
    ("policy_image_unknown", "policy-inconsistent", "an image that it does not describe", |case| {
        case.policy["releases"][0]["plan"]["steps"][0]["images"] = json!(["image-9"]);
    }),
    (
        "policy_zk_without_card",
        "policy-inconsistent",
        "zk is demanded and no card pinned",
        |case| {
            let step =
                case.policy["releases"][0]["plan"]["steps"][1].as_object_mut().expect("a step");
            step.remove("card");
        },
    ),
    (
        "policy_no_evidence",
        "policy-inconsistent",
        "a step of which nothing is demanded, unsaid",
        |case| {
            case.policy["releases"][0]["plan"]["steps"][0]["evidence"] = json!([]);
        },
    ),
    (
        "policy_empty_alternative",
        "policy-inconsistent",
        "an alternative that demands nothing",
        |case| {
            case.policy["releases"][0]["plan"]["steps"][0]["evidence"] = json!([["tee"], []]);
        },
    ),
    (
        "policy_input_without_rule",
        "policy-inconsistent",
        "an input of which it says nothing",
        |case| {
            case.policy["inputs"] = json!({});
        },
    ),
    ("policy_no_results", "policy-inconsistent", "it wants to learn nothing", |case| {
        case.policy["releases"][0]["plan"]["results"] = json!([]);
    }),
    ("policy_result_unknown", "policy-inconsistent", "a result that is no value", |case| {
        case.policy["releases"][0]["plan"]["results"] = json!(["letter"]);
    }),
    ("policy_pcrs_incomplete", "policy-malformed", "an image without PCR 1", |case| {
        let pcrs = case.policy["releases"][0]["images"]["image-0"]["pcrs"]
            .as_object_mut()
            .expect("registers");
        pcrs.remove("1");
    }),
    ("policy_window_in_seconds", "policy-inconsistent", "a window in seconds", |case| {
        case.policy["archived"] = json!({"from_ms": 1_788_264_003, "to_ms": 1_788_264_004});
    }),
    (
        "policy_window_backwards",
        "policy-inconsistent",
        "a window that ends before it begins",
        |case| {
            case.policy["archived"]["from_ms"] = 1_999_999_999_999u64.into();
        },
    ),
    (
        "policy_result_is_an_input",
        "policy-inconsistent",
        "a result that nothing computes",
        |case| {
            case.policy["releases"][0]["plan"]["results"] = json!(["digit", "image"]);
        },
    ),
    ("policy_result_twice", "policy-inconsistent", "one result named twice", |case| {
        case.policy["releases"][0]["plan"]["results"] = json!(["digit", "digit"]);
    }),
    ("policy_section_is_a_list", "policy-malformed", "live, as a list of its fields", |case| {
        case.policy["live"] = json!([3_900_000, 30_000]);
    }),
    ("policy_release_is_a_list", "policy-malformed", "a release, as a list", |case| {
        let release = &case.policy["releases"][0];
        let (name, plan) = (release["name"].clone(), release["plan"].clone());
        case.policy["releases"][0] = json!([name, null, [], plan, release["images"]]);
    }),
    ("policy_step_is_a_list", "policy-malformed", "a step of the plan, as a list", |case| {
        let step = &case.policy["releases"][0]["plan"]["steps"][2];
        let function = step["function"].clone();
        case.policy["releases"][0]["plan"]["steps"][2] =
            json!(["digit", function, {}, [], ["logits"], ["digit"], [["recompute"]]]);
    }),
    ("policy_type_is_a_list", "policy-malformed", "a value's type, as a list", |case| {
        case.policy["releases"][0]["plan"]["values"][3]["type"] = json!(["i32", [1], 0]);
    }),
    ("policy_null_in_a_rule", "policy-malformed", "a loosening word that holds null", |case| {
        case.policy["inputs"]["image"] = json!({"any_input_accepted": null});
    }),
    ("policy_null_in_a_method", "policy-malformed", "a method that holds null", |case| {
        case.policy["releases"][0]["plan"]["steps"][0]["evidence"] = json!([[{"tee": null}]]);
    }),
    ("policy_null_in_a_type", "policy-malformed", "an element type that holds null", |case| {
        case.policy["releases"][0]["plan"]["values"][0]["type"]["dtype"] = json!({"u8": null});
    }),
    (
        "policy_image_named_twice",
        "policy-inconsistent",
        "a step that names an image twice",
        |case| {
            case.policy["releases"][0]["plan"]["steps"][0]["images"] =
                json!(["image-0", "image-0"]);
        },
    ),
    ("policy_free_setting_twice", "policy-inconsistent", "a free setting named twice", |case| {
        let step = &mut case.policy["releases"][0]["plan"]["steps"][0];
        step["settings"] = json!({});
        step["free_settings"] = json!(["threads", "threads"]);
    }),
    ("policy_settings_too_many", "policy-inconsistent", "65 free settings", |case| {
        let free: Vec<_> = (0..65).map(|n| format!("s{n}")).collect();
        case.policy["releases"][0]["plan"]["steps"][0]["free_settings"] = json!(free);
    }),
    ("policy_alternative_twice", "policy-inconsistent", "one alternative twice", |case| {
        case.policy["releases"][0]["plan"]["steps"][0]["evidence"] = json!([["tee"], ["tee"]]);
    }),
    ("policy_input_twice", "policy-inconsistent", "a plan that names an input twice", |case| {
        case.policy["releases"][0]["plan"]["inputs"] = json!(["image", "image"]);
    }),
    ("policy_output_twice", "policy-inconsistent", "a step that gives one value twice", |case| {
        case.policy["releases"][0]["plan"]["steps"][1]["outputs"] = json!(["logits", "logits"]);
    }),
    ("policy_outcome_twice", "policy-inconsistent", "one outcome twice", |case| {
        case.policy["outcomes"] = json!(["complete", "complete"]);
    }),
    ("policy_denied_issuer_no_name", "policy-malformed", "a denied issuer in words", |case| {
        let issuer = hex::encode("CN=aws.nitro-enclaves");
        case.policy["denied_certificates"] = json!([{"issuer": issuer, "serial": "01"}]);
    }),
    ("policy_nonce_no_hex", "nonce-hex", "a nonce in other digits", |case| {
        case.policy["nonce"] = "callers_nonce".into();
    }),
    (
        "policy_denied_no_hex",
        "policy-malformed",
        "a denied certificate's serial in words",
        |case| {
            case.policy["denied_certificates"] = json!([{"issuer": "30", "serial": "one"}]);
        },
    ),
    ("policy_clock_without_attestation", "policy-clock", "a proof alone, and no clock", |case| {
        proof_alone(case);
        remove(case, "live");
    }),
    (
        "policy_release_ends_in_seconds",
        "policy-inconsistent",
        "a release that ends in 1970",
        |case| {
            case.policy["releases"][0]["not_after_ms"] = 1_788_264_003.into();
        },
    ),
    ("policy_not_for_live", "policy-clock", "no section for live verification", |case| {
        remove(case, "live");
    }),
    ("policy_not_for_archived", "policy-clock", "no section for archived verification", |case| {
        remove(case, "archived");
        case.now = None;
    }),
    (
        "demand_other_method",
        "evidence-missing",
        "the policy wants the features proved too",
        |case| {
            let card = case.policy["releases"][0]["plan"]["steps"][1]["card"].clone();
            case.policy["releases"][0]["plan"]["steps"][0]["evidence"] = json!([["tee", "zk"]]);
            case.policy["releases"][0]["plan"]["steps"][0]["card"] = card;
        },
    ),
    ("demand_not_pinned", "plan-card", "a step of a card that the policy does not name", |case| {
        let step = case.policy["releases"][0]["plan"]["steps"][1].as_object_mut().expect("a step");
        step.remove("card");
        step.insert("evidence".into(), json!([["recompute"]]));
    }),
    (
        "result_not_opened",
        "result-not-disclosed",
        "a result that the receipt keeps closed",
        |case| {
            case.policy["releases"][0]["plan"]["results"] = json!(["digit", "features"]);
        },
    ),
    ("input_not_the_callers", "opening-mismatch", "the caller sent another image", |case| {
        case.values.insert("image".into(), vec![1, 16, 7, 3]);
    }),
    ("input_not_given", "caller-value-missing", "the caller forgot its image", |case| {
        case.values.clear();
    }),
    ("input_other_digest", "input-mismatch", "the policy pins another image", |case| {
        case.values.clear();
        case.policy["inputs"]["image"] = json!({"sha256": "00".repeat(32)});
    }),
    ("input_unknown_value", "caller-value-unknown", "a value of no name in the table", |case| {
        case.values.insert("picture".into(), vec![0]);
    }),
    (
        "input_features_not_opened",
        "opening-missing",
        "the caller brings what is not opened",
        |case| {
            case.values.insert("features".into(), vec![0; 4]);
        },
    ),
];
