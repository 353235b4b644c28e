//! Ops that move numbers without changing them.

use super::{
    Op,
    build::{Builder, MAX_ELEMENTS, Value, elements},
    call::Call,
};
use crate::{Error, layout::Pick, onnx::Data};

impl Builder<'_> {
    /// The axes in another order; without `perm`, reversed.
    pub(super) fn transpose(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let rank = call.operand(0).shape().len();
        let order = match call.ints("perm")? {
            None => (0..rank).rev().collect::<Vec<_>>(),
            Some(perm) => {
                perm.iter().map(|axis| call.axis(*axis, rank)).collect::<Result<_, _>>()?
            }
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..rank) {
            return Err(call.misset("perm", "it must name each axis once"));
        }
        self.permute(call.name(), call.operand(0), &order)
    }

    /// A value with its axes in this order.
    pub(super) fn permute(
        &mut self,
        name: &str,
        value: &Value,
        order: &[usize],
    ) -> Result<Value, Error> {
        let from = value.shape();
        let shape: Vec<usize> = order.iter().map(|axis| from[*axis]).collect();
        let strides = strides(from);
        let index = |flat: usize| {
            let (mut rest, mut at) = (flat, 0);
            for axis in order.iter().rev() {
                at += rest % from[*axis] * strides[*axis];
                rest /= from[*axis];
            }
            at
        };
        let picks = (0..elements(from)).map(|flat| Some((0, index(flat)))).collect();
        self.select(name, &[value], picks, 0.0, shape)
    }

    pub(super) fn concat(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let first = call.operand(0).shape();
        let axis = call.axis(call.int("axis", 0)?, first.len())?;
        let mut shape = first.to_vec();
        shape[axis] = 0;
        for operand in call.operands {
            let own = operand.shape();
            let fits = own.len() == first.len()
                && own.iter().zip(first).enumerate().all(|(at, (a, b))| at == axis || a == b);
            if !fits {
                return Err(call.misshapen(format!("the same dimensions but for axis {axis}")));
            }
            shape[axis] += own[axis];
        }
        if elements(&shape) > MAX_ELEMENTS {
            return Err(call.misshapen(format!("at most {MAX_ELEMENTS} elements")));
        }
        let (outer, inner) = (elements(&shape[..axis]), elements(&shape[axis + 1..]));
        let mut picks = Vec::with_capacity(elements(&shape));
        for block in 0..outer {
            for (source, operand) in call.operands.iter().enumerate() {
                let run = operand.shape()[axis] * inner;
                picks.extend((0..run).map(|at| Some((source, block * run + at))));
            }
        }
        let operands: Vec<&Value> = call.operands.iter().collect();
        self.select(call.name(), &operands, picks, 0.0, shape)
    }

    pub(super) fn slice(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let value = call.operand(0);
        let mut shape = value.shape().to_vec();
        let missing = || call.arity("starts and ends");
        let starts = call.integers(1)?.ok_or_else(missing)?;
        let ends = call.integers(2)?.ok_or_else(missing)?;
        let axes: Vec<i64> = match call.integers(3)? {
            Some(axes) => axes.to_vec(),
            None => (0..starts.len() as i64).collect(),
        };
        let steps = call.integers(4)?.map_or_else(|| vec![1; starts.len()], <[i64]>::to_vec);
        if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
            return Err(call.misshapen("as many ends, axes and steps as starts"));
        }
        // For each axis: first index and step.
        let mut taken: Vec<(i64, i64)> = vec![(0, 1); shape.len()];
        for (at, axis) in axes.iter().enumerate() {
            let axis = call.axis(*axis, shape.len())?;
            let (size, step) = (shape[axis] as i64, steps[at]);
            let from_end = |index: i64| if index < 0 { index.saturating_add(size) } else { index };
            let (start, end) = (from_end(starts[at]), from_end(ends[at]));
            let (start, count) = match step {
                0 => return Err(call.misset("steps", "a step is not 0")),
                1.. => {
                    let (start, end) = (start.clamp(0, size), end.clamp(0, size));
                    (start, (end - start).max(0).unsigned_abs().div_ceil(step.unsigned_abs()))
                }
                _ => {
                    let (start, end) = (start.clamp(0, size - 1), end.clamp(-1, size - 1));
                    (start, (start - end).max(0).unsigned_abs().div_ceil(step.unsigned_abs()))
                }
            };
            if count == 0 {
                return Err(call.misshapen("at least one element in each slice"));
            }
            taken[axis] = (start, step);
            shape[axis] = count as usize;
        }
        self.window_of(call, value, shape, |axis, index| {
            let (start, step) = taken[axis];
            Some((start + step * index as i64) as usize)
        })
    }

    pub(super) fn split(&mut self, call: &Call<'_, '_>) -> Result<Vec<Value>, Error> {
        let value = call.operand(0);
        let axis = call.axis(call.int("axis", 0)?, value.shape().len())?;
        let size = value.shape()[axis];
        let parts = call.node.outputs.len();
        let sizes: Vec<usize> = match call.integers(1)? {
            Some(sizes) => sizes.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect(),
            None => {
                let wanted = usize::try_from(call.int("num_outputs", parts as i64)?).unwrap_or(0);
                if wanted != parts || parts == 0 {
                    return Err(call.misset("num_outputs", "it differs from the outputs"));
                }
                let each = size.div_ceil(parts);
                (0..parts).map(|part| size.saturating_sub(part * each).min(each)).collect()
            }
        };
        if sizes.len() != parts || sizes.contains(&0) || sizes.iter().sum::<usize>() != size {
            return Err(call.misshapen(format!("{parts} parts that add up to {size}")));
        }
        let mut from = 0;
        let mut values = vec![];
        for size in sizes {
            let mut shape = value.shape().to_vec();
            shape[axis] = size;
            let offset =
                |at: usize, index: usize| Some(if at == axis { index + from } else { index });
            values.push(self.window_of(call, value, shape, offset)?);
            from += size;
        }
        Ok(values)
    }

    pub(super) fn pad(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let value = call.operand(0);
        let own = value.shape().to_vec();
        let mode = call.text("mode", "constant")?;
        let pads = call.integers(1)?.ok_or_else(|| call.arity("a value and its pads"))?;
        let axes = match call.integers(3)? {
            Some(axes) => {
                axes.iter().map(|axis| call.axis(*axis, own.len())).collect::<Result<_, _>>()?
            }
            None => (0..own.len()).collect::<Vec<_>>(),
        };
        if pads.len() != 2 * axes.len() || pads.iter().any(|pad| pad.unsigned_abs() > 1 << 24) {
            return Err(call.misshapen("two small pads per axis"));
        }
        let mut before = vec![0i64; own.len()];
        let mut shape = own.clone();
        for (at, axis) in axes.iter().enumerate() {
            before[*axis] = pads[at];
            let size = own[*axis] as i64 + pads[at] + pads[at + axes.len()];
            shape[*axis] = usize::try_from(size)
                .ok()
                .filter(|size| *size > 0)
                .ok_or_else(|| call.misshapen("at least one element along each axis"))?;
        }
        let count = shape.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
        if count.is_none_or(|count| count > MAX_ELEMENTS) {
            return Err(call.misshapen(format!("at most {MAX_ELEMENTS} elements")));
        }
        let fill = call.scalar(2)?.unwrap_or(0.0);
        let inside = |axis: usize, index: usize| {
            let (at, size) = (index as i64 - before[axis], own[axis] as i64);
            let at = match mode.as_str() {
                "edge" => at.clamp(0, size - 1),
                "reflect" if size > 1 => {
                    let turn = 2 * (size - 1);
                    let at = at.rem_euclid(turn);
                    at.min(turn - at)
                }
                "wrap" => at.rem_euclid(size),
                _ => at,
            };
            usize::try_from(at).ok().filter(|at| *at < own[axis])
        };
        if !matches!(mode.as_str(), "constant" | "edge" | "reflect" | "wrap") {
            return Err(call.misset("mode", "the standard has no such mode"));
        }
        let picks = picks(&own, &shape, inside);
        self.select(call.name(), &[value], picks, fill, shape)
    }

    /// Elements by constant indices along an axis.
    pub(super) fn gather(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let value = call.operand(0);
        let own = value.shape();
        let axis = call.axis(call.int("axis", 0)?, own.len())?;
        let indices = call.integers(1)?.ok_or_else(|| call.arity("a value and indices"))?;
        let indices = indices
            .iter()
            .map(|index| call.axis(*index, own[axis]))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| call.misshapen(format!("indices below {}", own[axis])))?;
        let shape = [&own[..axis], call.operand(1).shape(), &own[axis + 1..]].concat();
        if indices.len().saturating_mul(elements(own)) > MAX_ELEMENTS {
            return Err(call.misshapen(format!("at most {MAX_ELEMENTS} elements")));
        }
        let (outer, inner) = (elements(&own[..axis]), elements(&own[axis + 1..]));
        let mut picks = vec![];
        for block in 0..outer {
            for index in &indices {
                let from = (block * own[axis] + index) * inner;
                picks.extend((from..from + inner).map(|at| Some((0, at))));
            }
        }
        self.select(call.name(), &[value], picks, 0.0, shape)
    }

    /// Part of a value: `index` gives the index along an axis for one of the result.
    fn window_of(
        &mut self,
        call: &Call<'_, '_>,
        value: &Value,
        shape: Vec<usize>,
        index: impl Fn(usize, usize) -> Option<usize>,
    ) -> Result<Value, Error> {
        let picks = picks(value.shape(), &shape, index);
        self.select(call.name(), &[value], picks, 0.0, shape)
    }

    /// Elements of values, or `fill` where none is named. Of constants it is a constant.
    fn select(
        &mut self,
        name: &str,
        values: &[&Value],
        picks: Vec<Option<(usize, usize)>>,
        fill: f64,
        shape: Vec<usize>,
    ) -> Result<Value, Error> {
        self.reserve(picks.len())?;
        let same = picks.iter().enumerate().all(|(at, pick)| *pick == Some((0, at)));
        if let (true, Value::Computed { node, shape: own }) = (same, values[0])
            && elements(own) == picks.len()
        {
            return Ok(Value::Computed { node: *node, shape });
        }
        let integers: Option<Vec<&Vec<i64>>> = values
            .iter()
            .map(|value| match value {
                Value::Constant { data, .. } => match &**data {
                    Data::I64(integers) => Some(integers),
                    Data::F32(_) => None,
                },
                _ => None,
            })
            .collect();
        if let Some(sources) = integers {
            let pick = |pick: &Option<(usize, usize)>| {
                pick.map_or(fill as i64, |(source, at)| sources[source][at])
            };
            let data = Data::I64(picks.iter().map(pick).collect());
            return Ok(Value::Constant { dims: shape, data: data.into() });
        }
        let mut inputs = vec![];
        let mut sources = vec![];
        for value in values {
            sources.push(match value {
                Value::Computed { node, .. } => {
                    inputs.push(*node);
                    Source::Node(u32::try_from(inputs.len() - 1).unwrap_or(u32::MAX))
                }
                Value::Constant { data, .. } => match &**data {
                    Data::F32(floats) => Source::Floats(floats),
                    Data::I64(_) => Source::Floats(&[]),
                },
                Value::Absent => Source::Floats(&[]),
            });
        }
        let resolve = |pick: Option<(usize, usize)>| -> Option<Pick<f64>> {
            let Some((source, at)) = pick else { return Some(Pick::Constant(fill)) };
            match &sources[source] {
                Source::Node(source) => {
                    Some(Pick::Element { source: *source, at: u32::try_from(at).ok()? })
                }
                Source::Floats(floats) => {
                    floats.get(at).map(|float| Pick::Constant(f64::from(*float)))
                }
            }
        };
        let picks: Option<Vec<Pick<f64>>> = picks.into_iter().map(resolve).collect();
        let picks = picks.ok_or_else(|| Error::ModelTensor {
            tensor: name.to_owned(),
            why: "integers and real numbers are mixed".to_owned(),
        })?;
        if inputs.is_empty() {
            let number = |pick: &Pick<f64>| match pick {
                Pick::Constant(number) => *number as f32,
                Pick::Element { .. } => 0.0,
            };
            let data = Data::F32(picks.iter().map(number).collect());
            return Ok(Value::Constant { dims: shape, data: data.into() });
        }
        self.value(name, Op::Select { inputs, picks: picks.into() }, shape)
    }
}

enum Source<'v> {
    Floats(&'v [f32]),
    Node(u32),
}

/// Distance of neighbours along each axis.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// For each element of a result of shape `to`: the element of source 0 of shape `from` by `index`.
fn picks(
    from: &[usize],
    to: &[usize],
    index: impl Fn(usize, usize) -> Option<usize>,
) -> Vec<Option<(usize, usize)>> {
    let strides = strides(from);
    (0..elements(to))
        .map(|flat| {
            let (mut rest, mut at) = (flat, 0);
            for axis in (0..to.len()).rev() {
                at += index(axis, rest % to[axis])? * strides[axis];
                rest /= to[axis];
            }
            Some((0, at))
        })
        .collect()
}
