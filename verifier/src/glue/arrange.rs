//! Functions that only choose and place elements.

use std::cmp::Reverse;

use super::refuse;
use crate::{Error, value::TensorType};

/// Index of the greatest element, the lowest among equals.
pub(super) fn index_of_greatest(integers: &[i64]) -> Vec<i64> {
    let order = integers.iter().map(|integer| Reverse(*integer)).zip(0i64..);
    order.min().map(|(_, index)| index).into_iter().collect()
}

/// Indices of the `k` greatest elements, row-major, greatest first, the lowest index first among
/// equals.
pub(super) fn greatest(integers: &[i64], k: usize) -> Vec<i64> {
    let mut order: Vec<(Reverse<i64>, i64)> =
        integers.iter().map(|integer| Reverse(*integer)).zip(0i64..).collect();
    if k < order.len() {
        order.select_nth_unstable(k);
        order.truncate(k);
    }
    order.sort_unstable();
    order.into_iter().map(|(_, index)| index).collect()
}

/// Type of tensors one after the other along `axis`.
pub(super) fn concat_type(
    axis: usize,
    first: &TensorType,
    rest: &[&TensorType],
) -> Result<TensorType, Error> {
    let mut shape = first.shape().to_vec();
    let Some(length) = shape.get_mut(axis) else {
        return refuse("axis is one of the dimensions, the outermost is 0");
    };
    for tensor in rest {
        let same = |(at, (a, b)): (usize, (&u32, &u32))| at == axis || a == b;
        let fits = tensor.shape().len() == first.shape().len()
            && tensor.shape().iter().zip(first.shape()).enumerate().all(same);
        if !fits || tensor.dtype() != first.dtype() || tensor.scale() != first.scale() {
            return refuse("concat takes tensors that differ along the axis only");
        }
        *length = length.saturating_add(tensor.shape().get(axis).copied().unwrap_or_default());
    }
    TensorType::new(first.dtype(), &shape, first.scale())
}

/// The elements of tensors that fit, one after the other along `axis`.
pub(super) fn concat(axis: usize, kinds: &[&TensorType], inputs: &[Vec<i64>]) -> Vec<i64> {
    // Elements of one tensor that lie together: those of the axis and of what is inside it.
    let run = |kind: &TensorType| -> usize {
        let inner = kind.shape().iter().skip(axis);
        inner.fold(1, |product, dim| product.saturating_mul(usize::try_from(*dim).unwrap_or(1)))
    };
    let mut parts: Vec<_> =
        kinds.iter().zip(inputs).map(|(kind, input)| input.chunks(run(kind))).collect();
    let mut out = Vec::with_capacity(inputs.iter().map(Vec::len).fold(0, usize::saturating_add));
    loop {
        let before = out.len();
        for part in &mut parts {
            out.extend(part.next().unwrap_or_default());
        }
        if out.len() == before {
            return out;
        }
    }
}
