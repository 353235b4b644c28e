//! Circuit against program on good inputs and bad; every wire; every kind of row.

use std::collections::BTreeSet;

use ark_ff::{UniformRand as _, Zero as _};
use ark_std::rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use assay_verifier::{
    Algorithm, Commitment,
    ids::Salt,
    value::{Dtype, Type},
};
use proptest::prelude::*;
use prost::Message as _;

use ark_bls12_381::Fr;
use assay_verifier::{poseidon as core_poseidon, value::TensorType};

use super::*;
use crate::{
    Compiled, InputType, Interval, Options, Witness, compile,
    manifest::Layer,
    program::{Node, Rescale, half},
    quantize,
    testing::{
        compile_with, int64s, model, network, network_of_all_ops, node, options, raw_floats, salt,
        small, tensor, value_info, with_float, with_int, with_ints,
    },
    witness::fill,
};

/// Kinds of the rows that do not hold.
pub(super) fn broken(r1cs: &R1cs, wires: &[Fr]) -> BTreeSet<Kind> {
    let value = |row: &[(Fr, Wire)]| row.iter().map(|(by, wire)| *by * wires[*wire]).sum::<Fr>();
    let [a, b, c] = r1cs.matrices();
    (0..r1cs.constraints())
        .filter(|row| value(&a[*row]) * value(&b[*row]) != value(&c[*row]))
        .map(|row| r1cs.kinds()[row])
        .collect()
}

pub(super) fn honest(compiled: &Compiled, input: &[i64]) -> Witness {
    let salts: Vec<Salt> = (100..).take(compiled.program().outputs.len()).map(salt).collect();
    let witness = compiled.witness(Fr::from(7u64), &[(salt(1), input.to_vec())], &salts).unwrap();
    compiled.r1cs().check(&witness.wires).unwrap();
    witness
}

/// A trace with one result replaced and everything after it recomputed from the lie.
pub(super) fn lie(
    program: &Program,
    input: &[i64],
    at: usize,
    element: usize,
    result: i64,
) -> Vec<Vec<i64>> {
    let inputs = [input.to_vec()];
    let mut trace: Vec<Vec<i64>> = vec![];
    for (index, node) in program.nodes.iter().enumerate() {
        let mut results = node.results(&inputs, &trace);
        if index == at {
            assert_ne!(results[element], result, "not a lie");
            results[element] = result;
        }
        trace.push(results);
    }
    trace
}

pub(super) fn filled(compiled: &Compiled, trace: &[Vec<i64>]) -> Vec<Fr> {
    let outputs = (100..).take(compiled.program().outputs.len());
    let salts: Vec<Salt> = core::iter::once(1).chain(outputs).map(salt).collect();
    fill(compiled.program(), Fr::from(7u64), &salts, trace).unwrap().wires
}

pub(super) fn find(program: &Program, wanted: impl Fn(&Node) -> bool) -> usize {
    program.nodes.iter().position(wanted).unwrap()
}

/// Gemm, Gemm, Relu with a declared range, a shift without ReLU and an i8 output.
pub(super) fn crooked() -> Compiled {
    let gemm = |input: &str, layer: usize, output: &str| {
        let mut gemm = node("Gemm", &[input, &format!("w{layer}")], output);
        gemm.name = format!("fc{layer}");
        gemm
    };
    let nodes = vec![gemm("x", 0, "a"), gemm("a", 1, "b"), node("Relu", &["b"], "y")];
    let tensors = vec![
        raw_floats("w0", &[2, 1], &[0.75, -0.5]),
        raw_floats("w1", &[1, 6], &[1.0, -1.0, 0.5, 0.25, -0.75, 0.125]),
    ];
    let kind = tensor(Dtype::I16, &[1, 2], -8);
    let options = Options {
        inputs: vec![InputType { kind, range: (-3, 700) }],
        activation_bits: 6,
        output: Dtype::I8,
        ..options(2)
    };
    let compiled = compile_with(&model(&[-1, 2], nodes, tensors), &options);
    assert!(compiled.program().outputs[0].shift == 0);
    compiled
}

/// One layer whose sums are shifted on their way to an i8 output.
pub(super) fn shifted() -> Compiled {
    compile_with(&network(&[3, 2], 5), &Options { output: Dtype::I8, ..options(3) })
}

/// A model that computes nothing: its input with another shape.
pub(super) fn identity(range: (i64, i64)) -> Compiled {
    let shape = int64s("s", &[2], &[3, 1]);
    let reshape = node("Reshape", &["x", "s"], "y");
    let inputs = vec![InputType { kind: tensor(Dtype::I8, &[1, 3], 0), range }];
    let options = Options { inputs, output: Dtype::I8, ..options(3) };
    compile_with(&model(&[-1, 3], vec![reshape], vec![shape]), &options)
}

