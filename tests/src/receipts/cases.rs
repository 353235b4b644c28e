//! Receipts that must be accepted, and lies, each with one thing wrong and its own refusal.

mod branches;
mod bytes;
mod evidence;
mod exchange;
mod keys;
mod loosened;
mod plan;
mod policy;
mod public;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Fixture, NOW, vector::Vector};

/// A case in the making: an honest receipt, and whatever a liar makes of it.
pub struct Case {
    /// What the receipt is made from.
    pub fixture: Fixture,
    /// The policy, as the relying party wrote it before anyone lied.
    pub policy: Json,
    /// The clock; `None` for archived.
    pub now: Option<u64>,
    /// What the caller brings.
    pub values: BTreeMap<String, Vec<u8>>,
    /// The nonce that the caller made.
    pub nonce: Option<Vec<u8>>,
    /// The bytes that arrive, where they are not what the fixture makes.
    pub bytes: Option<Vec<u8>>,
}

impl Case {
    fn new() -> Self {
        Self::of(Fixture::default())
    }

    /// A case of this operation, in order.
    fn of(fixture: Fixture) -> Self {
        let values = fixture.expected().values.into_iter();
        Self {
            policy: fixture.policy(),
            now: Some(NOW),
            values: values.map(|(name, bytes)| (name.to_string(), bytes)).collect(),
            nonce: None,
            bytes: None,
            fixture,
        }
    }

    /// The honest receipt's bytes, for lies that only change bytes.
    pub fn honest(&self) -> Vec<u8> {
        self.fixture.bytes()
    }
}

/// A name, the outcome, what is wrong, and how to make it.
type Row = (&'static str, &'static str, &'static str, fn(&mut Case));

/// All vectors, by name. Names begin with what the lie is about.
pub fn all() -> Vec<Vector> {
    let rows = [
        ACCEPTED,
        branches::ROWS,
        bytes::ROWS,
        evidence::ROWS,
        exchange::ROWS,
        keys::ROWS,
        loosened::ROWS,
        plan::ROWS,
        policy::ROWS,
        public::ROWS,
    ];
    let mut vectors: Vec<_> = rows.into_iter().flatten().map(vector).collect();
    vectors.sort_by_key(|vector| vector.name);
    vectors
}

fn vector((name, expect, note, make): &Row) -> Vector {
    let mut case = Case::new();
    make(&mut case);
    let mut policy = serde_json::to_string_pretty(&case.policy).expect("JSON");
    policy.push('\n');
    Vector {
        name,
        note,
        expect,
        now_ms: case.now,
        policy,
        values: case.values,
        nonce: case.nonce,
        receipt: case.bytes.unwrap_or_else(|| case.fixture.bytes()),
    }
}

const ACCEPTED: &[Row] = &[
    ("accepted", "accepted", "everything is in order", |_| ()),
    ("accepted_archived", "accepted", "as of the attestation's own time", |case| case.now = None),
    ("accepted_own_document", "accepted", "a document for this operation alone", |case| {
        case.fixture.own_document = true;
    }),
    ("accepted_other_proof", "accepted", "the proof was re-randomised: no identity", |case| {
        use assay_verifier::{evidence::Evidence, receipt::Receipt};
        let honest = case.fixture.receipt();
        let mut receipt = Receipt::new(case.fixture.operation()).expect("in the format");
        for evidence in honest.evidence() {
            receipt.attach(match evidence.clone() {
                Evidence::Zk { mut proof, step } => {
                    // (-A, -B, C): the sign of a point is one bit of its encoding.
                    proof[0] ^= 0x20;
                    proof[48] ^= 0x20;
                    Evidence::Zk { proof, step }
                }
                other => other,
            });
        }
        honest.cards().for_each(|(_, card)| receipt.add_card(card.to_vec()));
        honest.openings().iter().for_each(|opening| receipt.open(opening.clone()));
        case.bytes = Some(receipt.to_bytes());
    }),
    ("accepted_detached_input", "accepted", "the caller brings the input's bytes", |case| {
        let mut opening = case.fixture.opening(0);
        opening.bytes = None;
        let mut receipt = case.fixture.receipt();
        receipt.redact(0);
        receipt.open(opening);
        case.bytes = Some(receipt.to_bytes());
    }),
];
