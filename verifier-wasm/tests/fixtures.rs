//! Small receipts for the tests of the package and the page, in the form of the test vectors.
//!
//! One step that the verifier recomputes: no enclave, no proof, no secret. The files are committed;
//! this test shows that they are what it makes. `ASSAY_BLESS=1` writes them anew.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{env, fs, path::PathBuf};

use assay_verifier::{
    Algorithm, Clock, Commitment, Expected, UnixMillis, explain,
    glue::Glue,
    ids::{Name, Nonce, RunId, Salt},
    operation::{Function, Method, Methods, NonceClaim, Operation, Settings, Step, ValueEntry},
    policy::Policy,
    receipt::{Opening, Receipt},
    value::{Dtype, TensorType, Type},
};

const NOW_MS: u64 = 1_767_225_600_000;

/// A seven, 8 × 8, from 0 to 16.
const IMAGE: [i64; 64] = [
    0, 0, 0, 0, 0, 0, 0, 0, //
    0, 4, 15, 16, 16, 12, 0, 0, //
    0, 2, 8, 6, 9, 16, 3, 0, //
    0, 0, 0, 0, 7, 15, 0, 0, //
    0, 0, 6, 12, 15, 16, 7, 0, //
    0, 0, 4, 13, 16, 5, 0, 0, //
    0, 0, 2, 16, 8, 0, 0, 0, //
    0, 0, 9, 14, 1, 0, 0, 0,
];

#[test]
fn the_fixtures_are_what_this_makes() {
    let receipt = receipt();
    let policy = policy(&receipt);
    let image = bytes(&image_type(), &IMAGE);
    same("policy.json", policy.as_bytes());
    let unreviewed = Policy::learn(&receipt).unwrap().to_json();
    same("policy_unreviewed.json", unreviewed.as_bytes());

    let live = format!("now_ms: {NOW_MS}\n");
    let value = format!("value image: {}\n", hex(&image));
    let good = receipt.to_bytes();
    let case = |name: &str, expect: &str, clock: &str, value: &str, policy: &str, bytes: &[u8]| {
        let head = format!("expect: {expect}\n{clock}{value}policy: {policy}\nnote: {name}\n\n");
        same(&format!("{}.txt", name.replace(' ', "_")), &[head.as_bytes(), bytes].concat());
        check(expect, clock, value, policy, bytes);
    };
    let archived = "archived: true\n";
    case("accepted live", "accepted", &live, &value, "policy.json", &good);
    case("accepted archived", "accepted", archived, &value, "policy.json", &good);
    case("value missing", "caller-value-missing", &live, "", "policy.json", &good);
    let other = format!("value image: 01{}\n", hex(&image[1..]));
    case("value other", "opening-mismatch", &live, &other, "policy.json", &good);
    case("policy unreviewed", "policy-unreviewed", &live, &value, "policy_unreviewed.json", &good);
    let mut longer = good.clone();
    longer.push(0);
    case("receipt longer", "cbor-trailing", &live, &value, "policy.json", &longer);
    let mut claims = good.clone();
    // The opened result, 11, as the receipt carries it; no other place has these bytes.
    let at = good.windows(5).position(|five| five == [0x44, 11, 0, 0, 0]).unwrap();
    claims[at + 1] = 12;
    case("result changed", "opening-mismatch", &live, &value, "policy.json", &claims);
}

fn receipt() -> Receipt {
    let name = |text| Name::new(text).unwrap();
    let (image, kind) = (bytes(&image_type(), &IMAGE), Type::Tensor(image_type()));
    let settings = Settings::new();
    let answer_kind = Glue::Argmax.output_type(&settings, &[&kind]).unwrap();
    let answer = Glue::Argmax.run(&settings, &[(&kind, &image)]).unwrap();
    let values = [("image", kind, image, 1), ("brightest", answer_kind, answer, 2)];
    let entry = |(name, kind, bytes, salt): &(&str, Type, Vec<u8>, u8)| ValueEntry {
        name: Name::new(name).unwrap(),
        kind: kind.clone(),
        commitment: Commitment::to(Algorithm::Sha256, kind, &Salt::new([*salt; 31]), bytes)
            .unwrap(),
    };
    let mut receipt = Receipt::new(Operation {
        name: name("brightest-pixel"),
        run: RunId::new([7; 16]),
        nonce: NonceClaim::Client(Nonce::new(&[9; 32]).unwrap()),
        outcome: name("complete"),
        values: values.iter().map(entry).collect(),
        steps: vec![Step {
            name: name("argmax"),
            function: Function::Glue(name("argmax")),
            settings,
            inputs: vec![0],
            outputs: vec![1],
            methods: Methods::of(&[Method::Recompute]),
            card: None,
        }],
    })
    .unwrap();
    for (index, (_, _, bytes, salt)) in (0..).zip(values) {
        receipt.open(Opening { value: index, salt: Salt::new([salt; 31]), bytes: Some(bytes) });
    }
    receipt
}

/// What the learned policy says, reviewed, and for either clock.
fn policy(receipt: &Receipt) -> String {
    let learned = Policy::learn(receipt).unwrap().to_json();
    let archived = format!("  \"archived\": {{\"from_ms\": {NOW_MS}, \"to_ms\": {NOW_MS}}},\n");
    learned.replace("  \"unreviewed\": true,\n", &archived)
}

/// The core agrees with the file before anything else is asked.
fn check(expect: &str, clock: &str, value: &str, policy: &str, receipt: &[u8]) {
    let policy = Policy::from_json(&fs::read(path(policy)).unwrap()).unwrap();
    let clock = match clock.starts_with("archived") {
        true => Clock::Archived,
        false => Clock::Live(UnixMillis::new(NOW_MS).unwrap()),
    };
    let mut expected = Expected::default();
    if let Some(hex) = value.trim().strip_prefix("value image: ") {
        let pairs = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
        expected.values.insert(Name::new("image").unwrap(), pairs.map(Result::unwrap).collect());
    }
    let report = explain(receipt, &policy, clock, &expected);
    assert_eq!(report.code.unwrap_or("accepted"), expect, "{}", report.to_json());
}

fn image_type() -> TensorType {
    TensorType::new(Dtype::U8, &[1, 1, 8, 8], -4).unwrap()
}

fn bytes(kind: &TensorType, integers: &[i64]) -> Vec<u8> {
    kind.bytes_of(integers).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/node/fixtures").join(name)
}

fn same(name: &str, bytes: &[u8]) {
    if env::var_os("ASSAY_BLESS").is_some() {
        fs::write(path(name), bytes).unwrap();
    }
    let found = fs::read(path(name)).unwrap_or_default();
    assert!(found == bytes, "{name} is another: run again with ASSAY_BLESS=1");
}
