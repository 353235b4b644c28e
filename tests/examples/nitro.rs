//! Our own attestation documents for other programs: `cargo run --release -p assay-tests --example
//! nitro -- write FOLDER` writes them, `… -- bench FILE` times the verifier on some of them.

use std::{fs, path::Path, time::Instant};

use assay_tests::nitro::{World, cases, good, json as written};
use assay_verifier::{
    UnixMillis,
    attestation::{Document, Policy, verify_live},
};
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", folder] => write(Path::new(folder)),
        ["bench", file] => bench(Path::new(file)),
        _ => panic!("usage: nitro write FOLDER | bench FILE"),
    }
}

/// `documents.json`: every document with its policy and code. `cases.json`: a conformance file of
/// those whose policies it can say. `bench.json`: what is timed.
fn write(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder to write to");
    let (mut documents, mut file) = (Vec::new(), Vec::new());
    for (name, world) in good::all() {
        documents.extend(written::document(&name, None, &world));
        file.extend(written::case(&name, "accept", &world));
    }
    for (number, cases::Case { rule, name, code, world }) in (0..).zip(cases::all()) {
        let id = format!("{number} S{rule} {name}");
        documents.extend(written::document(&id, Some(code), &world));
        if code != "attestation-public-key-mismatch" {
            file.extend(written::case(&id, "reject", &world));
        }
    }
    let mut refused = good::largest();
    refused.edit_signature.push(Box::new(|signature| signature[95] ^= 1));
    let bench = [
        written::document("typical", None, &World::default()),
        written::document("largest accepted", None, &good::largest()),
        written::document("largest refused", Some("attestation-signature-invalid"), &refused),
    ];
    let put = |name: &str, text: String| fs::write(folder.join(name), text).expect(name);
    put("documents.json", Value::from(documents).to_string());
    put("cases.json", written::file(file));
    put("flips.json", flips().to_string());
    put("bench.json", json!(bench).to_string());
}

/// One document and what the native verifier says of it with one bit changed, in every fifth byte.
fn flips() -> Value {
    let world = World::default();
    let bytes = world.document();
    let flips = (0..bytes.len()).step_by(5).map(|at| {
        let (mut bytes, bit) = (bytes.clone(), at % 8);
        bytes[at] ^= 1 << bit;
        json!([at, bit, world.verify_bytes(&bytes).err().map(|error| error.code())])
    });
    json!({
        "document": written::document("flipped", None, &world),
        "flips": flips.collect::<Vec<_>>(),
    })
}

/// Median milliseconds of parsing and verifying each document of a file, as JSON.
fn bench(file: &Path) {
    let documents: Vec<Value> =
        serde_json::from_slice(&fs::read(file).expect("a file of documents")).expect("JSON");
    let mut medians = serde_json::Map::new();
    for document in documents {
        let bytes = Base64::decode_vec(document["doc"].as_str().expect("text")).expect("base64");
        let policy = Policy::from_json(document["policy"].to_string().as_bytes()).expect("policy");
        let now = UnixMillis::new(document["now_ms"].as_u64().expect("a time")).expect("ms");
        let mut times: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                let code = Document::parse(&bytes)
                    .and_then(|document| verify_live(&document, &policy, now).map(|_| ()))
                    .err()
                    .map(|error| error.code());
                assert_eq!(code, document["code"].as_str());
                start.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let id = document["id"].as_str().expect("text");
        medians.insert(id.into(), times[ROUNDS / 2].into());
    }
    println!("{}", Value::from(medians));
}

const ROUNDS: usize = 51;
