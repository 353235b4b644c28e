//! Where the parts of a proving key are.

use assay_verifier::groth16::VerifyingKey;
use bytemuck::Pod;

use super::map::Mapped;
use crate::r1cs::{R1cs, Rows};

/// How many points each query has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Public inputs and the constant.
    pub(crate) inputs: usize,
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) l: usize,
    pub(crate) h: usize,
}

/// The parts, in order. Each begins at a multiple of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// As the verifier reads it.
    Verifying,
    /// α, β, δ.
    SingleG1,
    /// β, δ.
    SingleG2,
    /// Numbers of the wires whose points A has: `u32`, ascending.
    WiresOfA,
    /// The same for B, in both groups.
    WiresOfB,
    /// The same for L.
    WiresOfL,
    A,
    BInG1,
    BInG2,
    L,
    H,
}

const G1_BYTES: usize = 96;
const G2_BYTES: usize = 192;

impl Counts {
    /// What the key of a circuit will have.
    pub(crate) fn of(r1cs: &R1cs) -> Self {
        let inputs = r1cs.public_inputs() + 1;
        let stands_in = |rows: &[&Rows]| {
            let mut stands = vec![false; r1cs.wires()];
            rows.iter().flat_map(|rows| rows.wires()).for_each(|wire| stands[wire] = true);
            stands
        };
        let count = |stands: &[bool]| stands.iter().filter(|stands| **stands).count();
        let [a, b, c] = r1cs.rows();
        let mut in_a = stands_in(&[a]);
        // A row for each, so that none can be changed in a proof.
        in_a[..inputs].fill(true);
        let public_in_c = count(&stands_in(&[c])[..inputs]);
        let private = count(&stands_in(&[a, b, c])[inputs..]);
        Self {
            inputs,
            a: count(&in_a),
            b: count(&stands_in(&[b])),
            l: public_in_c + private,
            h: r1cs.domain(),
        }
    }

    /// Length of all parts.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.end(Section::H) as u64
    }

    /// The elements of a part. Expects a body of the right length.
    pub(crate) fn section<'a, T: Pod>(&self, body: &'a [u8], section: Section) -> &'a [T] {
        let end = self.end(section);
        let from = end - padded(self.bytes(section));
        bytemuck::cast_slice(&body[from..from + self.bytes(section)])
    }

    fn end(&self, last: Section) -> usize {
        let upto = SECTIONS.iter().position(|section| *section == last).expect("all are listed");
        SECTIONS[..=upto].iter().map(|section| padded(self.bytes(*section))).sum()
    }

    const fn bytes(&self, section: Section) -> usize {
        match section {
            Section::Verifying => VerifyingKey::byte_length(self.inputs - 1),
            Section::SingleG1 => 3 * G1_BYTES,
            Section::SingleG2 => 2 * G2_BYTES,
            Section::WiresOfA => 4 * self.a,
            Section::WiresOfB => 4 * self.b,
            Section::WiresOfL => 4 * self.l,
            Section::A => self.a * G1_BYTES,
            Section::BInG1 => self.b * G1_BYTES,
            Section::BInG2 => self.b * G2_BYTES,
            Section::L => self.l * G1_BYTES,
            Section::H => self.h * G1_BYTES,
        }
    }
}

const SECTIONS: [Section; 11] = [
    Section::Verifying,
    Section::SingleG1,
    Section::SingleG2,
    Section::WiresOfA,
    Section::WiresOfB,
    Section::WiresOfL,
    Section::A,
    Section::BInG1,
    Section::BInG2,
    Section::L,
    Section::H,
];

const fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(8)
}

/// All parts, one after the other.
pub(crate) enum Body {
    /// Made by a setup.
    Words(Vec<u64>),
    /// The rest of a file, behind so many bytes.
    Mapped(Mapped, usize),
}

impl Body {
    /// An empty one, with room for a key's.
    pub(crate) fn for_counts(counts: &Counts) -> Self {
        Self::Words(Vec::with_capacity(counts.end(Section::H) / 8))
    }

    /// Adds a part.
    pub(crate) fn push<T: Pod>(&mut self, part: &[T]) {
        let Self::Words(words) = self else { return };
        let bytes: &[u8] = bytemuck::cast_slice(part);
        let (chunks, rest) = bytes.as_chunks::<8>();
        words.extend(chunks.iter().map(|chunk| u64::from_ne_bytes(*chunk)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            words.push(u64::from_ne_bytes(last));
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Words(words) => bytemuck::cast_slice(words),
            Self::Mapped(file, from) => &file.bytes()[*from..],
        }
    }

    /// The same with the header before it, if it is in a file.
    pub(crate) fn file_bytes(&self) -> &[u8] {
        match self {
            Self::Words(_) => self.bytes(),
            Self::Mapped(file, _) => file.bytes(),
        }
    }
}
