//! What snarkjs reads: verifying keys, proofs and public inputs as JSON, for others to judge.
//!
//! Numbers are decimal. Points are projective, [x, y, 1] in G1 and [[x0, x1], [y0, y1], [1, 0]] in G2.

use ark_bls12_381::{Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use assay_verifier::{
    Error,
    groth16::{Proof, VerifyingKey},
};
use serde_json::{Value, json};

/// `verification_key.json`, of a key as FORMAT.md §6.2 encodes it. Errors: as
/// `assay_verifier::groth16::VerifyingKey`.
pub fn verification_key(key: &[u8], public_inputs: usize) -> Result<Value, Error> {
    VerifyingKey::from_bytes(key, public_inputs)?;
    let mut rest = key;
    let alpha = g1(&mut rest, "alpha")?;
    let [beta, gamma, delta] =
        [g2(&mut rest, "beta")?, g2(&mut rest, "gamma")?, g2(&mut rest, "delta")?];
    let inputs = (0..=public_inputs).map(|_| g1(&mut rest, "an input's"));
    Ok(json!({
        "protocol": "groth16",
        "curve": "bls12381",
        "nPublic": public_inputs,
        "vk_alpha_1": alpha,
        "vk_beta_2": beta,
        "vk_gamma_2": gamma,
        "vk_delta_2": delta,
        "IC": inputs.collect::<Result<Vec<_>, _>>()?,
    }))
}

/// `proof.json`. Errors: as `assay_verifier::groth16::Proof`.
pub fn proof(proof: &[u8]) -> Result<Value, Error> {
    Proof::from_bytes(proof)?;
    let mut rest = proof;
    Ok(json!({
        "pi_a": g1(&mut rest, "A")?,
        "pi_b": g2(&mut rest, "B")?,
        "pi_c": g1(&mut rest, "C")?,
        "protocol": "groth16",
        "curve": "bls12381",
    }))
}

/// `public.json`.
pub fn public(inputs: &[Fr]) -> Value {
    inputs.iter().map(ToString::to_string).collect()
}

fn g1(rest: &mut &[u8], point: &'static str) -> Result<Value, Error> {
    let (x, y) = coordinates::<G1Affine>(rest, point)?;
    Ok(json!([x.to_string(), y.to_string(), "1"]))
}

fn g2(rest: &mut &[u8], point: &'static str) -> Result<Value, Error> {
    let (x, y) = coordinates::<G2Affine>(rest, point)?;
    let pair = |of: Fq2| [of.c0.to_string(), of.c1.to_string()];
    Ok(json!([pair(x), pair(y), ["1", "0"]]))
}

fn coordinates<P: AffineRepr>(
    rest: &mut &[u8],
    point: &'static str,
) -> Result<(P::BaseField, P::BaseField), Error> {
    let read = P::deserialize_compressed(rest).ok().and_then(|point| point.xy());
    read.ok_or(Error::KeyPoint { point })
}
