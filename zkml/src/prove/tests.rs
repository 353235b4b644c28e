//! From a model to a proof that the verifier's core accepts, and to none where there should be none.

use super::*;
use crate::{
    OsRng,
    setup::single_party,
    testing::{compile_with, network, options, salt, small},
};

fn witness(compiled: &Compiled, context: u64, input: &[i64]) -> Witness {
    let inputs = [(salt(1), input.to_vec())];
    compiled.witness(Fr::from(context), &inputs, &[salt(2)]).unwrap()
}

#[test]
fn a_proof_holds_for_its_public_inputs_and_no_others() {
    let compiled = small();
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    let key = VerifyingKey::from_bytes(&keys.verifying, compiled.r1cs().public_inputs()).unwrap();
    assert_eq!(key.id(), keys.proving.id());
    for input in [[1, -128, 127], [0, 0, 0], [-128; 3], [127; 3]] {
        let witness = witness(&compiled, 7, &input);
        let bytes = prove(&keys.proving, &compiled, &witness, &mut OsRng).unwrap();
        let proof = Proof::from_bytes(&bytes).unwrap();
        key.verify(witness.public_inputs(), &proof).unwrap();
        for at in 0..3 {
            let mut inputs = witness.public_inputs().to_vec();
            inputs[at] += Fr::from(1u64);
            let error = key.verify(&inputs, &proof).unwrap_err();
            assert_eq!(error, assay_verifier::Error::ProofInvalid, "public input {at}");
        }
    }
}

/// Randomness is fresh.
#[test]
fn two_proofs_of_one_statement_differ() {
    let compiled = small();
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    let witness = witness(&compiled, 7, &[1, 2, 3]);
    let prove = || prove(&keys.proving, &compiled, &witness, &mut OsRng).unwrap();
    assert_ne!(prove(), prove());
}

/// `ark-groth16` would return 192 bytes in release builds.
#[test]
fn a_false_witness_is_an_error_and_no_proof() {
    let compiled = small();
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    let good = witness(&compiled, 7, &[1, 2, 3]);
    let refused = |witness: &Witness| {
        prove(&keys.proving, &compiled, witness, &mut OsRng).unwrap_err().code()
    };
    for wire in [0, 1, 2, 3, 4, 5, 6, 40, good.wires.len() - 1] {
        let mut bad = good.clone();
        bad.wires[wire] += Fr::from(1u64);
        assert_eq!(refused(&bad), "zkml-witness-unsatisfied", "wire {wire}");
    }
    let mut short = good.clone();
    short.wires.pop();
    assert_eq!(refused(&short), "zkml-witness-length");
}

#[test]
fn a_key_proves_for_its_own_circuit_only() {
    let compiled = small();
    let other = compile_with(&network(&[3, 2, 2], 2), &options(3));
    let keys = single_party(other.r1cs(), &mut OsRng).unwrap();
    let witness = witness(&compiled, 7, &[1, 2, 3]);
    let error = prove(&keys.proving, &compiled, &witness, &mut OsRng).unwrap_err();
    let (expected, found) = (compiled.circuit(), other.circuit());
    assert_eq!(error, Error::KeyOtherCircuit { expected, found });
}

#[test]
fn witnesses_need_the_right_number_of_inputs_and_salts() {
    let compiled = small();
    let context = Fr::from(7u64);
    let input = |byte: u8| (salt(byte), vec![1, 2, 3]);
    let error = compiled.witness(context, &[], &[salt(2)]).unwrap_err();
    assert_eq!(error, Error::InputCount { expected: 1, found: 0 });
    let error = compiled.witness(context, &[input(1), input(3)], &[salt(2)]).unwrap_err();
    assert_eq!(error, Error::InputCount { expected: 1, found: 2 });
    let error = compiled.witness(context, &[(salt(1), vec![1, 2])], &[salt(2)]).unwrap_err();
    assert!(matches!(error, Error::InputLength { expected: 3, found: 2, .. }));
    let error = compiled.witness(context, &[(salt(1), vec![1, 2, 128])], &[salt(2)]).unwrap_err();
    assert!(matches!(error, Error::InputRange { index: 2, found: 128, .. }));
    let error = compiled.witness(context, &[input(1)], &[]).unwrap_err();
    assert_eq!(error, Error::SaltCount { expected: 1, found: 0 });
    let error = compiled.witness(context, &[input(1)], &[salt(1)]).unwrap_err();
    assert_eq!(error, Error::SaltReused { first: 0, second: 1 });
}

/// iden3/wtnsfile: magic, version, two sections: field and count, then the wires.
#[test]
fn wires_are_written_for_other_tools() {
    let witness = witness(&small(), 7, &[1, 2, 3]);
    let bytes = witness.to_wtns();
    let wires = witness.wires.len();
    assert_eq!(bytes.len(), 12 + 12 + 40 + 12 + 32 * wires);
    assert_eq!(bytes[..12], *b"wtns\x02\0\0\0\x02\0\0\0");
    assert_eq!(bytes[12..24], [1, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[60..64], u32::try_from(wires).unwrap().to_le_bytes());
    let wire = |at: usize| &bytes[76 + 32 * at..][..32];
    assert_eq!((wire(0)[0], wire(1)[0]), (1, 7));
    assert!(wire(1)[1..].iter().all(|byte| *byte == 0));
}
