//! A number as bits: the one place where the circuit compares, shifts and bounds.

use ark_bls12_381::Fr;

use crate::{
    Error,
    program::MAX_BITS,
    r1cs::{Builder, Kind, Lc, ONE, Wire},
};

/// New wires b_0 … with b_j ∈ {0, 1} and `value` = Σ 2^j b_j, in `bits` + 1 rows; so `value` lies
/// in [0, 2^bits). `kind` names the row of the sum. Errors: more than [`MAX_BITS`] bits; from 255 on
/// a number would have two decompositions (more than one witness would do).
pub(super) fn decompose(
    builder: &mut Builder,
    kind: Kind,
    value: Lc,
    bits: u32,
) -> Result<Vec<Wire>, Error> {
    decompose_from(builder, kind, value, 0, bits)
}

/// The same for a value that is a multiple of 2^zeros, without its lowest bits: `bits` - `zeros` wires,
/// and `value` = 2^zeros Σ 2^j b_j.
pub(super) fn decompose_from(
    builder: &mut Builder,
    kind: Kind,
    value: Lc,
    zeros: u32,
    bits: u32,
) -> Result<Vec<Wire>, Error> {
    if bits > MAX_BITS {
        return Err(Error::DecompositionWidth { limit: MAX_BITS, found: bits });
    }
    let wires: Vec<Wire> = (zeros..bits).map(|_| builder.wire()).collect();
    for wire in &wires {
        // b · (b - 1) = 0
        let mut less_one = Lc::wire(*wire);
        less_one.add(-Fr::from(1u64), ONE);
        builder.enforce(Kind::Boolean, Lc::wire(*wire), less_one, Lc::default());
    }
    let mut total = Lc::default();
    total.add_scaled(Fr::from(1u64 << zeros), &sum(&wires));
    builder.enforce_zero(kind, value.minus(&total));
    Ok(wires)
}

/// The wires that [`decompose`] makes.
pub(crate) fn assign(out: &mut Vec<Fr>, value: i64, bits: u32) {
    let value = u64::try_from(value).expect("bounded by intervals");
    debug_assert!(value >> bits == 0, "{value} in {bits} bits");
    out.extend((0..bits).map(|bit| Fr::from(value >> bit & 1)));
}

/// Σ 2^j b_j.
pub(super) fn sum(bits: &[Wire]) -> Lc {
    let mut lc = Lc::default();
    let mut power = Fr::from(1u64);
    for wire in bits {
        lc.add(power, *wire);
        power += power;
    }
    lc
}
