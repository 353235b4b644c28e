//! One matrix of a circuit: eight bytes per term, for a dense layer has a term per weight.

use ark_bls12_381::Fr;
use ark_ff::AdditiveGroup as _;

use super::{
    Wire,
    wires::{Wires, integer},
};

/// Rows of terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Where each row ends.
    ends: Vec<usize>,
    terms: Vec<Term>,
    /// Coefficients that are no small integers.
    large: Vec<Fr>,
}

/// A coefficient times a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Term {
    wire: u32,
    /// An integer below [`LARGE`] in magnitude; from there on, [`LARGE`] plus a place in `large`.
    coefficient: i32,
}

const LARGE: i32 = 1 << 30;

/// A sum of products, in the form in which it was cheapest to compute.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// An integer: all coefficients and wires were small.
    Integer(i128),
    /// Any element.
    Element(Fr),
}

impl Value {
    pub(crate) fn element(self) -> Fr {
        match self {
            Self::Integer(integer) => match i64::try_from(integer) {
                Ok(integer) => Fr::from(integer),
                Err(_) => Fr::from(integer),
            },
            Self::Element(element) => element,
        }
    }

    /// Whether a · b = c, in the field.
    pub(crate) fn is_product(a: Self, b: Self, c: Self) -> bool {
        if let (Self::Integer(a), Self::Integer(b), Self::Integer(c)) = (a, b, c)
            && a.checked_mul(b) == Some(c)
        {
            return true;
        }
        a.element() * b.element() == c.element()
    }
}

impl Rows {
    /// Adds a row: ascending by wire, no coefficient zero.
    pub(super) fn push(&mut self, row: &[(Fr, Wire)]) {
        for (coefficient, wire) in row {
            let wire = u32::try_from(*wire).expect("circuits have fewer than 2^32 wires");
            let small = integer(coefficient).and_then(|small| i32::try_from(small).ok());
            let coefficient = match small {
                Some(small) if small.unsigned_abs() < LARGE.unsigned_abs() => small,
                _ => {
                    let place = i32::try_from(self.large.len()).expect("fewer than 2^30 of them");
                    self.large.push(*coefficient);
                    LARGE.checked_add(place).expect("fewer than 2^30 of them")
                }
            };
            self.terms.push(Term { wire, coefficient });
        }
        self.ends.push(self.terms.len());
    }

    /// Terms of all rows.
    pub(crate) const fn terms(&self) -> usize {
        self.terms.len()
    }

    /// Number of terms of a row, and the terms.
    pub(crate) fn row(&self, row: usize) -> impl ExactSizeIterator<Item = (Fr, Wire)> {
        self.terms_of(row).iter().map(|term| (self.coefficient(*term), term.wire as usize))
    }

    /// Every wire that stands in some row, once per term.
    pub(crate) fn wires(&self) -> impl Iterator<Item = Wire> {
        self.terms.iter().map(|term| term.wire as usize)
    }

    /// The sum of a row's terms.
    pub(crate) fn sum(&self, row: usize, wires: &Wires<'_>) -> Value {
        let (mut integer, mut element) = (0i128, Fr::ZERO);
        let mut integers_only = true;
        for term in self.terms_of(row) {
            match wires.integer(term.wire as usize) {
                // Below 2^30 · 2^32, and a row has fewer than 2^32 terms: nothing overflows.
                Some(wire) if term.coefficient < LARGE => {
                    integer += i128::from(i64::from(term.coefficient).wrapping_mul(wire));
                }
                _ => {
                    element += self.coefficient(*term) * wires.element(term.wire as usize);
                    integers_only = false;
                }
            }
        }
        let integer = Value::Integer(integer);
        if integers_only { integer } else { Value::Element(element + integer.element()) }
    }

    fn terms_of(&self, row: usize) -> &[Term] {
        let from = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.terms[from..self.ends[row]]
    }

    fn coefficient(&self, term: Term) -> Fr {
        match term.coefficient.checked_sub(LARGE) {
            Some(place) if place >= 0 => self.large[place as usize],
            _ => Fr::from(term.coefficient),
        }
    }
}
