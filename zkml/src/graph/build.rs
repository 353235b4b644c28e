//! From the file's nodes to the graph's: every name resolved, every shape known.

use std::{collections::HashMap, sync::Arc};

use super::{Graph, Node, NodeId, Op, Port, shape};
use crate::{
    Error,
    onnx::{self, Data, Model, ValueInfo},
};

/// What a name of the file stands for.
#[derive(Clone)]
pub(super) enum Value {
    Constant { dims: Vec<usize>, data: Arc<Data> },
    Computed { node: NodeId, shape: Vec<usize> },
}

impl Value {
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::Constant { dims, .. } => dims,
            Self::Computed { shape, .. } => shape,
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
            let value = self.node(node)?;
            // Further outputs (a mask of Dropout, say) stay undefined: using them is an error.
            let name = node.outputs.first().ok_or_else(|| arity(node, "an output"))?;
            self.define(node.name, name, value)?;
        }
        for info in model.outputs {
            let missing =
                || Error::ModelValue { node: "the output".into(), value: info.name.into() };
            let value = self.values.get(info.name).ok_or_else(missing)?;
            let Value::Computed { node, shape } = value.clone() else {
                let tensor = info.name.to_owned();
                return Err(Error::ModelTensor { tensor, why: "it is a constant output".into() });
            };
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

    /// Translates one node; the last arm is the list of what there is.
    fn node(&mut self, node: &onnx::Node<'a>) -> Result<Value, Error> {
        let operands = node
            .inputs
            .iter()
            .map(|name| {
                self.values.get(name).cloned().ok_or_else(|| Error::ModelValue {
                    node: format!("{} node {}", node.op, node.name),
                    value: (*name).to_owned(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if !matches!(node.domain, "" | "ai.onnx") {
            return Err(unsupported(node, &operands, "only ops of the standard domain are"));
        }
        match (node.op, operands.as_slice()) {
            ("Add", [a, b]) => self.add(node, a, b),
            ("Constant", []) => shape::constant(node),
            ("Flatten", [input]) => shape::flatten(node, input),
            ("Gemm", [a, b, rest @ ..]) if rest.len() <= 1 => self.gemm(node, a, b, rest.first()),
            ("Identity", [input]) => Ok(input.clone()),
            ("MatMul", [a, b]) => self.matmul(node, a, b),
            ("Relu", [Value::Computed { node: input, shape }]) => {
                let id = self.push(node.name, Op::Relu { input: *input }, elements(shape))?;
                Ok(Value::Computed { node: id, shape: shape.clone() })
            }
            ("Reshape", [input, shape]) => shape::reshape(node, input, shape),
            (
                "Add" | "Constant" | "Flatten" | "Gemm" | "Identity" | "MatMul" | "Relu"
                | "Reshape",
                _,
            ) => Err(arity(node, "operands of its op")),
            ("Conv" | "BatchNormalization" | "MaxPool" | "AveragePool", _) => Err(unsupported(
                node,
                &operands,
                "convolutional layers are not supported yet; run them in a step that is attested",
            )),
            ("Sigmoid" | "Softmax" | "LogSoftmax", _) => Err(unsupported(
                node,
                &operands,
                "remove it from the end of the model and use the logits: the order is the same",
            )),
            ("Gelu" | "Elu" | "LeakyRelu" | "Tanh" | "HardSwish" | "Selu", _) => {
                Err(unsupported(node, &operands, "use Relu"))
            }
            _ => Err(unsupported(
                node,
                &operands,
                "supported are Add, Constant, Flatten, Gemm, Identity, MatMul, Relu and Reshape",
            )),
        }
    }

    pub(super) fn push(&mut self, name: &str, op: Op, elements: usize) -> Result<NodeId, Error> {
        self.reserve(elements)?;
        self.graph.nodes.push(Node { name: name.to_owned(), op, elements });
        Ok(self.graph.nodes.len() - 1)
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
const MAX_ELEMENTS: usize = 1 << 24;
/// Most weights and values of all nodes together: twice what the largest file has.
const MAX_NUMBERS: usize = 1 << 27;

pub(super) fn elements(shape: &[usize]) -> usize {
    shape.iter().product()
}

pub(super) fn arity(node: &onnx::Node<'_>, expected: &'static str) -> Error {
    let (name, op) = (node.name.to_owned(), node.op.to_owned());
    Error::ModelArity { node: name, op, expected, found: node.inputs.len() }
}

fn shapes(operands: &[Value]) -> String {
    let one = |value: &Value| format!("{:?}", value.shape());
    operands.iter().map(one).collect::<Vec<_>>().join(", ")
}

pub(super) fn unsupported(
    node: &onnx::Node<'_>,
    operands: &[Value],
    instead: &'static str,
) -> Error {
    let (name, op) = (node.name.to_owned(), node.op.to_owned());
    Error::ModelOp { node: name, op, shapes: shapes(operands), instead }
}

pub(super) fn misshapen(
    node: &onnx::Node<'_>,
    operands: &[Value],
    expected: impl Into<String>,
) -> Error {
    let (name, op) = (node.name.to_owned(), node.op.to_owned());
    Error::ModelShape { node: name, op, shapes: shapes(operands), expected: expected.into() }
}

pub(super) fn misset(node: &onnx::Node<'_>, attribute: &str, why: &'static str) -> Error {
    let (name, op) = (node.name.to_owned(), node.op.to_owned());
    Error::ModelAttribute { node: name, op, attribute: attribute.to_owned(), why }
}

/// An integer attribute, or the standard's default.
pub(super) fn int(node: &onnx::Node<'_>, name: &str, default: i64) -> Result<i64, Error> {
    match node.attribute(name) {
        None => Ok(default),
        Some(onnx::AttributeValue::Int(found)) => Ok(*found),
        Some(_) => Err(misset(node, name, "an integer was expected")),
    }
}

/// A float attribute, or the standard's default.
pub(super) fn float(node: &onnx::Node<'_>, name: &str, default: f32) -> Result<f32, Error> {
    match node.attribute(name) {
        None => Ok(default),
        Some(onnx::AttributeValue::Float(found)) if found.is_finite() => Ok(*found),
        Some(_) => Err(misset(node, name, "a finite number was expected")),
    }
}
