//! One attack per kind of row: all other rows hold, so without that kind it would pass.

use std::collections::BTreeSet;

use ark_ff::{Field as _, Zero as _};

use super::{
    tests::{broken, crooked, filled, find, honest, identity, lie},
    *,
};
use crate::{Compiled, testing::small};

/// The attack breaks rows of this kind and no other: without the kind it would pass, with it the
/// check refuses it.
fn only_breaks(kind: Kind, r1cs: &R1cs, wires: &[Fr]) {
    assert_eq!(broken(r1cs, wires), BTreeSet::from([kind]));
    let error = r1cs.check(wires).unwrap_err();
    assert!(matches!(error, Error::WitnessUnsatisfied { kind: found, .. } if found == kind));
}

#[test]
fn boolean_rows_are_needed() {
    let compiled = small();
    let program = compiled.program();
    let relu = find(program, |node| matches!(node.op, Op::Requantize { .. }));
    let Op::Requantize { input: sums, shift, .. } = program.nodes[relu].op else { unreachable!() };
    assert!(shift > 0);
    // An input that leaves a neuron negative, which the attack declares positive.
    let (input, element, sum) = (-128..128)
        .find_map(|x| {
            let trace = program.trace(&[vec![x, -x / 2, 3]]).unwrap();
            let element = trace[sums].iter().position(|sum| *sum < -64)?;
            Some((vec![x, -x / 2, 3], element, trace[sums][element]))
        })
        .unwrap();
    let bits = shift_bits("", program.nodes[sums].bounds[element], shift).unwrap();
    let kept = (sum + half(shift) + (1 << (bits - 1))) >> shift;
    assert!(kept > 0);
    let mut wires = filled(&compiled, &lie(program, &input, relu, element, kept));
    assert_eq!(broken(compiled.r1cs(), &wires), BTreeSet::from([Kind::Mux]));
    // The section of this element begins after those before it.
    let before: u32 = (0..element)
        .map(|at| shift_bits("", program.nodes[sums].bounds[at], shift).unwrap() + 1)
        .sum();
    let first = compiled.r1cs().public_inputs() + 2 + section(&compiled) + before as usize;
    let sign = first + bits as usize - 1;
    assert_eq!((wires[sign], wires[sign + 1]), (Fr::zero(), Fr::from(kept)));
    wires[sign] = Fr::from(1u64);
    wires[first] -= Fr::from(1u64 << (bits - 1));
    only_breaks(Kind::Boolean, compiled.r1cs(), &wires);
}

/// Wires of the only input: salt, values, bits, sponge.
fn section(compiled: &Compiled) -> usize {
    let input = &compiled.program().inputs[0];
    let each = 1 + slot(&input.kind).0 + range_checks(input).map(|(bits, _)| bits).sum::<u32>();
    let mut sponge = vec![];
    let packed =
        input.kind.elements().div_ceil(core_poseidon::slots_per_element(slot(&input.kind).0));
    assign_sponge(&mut sponge, Fr::from(1u64), &vec![Fr::from(3u64); packed + 1]);
    1 + each as usize * input.kind.elements() + sponge.len()
}

#[test]
fn recompose_rows_are_needed() {
    let compiled = small();
    let program = compiled.program();
    let sums = find(program, |node| matches!(node.op, Op::Linear { .. }));
    let lie = lie(program, &[1, 2, 3], sums, 1, 17);
    only_breaks(Kind::Recompose, compiled.r1cs(), &filled(&compiled, &lie));
}

#[test]
fn mux_rows_are_needed() {
    let compiled = small();
    let program = compiled.program();
    let relu = find(program, |node| matches!(node.op, Op::Requantize { .. }));
    let lie = lie(program, &[1, 2, 3], relu, 0, 9);
    only_breaks(Kind::Mux, compiled.r1cs(), &filled(&compiled, &lie));
}

