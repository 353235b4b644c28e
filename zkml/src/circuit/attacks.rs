//! One attack per kind of row: all other rows hold, so without that kind it would pass.

use std::collections::BTreeSet;

use ark_bls12_381::Fr;
use ark_ff::{Field as _, Zero as _};
use assay_verifier::poseidon as core_poseidon;

use super::{
    specimens::{
        broken, clamping, clamping_input, crooked, every_op, every_op_input, filled, find, honest,
        identity, lie, public, public_shifted, shifted,
    },
    *,
};
use crate::{
    Compiled,
    program::{half, shift_bits},
    testing::small,
};

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
    let Op::Requantize { input: sums, rescale } = program.nodes[relu].op else { unreachable!() };
    let shift = rescale.shift;
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
    let (bits, exact) = input_bits(input.range);
    let each = 1 + if exact { bits } else { 2 * bits };
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
    let shift =
        find(program, |node| matches!(node.op, Op::Requantize { rescale, .. } if !rescale.relu));
    let lie = lie(program, &[100, 200], shift, 0, -3);
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
        let is_value = at > 0 && at < 1 + 3 * 9 && (at - 1).is_multiple_of(9);
        if !is_value {
            wires[first + at] = committed[first + at];
        }
    }
    only_breaks(Kind::Slot, compiled.r1cs(), &wires);
}

#[test]
fn slot_rows_are_needed_for_outputs() {
    // Commits to the output of another input.
    let compiled = shifted();
    assert!(compiled.program().outputs[0].shift > 0);
    let mut wires = honest(&compiled, &[1, 2, 3]).wires;
    let other = honest(&compiled, &[-100, 2, 3]);
    assert_ne!(other.outputs(), honest(&compiled, &[1, 2, 3]).outputs());
    wires[3] = other.wires[3];
    let salt = output_salt(&compiled);
    wires[salt..].copy_from_slice(&other.wires[salt..]);
    only_breaks(Kind::Slot, compiled.r1cs(), &wires);
}

/// The first wire of the only output.
fn output_salt(compiled: &Compiled) -> usize {
    let salt = assay_verifier::poseidon::salt_element(&crate::testing::salt(100));
    let zeros = vec![0; compiled.program().inputs[0].kind.elements()];
    let wires = filled(compiled, &compiled.program().trace(&[zeros]).unwrap());
    wires.iter().rposition(|wire| *wire == salt).unwrap()
}

#[test]
fn materialize_rows_are_needed_for_outputs() {
    // Commits to the output of another input, whose packed elements are wires.
    let compiled = small();
    assert_eq!(compiled.program().outputs[0].shift, 0);
    let mut wires = honest(&compiled, &[1, 2, 3]).wires;
    let other = honest(&compiled, &[-100, 2, 3]);
    assert_ne!(other.outputs(), honest(&compiled, &[1, 2, 3]).outputs());
    wires[3] = other.wires[3];
    let salt = output_salt(&compiled);
    wires[salt..].copy_from_slice(&other.wires[salt..]);
    only_breaks(Kind::Materialize, compiled.r1cs(), &wires);
}

#[test]
fn range_rows_are_needed() {
    // 100 is 105 above the least and fits its bits, but is not in the declared range.
    let (narrow, wide) = (identity((-5, 60)), identity((-5, 122)));
    let (bits, exact) = input_bits(narrow.program().inputs[0].range);
    assert_eq!((bits, exact), (7, false));
    assert_eq!(input_bits(wide.program().inputs[0].range), (bits, true));
    let from = narrow.r1cs().public_inputs() + 3;
    for value in [61, 100, 122] {
        let mut wires = honest(&wide, &[value; 3]).wires;
        for element in (0..3).rev() {
            // The negative difference as bits that add up to something else.
            let mut rest = vec![];
            assign_bits(&mut rest, (60 - value) & ((1 << bits) - 1), bits);
            let after = from + (1 + bits as usize) * (element + 1);
            wires.splice(after..after, rest);
        }
        only_breaks(Kind::Range, narrow.r1cs(), &wires);
    }
}

