//! What a report says: every loosening word, every line of the trust bill, ways, and comparisons.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::sync::LazyLock;

use assay_tests::receipts::{Fixture, HEAD, NOW, cases, vector::Vector};
use assay_verifier::{
    Clock, UnixMillis, explain,
    ids::Name,
    operation::{Method, Methods, Setting},
    policy::Policy,
    report::{Report, Status, Verdict},
};
use serde_json::Value as Json;

/// All vectors, made once: each has an attester and keys of its own.
static ALL: LazyLock<Vec<Vector>> = LazyLock::new(cases::all);

fn vector(name: &str) -> &'static Vector {
    ALL.iter().find(|vector| vector.name == name).unwrap()
}

fn report_of(vector: &Vector, policy: &str) -> Report {
    let policy = Policy::from_json(policy.as_bytes()).unwrap();
    let clock =
        vector.now_ms.map_or(Clock::Archived, |now| Clock::Live(UnixMillis::new(now).unwrap()));
    explain(&vector.receipt, &policy, clock, &vector.expected())
}

fn report(name: &str) -> Report {
    let vector = vector(name);
    report_of(vector, &vector.policy)
}

fn bill(report: &Report) -> Vec<String> {
    let line = |line: &assay_verifier::report::TrustLine| {
        let step = line.step.as_ref().map_or("all", Name::as_str);
        format!("{step}: {}", line.assumption)
    };
    report.trust.iter().map(line).collect()
}

