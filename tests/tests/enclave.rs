//! The enclave image, booted under QEMU's `nitro-enclave` machine: `make enclave-test`. The kernel's driver, the
//! security module's interface and vsock are real; the processor is emulated, and nobody signs the documents.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use assay_tests::{
    enclave::{CONFIGURATION, Document, Machine, needed},
    service::assay,
};
use assay_verifier::{
    Clock, Error, Expected, UnixMillis,
    evidence::{Evidence, session_user_data},
    explain,
    ids::Name,
    policy::Policy,
    receipt::Receipt,
    report::Status,
    verify,
};
use serde_json::{Value, json};

const NONCE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// On an emulated processor.
const PROOF: Duration = Duration::from_secs(15 * 60);

#[test]
#[ignore = "needs the image and QEMU: make enclave-test"]
fn an_image_boots_measures_and_answers() {
    let image = needed("ASSAY_ENCLAVE");
    let measurements: Value =
        serde_json::from_slice(&fs::read(image.join("measurements.json")).unwrap()).unwrap();
    let mut machine = Machine::start("enclave", CONFIGURATION);
    let service = machine.ready();

    // What a client sees first: a document made now, with its nonce.
    let answer = service.get(&format!("/v1/attestation?nonce={NONCE}"));
    assert_eq!(answer.status, 200);
    let document = Document::read(&answer.body);
    document.is_of(&measurements, CONFIGURATION);
    assert_eq!(document.bytes("nonce"), Some(hex::decode(NONCE).unwrap()));
    assert_eq!((document.bytes("user_data"), document.bytes("public_key")), (None, None));
    fs::write(service.folder.join("document.cbor"), &answer.body).unwrap();
    let inspected = Command::new(assay())
        .args(["attestation", "inspect"])
        .arg(service.folder.join("document.cbor"))
        .output()
        .unwrap();
    let said = String::from_utf8(inspected.stdout).unwrap();
    assert_eq!(inspected.status.code(), Some(1), "{said}");
    assert!(said.starts_with("refused: attestation-protected-header\n"), "{said}");
    println!("the document of the emulated module is refused: attestation-protected-header");

    // An operation, and its proof by the worker inside.
    let begun = Instant::now();
    let reply = service.read_digit(7, &json!({"nonce": NONCE}));
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let answer = reply.json();
    assert_eq!(answer["results"]["digit"]["integers"], json!([7]));
    println!("digits answered 7 after {:.1} s (emulated)", begun.elapsed().as_secs_f64());
    let job = answer["jobs"][0]["id"].as_str().unwrap().to_owned();
    for job in service.wait_for(&[job], PROOF) {
        assert_eq!(job["stage"], "done", "{job}");
    }
    println!("its proof is attached after {:.1} s (emulated)", begun.elapsed().as_secs_f64());
    let receipt = service.get(answer["receipt_url"].as_str().unwrap()).body;
    let parsed = Receipt::from_bytes(&receipt).unwrap();
    let image = parsed.openings().iter().find(|opening| opening.value == 0);
    let image = image.and_then(|opening| opening.bytes.clone()).unwrap();
    let values = Expected { nonce: None, values: [(Name::new("image").unwrap(), image)].into() };
    check_receipt(&receipt, &measurements, &values, "features", 1);

    // A language model, as OpenAI's clients ask it.
    let begun = Instant::now();
    let request = json!({"model": "prose", "temperature": 0, "max_tokens": 40,
        "messages": [{"role": "user", "content": "What is a receipt?"}]});
    let request = request.to_string().into_bytes();
    let headers = format!("Content-Type: application/json\r\nassay-nonce: {NONCE}\r\n");
    let reply = service.send("POST", "/v1/chat/completions", &headers, &request).unwrap();
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let content = reply.json()["choices"][0]["message"]["content"].clone();
    assert!(content.as_str().unwrap().contains("which model ran"), "{content}");
    println!("prose answered {content} after {:.1} s (emulated)", begun.elapsed().as_secs_f64());
    let receipt = service.receipt_of(&reply);
    let values = [("request", request), ("response", reply.body)];
    let values = values.map(|(name, bytes)| (Name::new(name).unwrap(), bytes));
    check_receipt(
        &receipt,
        &measurements,
        &Expected { nonce: None, values: values.into() },
        "exchange",
        0,
    );
    machine.said(&[
        "the parent heard the heartbeat",
        "and locked: extending it again is refused",
        "the prover has user 1000, no capabilities, no way to more",
    ]);
}