#[test]
fn materialize_rows_are_needed() {
    let compiled = crooked();
    let program = compiled.program();
    let shift = find(program, |node| matches!(node.op, Op::Requantize { relu: false, .. }));
    let lie = lie(program, &[100, 200], shift, 0, -2);
    only_breaks(Kind::Materialize, compiled.r1cs(), &filled(&compiled, &lie));
}

#[test]
fn slot_rows_are_needed_for_inputs() {
    // Commits to one input, computes with another.
    let compiled = small();
    let committed = honest(&compiled, &[1, 2, 3]).wires;
    let mut wires = honest(&compiled, &[1, 2, 4]).wires;
    wires[2] = committed[2];
    let first = compiled.r1cs().public_inputs() + 2;
    for at in 0..section(&compiled) {
        let is_value = at > 0 && at < 1 + 3 * 9 && (at - 1) % 9 == 0;
        if !is_value {
            wires[first + at] = committed[first + at];
        }
    }
    only_breaks(Kind::Slot, compiled.r1cs(), &wires);
}

#[test]
fn slot_rows_are_needed_for_outputs() {
    // Commits to the output of another input.
    let compiled = small();
    let mut wires = honest(&compiled, &[1, 2, 3]).wires;
    let other = honest(&compiled, &[-100, 2, 3]);
    assert_ne!(other.outputs(), honest(&compiled, &[1, 2, 3]).outputs());
    wires[3] = other.wires[3];
    let mut sponge = vec![];
    assign_sponge(&mut sponge, Fr::from(1u64), &[Fr::from(1u64); 2]);
    let from = wires.len() - sponge.len() - 2 * 32;
    wires[from..].copy_from_slice(&other.wires[from..]);
    only_breaks(Kind::Slot, compiled.r1cs(), &wires);
}

#[test]
fn range_rows_are_needed() {
    // 100 is an i8, but not in the declared range.
    let (narrow, full) = (identity((-5, 60)), identity((-128, 127)));
    let from = narrow.r1cs().public_inputs() + 3;
    for value in [61, 100, 127, -6, -128] {
        let mut wires = honest(&full, &[value; 3]).wires;
        let (bits, _) = range_checks(&narrow.program().inputs[0]).next().unwrap();
        for element in (0..3).rev() {
            // Both differences, the negative one as bits that add up to something else.
            let mut differences = vec![];
            for (bits, difference) in range_checks(&narrow.program().inputs[0]) {
                let wrapped = difference.value(value) & ((1 << bits) - 1);
                assign_bits(&mut differences, wrapped, bits);
            }
            assert_eq!(differences.len(), 2 * bits as usize);
            let after = from + 9 * (element + 1);
            wires.splice(after..after, differences);
        }
        only_breaks(Kind::Range, narrow.r1cs(), &wires);
    }
}

#[test]
fn sbox_rows_are_needed() {
    // A commitment of the attacker's choice, reached by changing one fifth power of the last round.
    let compiled = small();
    let mut wires = honest(&compiled, &[1, 2, 3]).wires;
    let target = Fr::from(1234u64);
    let last = wires.len();
    let by = core_poseidon::parameters().mds[1][2];
    let change = (target - wires[3]) * by.inverse().unwrap();
    wires[last - 1] += change;
    wires[3] = target;
    only_breaks(Kind::Sbox, compiled.r1cs(), &wires);
}

#[test]
fn commitment_rows_are_needed() {
    let compiled = small();
    for public in [2, 3] {
        let mut wires = honest(&compiled, &[1, 2, 3]).wires;
        wires[public] += Fr::from(1u64);
        only_breaks(Kind::Commitment, compiled.r1cs(), &wires);
    }
}

#[test]
fn the_context_row_is_needed() {
    let compiled = small();
    let mut wires = honest(&compiled, &[1, 2, 3]).wires;
    wires[CONTEXT] = Fr::from(8u64);
    only_breaks(Kind::Context, compiled.r1cs(), &wires);
}
