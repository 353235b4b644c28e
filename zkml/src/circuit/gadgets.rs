//! What is not linear: shifts, rectifiers, maxima.
//!
//! All rest on one statement: `v = Σ 2^j b_j` over `bits` boolean wires, where intervals have shown
//! `0 ≤ v < 2^bits`; so the bits are those of v, and no others.

use ark_bls12_381::Fr;

use super::{bits, sums::Sums};
use crate::{
    Error,
    program::{Interval, Rescale, half, shift_bits},
    r1cs::{Builder, Kind, Lc, ONE, Wire},
};

/// `sum >> shift`, rounding half up, in `bits` + 2 rows, or 3 more where it may saturate. With v =
/// sum + 2^(shift-1) + 2^(bits-1) = Σ 2^j b_j, the highest bit says that the rounded sum is not
/// negative, and the bits from `shift` to below it are the result when it is not. Of a sum whose lowest
/// `zeros` bits are zero for every input, fewer than `shift`, these bits have no rows.
pub(super) fn requantize(
    builder: &mut Builder,
    name: &str,
    sum: Lc,
    bound: Interval,
    rescale: Rescale,
    zeros: u32,
) -> Result<Wire, Error> {
    let Rescale { relu, shift, .. } = rescale;
    let bits = shift_bits(name, bound, shift)?;
    let mut offset = sum;
    offset.add(Fr::from(half(shift)) + Fr::from(1u64 << (bits - 1)), ONE);
    let wires = bits::decompose_from(builder, Kind::Recompose, offset, zeros, bits)?;
    let (sign, low) = wires.split_last().expect("at least two bits");
    let first = (shift - zeros) as usize;
    if relu {
        let magnitude = clamp(builder, &low[first..], bound, rescale);
        let result = builder.wire();
        // The sign stands in B alone: it is there as a boolean already.
        builder.enforce(Kind::Mux, magnitude, Lc::wire(*sign), Lc::wire(result));
        Ok(result)
    } else {
        let mut value = bits::sum(&wires[first..]);
        value.add(-Fr::from(1u64 << (bits - 1 - shift)), ONE);
        Ok(materialize(builder, value))
    }
}

/// The number that `kept` bits are, or the ceiling if it is larger. A number that cannot be larger
/// costs nothing. With S the number of ones among the bits above the ceiling: S · i = z and S · (1 -
/// z) = 0 make z whether there is one, and z · (ceiling - low) is added to the low bits.
fn clamp(builder: &mut Builder, kept: &[Wire], bound: Interval, rescale: Rescale) -> Lc {
    let excess = excess_bits(kept.len() as u32, bound, rescale) as usize;
    if excess == 0 {
        return bits::sum(kept);
    }
    let (low, high) = kept.split_at(kept.len() - excess);
    let low = bits::sum(low);
    let ones = || {
        let mut ones = Lc::default();
        high.iter().for_each(|wire| ones.add(Fr::from(1u64), *wire));
        ones
    };
    let [inverse, exceeds, clamped] = [builder.wire(), builder.wire(), builder.wire()];
    builder.enforce(Kind::Exceeds, ones(), Lc::wire(inverse), Lc::wire(exceeds));
    let mut within = Lc::constant(Fr::from(1u64));
    within.add(-Fr::from(1u64), exceeds);
    builder.enforce(Kind::Within, ones(), within, Lc::default());
    let to_ceiling = Lc::constant(rescale.ceiling()).minus(&low);
    builder.enforce(Kind::Clamp, to_ceiling, Lc::wire(exceeds), Lc::wire(clamped).minus(&low));
    Lc::wire(clamped)
}

/// How many of `kept` bits stand above the ceiling, where a number in `bound` can reach it.
pub(crate) fn excess_bits(kept: u32, bound: Interval, rescale: Rescale) -> u32 {
    match rescale.clamp {
        Some(clamp) if rescale.saturates(bound) => kept.saturating_sub(clamp),
        _ => 0,
    }
}

/// A wire that equals a combination: one row.
pub(super) fn materialize(builder: &mut Builder, value: Lc) -> Wire {
    let wire = builder.wire();
    builder.enforce_zero(Kind::Materialize, value.minus(&Lc::wire(wire)));
    wire
}

/// The largest of several numbers, one comparison after the other: max(m, x) = x + relu(m - x).
/// Gives the wire that the result exceeds the last number by.
pub(super) fn max(
    builder: &mut Builder,
    name: &str,
    sums: &Sums<'_>,
    input: usize,
    operands: &[usize],
) -> Result<Option<Wire>, Error> {
    let bounds = &sums.program().nodes[input].bounds;
    let (first, rest) = operands.split_first().expect("no window is empty");
    let (mut largest, mut bound) = (sums.lc(input, *first), bounds[*first]);
    let mut above = None;
    for operand in rest {
        let next = sums.lc(input, *operand);
        let difference = largest.minus(&next);
        let (wire, _) = relu(builder, name, difference, bound, bounds[*operand])?;
        bound = bound.larger(bounds[*operand]);
        largest = next;
        largest.add(Fr::from(1u64), wire);
        above = Some(wire);
    }
    Ok(above)
}

/// The index of the largest of several numbers, the lowest of several such: with b whether m ≥ x,
/// the index becomes i + b · (index - i).
pub(super) fn arg_max(
    builder: &mut Builder,
    name: &str,
    sums: &Sums<'_>,
    input: usize,
    operands: &[usize],
) -> Result<Wire, Error> {
    let bounds = &sums.program().nodes[input].bounds;
    let (first, rest) = operands.split_first().expect("an axis is not empty");
    let (mut largest, mut bound) = (sums.lc(input, *first), bounds[*first]);
    let mut index = Lc::default();
    let mut last = None;
    for (at, operand) in rest.iter().enumerate() {
        let next = sums.lc(input, *operand);
        let difference = largest.minus(&next);
        let (above, sign) = relu(builder, name, difference, bound, bounds[*operand])?;
        bound = bound.larger(bounds[*operand]);
        largest = next;
        largest.add(Fr::from(1u64), above);
        let own = Lc::constant(at as u64 + 1);
        let chosen = builder.wire();
        let result = Lc::wire(chosen).minus(&own);
        builder.enforce(Kind::Choose, index.minus(&own), Lc::wire(sign), result);
        index = Lc::wire(chosen);
        last = Some(chosen);
    }
    Ok(last.unwrap_or_else(|| materialize(builder, Lc::default())))
}

/// A difference of numbers in these intervals where it is positive, and otherwise 0; and whether it
/// is not negative.
fn relu(
    builder: &mut Builder,
    name: &str,
    difference: Lc,
    left: Interval,
    right: Interval,
) -> Result<(Wire, Wire), Error> {
    let (low, high) = left.minus(right);
    let bits = shift_bits(name, Interval::new(name, low, high)?, 0)?;
    let mut offset = difference;
    offset.add(Fr::from(1u64 << (bits - 1)), ONE);
    let wires = bits::decompose(builder, Kind::Recompose, offset, bits)?;
    let (sign, low) = wires.split_last().expect("at least two bits");
    let result = builder.wire();
    builder.enforce(Kind::Mux, bits::sum(low), Lc::wire(*sign), Lc::wire(result));
    Ok((result, *sign))
}

#[cfg(test)]
mod tests;