#[test]
fn product_rows_are_needed() {
    lies_only_break(Kind::Product, |node| matches!(node.op, Op::Product { .. }));
}

#[test]
fn materialized_sums_are_bound() {
    lies_only_break(Kind::Materialize, |node| matches!(node.op, Op::Materialize { .. }));
}

/// A node that lies about a result, all after it following from the lie.
fn lies_only_break(kind: Kind, wanted: impl Fn(&crate::program::Node) -> bool) {
    let compiled = every_op();
    let program = compiled.program();
    let input = every_op_input();
    let at = find(program, wanted);
    let truth = program.trace(std::slice::from_ref(&input)).unwrap()[at][0];
    for change in [-1, 1] {
        let lie = lie(program, &input, at, 0, truth + change);
        only_breaks(kind, compiled.r1cs(), &filled(&compiled, &lie));
    }
}

#[test]
fn choose_rows_are_needed() {
    // The index of another number: the comparisons stay true.
    let compiled = every_op();
    let program = compiled.program();
    let at = find(program, |node| matches!(node.op, Op::ArgMax { .. }));
    let input = every_op_input();
    let truth = program.trace(std::slice::from_ref(&input)).unwrap()[at][0];
    let honest = honest(&compiled, &input).wires;
    let trace = program.trace(std::slice::from_ref(&input)).unwrap();
    let mut lying = trace;
    lying[at][0] = (truth + 1) % 3;
    let mut wires = filled(&compiled, &lying);
    // Up to the ArgMax all is as it was but the index, the last wire before the outputs.
    let salt = assay_verifier::poseidon::salt_element(&crate::testing::salt(100));
    let index = honest.iter().rposition(|wire| *wire == salt).unwrap() - 1;
    assert_eq!(honest[index], Fr::from(truth));
    wires[index] = Fr::from(lying[at][0]);
    only_breaks(Kind::Choose, compiled.r1cs(), &wires);
}

/// Where the wires of a number stand that exceeds its ceiling, or does not: its ones above the
/// ceiling, inverse, whether it exceeds, clamped number, result.
fn clamped(compiled: &Compiled, wires: &[Fr], exceeding: bool) -> (Vec<usize>, usize) {
    let rows = compiled.r1cs();
    let [a, b, c] = rows.matrices();
    let wanted = Fr::from(u64::from(exceeding));
    let row = (0..rows.constraints())
        .find(|row| rows.kinds()[*row] == Kind::Exceeds && wires[c[*row][0].1] == wanted)
        .expect("the example has numbers of both sorts");
    (a[row].iter().map(|(_, wire)| *wire).collect(), b[row][0].1)
}

#[test]
fn exceeds_rows_are_needed() {
    // A small number is said to exceed the ceiling.
    let compiled = clamping();
    let mut wires = honest(&compiled, &clamping_input()).wires;
    let (_, inverse) = clamped(&compiled, &wires, false);
    let ceiling = ceiling(&compiled);
    wires[inverse + 1] = Fr::from(1u64);
    wires[inverse + 2] = Fr::from(ceiling);
    wires[inverse + 3] = Fr::from(ceiling);
    repaired(&compiled, &mut wires, inverse + 3, ceiling);
    only_breaks(Kind::Exceeds, compiled.r1cs(), &wires);
}

#[test]
fn within_rows_are_needed() {
    // A large number is said to be within the ceiling: its low bits are taken.
    let compiled = clamping();
    let mut wires = honest(&compiled, &clamping_input()).wires;
    let (ones, inverse) = clamped(&compiled, &wires, true);
    let bits = ceiling(&compiled).count_ones() as usize;
    let first = ones[0] - bits;
    let low: i64 =
        (0..bits).map(|bit| i64::from(wires[first + bit] == Fr::from(1u64)) << bit).sum();
    assert_ne!(low, ceiling(&compiled));
    wires[inverse] = Fr::zero();
    wires[inverse + 1] = Fr::zero();
    wires[inverse + 2] = Fr::from(low);
    wires[inverse + 3] = Fr::from(low);
    repaired(&compiled, &mut wires, inverse + 3, low);
    only_breaks(Kind::Within, compiled.r1cs(), &wires);
}

