//! Many statements in one pairing check (FORMAT.md §10.6).
//!
//! With e(A,B) = e(α,β)·e(IC(x),γ)·e(C,δ) for each, and a coefficient for each that nobody knew
//! when it was made, the product over all holds only if every one does, but for 2^-128.
#![allow(clippy::arithmetic_side_effects)] // that of fields and curves, which cannot overflow

use std::{collections::BTreeMap, sync::Arc};

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _, VariableBaseMSM as _, pairing::Pairing as _};
use ark_ff::PrimeField as _;

use super::{Proof, VerifyingKey, write};
use crate::{
    Error,
    ids::tagged_sha256,
    work::{Work, does},
};

/// That a proof holds for public inputs under a key.
pub struct Statement {
    /// The key.
    pub key: Arc<VerifyingKey>,
    /// The public inputs, without the constant.
    pub inputs: Vec<Fr>,
    /// The proof.
    pub proof: Proof,
}

impl Statement {
    /// Checks the equation of this statement alone.
    pub fn check(&self) -> Result<(), Error> {
        self.key.verify(&self.inputs, &self.proof)
    }

    /// SHA-256("assay/groth16-statement/1" ‖ key id ‖ inputs, 32 bytes each ‖ proof).
    pub fn digest(&self) -> [u8; 32] {
        let mut body = self.key.id().as_bytes().to_vec();
        for input in &self.inputs {
            write(input, &mut body);
        }
        body.extend(Proof::encode(&self.proof.0));
        tagged_sha256("assay/groth16-statement/1", &body)
    }
}

/// Statements that are found to hold together: all at once, or else half of the receipts and the other half, down to single
/// ones. `receipts` are the statements of each receipt.
///
/// Groups that do not hold are paid for in vain, so no more is tried once they come to twice the statements there are: what is
/// not among those returned does not hold, or was not tried.
pub fn that_hold(receipts: &[Vec<Statement>]) -> Vec<&Statement> {
    // Each on its own terms first: `ark-groth16`'s equation would take any number of inputs.
    let sound = |statement: &&Statement| statement.inputs.len() == statement.key.public_inputs;
    let of = |group: &[Vec<Statement>]| group.iter().flatten().filter(sound).count();
    let mut in_vain = of(receipts).saturating_mul(2);
    let (mut wanted, mut hold) = (vec![receipts], Vec::new());
    while let Some(group) = wanted.pop() {
        let statements: Vec<_> = group.iter().flatten().filter(sound).collect();
        if statements.len() < 2 || statements.len() > in_vain {
            continue;
        }
        if all_hold(&statements) {
            hold.extend(statements);
            continue;
        }
        in_vain = in_vain.saturating_sub(statements.len());
        if group.len() > 1 {
            let (left, right) = group.split_at(group.len().div_ceil(2));
            wanted.extend([left, right]);
        }
    }
    hold
}

/// Per key: the sum of the coefficients, of the inputs times theirs, and of the points C times theirs.
struct Sums<'a> {
    key: &'a VerifyingKey,
    coefficients: Fr,
    inputs: Vec<Fr>,
    c: G1Projective,
}

fn all_hold(statements: &[&Statement]) -> bool {
    let (mut left, mut right): (Vec<G1Affine>, Vec<G2Affine>) = (Vec::new(), Vec::new());
    let mut sums: BTreeMap<_, Sums<'_>> = BTreeMap::new();
    for (statement, by) in statements.iter().zip(coefficients(statements)) {
        let Proof(proof) = &statement.proof;
        left.push((proof.a * by).into_affine());
        right.push(proof.b);
        let sums = sums.entry(*statement.key.id().as_bytes()).or_insert_with(|| Sums {
            key: &statement.key,
            coefficients: Fr::from(0u64),
            inputs: vec![Fr::from(0u64); statement.inputs.len()],
            c: G1Projective::default(),
        });
        sums.coefficients += by;
        for (sum, input) in sums.inputs.iter_mut().zip(&statement.inputs) {
            *sum += by * input;
        }
        sums.c += proof.c * by;
    }
    // Two multiples of each proof's points, and per key those of its own.
    does(Work::Product, statements.len().saturating_mul(2));
    for Sums { key, coefficients, inputs, c } in sums.into_values() {
        let key = &key.prepared.vk;
        let scalars = [[coefficients].as_slice(), &inputs].concat();
        does(Work::Product, scalars.len());
        let Ok(ic) = G1Projective::msm(&key.gamma_abc_g1, &scalars) else { return false };
        left.extend([-(key.alpha_g1 * coefficients), -ic, -c].map(|point| point.into_affine()));
        right.extend([key.beta_g2, key.gamma_g2, key.delta_g2]);
    }
    // A coefficient that makes a point the identity has a chance of 2^-128; the pairing minds.
    if left.iter().any(|point| point.is_zero()) {
        return statements.iter().all(|statement| statement.check().is_ok());
    }
    does(Work::Pairing, left.len());
    Bls12_381::multi_pairing(left, right).0 == ark_ff::One::one()
}

/// 16 bytes for each, from a hash over all keys, inputs and proofs of the group: they cannot be known
/// before the last of these is fixed.
fn coefficients(statements: &[&Statement]) -> Vec<Fr> {
    let digests: Vec<_> = statements.iter().map(|statement| statement.digest()).collect();
    let seed = tagged_sha256("assay/groth16-batch/1", &digests.concat());
    (0..statements.len())
        .map(|index| {
            let index = u64::try_from(index).expect("a count fits 64 bits");
            let body = [seed.as_slice(), &index.to_be_bytes()].concat();
            let hash = tagged_sha256("assay/groth16-coefficient/1", &body);
            Fr::from_be_bytes_mod_order(hash.first_chunk::<16>().expect("32 bytes"))
        })
        .collect()
}
