//! Groth16 keys whose secrets are known, so that tests can make a proof of any statement without a
//! circuit: the equation e(A,B) = e(α,β)·e(Σ,γ)·e(C,δ) is solved for C in the exponent.

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::Field as _;
use assay_verifier::groth16::{Proof, VerifyingKey};

/// The secrets of a key.
#[derive(Clone)]
pub struct Trapdoor {
    /// α.
    pub alpha: Fr,
    /// β.
    pub beta: Fr,
    /// γ.
    pub gamma: Fr,
    /// δ.
    pub delta: Fr,
    /// Logarithms of the points for the constant and for every public input.
    pub inputs: Vec<Fr>,
}

impl Trapdoor {
    /// A sound key for so many public inputs. Another `seed` gives another key.
    pub fn new(public_inputs: usize, seed: u64) -> Self {
        let scalar = |n: u64| Fr::from(seed * 1000 + n + 2).inverse().expect("not zero");
        Self {
            alpha: scalar(1),
            beta: scalar(2),
            gamma: scalar(3),
            delta: scalar(4),
            inputs: (0..=public_inputs).map(|i| scalar(5 + i as u64)).collect(),
        }
    }

    /// The verifying key.
    pub fn key(&self) -> ark_groth16::VerifyingKey<Bls12_381> {
        ark_groth16::VerifyingKey {
            alpha_g1: g1(self.alpha),
            beta_g2: g2(self.beta),
            gamma_g2: g2(self.gamma),
            delta_g2: g2(self.delta),
            gamma_abc_g1: self.inputs.iter().copied().map(g1).collect(),
        }
    }

    /// The verifying key's bytes.
    pub fn key_bytes(&self) -> Vec<u8> {
        VerifyingKey::encode(&self.key())
    }

    /// A proof of any statement: nobody without the secrets could make it. Another `seed` gives
    /// another proof.
    pub fn prove(&self, statement: &[Fr], seed: u64) -> [u8; 192] {
        let (a, b) = (Fr::from(seed + 7), Fr::from(seed + 11));
        let sum =
            self.inputs[1..].iter().zip(statement).fold(self.inputs[0], |sum, (k, x)| sum + *k * x);
        let c = (a * b - self.alpha * self.beta - sum * self.gamma) / self.delta;
        let proof = ark_groth16::Proof { a: g1(a), b: g2(b), c: g1(c) };
        Proof::encode(&proof).try_into().expect("a proof has 192 bytes")
    }
}

/// A multiple of G1's generator.
pub fn g1(scalar: Fr) -> G1Affine {
    (G1Affine::generator() * scalar).into_affine()
}

/// A multiple of G2's generator.
pub fn g2(scalar: Fr) -> G2Affine {
    (G2Affine::generator() * scalar).into_affine()
}
