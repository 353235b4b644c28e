//! From the file's nodes to the graph's: every name resolved, every shape known.

use std::{collections::HashMap, sync::Arc};

use super::{Graph, Node, NodeId, Op, Port, call::Call, shape};
use crate::{
    Error,
    onnx::{self, Data, Model, ValueInfo},
};

/// What a name of the file stands for.
#[derive(Clone)]
pub(super) enum Value {
    /// An operand that is left out.
    Absent,
    Computed {
        node: NodeId,
        shape: Vec<usize>,
    },
    Constant {
        dims: Vec<usize>,
        data: Arc<Data>,
    },
}

impl Value {
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::Absent => &[],
            Self::Computed { shape, .. } => shape,
            Self::Constant { dims, .. } => dims,
        }
    }
}

pub(super) struct Builder<'a> {
    pub(super) graph: Graph,
    values: HashMap<&'a str, Value>,
    /// Numbers held by the nodes so far.
    numbers: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(graph: Graph) -> Self {
        Self { graph, values: HashMap::new(), numbers: 0 }
    }

    pub(super) fn read(mut self, model: Model<'a>) -> Result<Graph, Error> {
        for tensor in model.initializers {
            let value = Value::Constant { dims: tensor.dims, data: tensor.data.into() };
            self.define("the model", tensor.name, value)?;
        }
        // Older exporters list initializers among the inputs.
        let is_input = |input: &&ValueInfo<'a>| !self.values.contains_key(input.name);
        let inputs: Vec<_> = model.inputs.iter().filter(is_input).collect();
        if inputs.is_empty() || model.outputs.is_empty() {
            let why = "it has no input or no output";
            return Err(Error::ModelMalformed { what: "graph", why });
        }
        for info in inputs {
            let shape = fixed_shape(info)?;
            let node = self.push(info.name, Op::Input, elements(&shape))?;
            let name = info.name.to_owned();
            self.graph.inputs.push(Port { name, shape: shape.clone(), node });
            self.define("the model", info.name, Value::Computed { node, shape })?;
        }
        for node in &model.nodes {
            let values = self.node(node)?;
            if node.outputs.is_empty() {
                return Err(Call { node, operands: &[] }.arity("an output"));
            }
            // Further outputs (a mask of Dropout, say) stay undefined: using them is an error.
            for (name, value) in node.outputs.iter().zip(values) {
                self.define(node.name, name, value)?;
            }
        }
        for info in model.outputs {
            let missing =
                || Error::ModelValue { node: "the output".into(), value: info.name.into() };
            let value = self.values.get(info.name).ok_or_else(missing)?;
            let Value::Computed { node, shape } = value.clone() else {
                let tensor = info.name.to_owned();
                return Err(Error::ModelTensor { tensor, why: "it is a constant output".into() });
            };
            // A value of the receipt format has at least one dimension.
            let shape = if shape.is_empty() { vec![1] } else { shape };
            self.graph.outputs.push(Port { name: info.name.to_owned(), shape, node });
        }
        Ok(self.graph)
    }

    fn define(&mut self, node: &str, name: &'a str, value: Value) -> Result<(), Error> {
        if self.values.insert(name, value).is_some() || name.is_empty() {
            let why = format!("{node} defines it again or leaves it unnamed");
            return Err(Error::ModelTensor { tensor: name.to_owned(), why });
        }
        Ok(())
    }

    /// Translates one node; this is the list of what there is.
    fn node(&mut self, node: &onnx::Node<'a>) -> Result<Vec<Value>, Error> {
        let operands = node
            .inputs
            .iter()
            .map(|name| match self.values.get(name) {
                _ if name.is_empty() => Ok(Value::Absent),
                Some(value) => Ok(value.clone()),
                None => Err(Error::ModelValue {
                    node: format!("{} node {}", node.op, node.name),
                    value: (*name).to_owned(),
                }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let call = Call { node, operands: &operands };
        if !matches!(node.domain, "" | "ai.onnx") {
            return Err(call.unsupported("only ops of the standard domain are"));
        }
        let Some((_, few, most)) = OPERANDS.iter().find(|(op, ..)| *op == node.op) else {
            let instead = INSTEAD.iter().find(|(ops, _)| ops.contains(&node.op));
            return Err(call.unsupported(instead.map_or(SUPPORTED, |(_, instead)| instead)));
        };
        if !(*few..=*most).contains(&operands.len()) {
            return Err(call.arity("operands of its op"));
        }
        let value = match node.op {
            "Add" | "Div" | "Mul" | "Sub" => self.arithmetic(&call),
            "ArgMax" => self.arg_max(&call),
            "AveragePool" | "MaxPool" => self.pool(&call),
            "BatchNormalization" => self.batch_normalization(&call),
            "Cast" => self.cast(&call),
            "Clip" => self.clip(&call),
            "Concat" => self.concat(&call),
            "Constant" => shape::constant(&call),
            "Conv" => self.conv(&call),
            "Dropout" | "Identity" => self.identity(&call),
            "Flatten" => shape::flatten(&call),
            "Gather" => self.gather(&call),
            "Gemm" => self.gemm(&call),
            "GlobalAveragePool" | "GlobalMaxPool" => self.global_pool(&call),
            "LeakyRelu" => self.leaky_relu(&call),
            "MatMul" => self.matmul(&call),
            "Neg" => self.negate(&call),
            "Pad" => self.pad(&call),
            "ReduceMean" | "ReduceSum" => self.reduce(&call),
            "Relu" => self.relu(&call),
            "Reshape" => shape::reshape(&call),
            "Shape" => shape::shape(&call),
            "Slice" => self.slice(&call),
            "Split" => return self.split(&call),
            "Squeeze" => shape::squeeze(&call),
            "Transpose" => self.transpose(&call),
            "Unsqueeze" => shape::unsqueeze(&call),
            _ => Err(call.unsupported(SUPPORTED)),
        };
        Ok(vec![value?])
    }

    /// Dropout does nothing outside training; neither does Identity, ever.
    fn identity(&self, call: &Call<'_, '_>) -> Result<Value, Error> {
        // Operand 2 of Dropout is a boolean, which no constant of ours can be: training needs it.
        if call.operands.len() > 2 {
            return Err(call.unsupported("export the model for inference, not for training"));
        }
        Ok(call.operand(0).clone())
    }

    pub(super) fn push(&mut self, name: &str, op: Op, elements: usize) -> Result<NodeId, Error> {
        self.reserve(elements)?;
        if elements == 0 {
            let why = "it has no elements".to_owned();
            return Err(Error::ModelTensor { tensor: name.to_owned(), why });
        }
        self.graph.nodes.push(Node { name: name.to_owned(), op, elements });
        Ok(self.graph.nodes.len() - 1)
    }

    /// The same, as a value of this shape.
    pub(super) fn value(&mut self, name: &str, op: Op, shape: Vec<usize>) -> Result<Value, Error> {
        let node = self.push(name, op, elements(&shape))?;
        Ok(Value::Computed { node, shape })
    }

    /// Counts numbers before memory for them is taken: a short file can name one tensor often.
    pub(super) fn reserve(&mut self, numbers: usize) -> Result<(), Error> {
        self.numbers = self.numbers.saturating_add(numbers);
        if self.numbers > MAX_NUMBERS {
            let what = "weights and values";
            return Err(Error::ModelTooLarge { what, limit: MAX_NUMBERS, found: self.numbers });
        }
        Ok(())
    }
}

/// Supported ops, with the fewest and the most operands.
const OPERANDS: &[(&str, usize, usize)] = &[
    ("Add", 2, 2),
    ("ArgMax", 1, 1),
    ("AveragePool", 1, 1),
    ("BatchNormalization", 5, 5),
    ("Cast", 1, 1),
    ("Clip", 1, 3),
    ("Concat", 1, usize::MAX),
    ("Constant", 0, 0),
    ("Conv", 2, 3),
    ("Div", 2, 2),
    ("Dropout", 1, 3),
    ("Flatten", 1, 1),
    ("Gather", 2, 2),
    ("Gemm", 2, 3),
    ("GlobalAveragePool", 1, 1),
    ("GlobalMaxPool", 1, 1),
    ("Identity", 1, 1),
    ("LeakyRelu", 1, 1),
    ("MatMul", 2, 2),
    ("MaxPool", 1, 1),
    ("Mul", 2, 2),
    ("Neg", 1, 1),
    ("Pad", 1, 4),
    ("ReduceMean", 1, 2),
    ("ReduceSum", 1, 2),
    ("Relu", 1, 1),
    ("Reshape", 2, 2),
    ("Shape", 1, 1),
    ("Slice", 1, 5),
    ("Split", 1, 2),
    ("Squeeze", 1, 2),
    ("Sub", 2, 2),
    ("Transpose", 1, 1),
    ("Unsqueeze", 1, 2),
];

const SUPPORTED: &str = "supported are Add, ArgMax, AveragePool, BatchNormalization, Cast, Clip, \
Concat, Constant, Conv, Div, Dropout, Flatten, Gather, Gemm, GlobalAveragePool, GlobalMaxPool, Identity, \
LeakyRelu, MatMul, MaxPool, Mul, Neg, Pad, ReduceMean, ReduceSum, Relu, Reshape, Shape, Slice, Split, \
Squeeze, Sub, Transpose and Unsqueeze";

/// What can stand in the place of ops that are not supported.
const INSTEAD: &[(&[&str], &str)] = &[
    (
        &["Sigmoid", "Softmax", "LogSoftmax"],
        "remove it from the end of the model and use the logits: the order is the same",
    ),
    (
        &[
            "Gelu",
            "Elu",
            "Tanh",
            "HardSwish",
            "HardSigmoid",
            "Selu",
            "PRelu",
            "Celu",
            "Mish",
            "Softplus",
        ],
        "use Relu, LeakyRelu or Clip",
    ),
    (
        &["LayerNormalization", "InstanceNormalization", "GroupNormalization"],
        "use BatchNormalization, whose statistics are constants",
    ),
    (&["LSTM", "GRU", "RNN", "Loop", "Scan", "If"], "unroll it into feed-forward layers"),
    (
        &["ConvTranspose", "Resize", "Upsample"],
        "use Conv with strides, or run it in an attested step",
    ),
];

/// An input's shape with its batch dimension fixed to 1.
fn fixed_shape(info: &ValueInfo<'_>) -> Result<Vec<usize>, Error> {
    let shown: Vec<_> =
        info.dims.iter().map(|dim| dim.map_or("?".to_owned(), |dim| dim.to_string())).collect();
    let refuse = || Error::ModelBatch { input: info.name.into(), found: shown.join("×") };
    if info.element != onnx::ELEMENT_F32 {
        let why = "a model's input is float32; integers are quantized numbers".to_owned();
        return Err(Error::ModelTensor { tensor: info.name.to_owned(), why });
    }
    let mut shape = vec![];
    for (at, dim) in info.dims.iter().enumerate() {
        match (at, dim) {
            (0, None) => shape.push(1),
            // A vector has no batch dimension.
            (0, Some(batch)) if *batch != 1 && info.dims.len() > 1 => return Err(refuse()),
            (_, Some(dim)) => shape.push(*dim),
            (_, None) => return Err(refuse()),
        }
    }
    let count = shape.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
    if shape.is_empty() || count.is_none_or(|count| count > MAX_ELEMENTS) {
        return Err(refuse());
    }
    Ok(shape)
}

/// Most elements of a value, as for tensors of the receipt format: 2^24.
pub(super) const MAX_ELEMENTS: usize = 1 << 24;
/// Most weights and values of all nodes together: twice what the largest file has.
const MAX_NUMBERS: usize = 1 << 27;

/// How many elements a shape has, or the largest number there is: more than any limit.
pub(super) fn elements(shape: &[usize]) -> usize {
    shape.iter().fold(1, |product, dim| product.saturating_mul(*dim))
}
