//! Sums, means and the place of the largest number along axes.

use super::{
    Linear, Op,
    build::{Builder, Value, elements},
    call::Call,
};
use crate::{
    Error,
    layout::{Layout, Window},
};

impl Builder<'_> {
    /// ReduceMean and ReduceSum.
    pub(super) fn reduce(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (_, shape) = call.computed(0)?;
        let rank = shape.len();
        let axes = match call.axes("axes", 1)? {
            Some(axes) if !axes.is_empty() => {
                axes.iter().map(|axis| call.axis(*axis, rank)).collect::<Result<Vec<_>, _>>()?
            }
            _ if call.int("noop_with_empty_axes", 0)? != 0 => return Ok(call.operand(0).clone()),
            _ => (0..rank).collect(),
        };
        let keep = call.int("keepdims", 1)? != 0;
        let reduced = |at: &usize| axes.contains(at);
        let kept: Vec<usize> = (0..rank).filter(|at| !reduced(at)).collect();
        let gone: Vec<usize> = (0..rank).filter(reduced).collect();
        let out = (0..rank)
            .filter(|at| keep || !reduced(at))
            .map(|at| if reduced(&at) { 1 } else { shape[at] })
            .collect::<Vec<_>>();
        let size = |axes: &[usize]| axes.iter().map(|at| shape[*at]).product::<usize>();
        let window = Window::across(size(&kept), size(&gone));
        // Numbers that are added must lie together.
        let order = [kept, gone].concat();
        let input = self.permute(call.name(), call.operand(0), &order)?;
        let Value::Computed { node: input, .. } = input else {
            return Err(call.unsupported("its operand must be computed"));
        };
        if call.node.op == "ReduceMean" {
            return self.average(call.name(), input, window, false, out);
        }
        let bias = vec![0.0; elements(&out)];
        let layout = Layout::Pool { window, by_count: false };
        let map = Linear { layout, weights: [1.0].into(), gain: vec![1.0], bias };
        self.value(call.name(), Op::Linear { input, map }, out)
    }

    /// The index of the largest number along an axis; the lowest of several.
    pub(super) fn arg_max(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (input, shape) = call.computed(0)?;
        let axis = call.axis(call.int("axis", 0)?, shape.len())?;
        if call.int("select_last_index", 0)? != 0 {
            return Err(call.misset("select_last_index", "of several, the lowest index is taken"));
        }
        let mut out = shape.to_vec();
        if call.int("keepdims", 1)? != 0 {
            out[axis] = 1;
        } else {
            out.remove(axis);
        }
        let (size, inner) = (shape[axis], elements(&shape[axis + 1..]));
        self.value(call.name(), Op::ArgMax { input, size, inner }, out)
    }
}
