//! Choices, their limits, and how far integers stray from real numbers.

use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::{
    compile,
    layout::Pick,
    testing::{
        ModelProto, compile_with, network, network_of_all_ops, node, options, raw_floats, small,
        tensor,
    },
};

fn quantized(model: &ModelProto, options: &Options<'_>) -> Result<Manifest, Error> {
    quantize(&model.encode_to_vec(), options)
}

fn shifts(manifest: &Manifest) -> Vec<u32> {
    let shift = |layer: &Layer| match layer {
        Layer::Requantize { shift, .. } => Some(*shift),
        Layer::Linear { .. } | Layer::Materialize { .. } => None,
    };
    manifest.layers.iter().filter_map(shift).collect()
}

#[test]
fn the_manifest_says_what_was_chosen() {
    let model = crate::testing::model(
        &[-1, 2],
        vec![node("Gemm", &["x", "w"], "h"), node("Relu", &["h"], "y")],
        vec![raw_floats("w", &[2, 1], &[0.75, -1.0])],
    );
    let options = Options { activation_bits: 8, ..options(2) };
    let manifest = quantized(&model, &options).unwrap();
    // 1.0 / 2^-6 = 64 fits 8 bits, 2^-7 does not. Worst case of the sum: 127 · 48 + 128 · 64.
    let layers = [
        Layer::Linear { node: "Gemm_h".into(), weight_bits: 8, weight_scale: -6, coarser: vec![] },
        Layer::Requantize {
            node: "Relu_y".into(),
            relu: true,
            shift: 6,
            clamp: None,
            bits: 15,
            scale: -4,
        },
    ];
    assert_eq!(manifest.layers, layers);
    let kind = Type::Tensor(tensor(Dtype::I32, &[1, 1], -4));
    let visibility = Visibility::Committed;
    assert_eq!(
        manifest.outputs,
        [manifest::Output { name: "y".into(), kind, shift: 0, visibility }]
    );
    assert_eq!(manifest.inputs[0].low, -128);
}

#[test]
fn options_out_of_bounds_are_refused() {
    let model = network(&[2, 2], 1);
    let kind = |dtype, shape: &[u32]| InputType::full(tensor(dtype, shape, 0));
    let i8 = || kind(Dtype::I8, &[1, 2]);
    let with = |input: InputType| Options::new(vec![input]);
    let cases = [
        (Options { weight_bits: 1, ..options(2) }, "zkml-options"),
        (Options { weight_bits: 25, ..options(2) }, "zkml-options"),
        (Options { activation_bits: 0, ..options(2) }, "zkml-options"),
        (Options { activation_bits: 33, ..options(2) }, "zkml-options"),
        (Options { output: Dtype::U8, ..options(2) }, "zkml-options"),
        (Options { output: Dtype::F32, ..options(2) }, "zkml-options"),
        (Options::new(vec![]), "zkml-input-count"),
        (with(kind(Dtype::I8, &[2])), "zkml-input-type"),
        (with(kind(Dtype::I8, &[1, 3])), "zkml-input-type"),
        (with(kind(Dtype::U8, &[1, 2])), "zkml-input-type"),
        (with(kind(Dtype::F32, &[1, 2])), "zkml-input-type"),
        (with(InputType { range: (0, 128), ..i8() }), "zkml-input-type"),
        (with(InputType { range: (-129, 0), ..i8() }), "zkml-input-type"),
        (with(InputType { range: (1, 0), ..i8() }), "zkml-input-type"),
    ];
    for (options, code) in cases {
        assert_eq!(quantized(&model, &options).unwrap_err().code(), code, "{options:?}");
    }
}

#[test]
fn sums_that_could_wrap_are_refused() {
    let kind = tensor(Dtype::I32, &[1, 2], 0);
    let options = Options {
        inputs: vec![InputType::full(kind)],
        weight_bits: 24,
        activation_bits: 32,
        ..options(2)
    };
    let error = quantized(&network(&[2, 1200, 2], 3), &options).unwrap_err();
    assert!(matches!(error, Error::BoundTooWide { limit: 62, .. }), "{error}");
    // Fewer activation bits and the same model fits.
    let options = Options { activation_bits: 16, ..options };
    quantized(&network(&[2, 1200, 2], 3), &options).unwrap();
}

