//! Every vector, and every byte of an honest receipt.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::sync::LazyLock;

use assay_tests::receipts::{Fixture, HEAD, NOW, cases, vector::Vector};
use assay_verifier::{
    Clock, Error, Expected, UnixMillis, explain, policy::Policy, public_inputs, report::Status,
    verify, verify_archived,
};

/// All vectors, made once: each has an attester and keys of its own.
static ALL: LazyLock<Vec<Vector>> = LazyLock::new(cases::all);

fn clock(vector: &Vector) -> Clock {
    vector.now_ms.map_or(Clock::Archived, |now| Clock::Live(UnixMillis::new(now).unwrap()))
}

fn outcome(vector: &Vector) -> Result<(), Error> {
    let policy = Policy::from_json(vector.policy.as_bytes())?;
    match clock(vector) {
        Clock::Archived => {
            verify_archived(&vector.receipt, &policy, &vector.expected()).map(|_| ())
        }
        Clock::Live(now) => verify(&vector.receipt, &policy, now, &vector.expected()).map(|_| ()),
    }
}

#[test]
fn every_vector_has_its_outcome() {
    let mut wrong = Vec::new();
    for vector in ALL.iter() {
        let found = outcome(vector).map_or_else(|error| error.code(), |()| "accepted");
        if found != vector.expect {
            wrong.push(format!("{}: expected {}, found {found}", vector.name, vector.expect));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn there_are_enough_different_lies() {
    let vectors = &*ALL;
    let codes: std::collections::BTreeSet<_> = vectors.iter().map(|vector| vector.expect).collect();
    assert!(vectors.len() >= 100, "{}", vectors.len());
    assert!(codes.len() >= 60, "{}", codes.len());
    assert!(vectors.windows(2).all(|pair| pair[0].name < pair[1].name), "a name occurs twice");
}

/// `explain` examines what `verify` examines, and the first failure in its list is the answer.
#[test]
fn explain_agrees_with_verify() {
    for vector in ALL.iter() {
        let Ok(policy) = Policy::from_json(vector.policy.as_bytes()) else { continue };
        let report = explain(&vector.receipt, &policy, clock(vector), &vector.expected());
        let failed = report.checks.iter().find(|check| check.status == Status::Fail);
        assert_eq!(report.code, failed.and_then(|check| check.code), "{}", vector.name);
        assert_eq!(report.code.unwrap_or("accepted"), vector.expect, "{}", vector.name);
        assert!(report.checks.iter().all(|check| !check.says.is_empty()), "{}", vector.name);
    }
}

/// An attestation by a session, one by a document of the operation's own, a proof alone, and a proof in
/// the open.
fn four() -> [Fixture; 4] {
    let own_document = Fixture { own_document: true, ..Fixture::default() };
    let mut proof_alone = Fixture { attested: Vec::new(), ..Fixture::default() };
    proof_alone.steps[0].methods = Default::default();
    [Fixture::default(), own_document, proof_alone, Fixture::public()]
}

#[test]
fn every_byte_of_a_receipt_is_covered() {
    for fixture in four() {
        let policy = Policy::from_json(fixture.policy().to_string().as_bytes()).unwrap();
        let now = UnixMillis::new(NOW).unwrap();
        let (bytes, values) = (fixture.bytes(), fixture.expected());
        assert!(verify(&bytes, &policy, now, &values).is_ok());
        // Each byte is flipped once, in its lowest or its highest bit.
        let halves = bytes.len().div_ceil(2);
        std::thread::scope(|scope| {
            for first in [0, halves] {
                let (bytes, policy, values) = (&bytes, &policy, &values);
                scope.spawn(move || {
                    for index in first..bytes.len().min(first + halves) {
                        let mut changed = bytes.clone();
                        changed[index] ^= if index % 2 == 0 { 0x01 } else { 0x80 };
                        assert!(verify(&changed, policy, now, values).is_err(), "byte {index}");
                    }
                });
            }
        });
    }
}

#[test]
fn every_truncation_is_refused() {
    let fixture = Fixture::default();
    let policy = Policy::from_json(fixture.policy().to_string().as_bytes()).unwrap();
    let now = UnixMillis::new(NOW).unwrap();
    let bytes = fixture.bytes();
    for length in 0..bytes.len() {
        assert!(verify(&bytes[..length], &policy, now, &fixture.expected()).is_err());
    }
}

/// As `assay export` asks for them, of cards that nothing was held against.
#[test]
fn public_inputs_are_for_as_many_values_as_the_card_has_ports() {
    let fixture = Fixture::public();
    let (receipt, mut card) = (fixture.receipt(), fixture.card.clone());
    let openings = receipt.openings().iter();
    let opened = openings.filter_map(|o| Some((o.value, o.bytes.clone()?))).collect();
    let inputs = public_inputs(&receipt, HEAD, &card, &opened).unwrap();
    assert_eq!(inputs.len(), 1 + 4 + 1);
    card.outputs.clear();
    let error = public_inputs(&receipt, HEAD, &card, &opened).unwrap_err();
    assert_eq!(error, Error::CardTypes { step: fixture.steps[1].name.clone() });
    let error = public_inputs(&receipt, 9, &card, &opened).unwrap_err();
    assert_eq!(error, Error::EvidenceStepUnknown { index: 9 });
}

#[test]
fn results_come_from_openings_under_the_policys_names() {
    let fixture = Fixture::default();
    let policy = Policy::from_json(fixture.policy().to_string().as_bytes()).unwrap();
    let now = UnixMillis::new(NOW).unwrap();
    let verified = verify(&fixture.bytes(), &policy, now, &fixture.expected()).unwrap();
    let results: Vec<_> = verified.results().iter().map(|r| (r.name.as_str(), &r.bytes)).collect();
    assert_eq!(results, [("digit", &2i32.to_le_bytes().to_vec())]);
    assert_eq!(verified.operation(), fixture.receipt().digest());
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(
        bytes in proptest::collection::vec(0u8.., 0..512)
    ) {
        let fixture = Fixture::default();
        let policy = Policy::from_json(fixture.policy().to_string().as_bytes()).unwrap();
        let now = UnixMillis::new(NOW).unwrap();
        assert!(verify(&bytes, &policy, now, &Expected::default()).is_err());
    }
}
