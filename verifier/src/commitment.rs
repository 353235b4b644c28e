//! Commitments: salted hashes of values, hiding and binding (FORMAT.md §2.3).

use core::fmt;

use ark_bls12_381::Fr;

use crate::{
    Error, cbor,
    ids::{Salt, tagged_sha256_of},
    poseidon,
    value::Type,
};

/// How a value is committed to. FORMAT.md §2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// For every value that a step promising `zk` takes or gives.
    Poseidon,
    /// For every other value.
    Sha256,
}

impl Algorithm {
    /// The name in the format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poseidon => "poseidon-bls12-381",
            Self::Sha256 => "sha-256",
        }
    }

    /// Reads the name.
    pub(crate) fn from_name(name: &str) -> Result<Self, Error> {
        [Self::Poseidon, Self::Sha256].into_iter().find(|known| known.name() == name).ok_or_else(
            || Error::CommitmentAlgorithmUnknown { found: name.chars().take(64).collect() },
        )
    }
}

/// A salted hash of one value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment {
    algorithm: Algorithm,
    digest: [u8; 32],
}

impl Commitment {
    /// Commits to `bytes`, a value of type `kind`. Errors: bytes that are no value of the type; a
    /// type that Poseidon does not take (only i8, i16 and i32 tensors are packed).
    pub fn to(algorithm: Algorithm, kind: &Type, salt: &Salt, bytes: &[u8]) -> Result<Self, Error> {
        kind.check(bytes)?;
        let digest = match algorithm {
            Algorithm::Poseidon => {
                let tensor =
                    kind.tensor().ok_or(Error::CommitmentType { found: kind.to_string() })?;
                poseidon::to_bytes(&poseidon::commit(tensor, salt, bytes)?)
            }
            Algorithm::Sha256 => {
                // [type, salt, bytes] as CBOR, without a copy of the bytes.
                let (kind, salted) =
                    (kind.descriptor(), cbor::encode(&cbor::bytes(salt.as_bytes())));
                let parts = [&[0x83][..], &kind, &salted, &cbor::bytes_head(bytes), bytes];
                tagged_sha256_of("assay/value/1", &parts)
            }
        };
        Ok(Self { algorithm, digest })
    }

    /// A commitment as it arrived. Errors: Poseidon's 32 bytes are a number not below the order.
    pub(crate) fn from_wire(algorithm: Algorithm, digest: [u8; 32]) -> Result<Self, Error> {
        if algorithm == Algorithm::Poseidon && poseidon::from_bytes(&digest).is_none() {
            return Err(Error::FieldElementNotCanonical { found: hex::encode(digest) });
        }
        Ok(Self { algorithm, digest })
    }

    /// How it was made.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash; for Poseidon a field element, big-endian.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The field element, where Poseidon made it.
    pub fn element(&self) -> Option<Fr> {
        match self.algorithm {
            Algorithm::Poseidon => poseidon::from_bytes(&self.digest),
            Algorithm::Sha256 => None,
        }
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), hex::encode(self.digest))
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Dtype, TensorType};

    #[test]
    fn a_commitment_depends_on_type_salt_and_bytes() {
        let salt = Salt::new([1; 31]);
        let kind =
            |shape: &[u32], scale| Type::Tensor(TensorType::new(Dtype::I8, shape, scale).unwrap());
        for algorithm in [Algorithm::Poseidon, Algorithm::Sha256] {
            let to = |kind: &Type, salt: &Salt, bytes: &[u8]| {
                Commitment::to(algorithm, kind, salt, bytes).unwrap()
            };
            let base = to(&kind(&[4], 0), &salt, &[0, 1, 2, 3]);
            assert_eq!(base, to(&kind(&[4], 0), &salt, &[0, 1, 2, 3]));
            assert_ne!(base, to(&kind(&[4], 0), &salt, &[0, 1, 2, 4]));
            assert_ne!(base, to(&kind(&[4], 1), &salt, &[0, 1, 2, 3]));
            assert_ne!(base, to(&kind(&[2, 2], 0), &salt, &[0, 1, 2, 3]));
            assert_ne!(base, to(&kind(&[4], 0), &Salt::new([2; 31]), &[0, 1, 2, 3]));
            // Trailing zeros are another value, not padding.
            assert_ne!(base, to(&kind(&[5], 0), &salt, &[0, 1, 2, 3, 0]));
        }
    }

    #[test]
    fn values_of_the_wrong_form_are_refused() {
        let salt = Salt::new([1; 31]);
        let tensor = |dtype| Type::Tensor(TensorType::new(dtype, &[2], 0).unwrap());
        assert!(matches!(
            Commitment::to(Algorithm::Sha256, &tensor(Dtype::I8), &salt, &[1]),
            Err(Error::ValueLength { .. })
        ));
        for kind in [tensor(Dtype::U8), Type::bytes("text/plain").unwrap()] {
            assert!(matches!(
                Commitment::to(Algorithm::Poseidon, &kind, &salt, &[1, 2]),
                Err(Error::CommitmentType { .. })
            ));
        }
        assert!(matches!(
            Commitment::from_wire(Algorithm::Poseidon, [0xff; 32]),
            Err(Error::FieldElementNotCanonical { .. })
        ));
    }
}
