//! Where the fuzzers begin: small inputs of every target, from our own generator.

use serde_json::Value;

use crate::{
    nitro::{World, cases, good, json},
    receipts,
};

/// A target of `fuzz/`, a file name, and its bytes.
pub struct Seed {
    /// The target.
    pub target: &'static str,
    /// The file's name.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// All seeds. Deterministic, so that those in the repository can be compared.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut seed = |target, name: &str, bytes| {
        seeds.push(Seed { target, name: name.replace([' ', ','], "_"), bytes });
    };
    for (name, world) in good::all() {
        let wanted = [
            "as today",
            "a payload map of definite length",
            "tag 18",
            "no optional field",
            "2 authorities",
        ];
        if wanted.contains(&name.as_str()) {
            let document = world.document();
            seed("attestation", &name, document);
            seed("policy_json", &name, text(json::policy(&world)));
        }
    }
    for name in ["indefinite registers", "a debug enclave"] {
        let found = cases::all().into_iter().find(|case| case.name == name);
        seed("attestation", name, found.map_or_else(Vec::new, |case| case.world.document()));
    }
    for indefinite in [true, false] {
        let world = World { indefinite, ..World::with_authorities(2) };
        let name = if indefinite { "indefinite" } else { "definite" };
        seed("cose", name, payload(&world));
    }
    let chain: Vec<Vec<u8>> = World::default().chain.iter().map(|one| one.sign()).collect();
    for (at, pair) in chain.windows(2).enumerate() {
        let prefixed = |der: &Vec<u8>| [&(der.len() as u16).to_be_bytes()[..], der].concat();
        seed(
            "der",
            &format!("certificates {at} and {}", at + 1),
            pair.iter().flat_map(prefixed).collect(),
        );
    }
    seed(
        "policy_json",
        "conformance",
        json::file(json::case("one", "accept", &World::default()).into_iter().collect())
            .into_bytes(),
    );
    seed("policy_json", "measurements", measurements().into_bytes());
    let fixture = receipts::Fixture::default();
    seed("policy_json", "receipt", fixture.policy().to_string().into_bytes());
    let vectors = receipts::cases::all();
    let prefixed = |names: &[&str]| -> Vec<u8> {
        let named = vectors.iter().filter(|vector| names.contains(&vector.name));
        let parts =
            named.map(|v| [&(v.receipt.len() as u16).to_be_bytes()[..], &v.receipt].concat());
        parts.collect::<Vec<_>>().concat()
    };
    seed("batch", "accepted twice", prefixed(&["accepted", "accepted_other_proof"]));
    seed("batch", "one false proof", prefixed(&["accepted", "zk_point_negated"]));
    for vector in &vectors {
        if vector.name.starts_with("accepted") {
            seed("receipt", vector.name, vector.receipt.clone());
        }
    }
    seeds
}

fn text(policy: Option<Value>) -> Vec<u8> {
    policy.map_or_else(Vec::new, |policy| policy.to_string().into_bytes())
}

fn payload(world: &World) -> Vec<u8> {
    let bytes = world.document();
    let document = assay_verifier::attestation::Document::parse(&bytes).expect("a good document");
    document.unverified_payload().to_vec()
}

fn measurements() -> String {
    let pcr = "0a".repeat(48);
    format!(
        r#"{{"Measurements":{{"HashAlgorithm":"Sha384 {{ ... }}","PCR0":"{pcr}","PCR1":"{pcr}","PCR2":"{pcr}"}}}}"#
    )
}
