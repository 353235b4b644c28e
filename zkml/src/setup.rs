//! Single-party setup: whoever runs it could forge proofs, and the key card says so.

mod qap;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G2Affine, g1, g2};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{AdditiveGroup as _, Field as _};
use ark_std::{
    UniformRand as _,
    rand::{CryptoRng, RngCore},
};
use assay_verifier::groth16::VerifyingKey;

use crate::{
    Error,
    curve::{Curve, fixed::Table},
    key::{Body, Counts, ProvingKey},
    r1cs::R1cs,
};

/// Both keys of a circuit.
pub struct Keys {
    /// For the prover.
    pub proving: ProvingKey,
    /// For everyone: the bytes that `assay_verifier::groth16::VerifyingKey` reads.
    pub verifying: Vec<u8>,
}

/// Makes the keys of a circuit. The five secrets exist in this call's memory only: they are drawn
/// from `rng`, never returned and never written. Errors: a circuit beyond the field's domains; a key
/// that the verifier would refuse.
pub fn single_party(r1cs: &R1cs, rng: &mut (impl RngCore + CryptoRng)) -> Result<Keys, Error> {
    single_party_reporting(r1cs, rng, &|_, _| ())
}

/// The same, saying how many of how many points are made, from several threads.
pub fn single_party_reporting(
    r1cs: &R1cs,
    rng: &mut (impl RngCore + CryptoRng),
    report: &(dyn Fn(usize, usize) + Sync),
) -> Result<Keys, Error> {
    let mut secret = || loop {
        let secret = Fr::rand(rng);
        // δ = 1 would be a second phase that never ran.
        if secret != Fr::ZERO && secret != Fr::ONE {
            break secret;
        }
    };
    let [alpha, beta, gamma, delta, tau] = core::array::from_fn(|_| secret());
    generate(r1cs, &Secrets { alpha, beta, gamma, delta, tau }, report)
}

/// What makes a key, and would make false proofs.
pub(crate) struct Secrets {
    pub(crate) alpha: Fr,
    pub(crate) beta: Fr,
    pub(crate) gamma: Fr,
    pub(crate) delta: Fr,
    pub(crate) tau: Fr,
}

/// The keys that these secrets make.
pub(crate) fn generate(
    r1cs: &R1cs,
    secrets: &Secrets,
    report: &(dyn Fn(usize, usize) + Sync),
) -> Result<Keys, Error> {
    let qap::Scalars { a, b, l, h, inputs } = qap::evaluate(r1cs, secrets)?;
    let [a, b, l] = [a, b, l].map(Sparse::new);
    let counts = Counts {
        inputs: inputs.len(),
        a: a.scalars.len(),
        b: b.scalars.len(),
        l: l.scalars.len(),
        h: h.len(),
    };
    let in_g1 = counts.inputs + counts.a + counts.b + counts.l + counts.h;
    let (all, made) = (in_g1 + counts.b, AtomicUsize::new(0));
    let done = |points: usize| report(points + made.fetch_add(points, Ordering::Relaxed), all);
    let (in_g1, in_g2) = rayon::join(
        || Table::<g1::Config>::new(G1Affine::generator(), in_g1),
        || Table::<g2::Config>::new(G2Affine::generator(), counts.b),
    );

    let single_g1 = |secret: Fr| (G1Affine::generator() * secret).into_affine();
    let single_g2 = |secret: Fr| (G2Affine::generator() * secret).into_affine();
    let Secrets { alpha, beta, gamma, delta, tau: _ } = secrets;
    let inputs = in_g1.multiples(&inputs, &done);
    let key = ark_groth16::VerifyingKey::<Bls12_381> {
        alpha_g1: single_g1(*alpha),
        beta_g2: single_g2(*beta),
        gamma_g2: single_g2(*gamma),
        delta_g2: single_g2(*delta),
        gamma_abc_g1: inputs.iter().map(g1::Config::point).collect(),
    };
    let verifying = VerifyingKey::encode(&key);
    let id = VerifyingKey::from_bytes(&verifying, r1cs.public_inputs())?.id();

    let mut body = Body::for_counts(&counts);
    body.push(&verifying);
    body.push(&[*alpha, *beta, *delta].map(|secret| g1::Config::raw(&single_g1(secret))));
    body.push(&[*beta, *delta].map(|secret| g2::Config::raw(&single_g2(secret))));
    body.push(&a.wires);
    body.push(&b.wires);
    body.push(&l.wires);
    body.push(&in_g1.multiples(&a.scalars, &done));
    body.push(&in_g1.multiples(&b.scalars, &done));
    body.push(&in_g2.multiples(&b.scalars, &done));
    body.push(&in_g1.multiples(&l.scalars, &done));
    body.push(&in_g1.multiples(&h, &done));
    let proving = ProvingKey::new(id, r1cs.digest(), counts, body, None);
    Ok(Keys { proving, verifying })
}

/// The scalars of the wires that have one that is not zero.
struct Sparse {
    wires: Vec<u32>,
    scalars: Vec<Fr>,
}

impl Sparse {
    fn new(scalars: Vec<Fr>) -> Self {
        let (wires, scalars) =
            (0u32..).zip(scalars).filter(|(_, scalar)| *scalar != Fr::ZERO).unzip();
        Self { wires, scalars }
    }
}