/// Every op that has rows of its own, and those that have none.
pub(super) fn every_op() -> Compiled {
    let pool = |op: &str, input: &str, output: &str| {
        let pool = with_ints(node(op, &[input], output), "kernel_shape", &[2, 2]);
        with_ints(pool, "strides", &[2, 2])
    };
    let (max, mean) = (pool("MaxPool", "r", "p"), pool("AveragePool", "l", "a"));
    let nodes = vec![
        with_ints(node("Conv", &["x", "k", "c"], "h"), "pads", &[1, 1, 1, 1]),
        node("Relu", &["h"], "r"),
        max,
        with_float(node("LeakyRelu", &["h"], "l"), "alpha", 0.25),
        mean,
        node("Add", &["p", "a"], "s"),
        node("Mul", &["p", "a"], "m"),
        with_int(node("Concat", &["s", "m"], "d"), "axis", 1),
        with_ints(node("Transpose", &["d"], "t"), "perm", &[0, 2, 3, 1]),
        node("Flatten", &["t"], "f"),
        node("Gemm", &["f", "w", "b"], "y"),
        with_int(node("ArgMax", &["y"], "class"), "axis", 1),
    ];
    let number = |at: usize| ((at * 37 + 11) % 64) as f32 / 32.0 - 1.0;
    let numbers = |from: usize, count: usize| (from..from + count).map(number).collect::<Vec<_>>();
    let tensors = vec![
        raw_floats("k", &[2, 1, 3, 3], &numbers(0, 18)),
        raw_floats("c", &[2], &[0.25, -0.5]),
        raw_floats("w", &[16, 3], &numbers(100, 48)),
        raw_floats("b", &[3], &[0.5, 0.25, -1.0]),
    ];
    let mut model = model(&[-1, 1, 4, 4], nodes, tensors);
    model.graph.as_mut().unwrap().output.push(value_info("class", &[]));
    let kind = tensor(Dtype::I8, &[1, 1, 4, 4], -3);
    let options = Options {
        inputs: vec![InputType { kind, range: (-16, 15) }],
        weight_bits: 4,
        activation_bits: 5,
        ..options(2)
    };
    compile_with(&model, &options)
}

pub(super) fn every_op_input() -> Vec<i64> {
    (0..16).map(|at| (at * 11 + 5) % 32 - 16).collect()
}

/// A layer whose results are the output, saturating at 511.
pub(super) fn clamping() -> Compiled {
    let nodes = vec![node("Gemm", &["x", "w"], "h"), node("Relu", &["h"], "y")];
    let w = raw_floats("w", &[2, 3], &[1.0, 0.125, -1.0, 1.0, 0.25, 0.5]);
    let onnx = model(&[-1, 2], nodes, vec![w]).encode_to_vec();
    let mut manifest = quantize(&onnx, &options(2)).unwrap();
    let Layer::Requantize { clamp, .. } = &mut manifest.layers[1] else { panic!() };
    *clamp = Some(9);
    compile(&onnx, &manifest.to_bytes()).unwrap()
}

/// One result above the ceiling, one below, one negative.
pub(super) fn clamping_input() -> Vec<i64> {
    vec![100, 20]
}

/// Inverses of numbers that are 0 may be anything: they decide nothing.
fn decide_nothing(r1cs: &R1cs, wires: &[Fr]) -> BTreeSet<Wire> {
    let [_, b, c] = r1cs.matrices();
    (0..r1cs.constraints())
        .filter(|row| r1cs.kinds()[*row] == Kind::Exceeds && wires[c[*row][0].1].is_zero())
        .map(|row| b[row][0].1)
        .collect()
}

#[test]
fn numbers_above_the_ceiling_become_the_ceiling() {
    let compiled = clamping();
    let outputs = honest(&compiled, &clamping_input()).outputs()[0].clone();
    assert_eq!(outputs, [511, 280, 0]);
}

/// The rows that are predicted are those that are written.
#[test]
fn rows_are_counted_without_being_written() {
    for compiled in [small(), crooked(), shifted(), identity((-5, 60)), every_op(), clamping()] {
        let rows = cost::rows(compiled.program()).unwrap();
        let rows: usize = rows.iter().map(|(_, rows)| rows).sum();
        assert_eq!(1 + rows, compiled.r1cs().constraints());
    }
}

