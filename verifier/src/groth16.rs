//! Groth16 over BLS12-381: keys, proofs and the one equation (FORMAT.md §6).
//!
//! `ark-groth16` checks the equation and nothing else: points, lengths, encodings, degenerate keys
//! and the number of inputs are checked here.

mod batch;

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr as _, VariableBaseMSM as _};
use ark_groth16::{Groth16, PreparedVerifyingKey, prepare_verifying_key};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};

pub use batch::{Statement, that_hold};

use crate::{
    Error,
    ids::{KeyId, OperationDigest, Sha256Digest, first_31, tagged_sha256},
    poseidon,
    work::{Work, does},
};

/// Bytes of a proof: A (G1), B (G2), C (G1), compressed.
pub const PROOF_BYTES: usize = 192;
/// Most public inputs of a key. A step has a handful of values; packed public ones stay below this.
pub const MAX_PUBLIC_INPUTS: usize = 4096;

const G1_BYTES: usize = 48;
const G2_BYTES: usize = 96;

/// The public input that ties a proof to its operation and step: the first 31 bytes, big-endian, of
/// SHA-256("assay/zk/1" ‖ operation digest ‖ step index in 4 bytes, big-endian). FORMAT.md §6.3.
pub fn context(operation: &OperationDigest, step: u32) -> Fr {
    let body = [operation.as_bytes().as_slice(), &step.to_be_bytes()].concat();
    let head = first_31(tagged_sha256("assay/zk/1", &body));
    let mut padded = [0; 32];
    for (to, from) in padded.iter_mut().skip(1).zip(head) {
        *to = from;
    }
    poseidon::from_bytes(&padded).expect("31 bytes are below the order")
}

/// A verifying key that passed every check of FORMAT.md §6.2.
pub struct VerifyingKey {
    id: KeyId,
    public_inputs: usize,
    prepared: PreparedVerifyingKey<Bls12_381>,
}

impl VerifyingKey {
    /// Reads α (G1), β, γ, δ (G2), then one G1 point for the constant and one per public input, all
    /// compressed. Errors: a length that `public_inputs` does not explain; a point off curve, out
    /// of the subgroup, not canonical; a degenerate key.
    pub fn from_bytes(bytes: &[u8], public_inputs: usize) -> Result<Self, Error> {
        let expected = Self::byte_length(public_inputs);
        if bytes.len() != expected || public_inputs > MAX_PUBLIC_INPUTS {
            return Err(Error::KeyLength { expected, found: bytes.len() });
        }
        let refuse = |point| Error::KeyPoint { point };
        let mut rest = bytes;
        let alpha_g1 = point::<G1Affine>(&mut rest, G1_BYTES).ok_or(refuse("alpha"))?;
        let beta_g2 = point::<G2Affine>(&mut rest, G2_BYTES).ok_or(refuse("beta"))?;
        let gamma_g2 = point::<G2Affine>(&mut rest, G2_BYTES).ok_or(refuse("gamma"))?;
        let delta_g2 = point::<G2Affine>(&mut rest, G2_BYTES).ok_or(refuse("delta"))?;
        let mut gamma_abc_g1 = Vec::new();
        for chunk in rest.chunks(G1_BYTES) {
            let mut chunk = chunk;
            gamma_abc_g1.push(point::<G1Affine>(&mut chunk, G1_BYTES).ok_or(refuse("an input's"))?);
        }
        let key = ark_groth16::VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 };
        refuse_degenerate(&key)?;
        let id = KeyId::new(*Sha256Digest::of(bytes).as_bytes());
        Ok(Self { id, public_inputs, prepared: prepare_verifying_key(&key) })
    }

    /// The bytes of a key, as `from_bytes` reads them.
    pub fn encode(key: &ark_groth16::VerifyingKey<Bls12_381>) -> Vec<u8> {
        let ark_groth16::VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 } = key;
        let mut out = Vec::new();
        write(alpha_g1, &mut out);
        for point in [beta_g2, gamma_g2, delta_g2] {
            write(point, &mut out);
        }
        for point in gamma_abc_g1 {
            write(point, &mut out);
        }
        out
    }

    /// Length of a key for so many public inputs.
    pub const fn byte_length(public_inputs: usize) -> usize {
        let points = public_inputs.saturating_add(2);
        points.saturating_mul(G1_BYTES).saturating_add(G2_BYTES.saturating_mul(3))
    }

    /// SHA-256 of the key's bytes.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Checks the equation. Errors: another number of inputs than the key has (`ark-groth16` takes
    /// any); an equation that does not hold.
    pub fn verify(&self, inputs: &[Fr], proof: &Proof) -> Result<(), Error> {
        if inputs.len() != self.public_inputs {
            return Err(Error::ProofInputs { expected: self.public_inputs, found: inputs.len() });
        }
        let Proof(proof) = proof;
        // One sum of products for all inputs: a key may have thousands.
        let scalars = [[Fr::from(1u64)].as_slice(), inputs].concat();
        does(Work::Product, scalars.len());
        does(Work::Pairing, 3);
        let sum = G1Projective::msm(&self.prepared.vk.gamma_abc_g1, &scalars);
        let Ok(inputs) = sum else { return Err(Error::ProofInvalid) };
        match Groth16::<Bls12_381>::verify_proof_with_prepared_inputs(
            &self.prepared,
            proof,
            &inputs,
        ) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Error::ProofInvalid),
        }
    }
}

