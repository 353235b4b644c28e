//! Groth16 proofs: the witness is checked before, the proof after.
//!
//! The proof is the one that `ark-groth16` makes from the same secrets and randomness, byte for byte;
//! the way there is shorter. Nearly all wires are bits, and are added up rather than multiplied with; the
//! quotient takes four transforms in place of seven ([`quotient`]); sums over a hundred thousand points
//! add affine points ([`crate::curve`]); and all of it shares the processor's cores.

mod quotient;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use ark_bls12_381::{Bls12_381, Fr, g1, g2};
use ark_ec::{CurveGroup as _, short_weierstrass::Projective};
use ark_std::{
    UniformRand as _,
    rand::{CryptoRng, RngCore},
};
use assay_verifier::groth16::{PROOF_BYTES, Proof, VerifyingKey};
use rayon::join;

use crate::{
    Error,
    compile::Compiled,
    curve::{
        Curve,
        sum::{Scalar, sum},
    },
    key::{ProvingKey, Query},
    r1cs::{R1cs, Wires},
    witness::Witness,
};

/// A proof, and how long it took.
#[derive(Clone, Debug)]
pub struct Timed {
    /// The proof.
    pub proof: [u8; PROOF_BYTES],
    /// Checking the witness and the key, and making the proof.
    pub proving: Duration,
    /// Checking the proof.
    pub verifying: Duration,
}

/// Proves that a witness satisfies a circuit. `rng` must be the operating system's generator or one
/// seeded from it: it blinds the proof. Errors: a key of another circuit, or one that was changed; a
/// witness that breaks a row (`ark-groth16` would make a proof that does not hold); a proof that the
/// verifier refuses.
pub fn prove(
    key: &ProvingKey,
    compiled: &Compiled,
    witness: &Witness,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<[u8; PROOF_BYTES], Error> {
    Ok(prove_timed(key, compiled, witness, rng)?.proof)
}

/// The same, with the times.
pub fn prove_timed(
    key: &ProvingKey,
    compiled: &Compiled,
    witness: &Witness,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Timed, Error> {
    let begun = Instant::now();
    let r1cs = compiled.r1cs();
    if key.circuit() != compiled.circuit() {
        return Err(Error::KeyOtherCircuit { expected: compiled.circuit(), found: key.circuit() });
    }
    let proof = create(key, r1cs, &witness.wires, [Fr::rand(rng), Fr::rand(rng)])?;
    let bytes = Proof::encode(&proof);
    let proving = begun.elapsed();

    let begun = Instant::now();
    let refuse = |why| Error::ProofRefused { why };
    let proof = Proof::from_bytes(&bytes).map_err(refuse)?;
    VerifyingKey::from_bytes(&key.verifying(), r1cs.public_inputs())
        .and_then(|key| key.verify(witness.public_inputs(), &proof))
        .map_err(refuse)?;
    let proof = bytes.try_into().expect("a proof that was read has its length");
    Ok(Timed { proof, proving, verifying: begun.elapsed() })
}

/// The proof for these wires, blinded by r and s. Not public: who repeats r and s gives the witness
/// away.
fn create(
    key: &ProvingKey,
    r1cs: &R1cs,
    wires: &[Fr],
    [r, s]: [Fr; 2],
) -> Result<ark_groth16::Proof<Bls12_381>, Error> {
    key.check_fits(r1cs)?;
    let wires = Wires::new(wires);
    let values = r1cs.evaluate(&wires)?;
    // H and the wires' share of C are one sum: the more points, the fewer additions for each.
    let c = || {
        let products = quotient::products(r1cs.domain(), values);
        let (h, l) = (key.h(), key.l());
        let point = |at: usize| if at < h.len() { &h[at] } else { &l.points[at - h.len()] };
        let scalar = |at: usize| match at.checked_sub(h.len()) {
            None => Scalar::Full(products[at]),
            Some(at) => wires.scalar(l.wires[at] as usize),
        };
        sum::<g1::Config>(h.len() + l.points.len(), point, scalar)
    };
    let in_g1 =
        || join(|| over::<g1::Config>(&wires, key.a()), || over::<g1::Config>(&wires, key.b_g1()));
    let sums = || join(c, || join(|| over::<g2::Config>(&wires, key.b_g2()), in_g1));
    let (checked, (c, (b_g2, (a, b)))) = join(|| key.check(), sums);
    checked?;
    let delta = key.delta_g1();
    let a = a + key.alpha_g1() + delta * r;
    let b = b + key.beta_g1() + delta * s;
    let b_g2 = b_g2 + key.beta_g2() + key.delta_g2() * s;
    let c = c + a * s + b * r - delta * (r * s);
    Ok(ark_groth16::Proof { a: a.into_affine(), b: b_g2.into_affine(), c: c.into_affine() })
}

/// Σ wire · point.
fn over<C: Curve>(wires: &Wires<'_>, query: Query<'_, C::Raw>) -> Projective<C> {
    let scalar = |at: usize| wires.scalar(query.wires[at] as usize);
    sum::<C>(query.points.len(), |at| &query.points[at], scalar)
}
