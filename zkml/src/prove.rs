//! Groth16 proofs: the witness is checked before, the proof after.

use ark_bls12_381::{Bls12_381, Fr};
use ark_groth16::Groth16;
use ark_std::{
    UniformRand as _,
    rand::{CryptoRng, RngCore},
};
use assay_verifier::groth16::{PROOF_BYTES, Proof, VerifyingKey};

use crate::{Error, compile::Compiled, key::ProvingKey, witness::Witness};

/// Proves that a witness satisfies a circuit. `rng` must be the operating system's generator or one
/// seeded from it: it blinds the proof. Errors: a key of another circuit; a witness that breaks a row
/// (`ark-groth16` would make a proof that does not hold); a proof that the verifier refuses.
pub fn prove(
    key: &ProvingKey,
    compiled: &Compiled,
    witness: &Witness,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<[u8; PROOF_BYTES], Error> {
    let r1cs = compiled.r1cs();
    if key.circuit() != compiled.circuit() {
        return Err(Error::KeyOtherCircuit { expected: compiled.circuit(), found: key.circuit() });
    }
    r1cs.check(&witness.wires)?;
    let (r, s) = (Fr::rand(rng), Fr::rand(rng));
    let proof = Groth16::<Bls12_381>::create_proof_with_reduction_and_matrices(
        key.ark(),
        r,
        s,
        r1cs.matrices(),
        r1cs.public_inputs() + 1,
        r1cs.constraints(),
        &witness.wires,
    )
    .map_err(|error| Error::Setup { why: error.to_string() })?;
    let bytes = Proof::encode(&proof);
    let refuse = |why| Error::ProofRefused { why };
    let proof = Proof::from_bytes(&bytes).map_err(refuse)?;
    VerifyingKey::from_bytes(&key.verifying(), r1cs.public_inputs())
        .and_then(|key| key.verify(witness.public_inputs(), &proof))
        .map_err(refuse)?;
    Ok(bytes.try_into().expect("a proof that was read has its length"))
}

#[cfg(test)]
mod tests;
