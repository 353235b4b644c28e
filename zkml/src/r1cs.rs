//! Rank-1 constraint systems over the BLS12-381 scalar field, and iden3's `.r1cs` format for them.

mod rows;
mod wires;

use core::fmt;
use std::io::{self, Write};

use ark_bls12_381::Fr;
use ark_ff::{BigInteger as _, PrimeField as _, Zero as _};
#[cfg(test)]
use ark_relations::utils::matrix::Matrix;
use assay_verifier::ids::CircuitDigest;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use self::rows::Value;
pub(crate) use self::{rows::Rows, wires::Wires};
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
    rows: [Rows; 3],
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
    /// The index of the larger of two numbers.
    Choose,
    /// The ceiling where a number exceeds it, otherwise the number.
    Clamp,
    /// The sponge's output is the public input.
    Commitment,
    /// Uses `context`, which nothing else in the circuit does.
    Context,
    /// Nothing but a number above its ceiling is said to exceed it.
    Exceeds,
    /// Uses the integers of a public input, which nothing else in the circuit may do.
    Listed,
    /// A combination becomes a wire.
    Materialize,
    /// Sign times magnitude: ReLU.
    Mux,
    /// A packed element of a public output is the public input.
    Packed,
    /// Two numbers are multiplied.
    Product,
    /// An input lies in its declared range.
    Range,
    /// Bits add up to a sum before its shift.
    Recompose,
    /// One of three products of Poseidon's fifth power.
    Sbox,
    /// Bits of a slot of a packed element add up to the value.
    Slot,
    /// A number above its ceiling is said to exceed it.
    Within,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Choose => "choose",
            Self::Clamp => "clamp",
            Self::Commitment => "commitment",
            Self::Context => "context",
            Self::Exceeds => "exceeds",
            Self::Listed => "listed",
            Self::Materialize => "materialize",
            Self::Mux => "mux",
            Self::Packed => "packed",
            Self::Product => "product",
            Self::Range => "range",
            Self::Recompose => "recompose",
            Self::Sbox => "sbox",
            Self::Slot => "slot",
            Self::Within => "within",
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
        self.rows.iter().map(Rows::terms).sum()
    }

    /// Size of the evaluation domain: Groth16 adds one row per public input and one for the
    /// constant, and rounds up to a power of two.
    pub const fn domain(&self) -> usize {
        (self.constraints() + self.public_inputs + 1).next_power_of_two()
    }

    /// A, B and C.
    pub(crate) const fn rows(&self) -> &[Rows; 3] {
        &self.rows
    }

    /// A, B and C, written out: for tests, and for `ark-groth16`.
    #[cfg(test)]
    pub(crate) fn matrices(&self) -> [Matrix<Fr>; 3] {
        let all = 0..self.constraints();
        self.rows.each_ref().map(|rows| all.clone().map(|row| rows.row(row).collect()).collect())
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
        self.evaluate(&Wires::new(wires)).map(|_| ())
    }

    /// A z and B z over the domain, where A has a further row for the constant and each public input,
    /// and the rest is zero. Errors: as [`Self::check`].
    pub(crate) fn evaluate(&self, wires: &Wires<'_>) -> Result<[Vec<Fr>; 2], Error> {
        if wires.count() != self.wires {
            return Err(Error::WitnessLength { expected: self.wires, found: wires.count() });
        }
        let mut values = [vec![Fr::zero(); self.domain()], vec![Fr::zero(); self.domain()]];
        let [a, b] = &mut values;
        let holds = |row: usize, a_value: &mut Fr, b_value: &mut Fr| {
            let [a, b, c] = self.rows.each_ref().map(|rows| rows.sum(row, wires));
            (*a_value, *b_value) = (a.element(), b.element());
            Value::is_product(a, b, c)
        };
        let rows = self.constraints();
        let broken = (a[..rows].par_iter_mut().zip(&mut b[..rows]).enumerate())
            .filter_map(|(row, (a, b))| (!holds(row, a, b)).then_some(row))
            .min();
        // The constant has no row: the proof system fixes it.
        let one_is_one = wires.integer(ONE) == Some(1);
        if let Some(row) = broken.or((!one_is_one).then_some(0)) {
            return Err(Error::WitnessUnsatisfied { row, kind: self.kinds[row] });
        }
        for (to, wire) in a[rows..].iter_mut().zip(0..=self.public_inputs) {
            *to = wires.element(wire);
        }
        Ok(values)
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
        for row in 0..self.constraints() {
            for rows in &self.rows {
                let terms = rows.row(row);
                out.write_all(&u32_of(terms.len())?.to_le_bytes())?;
                for (coefficient, wire) in terms {
                    out.write_all(&u32_of(wire)?.to_le_bytes())?;
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
    rows: [Rows; 3],
    kinds: Vec<Kind>,
}

impl Builder {
    pub(crate) fn new(public_inputs: usize) -> Self {
        let rows = [Rows::default(), Rows::default(), Rows::default()];
        Self { public_inputs, wires: public_inputs + 1, rows, kinds: vec![] }
    }

    /// A new private wire.
    pub(crate) const fn wire(&mut self) -> Wire {
        self.wires += 1;
        self.wires - 1
    }

    /// Demands a · b = c.
    pub(crate) fn enforce(&mut self, kind: Kind, a: Lc, b: Lc, c: Lc) {
        for (rows, mut lc) in self.rows.iter_mut().zip([a, b, c]) {
            lc.compact();
            rows.push(&lc.0);
        }
        self.kinds.push(kind);
    }

    /// Demands lc = 0. All terms stand in A, where they cost least: a wire in B costs a
    /// multiplication in G2.
    pub(crate) fn enforce_zero(&mut self, kind: Kind, lc: Lc) {
        self.enforce(kind, lc, Lc::wire(ONE), Lc::default());
    }

    pub(crate) fn finish(self) -> R1cs {
        let Self { public_inputs, wires, rows, kinds } = self;
        R1cs { public_inputs, wires, rows, kinds }
    }
}

#[cfg(test)]
mod tests;
