//! One node of the file with its operands: attributes with the standard's defaults, and refusals that
//! name node, op and shapes.

use super::{
    NodeId,
    build::{Value, elements},
};
use crate::{
    Error,
    onnx::{self, AttributeValue, Data},
};

/// A node of the file, its operands resolved.
pub(super) struct Call<'c, 'a> {
    pub(super) node: &'c onnx::Node<'a>,
    pub(super) operands: &'c [Value],
}

impl<'a> Call<'_, 'a> {
    pub(super) const fn name(&self) -> &'a str {
        self.node.name
    }

    /// Operand `at`; [`Value::Absent`] where it is left out.
    pub(super) fn operand(&self, at: usize) -> &Value {
        self.operands.get(at).unwrap_or(&Value::Absent)
    }

    /// Operand `at`, which must be computed: its node and its shape.
    pub(super) fn computed(&self, at: usize) -> Result<(NodeId, &[usize]), Error> {
        match self.operand(at) {
            Value::Computed { node, shape } => Ok((*node, shape)),
            _ => Err(self.unsupported("its first operand must be computed from the input")),
        }
    }

    /// Shape and numbers of operand `at`, where it is a float constant.
    pub(super) fn floats(&self, at: usize) -> Option<(&[usize], &[f32])> {
        match self.operand(at) {
            Value::Constant { dims, data } => match &**data {
                Data::F32(data) => Some((dims, data)),
                Data::I64(_) => None,
            },
            _ => None,
        }
    }

    /// The number that operand `at` is, where it is there. Errors: not a constant of one number.
    pub(super) fn scalar(&self, at: usize) -> Result<Option<f64>, Error> {
        match (self.operand(at), self.floats(at)) {
            (Value::Absent, _) => Ok(None),
            (_, Some((_, [number]))) => Ok(Some(f64::from(*number))),
            _ => Err(self.unsupported("bounds and fill values must be constants of one float32")),
        }
    }

    /// The integers of operand `at`, where it is there. Errors: not a constant of int64.
    pub(super) fn integers(&self, at: usize) -> Result<Option<&[i64]>, Error> {
        match self.operand(at) {
            Value::Absent => Ok(None),
            Value::Constant { data, .. } => match &**data {
                Data::I64(integers) => Ok(Some(integers)),
                Data::F32(_) => Err(self.unsupported("shapes and axes must be int64")),
            },
            Value::Computed { .. } => {
                Err(self.unsupported("shapes and axes must be constants of int64"))
            }
        }
    }

    /// Axes from an attribute (older opsets) or an operand (newer ones).
    pub(super) fn axes(&self, attribute: &str, operand: usize) -> Result<Option<Vec<i64>>, Error> {
        match self.integers(operand)? {
            Some(axes) => Ok(Some(axes.to_vec())),
            None => self.ints(attribute),
        }
    }

    /// An axis of a shape of `rank` dimensions; negative ones count from the end.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Error> {
        let axis = if axis < 0 { axis.checked_add_unsigned(rank as u64) } else { Some(axis) };
        axis.and_then(|axis| usize::try_from(axis).ok())
            .filter(|axis| *axis < rank)
            .ok_or_else(|| self.misset("axis", "it is outside the input's dimensions"))
    }

    /// An integer attribute, or the standard's default.
    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, Error> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(AttributeValue::Int(found)) => Ok(*found),
            Some(_) => Err(self.misset(name, "an integer was expected")),
        }
    }

    /// A list of integers, where it is there.
    pub(super) fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, Error> {
        match self.node.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Ints(found)) => Ok(Some(found.clone())),
            Some(_) => Err(self.misset(name, "a list of integers was expected")),
        }
    }

    /// A float attribute, or the standard's default.
    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, Error> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(AttributeValue::Float(found)) if found.is_finite() => Ok(*found),
            Some(_) => Err(self.misset(name, "a finite number was expected")),
        }
    }

    /// A text attribute, or the standard's default.
    pub(super) fn text(&self, name: &str, default: &'static str) -> Result<String, Error> {
        match self.node.attribute(name) {
            None => Ok(default.to_owned()),
            Some(AttributeValue::Text(found)) => Ok((*found).to_owned()),
            Some(_) => Err(self.misset(name, "a text was expected")),
        }
    }

    pub(super) fn arity(&self, expected: &'static str) -> Error {
        let (node, op) = (self.node.name.to_owned(), self.node.op.to_owned());
        Error::ModelArity { node, op, expected, found: self.operands.len() }
    }

    pub(super) fn unsupported(&self, instead: &'static str) -> Error {
        let (node, op) = (self.node.name.to_owned(), self.node.op.to_owned());
        Error::ModelOp { node, op, shapes: self.shapes(), instead }
    }

    pub(super) fn misshapen(&self, expected: impl Into<String>) -> Error {
        let (node, op) = (self.node.name.to_owned(), self.node.op.to_owned());
        Error::ModelShape { node, op, shapes: self.shapes(), expected: expected.into() }
    }

    pub(super) fn misset(&self, attribute: &str, why: &'static str) -> Error {
        let (node, op) = (self.node.name.to_owned(), self.node.op.to_owned());
        Error::ModelAttribute { node, op, attribute: attribute.to_owned(), why }
    }

    fn shapes(&self) -> String {
        let one = |value: &Value| match value {
            Value::Absent => "nothing".to_owned(),
            value => format!("{:?}", value.shape()),
        };
        self.operands.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// The shape that both fit into by numpy's rule.
pub(super) fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim =
        |shape: &[usize], at: usize| (at + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    (0..rank)
        .map(|at| match (dim(a, at), dim(b, at)) {
            (a, b) if a == b => Some(a),
            (1, b) => Some(b),
            (a, 1) => Some(a),
            _ => None,
        })
        .collect()
}

/// For each element of `to` in order, which element of `from` stands there by numpy's rule. Expects
/// that `from` fits.
pub(super) fn broadcast_index(from: &[usize], to: &[usize]) -> impl Iterator<Item = usize> {
    let skipped = to.len() - from.len();
    (0..elements(to)).map(move |flat| {
        let (mut rest, mut stride, mut at) = (flat, 1, 0);
        for (index, size) in to.iter().enumerate().rev() {
            let Some(dim) = index.checked_sub(skipped).map(|index| from[index]) else { break };
            if dim != 1 {
                at += rest % size * stride;
            }
            stride *= dim;
            rest /= size;
        }
        at
    })
}