#[test]
fn clamp_rows_are_needed() {
    // A number of the prover's choice in the place of the ceiling.
    let compiled = clamping();
    let mut wires = honest(&compiled, &clamping_input()).wires;
    let (_, inverse) = clamped(&compiled, &wires, true);
    wires[inverse + 2] = Fr::from(5u64);
    wires[inverse + 3] = Fr::from(5u64);
    repaired(&compiled, &mut wires, inverse + 3, 5);
    only_breaks(Kind::Clamp, compiled.r1cs(), &wires);
}

fn ceiling(compiled: &Compiled) -> i64 {
    let node = find(
        compiled.program(),
        |node| matches!(node.op, Op::Requantize { rescale, .. } if rescale.clamp.is_some()),
    );
    let Op::Requantize { rescale, .. } = compiled.program().nodes[node].op else { unreachable!() };
    rescale.ceiling()
}

/// Makes the output follow from a lie about the result in `wire`, which is an output by itself.
fn repaired(compiled: &Compiled, wires: &mut Vec<Fr>, wire: usize, lie: i64) {
    let program = compiled.program();
    let node = program.outputs[0].node;
    let input = clamping_input();
    let mut trace = program.trace(std::slice::from_ref(&input)).unwrap();
    let [_, _, c] = compiled.r1cs().matrices();
    // The results of the last layer in order.
    let results: Vec<usize> = (0..compiled.r1cs().constraints())
        .filter(|row| compiled.r1cs().kinds()[*row] == Kind::Mux)
        .map(|row| c[row][0].1)
        .collect();
    let element = results.iter().position(|result| *result == wire).unwrap();
    trace[node][element] = lie;
    let other = filled(compiled, &trace);
    let salt = output_salt(compiled);
    wires.truncate(salt);
    wires.extend(&other[salt..]);
    wires[3] = other[3];
}

#[test]
fn maxima_are_no_more_and_no_less() {
    // Every other number than the largest of a window breaks a row, whether it is one of the window's
    // or not.
    let compiled = every_op();
    let program = compiled.program();
    let input = every_op_input();
    let at = find(program, |node| matches!(node.op, Op::Max { .. }));
    let trace = program.trace(std::slice::from_ref(&input)).unwrap();
    let Op::Max { input: cells, window } = &program.nodes[at].op else { unreachable!() };
    let members: Vec<i64> =
        window.operands(0).iter().map(|operand| trace[*cells][*operand]).collect();
    let truth = *members.iter().max().unwrap();
    let lies = members.iter().copied().chain([truth + 1, truth - 1]);
    for result in lies.filter(|lie| *lie != truth) {
        let lie = lie(program, &input, at, 0, result);
        assert!(compiled.r1cs().check(&filled(&compiled, &lie)).is_err(), "{result} for {truth}");
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
fn listed_rows_are_needed() {
    // The second input has no weight: nothing else has it.
    let compiled = public();
    let mut wires = honest(&compiled, &[1, 2, 3]).wires;
    wires[CONTEXT + 2] = Fr::from(9u64);
    only_breaks(Kind::Listed, compiled.r1cs(), &wires);
}

#[test]
fn packed_rows_are_needed() {
    // Another output than the program's, for all to see.
    for compiled in [public(), public_shifted()] {
        let mut wires = honest(&compiled, &[1, 2, 3]).wires;
        wires[CONTEXT + 4] += Fr::from(1u64);
        only_breaks(Kind::Packed, compiled.r1cs(), &wires);
    }
}

#[test]
fn the_context_row_is_needed() {
    let compiled = small();
    let mut wires = honest(&compiled, &[1, 2, 3]).wires;
    wires[CONTEXT] = Fr::from(8u64);
    only_breaks(Kind::Context, compiled.r1cs(), &wires);
}
