//! Many receipts at once: the same answers as one by one (T19).
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::sync::Arc;

use ark_bls12_381::{Fr, G1Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};
use assay_tests::{
    receipts::{Fixture, NOW},
    trapdoor::Trapdoor,
};
use assay_verifier::{
    BatchItem, Error, Expected, UnixMillis,
    evidence::Evidence,
    groth16::{Proof, Statement, VerifyingKey, that_hold},
    ids::{OperationDigest, RunId},
    policy::Policy,
    receipt::Receipt,
    verify, verify_batch,
};

/// A receipt whose head alone is shown, by a proof under one of two keys.
fn fixture(number: u64) -> Fixture {
    let mut run = [0; 16];
    run[..8].copy_from_slice(&number.to_be_bytes());
    let mut fixture = Fixture { run: RunId::new(run), attested: Vec::new(), ..Fixture::default() };
    fixture.steps[0].methods = Default::default();
    fixture.trapdoor = Trapdoor::new(3, 1 + number % 2);
    fixture.card.key = fixture.trapdoor.key_bytes();
    fixture
}

struct Batch {
    receipts: Vec<Vec<u8>>,
    policies: [Policy; 2],
    expected: Expected,
}

impl Batch {
    fn of(count: u64) -> Self {
        let policy = |number| {
            let policy = fixture(number).policy().to_string();
            Policy::from_json(policy.as_bytes()).unwrap()
        };
        Self {
            receipts: (0..count).map(|number| fixture(number).bytes()).collect(),
            policies: [policy(0), policy(1)],
            expected: fixture(0).expected(),
        }
    }

    fn answers(&self) -> Vec<Result<OperationDigest, Error>> {
        let items: Vec<_> = self.items().collect();
        let now = UnixMillis::new(NOW).unwrap();
        verify_batch(&items, now).into_iter().map(|a| a.map(|v| v.operation())).collect()
    }

    fn items(&self) -> impl Iterator<Item = BatchItem<'_>> {
        self.receipts.iter().zip(self.policies.iter().cycle()).map(|(receipt, policy)| BatchItem {
            receipt,
            policy,
            expected: &self.expected,
        })
    }

    /// Changes the proof of a receipt.
    fn change(&mut self, at: usize, change: impl Fn(&mut [u8; 192])) {
        let honest = Receipt::from_bytes(&self.receipts[at]).unwrap();
        let mut receipt = Receipt::new(honest.operation().clone()).unwrap();
        for evidence in honest.evidence() {
            let mut evidence = evidence.clone();
            if let Evidence::Zk { proof, .. } = &mut evidence {
                change(proof);
            }
            receipt.attach(evidence);
        }
        honest.cards().for_each(|(_, card)| receipt.add_card(card.to_vec()));
        honest.openings().iter().for_each(|opening| receipt.open(opening.clone()));
        self.receipts[at] = receipt.to_bytes();
    }
}

/// Adds a multiple of the generator to the proof's C.
fn add_to_c(proof: &mut [u8; 192], by: Fr) {
    let c = G1Affine::deserialize_compressed(&proof[144..]).unwrap();
    let sum = (c + G1Affine::generator() * by).into_affine();
    sum.serialize_compressed(&mut proof[144..]).unwrap();
}

#[test]
fn one_bad_receipt_among_a_thousand_is_found() {
    let mut batch = Batch::of(1000);
    assert!(batch.answers().iter().all(Result::is_ok));
    batch.change(617, |proof| proof[0] ^= 0x20);
    for (number, answer) in batch.answers().into_iter().enumerate() {
        match number {
            617 => assert_eq!(answer, Err(Error::ProofInvalid)),
            _ => assert_eq!(answer, Ok(fixture(number as u64).receipt().digest())),
        }
    }
}

/// Under equal coefficients two errors would cancel, and a batch of the two would hold.
#[test]
fn errors_that_cancel_are_found() {
    for (first, second) in [(0, 2), (1, 3)] {
        let mut batch = Batch::of(6);
        batch.change(first, |proof| add_to_c(proof, Fr::from(5u64)));
        batch.change(second, |proof| add_to_c(proof, -Fr::from(5u64)));
        for (number, answer) in batch.answers().into_iter().enumerate() {
            let bad = number == first || number == second;
            assert_eq!(answer.is_err(), bad, "{number}");
        }
    }
}