#[test]
fn every_wire_is_bound() {
    let mut random = StdRng::seed_from_u64(11);
    let cases = [
        (small(), vec![1, -128, 127]),
        (crooked(), vec![-3, 700]),
        (shifted(), vec![5, 6, -7]),
        (identity((-5, 60)), vec![-5, 0, 60]),
        (every_op(), every_op_input()),
        (clamping(), clamping_input()),
    ];
    for (compiled, input) in cases {
        let r1cs = compiled.r1cs();
        let honest = honest(&compiled, &input).wires;
        let idle = decide_nothing(r1cs, &honest);
        for wire in 0..r1cs.wires() {
            for change in [Fr::from(1u64), Fr::rand(&mut random)] {
                let mut wires = honest.clone();
                wires[wire] += change;
                assert!(
                    r1cs.check(&wires).is_err() || idle.contains(&wire),
                    "wire {wire} of {} is free",
                    r1cs.wires()
                );
            }
        }
        // Bits flipped, together with random others: no two changes cancel by chance.
        for _ in 0..200 {
            let mut wires = honest.clone();
            for _ in 0..random.gen_range(2..6) {
                let wire = random.gen_range(1..wires.len());
                wires[wire] = Fr::from(1u64) - wires[wire];
            }
            let mut changed = (0..wires.len()).filter(|at| wires[*at] != honest[*at]);
            assert!(changed.all(|wire| idle.contains(&wire)) || r1cs.check(&wires).is_err());
        }
    }
}

#[test]
fn every_public_input_stands_in_a() {
    for compiled in [small(), crooked(), identity((-128, 127))] {
        let [a, _, _] = compiled.r1cs().matrices();
        for wire in 1..=compiled.r1cs().public_inputs() {
            assert!(a.iter().flatten().any(|(_, found)| *found == wire), "input {wire}");
        }
    }
}

#[test]
fn every_kind_of_row_occurs_in_the_circuits_under_test() {
    let kinds = |compiled: &Compiled| compiled.r1cs().kinds().iter().copied().collect();
    let seen: BTreeSet<Kind> = [small(), identity((-5, 60)), every_op(), clamping()]
        .iter()
        .flat_map(|compiled| -> BTreeSet<Kind> { kinds(compiled) })
        .collect();
    assert_eq!(seen.len(), 14, "{seen:?}");
}

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
        let result = gadgets::requantize(&mut builder, "", Lc::wire(sum), bound, rescale).unwrap();
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
            gadgets::requantize(&mut builder, "", Lc::wire(sum), bound, rescale).unwrap();
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
    for bits in [MAX + 1, 250, 254, 255, 256, u32::MAX] {
        let mut builder = Builder::new(0);
        let value = Lc::wire(builder.wire());
        let error = bits::decompose(&mut builder, Kind::Slot, value, bits).unwrap_err();
        assert_eq!(error, Error::DecompositionWidth { limit: MAX, found: bits });
    }
}

const MAX: u32 = crate::MAX_BITS;

#[test]
fn the_sponge_is_that_of_the_verifier() {
    let mut random = StdRng::seed_from_u64(5);
    for count in 1usize..6 {
        let domain = Fr::rand(&mut random);
        let absorbed: Vec<Fr> = (0..count).map(|_| Fr::rand(&mut random)).collect();
        let mut state = [domain, Fr::zero(), Fr::zero()];
        for pair in absorbed.chunks(2) {
            state[1] += pair[0];
            state[2] += pair.get(1).copied().unwrap_or_default();
            state = core_poseidon::permute(state);
        }

        let mut builder = Builder::new(0);
        let inputs: Vec<Lc> = (0..count).map(|_| Lc::wire(builder.wire())).collect();
        let digest = poseidon::constrain(&mut builder, domain, &inputs);
        let mut wires = vec![Fr::from(1u64)];
        wires.extend(&absorbed);
        if count == 1 {
            // A second rate element of zero is a constant as well: the gadget is never used so.
            continue;
        }
        assert_eq!(assign_sponge(&mut wires, domain, &absorbed), state[1]);
        let out = builder.wire();
        builder.enforce_zero(Kind::Commitment, digest.minus(&Lc::wire(out)));
        wires.push(state[1]);
        let r1cs = builder.finish();
        r1cs.check(&wires).unwrap();
        let permutations = count.div_ceil(2);
        assert_eq!(r1cs.constraints(), permutations * 3 * (8 * 3 + 57) - 3 + 1);
    }
}

#[test]
fn commitments_are_those_of_the_verifier() {
    for (compiled, input) in [(small(), vec![9, -9, 100]), (crooked(), vec![0, 699])] {
        let witness = honest(&compiled, &input);
        let program = compiled.program();
        let commitment = |kind: &TensorType, salt: &Salt, values: &[i64]| {
            let bytes = kind.bytes_of(values).unwrap();
            let kind = Type::Tensor(kind.clone());
            Commitment::to(Algorithm::Poseidon, &kind, salt, &bytes).unwrap().element().unwrap()
        };
        let expected = [
            Fr::from(7u64),
            commitment(&program.inputs[0].kind, &salt(1), &input),
            commitment(&program.outputs[0].kind, &salt(100), &witness.outputs()[0]),
        ];
        assert_eq!(witness.public_inputs(), expected);
    }
}

