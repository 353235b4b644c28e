//! The written form of an attestation policy, and of measurements: one grammar, all else refused.

use assay_verifier::attestation::{
    DebugEnclaves, Denied, Names, Nonce, PcrSet, Policy, PolicyError, PublicKey, Root, UserData,
};

fn pcr(digit: &str) -> String {
    digit.repeat(96)
}

fn sets() -> String {
    format!(r#"[{{"0":"{0}","1":"{0}","2":"{0}"}}]"#, pcr("a"))
}

/// A policy with `more` fields after the mandatory ones.
fn with(more: &str) -> String {
    let sets = sets();
    format!(
        r#"{{"pcr_sets":{sets},"nonce":"00ff","user_data":"any_user_data_accepted",
            "public_key":"present"{more}}}"#
    )
}

fn read(text: &str) -> Result<Policy, PolicyError> {
    Policy::from_json(text.as_bytes())
}

fn refused(text: &str) -> PolicyError {
    read(text).expect_err(text)
}

#[test]
fn what_is_not_written_is_strict() {
    let policy = read(&with("")).unwrap();
    assert!(policy.trust.root.is_aws());
    assert_eq!(policy.trust.names, Names::Checked);
    assert_eq!(policy.trust.denied, []);
    assert_eq!(policy.debug, DebugEnclaves::Refused);
    assert_eq!(policy.binding.nonce, Nonce::Exactly(vec![0, 0xff]));
    assert_eq!(policy.binding.user_data, UserData::AnyUserDataAccepted);
    assert_eq!(policy.binding.public_key, PublicKey::Present);
    assert_eq!(policy.freshness.max_age_ms, None);
    assert_eq!(policy.freshness.future_skew_ms, 0);
}