#[test]
fn calibration_makes_scales_finer_and_never_coarser() {
    let model = network(&[8, 6, 4], 9);
    let worst = quantized(&model, &options(8)).unwrap();
    let samples: Vec<_> = (0..20).map(|i| vec![vec![i, -i, 1, 0, 0, 2, 0, i]]).collect();
    let calibrated = Options { calibration: Some(&samples), ..options(8) };
    let seen = quantized(&model, &calibrated).unwrap();
    assert!(shifts(&seen)[0] < shifts(&worst)[0], "{:?} {:?}", shifts(&seen), shifts(&worst));
    // Extremes as samples are the worst case at most.
    let extremes = vec![vec![vec![127; 8]], vec![vec![-128; 8]]];
    let calibrated = Options { calibration: Some(&extremes), ..options(8) };
    assert!(shifts(&quantized(&model, &calibrated).unwrap())[0] <= shifts(&worst)[0]);
    let wrong = vec![vec![vec![1; 7]]];
    let calibrated = Options { calibration: Some(&wrong), ..options(8) };
    let error = quantized(&model, &calibrated).unwrap_err();
    assert!(matches!(error, Error::Calibration { sample: 0, .. }), "{error}");
}

/// A manifest that differs in anything from what follows from its choices does not compile.
#[test]
fn manifests_are_checked_line_by_line() {
    let model = network(&[3, 2, 2], 1);
    let bytes = model.encode_to_vec();
    let good = quantized(&model, &options(3)).unwrap();
    compile(&bytes, &good.to_bytes()).unwrap();
    type Change = fn(&mut Manifest);
    fn coarser(manifest: &mut Manifest, of: &[u32]) {
        let Layer::Linear { coarser, .. } = &mut manifest.layers[0] else { unreachable!() };
        *coarser = of.to_vec();
    }
    let changes: [Change; 25] = [
        // Of two channels with weights of 8 bits.
        |m| coarser(m, &[0]),
        |m| coarser(m, &[0, 0]),
        |m| coarser(m, &[1, 2]),
        |m| coarser(m, &[0, 23]),
        |m| coarser(m, &[0, 1, 0]),
        |m| m.compiler.push('1'),
        |m| m.model = assay_verifier::ids::Sha256Digest::of(b"other"),
        |m| m.inputs[0].name.push('x'),
        |m| m.inputs[0].low -= 1,
        |m| m.inputs.clear(),
        |m| m.inputs[0].kind = Type::bytes("text/plain").unwrap(),
        |m| m.layers.truncate(2),
        |m| m.layers.push(m.layers[0].clone()),
        |m| m.layers.swap(0, 1),
        |m| m.outputs.clear(),
        |m| m.outputs[0].name.push('x'),
        |m| m.outputs[0].shift += 1,
        |m| m.outputs.push(m.outputs[0].clone()),
        |m| m.outputs[0].kind = Type::Tensor(tensor(Dtype::I8, &[1, 2], 0)),
        |m| m.outputs[0].kind = Type::Tensor(tensor(Dtype::I32, &[2, 1], 0)),
        |m| match &mut m.layers[1] {
            Layer::Requantize { bits, .. } => *bits += 1,
            _ => unreachable!(),
        },
        |m| match &mut m.layers[1] {
            Layer::Requantize { relu, .. } => *relu = false,
            _ => unreachable!(),
        },
        |m| match &mut m.layers[1] {
            Layer::Requantize { clamp, .. } => *clamp = Some(0),
            _ => unreachable!(),
        },
        |m| m.layers.insert(1, Layer::Materialize { node: "Gemm_s0".into() }),
        |m| match &mut m.layers[0] {
            Layer::Linear { weight_scale, .. } => *weight_scale -= 1,
            _ => unreachable!(),
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut manifest = good.clone();
        change(&mut manifest);
        assert_ne!(manifest, good);
        let error = compile(&bytes, &manifest.to_bytes()).unwrap_err();
        let codes = ["zkml-manifest-mismatch", "zkml-input-type", "zkml-input-count"];
        assert!(codes.contains(&error.code()), "change {at}: {error}");
    }
    for field in ["shift", "weight_bits", "weight_scale"] {
        let text = String::from_utf8(good.to_bytes()).unwrap();
        for extreme in ["0", "63", "4294967295", "2147483647"] {
            let at = text.find(&format!("\"{field}\": ")).unwrap() + field.len() + 4;
            let end = at + text[at..].find([',', '\n']).unwrap();
            let changed = format!("{}{extreme}{}", &text[..at], &text[end..]);
            let error = compile(&bytes, changed.as_bytes()).unwrap_err();
            assert!(error.code().starts_with("zkml-"), "{field} {extreme}: {error}");
        }
    }
}

#[test]
fn programs_refuse_what_is_outside_the_declared_ranges() {
    let range = (-5, 60);
    let kind = tensor(Dtype::I8, &[1, 3], -4);
    let options = Options { inputs: vec![InputType { kind, range }], ..options(3) };
    let compiled = compile_with(&network(&[3, 2], 1), &options);
    compiled.run(&[vec![-5, 60, 0]]).unwrap();
    let error = compiled.run(&[vec![0, 61, 0]]).unwrap_err();
    let (input, index) = ("x".to_owned(), 1);
    assert_eq!(error, Error::InputRange { input, index, low: -5, high: 60, found: 61 });
    assert!(matches!(
        small().run(&[vec![1; 2]]),
        Err(Error::InputLength { expected: 3, found: 2, .. })
    ));
    assert!(matches!(small().run(&[]), Err(Error::InputCount { expected: 1, found: 0 })));
}

/// Two pairs of outputs, one from channels whose weights are 2^-4 times the others': with scales of their
/// own, weights of 5 bits are closer than those of 8, and the circuit is smaller.
#[test]
fn channels_of_different_size_are_cheaper_with_scales_of_their_own() {
    let (width, hidden) = (16usize, 16usize);
    let number = |at: usize| ((at * 7919 + 31) % 199) as f32 / 99.5 - 1.0;
    let small = |row: usize| if row < hidden / 2 { 1.0 } else { 0.0625 };
    let w0: Vec<f32> = (0..hidden * width).map(|at| number(at) * small(at / width)).collect();
    // The first two outputs see the large channels, the others the small ones, 2^4 times as strongly.
    let reads = |row: usize, column: usize| (row < 2) == (column < hidden / 2);
    let w1 = (0..4 * hidden).map(|at| {
        let (row, column) = (at / hidden, at % hidden);
        if reads(row, column) { number(at + 1000) / small(column) } else { 0.0 }
    });
    let (w0, w1) =
        (raw_floats("w0", &[16, 16], &w0), raw_floats("w1", &[4, 16], &w1.collect::<Vec<_>>()));
    let gemm = |input: &str, w: &str, output: &str| {
        crate::testing::with_int(node("Gemm", &[input, w], output), "transB", 1)
    };
    let nodes = vec![gemm("x", "w0", "h"), node("Relu", &["h"], "r"), gemm("r", "w1", "y")];
    let model = crate::testing::model(&[-1, 16], nodes, vec![w0, w1]);
    let graph = Graph::from_onnx(&model.encode_to_vec()).unwrap();
    let measured = |weight_bits, weight_scales| {
        let options = Options { weight_bits, weight_scales, ..options(width) };
        let compiled = compile_with(&model, &options);
        let unit = 2f64.powi(output_scale(compiled.manifest()).into());
        let mut error = 0.0;
        for sample in 0..50 {
            let input: Vec<i64> =
                (0..width).map(|at| ((sample * 97 + at * 61) % 256) as i64 - 128).collect();
            let real = input.iter().map(|integer| *integer as f64 / 16.0).collect();
            let exact = graph.run(&[real]).unwrap();
            let found = compiled.run(&[input]).unwrap();
            let pairs = exact[0].iter().zip(&found[0]);
            error += pairs.map(|(exact, found)| (exact - *found as f64 * unit).abs()).sum::<f64>();
        }
        (compiled.r1cs().constraints(), error / 200.0)
    };
    let (rows, error) = measured(8, WeightScales::PerMap);
    let (fewer_rows, smaller_error) = measured(5, WeightScales::PerChannel);
    println!("{rows} rows, error {error}; per channel {fewer_rows} rows, error {smaller_error}");
    assert!(fewer_rows < rows, "{fewer_rows} of {rows}");
    assert!(smaller_error < error, "{smaller_error} of {error}");
    // And the manifest is its own proof of what was chosen: it replays, and is the same every time.
    let options =
        Options { weight_bits: 5, weight_scales: WeightScales::PerChannel, ..options(width) };
    assert_eq!(quantized(&model, &options), quantized(&model, &options));
}

/// Largest error of each result, op by op: half a unit per weight, bias and shift, and what the
/// operands bring. A constant of a copy and the factors of a sum are weights of their own.
fn error_bound(model: &ModelProto, manifest: &Manifest, input: &[f64]) -> Vec<f64> {
    let graph = Graph::from_onnx(&model.encode_to_vec()).unwrap();
    let trace = graph.trace(&[input.to_vec()]).unwrap();
    let mut errors: Vec<Vec<f64>> = vec![];
    let mut layers = manifest.layers.iter().peekable();
    let first = i32::from(manifest.inputs[0].kind.tensor().unwrap().scale());
    let mut scales: Vec<i32> = vec![];
    let half = |scale: i32| 2f64.powi(scale - 1);
    for (id, node) in graph.nodes().iter().enumerate() {
        // What an operand loses on its way into a map.
        let maps = matches!(node.op, Op::Linear { .. } | Op::Product { .. });
        for operand in node.op.operands().into_iter().filter(|_| maps) {
            match layers.peek() {
                Some(Layer::Materialize { node }) if *node == graph.nodes()[operand].name => {
                    layers.next();
                }
                Some(Layer::Requantize { node, relu: false, scale, .. })
                    if *node == graph.nodes()[operand].name =>
                {
                    scales[operand] = *scale;
                    errors[operand].iter_mut().for_each(|error| *error += half(*scale));
                    layers.next();
                }
                _ => {}
            }
        }
        let value = |node: usize, at: usize| trace[node][at].abs();
        let all = 0..node.elements;
        let (error, scale): (Vec<f64>, i32) = match &node.op {
            Op::Input => (vec![0.0; node.elements], first),
            Op::Linear { input, map } => {
                let Some(Layer::Linear { weight_scale, coarser, .. }) = layers.next() else {
                    panic!()
                };
                let scale = scales[*input] + weight_scale;
                let sum = |at| {
                    let channel = coarser.get(map.layout.channel(at)).copied().unwrap_or(0);
                    let mut sum = half(scale + channel as i32);
                    map.layout.visit(at, |operand, weight| {
                        let error = errors[*input][operand];
                        sum += map.weight(weight).abs() * error
                            + half(weight_scale + channel as i32)
                                * (value(*input, operand) + error);
                    });
                    sum
                };
                (all.map(sum).collect(), scale)
            }
            Op::Relu { input, .. } => {
                let Some(Layer::Requantize { scale, .. }) = layers.next() else { panic!() };
                (errors[*input].iter().map(|error| error + half(*scale)).collect(), *scale)
            }
            Op::Max { input, window } => {
                let largest = |at| {
                    let errors = window.operands(at).into_iter().map(|at| errors[*input][at]);
                    errors.fold(0.0, f64::max)
                };
                (all.map(largest).collect(), scales[*input])
            }
            Op::Product { left, right } => {
                let product = |at| {
                    let (a, b) = (errors[*left][at], errors[*right][at]);
                    value(*left, at) * b + value(*right, at) * a + a * b
                };
                (all.map(product).collect(), scales[*left] + scales[*right])
            }
            Op::Select { inputs, picks } => {
                let scale = inputs.iter().map(|input| scales[*input]).min().unwrap();
                let copy = |pick: &Pick<f64>| match pick {
                    Pick::Constant(_) => half(scale),
                    Pick::Element { source, at } => errors[inputs[*source as usize]][*at as usize],
                };
                (picks.iter().map(copy).collect(), scale)
            }
            Op::Sum { inputs } => {
                let Some(Layer::Linear { weight_scale, .. }) = layers.next() else { panic!() };
                let sum = |at: usize| {
                    let term = |(input, factor): &(usize, f64)| {
                        let error = errors[*input][at];
                        factor.abs() * error + half(*weight_scale) * (value(*input, at) + error)
                    };
                    inputs.iter().map(term).sum()
                };
                let scale = inputs.iter().map(|(input, _)| scales[*input]).min().unwrap();
                (all.map(sum).collect(), scale + weight_scale)
            }
            Op::ArgMax { .. } => panic!("an index has no error bound"),
        };
        assert_eq!(errors.len(), id);
        errors.push(error);
        scales.push(scale);
    }
    let last = &errors[graph.outputs()[0].node];
    last.iter().map(|error| error + half(i32::from(output_scale(manifest)))).collect()
}

fn output_scale(manifest: &Manifest) -> i8 {
    manifest.outputs[0].kind.tensor().unwrap().scale()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn integers_stay_within_the_error_bound(
        sizes in proptest::collection::vec(1usize..7, 2..5),
        seed in 0u64..,
        weight_bits in 3u32..14,
        activation_bits in 2u32..16,
        numbers in proptest::collection::vec(-128i64..128, 7),
    ) {
        let model = network(&sizes, seed);
        let options = Options { weight_bits, activation_bits, ..options(sizes[0]) };
        let compiled = compile_with(&model, &options);
        let input = numbers[..sizes[0]].to_vec();
        let real: Vec<f64> = input.iter().map(|x| *x as f64 / 16.0).collect();
        let exact = Graph::from_onnx(&model.encode_to_vec()).unwrap().run(std::slice::from_ref(&real)).unwrap();
        let integers = compiled.run(&[input]).unwrap();
        let unit = 2f64.powi(output_scale(compiled.manifest()).into());
        let bounds = error_bound(&model, compiled.manifest(), &real);
        for ((exact, integer), bound) in exact[0].iter().zip(&integers[0]).zip(bounds) {
            let error = (exact - *integer as f64 * unit).abs();
            prop_assert!(error <= bound * (1.0 + 1e-9), "{} > {}", error, bound);
        }
    }

    /// The same for networks of all ops.
    #[test]
    fn any_network_stays_within_the_error_bound(
        seed in any::<u64>(),
        weight_bits in 4u32..12,
        activation_bits in 3u32..14,
        per_channel in any::<bool>(),
    ) {
        let (model, shape) = network_of_all_ops(seed);
        let kind = tensor(Dtype::I8, &shape.map(|dim| dim as u32), -5);
        let inputs = vec![InputType { kind, range: (-32, 31) }];
        let weight_scales =
            if per_channel { WeightScales::PerChannel } else { WeightScales::PerMap };
        let options =
            Options { inputs, weight_bits, weight_scales, activation_bits, ..options(1) };
        let bytes = model.encode_to_vec();
        let manifest = match quantize(&bytes, &options) {
            Err(Error::BoundTooWide { .. } | Error::DecompositionWidth { .. }) => return Ok(()),
            other => other.unwrap(),
        };
        let compiled = compile(&bytes, &manifest.to_bytes()).unwrap();
        let count: usize = shape.iter().product();
        for turn in 0..3 {
            let input: Vec<i64> = (0..count).map(|at| ((at * 29 + turn * 17) % 64) as i64 - 32).collect();
            let real: Vec<f64> = input.iter().map(|x| *x as f64 / 32.0).collect();
            let exact = Graph::from_onnx(&bytes).unwrap().run(std::slice::from_ref(&real)).unwrap();
            let integers = compiled.run(&[input]).unwrap();
            let unit = 2f64.powi(output_scale(compiled.manifest()).into());
            let bounds = error_bound(&model, compiled.manifest(), &real);
            for ((exact, integer), bound) in exact[0].iter().zip(&integers[0]).zip(bounds) {
                let error = (exact - *integer as f64 * unit).abs();
                prop_assert!(error <= bound * (1.0 + 1e-9) + 1e-9, "{} > {}", error, bound);
            }
        }
    }
}
