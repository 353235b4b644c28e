//! Small models for the tests of circuits, with honest witnesses and lies.

use std::{collections::BTreeSet, sync::LazyLock};

use ark_bls12_381::Fr;
use ark_ff::Zero as _;
use assay_verifier::{ids::Salt, value::Dtype};
use prost::Message as _;

use crate::{
    Compiled, InputType, Options, WeightScales, Witness, compile,
    manifest::Layer,
    program::{Node, Op, Program},
    quantize,
    r1cs::{Kind, R1cs, Wire},
    testing::{
        ModelProto, compile_with, int64s, model, network, node, options, raw_floats, salt, tensor,
        value_info, with_float, with_int, with_ints,
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
pub(super) fn decide_nothing(r1cs: &R1cs, wires: &[Fr]) -> BTreeSet<Wire> {
    let [_, b, c] = r1cs.matrices();
    (0..r1cs.constraints())
        .filter(|row| r1cs.kinds()[*row] == Kind::Exceeds && wires[c[*row][0].1].is_zero())
        .map(|row| b[row][0].1)
        .collect()
}

/// A rectified layer whose first channel has weights 2^4 as large as the other's.
pub(super) fn channels() -> Compiled {
    let nodes = vec![node("Gemm", &["x", "w", "b"], "h"), node("Relu", &["h"], "y")];
    let tensors = vec![
        raw_floats("w", &[3, 2], &[0.75, 0.05, -0.5, 0.04, 0.875, -0.02]),
        raw_floats("b", &[2], &[0.3, 0.01]),
    ];
    let options = Options {
        weight_bits: 4,
        weight_scales: WeightScales::PerChannel,
        activation_bits: 6,
        ..options(3)
    };
    let compiled = compile_with(&model(&[-1, 3], nodes, tensors), &options);
    let program = compiled.program();
    let zeros = find(program, |node| matches!(node.op, Op::Linear { .. }));
    assert_eq!([0, 1].map(|at| program.zeros(zeros, at, 9)), [4, 0]);
    compiled
}

/// All inputs and outputs of a model as public inputs.
fn in_the_open(model: &ModelProto, options: &Options<'_>) -> Compiled {
    static ALL: LazyLock<[String; 2]> = LazyLock::new(|| ["inputs".into(), "outputs".into()]);
    compile_with(model, &Options { public: &*ALL, ..options.clone() })
}

/// A rectified layer whose second input has no weight, its results public as they are.
pub(crate) fn public() -> Compiled {
    let nodes = vec![node("Gemm", &["x", "w"], "h"), node("Relu", &["h"], "y")];
    let w = raw_floats("w", &[3, 2], &[0.75, -0.5, 0.0, 0.0, 0.25, 1.0]);
    let kind = tensor(Dtype::I8, &[1, 3], -4);
    let inputs = vec![InputType { kind, range: (-5, 60) }];
    in_the_open(&model(&[-1, 3], nodes, vec![w]), &Options { inputs, ..options(3) })
}

/// [`shifted`], in the open.
pub(super) fn public_shifted() -> Compiled {
    in_the_open(&network(&[3, 2], 5), &Options { output: Dtype::I8, ..options(3) })
}
