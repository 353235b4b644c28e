//! The circuit of a program: the same meaning, as rows.
//!
//! Wires, in this order: the constant; `context`; a commitment per input, per output; then privately
//! the square of `context`; per input its salt, its integers with their bits, and the sponge; per
//! shift its bits and results; per output its salt, its bits, and the sponge. [`crate::Witness`]
//! fills them in the same order. Linear layers have no wires and no rows.

#[cfg(test)]
mod attacks;
mod bits;
mod poseidon;
#[cfg(test)]
mod tests;

use ark_bls12_381::Fr;
use assay_verifier::{poseidon as core_poseidon, value::TensorType};

use crate::{
    Error,
    program::{Input, Linear, Op, Output, Program, half, shift_bits},
    r1cs::{Builder, Kind, Lc, ONE, R1cs, Wire},
};

pub(crate) use self::{bits::assign as assign_bits, poseidon::assign as assign_sponge};

/// The public input `context`.
pub(crate) const CONTEXT: Wire = 1;

/// Writes the rows of a program.
pub(crate) fn build(program: &Program) -> Result<R1cs, Error> {
    let public_inputs = 1 + program.inputs.len() + program.outputs.len();
    let mut builder = Builder::new(public_inputs);
    context(&mut builder);
    let mut commitments = CONTEXT + 1..=public_inputs;
    let mut next = || commitments.next().expect("one public input per value");

    let mut inputs = Vec::with_capacity(program.inputs.len());
    for value in &program.inputs {
        inputs.push(input(&mut builder, value, next())?);
    }
    let mut values: Vec<Vec<Lc>> = Vec::with_capacity(program.nodes.len());
    for node in &program.nodes {
        let value = match &node.op {
            Op::Input { index } => inputs[*index].clone(),
            Op::Linear { input, map } => linear(map, &values[*input]),
            Op::Requantize { input, relu, shift } => {
                let bounds = &program.nodes[*input].bounds;
                let sums = values[*input].iter().zip(bounds);
                sums.map(|(sum, bound)| {
                    let bits = shift_bits(&node.name, *bound, *shift)?;
                    requantize(&mut builder, sum, bits, *relu, *shift)
                })
                .collect::<Result<_, _>>()?
            }
        };
        values.push(value);
    }
    for value in &program.outputs {
        output(&mut builder, value, &values[value.node], next())?;
    }
    Ok(builder.finish())
}

/// `context` takes part in a row of its own; without one, a proof for one context could be changed
/// into a proof for another.
fn context(builder: &mut Builder) {
    let square = builder.wire();
    builder.enforce(Kind::Context, Lc::wire(CONTEXT), Lc::wire(CONTEXT), Lc::wire(square));
}

/// Integers in the declared range, committed to.
fn input(builder: &mut Builder, input: &Input, commitment: Wire) -> Result<Vec<Lc>, Error> {
    let (bits, low) = slot(&input.kind);
    let salt = builder.wire();
    let mut slots = Vec::with_capacity(input.kind.elements());
    let mut values = Vec::with_capacity(input.kind.elements());
    for _ in 0..input.kind.elements() {
        let value = builder.wire();
        // value - low = Σ 2^j b_j
        let mut offset = Lc::wire(value);
        offset.add(-Fr::from(low), ONE);
        slots.push(bits::decompose(builder, Kind::Slot, offset, bits)?);
        for (bits, difference) in range_checks(input) {
            bits::decompose(builder, Kind::Range, difference.of(value), bits)?;
        }
        values.push(Lc::wire(value));
    }
    commit(builder, &input.kind, salt, &slots, commitment);
    Ok(values)
}

/// A difference that must not be negative.
#[derive(Clone, Copy)]
pub(crate) enum Difference {
    /// The value minus this.
    Above(i64),
    /// This minus the value.
    Below(i64),
}

impl Difference {
    fn of(self, value: Wire) -> Lc {
        let (sign, constant) = match self {
            Self::Above(low) => (Fr::from(1u64), -Fr::from(low)),
            Self::Below(high) => (-Fr::from(1u64), Fr::from(high)),
        };
        let mut lc = Lc::constant(constant);
        lc.add(sign, value);
        lc
    }

    pub(crate) fn value(self, value: i64) -> i64 {
        match self {
            Self::Above(low) => value - low,
            Self::Below(high) => high - value,
        }
    }
}

