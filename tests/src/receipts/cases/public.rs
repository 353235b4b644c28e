//! Values that are public inputs of a key, and lies about them.

use assay_verifier::{card::Visibility, evidence::Evidence, receipt::Receipt};

use super::{Case, Row, keys::pin};
use crate::receipts::{Fixture, HEAD, port};

/// The operation whose head is proved in the open.
fn open(case: &mut Case) {
    *case = Case::of(Fixture::public());
}

/// The proof is of a statement with one element changed.
fn off_by_one(case: &mut Case, value: usize, byte: usize) {
    open(case);
    let mut other = Fixture::public();
    other.values[value].bytes[byte] ^= 1;
    let honest = case.fixture.receipt();
    let mut receipt = Receipt::new(case.fixture.operation()).expect("in the format");
    receipt.attach(case.fixture.attest(&honest.digest()));
    receipt.attach(other.prove(&honest.digest(), HEAD));
    honest.cards().for_each(|(_, card)| receipt.add_card(card.to_vec()));
    honest.openings().iter().for_each(|opening| receipt.open(opening.clone()));
    case.bytes = Some(receipt.to_bytes());
}

pub(super) const ROWS: &[Row] = &[
    ("accepted_one_card_of_many_steps", "accepted", "twenty steps under one card", |case| {
        *case = Case::of(Fixture::many_of_one_card());
    }),
    ("zk_false_proofs_of_many_steps", "proof-invalid", "and not one proof that holds", |case| {
        *case = Case::of(Fixture::many_of_one_card());
        let honest = case.fixture.receipt();
        let mut receipt = Receipt::new(case.fixture.operation()).expect("in the format");
        for evidence in honest.evidence() {
            let mut evidence = evidence.clone();
            if let Evidence::Zk { proof, .. } = &mut evidence {
                proof[0] ^= 0x20;
            }
            receipt.attach(evidence);
        }
        honest.cards().for_each(|(_, card)| receipt.add_card(card.to_vec()));
        honest.openings().iter().for_each(|opening| receipt.open(opening.clone()));
        case.bytes = Some(receipt.to_bytes());
    }),
    ("accepted_public", "accepted", "features listed, logits packed", open),
    ("accepted_public_detached", "accepted", "the caller brings the listed features", |case| {
        open(case);
        let mut opening = case.fixture.opening(1);
        opening.bytes = None;
        let mut receipt = case.fixture.receipt();
        receipt.redact(1);
        receipt.open(opening);
        case.bytes = Some(receipt.to_bytes());
        let features = &case.fixture.values[1];
        case.values.insert(features.name.to_string(), features.bytes.clone());
    }),
    ("public_input_hidden", "public-value-hidden", "the listed features are not opened", |case| {
        open(case);
        case.fixture.disclosed = vec![0, 2, 3];
    }),
    ("public_output_hidden", "public-value-hidden", "the packed logits are not opened", |case| {
        open(case);
        case.fixture.disclosed = vec![0, 1, 3];
    }),
    (
        "public_input_above_its_range",
        "public-value-range",
        "the circuit means nothing for a feature of 77",
        |case| {
            open(case);
            let visibility = Visibility::Listed { low: -3, high: 76 };
            case.fixture.card.inputs = vec![port(&case.fixture.values[1], visibility)];
            pin(case);
        },
    ),
    (
        "public_input_below_its_range",
        "public-value-range",
        "the circuit means nothing for a feature of -3",
        |case| {
            open(case);
            let visibility = Visibility::Listed { low: -2, high: 77 };
            case.fixture.card.inputs = vec![port(&case.fixture.values[1], visibility)];
            pin(case);
        },
    ),
    ("public_input_another", "proof-invalid", "the proof is for other features", |case| {
        off_by_one(case, 1, 3);
    }),
    ("public_output_another", "proof-invalid", "the proof is for other logits", |case| {
        off_by_one(case, 2, 9);
    }),
    ("public_port_said_committed", "key-length", "a card that hides its listed input", |case| {
        open(case);
        let hidden = port(&case.fixture.values[1], Visibility::Committed);
        case.fixture.card.inputs = vec![hidden];
        pin(case);
    }),
];