/// A proof whose points are on the curve, in the subgroup and canonically encoded.
pub struct Proof(ark_groth16::Proof<Bls12_381>);

impl Proof {
    /// Reads A (G1), B (G2), C (G1), compressed: exactly 192 bytes, no point the identity.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() != PROOF_BYTES {
            return Err(Error::ProofLength { expected: PROOF_BYTES, found: bytes.len() });
        }
        let refuse = |point| Error::ProofPoint { point };
        let mut rest = bytes;
        let a = point::<G1Affine>(&mut rest, G1_BYTES).ok_or(refuse("A"))?;
        let b = point::<G2Affine>(&mut rest, G2_BYTES).ok_or(refuse("B"))?;
        let c = point::<G1Affine>(&mut rest, G1_BYTES).ok_or(refuse("C"))?;
        Ok(Self(ark_groth16::Proof { a, b, c }))
    }

    /// The bytes of a proof, as `from_bytes` reads them.
    pub fn encode(proof: &ark_groth16::Proof<Bls12_381>) -> Vec<u8> {
        let ark_groth16::Proof { a, b, c } = proof;
        let mut out = Vec::new();
        write(a, &mut out);
        write(b, &mut out);
        write(c, &mut out);
        out
    }
}

/// Takes one point off `rest`: on the curve, in the subgroup, not the identity, and in the one
/// encoding that it has.
fn point<P: CanonicalDeserialize + CanonicalSerialize + ark_ec::AffineRepr>(
    rest: &mut &[u8],
    length: usize,
) -> Option<P> {
    let (head, tail) = rest.split_at_checked(length)?;
    does(Work::Point, 1);
    let point = P::deserialize_compressed(head).ok()?;
    let mut again = Vec::with_capacity(length);
    write(&point, &mut again);
    *rest = tail;
    (again == head && !point.is_zero()).then_some(point)
}

fn write(point: &impl CanonicalSerialize, out: &mut Vec<u8>) {
    point.serialize_compressed(out).expect("writing a point into memory cannot fail");
}

/// Refuses keys that let anyone forge from public points: with γ = δ, say, the proof (α, β, -IC(x)) satisfies the
/// equation for every x. Signs do not matter, A and B may have either: two points are one where their x-coordinates
/// are. Only γ may be the generator, which is where a ceremony leaves it. FORMAT.md §6.2.
fn refuse_degenerate(key: &ark_groth16::VerifyingKey<Bls12_381>) -> Result<(), Error> {
    let refuse = |why| Err(Error::KeyDegenerate { why });
    let [beta, gamma, delta] = [key.beta_g2, key.gamma_g2, key.delta_g2].map(|point| point.x);
    if gamma == delta {
        return refuse("gamma is delta or its negative");
    }
    if beta == gamma || beta == delta {
        return refuse("beta is gamma or delta, or the negative of one");
    }
    let generator = G2Affine::generator().x;
    if delta == generator {
        return refuse("delta is the generator or its negative: the second phase never ran");
    }
    if beta == generator {
        return refuse("beta is the generator or its negative");
    }
    let mut points: Vec<_> = key.gamma_abc_g1.iter().map(|point| point.x).collect();
    points.extend([key.alpha_g1.x, G1Affine::generator().x]);
    points.sort_unstable();
    if points.iter().zip(points.iter().skip(1)).any(|(a, b)| a == b) {
        return refuse(
            "two of its G1 points and the generator are equal, or one is another's negative",
        );
    }
    Ok(())
}
