//! Files as they come: good, cut, mutated, hostile.

use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::{
    Graph,
    testing::{
        AttributeProto, ModelProto, floats, int64s, model, network, node, raw_floats, with_float,
        with_int,
    },
};

fn refused(model: &ModelProto) -> Error {
    match Model::read(&model.encode_to_vec()) {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    }
}

#[test]
fn what_prost_writes_is_read() {
    let mut gemm =
        with_float(with_int(node("Gemm", &["x", "w", "b"], "y"), "transB", 1), "alpha", 0.5);
    let ints =
        AttributeProto { name: "axes".into(), ints: vec![-1, 0, 3], kind: 7, ..Default::default() };
    gemm.attribute.push(ints);
    let t = Some(int64s("t", &[2], &[-1, 8]));
    gemm.attribute.push(AttributeProto { name: "value".into(), t, kind: 4, ..Default::default() });
    let tensors = vec![
        raw_floats("w", &[2, 3], &[1.0, -2.0, 0.5, 0.0, f32::MIN_POSITIVE, 3.25]),
        floats("b", &[2], &[7.0, -7.0]),
    ];
    let bytes = model(&[-1, 3], vec![gemm], tensors).encode_to_vec();
    let model = Model::read(&bytes).unwrap();
    let node = &model.nodes[0];
    assert_eq!((node.op, node.name, &node.inputs[..]), ("Gemm", "Gemm_y", &["x", "w", "b"][..]));
    assert!(matches!(node.attribute("transB"), Some(AttributeValue::Int(1))));
    assert!(matches!(node.attribute("alpha"), Some(AttributeValue::Float(0.5))));
    assert!(
        matches!(node.attribute("axes"), Some(AttributeValue::Ints(ints)) if ints == &[-1, 0, 3])
    );
    let Some(AttributeValue::Tensor(tensor)) = node.attribute("value") else { panic!() };
    assert_eq!((&tensor.dims[..], &tensor.data), (&[2][..], &Data::I64(vec![-1, 8])));
    let weights = &model.initializers[0];
    assert_eq!((weights.name, &weights.dims[..]), ("w", &[2, 3][..]));
    assert_eq!(weights.data, Data::F32(vec![1.0, -2.0, 0.5, 0.0, f32::MIN_POSITIVE, 3.25]));
    assert_eq!(model.initializers[1].data, Data::F32(vec![7.0, -7.0]));
    assert_eq!(model.inputs[0].dims, [None, Some(3)]);
    assert_eq!((model.outputs[0].name, model.outputs[0].element), ("y", 1));
}

#[test]
fn opsets_outside_13_to_21_are_refused() {
    for (version, good) in [(12, false), (13, true), (21, true), (22, false), (i64::MIN, false)] {
        let mut model = network(&[2, 2], 1);
        model.opset_import[0].version = version;
        let found = Model::read(&model.encode_to_vec()).map(drop);
        let expected = Error::ModelOpset { low: 13, high: 21, found: version };
        assert_eq!(found, if good { Ok(()) } else { Err(expected) });
    }
    // The version of another domain is not the standard's.
    let mut model = network(&[2, 2], 1);
    model.opset_import[0].domain = "com.microsoft".into();
    assert!(matches!(refused(&model), Error::ModelMalformed { why: "no opset", .. }));
}

#[test]
fn tensors_that_cannot_be_used_are_refused() {
    type Change = fn(&mut crate::testing::TensorProto);
    let cases: [(Change, &str); 6] = [
        (|tensor| tensor.data_location = 1, "zkml-model-tensor"),
        (|tensor| tensor.dims[0] += 1, "zkml-model-tensor"),
        (|tensor| tensor.dims[0] = -1, "zkml-model-tensor"),
        (|tensor| tensor.dims = vec![i64::MAX, i64::MAX], "zkml-model-tensor"),
        (|tensor| tensor.data_type = 11, "zkml-model-tensor"),
        (|tensor| tensor.raw_data.truncate(7), "zkml-model-tensor"),
    ];
    for (change, code) in cases {
        let mut model = network(&[2, 2], 1);
        change(&mut model.graph.as_mut().unwrap().initializer[0]);
        assert_eq!(refused(&model).code(), code);
    }
    for bad in [f32::NAN, f32::INFINITY] {
        let mut model = network(&[2, 2], 1);
        model.graph.as_mut().unwrap().initializer[1].float_data[1] = bad;
        assert_eq!(refused(&model), Error::ModelNotFinite { tensor: "b0".into(), index: 1 });
    }
}

#[test]
fn hostile_files_cost_little() {
    // Two bytes each: an empty node, over and over.
    let nodes = [0x0a, 0x00].repeat(MAX_ITEMS + 1);
    let mut bytes = vec![0x42, 2, 0x10, 17, 0x3a];
    prost::encoding::encode_varint(nodes.len() as u64, &mut bytes);
    bytes.extend(nodes);
    let error = Model::read(&bytes).map(drop).unwrap_err();
    assert!(matches!(error, Error::ModelTooLarge { limit: MAX_ITEMS, .. }), "{error}");
    // A list of a million one-byte integers.
    let mut model = network(&[2, 2], 1);
    model.graph.as_mut().unwrap().initializer[0].dims = vec![1; 1 << 20];
    assert!(matches!(refused(&model), Error::ModelTooLarge { limit: MAX_RANK, .. }));
    // A length of 2^63, a varint without end, a group, field number 0.
    for bytes in [
        &[0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..],
        &[0xff; 11],
        &[0x3b],
        &[0x02, 0x00],
    ] {
        let error = Model::read(bytes).map(drop).unwrap_err();
        assert!(matches!(error, Error::ModelMalformed { .. }), "{error}");
    }
}

#[test]
fn every_cut_of_a_model_is_refused() {
    let bytes = network(&[2, 3, 2], 1).encode_to_vec();
    Graph::from_onnx(&bytes).unwrap();
    for length in 0..bytes.len() {
        assert!(Graph::from_onnx(&bytes[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = Graph::from_onnx(&bytes);
    }

    #[test]
    fn mutated_models_never_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        pick in 0usize..3,
    ) {
        let mut bytes = match pick {
            0 => network(&[2, 3, 2], 1),
            1 => model(
                &[-1, 4],
                vec![
                    node("Reshape", &["x", "s"], "r"),
                    node("MatMul", &["r", "w"], "m"),
                    node("Add", &["m", "b"], "a"),
                    with_int(node("Flatten", &["a"], "y"), "axis", -1),
                ],
                vec![
                    int64s("s", &[3], &[0, -1, 2]),
                    floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
                    floats("b", &[2, 1], &[1.0, 2.0]),
                ],
            ),
            _ => model(
                &[1, 2],
                vec![with_float(node("Gemm", &["x", "w", "b"], "y"), "beta", 2.0)],
                vec![
                    raw_floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
                    floats("b", &[], &[1.0]),
                ],
            ),
        }
        .encode_to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(graph) = Graph::from_onnx(&bytes) {
            let inputs: Vec<Vec<f64>> =
                graph.input_shapes().map(|(_, shape)| vec![1.0; shape.iter().product()]).collect();
            graph.run(&inputs).unwrap();
        }
    }
}
