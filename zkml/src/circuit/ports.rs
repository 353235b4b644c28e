//! Inputs and outputs: integers in range, packed and committed to; or public inputs of the circuit.

use ark_bls12_381::Fr;
use assay_verifier::{poseidon as core_poseidon, value::TensorType};

use super::{bits, gadgets::materialize, poseidon, sums::Sums};
use crate::{
    Error,
    manifest::Visibility,
    program::{Input, Interval, Output, half, shift_right},
    r1cs::{Builder, Kind, Lc, ONE, Wire},
};

/// Integers in the declared range, as wires. `public` gives the circuit's public inputs in order.
pub(super) fn input(
    builder: &mut Builder,
    input: &Input,
    public: &mut impl Iterator<Item = Wire>,
) -> Result<Vec<Wire>, Error> {
    match input.visibility {
        Visibility::Committed => committed(builder, input, one(public)),
        Visibility::Public => Ok(listed(builder, input, public)),
    }
}

/// Integers that are public inputs, held against their range by whoever verifies. One row has them
/// all: so an integer that the program does not use still takes part in the circuit.
fn listed(builder: &mut Builder, input: &Input, public: impl Iterator<Item = Wire>) -> Vec<Wire> {
    let values: Vec<Wire> = public.take(input.kind.elements()).collect();
    let sum = builder.wire();
    let mut all = Lc::wire(sum);
    values.iter().for_each(|value| all.add(-Fr::from(1u64), *value));
    builder.enforce_zero(Kind::Listed, all);
    values
}

/// Integers in the declared range, committed to. With value - low = Σ 2^j b_j over the bits of the
/// range's width, a value is at least `low`; where the range has not 2^bits integers, high - value
/// is decomposed as well.
fn committed(builder: &mut Builder, input: &Input, commitment: Wire) -> Result<Vec<Wire>, Error> {
    let (low, high) = (input.range.low(), input.range.high());
    let (bits, exact) = input_bits(input.range);
    let salt = builder.wire();
    let mut slots = Vec::with_capacity(input.kind.elements());
    let mut values = Vec::with_capacity(input.kind.elements());
    for _ in 0..input.kind.elements() {
        let value = builder.wire();
        let mut offset = Lc::wire(value);
        offset.add(-Fr::from(low), ONE);
        let wires = bits::decompose(builder, Kind::Slot, offset, bits)?;
        if !exact {
            let rest = Lc::constant(high).minus(&Lc::wire(value));
            bits::decompose(builder, Kind::Range, rest, bits)?;
        }
        let mut packed = bits::sum(&wires);
        packed.add(Fr::from(low - slot(&input.kind).1), ONE);
        slots.push(packed);
        values.push(value);
    }
    let packed = pack(&input.kind, &slots);
    commit(builder, &input.kind, salt, packed, commitment);
    Ok(values)
}

/// Bits of the offset of a number in a range, and whether they cannot be more than the range's.
pub(crate) const fn input_bits(range: Interval) -> (u32, bool) {
    let width = range.high() - range.low();
    (i64::BITS - width.leading_zeros(), width & (width + 1) == 0)
}

/// Sums shifted to the output's scale, in slots; committed to, or public. A sum that is not shifted is
/// in its slot's range by its interval; where they are committed to, the packed elements become wires, so
/// that no fan-in stands in B.
pub(super) fn output(
    builder: &mut Builder,
    output: &Output,
    sums: &Sums<'_>,
    public: &mut impl Iterator<Item = Wire>,
) -> Result<(), Error> {
    let salt = match output.visibility {
        Visibility::Committed => Some(builder.wire()),
        Visibility::Public => None,
    };
    let bounds = &sums.program().nodes[output.node].bounds;
    let mut slots = Vec::with_capacity(bounds.len());
    for (at, bound) in bounds.iter().enumerate() {
        let mut sum = sums.lc(output.node, at);
        let mut least = 0;
        if output.shift > 0 {
            // sum + 2^(shift-1) - least · 2^shift = Σ 2^j b_j; the bits from `shift` on are the
            // result's distance from its least.
            least = shift_right(bound.low(), output.shift);
            let (offset, bits) = output_bits(*bound, output.shift);
            sum.add(Fr::from(offset), ONE);
            let wires = bits::decompose(builder, Kind::Slot, sum, bits)?;
            sum = bits::sum(&wires[output.shift as usize..]);
        }
        sum.add(Fr::from(least - slot(&output.kind).1), ONE);
        slots.push(sum);
    }
    let mut packed = pack(&output.kind, &slots);
    let Some(salt) = salt else {
        for (element, public) in packed.into_iter().zip(public) {
            builder.enforce_zero(Kind::Packed, element.minus(&Lc::wire(public)));
        }
        return Ok(());
    };
    if output.shift == 0 {
        packed = packed.into_iter().map(|lc| Lc::wire(materialize(builder, lc))).collect();
    }
    commit(builder, &output.kind, salt, packed, one(public));
    Ok(())
}

/// The public input of a commitment.
fn one(public: &mut impl Iterator<Item = Wire>) -> Wire {
    public.next().expect("the program counts a public input for each commitment")
}

/// What is added to a sum in `bound` before its decomposition for an output, and the bits of that.
pub(crate) fn output_bits(bound: Interval, shift: u32) -> (i64, u32) {
    let offset = half(shift) - (shift_right(bound.low(), shift) << shift);
    let bits = i64::BITS - (bound.high() + offset).leading_zeros();
    (offset, bits.max(shift + 1))
}

/// Field elements from slots, as many as fit into each, the first lowest.
fn pack(kind: &TensorType, slots: &[Lc]) -> Vec<Lc> {
    let (bits, _) = slot(kind);
    let mut packed = vec![];
    for group in slots.chunks(core_poseidon::slots_per_element(bits)) {
        let mut element = Lc::default();
        let mut power = Fr::from(1u64);
        for slot in group {
            element.add_scaled(power, slot);
            power *= Fr::from(1u64 << bits);
        }
        packed.push(element);
    }
    packed
}

/// Absorbs salt and packed elements, and demands that the result is the public input.
fn commit(builder: &mut Builder, kind: &TensorType, salt: Wire, packed: Vec<Lc>, commitment: Wire) {
    let mut absorbed = vec![Lc::wire(salt)];
    absorbed.extend(packed);
    let digest = poseidon::constrain(builder, core_poseidon::domain(kind), &absorbed);
    builder.enforce_zero(Kind::Commitment, digest.minus(&Lc::wire(commitment)));
}

/// Bits of a slot and the integer that it stores as zero.
pub(crate) fn slot(kind: &TensorType) -> (u32, i64) {
    let bits = kind.dtype().slot_bits().expect("checked when lowered");
    let (low, _) = kind.dtype().range().expect("checked when lowered");
    (bits, low)
}