/// T1, in a batch: inputs beyond the key's would take no part in the equation.
#[test]
fn the_number_of_inputs_is_the_keys() {
    let trapdoor = Trapdoor::new(2, 1);
    let key = Arc::new(VerifyingKey::from_bytes(&trapdoor.key_bytes(), 2).unwrap());
    let inputs = [7u64, 8].map(Fr::from);
    let statement = |inputs: &[Fr], seed| Statement {
        key: Arc::clone(&key),
        inputs: inputs.to_vec(),
        proof: Proof::from_bytes(&trapdoor.prove(&[7u64, 8].map(Fr::from), seed)).unwrap(),
    };
    let longer = [&inputs[..], &[Fr::from(9u64)]].concat();
    let statements = [
        statement(&inputs, 1),
        statement(&longer, 2),
        statement(&inputs[..1], 3),
        statement(&inputs, 4),
    ];
    let receipts = [Vec::from(statements)];
    let hold: Vec<_> = that_hold(&receipts).into_iter().map(Statement::digest).collect();
    assert_eq!(hold, [receipts[0][0].digest(), receipts[0][3].digest()]);
}

/// Values in the open are in the statements that a batch checks together, whoever brings their bytes; a
/// receipt that lies about one, or keeps it back, is refused as it is alone.
#[test]
fn public_values_are_those_of_the_openings() {
    let fixture = Fixture::public();
    let policy = Policy::from_json(fixture.policy().to_string().as_bytes()).unwrap();
    let image = fixture.expected();
    let mut more = image.clone();
    let (features, mut closed) = (&fixture.values[1], fixture.opening(1));
    more.values.insert(features.name.clone(), features.bytes.clone());
    let other_features = |opening| {
        let mut receipt = fixture.receipt();
        receipt.redact(1);
        receipt.open(opening);
        receipt.to_bytes()
    };
    closed.bytes = None;
    let mut false_bytes = fixture.opening(1);
    false_bytes.bytes = Some(vec![1; 4]);
    let receipts = [fixture.bytes(), other_features(closed), other_features(false_bytes)];
    let cases = [
        (&receipts[0], &image, Ok(())),
        (&receipts[1], &more, Ok(())),
        (&receipts[1], &image, Err("public-value-hidden")),
        (&receipts[2], &image, Err("opening-mismatch")),
    ];
    let items: Vec<_> = cases
        .iter()
        .map(|(receipt, expected, _)| BatchItem { receipt, policy: &policy, expected })
        .collect();
    let now = UnixMillis::new(NOW).unwrap();
    let answers = verify_batch(&items, now);
    for ((item, answer), (_, _, expected)) in items.iter().zip(answers).zip(&cases) {
        let alone = verify(item.receipt, item.policy, now, item.expected);
        assert_eq!(answer.map(|_| ()).map_err(|error| error.code()), *expected);
        assert_eq!(alone.map(|_| ()).map_err(|error| error.code()), *expected);
    }
}

/// A batch answers what `verify` answers, whatever is wrong, and whatever stands beside it.
#[test]
fn answers_are_those_of_one_by_one() {
    let mut batch = Batch::of(8);
    batch.receipts[1].truncate(100);
    batch.receipts[2] = fixture(3).bytes(); // of the other key, under this policy
    batch.change(3, |proof| proof[48] ^= 0x20);
    batch.change(4, |proof| proof[40] ^= 1);
    batch.receipts[6] = batch.receipts[0].clone();
    batch.receipts[7] = Vec::new();
    let now = UnixMillis::new(NOW).unwrap();
    let alone: Vec<_> = batch
        .items()
        .map(|item| verify(item.receipt, item.policy, now, item.expected).map(|v| v.operation()))
        .collect();
    assert_eq!(batch.answers(), alone);
    assert_eq!(alone.iter().filter(|answer| answer.is_ok()).count(), 3);
    assert!(verify_batch(&[], now).is_empty());
}