/// A random small network, its types, and inputs with the extremes among them.
fn cases() -> impl Strategy<Value = (Compiled, Vec<i64>)> {
    let sizes = proptest::collection::vec(1usize..5, 2..5);
    let numbers = (0u64.., 2u32..12, 1u32..14);
    let dtypes = (
        prop_oneof![Just(Dtype::I8), Just(Dtype::I16)],
        prop_oneof![Just(Dtype::I8), Just(Dtype::I16), Just(Dtype::I32)],
    );
    (sizes, numbers, dtypes, any::<bool>()).prop_flat_map(|(sizes, numbers, dtypes, narrow)| {
        let (seed, weight_bits, activation_bits) = numbers;
        let (low, high) = dtypes.0.range().unwrap();
        let range = if narrow { (low / 3, high / 2 + 1) } else { (low, high) };
        let width = sizes[0];
        let options = Options {
            inputs: vec![InputType { kind: tensor(dtypes.0, &[1, width as u32], -4), range }],
            weight_bits,
            activation_bits,
            output: dtypes.1,
            ..options(width)
        };
        let compiled = compile_with(&network(&sizes, seed), &options);
        let (low, high) = range;
        let element = prop_oneof![Just(low), Just(high), Just(0), low..=high];
        (Just(compiled), proptest::collection::vec(element, width))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_circuit_is_the_program((compiled, input) in cases(), pick in any::<prop::sample::Index>()) {
        let witness = honest(&compiled, &input);
        prop_assert_eq!(witness.outputs(), compiled.run(std::slice::from_ref(&input)).unwrap());
        prop_assert_eq!(witness.wires.len(), compiled.r1cs().wires());
        // A lie at any place of the computation is found.
        let program = compiled.program();
        let at = 1 + pick.index(program.nodes.len() - 1);
        let truth = program.trace(std::slice::from_ref(&input)).unwrap()[at][0];
        let bound = program.nodes[at].bounds[0];
        for result in [bound.low(), bound.high(), truth - 1, truth + 1] {
            if result != truth && bound.contains(result) {
                let wires = filled(&compiled, &lie(program, &input, at, 0, result));
                prop_assert!(compiled.r1cs().check(&wires).is_err());
            }
        }
    }

    /// Networks of all ops: what is proved is the program, at every extreme; every wire counts.
    #[test]
    fn the_circuit_of_any_network_is_its_program(
        seed in any::<u64>(),
        bits in (2u32..9, 2u32..9),
        clamp in any::<bool>(),
        pick in any::<prop::sample::Index>(),
    ) {
        let (model, shape) = network_of_all_ops(seed);
        let kind = tensor(Dtype::I8, &shape.map(|dim| dim as u32), -5);
        let count: usize = shape.iter().product();
        let samples: Vec<Vec<Vec<i64>>> = (0..4)
            .map(|sample| vec![(0..count).map(|at| ((at * 29 + sample * 17) % 48) as i64 - 16).collect()])
            .collect();
        let options = Options {
            inputs: vec![InputType { kind, range: (-32, 31) }],
            weight_bits: bits.0,
            activation_bits: bits.1,
            calibration: clamp.then_some(&samples),
            headroom: clamp.then_some(0),
            ..options(1)
        };
        let bytes = model.encode_to_vec();
        let manifest = match quantize(&bytes, &options) {
            Err(crate::Error::BoundTooWide { .. } | crate::Error::DecompositionWidth { .. }) => return Ok(()),
            // An output beyond i32 after the most that can be shifted out.
            other => other.unwrap(),
        };
        let compiled = compile(&bytes, &manifest.to_bytes()).unwrap();
        let rows: usize = cost::rows(compiled.program()).unwrap().iter().map(|(_, rows)| rows).sum();
        prop_assert_eq!(1 + rows, compiled.r1cs().constraints());
        let mut inputs = samples;
        inputs.push(vec![vec![-32; count]]);
        inputs.push(vec![vec![31; count]]);
        for input in &inputs {
            let trace = compiled.program().trace(input).unwrap();
            for (node, values) in compiled.program().nodes.iter().zip(&trace) {
                for (bound, value) in node.bounds.iter().zip(values) {
                    prop_assert!(bound.contains(*value), "{} leaves its interval", node.name);
                }
            }
            let witness = honest(&compiled, &input[0]);
            prop_assert_eq!(witness.outputs(), compiled.run(input).unwrap());
        }
        let honest = honest(&compiled, &inputs[0][0]).wires;
        let idle = decide_nothing(compiled.r1cs(), &honest);
        for turn in 0..20 {
            let wire = (pick.index(honest.len()) + turn * 7919) % honest.len();
            let mut wires = honest.clone();
            wires[wire] += Fr::from(1u64);
            prop_assert!(compiled.r1cs().check(&wires).is_err() || idle.contains(&wire));
        }
    }
}
