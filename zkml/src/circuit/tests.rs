//! Circuit against program on good inputs and bad; every wire.

use std::collections::BTreeSet;

use ark_bls12_381::Fr;
use ark_ff::UniformRand as _;
use ark_std::rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use assay_verifier::{
    Algorithm, Commitment,
    ids::Salt,
    poseidon as core_poseidon,
    value::{Dtype, TensorType, Type},
};
use proptest::prelude::*;
use prost::Message as _;

use super::{
    specimens::{
        channels, clamping, clamping_input, crooked, decide_nothing, every_op, every_op_input,
        filled, honest, identity, lie, public, public_shifted, shifted,
    },
    *,
};
use crate::{
    Compiled, InputType, Options, WeightScales, compile, quantize,
    testing::{compile_with, network, network_of_all_ops, options, salt, small, tensor},
};

#[test]
fn numbers_above_the_ceiling_become_the_ceiling() {
    let compiled = clamping();
    let outputs = honest(&compiled, &clamping_input()).outputs()[0].clone();
    assert_eq!(outputs, [511, 280, 0]);
}

/// The rows that are predicted are those that are written.
#[test]
fn rows_are_counted_without_being_written() {
    let committed = [small(), crooked(), shifted(), identity((-5, 60)), every_op(), clamping()];
    for compiled in committed.into_iter().chain([public(), public_shifted(), channels()]) {
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
        (public(), vec![-5, 7, 60]),
        (public_shifted(), vec![5, 6, -7]),
        (channels(), vec![100, -20, 30]),
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
    for compiled in [small(), crooked(), identity((-128, 127)), public(), public_shifted()] {
        let [a, _, _] = compiled.r1cs().matrices();
        for wire in 1..=compiled.r1cs().public_inputs() {
            assert!(a.iter().flatten().any(|(_, found)| *found == wire), "input {wire}");
        }
    }
}

#[test]
fn every_kind_of_row_occurs_in_the_circuits_under_test() {
    let kinds = |compiled: &Compiled| compiled.r1cs().kinds().iter().copied().collect();
    let seen: BTreeSet<Kind> = [small(), identity((-5, 60)), every_op(), clamping(), public()]
        .iter()
        .flat_map(|compiled| -> BTreeSet<Kind> { kinds(compiled) })
        .collect();
    assert_eq!(seen.len(), 16, "{seen:?}");
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

#[test]
fn public_inputs_are_those_of_the_ports() {
    for (compiled, input) in [(public(), [-5, 7, 60]), (public_shifted(), [100, -3, 4])] {
        let witness = honest(&compiled, &input);
        let program = compiled.program();
        let bytes = program.outputs[0].kind.bytes_of(&witness.outputs()[0]).unwrap();
        let mut expected = vec![Fr::from(7u64)];
        expected.extend(input.map(Fr::from));
        expected.extend(core_poseidon::pack(&program.outputs[0].kind, &bytes).unwrap());
        assert_eq!(witness.public_inputs(), expected);
        assert_eq!(program.public_inputs(), expected.len());
        // The same program: what is shown changes nothing of what is computed.
        assert_eq!(compiled.run(&[input.to_vec()]).unwrap(), witness.outputs());
    }
    // Nothing is left of the input's 27 rows and its sponge, nor of the output's, but a row for each.
    let (open, hidden) = (public_shifted(), shifted());
    assert_eq!(open.program().nodes.len(), hidden.program().nodes.len());
    let rows = |compiled: &Compiled| compiled.r1cs().constraints();
    assert_eq!(rows(&hidden) - rows(&open), 27 + 2 * (240 + 1) - 2);
}

/// A key has at most 4,096 public inputs: a larger input is refused before any setup.
#[test]
fn inputs_that_no_key_could_list_are_refused() {
    let public = ["x".to_owned()];
    let bytes = network(&[4096, 1], 3).encode_to_vec();
    let hidden = Options { weight_bits: 2, ..options(4096) };
    let manifest = quantize(&bytes, &Options { public: &public, ..hidden }).unwrap();
    let error = compile(&bytes, &manifest.to_bytes()).unwrap_err();
    assert_eq!(error, Error::PublicInputs { limit: 4096, found: 4098 });
    let public = ["z".to_owned()];
    let error = quantize(&bytes, &Options { public: &public, ..options(4096) }).unwrap_err();
    assert!(matches!(error, Error::Options { option: "what is public", .. }), "{error}");
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
        per_channel in any::<bool>(),
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
            weight_scales: if per_channel { WeightScales::PerChannel } else { WeightScales::PerMap },
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
