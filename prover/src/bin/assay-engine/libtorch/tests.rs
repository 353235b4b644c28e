use super::*;

use assay_verifier::ids::ModelKind;

const FEATURES: &[u8] = include_bytes!("../../../../../models/digits/features.pt");

fn digest(bytes: &[u8]) -> ModelDigest {
    ModelDigest::of(ModelKind::TorchScript, &[("features.pt", bytes)])
}

fn image(level: impl Fn(u32) -> f32) -> Tensor {
    Tensor { shape: vec![1, 1, 8, 8], reals: (0..64).map(|at| level(at) / 16.0).collect() }
}

fn loaded() -> (Libtorch, ModelDigest) {
    let engine = Libtorch::start().unwrap();
    engine.load(digest(FEATURES), FEATURES.to_vec()).unwrap();
    (engine, digest(FEATURES))
}

#[test]
fn a_model_runs_and_every_run_gives_the_same_bytes() {
    let (engine, model) = loaded();
    let input = image(|at| (at % 17) as f32);
    let first = engine.forward(model, std::slice::from_ref(&input)).unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].shape, [1, 48]);
    assert!(first[0].reals.iter().all(|real| (0.0..=7.9375).contains(real)));
    assert!(first[0].reals.iter().any(|real| *real > 0.0));
    let bits = |tensors: &[Tensor]| -> Vec<u32> {
        tensors[0].reals.iter().map(|real| real.to_bits()).collect()
    };
    for _ in 0..20 {
        let again = engine.forward(model, std::slice::from_ref(&input)).unwrap();
        assert_eq!(bits(&again), bits(&first));
    }
    // Another thread of libtorch's, another loading of the model.
    let (second, model) = loaded();
    assert_eq!(bits(&second.forward(model, &[input]).unwrap()), bits(&first));
}

#[test]
fn a_model_is_loaded_once() {
    let (engine, model) = loaded();
    assert_eq!(engine.is_loaded(model), Ok(true));
    // Were it read again, these bytes would be refused.
    assert_eq!(engine.load(model, b"anything".to_vec()), Ok(()));
}

#[test]
fn what_is_no_archive_is_refused() {
    let engine = Libtorch::start().unwrap();
    let cut = &FEATURES[..FEATURES.len() / 2];
    for bytes in [b"".as_slice(), b"no archive", cut] {
        let found = engine.load(digest(bytes), bytes.to_vec());
        assert!(matches!(found, Err(EngineError::ArchiveUnreadable { .. })), "{found:?}");
        assert_eq!(engine.is_loaded(digest(bytes)), Ok(false));
    }
}

#[test]
fn a_model_that_is_not_loaded_does_not_run() {
    let engine = Libtorch::start().unwrap();
    let model = digest(b"another");
    let found = engine.forward(model, &[image(|_| 0.0)]);
    assert_eq!(found, Err(EngineError::NotLoaded { digest: model }));
}

#[test]
fn wrong_inputs_are_named_and_the_engine_goes_on() {
    let (engine, model) = loaded();
    let short = Tensor { shape: vec![1, 1, 8, 8], reals: vec![0.0; 63] };
    let found = engine.forward(model, &[short]);
    assert_eq!(found, Err(EngineError::InputLength { index: 0, expected: 64, found: 63 }));
    // Five channels where the convolution takes one.
    let wide = Tensor { shape: vec![1, 5, 8, 8], reals: vec![0.0; 320] };
    let found = engine.forward(model, &[wide]);
    assert!(matches!(&found, Err(EngineError::ModelFailed { why }) if why.contains("channels")));
    let found = engine.forward(model, &[]);
    assert!(matches!(found, Err(EngineError::ModelFailed { .. })), "{found:?}");
    assert!(engine.forward(model, &[image(|_| 1.0)]).is_ok());
}

#[test]
fn what_is_not_finite_comes_back_as_it_is() {
    // Refusing it is `quantize`'s part, and the value type's.
    let engine = Libtorch::start().unwrap();
    let add = traced(|x| x / 0.0);
    engine.load(digest(&add), add.clone()).unwrap();
    let input = Tensor { shape: vec![2], reals: vec![0.0, 1.0] };
    let found = engine.forward(digest(&add), &[input]).unwrap();
    assert!(found[0].reals[0].is_nan());
    assert_eq!(found[0].reals[1], f32::INFINITY);
}

#[test]
fn an_output_of_another_kind_is_refused() {
    let engine = Libtorch::start().unwrap();
    let double = traced(|x| x.to_kind(tch::Kind::Double));
    engine.load(digest(&double), double.clone()).unwrap();
    let input = Tensor { shape: vec![2], reals: vec![0.0, 1.0] };
    let found = engine.forward(digest(&double), &[input]);
    let expected = "a tensor of Double".to_owned();
    assert_eq!(found, Err(EngineError::OutputKind { index: 0, found: expected }));
}

#[test]
fn a_view_comes_out_in_row_major_order() {
    let engine = Libtorch::start().unwrap();
    let turned = traced(|x| x.reshape([2, 3]).tr());
    engine.load(digest(&turned), turned.clone()).unwrap();
    let input = Tensor { shape: vec![6], reals: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
    let found = engine.forward(digest(&turned), &[input]).unwrap();
    let expected = Tensor { shape: vec![3, 2], reals: vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0] };
    assert_eq!(found, [expected]);
}

#[test]
fn a_step_loads_its_model_when_it_is_first_run() {
    let engine = Libtorch::start().unwrap();
    let model = Model {
        kind: ModelKind::TorchScript,
        digest: digest(FEATURES),
        bytes: FEATURES.to_vec(),
        manifest: None,
    };
    let tee: &dyn TeeEngine = &engine;
    let found = tee.run(&model, &[image(|_| 1.0)]).unwrap();
    assert_eq!(found[0].shape, [1, 48]);
    assert_eq!(tee.run(&model, &[image(|_| 1.0)]).unwrap(), found);
}

/// A module of one function of a vector, as an archive.
fn traced(function: impl Fn(&tch::Tensor) -> tch::Tensor) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.pt");
    let example = tch::Tensor::ones([6], tch::kind::FLOAT_CPU);
    tch::CModule::create_by_tracing("module", "forward", &[example], &mut |inputs| {
        vec![function(&inputs[0])]
    })
    .unwrap()
    .save(&path)
    .unwrap();
    std::fs::read(path).unwrap()
}
