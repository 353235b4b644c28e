//! The crate edges that ARCHITECTURE.md states, and no others.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{fs, path::Path};

fn workspace_dependencies(folder: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
    let begins = |line: &&str| line.starts_with("assay-");
    let names = manifest.lines().filter(begins).map(|line| {
        line.split(['.', ' ', '=']).next().unwrap().trim_start_matches("assay-").to_owned()
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn crates_depend_on_what_is_left_of_them() {
    assert_eq!(workspace_dependencies("verifier"), [""; 0]);
    assert_eq!(workspace_dependencies("xtask"), [""; 0]);
    assert_eq!(workspace_dependencies("enclave-image/init"), [""; 0]);
    assert_eq!(workspace_dependencies("enclave-image/builder"), [""; 0]);
    assert_eq!(workspace_dependencies("zkml"), ["verifier"]);
    assert_eq!(workspace_dependencies("prover"), ["verifier", "zkml"]);
    assert_eq!(workspace_dependencies("verifier-wasm"), ["verifier"]);
}

/// What a page runs must not bring a clock, a network or a libtorch along.
#[test]
fn the_verifier_needs_no_system() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = fs::read_to_string(root.join("verifier/Cargo.toml")).unwrap();
    for name in ["tokio", "tch", "getrandom", "wasm-bindgen", "chrono", "reqwest"] {
        assert!(!manifest.contains(name), "{name}");
    }
}
