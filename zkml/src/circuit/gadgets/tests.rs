//! Shifts at every sum around their edges; widths.

use std::collections::BTreeSet;

use ark_bls12_381::Fr;

use super::{
    super::{assign_bits, specimens::broken},
    *,
};
use crate::MAX_BITS;

/// The widest interval whose shift needs so many bits.
fn widest(bits: u32, shift: u32) -> Interval {
    let edge = 1i128 << (bits - 1);
    let half = i128::from(half(shift));
    Interval::new("", -edge - half, edge - 1 - half).unwrap()
}

/// For every sum in and around a small range, every assignment of bits.
/// In range exactly one satisfies, with the program's result; out of range none.
#[test]
fn a_shift_has_one_witness_in_range_and_none_outside() {
    for (bits, shift, relu) in
        [(5, 0, true), (5, 2, true), (6, 3, true), (6, 4, false), (5, 0, false)]
    {
        let mut builder = Builder::new(0);
        let sum = builder.wire();
        let rescale = Rescale { relu, shift, clamp: None };
        let bound = widest(bits, shift);
        let result = requantize(&mut builder, "", Lc::wire(sum), bound, rescale, 0).unwrap();
        assert_eq!(result, 2 + bits as usize);
        let r1cs = builder.finish();
        assert_eq!(r1cs.constraints(), bits as usize + 2);
        let edge = 1i64 << (bits - 1);
        for value in -2 * edge - 2..2 * edge + 2 {
            let mut results = vec![];
            for pattern in 0..1i64 << bits {
                let mut wires = vec![Fr::from(1u64), Fr::from(value)];
                assign_bits(&mut wires, pattern, bits);
                for result in -edge..=edge {
                    wires.push(Fr::from(result));
                    if r1cs.check(&wires).is_ok() {
                        results.push(result);
                    }
                    wires.pop();
                }
            }
            let rounded = value + half(shift);
            if (-edge..edge).contains(&rounded) {
                assert_eq!(results, [rescale.apply(value)], "{value} {bits} {shift}");
            } else {
                assert_eq!(results, [0; 0], "{value} in {bits} bits");
            }
        }
    }
}

/// The same at the widths that models have.
#[test]
fn rounding_edges_agree_with_the_program() {
    for (bits, shift) in [(19u32, 6u32), (30, 1), (40, 20), (61, 30)] {
        let edge = 1i64 << (bits - 1);
        let step = 1i64 << shift;
        let sums = [-edge, -edge + 1, -step, -step / 2 - 1, -step / 2, -step / 2 + 1, -1, 0, 1];
        let above = [step / 2 - 1, step / 2, step / 2 + 1, step, edge - 1 - half(shift)];
        for relu in [true, false] {
            let mut builder = Builder::new(0);
            let sum = builder.wire();
            let rescale = Rescale { relu, shift, clamp: None };
            let bound = widest(bits, shift);
            requantize(&mut builder, "", Lc::wire(sum), bound, rescale, 0).unwrap();
            let r1cs = builder.finish();
            for value in sums.into_iter().chain(above) {
                let mut wires = vec![Fr::from(1u64), Fr::from(value)];
                assign_bits(&mut wires, value + half(shift) + edge, bits);
                wires.push(Fr::from(rescale.apply(value)));
                r1cs.check(&wires).unwrap();
                *wires.last_mut().unwrap() += Fr::from(1u64);
                assert!(r1cs.check(&wires).is_err());
            }
            // One more than the widest: its bits without the carry, and the result that they give.
            let value = edge - half(shift);
            let mut wires = vec![Fr::from(1u64), Fr::from(value)];
            assign_bits(&mut wires, 0, bits);
            wires.push(Fr::from(if relu { 0 } else { -edge >> shift }));
            assert_eq!(broken(&r1cs, &wires), BTreeSet::from([Kind::Recompose]));
        }
    }
}

#[test]
fn decompositions_stay_far_below_the_field() {
    for bits in [MAX_BITS + 1, 250, 254, 255, 256, u32::MAX] {
        let mut builder = Builder::new(0);
        let value = Lc::wire(builder.wire());
        let error = bits::decompose(&mut builder, Kind::Slot, value, bits).unwrap_err();
        assert_eq!(error, Error::DecompositionWidth { limit: MAX_BITS, found: bits });
    }
}
