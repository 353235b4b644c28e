//! Ops that move no number: they rename a value, give it another shape, or state a constant.

use core::slice::from_ref;

use super::build::{Value, elements, int, misset, misshapen, unsupported};
use crate::{
    Error,
    onnx::{AttributeValue, Data, Node},
};

/// A constant in a node of its own, as some exporters write shapes.
pub(super) fn constant(node: &Node<'_>) -> Result<Value, Error> {
    let (dims, data) = match node.attributes.first().map(|found| (found.name, &found.value)) {
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
        _ => return Err(misset(node, "value", "a tensor, integers or a number were expected")),
    };
    Ok(Value::Constant { dims, data: data.into() })
}

/// Dimensions before `axis` become one, those from it on the other.
pub(super) fn flatten(node: &Node<'_>, input: &Value) -> Result<Value, Error> {
    let rank = input.shape().len();
    let axis = int(node, "axis", 1)?;
    let axis = if axis < 0 { axis.checked_add_unsigned(rank as u64) } else { Some(axis) };
    let axis = axis
        .and_then(|axis| usize::try_from(axis).ok())
        .filter(|axis| *axis <= rank)
        .ok_or_else(|| misset(node, "axis", "it is outside the input's dimensions"))?;
    let (head, tail) = input.shape().split_at(axis);
    reshaped(node, input, vec![elements(head), elements(tail)])
}

/// Another shape: 0 copies a dimension (unless `allowzero`), one -1 takes what is left.
pub(super) fn reshape(node: &Node<'_>, input: &Value, shape: &Value) -> Result<Value, Error> {
    let refuse = || {
        let operands = [input.clone(), shape.clone()];
        unsupported(node, &operands, "the shape must be a constant of int64")
    };
    let Value::Constant { data, .. } = shape else { return Err(refuse()) };
    let Data::I64(wanted) = &**data else { return Err(refuse()) };
    let copy_zeros = int(node, "allowzero", 0)? == 0;
    let refuse = || misshapen(node, from_ref(input), format!("as many elements as {wanted:?}"));
    let mut dims = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (at, dim) in wanted.iter().enumerate() {
        match dim {
            -1 if open.is_some() => return Err(refuse()),
            -1 => {
                open = Some(at);
                dims.push(1);
            }
            0 if copy_zeros => dims.push(*input.shape().get(at).ok_or_else(refuse)?),
            _ => dims.push(usize::try_from(*dim).map_err(|_| refuse())?),
        }
    }
    if let Some(at) = open {
        let product = dims.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
        let product = product.filter(|product| *product > 0).ok_or_else(refuse)?;
        dims[at] = elements(input.shape()) / product;
    }
    // A model exported with a batch of more than one keeps it here.
    if dims.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim))
        != Some(elements(input.shape()))
    {
        return Err(refuse());
    }
    reshaped(node, input, dims)
}

fn reshaped(node: &Node<'_>, input: &Value, shape: Vec<usize>) -> Result<Value, Error> {
    match input {
        Value::Computed { node: id, .. } => Ok(Value::Computed { node: *id, shape }),
        Value::Constant { .. } => {
            Err(unsupported(node, from_ref(input), "store the constant in its final shape"))
        }
    }
}
