//! The field of P-384 for public values, with limbs that WebAssembly multiplies in one step.
//!
//! `p384`'s field is for secrets and for machines with carries: on wasm32 it takes twelve limbs of
//! 32 bits and a carry after each product. Fourteen signed limbs of 28 bits need no carry until a
//! whole column has been added up, and p's form makes reducing a matter of shifts.
//!
//! p = 2^384 - 2^128 - 2^96 + 2^32 - 1, so that 2^392 = 2^136 + 2^104 - 2^40 + 2^8 modulo p.
//! Arithmetic is `wrapping_…` so that checks for what cannot happen cost nothing: each function says
//! why it does not happen. The tests hold all of it against `p384`.

use p384::{FieldBytes, NistP384, elliptic_curve::hazmat::FieldArithmetic};

/// `p384`'s own element.
pub(super) type Library = <NistP384 as FieldArithmetic>::FieldElement;

/// Σ limb·2^(28 i) modulo p, not unique.
///
/// Invariant: every limb is at most 2^28 in magnitude, so the sum is below 259 p in magnitude.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element([i64; LIMBS]);

impl Element {
    pub(super) const ONE: Self = Self([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

    /// Of 48 bytes, big-endian.
    pub(super) fn from_bytes(bytes: &FieldBytes) -> Self {
        let mut limbs = [0; LIMBS];
        // 28 bits are seven digits of four: lowest first.
        let mut digits = bytes.iter().rev().flat_map(|byte| [byte & 0xf, byte >> 4]);
        for limb in &mut limbs {
            for (shift, digit) in (0..28_u32).step_by(4).zip(&mut digits) {
                *limb |= i64::from(digit).wrapping_shl(shift);
            }
        }
        Self(limbs)
    }

    /// The same in `p384`'s form, by its own arithmetic.
    pub(super) fn to_library(self) -> Library {
        let radix = Library::from(1_u64 << 28);
        self.0.iter().rev().fold(Library::ZERO, |sum, limb| {
            let magnitude = Library::from(limb.unsigned_abs());
            let sum = Library::multiply(&sum, &radix);
            match *limb < 0 {
                true => Library::sub(&sum, &magnitude),
                false => Library::add(&sum, &magnitude),
            }
        })
    }

    /// Whether it is 0 modulo p, which is k·p with |k| below 259: there the lowest limb is -k
    /// modulo 2^28. Where it is not, that decides; else `p384` does.
    pub(super) fn is_zero(self) -> bool {
        let [lowest, ..] = self.0;
        let low = lowest & MASK;
        let near = low < 259 || low > MASK.wrapping_sub(259);
        near && bool::from(self.to_library().is_zero())
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut limbs = self.0;
        for (limb, other) in limbs.iter_mut().zip(&other.0) {
            *limb = limb.wrapping_add(*other); // at most 2^29
        }
        Self::carried(limbs)
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut limbs = self.0;
        for (limb, other) in limbs.iter_mut().zip(&other.0) {
            *limb = limb.wrapping_sub(*other); // at most 2^29
        }
        Self::carried(limbs)
    }

    /// `factor`, 2 to 8, times it.
    pub(super) fn times(&self, factor: i64) -> Self {
        let mut limbs = self.0;
        for limb in &mut limbs {
            *limb = limb.wrapping_mul(factor); // at most 2^31
        }
        Self::carried(limbs)
    }

    /// -1 times it: the invariant is symmetric.
    pub(super) fn negated(&self) -> Self {
        Self(self.0.map(i64::wrapping_neg))
    }

    pub(super) fn by(&self, other: &Self) -> Self {
        let mut columns = [0_i64; COLUMNS];
        // At most 14 products of 2^56 in a column: below 2^60.
        for (at, one) in self.0.iter().enumerate() {
            for (column, other) in columns.iter_mut().skip(at).zip(&other.0) {
                *column = column.wrapping_add(one.wrapping_mul(*other));
            }
        }
        Self::reduced(columns)
    }

    pub(super) fn squared(&self) -> Self {
        let mut columns = [0_i64; COLUMNS];
        // The same columns: what lies beside the diagonal is there twice.
        for (at, one) in self.0.iter().enumerate() {
            let mut columns = columns.iter_mut().skip(at.wrapping_mul(2));
            if let Some(column) = columns.next() {
                *column = column.wrapping_add(one.wrapping_mul(*one));
            }
            let twice = one.wrapping_mul(2);
            for (column, other) in columns.zip(self.0.iter().skip(at.wrapping_add(1))) {
                *column = column.wrapping_add(twice.wrapping_mul(*other));
            }
        }
        Self::reduced(columns)
    }

    /// Of columns below 2^60 in magnitude; the last is empty.
    fn reduced(mut columns: [i64; COLUMNS]) -> Self {
        // Below 2^27 each, but the last, which takes at most 2^33.
        carry(&mut columns);
        let (low, high) = columns.split_at(LIMBS);
        // 14 columns, and the four that 2^136 reaches beyond: below 2^60, since 2^33·2^24 is the
        // most that is added.
        let mut folded = [0_i64; LIMBS + 5];
        for (column, limb) in folded.iter_mut().zip(low) {
            *column = *limb;
        }
        fold(&mut folded, high);
        // Below 2^27 each, but the last, below 2^33. What is folded now reaches the ninth column.
        carry(&mut folded);
        let mut limbs = [0_i64; LIMBS];
        let (low, high) = folded.split_at(LIMBS);
        for (limb, column) in limbs.iter_mut().zip(low) {
            *limb = *column;
        }
        fold(&mut limbs, high);
        Self::carried(limbs)
    }

    /// Of limbs below 2^60 in magnitude, the highest below 2^31 with all that is carried into it.
    fn carried(mut limbs: [i64; LIMBS]) -> Self {
        carry(&mut limbs);
        // The highest took the carries and gives up what it has beyond 2^27: at most 2^4, which
        // folds into four limbs as at most 2^28 - 2^27.
        if let Some(highest) = limbs.last_mut() {
            let over = rounded(*highest);
            *highest = highest.wrapping_sub(over.wrapping_shl(28));
            fold(&mut limbs, &[over]);
        }
        Self(limbs)
    }
}

/// Moves what a column has beyond 2^27 in magnitude into the next; the last keeps all.
fn carry(columns: &mut [i64]) {
    let mut carry = 0_i64;
    if let Some((last, others)) = columns.split_last_mut() {
        for column in others {
            let value = column.wrapping_add(carry);
            carry = rounded(value);
            *column = value.wrapping_sub(carry.wrapping_shl(28));
        }
        *last = last.wrapping_add(carry);
    }
}

/// Adds `high`, which counts from 2^392 on, to the columns: by what 2^392 is modulo p.
fn fold(columns: &mut [i64], high: &[i64]) {
    for (at, limb) in high.iter().enumerate() {
        // 2^8, -2^40 = -2^(28 + 12), 2^104 = 2^(84 + 20), 2^136 = 2^(112 + 24).
        if let Some([c0, c1, _, c3, c4]) = columns.get_mut(at..).and_then(<[i64]>::first_chunk_mut)
        {
            *c0 = c0.wrapping_add(limb.wrapping_shl(8));
            *c1 = c1.wrapping_sub(limb.wrapping_shl(12));
            *c3 = c3.wrapping_add(limb.wrapping_shl(20));
            *c4 = c4.wrapping_add(limb.wrapping_shl(24));
        }
    }
}

/// The multiple of 2^28 that is nearest.
const fn rounded(value: i64) -> i64 {
    value.wrapping_add(1 << 27) >> 28
}

const LIMBS: usize = 14;
/// 27 of products, and one for their carry.
const COLUMNS: usize = 2 * LIMBS;
const MASK: i64 = (1 << 28) - 1;

#[cfg(test)]
mod tests {
    use p384::elliptic_curve::ff::PrimeField as _;
    use sha2::{Digest as _, Sha384};

    use super::*;

    /// Numbers at the borders of limbs and of p, and such of no special form; with what `p384`
    /// makes of them.
    fn numbers() -> Vec<(Element, Library)> {
        let mut bytes: Vec<[u8; 48]> = vec![[0; 48]];
        for bit in 0..384 {
            let mut one = [0; 48];
            one[47 - bit / 8] = 1 << (bit % 8);
            bytes.push(one);
            // All ones below that bit.
            let ones = (0..48).map(|at| match at.cmp(&(47 - bit / 8)) {
                core::cmp::Ordering::Less => 0,
                core::cmp::Ordering::Equal => (1_u8 << (bit % 8)).wrapping_sub(1),
                core::cmp::Ordering::Greater => 0xff,
            });
            bytes.push(ones.collect::<Vec<_>>().try_into().unwrap());
        }
        bytes.extend(
            (0..300_u32).map(|number| <[u8; 48]>::from(Sha384::digest(number.to_be_bytes()))),
        );
        let both = bytes.into_iter().filter_map(|bytes| {
            let library = Library::from_repr(bytes.into()).into_option()?;
            Some((Element::from_bytes(&bytes.into()), library))
        });
        let mut all: Vec<_> = both.collect();
        all.extend(
            all.clone().into_iter().step_by(3).map(|(ours, theirs)| (ours.negated(), -theirs)),
        );
        all
    }

    fn agrees(ours: Element, theirs: Library) {
        assert!(ours.0.iter().all(|limb| limb.unsigned_abs() <= 1 << 28), "{ours:?}");
        assert_eq!(ours.to_library(), theirs);
        assert_eq!(ours.is_zero(), bool::from(theirs.is_zero()));
    }

    #[test]
    fn every_operation_agrees_with_p384() {
        let all = numbers();
        assert!(all.len() > 1200);
        for (at, (ours, theirs)) in all.iter().enumerate() {
            agrees(*ours, *theirs);
            agrees(ours.squared(), theirs.square());
            for factor in 2..=8 {
                agrees(ours.times(factor), *theirs * Library::from(factor.unsigned_abs()));
            }
            for (other, library) in all.iter().skip(at % 37).step_by(37) {
                agrees(ours.by(other), *theirs * library);
                agrees(ours.plus(other), *theirs + library);
                agrees(ours.minus(other), *theirs - library);
            }
            agrees(ours.minus(ours), Library::ZERO);
        }
    }

    /// The largest limbs that the invariant allows, in every pattern of signs that repeats.
    #[test]
    fn the_invariant_keeps_itself() {
        for pattern in 0..64 {
            for largest in [1 << 28, (1 << 28) - 1, 1 << 27] {
                let limb = |at| if pattern >> (at % 6) & 1 == 1 { largest } else { -largest };
                let extreme = Element(core::array::from_fn(limb));
                let value = extreme.to_library();
                agrees(extreme.squared(), value.square());
                agrees(extreme.by(&extreme.negated()), -value.square());
                agrees(extreme.times(8), value * Library::from(8_u64));
                agrees(extreme.plus(&extreme), value.double());
                agrees(extreme.minus(&extreme.negated()), value.double());
            }
        }
    }

    /// Many operations one after the other, as a signature makes them.
    #[test]
    fn long_runs_agree_with_p384() {
        let all = numbers();
        let (mut ours, mut theirs) = all[700];
        for (at, (other, library)) in all.iter().cycle().take(20_000).enumerate() {
            (ours, theirs) = match at % 4 {
                0 => (ours.by(other), theirs * library),
                1 => (ours.squared().minus(other), theirs.square() - library),
                2 => (ours.times(8).plus(other), theirs * Library::from(8_u64) + library),
                _ => (
                    ours.minus(other).by(&ours.plus(other)),
                    (theirs - library) * (theirs + library),
                ),
            };
            if at % 16 == 0 {
                agrees(ours, theirs);
            }
        }
    }

    /// Every form of zero that the invariant allows: multiples of p.
    #[test]
    fn every_zero_is_known() {
        let p = Element([-1, 1 << 4, 0, -(1 << 12), -(1 << 16), 0, 0, 0, 0, 0, 0, 0, 0, 1 << 20]);
        for factor in -256..=256 {
            let zero = Element(p.0.map(|limb| limb * factor));
            assert!(zero.is_zero(), "{factor}");
            let mut other = zero;
            other.0[13] ^= 1;
            assert!(!other.is_zero(), "{factor}");
        }
    }
}
