use super::*;

fn tensor(dtype: Dtype, shape: &[u32], scale: i8) -> TensorType {
    TensorType::new(dtype, shape, scale).unwrap()
}

fn settings(entries: &[(&str, Setting)]) -> Settings {
    entries.iter().map(|(name, value)| (Name::new(name).unwrap(), value.clone())).collect()
}

/// The output's type and integers.
fn run(
    glue: Glue,
    given: &[(&str, Setting)],
    inputs: &[(TensorType, &[i64])],
) -> Result<(String, Vec<i64>), Error> {
    let settings = settings(given);
    let kinds: Vec<_> = inputs.iter().map(|(kind, _)| Type::Tensor(kind.clone())).collect();
    let bytes: Vec<_> = inputs.iter().map(|(kind, x)| kind.bytes_of(x).unwrap()).collect();
    let pairs: Vec<_> = kinds.iter().zip(bytes.iter().map(Vec::as_slice)).collect();
    let output = glue.output_type(&settings, &kinds.iter().collect::<Vec<_>>())?;
    let out = glue.run(&settings, &pairs)?;
    Ok((output.to_string(), output.tensor().unwrap().integers(&out).unwrap()))
}

fn argmax(dtype: Dtype, integers: &[i64]) -> Vec<i64> {
    let kind = tensor(dtype, &[1, integers.len() as u32], 0);
    run(Glue::Argmax, &[], &[(kind, integers)]).unwrap().1
}

#[test]
fn argmax_takes_the_lowest_index_among_equals() {
    assert_eq!(argmax(Dtype::I8, &[-5, -3, -4]), [1]);
    assert_eq!(argmax(Dtype::I32, &[7, 9, 9, 2]), [1]);
    assert_eq!(argmax(Dtype::U8, &[0, 0, 0]), [0]);
    assert_eq!(argmax(Dtype::I16, &[-0x8000, 0x7fff]), [1]);
}

#[test]
fn top_k_lists_the_greatest_first_and_equals_by_index() {
    let kind = tensor(Dtype::I8, &[6], -2);
    let top =
        |k| run(Glue::TopK, &[("k", Setting::Int(k))], &[(kind.clone(), &[3, 9, -1, 9, 3, 8])]);
    assert_eq!(top(1).unwrap(), ("i32 [1]".to_owned(), vec![1]));
    assert_eq!(top(4).unwrap().1, [1, 3, 5, 0]);
    assert_eq!(top(6).unwrap().1, [1, 3, 5, 0, 4, 2]);
    for k in [0, 7, -1, i64::MAX] {
        assert!(matches!(top(k), Err(Error::GlueArguments { .. })), "{k}");
    }
}

#[test]
fn concat_joins_along_the_axis() {
    let (a, b) = (tensor(Dtype::I8, &[2, 2], -4), tensor(Dtype::I8, &[2, 1], -4));
    let joined = |axis, inputs: &[(TensorType, &[i64])]| {
        run(Glue::Concat, &[("axis", Setting::Int(axis))], inputs)
    };
    let (kind, out) = joined(1, &[(a.clone(), &[1, 2, 3, 4]), (b.clone(), &[8, 9])]).unwrap();
    assert_eq!((kind.as_str(), out), ("i8 [2, 3] × 2^-4", vec![1, 2, 8, 3, 4, 9]));
    let (kind, out) = joined(0, &[(a.clone(), &[1, 2, 3, 4]), (a.clone(), &[5, 6, 7, 8])]).unwrap();
    assert_eq!((kind.as_str(), out), ("i8 [4, 2] × 2^-4", vec![1, 2, 3, 4, 5, 6, 7, 8]));
    let other = tensor(Dtype::I8, &[2, 1], -3);
    for (axis, second) in [(0, b), (1, other), (2, a.clone()), (-1, a.clone())] {
        let zeros = vec![0; second.elements()];
        let refused = joined(axis, &[(a.clone(), &[1, 2, 3, 4]), (second, &zeros)]);
        assert!(matches!(refused, Err(Error::GlueArguments { .. })), "{axis}");
    }
}

