//! What `make removals` takes away is there, each text once.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{fs, path::Path};

#[test]
fn every_rule_to_remove_is_there_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("tests/removals.toml")).unwrap();
    let table: toml::Table = toml::from_str(&text).unwrap();
    let rules: Vec<_> = table.values().flat_map(|part| part.as_array().unwrap()).collect();
    assert!(rules.len() > 40, "{}", rules.len());
    for rule in rules {
        let field = |name: &str| rule[name].as_str().unwrap();
        let code = fs::read_to_string(root.join(field("file"))).unwrap();
        assert_eq!(code.matches(field("text")).count(), 1, "{}: {}", field("file"), field("text"));
        assert_ne!(field("text"), field("less"));
    }
}
