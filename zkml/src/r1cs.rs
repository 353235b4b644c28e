//! Rank-1 constraint systems over the BLS12-381 scalar field, and iden3's `.r1cs` format for them.

use core::fmt;
use std::io::{self, Write};

use ark_bls12_381::Fr;
use ark_ff::{BigInteger as _, PrimeField as _, Zero as _};
use ark_relations::utils::matrix::Matrix;
use assay_verifier::ids::CircuitDigest;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Number of a wire: 0 is the constant 1, then the public inputs, then the private wires.
pub(crate) type Wire = usize;

/// The constant 1.
pub(crate) const ONE: Wire = 0;

/// Rows A z ∘ B z = C z over the wires z.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct R1cs {
    public_inputs: usize,
    wires: usize,
    /// A, B and C: a row is a list of terms, ascending by wire, no coefficient zero.
    matrices: [Matrix<Fr>; 3],
    /// What each row is for: a table beside the circuit, not part of it.
    kinds: Vec<Kind>,
}

/// What is frozen by test for each example: any change of the circuit shows here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub constraints: usize,
    /// Public inputs, without the constant.
    pub public_inputs: usize,
    /// Wires, with the constant.
    pub wires: usize,
    /// SHA-256 of the `.r1cs` bytes.
    pub digest: CircuitDigest,
}

/// What a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A wire is 0 or 1.
    Boolean,
    /// The sponge's output is the public input.
    Commitment,
    /// Uses `context`, which nothing else in the circuit does.
    Context,
    /// A shifted sum without ReLU becomes a wire.
    Materialize,
    /// Sign times magnitude: ReLU.
    Mux,
    /// An input lies in its declared range.
    Range,
    /// Bits add up to a sum before its shift.
    Recompose,
    /// One of three products of Poseidon's fifth power.
    Sbox,
    /// Bits of a slot of a packed element add up to the value.
    Slot,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Commitment => "commitment",
            Self::Context => "context",
            Self::Materialize => "materialize",
            Self::Mux => "mux",
            Self::Range => "range",
            Self::Recompose => "recompose",
            Self::Sbox => "sbox",
            Self::Slot => "slot",
        })
    }
}

impl R1cs {
    /// Rows.
    pub const fn constraints(&self) -> usize {
        self.kinds.len()
    }

    /// Public inputs, without the constant.
    pub const fn public_inputs(&self) -> usize {
        self.public_inputs
    }

    /// Wires, with the constant.
    pub const fn wires(&self) -> usize {
        self.wires
    }

    /// What each row is for.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Terms of all three matrices.
    pub fn terms(&self) -> usize {
        self.matrices.iter().flatten().map(Vec::len).sum()
    }

    /// Size of the evaluation domain: Groth16 adds one row per public input and one for the
    /// constant, and rounds up to a power of two.
    pub const fn domain(&self) -> usize {
        (self.constraints() + self.public_inputs + 1).next_power_of_two()
    }

    /// A, B and C.
    pub(crate) const fn matrices(&self) -> &[Matrix<Fr>; 3] {
        &self.matrices
    }

    /// Counts and digest.
    pub fn shape(&self) -> Shape {
        Shape {
            constraints: self.constraints(),
            public_inputs: self.public_inputs,
            wires: self.wires,
            digest: self.digest(),
        }
    }

    /// Checks every row. Errors: another number of wires; the first row that does not hold.
    pub fn check(&self, wires: &[Fr]) -> Result<(), Error> {
        if wires.len() != self.wires {
            return Err(Error::WitnessLength { expected: self.wires, found: wires.len() });
        }
        let [a, b, c] = &self.matrices;
        let value =
            |row: &[(Fr, Wire)]| row.iter().map(|(by, wire)| *by * wires[*wire]).sum::<Fr>();
        let holds = |row: &usize| value(&a[*row]) * value(&b[*row]) == value(&c[*row]);
        // The constant has no row: the proof system fixes it.
        let one_is_one = wires[ONE] == Fr::from(1u64);
        match (0..self.constraints()).find(|row| !one_is_one || !holds(row)) {
            None => Ok(()),
            Some(row) => Err(Error::WitnessUnsatisfied { row, kind: self.kinds[row] }),
        }
    }

    /// SHA-256 of the `.r1cs` bytes.
    pub fn digest(&self) -> CircuitDigest {
        struct Hash(Sha256);
        impl Write for Hash {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut hash = Hash(Sha256::new());
        self.write(&mut hash).expect("a hash takes everything");
        CircuitDigest::new(hash.0.finalize().into())
    }

    /// The `.r1cs` bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes).expect("memory takes everything");
        bytes
    }

