//! Multiples of one point: a table of its multiples for every digit, and one addition per digit.

use core::marker::PhantomData;

use ark_bls12_381::Fr;
use ark_ec::{
    AffineRepr as _, CurveGroup as _,
    short_weierstrass::{Affine, Projective},
};
use ark_ff::{AdditiveGroup as _, BigInteger as _, PrimeField as _};
use rayon::prelude::*;

use super::{
    Curve,
    add::{Adder, Sum},
};

/// The multiples 1 to 2^(c-1) of 2^(ci) · point, for each digit i.
pub(crate) struct Table<C: Curve> {
    width: u32,
    digits: Vec<Vec<Affine<C>>>,
    curve: PhantomData<C>,
}

impl<C: Curve> Table<C> {
    /// A table that pays for so many multiples.
    pub(crate) fn new(point: Affine<C>, multiples: usize) -> Self {
        let width = width(multiples);
        let mut base: Projective<C> = point.into();
        let mut bases = vec![];
        for _ in 0..digits_of(width) {
            bases.push(base);
            for _ in 0..width {
                base.double_in_place();
            }
        }
        let bases = Projective::normalize_batch(&bases);
        let row = |base: &Affine<C>| {
            // From k multiples the next k: each plus the k-th.
            let mut row = vec![*base];
            let mut adder = Adder::new();
            for _ in 1..width {
                let count = row.len() as u32;
                row.resize(2 * count as usize, Affine::zero());
                let sum = |left| Sum { left, right: count - 1, into: left + count };
                adder.add(&mut row, &(0..count).map(sum).collect::<Vec<_>>());
            }
            row
        };
        Self { width, digits: bases.par_iter().map(row).collect(), curve: PhantomData }
    }

    /// Additions that table and multiples take together.
    pub(crate) fn additions(multiples: usize) -> usize {
        cost(multiples, width(multiples))
    }

    /// Points that a table for so many multiples has.
    pub(crate) fn entries(multiples: usize) -> usize {
        let width = width(multiples);
        digits_of(width) << (width - 1)
    }

    /// Additions of one multiple.
    pub(crate) const fn digits(&self) -> usize {
        self.digits.len()
    }

    /// scalar · point for every scalar, in raw form. `done` hears of every block.
    pub(crate) fn multiples(&self, scalars: &[Fr], done: &(dyn Fn(usize) + Sync)) -> Vec<C::Raw> {
        let block = |scalars: &[Fr]| {
            let raw = self.block(scalars);
            done(scalars.len());
            raw
        };
        scalars.par_chunks(BLOCK).flat_map_iter(block).collect()
    }

    fn block(&self, scalars: &[Fr]) -> Vec<C::Raw> {
        let half = Fr::MODULUS_MINUS_ONE_DIV_TWO;
        let split = |scalar: &Fr| {
            let value = scalar.into_bigint();
            let negative = value > half;
            let magnitude = if negative { (-*scalar).into_bigint() } else { value };
            (magnitude, negative)
        };
        let mut rest: Vec<_> = scalars.iter().map(split).collect();
        // The sums so far, then what is added next.
        let count = scalars.len();
        let mut points = vec![Affine::<C>::zero(); 2 * count];
        let mut adder = Adder::new();
        let mut sums = vec![];
        let radix = 1u64 << self.width;
        for row in &self.digits {
            sums.clear();
            for (at, (magnitude, negative)) in rest.iter_mut().enumerate() {
                let digit = magnitude.0[0] & (radix - 1);
                *magnitude >>= self.width;
                let (multiple, minus) = match digit {
                    0 => continue,
                    digit if digit > radix / 2 => {
                        magnitude.add_with_carry(&1u64.into());
                        (radix - digit, true)
                    }
                    digit => (digit, false),
                };
                let point = row[multiple as usize - 1];
                points[count + at] = if minus != *negative { -point } else { point };
                let left = at as u32;
                sums.push(Sum { left, right: left + count as u32, into: left });
            }
            adder.add(&mut points, &sums);
        }
        points[..count].iter().map(C::raw).collect()
    }
}

const fn digits_of(width: u32) -> usize {
    255u32.div_ceil(width) as usize
}

const fn cost(multiples: usize, width: u32) -> usize {
    digits_of(width) * (multiples + (1 << (width - 1)))
}

/// The bits of a digit for which table and multiples take the fewest additions.
fn width(multiples: usize) -> u32 {
    let cost = |width: &u32| cost(multiples, *width);
    (2..=14).min_by_key(cost).expect("a range that is not empty")
}

/// Scalars that one thread multiplies at a time.
const BLOCK: usize = 1024;
