//! The proving key: what a prover needs beside the circuit.
//!
//! In memory and in a file it is the same bytes ([`layout`]), so that a file is used where it lies
//! ([`file`]). Wires that take no part in a query have no point in it. H is for the products of A z and
//! B z on a coset, and C's share of the quotient is in L (see [`crate::setup`]).

mod file;
mod layout;
mod map;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use ark_bls12_381::{G1Affine, G2Affine, g1, g2};
use assay_verifier::ids::{CircuitDigest, KeyId, Sha256Digest};

pub use self::file::{KEY_FILE_VERSION, open_proving_key, read_proving_key, write_proving_key};
use self::layout::Section;
pub(crate) use self::layout::{Body, Counts};
use crate::{Error, curve::Curve, r1cs::R1cs};

/// What a prover needs beside the circuit.
pub struct ProvingKey {
    id: KeyId,
    circuit: CircuitDigest,
    counts: Counts,
    body: Body,
    /// What to check, where it comes from a file.
    digest: Option<Digest>,
    checked: OnceLock<Result<(), Error>>,
}

/// What a SHA-256 is of.
#[derive(Clone, Copy)]
pub(crate) enum Digest {
    /// The key alone, without the header that states it.
    Body(Sha256Digest),
    /// The whole file.
    File(Sha256Digest),
}

/// The points of a query, each with its wire.
pub(crate) struct Query<'a, P> {
    pub(crate) wires: &'a [u32],
    pub(crate) points: &'a [P],
}

impl ProvingKey {
    pub(crate) const fn new(
        id: KeyId,
        circuit: CircuitDigest,
        counts: Counts,
        body: Body,
        digest: Option<Digest>,
    ) -> Self {
        Self { id, circuit, counts, body, digest, checked: OnceLock::new() }
    }

    /// SHA-256 of the verifying key.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The circuit that it belongs to.
    pub const fn circuit(&self) -> CircuitDigest {
        self.circuit
    }

    /// The verifying key inside, as `assay_verifier::groth16::VerifyingKey` reads it.
    pub fn verifying(&self) -> Vec<u8> {
        self.section::<u8>(Section::Verifying).to_vec()
    }

    /// Checks, once, that the points are those that were written. Errors: another SHA-256.
    pub fn check(&self) -> Result<(), Error> {
        let check = || {
            let (expected, bytes) = match self.digest {
                None => return Ok(()),
                Some(Digest::Body(expected)) => (expected, self.body.bytes()),
                Some(Digest::File(expected)) => (expected, self.body.file_bytes()),
            };
            match Sha256Digest::of(bytes) {
                found if found == expected => Ok(()),
                found => Err(Error::KeyFileDamaged { expected, found }),
            }
        };
        self.checked.get_or_init(check).clone()
    }

    /// Checks that every place in the key is one of the circuit's, so that none is looked up in vain.
    pub(crate) fn check_fits(&self, r1cs: &R1cs) -> Result<(), Error> {
        let Counts { inputs, h, .. } = self.counts;
        let fits = |section: Section| {
            let wires: &[u32] = self.section(section);
            wires.last().is_none_or(|last| (*last as usize) < r1cs.wires())
                && wires.windows(2).all(|pair| pair[0] < pair[1])
        };
        let lists = [Section::WiresOfA, Section::WiresOfB, Section::WiresOfL];
        let same = h == r1cs.domain() && inputs == r1cs.public_inputs() + 1;
        if same && lists.into_iter().all(fits) {
            return Ok(());
        }
        Err(Error::KeyFilePlaces {})
    }

    pub(crate) fn alpha_g1(&self) -> G1Affine {
        self.g1(0)
    }

    pub(crate) fn beta_g1(&self) -> G1Affine {
        self.g1(1)
    }

    pub(crate) fn delta_g1(&self) -> G1Affine {
        self.g1(2)
    }

    pub(crate) fn beta_g2(&self) -> G2Affine {
        self.g2(0)
    }

    pub(crate) fn delta_g2(&self) -> G2Affine {
        self.g2(1)
    }

    pub(crate) fn a(&self) -> Query<'_, <g1::Config as Curve>::Raw> {
        self.query(Section::WiresOfA, Section::A)
    }

    pub(crate) fn b_g1(&self) -> Query<'_, <g1::Config as Curve>::Raw> {
        self.query(Section::WiresOfB, Section::BInG1)
    }

    pub(crate) fn b_g2(&self) -> Query<'_, <g2::Config as Curve>::Raw> {
        self.query(Section::WiresOfB, Section::BInG2)
    }

    pub(crate) fn l(&self) -> Query<'_, <g1::Config as Curve>::Raw> {
        self.query(Section::WiresOfL, Section::L)
    }

    pub(crate) fn h(&self) -> &[<g1::Config as Curve>::Raw] {
        self.section(Section::H)
    }

    fn g1(&self, at: usize) -> G1Affine {
        g1::Config::point(&self.section(Section::SingleG1)[at])
    }

    fn g2(&self, at: usize) -> G2Affine {
        g2::Config::point(&self.section(Section::SingleG2)[at])
    }

    fn query<P: bytemuck::Pod>(&self, wires: Section, points: Section) -> Query<'_, P> {
        Query { wires: self.section(wires), points: self.section(points) }
    }

    fn section<T: bytemuck::Pod>(&self, section: Section) -> &[T] {
        self.counts.section(self.body.bytes(), section)
    }
}

/// Shows the ids, not the points.
impl core::fmt::Debug for ProvingKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ProvingKey")
            .field("id", &self.id)
            .field("circuit", &self.circuit)
            .finish_non_exhaustive()
    }
}
