//! Writes the receipts that are slowest to refuse, and some that are slow to accept, for `make bench-worst`.
//!
//! usage: worst FOLDER

use std::{fs, path::Path};

use assay_tests::receipts::{Fixture, NOW, hostile, value};
use assay_verifier::value::{Dtype, Type};
use serde_json::{Value as Json, json};

fn main() {
    let folder = std::env::args().nth(1).expect("a folder");
    let folder = Path::new(&folder);
    fs::create_dir_all(folder).expect("a folder to write into");
    let fixture = Fixture::default();
    let mut cases: Vec<(String, Fixture, Json, Vec<u8>)> = Vec::new();
    for (what, receipt) in hostile::all() {
        let name = format!("refused: {what}");
        cases.push((name, Fixture::default(), fixture.policy(), receipt));
    }
    cases.push((
        "accepted: three steps".to_owned(),
        Fixture::default(),
        fixture.policy(),
        fixture.bytes(),
    ));

    // Eight releases of one plan, the last of which is the receipt's.
    let mut policy = fixture.policy();
    let release = policy["releases"][0].clone();
    policy["releases"] = (0..8)
        .map(|number| {
            let mut release = release.clone();
            release["name"] = format!("release-{number}").into();
            if number < 7 {
                release["images"]["image-0"]["pcrs"]["0"] = "11".repeat(48).into();
            }
            release
        })
        .collect();
    let bytes = fixture.bytes();
    cases.push((
        "accepted: by the last of eight releases".to_owned(),
        Fixture::default(),
        policy,
        bytes,
    ));

    let mut large = Fixture::default();
    large.values[0].kind = Type::bytes("application/json").expect("a media type");
    large.values[0].bytes = vec![b' '; 4_000_000];
    let (policy, bytes) = (large.policy(), large.bytes());
    cases.push(("accepted: 4 MB of JSON".to_owned(), large, policy, bytes));

    let mut picture = Fixture::default();
    let elements = 3 * 224 * 224;
    picture.values[1] = value("features", Dtype::I8, &[3, 224, 224], -4, &vec![7; elements]);
    picture.card.inputs[0].kind = picture.values[1].kind.clone();
    picture.disclosed = vec![0, 1, 2, 3];
    let (policy, bytes) = (picture.policy(), picture.bytes());
    cases.push(("accepted: a picture of 3x224x224 to a proof".to_owned(), picture, policy, bytes));

    let index: Vec<Json> = cases
        .into_iter()
        .enumerate()
        .map(|(number, (name, fixture, policy, receipt))| {
            let (file, of_policy) = (format!("{number}.cbor"), format!("{number}.json"));
            fs::write(folder.join(&file), &receipt).expect("a file");
            fs::write(folder.join(&of_policy), policy.to_string()).expect("a file");
            let values = fixture.expected().values.into_iter().map(|(name, bytes)| {
                let file = format!("{number}.{name}");
                fs::write(folder.join(&file), bytes).expect("a file");
                (name.to_string(), Json::from(file))
            });
            let values: serde_json::Map<_, _> = values.collect();
            json!({"name": name, "receipt": file, "policy": of_policy, "values": values, "now_ms": NOW})
        })
        .collect();
    fs::write(folder.join("index.json"), Json::from(index).to_string()).expect("a file");
}
