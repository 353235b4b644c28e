//! Ops that move no number: they rename a value, give it another shape, or state a constant.

use super::{
    build::{Builder, Value, elements},
    call::Call,
};
use crate::{
    Error,
    onnx::{AttributeValue, Data, ELEMENT_F32},
};

/// A constant in a node of its own, as some exporters write shapes.
pub(super) fn constant(call: &Call<'_, '_>) -> Result<Value, Error> {
    let (dims, data) = match call.node.attributes.first().map(|found| (found.name, &found.value)) {
        Some(("value", AttributeValue::Tensor(tensor))) => {
            (tensor.dims.clone(), tensor.data.clone())
        }
        Some(("value_int", AttributeValue::Int(int))) => (vec![], Data::I64(vec![*int])),
        Some(("value_ints", AttributeValue::Ints(ints))) => {
            (vec![ints.len()], Data::I64(ints.clone()))
        }
        Some(("value_float", AttributeValue::Float(float))) if float.is_finite() => {
            (vec![], Data::F32(vec![*float]))
        }
        _ => return Err(call.misset("value", "a tensor, integers or a number were expected")),
    };
    Ok(Value::Constant { dims, data: data.into() })
}

/// The dimensions of a value, which are known: a constant.
pub(super) fn shape(call: &Call<'_, '_>) -> Result<Value, Error> {
    let dims = call.operand(0).shape();
    let rank = dims.len() as i64;
    let clamp = |at: i64| if at < 0 { at + rank } else { at }.clamp(0, rank) as usize;
    let (start, end) =
        (clamp(call.int("start", 0)?.max(-rank)), clamp(call.int("end", rank)?.max(-rank)));
    let dims: Vec<i64> =
        dims.get(start..end).unwrap_or_default().iter().map(|dim| *dim as i64).collect();
    Ok(Value::Constant { dims: vec![dims.len()], data: Data::I64(dims).into() })
}

/// Dimensions before `axis` become one, those from it on the other.
pub(super) fn flatten(call: &Call<'_, '_>) -> Result<Value, Error> {
    let shape = call.operand(0).shape();
    let axis = call.int("axis", 1)?;
    // One more than the last dimension is allowed here.
    let axis = if axis == shape.len() as i64 { shape.len() } else { call.axis(axis, shape.len())? };
    let (head, tail) = shape.split_at(axis);
    reshaped(call, vec![elements(head), elements(tail)])
}

/// Another shape: 0 copies a dimension (unless `allowzero`), one -1 takes what is left.
pub(super) fn reshape(call: &Call<'_, '_>) -> Result<Value, Error> {
    let input = call.operand(0).shape();
    let wanted = call.integers(1)?.ok_or_else(|| call.arity("operands of its op"))?;
    let copy_zeros = call.int("allowzero", 0)? == 0;
    let refuse = || call.misshapen(format!("as many elements as {wanted:?}"));
    let mut dims = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (at, dim) in wanted.iter().enumerate() {
        match dim {
            -1 if open.is_some() => return Err(refuse()),
            -1 => {
                open = Some(at);
                dims.push(1);
            }
            0 if copy_zeros => dims.push(*input.get(at).ok_or_else(refuse)?),
            _ => dims.push(usize::try_from(*dim).map_err(|_| refuse())?),
        }
    }
    let product =
        |dims: &[usize]| dims.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
    if let Some(at) = open {
        let product = product(&dims).filter(|product| *product > 0).ok_or_else(refuse)?;
        dims[at] = elements(input) / product;
    }
    // A model exported with a batch of more than one keeps it here.
    if product(&dims) != Some(elements(input)) {
        return Err(refuse());
    }
    reshaped(call, dims)
}

/// Removes dimensions of 1: those named, or all.
pub(super) fn squeeze(call: &Call<'_, '_>) -> Result<Value, Error> {
    let shape = call.operand(0).shape();
    let Some(axes) = call.axes("axes", 1)? else {
        return reshaped(call, shape.iter().copied().filter(|dim| *dim != 1).collect());
    };
    let mut dims: Vec<Option<usize>> = shape.iter().copied().map(Some).collect();
    for axis in axes {
        let at = call.axis(axis, shape.len())?;
        if shape[at] != 1 {
            return Err(call.misshapen(format!("a dimension of 1 at axis {axis}")));
        }
        dims[at] = None;
    }
    reshaped(call, dims.into_iter().flatten().collect())
}

/// Inserts dimensions of 1, so that they stand at these axes of the result.
pub(super) fn unsqueeze(call: &Call<'_, '_>) -> Result<Value, Error> {
    let shape = call.operand(0).shape();
    let axes = call.axes("axes", 1)?.ok_or_else(|| call.misset("axes", "it is required"))?;
    let rank = shape.len() + axes.len();
    let axes = axes.iter().map(|axis| call.axis(*axis, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut rest = shape.iter();
    let dims: Option<Vec<usize>> = (0..rank)
        .map(|at| if axes.contains(&at) { Some(1) } else { rest.next().copied() })
        .collect();
    let dims = dims.filter(|_| rest.next().is_none());
    reshaped(call, dims.ok_or_else(|| call.misset("axes", "an axis is named twice"))?)
}

/// The first operand with another shape of as many elements.
fn reshaped(call: &Call<'_, '_>, shape: Vec<usize>) -> Result<Value, Error> {
    Ok(match call.operand(0) {
        Value::Absent => return Err(call.arity("operands of its op")),
        Value::Computed { node, .. } => Value::Computed { node: *node, shape },
        Value::Constant { data, .. } => Value::Constant { dims: shape, data: data.clone() },
    })
}

impl Builder<'_> {
    /// Numbers stay what they are; turning real numbers into integers would be rounding.
    pub(super) fn cast(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let to = call.int("to", 0)?;
        let value = call.operand(0);
        let (to_float, to_integer) = (matches!(to, ELEMENT_F32 | 10 | 11), matches!(to, 6 | 7));
        match value {
            Value::Computed { node, .. } => {
                let whole = matches!(self.graph.nodes[*node].op, super::Op::ArgMax { .. });
                if to_float || to_integer && whole {
                    return Ok(value.clone());
                }
                Err(call.unsupported("only a cast to a floating-point type is; remove it"))
            }
            Value::Constant { dims, data } => {
                let data = match &**data {
                    Data::F32(floats) if to_integer => {
                        Data::I64(floats.iter().map(|float| *float as i64).collect())
                    }
                    Data::I64(integers) if to_float => {
                        Data::F32(integers.iter().map(|integer| *integer as f32).collect())
                    }
                    same if to_float || to_integer => same.clone(),
                    _ => return Err(call.misset("to", "float32 or int64 was expected")),
                };
                Ok(Value::Constant { dims: dims.clone(), data: data.into() })
            }
            Value::Absent => Err(call.arity("operands of its op")),
        }
    }
}
