//! The search keeps what it is asked to keep, and finds smaller circuits for it.

use prost::Message as _;

use super::*;
use crate::{compile, testing::network};

fn samples(count: usize, width: usize) -> Vec<Vec<Vec<f64>>> {
    let number = |at: usize| ((at * 7919 + 13) % 1000) as f64 / 1000.0;
    let sample = |sample: usize| vec![(0..width).map(|at| number(sample * width + at)).collect()];
    (0..count).map(sample).collect()
}

fn wanted(samples: &[Vec<Vec<f64>>], fidelity: Fidelity) -> Wanted<'_> {
    Wanted {
        range: (0.0, 1.0),
        samples,
        headroom: 1,
        fidelity,
        public: &[],
        weight_bits: None,
        activation_bits: None,
        input_bits: None,
    }
}

#[test]
fn a_looser_fidelity_needs_no_more_rows() {
    let model = network(&[16, 64, 8], 3).encode_to_vec();
    let samples = samples(40, 16);
    let mut rows = vec![];
    for limit in [0.01, 0.1, 1.0] {
        let fidelity = Fidelity::MaxAbs(limit);
        let found = search(&model, &wanted(&samples, fidelity)).unwrap();
        assert!(found.report.keeps(fidelity), "{}", found.report);
        assert_eq!(found.report.samples, 40);
        let compiled = compile(&model, &found.manifest.to_bytes()).unwrap();
        rows.push(compiled.r1cs().domain());
        // The report is that of the program which is proved.
        let graph = Graph::from_onnx(&model).unwrap();
        let mut largest = 0.0f64;
        for sample in &samples {
            let integers = quantize_inputs(&found.manifest, sample).unwrap();
            let unit = 2f64.powi(compiled.program().output_types().next().unwrap().scale().into());
            let outputs = compiled.run(&integers).unwrap();
            for (exact, found) in graph.run(sample).unwrap()[0].iter().zip(&outputs[0]) {
                largest = largest.max((exact - *found as f64 * unit).abs());
            }
        }
        assert!((largest - found.report.max_abs).abs() < 1e-9);
    }
    assert!(rows.is_sorted_by(|a, b| a >= b), "{rows:?}");
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let model = network(&[4, 6, 3], 3).encode_to_vec();
    let samples = samples(5, 4);
    let error = search(&model, &wanted(&samples, Fidelity::MaxAbs(1e-12))).unwrap_err();
    assert!(matches!(error, Error::Fidelity { .. }), "{error}");
    let error = search(&model, &wanted(&[], Fidelity::Top1(0.5))).unwrap_err();
    assert!(matches!(error, Error::Calibration { .. }), "{error}");
    let short = [vec![vec![0.5; 3]]];
    let error = search(&model, &wanted(&short, Fidelity::Top1(0.5))).unwrap_err();
    assert!(matches!(error, Error::Calibration { sample: 0, .. }), "{error}");
    let turned = Wanted { range: (1.0, 0.0), ..wanted(&samples, Fidelity::Top1(0.5)) };
    assert!(matches!(search(&model, &turned).unwrap_err(), Error::Options { .. }));
}

#[test]
fn ranges_become_integers_of_so_many_bits() {
    let cases = [
        ((0.0, 1.0), 7, Dtype::I8, -7, (0, 127)),
        ((0.0, 1.0), 4, Dtype::I8, -4, (0, 15)),
        ((-1.0, 1.0), 8, Dtype::I8, -7, (-128, 127)),
        ((0.0, 255.0), 7, Dtype::I8, 1, (0, 127)),
        ((0.0, 1.0), 8, Dtype::I16, -8, (0, 255)),
        ((-0.5, 0.25), 8, Dtype::I8, -8, (-128, 64)),
    ];
    for (range, bits, dtype, scale, integers) in cases {
        let found = input_type(&[1, 3], range, bits).unwrap();
        assert_eq!((found.kind.dtype(), found.kind.scale()), (dtype, scale), "{range:?} {bits}");
        assert_eq!(found.range, integers, "{range:?} {bits}");
    }
    assert!(input_type(&[1], (0.0, 1.0), 33).is_err());
    assert!(input_type(&[1], (1e30, 1e30 + 1e25), 8).is_err());
}

#[test]
fn reals_far_beyond_the_range_are_refused() {
    let model = network(&[2, 2], 3).encode_to_vec();
    let samples = samples(4, 2);
    let found = search(&model, &wanted(&samples, Fidelity::Top1(0.0))).unwrap();
    let high = found.manifest.inputs[0].high;
    let integers = quantize_inputs(&found.manifest, &[vec![0.0, 1.0]]).unwrap();
    assert_eq!(integers, [[0, high]]);
    for bad in [1.2, -0.2, f64::NAN, f64::INFINITY] {
        let error = quantize_inputs(&found.manifest, &[vec![0.0, bad]]).unwrap_err();
        assert!(matches!(error, Error::InputReal { index: 1, .. }), "{error}");
    }
}