/// A vector that needs a loosening word, the word as the report lists it, how to take it out of the
/// policy, and the refusal of the same receipt without it.
type Loosening = (&'static str, &'static str, fn(&mut Json), &'static str);

const LOOSENINGS: &[Loosening] = &[
    (
        "accepted_any_input",
        "any_input_accepted: input image may be anything",
        |policy| policy["inputs"]["image"] = "caller_bytes".into(),
        "caller-value-missing",
    ),
    (
        "accepted_nonce_of_the_server",
        "accept_without_own_nonce: the receipt may be an old one",
        |policy| {
            policy["accept_without_own_nonce"] = false.into();
            policy["nonce"] = "aa".repeat(32).into();
        },
        "nonce-mismatch",
    ),
    (
        "accepted",
        "accept_single_party_setup: whoever made a key of one party can forge its proofs",
        |policy| policy["accept_single_party_setup"] = false.into(),
        "setup-single-party",
    ),
    (
        "accepted",
        "image image-0: accept_root_other_than_aws: assay synthetic root of tests is not AWS",
        |policy| {
            let image = &mut policy["releases"][0]["images"]["image-0"];
            image.as_object_mut().unwrap().remove("accept_root_other_than_aws");
        },
        "attestation-root-mismatch",
    ),
    (
        "accepted_debug_enclave",
        "image image-0: accept_debug_enclave: the host can read and change its memory",
        |policy| {
            policy["releases"][0]["images"]["image-0"]["accept_debug_enclave"] = false.into();
        },
        "attestation-debug-enclave",
    ),
    (
        "accepted_operators_word",
        "accept_operators_word: nothing shows step features",
        |policy| {
            let step = &mut policy["releases"][0]["plan"]["steps"][0];
            step["accept_operators_word"] = false.into();
            step["evidence"] = serde_json::json!([["tee"]]);
        },
        "evidence-missing",
    ),
    (
        "accepted_free_setting",
        "free_settings: threads of step features may be anything",
        |policy| {
            let step = &mut policy["releases"][0]["plan"]["steps"][0];
            step["free_settings"] = serde_json::json!([]);
            step["settings"] = serde_json::json!({"threads": 1});
        },
        "plan-setting",
    ),
    (
        "accepted_configuration_open",
        "image image-0: accept_configuration_not_pinned: the image may have been configured with anything",
        |policy| {
            let image = &mut policy["releases"][0]["images"]["image-0"];
            image["accept_configuration_not_pinned"] = false.into();
        },
        "configuration-not-pinned",
    ),
];

#[test]
fn every_loosening_word_is_needed_and_listed() {
    for (name, word, remove, code) in LOOSENINGS {
        let vector = vector(name);
        let report = report_of(vector, &vector.policy);
        assert_eq!(report.verdict, Verdict::Accepted, "{name}");
        assert!(report.loosened.iter().any(|found| found == word), "{word}: {:?}", report.loosened);
        let mut policy: Json = serde_json::from_str(&vector.policy).unwrap();
        remove(&mut policy);
        let report = report_of(vector, &policy.to_string());
        assert_eq!(report.code, Some(*code), "{word}");
        assert!(!report.loosened.iter().any(|found| found == word), "{word}");
    }
}

#[test]
fn words_of_one_release_among_several_say_which() {
    let loosened = report("accepted_second_release").loosened;
    let of_a_release = |word: &&String| word.contains("image image-0");
    let words: Vec<_> = loosened.iter().filter(of_a_release).collect();
    assert_eq!(words.len(), 2);
    assert!(words[0].starts_with("release newer: ") && words[1].starts_with("release release-0: "));
}

#[test]
fn every_line_of_the_trust_bill_occurs() {
    let lines = [
        ("accepted", "features: not AWS: root \"assay synthetic root of tests\""),
        ("accepted", "features: image image-0, PCR0 "),
        ("accepted", "features: integrity only: the host sees inputs and outputs"),
        ("accepted", "head: single-party setup of key "),
        ("accepted", "by the card you pinned, not recompiled here"),
        ("accepted", "head: the mathematics of Groth16 over BLS12-381, and of Poseidon"),
        ("accepted", "digit: nothing: recomputed here"),
        ("accepted", "all: how the committed input image was made from anything else"),
        (
            "accepted_archived",
            "all: keys were attested at the times above; when they signed is not proved",
        ),
        (
            "accepted_ceremony",
            "head: ceremony, according to the card you pinned: one honest participant in each phase",
        ),
        (
            "accepted_debug_enclave",
            "features: image image-0 may be a debug enclave: its host could change it",
        ),
        (
            "accepted_nonce_of_the_server",
            "all: the receipt may be old: its nonce is not the relying party's",
        ),
        (
            "accepted_exchange",
            "exchange: that this answer was the only one produced: a receipt cannot show it",
        ),
        (
            "accepted_settings_of_a_proof",
            "head: the operator's word: its settings (safety-filter), which no proof covers",
        ),
        (
            "accepted_settings_of_a_proof",
            "all: the operator's word: that the outcome was filtered-by-safety-model, which no enclave signed",
        ),
        (
            "accepted_settings_of_a_proof",
            "all: the operator's word: that it ran for this nonce; a proof is as new as the nonce",
        ),
        (
            "accepted_configuration_open",
            "features: image image-0 may be configured with anything: its policy does not pin that",
        ),
        ("accepted_operators_word", "features: the operator's word"),
        ("accepted_operators_word", "all: result digit rests on the operator's word at: features"),
    ];
    for (name, words) in lines {
        let bill = bill(&report(name));
        assert!(bill.iter().any(|line| line.contains(words)), "{name}: {words}: {bill:#?}");
    }
    let sound = bill(&report("accepted"));
    let words = ["operator's word", "old", "only one produced"];
    assert!(!sound.iter().any(|line| words.iter().any(|word| line.contains(word))));
    assert!(!bill(&report("accepted_ceremony")).iter().any(|line| line.contains("single-party")));
}

/// Every register that a policy pins is on the bill, the configuration's among them.
#[test]
fn the_bill_shows_the_registers_that_are_pinned() {
    let line = bill(&report("accepted_configuration_pinned"));
    let line = line.iter().find(|line| line.contains("image image-0, PCR0 ")).unwrap();
    for register in ["PCR0 ", "PCR1 ", "PCR2 ", &format!("PCR16 {}", "16".repeat(48))] {
        assert!(line.contains(register), "{register}: {line}");
    }
}

/// Nothing attested a time, so nothing is said of when keys were.
#[test]
fn an_archived_bill_speaks_of_attested_times_alone() {
    let vector = vector("accepted_settings_of_a_proof");
    let mut policy: Json = serde_json::from_str(&vector.policy).unwrap();
    policy["archived"] = serde_json::json!({"from_ms": 1e12 as u64, "to_ms": 2e12 as u64});
    let policy = Policy::from_json(policy.to_string().as_bytes()).unwrap();
    let report = explain(&vector.receipt, &policy, Clock::Archived, &vector.expected());
    assert_eq!(report.verdict, Verdict::Accepted);
    assert!(!bill(&report).iter().any(|line| line.contains("keys were attested")));
}

/// FORMAT.md §10.3, line by line: who vouches for which claim, under every mix of methods.
#[test]
fn what_covers_a_claim_is_what_the_format_says() {
    let format = include_str!("../../FORMAT.md");
    let covers = |field: &str, method: Method| {
        let row = format.lines().find(|line| line.starts_with(&format!("| `{field}` |"))).unwrap();
        let cell = row.split('|').nth(2 + METHODS.iter().position(|m| *m == method).unwrap());
        match cell.unwrap().trim() {
            "yes" => true,
            "no" => false,
            other => panic!("{field}: {other}"),
        }
    };
    for head in [&[][..], &[Method::Tee], &[Method::Zk], &[Method::Tee, Method::Zk]] {
        let mut fixture = Fixture { attested: Vec::new(), ..Fixture::default() };
        fixture.steps[0].methods = Methods::default();
        fixture.steps[1].methods = Methods::of(head);
        fixture.steps[1].settings = [(fixture.name.clone(), Setting::Bool(true))].into();
        if head.contains(&Method::Tee) {
            fixture.attested = vec![HEAD];
        }
        let policy = Policy::from_json(fixture.policy().to_string().as_bytes()).unwrap();
        let clock = Clock::Live(UnixMillis::new(NOW).unwrap());
        let report = explain(&fixture.bytes(), &policy, clock, &fixture.expected());
        assert_eq!(report.verdict, Verdict::Accepted, "{head:?}: {}", report.to_json());
        let step = &report.steps[HEAD as usize];
        assert_eq!(step.held, Methods::of(head));
        let bill = bill(&report);
        let said = |words: &str| bill.iter().any(|line| line.starts_with(words));

        // Of the step: its function and values, which every method covers, and its settings.
        let vouch = |field: &str, held: &[Method]| -> Vec<&str> {
            let by = held.iter().filter(|method| covers(field, **method));
            let by: Vec<_> = by.map(|method| method.name()).collect();
            if by.is_empty() { vec!["operators-word"] } else { by }
        };
        for field in ["function", "inputs", "outputs"] {
            let nothing = bill.iter().any(|line| line == "head: the operator's word");
            assert_eq!(vouch(field, head) == ["operators-word"], nothing, "{head:?} {field}");
        }
        assert_eq!(step.settings[0].vouched_by, vouch("settings", head), "{head:?}");
        let unsigned = step.settings[0].vouched_by == ["operators-word"];
        assert_eq!(said("head: the operator's word"), unsigned, "{head:?}: {bill:#?}");

        // Of the whole, where the glue was done again in any case.
        let anywhere = [head, &[Method::Recompute]].concat();
        let claims: Vec<_> = report.claims.iter().map(|claim| claim.field).collect();
        assert_eq!(claims, ["outcome", "nonce"]);
        for (claim, words) in report.claims.iter().zip(["outcome was", "it ran for this nonce"]) {
            assert_eq!(claim.vouched_by, vouch(claim.field, &anywhere), "{head:?} {}", claim.field);
            let unsigned = claim.vouched_by == ["operators-word"];
            assert_eq!(bill.iter().any(|line| line.contains(words)), unsigned, "{bill:#?}");
        }
    }
    // Glue goes by its settings, and is done again by them.
    let ranking = &report("accepted_branched").steps[3];
    assert!(covers("settings", Method::Recompute));
    assert_eq!(ranking.settings[0].vouched_by, ["recompute"]);
    assert_eq!(ranking.settings[0].value, Setting::Int(2));
}

const METHODS: [Method; 3] = [Method::Tee, Method::Zk, Method::Recompute];

/// The value of a setting that the policy leaves free is in the report of a receipt that was accepted.
#[test]
fn free_settings_are_told() {
    let report = report("accepted_free_setting");
    let setting = &report.steps[0].settings[0];
    assert_eq!((setting.name.as_str(), &setting.value), ("threads", &Setting::Int(8)));
    assert_eq!(setting.vouched_by, ["tee"]);
}

/// Each of two enclaves stands on the bill of its own step, and not of the other's.
#[test]
fn the_bill_names_the_image_that_attested() {
    let report = report("accepted_branched");
    let bill = bill(&report);
    let images = |step: &str| {
        let of_step = bill.iter().filter(|line| line.starts_with(&format!("{step}: image ")));
        of_step.cloned().collect::<Vec<_>>()
    };
    let (features, audit) = (images("features"), images("audit"));
    assert_eq!((features.len(), audit.len()), (1, 1), "{bill:#?}");
    assert_ne!(features[0].split_once(": ").unwrap().1, audit[0].split_once(": ").unwrap().1);
}

#[test]
fn ways_from_inputs_to_results_are_listed() {
    let paths = |name| serde_json::to_value(report(name)).unwrap()["paths"].clone();
    let way = |result: &str, methods: &[&[&str]]| serde_json::json!({"input": "image", "result": result, "methods": methods});
    assert_eq!(
        paths("accepted"),
        serde_json::json!([way("digit", &[&["recompute", "tee", "zk"]])])
    );
    assert_eq!(
        paths("accepted_operators_word"),
        serde_json::json!([way("digit", &[&["none", "recompute", "zk"]])])
    );
    // The note is of the picture itself, and of what came of it.
    assert_eq!(
        paths("accepted_branched"),
        serde_json::json!([way("note", &[&["recompute", "tee", "zk"], &["tee"]])])
    );
    assert_eq!(paths("plan_other_model"), serde_json::json!([]));
}

#[test]
fn comparisons_say_what_was_expected_and_found() {
    let report = report("plan_other_nonce");
    let nonce = report.checks.iter().find(|check| check.id == "nonce").unwrap();
    assert_eq!(nonce.expected, Some(format!("client {}", "aa".repeat(32))));
    assert_eq!(nonce.found, Some(format!("client {}", "ab".repeat(32))));
    assert_eq!(nonce.status, Status::Fail);
    let requirement = report.checks.iter().find(|check| check.id == "requirement").unwrap();
    assert_eq!(
        (requirement.expected.as_deref(), requirement.found.as_deref()),
        (Some("tee"), Some("tee"))
    );
}

#[test]
fn the_release_of_a_receipt_is_named() {
    assert_eq!(report("accepted").release.unwrap().as_str(), "release-0");
    assert_eq!(report("accepted_second_release").release.unwrap().as_str(), "release-0");
    // Refused under both: the answer is that of the release whose plan it is, else of the first.
    assert_eq!(report("release_images_mixed").release.unwrap().as_str(), "newer");
    assert_eq!(report("release_not_of_any").release.unwrap().as_str(), "newer");
}