#[test]
fn rescale_rounds_half_to_even_and_saturates() {
    let to = |dtype: &str, scale: i64, from: i8, x: &[i64]| {
        let given = [("dtype", Setting::Text(dtype.to_owned())), ("scale", Setting::Int(scale))];
        run(Glue::Rescale, &given, &[(tensor(Dtype::I32, &[x.len() as u32], from), x)]).unwrap()
    };
    let (kind, out) = to("i8", -3, -4, &[1, 3, 5, -1, -3, -5, 2, -2, 254, 255, 257, -300]);
    assert_eq!(kind, "i8 [12] × 2^-3");
    assert_eq!(out, [0, 2, 2, 0, -2, -2, 1, -1, 127, 127, 127, -128]);
    assert_eq!(to("i16", -8, -4, &[1, -7, 3000]).1, [16, -112, 32767]);
    assert_eq!(to("u8", 0, 0, &[-1, 256, 7]).1, [0, 255, 7]);
    assert_eq!(to("i32", 64, -64, &[i64::from(i32::MAX), -1]).1, [0, 0]);
    assert_eq!(to("i32", -64, 64, &[1, -1, 0]).1, [i64::from(i32::MAX), i64::from(i32::MIN), 0]);
    for given in [
        vec![("dtype", Setting::Text("f32".to_owned())), ("scale", Setting::Int(0))],
        vec![("dtype", Setting::Text("i8".to_owned()))],
        vec![("scale", Setting::Int(0))],
        vec![("dtype", Setting::Text("i8".to_owned())), ("scale", Setting::Int(400))],
    ] {
        let refused = run(Glue::Rescale, &given, &[(tensor(Dtype::I32, &[1], 0), &[0])]);
        assert!(refused.is_err(), "{given:?}");
    }
}

#[test]
fn threshold_counts_what_is_at_least_as_great() {
    let (kind, out) = run(
        Glue::Threshold,
        &[("at", Setting::Int(-2))],
        &[(tensor(Dtype::I8, &[2, 2], -7), &[-3, -2, -1, 127])],
    )
    .unwrap();
    assert_eq!((kind.as_str(), out), ("u8 [2, 2]", vec![0, 1, 1, 1]));
}

fn softmax(scale: i8, shape: &[u32], x: &[i64]) -> Vec<i64> {
    run(Glue::Softmax, &[], &[(tensor(Dtype::I32, shape, scale), x)]).unwrap().1
}

#[test]
fn softmax_is_that_of_real_numbers_but_for_a_few_units() {
    let mut x = 12345i64;
    let mut next = || {
        x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        x >> 40
    };
    for scale in [-30, -16, -11, -4, 0, 3] {
        for width in [1, 2, 3, 10, 257] {
            let range = 2f64.powi(4 - i32::from(scale)).min(8e6) as i64 + 1;
            let row: Vec<i64> = (0..width).map(|_| next().rem_euclid(2 * range) - range).collect();
            let real: Vec<f64> =
                row.iter().map(|x| *x as f64 * 2f64.powi(i32::from(scale))).collect();
            let greatest = real.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = real.iter().map(|x| (x - greatest).exp()).sum();
            let out = softmax(scale, &[1, width], &row);
            for (out, x) in out.iter().zip(&real) {
                let expected = (x - greatest).exp() / sum * 2f64.powi(30);
                assert!((*out as f64 - expected).abs() <= 8.0, "{scale} {width} {out} {expected}");
            }
            let total: i64 = out.iter().sum();
            assert!(total <= 1 << 30 && total >= (1 << 30) - 16 - i64::from(width), "{total}");
        }
    }
}

#[test]
fn softmax_holds_at_the_ends() {
    assert_eq!(softmax(0, &[1], &[5]), [1 << 30]);
    assert_eq!(softmax(0, &[2], &[7, 7]), [1 << 29, 1 << 29]);
    assert_eq!(softmax(64, &[2], &[i64::from(i32::MIN), i64::from(i32::MAX)]), [0, 1 << 30]);
    let far = [i64::from(i32::MIN), i64::from(i32::MAX)];
    assert_eq!(softmax(-64, &[2], &far), [(1 << 29) - 1, 1 << 29]);
    // Rows are apart: the last dimension is the one that is shared out.
    assert_eq!(softmax(0, &[2, 2], &[0, 0, 100, 0]), [1 << 29, 1 << 29, 1 << 30, 0]);
    // By another implementation, in Python.
    assert_eq!(softmax(-11, &[3], &[-70_000, 42, 1_234_567]), [0, 0, 1 << 30]);
    assert_eq!(
        softmax(-4, &[4], &[0, 16, 32, -16]),
        [93_570_499, 254_350_989, 691_397_671, 34_422_663]
    );
}

