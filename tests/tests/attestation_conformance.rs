//! The runner of conformance files, on a file of our own cases.

use assay_tests::nitro::{World, cases, good, json as written};
use assay_verifier::attestation::conformance::{self, Expected, Summary};
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

fn case(id: &str, expect: &str, world: &World) -> Value {
    written::case(id, expect, world).expect("the policy can be said")
}

fn run(cases: Vec<Value>) -> Vec<conformance::Outcome> {
    conformance::run(written::file(cases).as_bytes()).expect("a good file")
}

#[test]
fn documents_of_our_own_agree() {
    let good = World::default();
    let mut cases = vec![case("good", "accept", &good), case("free", "either", &good)];
    for (number, bad) in cases::all().iter().enumerate() {
        if bad.code != "attestation-public-key-mismatch" {
            cases.extend(written::case(&format!("{number} {}", bad.name), "reject", &bad.world));
        }
    }
    cases.extend(
        good::all().iter().filter_map(|(name, world)| written::case(name, "accept", world)),
    );
    let outcomes = run(cases);
    assert!(outcomes.len() > 150, "{}", outcomes.len());
    for outcome in &outcomes {
        assert!(outcome.agrees(), "{outcome}");
    }
    assert_eq!(outcomes[0].to_string(), "good accept accept -");
    assert_eq!(outcomes[2].to_string(), "0 a fifth part reject reject attestation-envelope-count");
}

#[test]
fn what_disagrees_is_told() {
    let good = case("good", "reject", &World::default());
    let outcome = run(vec![good]).remove(0);
    assert_eq!((outcome.expected, outcome.agrees()), (Expected::Reject, false));
    let summary = Summary(vec![outcome]);
    assert_eq!(summary.to_string(), "good reject accept -\n0 agreed, 1 disagreed");
    assert_eq!(
        summary.to_json(),
        r#"{"agreed":0,"disagreed":1,"cases":[{"id":"good","expected":"reject","got":"accept","code":null,"agrees":false}]}"#
    );
}

/// A case whose policy or clock cannot be read counts as refused.
#[test]
fn bad_policies_refuse_their_case() {
    let good = case("good", "reject", &World::default());
    for (path, value, code) in [
        ("/policy/pcrs", json!({}), "attestation-policy-pcr-set-empty"),
        ("/policy/pcrs", json!(null), "attestation-policy-field-type"),
        ("/policy/pcrs/0", json!("00"), "attestation-policy-pcr-value"),
        ("/policy/nonce", json!(""), "attestation-policy-nonce-empty"),
        ("/policy/nonce", json!("0x00"), "attestation-policy-hex"),
        ("/policy/user_data", json!("00"), "attestation-user-data-mismatch"),
        ("/policy/allow_debug", json!("no"), "attestation-policy-field-type"),
        ("/policy/max_age_ms", json!(1999), "attestation-timestamp-too-old"),
        ("/now_ms", json!(1_788_264_005), "attestation-time-not-milliseconds"),
        ("/now_ms", json!(-1), "attestation-policy-field-type"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).expect(path) = value;
        assert_eq!(run(vec![bad])[0].code(), code, "{path}");
    }
    let twice = good["policy"].to_string().replacen("\"nonce\"", "\"nonce\":null,\"nonce\"", 1);
    let root = Base64::encode_string(World::default().policy.trust.root.der());
    let mut bad = good.clone();
    bad["policy"] = json!("here");
    let cases = json!([bad]).to_string().replace("\"here\"", &twice);
    let file = format!(r#"{{"root_der_b64":"{root}","cases":{cases}}}"#);
    let outcomes = conformance::run(file.as_bytes()).expect("a good file");
    assert_eq!(outcomes[0].code(), "attestation-policy-field-twice");
}

#[test]
fn bad_files_are_no_outcome() {
    for bad in ["", "{}", r#"{"root_der_b64":"","cases":[]}"#, r#"{"root_der_b64":"*","cases":[]}"#]
    {
        assert!(conformance::run(bad.as_bytes()).is_err(), "{bad}");
    }
}
