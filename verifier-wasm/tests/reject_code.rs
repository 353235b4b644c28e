//! The union `RejectCode` of the npm package against the codes of the core.
//!
//! `ASSAY_BLESS=1` writes the file anew.

use std::{collections::BTreeSet, env, fs, path::Path};

use assay_verifier::Error;

/// The two places where the attestation's codes are written: documents, and their policies.
const DOCUMENTS: &str = include_str!("../../verifier/src/attestation/error/name.rs");
const POLICIES: &str = include_str!("../../verifier/src/attestation/policy_error.rs");
const UNION: &str = "js/reject-code.d.ts";

#[test]
fn the_union_is_the_codes_of_the_core() {
    let attestation =
        quoted(DOCUMENTS).chain(quoted(POLICIES)).filter(|text| text.starts_with("attestation-"));
    let codes: BTreeSet<&str> = Error::CODES.iter().copied().chain(attestation).collect();
    assert!(codes.len() > Error::CODES.len(), "no attestation code was found");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(UNION);
    let lines: Vec<_> = codes.iter().map(|code| format!("  | \"{code}\"")).collect();
    let text = format!(
        "/** Every reason for refusing: written from the core by a test, which compares them. */\nexport type RejectCode =\n{};\n",
        lines.join("\n")
    );
    if env::var_os("ASSAY_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    let union: BTreeSet<&str> = quoted(&found).collect();
    assert_eq!(union, codes, "run again with ASSAY_BLESS=1, and give new codes a sentence in www");
    assert_eq!(found, text);
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}