#[test]
fn arguments_that_do_not_fit_are_refused() {
    fn refused<T>(result: Result<T, Error>) -> bool {
        matches!(result, Err(Error::GlueArguments { .. }))
    }
    let float = Type::Tensor(tensor(Dtype::F32, &[1], 0));
    let bytes = Type::bytes("text/plain").unwrap();
    let small = tensor(Dtype::I8, &[1], 0);
    let two = [(small.clone(), [0].as_slice()), (small.clone(), &[0])];
    for glue in Glue::ALL {
        let given: &[(&str, Setting)] = match glue {
            Glue::Concat => &[("axis", Setting::Int(0))],
            Glue::Threshold => &[("at", Setting::Int(0))],
            Glue::TopK => &[("k", Setting::Int(1))],
            _ => &[],
        };
        assert!(refused(glue.run(&settings(given), &[(&float, &[0; 4])])), "{glue:?}");
        assert!(refused(glue.run(&settings(given), &[(&bytes, b"7")])), "{glue:?}");
        assert!(refused(glue.run(&settings(given), &[])), "{glue:?}");
        if glue != Glue::Concat {
            assert!(refused(run(glue, given, &two)), "{glue:?}");
        }
        let more = [given, &[("extra", Setting::Bool(true))]].concat();
        assert!(refused(run(glue, &more, &two[..1])), "{glue:?}");
        assert_eq!(Glue::named(&Name::new(glue.name()).unwrap()), Ok(glue));
    }
    let unknown = Name::new("median").unwrap();
    assert_eq!(Glue::named(&unknown), Err(Error::GlueUnknown { found: unknown }));
}

/// FORMAT.md §7.3 by its words, for every pair of scales: x · 2^(s-t), a half to the even one, saturated to the element type.
#[test]
fn rescale_is_its_definition_on_every_pair_of_scales() {
    let (low, high) = (i128::from(i32::MIN), i128::from(i32::MAX));
    let values = [i32::MIN, -1_000_001, -3, -2, -1, 0, 1, 2, 3, 5, 1_000_001, i32::MAX];
    for (from, to) in (-64..=64i8).flat_map(|s| (-64..=64i8).map(move |t| (s, t))) {
        let up = i32::from(to) - i32::from(from);
        let expected = |x: i32| -> i64 {
            let x = i128::from(x);
            let exact = match u32::try_from(up) {
                // 2^32 leaves the range, whatever is not zero: more changes nothing.
                Err(_) => x << up.unsigned_abs().min(40),
                // Below a half of a half, from 2^34 on.
                Ok(up) => {
                    let half = (1i128 << up.min(40)) / 2;
                    let (floor, rest) = (x >> up.min(40), x & ((1 << up.min(40)) - 1));
                    let odd = floor & 1 == 1;
                    floor + i128::from(up > 0 && (rest > half || (rest == half && odd)))
                }
            };
            i64::try_from(exact.clamp(low, high)).unwrap()
        };
        let input = Type::Tensor(TensorType::new(Dtype::I32, &[12], from).unwrap());
        let bytes = input.tensor().unwrap().bytes_of(&values.map(i64::from)).unwrap();
        let settings = [
            (Name::new("dtype").unwrap(), Setting::Text("i32".to_owned())),
            (Name::new("scale").unwrap(), Setting::Int(to.into())),
        ];
        let found = Glue::Rescale.run(&settings.into(), &[(&input, &bytes)]).unwrap();
        let output = TensorType::new(Dtype::I32, &[12], to).unwrap();
        assert_eq!(output.integers(&found).unwrap(), values.map(expected), "{from} to {to}");
    }
}