/// Decompositions that hold a value in a declared range narrower than its type, with their widths.
/// The slot already holds it in the type's range, from which the differences need no more bits than
/// these; a bound that is the type's own needs no check.
pub(crate) fn range_checks(input: &Input) -> impl Iterator<Item = (u32, Difference)> + use<> {
    let (low, high) = (input.range.low(), input.range.high());
    let (type_low, type_high) = input.kind.dtype().range().expect("checked when lowered");
    let width = i64::BITS - (high - low).leading_zeros();
    [
        (low > type_low).then_some((width, Difference::Above(low))),
        (high < type_high).then_some((width, Difference::Below(high))),
    ]
    .into_iter()
    .flatten()
}

/// Sums of constants times wires: no rows.
fn linear(map: &Linear, input: &[Lc]) -> Vec<Lc> {
    (0..map.bias.len())
        .map(|at| {
            let mut sum = Lc::constant(map.bias[at]);
            for (operand, weight) in map.terms(at) {
                sum.add_scaled(Fr::from(weight), &input[operand]);
            }
            sum.compact();
            sum
        })
        .collect()
}

/// `sum >> shift`, rounding half up, in `bits` + 2 rows. With v = sum + 2^(shift-1) + 2^(bits-1) =
/// Σ 2^j b_j, the highest bit says that the rounded sum is not negative, and the bits from `shift`
/// to below it are the result when it is not.
fn requantize(
    builder: &mut Builder,
    sum: &Lc,
    bits: u32,
    relu: bool,
    shift: u32,
) -> Result<Lc, Error> {
    let mut offset = sum.clone();
    offset.add(Fr::from(half(shift)) + Fr::from(1u64 << (bits - 1)), ONE);
    let wires = bits::decompose(builder, Kind::Recompose, offset, bits)?;
    let (sign, low) = wires.split_last().expect("at least two bits");
    let kept = &low[shift as usize..];
    let result = builder.wire();
    if relu {
        // The sign stands in B alone: it is there as a boolean already.
        builder.enforce(Kind::Mux, bits::sum(kept), Lc::wire(*sign), Lc::wire(result));
    } else {
        let mut value = bits::sum(&wires[shift as usize..]);
        value.add(-Fr::from(1u64 << (bits - 1 - shift)), ONE);
        builder.enforce_zero(Kind::Materialize, value.minus(&Lc::wire(result)));
    }
    Ok(Lc::wire(result))
}

/// Sums shifted to the output's scale, in slots, committed to.
fn output(
    builder: &mut Builder,
    output: &Output,
    sums: &[Lc],
    commitment: Wire,
) -> Result<(), Error> {
    let (bits, low) = slot(&output.kind);
    let salt = builder.wire();
    let mut slots = Vec::with_capacity(sums.len());
    for sum in sums {
        // sum + 2^(shift-1) - low · 2^shift = Σ 2^j b_j; the bits from `shift` on are the slot.
        let mut offset = sum.clone();
        offset.add(output_offset(low, output.shift), ONE);
        let wires = bits::decompose(builder, Kind::Slot, offset, output.shift + bits)?;
        slots.push(wires[output.shift as usize..].to_vec());
    }
    commit(builder, &output.kind, salt, &slots, commitment);
    Ok(())
}

/// What makes an output's sum a number that is not negative, and rounds it.
fn output_offset(low: i64, shift: u32) -> Fr {
    Fr::from(half(shift)) - Fr::from(low) * Fr::from(1u64 << shift)
}

/// Packs slots, absorbs salt and packed elements, and demands that the result is the public input.
fn commit(
    builder: &mut Builder,
    kind: &TensorType,
    salt: Wire,
    slots: &[Vec<Wire>],
    commitment: Wire,
) {
    let (bits, _) = slot(kind);
    let mut absorbed = vec![Lc::wire(salt)];
    for group in slots.chunks(core_poseidon::slots_per_element(bits)) {
        absorbed.push(bits::sum(&group.concat()));
    }
    let digest = poseidon::constrain(builder, core_poseidon::domain(kind), &absorbed);
    builder.enforce_zero(Kind::Commitment, digest.minus(&Lc::wire(commitment)));
}

/// Bits of a slot and the integer that it stores as zero.
pub(crate) fn slot(kind: &TensorType) -> (u32, i64) {
    let bits = kind.dtype().slot_bits().expect("checked when lowered");
    let (low, _) = kind.dtype().range().expect("checked when lowered");
    (bits, low)
}
