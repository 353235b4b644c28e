//! What each op computes, and what is said about those that are not supported.

use prost::Message as _;

use super::*;
use crate::testing::{
    ModelProto, NodeProto, TensorProto, floats, int64s, model, network, node, value_info,
    with_float, with_int, with_ints, with_text,
};

fn graph(model: &ModelProto) -> Result<Graph, Error> {
    Graph::from_onnx(&model.encode_to_vec())
}

/// The output of a model with these nodes for one input.
fn run(dims: &[i64], nodes: Vec<NodeProto>, tensors: Vec<TensorProto>, x: &[f64]) -> Vec<f64> {
    graph(&model(dims, nodes, tensors)).unwrap().run(&[x.to_vec()]).unwrap().remove(0)
}

fn refusal(dims: &[i64], nodes: Vec<NodeProto>, tensors: Vec<TensorProto>) -> Error {
    graph(&model(dims, nodes, tensors)).unwrap_err()
}

fn w() -> TensorProto {
    floats("w", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
}

#[test]
fn gemm_follows_the_standard() {
    let gemm = node("Gemm", &["x", "w"], "y");
    assert_eq!(run(&[-1, 2], vec![gemm.clone()], vec![w()], &[1.0, 10.0]), [41.0, 52.0, 63.0]);
    let transposed = with_int(gemm.clone(), "transB", 1);
    let x = [1.0, 10.0, 100.0];
    assert_eq!(run(&[1, 3], vec![transposed], vec![w()], &x), [321.0, 654.0]);
    // alpha A B + beta C, with C repeated.
    let scaled =
        with_float(with_float(node("Gemm", &["x", "w", "c"], "y"), "alpha", 0.5), "beta", 2.0);
    for c in [
        floats("c", &[3], &[1.0, 1.0, 1.0]),
        floats("c", &[], &[1.0]),
        floats("c", &[1, 1], &[1.0]),
    ] {
        let y = run(&[1, 2], vec![scaled.clone()], vec![w(), c], &[2.0, 20.0]);
        assert_eq!(y, [43.0, 54.0, 65.0]);
    }
    // A single column, transposed, is a row.
    let column = with_int(gemm, "transA", 1);
    let nodes = vec![
        node("Reshape", &["x", "s"], "r"),
        NodeProto { input: vec!["r".into(), "w".into()], ..column },
    ];
    let s = int64s("s", &[2], &[2, 1]);
    assert_eq!(run(&[1, 2], nodes, vec![w(), s], &[1.0, 10.0]), [41.0, 52.0, 63.0]);
}

#[test]
fn matmul_takes_leading_dimensions_and_add_becomes_its_bias() {
    let nodes = vec![node("MatMul", &["x", "w"], "m"), node("Add", &["b", "m"], "y")];
    let b = floats("b", &[2, 1], &[100.0, 200.0]);
    let y = run(&[1, 2, 2], nodes, vec![w(), b], &[1.0, 0.0, 0.0, 1.0]);
    assert_eq!(y, [101.0, 102.0, 103.0, 204.0, 205.0, 206.0]);
    // The product without the sum is still the product.
    let nodes = vec![
        node("MatMul", &["x", "w"], "m"),
        node("Add", &["m", "b"], "a"),
        node("Relu", &["m"], "y"),
    ];
    let b = floats("b", &[3], &[100.0, 200.0, 300.0]);
    let graph = graph(&model(&[1, 2], nodes, vec![w(), b])).unwrap();
    assert_eq!(graph.run(&[vec![1.0, -1.0]]).unwrap(), [[0.0, 0.0, 0.0]]);
    assert_eq!(graph.nodes().len(), 3, "the sum that nothing uses is dropped");
}

#[test]
fn shapes_are_followed_without_moving_numbers() {
    let through = |dims: &[i64], wanted: &[i64], allow: i64| {
        let shape = int64s("s", &[wanted.len() as i64], wanted);
        let reshape = with_int(node("Reshape", &["x", "s"], "y"), "allowzero", allow);
        graph(&model(dims, vec![reshape], vec![shape])).map(|graph| graph.outputs[0].shape.clone())
    };
    assert_eq!(through(&[1, 6], &[-1, 3], 0).unwrap(), [2, 3]);
    assert_eq!(through(&[1, 2, 3], &[0, -1], 0).unwrap(), [1, 6]);
    assert_eq!(through(&[1, 6], &[6], 0).unwrap(), [6]);
    let bad: [(&[i64], i64); 5] =
        [(&[-1, -1], 0), (&[4, 2], 0), (&[-1, 4], 0), (&[0, 6], 1), (&[i64::MIN, 6], 0)];
    for (wanted, allow) in bad {
        let error = through(&[1, 6], wanted, allow).unwrap_err();
        assert!(matches!(error, Error::ModelShape { .. }), "{wanted:?}: {error}");
    }
    for (axis, shape) in [(1, [1, 6]), (0, [1, 6]), (2, [2, 3]), (-1, [2, 3]), (3, [6, 1])] {
        let flatten = with_int(node("Flatten", &["x"], "y"), "axis", axis);
        let graph = graph(&model(&[1, 2, 3], vec![flatten], vec![])).unwrap();
        assert_eq!(graph.outputs[0].shape, shape, "{axis}");
    }
    let flatten = with_int(node("Flatten", &["x"], "y"), "axis", 4);
    let error = refusal(&[1, 2, 3], vec![flatten], vec![]);
    assert!(matches!(error, Error::ModelAttribute { .. }), "{error}");
}

#[test]
fn constants_may_stand_in_nodes_and_initializers_among_the_inputs() {
    let mut constant = node("Constant", &[], "s");
    constant.attribute.push(crate::testing::AttributeProto {
        name: "value_ints".into(),
        ints: vec![1, 2],
        kind: 7,
        ..Default::default()
    });
    let nodes = vec![
        constant,
        node("Identity", &["x"], "i"),
        node("Reshape", &["i", "s"], "r"),
        node("Gemm", &["r", "w"], "y"),
    ];
    let mut model = model(&[2], nodes, vec![w()]);
    model.graph.as_mut().unwrap().input.push(value_info("w", &[2, 3]));
    let graph = graph(&model).unwrap();
    assert_eq!(graph.run(&[vec![1.0, 10.0]]).unwrap(), [[41.0, 52.0, 63.0]]);
}

#[test]
fn batches_are_one_or_symbolic() {
    let relu = || vec![node("Relu", &["x"], "y")];
    for dims in [&[-1, 3][..], &[1, 3], &[3], &[-1]] {
        graph(&model(dims, relu(), vec![])).unwrap();
    }
    for dims in [&[2, 3][..], &[-1, -1], &[1, 1 << 30], &[]] {
        let error = refusal(dims, relu(), vec![]);
        assert!(matches!(error, Error::ModelBatch { .. }), "{dims:?}: {error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn refusals_name_node_op_shapes_and_a_way_out() {
    let softmax = vec![node("Softmax", &["x"], "y")];
    assert_eq!(
        refusal(&[1, 3], softmax, vec![]).to_string(),
        "Softmax node Softmax_y on [1, 3] is not supported: \
         remove it from the end of the model and use the logits: the order is the same"
    );
    let gemm = vec![node("Gemm", &["x", "w"], "y")];
    assert_eq!(
        refusal(&[1, 5], gemm, vec![w()]).to_string(),
        "Gemm node Gemm_y on [1, 5], [2, 3]: expected 5 rows of weights"
    );
    let mut foreign = node("Relu", &["x"], "y");
    foreign.domain = "com.microsoft".into();
    let cases: [(Vec<NodeProto>, &str); 9] = [
        (vec![node("Einsum", &["x"], "y")], "zkml-model-op"),
        (vec![foreign], "zkml-model-op"),
        (vec![node("Div", &["x", "x"], "y")], "zkml-model-op"),
        (vec![node("Add", &["x", "s"], "y")], "zkml-model-op"),
        (vec![node("MatMul", &["w", "x"], "y")], "zkml-model-op"),
        (vec![node("Gemm", &["x", "x"], "y")], "zkml-model-op"),
        (vec![node("Relu", &["x", "x"], "y")], "zkml-model-arity"),
        (vec![node("Relu", &["z"], "y")], "zkml-model-value"),
        (vec![node("Relu", &["x"], "x")], "zkml-model-tensor"),
    ];
    for (nodes, code) in cases {
        let error = refusal(&[1, 2], nodes, vec![w(), int64s("s", &[1], &[1])]);
        assert_eq!(error.code(), code, "{error}");
    }
    let nowhere = refusal(&[1, 2], vec![node("Relu", &["x"], "z")], vec![]);
    assert_eq!(nowhere, Error::ModelValue { node: "the output".into(), value: "y".into() });
}

#[test]
fn a_short_file_cannot_ask_for_much_memory() {
    // [2^20, 1] × [1, 2^20]: forty bytes of nodes, 2^40 results.
    let nodes = vec![node("Reshape", &["x", "s"], "r"), node("MatMul", &["r", "w"], "y")];
    let side = 1i64 << 20;
    let tensors = vec![int64s("s", &[2], &[-1, 1]), floats("w", &[1, side], &vec![1.0; 1 << 20])];
    let error = refusal(&[1, side], nodes, tensors);
    assert!(matches!(error, Error::ModelTooLarge { what: "weights and values", .. }), "{error}");
}

#[test]
fn inputs_of_another_length_are_refused() {
    let graph = graph(&network(&[3, 2], 1)).unwrap();
    assert_eq!(graph.run(&[]), Err(Error::InputCount { expected: 1, found: 0 }));
    let error = graph.run(&[vec![1.0]]).unwrap_err();
    assert_eq!(error, Error::InputLength { input: "x".into(), expected: 3, found: 1 });
}

#[test]
fn pools_come_before_rectifiers() {
    let pool = with_ints(node("MaxPool", &["r"], "y"), "kernel_shape", &[2]);
    let nodes = vec![node("Relu", &["x"], "r"), with_ints(pool, "strides", &[2])];
    let graph = graph(&model(&[1, 1, 4], nodes.clone(), vec![])).unwrap();
    assert!(matches!(graph.nodes()[1].op, Op::Max { .. }));
    assert!(matches!(graph.nodes()[2].op, Op::Relu { .. }));
    let (pool, relu) = (&graph.nodes()[1], &graph.nodes()[2]);
    assert_eq!((pool.name.as_str(), relu.name.as_str()), ("MaxPool_y", "Relu_r"));
    let y = graph.run(&[vec![-3.0, -1.0, 2.0, -5.0]]).unwrap();
    assert_eq!(y, [[0.0, 2.0]]);
    // Not where the rectified numbers are used as well.
    let mut model = model(&[1, 1, 4], nodes, vec![]);
    model.graph.as_mut().unwrap().output.push(value_info("r", &[]));
    let graph = self::graph(&model).unwrap();
    assert!(matches!(graph.nodes()[1].op, Op::Relu { .. }));
}

#[test]
fn constants_after_a_layer_become_part_of_it() {
    // (x w + 1) · 2 - 3, all in one map; per channel and for all.
    let nodes = vec![
        node("MatMul", &["x", "w"], "m"),
        node("Add", &["m", "one"], "a"),
        node("Mul", &["a", "two"], "b"),
        node("Sub", &["b", "three"], "y"),
    ];
    let tensors = vec![
        w(),
        floats("one", &[], &[1.0]),
        floats("two", &[3], &[2.0, 4.0, 8.0]),
        floats("three", &[1, 1], &[3.0]),
    ];
    let graph = graph(&model(&[1, 2], nodes, tensors)).unwrap();
    assert_eq!(graph.nodes().len(), 2);
    assert_eq!(graph.run(&[vec![1.0, 10.0]]).unwrap(), [[81.0, 209.0, 509.0]]);
}

#[test]
fn refusals_of_layers_name_what_is_wrong() {
    let conv = || node("Conv", &["x", "k"], "y");
    let k = |dims: &[i64]| floats("k", dims, &vec![1.0; dims.iter().product::<i64>() as usize]);
    let pool = |pads: &[i64]| {
        let pool = with_ints(node("MaxPool", &["x"], "y"), "kernel_shape", &[2, 2]);
        with_ints(pool, "pads", pads)
    };
    let cases = [
        (conv(), k(&[4, 3, 3, 3]), "zkml-model-shape"),
        (conv(), k(&[4, 2, 3]), "zkml-model-shape"),
        (conv(), k(&[4, 2, 9, 1]), "zkml-model-shape"),
        (with_int(conv(), "group", 3), k(&[4, 2, 3, 3]), "zkml-model-attribute"),
        (with_int(conv(), "group", 0), k(&[4, 2, 3, 3]), "zkml-model-attribute"),
        (with_int(conv(), "group", -2), k(&[4, 2, 3, 3]), "zkml-model-attribute"),
        (with_text(conv(), "auto_pad", "SAME"), k(&[4, 2, 3, 3]), "zkml-model-attribute"),
        (with_ints(conv(), "kernel_shape", &[2, 2]), k(&[4, 2, 3, 3]), "zkml-model-attribute"),
        (with_ints(conv(), "strides", &[0, 1]), k(&[4, 2, 3, 3]), "zkml-model-attribute"),
        (with_ints(conv(), "dilations", &[1]), k(&[4, 2, 3, 3]), "zkml-model-attribute"),
        (with_ints(conv(), "pads", &[-1, 0, 0, 0]), k(&[4, 2, 3, 3]), "zkml-model-attribute"),
        (pool(&[3, 0, 0, 0]), k(&[1]), "zkml-model-attribute"),
        (node("AveragePool", &["x"], "y"), k(&[1]), "zkml-model-attribute"),
        (with_int(node("ArgMax", &["x"], "y"), "axis", 4), k(&[1]), "zkml-model-attribute"),
        (
            with_int(node("ArgMax", &["x"], "y"), "select_last_index", 1),
            k(&[1]),
            "zkml-model-attribute",
        ),
        (node("Concat", &["x", "k"], "y"), k(&[4, 2, 3, 3]), "zkml-model-shape"),
        (
            with_ints(node("Transpose", &["x"], "y"), "perm", &[0, 1, 1, 2]),
            k(&[1]),
            "zkml-model-attribute",
        ),
        (node("Add", &["x", "k"], "y"), k(&[3]), "zkml-model-shape"),
        (node("Clip", &["x", "k"], "y"), k(&[2]), "zkml-model-op"),
        (node("Resize", &["x"], "y"), k(&[1]), "zkml-model-op"),
        (with_int(node("Cast", &["x"], "y"), "to", 7), k(&[1]), "zkml-model-op"),
    ];
    for (node, k, code) in cases {
        let shown = format!("{} {:?}", node.op_type, node.attribute);
        let error = refusal(&[1, 2, 4, 4], vec![node], vec![k]);
        assert_eq!(error.code(), code, "{shown}: {error}");
        let op = shown.split(' ').next().unwrap();
        assert!(error.to_string().contains(op), "{error}");
    }
    let three = refusal(&[1, 2, 4, 4, 4], vec![conv()], vec![k(&[4, 2, 3, 3, 3])]);
    assert_eq!(
        three.to_string(),
        "Conv node Conv_y on [1, 2, 4, 4, 4], [4, 2, 3, 3, 3]: \
         expected a batch of 1, channels and one or two dimensions"
    );
}

#[test]
fn small_files_cannot_ask_for_long_loops_or_nothing() {
    let wide = 1i64 << 24;
    let pool = with_ints(node("MaxPool", &["x"], "y"), "kernel_shape", &[wide, wide]);
    let pool = with_ints(pool, "pads", &[wide; 4]);
    let error = refusal(&[1, 1, 2, 2], vec![pool], vec![]);
    assert!(matches!(error, Error::ModelShape { .. }), "{error}");
    let sum = vec![node("Add", &["a", "b"], "c"), node("Add", &["x", "c"], "y")];
    let ones = vec![1.0; 1 << 16];
    let tensors = vec![floats("a", &[1 << 16, 1], &ones), floats("b", &[1, 1 << 16], &ones)];
    let error = refusal(&[1, 1], sum, tensors);
    assert!(matches!(error, Error::ModelTooLarge { .. }), "{error}");
    let nothing = vec![node("Add", &["x", "a"], "y")];
    let error = refusal(&[1], nothing, vec![floats("a", &[0], &[])]);
    assert!(matches!(error, Error::ModelTensor { .. }), "{error}");
}
