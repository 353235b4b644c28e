//! Receipts that were made to be slow or large: none is accepted under the policy of [`Fixture::default`].

use ciborium::Value as Cbor;

use super::{Fixture, raw};

fn text(text: &str) -> Cbor {
    Cbor::Text(text.to_owned())
}

fn map(entries: impl IntoIterator<Item = (String, Cbor)>) -> Cbor {
    let mut entries: Vec<_> = entries.into_iter().map(|(key, item)| (text(&key), item)).collect();
    entries.sort_by_cached_key(|(key, _)| raw::encode(key));
    Cbor::Map(entries)
}

/// An array of so many times the same bytes, without a tree of them.
fn repeated(item: &[u8], bytes: usize) -> Vec<u8> {
    let count = u32::try_from(bytes / item.len()).expect("of this form");
    [&[0x9a][..], &count.to_be_bytes(), &item.repeat(count as usize)].concat()
}

/// A receipt with this in place of one of its fields.
fn with_field(honest: &[u8], field: &str, bytes: &[u8]) -> Vec<u8> {
    const PLACE: &[u8] = b"\x6bplaceholder";
    let receipt = raw::receipt(honest, |fields| *raw::field(fields, field) = text("placeholder"));
    let at = receipt.windows(PLACE.len()).position(|window| window == PLACE).expect("of this form");
    [&receipt[..at], bytes, &receipt[at + PLACE.len()..]].concat()
}

/// Receipts of up to 4 MB that ask for more memory or time than they have bytes: what each is, and its bytes.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    const MUCH: usize = (4 << 20) - (64 << 10);
    let honest = Fixture::default().bytes();
    let mut all = Vec::new();
    for field in ["evidence", "openings", "cards"] {
        all.push(("one-entry maps", with_field(&honest, field, &repeated(b"\xa1\x60\x60", MUCH))));
        all.push(("numbers", with_field(&honest, field, &repeated(b"\x00", MUCH))));
        all.push(("empty lists", with_field(&honest, field, &repeated(b"\x80", MUCH))));
    }
    // Lists inside evidence.
    let mut evidence = Vec::from(*b"\x81\xa2\x64kind\x6ctee-document\x65steps");
    evidence.extend(repeated(b"\x00", MUCH));
    all.push(("steps of evidence", with_field(&honest, "evidence", &evidence)));
    // Whole operations: a step for everything that a step may have, a value for everything that a value may have.
    let wide = |settings: u32, inputs: usize| {
        let bare = raw::list(&honest, "evidence", |evidence| evidence.clear());
        raw::operation(&bare, |fields| {
            let value = raw::field(fields, "values").as_array().expect("of this form")[0].clone();
            *raw::field(fields, "values") = Cbor::Array(
                (0..1024)
                    .map(|n| {
                        let mut value = value.clone();
                        *raw::field(value.as_map_mut().expect("of this form"), "name") =
                            text(&format!("v{n}"));
                        value
                    })
                    .collect(),
            );
            let step = raw::field(fields, "steps").as_array().expect("of this form")[0].clone();
            *raw::field(fields, "steps") = Cbor::Array(
                (0..1023)
                    .map(|n| {
                        let mut step = step.clone();
                        let fields = step.as_map_mut().expect("of this form");
                        *raw::field(fields, "name") = text(&format!("s{n}"));
                        *raw::field(fields, "settings") =
                            map((0..settings).map(|n| (n.to_string(), Cbor::Null)));
                        let settings =
                            raw::field(fields, "settings").as_map_mut().expect("of this form");
                        settings.iter_mut().for_each(|(_, value)| *value = Cbor::Integer(0.into()));
                        *raw::field(fields, "inputs") =
                            Cbor::Array(vec![Cbor::Integer(n.into()); inputs]);
                        *raw::field(fields, "outputs") =
                            Cbor::Array(vec![Cbor::Integer((n + 1).into())]);
                        step
                    })
                    .collect(),
            );
        })
    };
    all.push(("a chain of 1,023 steps", wide(0, 64)));
    all.push(("one setting each", wide(1, 1)));
    all.push(("64 settings each", wide(64, 1)));
    all.push(("2,047 proofs and 1,024 cards", crowded()));
    all.push(("1,250 documents of 1,023 steps each", repeated_coverage(&wide(0, 1))));
    all
}

/// Evidence that names every step of an operation, many times over.
fn repeated_coverage(operation: &[u8]) -> Vec<u8> {
    let long = raw::operation(operation, |fields| {
        for (list, letter) in [("values", 'v'), ("steps", 's')] {
            let rows = raw::field(fields, list).as_array_mut().expect("a list");
            for (number, row) in rows.iter_mut().enumerate() {
                let row = row.as_map_mut().expect("a row is a map");
                *raw::field(row, "name") = text(&format!("{letter}{number:x<63}"));
            }
        }
    });
    raw::list(&long, "evidence", |evidence| {
        let steps = Cbor::Array((0..1023).map(|step: u32| Cbor::Integer(step.into())).collect());
        *evidence = (0..1250u32)
            .map(|number| {
                map([
                    ("kind".to_owned(), text("tee-document")),
                    ("steps".to_owned(), steps.clone()),
                    ("document".to_owned(), Cbor::Bytes(number.to_be_bytes().to_vec())),
                ])
            })
            .collect();
    })
}

/// As much evidence and as many cards as fit beside an operation of 1,000 proved steps.
fn crowded() -> Vec<u8> {
    use assay_verifier::{evidence::Evidence, operation::Method, receipt::Receipt};
    let fixture = Fixture::default();
    let honest = fixture.receipt();
    let mut operation = honest.operation().clone();
    for number in 0..1000u32 {
        let mut step = operation.steps[1].clone();
        let mut output = operation.values[2].clone();
        step.name = super::name(&format!("more-{number}"));
        output.name = step.name.clone();
        step.outputs = vec![4 + number];
        operation.values.push(output);
        operation.steps.push(step);
    }
    let bare = Receipt::new(operation).expect("in the format").to_bytes();
    let proof = honest.evidence().iter().find(|evidence| evidence.method() == Method::Zk);
    let Some(Evidence::Zk { proof, .. }) = proof else { unreachable!("a proof") };
    let proofs = (0..2047u32).map(|index| {
        // The proof is of 192 bytes, and the first two tell them apart.
        let mut proof = proof.to_vec();
        proof[190..].copy_from_slice(&u16::try_from(index).expect("below 2,047").to_be_bytes());
        map([
            ("kind".to_owned(), text("zk")),
            ("step".to_owned(), Cbor::Integer((index % 1003).into())),
            ("proof".to_owned(), Cbor::Bytes(proof)),
        ])
    });
    let cards = (0..1024u32).map(|index| {
        let mut card = fixture.card.clone();
        card.compiler = format!("another {index:04}");
        card.key.resize(card.key.len() + 2000, 0);
        Cbor::Bytes(card.to_bytes())
    });
    let sorted = |items: &mut Vec<Cbor>| items.sort_by_cached_key(raw::encode);
    let (mut proofs, mut cards): (Vec<_>, Vec<_>) = (proofs.collect(), cards.collect());
    sorted(&mut proofs);
    sorted(&mut cards);
    let bytes = raw::list(&bare, "evidence", |list| *list = proofs);
    raw::list(&bytes, "cards", |list| *list = cards)
}