    /// Writes iden3's `.r1cs`, version 1: header, constraints, wire map; all integers
    /// little-endian, field elements 32 bytes. Every public wire is a public input.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let u32_of = |number: usize| {
            u32::try_from(number).map_err(|_| io::Error::other("a circuit of 2^32 or more"))
        };
        out.write_all(b"r1cs")?;
        out.write_all(&1u32.to_le_bytes())?;
        out.write_all(&3u32.to_le_bytes())?;

        section(out, 1, 4 + 32 + 4 * 4 + 8 + 4)?;
        out.write_all(&32u32.to_le_bytes())?;
        out.write_all(&Fr::MODULUS.to_bytes_le())?;
        // Wires, public outputs, public inputs, private inputs (snarkjs wants no number here).
        for count in [self.wires, 0, self.public_inputs, 0] {
            out.write_all(&u32_of(count)?.to_le_bytes())?;
        }
        out.write_all(&(self.wires as u64).to_le_bytes())?;
        out.write_all(&u32_of(self.constraints())?.to_le_bytes())?;

        section(out, 2, self.constraints() as u64 * 12 + self.terms() as u64 * 36)?;
        let [a, b, c] = &self.matrices;
        for ((a, b), c) in a.iter().zip(b).zip(c) {
            for terms in [a, b, c] {
                out.write_all(&u32_of(terms.len())?.to_le_bytes())?;
                for (coefficient, wire) in terms {
                    out.write_all(&u32_of(*wire)?.to_le_bytes())?;
                    out.write_all(&coefficient.into_bigint().to_bytes_le())?;
                }
            }
        }

        section(out, 3, self.wires as u64 * 8)?;
        for label in 0..self.wires as u64 {
            out.write_all(&label.to_le_bytes())?;
        }
        Ok(())
    }
}

fn section(out: &mut impl Write, kind: u32, length: u64) -> io::Result<()> {
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())
}

/// A linear combination of wires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lc(Vec<(Fr, Wire)>);

impl Lc {
    pub(crate) fn constant(value: impl Into<Fr>) -> Self {
        Self(vec![(value.into(), ONE)])
    }

    pub(crate) fn wire(wire: Wire) -> Self {
        Self(vec![(Fr::from(1u64), wire)])
    }

    /// Adds `coefficient` times `wire`.
    pub(crate) fn add(&mut self, coefficient: impl Into<Fr>, wire: Wire) {
        self.0.push((coefficient.into(), wire));
    }

    /// Adds `factor` times `other`.
    pub(crate) fn add_scaled(&mut self, factor: Fr, other: &Self) {
        self.0.extend(other.0.iter().map(|(coefficient, wire)| (factor * coefficient, *wire)));
    }

    /// This minus `other`.
    pub(crate) fn minus(mut self, other: &Self) -> Self {
        self.add_scaled(-Fr::from(1u64), other);
        self
    }

    /// Ascending by wire, each wire once, no zero.
    pub(crate) fn compact(&mut self) {
        self.0.sort_by_key(|(_, wire)| *wire);
        self.0.dedup_by(|(from, wire), (to, kept)| {
            let same = wire == kept;
            if same {
                *to += *from;
            }
            same
        });
        self.0.retain(|(coefficient, _)| !coefficient.is_zero());
    }

    /// The value, where no wire but the constant takes part. Expects a compact combination.
    pub(crate) fn as_constant(&self) -> Option<Fr> {
        match self.0[..] {
            [] => Some(Fr::zero()),
            [(value, ONE)] => Some(value),
            _ => None,
        }
    }
}

/// A circuit while it is written.
pub(crate) struct Builder {
    public_inputs: usize,
    wires: usize,
    matrices: [Matrix<Fr>; 3],
    kinds: Vec<Kind>,
}

impl Builder {
    pub(crate) const fn new(public_inputs: usize) -> Self {
        let matrices = [vec![], vec![], vec![]];
        Self { public_inputs, wires: public_inputs + 1, matrices, kinds: vec![] }
    }

    /// A new private wire.
    pub(crate) const fn wire(&mut self) -> Wire {
        self.wires += 1;
        self.wires - 1
    }

    /// Demands a · b = c.
    pub(crate) fn enforce(&mut self, kind: Kind, a: Lc, b: Lc, c: Lc) {
        for (matrix, mut lc) in self.matrices.iter_mut().zip([a, b, c]) {
            lc.compact();
            matrix.push(lc.0);
        }
        self.kinds.push(kind);
    }

    /// Demands lc = 0. All terms stand in A, where they cost least: a wire in B costs a
    /// multiplication in G2.
    pub(crate) fn enforce_zero(&mut self, kind: Kind, lc: Lc) {
        self.enforce(kind, lc, Lc::wire(ONE), Lc::default());
    }

    pub(crate) fn finish(self) -> R1cs {
        let Self { public_inputs, wires, matrices, kinds } = self;
        R1cs { public_inputs, wires, matrices, kinds }
    }
}

#[cfg(test)]
mod tests;
