//! The decision head of the example operation, from its ONNX file to a proof.

#![allow(clippy::unwrap_used)] // clippy knows test functions, not their helpers

use assay_verifier::{
    groth16::{Proof, VerifyingKey, context},
    ids::{OperationDigest, Salt},
    value::{Dtype, TensorType},
};
use assay_zkml::{Graph, InputType, Options, OsRng, compile, prove, quantize, setup::single_party};

fn head() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/digits/head.onnx");
    std::fs::read(path).unwrap()
}

/// i8 features in steps of 2^-4, as the attested step gives them.
fn feature_type(graph: &Graph) -> TensorType {
    let (_, shape) = graph.input_shapes().next().unwrap();
    let shape: Vec<u32> = shape.iter().map(|dim| u32::try_from(*dim).unwrap()).collect();
    TensorType::new(Dtype::I8, &shape, -4).unwrap()
}

/// Features like those that occur: most are zero, none negative.
fn samples(width: usize) -> Vec<Vec<i64>> {
    let mut state = 1u64;
    let mut number = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 512
    };
    let mut feature = move || i64::try_from(number().saturating_sub(384)).unwrap().min(127);
    (0..1000).map(|_| (0..width).map(|_| feature()).collect()).collect()
}

fn largest(values: impl Iterator<Item = f64>) -> usize {
    let values: Vec<f64> = values.collect();
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap()
}

#[test]
fn the_head_keeps_its_decisions_and_is_proved() {
    let onnx = head();
    let graph = Graph::from_onnx(&onnx).unwrap();
    let features = feature_type(&graph);
    let options = Options::new(vec![InputType::full(features.clone())]);
    let manifest = quantize(&onnx, &options).unwrap().to_bytes();
    let compiled = compile(&onnx, &manifest).unwrap();
    assert!(compiled.r1cs().constraints() < 2100, "{}", compiled.estimate());
    assert_eq!(compiled.r1cs().domain(), 4096);

    let samples = samples(features.elements());
    let agree = samples.iter().filter(|sample| {
        let real = sample.iter().map(|value| *value as f64 / 16.0).collect();
        let float = graph.run(&[real]).unwrap().remove(0);
        let integer = compiled.run(&[(*sample).clone()]).unwrap().remove(0);
        largest(float.into_iter()) == largest(integer.iter().map(|logit| *logit as f64))
    });
    let agree = agree.count();
    // These inputs are harder than digits: on the test split every decision is kept.
    assert!(agree >= 980, "{agree} of {}", samples.len());

    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    let context = context(&OperationDigest::new([3; 32]), 1);
    let inputs = [(Salt::new([1; 31]), samples[0].clone())];
    let witness = compiled.witness(context, &inputs, &[Salt::new([2; 31])]).unwrap();
    let proof = prove(&keys.proving, &compiled, &witness, &mut OsRng).unwrap();
    let key = VerifyingKey::from_bytes(&keys.verifying, 3).unwrap();
    key.verify(witness.public_inputs(), &Proof::from_bytes(&proof).unwrap()).unwrap();
    assert_eq!(witness.outputs(), compiled.run(&samples[..1]).unwrap());
}
