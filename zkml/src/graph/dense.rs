//! Fully connected layers: Gemm, MatMul, and Add of a constant right after one of them.

use std::sync::Arc;

use super::{
    Dense, Op,
    build::{Builder, Value, elements, float, int, misset, misshapen, unsupported},
};
use crate::{
    Error,
    onnx::{Data, Node},
};

impl Builder<'_> {
    /// alpha · A' B' + beta · C, where A is computed and B, C are constants.
    pub(super) fn gemm(
        &mut self,
        node: &Node<'_>,
        a: &Value,
        b: &Value,
        c: Option<&Value>,
    ) -> Result<Value, Error> {
        let operands: Vec<_> = [a, b].into_iter().chain(c).cloned().collect();
        let Value::Computed { node: input, shape } = a else {
            return Err(unsupported(node, &operands, "operand A must be computed, B a constant"));
        };
        let [rows, width] = shape[..] else {
            return Err(misshapen(node, &operands, "two dimensions; put a Flatten before it"));
        };
        // The transpose of a single row or column is the same numbers in the same order.
        let (rows, width) = match int(node, "transA", 0)? {
            0 => (rows, width),
            _ if rows == 1 || width == 1 => (width, rows),
            _ => return Err(misset(node, "transA", "only a single row or column is transposed")),
        };
        let transposed = int(node, "transB", 0)? != 0;
        let gain = f64::from(float(node, "alpha", 1.0)?);
        let beta = f64::from(float(node, "beta", 1.0)?);
        let (weights, height) = self.weights(node, &operands, b, width, transposed)?;
        self.reserve(rows.saturating_mul(height))?;
        let mut dense = Dense { width, height, weights, gain, bias: vec![] };
        dense.bias = match c {
            None => vec![0.0; rows * height],
            Some(c) => broadcast(node, &operands, c, &[rows, height])?
                .into_iter()
                .map(|value| value * beta)
                .collect(),
        };
        let shape = vec![rows, height];
        let id = self.push(node.name, Op::Dense { input: *input, dense }, elements(&shape))?;
        Ok(Value::Computed { node: id, shape })
    }

    /// A B, where A is computed, with any number of leading dimensions, and B is a constant matrix.
    pub(super) fn matmul(&mut self, node: &Node<'_>, a: &Value, b: &Value) -> Result<Value, Error> {
        let operands = [a.clone(), b.clone()];
        let Value::Computed { node: input, shape } = a else {
            return Err(unsupported(node, &operands, "use Gemm with the constant as operand B"));
        };
        let [leading @ .., width] = &shape[..] else {
            return Err(misshapen(node, &operands, "at least one dimension"));
        };
        let (rows, width) = (elements(leading), *width);
        let (weights, height) = self.weights(node, &operands, b, width, false)?;
        self.reserve(rows.saturating_mul(height))?;
        let shape = [leading, &[height]].concat();
        let bias = vec![0.0; rows * height];
        let dense = Dense { width, height, weights, gain: 1.0, bias };
        let id = self.push(node.name, Op::Dense { input: *input, dense }, elements(&shape))?;
        Ok(Value::Computed { node: id, shape })
    }

    /// A constant added to what a Gemm or MatMul computes becomes its bias.
    pub(super) fn add(&mut self, node: &Node<'_>, a: &Value, b: &Value) -> Result<Value, Error> {
        let operands = [a.clone(), b.clone()];
        let (id, shape, constant) = match (a, b) {
            (Value::Computed { node, shape }, constant @ Value::Constant { .. })
            | (constant @ Value::Constant { .. }, Value::Computed { node, shape }) => {
                (node, shape, constant)
            }
            _ => return Err(unsupported(node, &operands, "one operand must be a constant")),
        };
        let Op::Dense { input, dense } = &self.graph.nodes[*id].op else {
            let instead = "a constant can be added right after Gemm or MatMul";
            return Err(unsupported(node, &operands, instead));
        };
        let (input, mut dense) = (*input, dense.clone());
        let added = broadcast(node, &operands, constant, shape)?;
        for (bias, value) in dense.bias.iter_mut().zip(added) {
            *bias += value;
        }
        // A new node: the sum without the constant may be used elsewhere; if not, it is dropped.
        let id = self.push(node.name, Op::Dense { input, dense }, elements(shape))?;
        Ok(Value::Computed { node: id, shape: shape.clone() })
    }

    /// The constant as a height × width matrix; `b` is width × height unless `transposed`.
    fn weights(
        &mut self,
        node: &Node<'_>,
        operands: &[Value],
        b: &Value,
        width: usize,
        transposed: bool,
    ) -> Result<(Arc<[f32]>, usize), Error> {
        let (dims, data) = floats(b).ok_or_else(|| {
            unsupported(node, operands, "operand B must be a constant of float32")
        })?;
        let (inner, height) = match (dims, transposed) {
            ([inner, height], false) | ([height, inner], true) => (*inner, *height),
            _ => return Err(misshapen(node, operands, "a matrix of two dimensions as operand B")),
        };
        if inner != width || height == 0 {
            return Err(misshapen(node, operands, format!("{width} rows of weights")));
        }
        self.reserve(data.len())?;
        if transposed {
            return Ok((data.into(), height));
        }
        let column = |row: usize| (0..width).map(move |at| data[at * height + row]);
        Ok(((0..height).flat_map(column).collect(), height))
    }
}

/// Shape and elements of a float constant.
fn floats(value: &Value) -> Option<(&[usize], &[f32])> {
    match value {
        Value::Constant { dims, data } => match &**data {
            Data::F32(data) => Some((dims, data)),
            Data::I64(_) => None,
        },
        Value::Computed { .. } => None,
    }
}

/// A constant's elements, repeated to fill `shape` (numpy's rule).
fn broadcast(
    node: &Node<'_>,
    operands: &[Value],
    constant: &Value,
    shape: &[usize],
) -> Result<Vec<f64>, Error> {
    let (dims, data) = floats(constant).ok_or_else(|| {
        unsupported(node, operands, "what is added must be a constant of float32")
    })?;
    let refuse = || misshapen(node, operands, format!("a constant that fits {shape:?}"));
    let skipped = shape.len().checked_sub(dims.len()).ok_or_else(refuse)?;
    if shape[skipped..].iter().zip(dims).any(|(wanted, dim)| dim != wanted && *dim != 1) {
        return Err(refuse());
    }
    let at = |flat: usize| {
        let (mut rest, mut stride, mut at) = (flat, 1, 0);
        for (index, size) in shape.iter().enumerate().rev() {
            let Some(dim) = index.checked_sub(skipped).map(|index| dims[index]) else { break };
            if dim != 1 {
                at += rest % size * stride;
            }
            stride *= dim;
            rest /= size;
        }
        f64::from(data[at])
    };
    Ok((0..elements(shape)).map(at).collect())
}
