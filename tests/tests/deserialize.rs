//! No way into a checked type of the verifier but its checks: which types `serde` can make from JSON.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each is checked as it is read, or says nothing by itself: a policy's parts get into a policy through
/// `Policy::from_json` alone, which checks them together.
const DESERIALIZE: &[&str] = &[
    // Hexadecimal of an exact length, names of the grammar, types in bounds, words of closed lists.
    "$name", // the digests of `ids`, and every structure that is read from objects alone
    "Dtype",
    "Function",
    "Method",
    "Methods",
    "Name",
    "Setting",
    "Type",
    // Parts of a policy.
    "ArchivedRule",
    "Image",
    "InputRule",
    "LiveRule",
    "Plan",
    "PlannedStep",
    "PlannedValue",
    // Private: what is on the wire, before it is checked.
    "DeniedJson",
    "DigestJson",
    "ImageJson",
    "Json",
    "PolicyJson",
    "ReleaseJson",
    "TypeJson",
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, into),
            false if path.extension().is_some_and(|end| end == "rs") => into.push(path),
            false => {}
        }
    }
}

#[test]
fn the_types_that_json_can_make_are_these() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../verifier/src"), &mut files);
    let mut found = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut derived = false;
        let mut attribute = String::new();
        for line in text.lines().map(str::trim) {
            if let Some((_, name)) =
                line.strip_prefix("impl<'de>").and_then(|_| line.split_once(" for "))
                && line.contains("Deserialize<'de>")
            {
                found.insert(name.trim_end_matches(" {").to_owned());
            }
            // An attribute may go over several lines.
            attribute.push_str(line);
            if line.ends_with(']') || !attribute.starts_with("#[derive(") {
                derived |= attribute.starts_with("#[derive(") && attribute.contains("Deserialize");
                attribute.clear();
            }
            for kind in ["pub struct ", "pub enum ", "pub(super) struct ", "struct ", "enum "] {
                if let Some(rest) = line.strip_prefix(kind) {
                    let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                    if derived {
                        found.insert(name.to_owned());
                    }
                    derived = false;
                    break;
                }
            }
        }
    }
    let expected: BTreeSet<String> = DESERIALIZE.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, expected);
    for checked in ["Policy", "Release", "Nonce", "Receipt", "Operation", "Card", "TensorType"] {
        assert!(!found.contains(checked), "{checked}");
    }
}
