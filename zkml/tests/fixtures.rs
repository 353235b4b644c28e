//! Models as exporters write them: what the graph computes is what onnxruntime computes, the integer
//! program stays close to it, and the circuit is the program. `fixtures/make.py` makes the files.

#![allow(clippy::unwrap_used)] // clippy knows test functions, not their helpers

use std::{fs, path::Path};

use ark_bls12_381::Fr;
use assay_verifier::ids::Salt;
use assay_zkml::{Fidelity, Graph, Wanted, compile, quantize_inputs, search};

struct Fixture {
    onnx: Vec<u8>,
    low: f64,
    inputs: Vec<Vec<f64>>,
    /// For each input, each output by onnxruntime.
    outputs: Vec<Vec<Vec<f64>>>,
}

impl Fixture {
    fn read(name: &str) -> Self {
        let path = |end: &str| {
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.{end}"))
        };
        let json: serde_json::Value =
            serde_json::from_slice(&fs::read(path("json")).unwrap()).unwrap();
        let numbers = |json: &serde_json::Value| -> Vec<f64> {
            json.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        let samples = json["samples"].as_array().unwrap();
        Self {
            onnx: fs::read(path("onnx")).unwrap(),
            low: json["low"].as_f64().unwrap(),
            inputs: samples.iter().map(|sample| numbers(&sample["input"])).collect(),
            outputs: samples
                .iter()
                .map(|sample| sample["outputs"].as_array().unwrap().iter().map(numbers).collect())
                .collect(),
        }
    }
}

/// The rows of each circuit and the first bytes of its digest: any change is meant, or it is a fault.
const FIXTURES: [(&str, usize, &str); 8] = [
    ("conv_1d", 3718, "8e4602ac27045521"),
    ("keras_cnn", 4666, "69e0dd3d82d50473"),
    ("moves", 1394, "32726e1e77b441a1"),
    ("squeeze_excite", 4678, "a0b1c4117782fe3f"),
    ("torch_lenet", 9841, "63234b096c872028"),
    ("torch_mobilenet", 6127, "9e4a9a93ab1b23a9"),
    ("torch_residual", 5858, "42e9ed18281caa03"),
    ("torch_view", 1536, "549302a943393489"),
];

#[test]
fn graphs_compute_what_onnxruntime_computes() {
    for (name, ..) in FIXTURES {
        let fixture = Fixture::read(name);
        let graph = Graph::from_onnx(&fixture.onnx).unwrap();
        for (input, expected) in fixture.inputs.iter().zip(&fixture.outputs) {
            let found = graph.run(std::slice::from_ref(input)).unwrap();
            assert_eq!(found.len(), expected.len(), "{name}");
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                // onnxruntime computes in single precision.
                let limit = 1e-4 * (1.0 + expected.abs());
                assert!((found - expected).abs() < limit, "{name}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn programs_stay_close_and_circuits_are_the_programs() {
    let mut found = vec![];
    for (name, ..) in FIXTURES {
        let fixture = Fixture::read(name);
        let samples: Vec<Vec<Vec<f64>>> =
            fixture.inputs.iter().map(|input| vec![input.clone()]).collect();
        let wanted = Wanted {
            range: (fixture.low, 1.0),
            samples: &samples,
            headroom: 1,
            fidelity: Fidelity::MaxAbs(1.0),
            public: &[],
            weight_bits: Some(10),
            activation_bits: Some(10),
            input_bits: Some(8),
        };
        let choices = search(&fixture.onnx, &wanted).unwrap();
        let manifest = choices.manifest.to_bytes();
        let compiled = compile(&fixture.onnx, &manifest).unwrap();
        let kinds: Vec<_> = compiled.program().output_types().cloned().collect();
        for (input, expected) in samples.iter().zip(&fixture.outputs) {
            let integers = quantize_inputs(compiled.manifest(), input).unwrap();
            let outputs = compiled.run(&integers).unwrap();
            for ((kind, output), expected) in kinds.iter().zip(&outputs).zip(expected) {
                let unit = 2f64.powi(kind.scale().into());
                for (integer, expected) in output.iter().zip(expected) {
                    let error = (*integer as f64 * unit - expected).abs();
                    assert!(error < 0.05 * (1.0 + expected.abs()), "{name}: {error} of {expected}");
                }
            }
            let salt = |at: usize| Salt::new([u8::try_from(at).unwrap(); 31]);
            let salts: Vec<Salt> = (2..2 + outputs.len()).map(salt).collect();
            let inputs = [(salt(1), integers[0].clone())];
            let witness = compiled.witness(Fr::from(9u64), &inputs, &salts).unwrap();
            compiled.check(&witness).unwrap();
            assert_eq!(witness.outputs(), outputs, "{name}");
        }
        let shape = compiled.r1cs().shape();
        let counted: usize = compiled.rows().unwrap().iter().map(|(_, rows)| rows).sum();
        assert_eq!(counted + 1, shape.constraints, "{name}");
        found.push((name, shape.constraints, shape.digest.to_string()[..16].to_owned()));
    }
    let expected = FIXTURES.map(|(name, rows, digest)| (name, rows, digest.to_owned()));
    assert_eq!(found, expected);
}
