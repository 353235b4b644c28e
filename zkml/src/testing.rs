//! Models for tests, written by `prost`: an implementation of protobuf that is not the reader's.

mod random;

use assay_verifier::{
    ids::Salt,
    value::{Dtype, TensorType},
};
use prost::Message;

pub(crate) use self::random::network_of_all_ops;
use crate::{Compiled, InputType, Options, compile, quantize};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProto {
    #[prost(int64, tag = "1")]
    pub(crate) ir_version: i64,
    #[prost(string, tag = "2")]
    pub(crate) producer: String,
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) opset_import: Vec<OpsetProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OpsetProto {
    #[prost(string, tag = "1")]
    pub(crate) domain: String,
    #[prost(int64, tag = "2")]
    pub(crate) version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(string, tag = "4")]
    pub(crate) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub(crate) domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(float, tag = "2")]
    pub(crate) f: f32,
    #[prost(int64, tag = "3")]
    pub(crate) i: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub(crate) t: Option<TensorProto>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(crate) ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub(crate) kind: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(crate) data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub(crate) float_data: Vec<f32>,
    #[prost(int64, repeated, tag = "7")]
    pub(crate) int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub(crate) name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) raw_data: Vec<u8>,
    #[prost(int32, tag = "14")]
    pub(crate) data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) kind: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub(crate) element: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<ShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) dim: Vec<DimProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DimProto {
    #[prost(int64, tag = "1")]
    pub(crate) value: i64,
    #[prost(string, tag = "2")]
    pub(crate) param: String,
}

/// A model with one input `x` and one output `y`.
pub(crate) fn model(
    input: &[i64],
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
) -> ModelProto {
    ModelProto {
        ir_version: 8,
        producer: "test".into(),
        graph: Some(GraphProto {
            node: nodes,
            name: "g".into(),
            initializer: initializers,
            input: vec![value_info("x", input)],
            output: vec![value_info("y", &[])],
        }),
        opset_import: vec![OpsetProto { domain: String::new(), version: 17 }],
    }
}

/// A declared value; -1 is the symbol `N`.
pub(crate) fn value_info(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = |dim: &i64| match dim {
        -1 => DimProto { value: 0, param: "N".into() },
        _ => DimProto { value: *dim, param: String::new() },
    };
    let shape = ShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = TensorTypeProto { element: 1, shape: Some(shape) };
    ValueInfoProto { name: name.into(), kind: Some(TypeProto { tensor: Some(tensor) }) }
}

pub(crate) fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|name| (*name).into()).collect(),
        output: vec![output.into()],
        name: format!("{op}_{output}"),
        op_type: op.into(),
        attribute: vec![],
        domain: String::new(),
    }
}

pub(crate) fn with_int(mut node: NodeProto, name: &str, i: i64) -> NodeProto {
    node.attribute.push(AttributeProto { name: name.into(), i, kind: 2, ..Default::default() });
    node
}

pub(crate) fn with_float(mut node: NodeProto, name: &str, f: f32) -> NodeProto {
    node.attribute.push(AttributeProto { name: name.into(), f, kind: 1, ..Default::default() });
    node
}

pub(crate) fn with_ints(mut node: NodeProto, name: &str, ints: &[i64]) -> NodeProto {
    let ints = ints.to_vec();
    node.attribute.push(AttributeProto { name: name.into(), ints, kind: 7, ..Default::default() });
    node
}

pub(crate) fn with_text(mut node: NodeProto, name: &str, text: &str) -> NodeProto {
    let s = text.as_bytes().to_vec();
    node.attribute.push(AttributeProto { name: name.into(), s, kind: 3, ..Default::default() });
    node
}

pub(crate) fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        dims: dims.to_vec(),
        data_type: 1,
        float_data: values.to_vec(),
        name: name.into(),
        ..Default::default()
    }
}

/// The same, as most exporters write it.
pub(crate) fn raw_floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto { float_data: vec![], raw_data, ..floats(name, dims, values) }
}

pub(crate) fn int64s(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    TensorProto {
        dims: dims.to_vec(),
        data_type: 7,
        int64_data: values.to_vec(),
        name: name.into(),
        ..Default::default()
    }
}

/// Gemm, Relu, Gemm … with the layers' sizes and weights in [-1, 1) from a seed.
pub(crate) fn network(sizes: &[usize], seed: u64) -> ModelProto {
    let mut state = seed;
    let mut number = || {
        // Knuth's MMIX generator; its high bits are good enough for weights.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let (mut nodes, mut tensors, mut from) = (vec![], vec![], "x".to_owned());
    for (layer, pair) in sizes.windows(2).enumerate() {
        let [width, height] = [pair[0], pair[1]];
        let (w, b) = (format!("w{layer}"), format!("b{layer}"));
        let weights: Vec<f32> = (0..width * height).map(|_| number()).collect();
        let bias: Vec<f32> = (0..height).map(|_| number()).collect();
        tensors.push(raw_floats(&w, &[height as i64, width as i64], &weights));
        tensors.push(floats(&b, &[height as i64], &bias));
        let last = layer + 2 == sizes.len();
        let to = if last { "y".to_owned() } else { format!("s{layer}") };
        nodes.push(with_int(node("Gemm", &[&from, &w, &b], &to), "transB", 1));
        from = to;
        if !last {
            let to = format!("h{layer}");
            nodes.push(node("Relu", &[&from], &to));
            from = to;
        }
    }
    model(&[-1, sizes[0] as i64], nodes, tensors)
}

pub(crate) fn tensor(dtype: Dtype, shape: &[u32], scale: i8) -> TensorType {
    TensorType::new(dtype, shape, scale).unwrap()
}

/// i8 inputs with scale 2^-4.
pub(crate) fn options(width: usize) -> Options<'static> {
    Options::new(vec![InputType::full(tensor(Dtype::I8, &[1, width as u32], -4))])
}

pub(crate) fn compile_with(model: &ModelProto, options: &Options<'_>) -> Compiled {
    let bytes = model.encode_to_vec();
    let manifest = quantize(&bytes, options).unwrap();
    compile(&bytes, &manifest.to_bytes()).unwrap()
}

/// 3 - 2 - 2: small enough to change every wire.
pub(crate) fn small() -> Compiled {
    let options = Options { activation_bits: 6, weight_bits: 4, ..options(3) };
    compile_with(&network(&[3, 2, 2], 1), &options)
}

pub(crate) fn salt(byte: u8) -> Salt {
    Salt::new([byte; 31])
}