/// Init and the prover are the only programs: no shell, no tool, no module, and nothing that changes its user.
#[test]
#[ignore = "needs the image and QEMU: make enclave-test"]
fn an_image_has_two_programs() {
    let image = needed("ASSAY_ENCLAVE").join("assay.eif");
    let listed = Command::new(needed("ASSAY_IMAGE_TOOL")).arg("files").arg(image).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).unwrap();
    let files = listed.lines().map(|line| line.split_once(' ').unwrap());
    let files: Vec<_> = files.filter(|(mode, _)| !mode.starts_with("04")).collect();
    let library = |name: &str| {
        let inside = ["/assay/lib/", "/lib/x86_64-linux-gnu/", "/lib64/"];
        inside.iter().any(|folder| name.starts_with(folder)) && name.contains(".so")
    };
    let programs: Vec<_> = files
        .iter()
        .filter(|(_, name)| !name.starts_with("/assay/models/") && !library(name))
        .map(|(_, name)| *name)
        .collect();
    assert_eq!(programs, ["/init", "/assay/bin/assay-engine"]);
    for (mode, name) in &files {
        assert!(["100644", "100755"].contains(mode), "{mode} {name}");
        assert!(mode.ends_with("644") || !name.starts_with("/assay/models/"), "{mode} {name}");
    }
    assert!(files.len() > 10, "{listed}");
    println!("{} files, of which programs: {}", files.len(), programs.join(", "));
}

/// Whatever is wrong, the machine is off afterwards: it never serves with half of what it was to have.
#[test]
#[ignore = "needs the image and QEMU: make enclave-test"]
fn what_is_wrong_ends_the_enclave() {
    let refused = |name: &str, configuration: &str, words: &[&str]| {
        let mut machine = Machine::start(name, configuration);
        machine.ends();
        machine.said(words)
    };
    // Sealed, and then the prover does not find what it is allowed to load.
    let other = CONFIGURATION.replace("24f7db9c", "00000000");
    let why = "the configuration does not list model 24f7db9c";
    let console = refused("enclave-model", &other, &[why, "the prover ended: code 2"]);
    assert!(console.contains("PCR 16 is extended") && !console.contains("serving"), "{console}");
    // Not even sealed.
    let other = CONFIGURATION.replace("models = [", "modles = [");
    let why = "the prover refuses the configuration: code 2";
    let console = refused("enclave-configuration", &other, &["unknown field `modles`", why]);
    assert!(!console.contains("PCR 16"), "{console}");
}

/// The session document carries the key and says so; all but the attestation of a step holds, as many proofs among it;
/// the receipt is refused for it.
fn check_receipt(bytes: &[u8], measurements: &Value, values: &Expected, step: &str, proofs: usize) {
    let receipt = Receipt::from_bytes(bytes).unwrap();
    let mut rest = Receipt::new(receipt.operation().clone()).unwrap();
    let mut attested = 0;
    for evidence in receipt.evidence() {
        let Some(document) = evidence.document() else {
            rest.attach(evidence.clone());
            continue;
        };
        assert!(matches!(evidence, Evidence::TeeSession { .. }), "{}", evidence.kind());
        let document = Document::read(document);
        document.is_of(measurements, CONFIGURATION);
        let key = document.bytes("public_key").unwrap();
        assert_eq!((key.len(), key[0]), (97, 4));
        assert_eq!(document.bytes("user_data").unwrap(), session_user_data(&key));
        attested += 1;
    }
    assert_eq!((attested, rest.evidence().len()), (1, proofs), "one attestation, and proofs");
    receipt.openings().iter().for_each(|opening| rest.open(opening.clone()));
    receipt.cards().for_each(|(_, card)| rest.add_card(card.to_vec()));

    let policy = Policy::learn(&rest).unwrap().reviewed_by_its_owner();
    let now = UnixMillis::new(now_ms()).unwrap();
    let report = explain(&rest.to_bytes(), &policy, Clock::Live(now), values);
    let failed: Vec<_> =
        report.checks.iter().filter(|check| check.status == Status::Fail).collect();
    assert!(
        !failed.is_empty()
            && failed.iter().all(|check| {
                check.code == Some("evidence-pending") && check.subject.as_deref() == Some(step)
            }),
        "{failed:?}"
    );
    println!(
        "without its attestation, the receipt lacks nothing but the attestation; {proofs} proofs hold"
    );

    let refusal = verify(bytes, &policy, now, values).err().unwrap();
    assert_eq!(refusal.code(), "attestation-protected-header", "{refusal}");
    assert!(matches!(refusal, Error::Attestation { .. }), "{refusal:?}");
    println!("the whole receipt is refused: {}", refusal.code());
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