#[test]
fn every_field_is_read() {
    let root = hex::encode(Root::aws_g1().der());
    let policy = read(&with(&format!(
        r#","max_age_ms":1,"future_skew_ms":2,"accept_root_other_than_aws":"{root}",
            "accept_debug_enclave":true,
            "accept_names_not_checked":true,
            "denied_certificates":[{{"issuer":"3000","serial":"00AB"}}]"#
    )))
    .unwrap();
    assert_eq!(policy.freshness.max_age_ms, Some(1));
    assert_eq!(policy.freshness.future_skew_ms, 2);
    assert_eq!(policy.debug, DebugEnclaves::AcceptedUnmeasured);
    assert_eq!(policy.trust.names, Names::Unchecked);
    assert_eq!(policy.trust.denied, [Denied::new(&[0x30, 0], &[0xab])]);
    for (word, key) in [
        ("absent", PublicKey::Absent),
        ("any_public_key_accepted", PublicKey::AnyPublicKeyAccepted),
        ("0aFF", PublicKey::Exactly(vec![0x0a, 0xff])),
    ] {
        let text = with("").replace("\"present\"", &format!("\"{word}\""));
        assert_eq!(read(&text).unwrap().binding.public_key, key);
    }
    let text = with("").replace("00ff", "any_nonce_accepted");
    assert_eq!(read(&text).unwrap().binding.nonce, Nonce::AnyNonceAccepted);
    let text = with("").replace("any_user_data_accepted", "");
    assert_eq!(read(&text).unwrap().binding.user_data, UserData::Exactly(Vec::new()));
    let partial = r#","accept_code_not_pinned":true"#;
    let text = with(partial).replace(&sets(), &format!(r#"[{{"8":"{}"}}]"#, pcr("b")));
    assert_eq!(read(&text).unwrap().images.iter().next().unwrap().get(0), None);
}

#[test]
fn everything_else_is_refused() {
    for field in ["pcr_sets", "nonce", "user_data", "public_key"] {
        let text = with("").replace(&format!("\"{field}\":"), "\"max_age_ms\":1,\"other\":");
        assert_eq!(refused(&text), PolicyError::FieldUnknown { name: "other".into() });
        let text =
            with(r#","max_age_ms":1"#).replace(&format!("\"{field}\""), "\"future_skew_ms\"");
        assert_eq!(refused(&text), PolicyError::FieldMissing { field });
    }
    assert_eq!(
        refused(&with(r#","nonce":"00""#)),
        PolicyError::FieldTwice { name: "nonce".into() }
    );
    assert_eq!(refused(&with(r#","PCR0":"00""#)).code(), "attestation-policy-field-unknown");
    assert_eq!(refused(&with("").replace("00ff", "")), PolicyError::NonceEmpty);
    for bad in ["0x00ff", "00f", "00 ff", " 00ff", "00ff\\n", "g0"] {
        assert_eq!(
            refused(&with("").replace("00ff", bad)),
            PolicyError::Hex { field: "nonce" },
            "{bad}"
        );
    }
    for bad in ["\"1\"", "-1", "1.5", "1e3", "null", "18446744073709551616"] {
        assert_eq!(
            refused(&with(&format!(r#","max_age_ms":{bad}"#))).code(),
            "attestation-policy-field-type",
            "{bad}"
        );
    }
    assert_eq!(
        refused(&with(r#","accept_debug_enclave":1"#)).code(),
        "attestation-policy-field-type"
    );
    assert_eq!(
        refused(&with(r#","accept_root_other_than_aws":"3000""#)).code(),
        "attestation-policy-root"
    );
    for bad in ["", "{", "[]x", "{}{}", "\u{feff}{}"] {
        assert_eq!(refused(bad).code(), "attestation-policy-json", "{bad}");
    }
    for bad in ["[]", "null", "\"x\""] {
        assert_eq!(refused(bad).code(), "attestation-policy-field-type", "{bad}");
    }
    let mut deep = "[".repeat(100_000);
    deep.push_str(&"]".repeat(100_000));
    assert_eq!(refused(&deep).code(), "attestation-policy-json");
}

#[test]
fn registers_have_one_grammar() {
    let replaced = |sets_text: &str| refused(&with("").replace(&sets(), sets_text));
    let set = |key: &str, value: &str| format!(r#"[{{"{key}":"{value}"}}]"#);
    assert_eq!(replaced("[]"), PolicyError::PcrSetsEmpty);
    assert_eq!(replaced("[{}]"), PolicyError::PcrSetEmpty);
    assert_eq!(replaced(&set("0", &pcr("a"))), PolicyError::PcrSetIncomplete { missing: 1 });
    for key in ["PCR0", "pcr0", "00", "+0", " 0", "32", "-1", "0x0", "256", ""] {
        let error = replaced(&set(key, &pcr("a")));
        assert_eq!(error, PolicyError::PcrKey { found: key.into() });
    }
    for value in ["", "ab", &pcr("g"), &format!("0x{}", &pcr("a")[2..]), &format!(" {}", &pcr("a"))]
    {
        let error = replaced(&set("0", value));
        assert_eq!(error.code(), "attestation-policy-pcr-value", "{value}");
    }
    let twice = format!(r#"[{{"0":"{0}","0":"{0}"}}]"#, pcr("a"));
    assert_eq!(replaced(&twice), PolicyError::FieldTwice { name: "0".into() });
    assert_eq!(replaced(r#"[{"0":1}]"#).code(), "attestation-policy-field-type");
}

#[test]
fn measurements_of_image_builders_are_read() {
    let good = format!(
        r#"{{ "Measurements": {{ "HashAlgorithm": "Sha384 {{ ... }}", "PCR0": "{}",
            "PCR1": "{}", "PCR2": "{}", "PCR8": "{}" }}, "EifVersion": 4 }}"#,
        pcr("0"),
        pcr("1"),
        pcr("2"),
        pcr("8")
    );
    let set = PcrSet::from_measurements_json(good.as_bytes()).unwrap();
    let read: Vec<_> = set.iter().map(|(index, pcr)| (index, pcr.to_string())).collect();
    assert_eq!(read, [0, 1, 2, 8].map(|index| (index, pcr(&index.to_string()))));

    let refused =
        |text: String| PcrSet::from_measurements_json(text.as_bytes()).expect_err(&text).code();
    for (from, to, code) in [
        ("Measurements", "measurements", "attestation-policy-field-missing"),
        ("HashAlgorithm", "Hash", "attestation-policy-field-unknown"),
        ("Sha384 {", "Sha512 {", "attestation-policy-hash-algorithm"),
        ("PCR1", "PCR01", "attestation-policy-pcr-key"),
        ("PCR1", "PCR0", "attestation-policy-field-twice"),
        ("PCR1", "PCR3", "attestation-policy-pcr-set-incomplete"),
        ("PCR8", "pcr8", "attestation-policy-field-unknown"),
        ("\"000", "\"0x0", "attestation-policy-pcr-value"),
    ] {
        assert_eq!(refused(good.replace(from, to)), code, "{from} to {to}");
    }
    assert_eq!(refused("{}".into()), "attestation-policy-field-missing");
    assert_eq!(
        refused(good.replace("\"HashAlgorithm\": \"Sha384 { ... }\",", "")),
        "attestation-policy-field-missing"
    );
}
