//! Values of wires, with those that are small integers as such: nearly all are bits.

use ark_bls12_381::Fr;
use ark_ff::{AdditiveGroup as _, Field as _, PrimeField as _};
use rayon::prelude::*;

use crate::curve::sum::{SMALL_BITS, Scalar};

/// Values of the wires of a circuit.
pub(crate) struct Wires<'a> {
    elements: &'a [Fr],
    /// The same as integers, or [`NONE`] where they are not small.
    integers: Vec<i64>,
}

const NONE: i64 = i64::MIN;

impl<'a> Wires<'a> {
    pub(crate) fn new(elements: &'a [Fr]) -> Self {
        let integers = elements.par_iter().map(|element| integer(element).unwrap_or(NONE));
        Self { elements, integers: integers.collect() }
    }

    pub(crate) const fn count(&self) -> usize {
        self.elements.len()
    }

    pub(crate) fn element(&self, wire: usize) -> Fr {
        self.elements[wire]
    }

    /// The value, if it is small.
    pub(crate) fn integer(&self, wire: usize) -> Option<i64> {
        Some(self.integers[wire]).filter(|integer| *integer != NONE)
    }

    pub(crate) fn scalar(&self, wire: usize) -> Scalar {
        self.integer(wire).map_or_else(|| Scalar::Full(self.elements[wire]), Scalar::Small)
    }
}

/// An element as an integer between -2^32 and 2^32, if it is one.
pub(crate) fn integer(element: &Fr) -> Option<i64> {
    if *element == Fr::ZERO {
        return Some(0);
    }
    if *element == Fr::ONE {
        return Some(1);
    }
    let small = |element: Fr| match element.into_bigint().0 {
        [low, 0, 0, 0] if low >> SMALL_BITS == 0 => i64::try_from(low).ok(),
        _ => None,
    };
    small(*element).or_else(|| small(-*element).map(|integer| -integer))
}
