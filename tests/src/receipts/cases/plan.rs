//! Lies by whoever runs the operation: all evidence is genuine, and for something else.

use assay_verifier::{
    ids::{ModelDigest, RunId},
    operation::{Function, Method, Methods, NonceClaim, Setting, Step},
    value::Dtype,
};

use super::{Case, Row};
use crate::receipts::{name, nonce, value};

pub(super) const ROWS: &[Row] = &[
    ("plan_other_name", "operation-name", "an operation of another name", |case| {
        case.fixture.name = name("letters");
    }),
    ("plan_other_nonce", "nonce-mismatch", "the receipt of an earlier request", |case| {
        case.fixture.nonce = NonceClaim::Client(nonce(0xab));
    }),
    ("plan_nonce_of_the_server", "nonce-mismatch", "the operator says it made the nonce", |case| {
        case.fixture.nonce = NonceClaim::Server(nonce(0xaa));
    }),
    ("plan_no_nonce", "nonce-mismatch", "no nonce", |case| {
        case.fixture.nonce = NonceClaim::None;
    }),
    ("plan_other_outcome", "outcome-not-accepted", "it was cancelled", |case| {
        case.fixture.outcome = name("cancelled");
    }),
    ("plan_other_operation", "operation-digest-mismatch", "a second run of the same", |case| {
        let pinned = case.fixture.receipt().digest().to_string();
        case.policy["operation_digest"] = pinned.into();
        case.fixture.run = RunId::new([8; 16]);
    }),
    ("plan_other_model", "plan-function", "another model for the features", |case| {
        case.fixture.steps[0].function = Function::Model(ModelDigest::new([0; 32]));
    }),
    (
        "plan_card_unsaid",
        "plan-card",
        "tee is demanded, and the step promises zk as well",
        |case| {
            let step = &mut case.policy["releases"][0]["plan"]["steps"][1];
            *step = serde_json::json!({
                "name": "head", "function": step["function"], "settings": {}, "inputs": ["features"],
                "outputs": ["logits"], "evidence": [["tee"]], "images": ["image-0"],
            });
            case.fixture.steps[1].methods = Methods::of(&[Method::Tee, Method::Zk]);
            case.fixture.attested = vec![0, 1];
        },
    ),
    ("plan_other_setting", "plan-setting", "two threads", |case| {
        case.fixture.steps[0].settings = [(name("threads"), Setting::Int(2))].into();
    }),
    ("plan_setting_of_another_kind", "plan-setting", "the text 1 for the number 1", |case| {
        case.fixture.steps[0].settings = [(name("threads"), Setting::Text("1".into()))].into();
    }),
    ("plan_setting_added", "plan-setting", "a setting that nobody asked for", |case| {
        case.fixture.steps[0].settings.insert(name("seed"), Setting::Int(1));
    }),
    ("plan_setting_missing", "plan-setting", "a setting left out", |case| {
        case.fixture.steps[0].settings.clear();
    }),
    ("plan_other_scale", "plan-values", "the image on another scale", |case| {
        case.fixture.values[0] = value("image", Dtype::U8, &[1, 1, 2, 2], -3, &[0, 16, 7, 3]);
    }),
    ("plan_value_renamed", "plan-values", "the logits by another name", |case| {
        case.fixture.values[2].name = name("scores");
    }),
    ("plan_step_renamed", "plan-steps", "a step by another name", |case| {
        case.fixture.steps[1].name = name("decision");
    }),
    ("plan_step_removed", "plan-values", "the last step left out", |case| {
        case.fixture.steps.truncate(2);
        case.fixture.values.truncate(3);
        case.fixture.disclosed = vec![0, 2];
    }),
    ("plan_step_added", "plan-steps", "the same digit by a second step", |case| {
        let fixture = &mut case.fixture;
        let again = Step { name: name("again"), outputs: vec![4], ..fixture.steps[2].clone() };
        fixture.steps.push(again);
        fixture.values.push(value("copy", Dtype::I32, &[1], 0, &[2]));
        let values = case.policy["releases"][0]["plan"]["values"].as_array_mut().expect("a list");
        let mut copy = values[3].clone();
        copy["name"] = "copy".into();
        values.push(copy);
    }),
    ("plan_input_rewired", "plan-wiring", "the digit is that of the features", |case| {
        case.fixture.steps[2].inputs = vec![1];
        case.fixture.values[3] = value("digit", Dtype::I32, &[1], 0, &[2]);
    }),
    ("plan_output_rewired", "plan-wiring", "features and logits change places", |case| {
        case.fixture.steps[0].outputs = vec![2];
        case.fixture.steps[1].inputs = vec![2];
        case.fixture.steps[1].outputs = vec![1];
        case.fixture.steps[2].inputs = vec![1];
        let (types_in, types_out) =
            (case.fixture.card.inputs.clone(), case.fixture.card.outputs.clone());
        (case.fixture.card.inputs, case.fixture.card.outputs) = (types_out, types_in);
    }),
    (
        "plan_steps_swapped",
        "plan-steps",
        "the glue before the head, fed from the features",
        |case| {
            let fixture = &mut case.fixture;
            fixture.steps.swap(1, 2);
            fixture.steps[1].inputs = vec![1];
        },
    ),
    ("plan_input_added", "plan-wiring", "the head takes a second input", |case| {
        add_bias(case, 4);
        let values = case.policy["releases"][0]["plan"]["values"].as_array_mut().expect("a list");
        let mut bias = values[1].clone();
        bias["name"] = "bias".into();
        values.push(bias);
    }),
    ("plan_inputs_not_those_of_the_policy", "plan-inputs", "features come from outside", |case| {
        // The policy's own plan says that features is an input; the receipt computes it.
        case.policy["releases"][0]["plan"]["inputs"] = serde_json::json!(["image", "features"]);
        case.policy["inputs"]["features"] = "any_input_accepted".into();
    }),
    ("method_relabelled", "evidence-missing", "the head attested instead of proved", |case| {
        case.fixture.steps[1].methods = Methods::of(&[Method::Tee]);
        case.fixture.attested = vec![0, 1];
    }),
    ("method_not_promised", "evidence-missing", "nothing is promised of the features", |case| {
        case.fixture.steps[0].methods = Methods::default();
        case.fixture.attested = Vec::new();
    }),
    ("glue_wrong_digit", "recompute-mismatch", "the digit is not the greatest logit's", |case| {
        case.fixture.values[3] = value("digit", Dtype::I32, &[1], 0, &[1]);
    }),
    ("glue_unknown", "glue-unknown", "a glue function that there is not", |case| {
        case.fixture.steps[2].function = Function::Glue(name("median"));
        case.policy["releases"][0]["plan"]["steps"][2]["function"]["glue"] = "median".into();
    }),
    ("glue_with_settings", "glue-arguments", "argmax with a setting", |case| {
        case.fixture.steps[2].settings = [(name("k"), Setting::Int(1))].into();
        case.policy["releases"][0]["plan"]["steps"][2]["settings"]["k"] = 1.into();
    }),
    ("glue_other_type", "recompute-type", "the digit in 8 bits", |case| {
        case.fixture.values[3] = value("digit", Dtype::U8, &[1], 0, &[2]);
        case.policy["releases"][0]["plan"]["values"][3]["type"]["dtype"] = "u8".into();
    }),
];

/// Gives the head a second input.
fn add_bias(case: &mut Case, index: u32) {
    let fixture = &mut case.fixture;
    fixture.values.push(value("bias", Dtype::I8, &[1, 4], -4, &[0, 0, 0, 0]));
    fixture.steps[1].inputs.push(index);
    fixture.card.inputs.push(fixture.card.inputs[0].clone());
    fixture.trapdoor = crate::trapdoor::Trapdoor::new(4, 1);
    fixture.card.key = fixture.trapdoor.key_bytes();
}
