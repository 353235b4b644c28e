//! Fully connected layers: Gemm and MatMul.

use std::sync::Arc;

use super::{
    Linear, Op,
    build::{Builder, Value, elements},
    call::{Call, broadcast_index, broadcast_shape},
};
use crate::{Error, layout::Layout};

impl Builder<'_> {
    /// alpha · A' B' + beta · C, where A is computed and B, C are constants.
    pub(super) fn gemm(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let Value::Computed { node: input, shape } = call.operand(0) else {
            return Err(call.unsupported("operand A must be computed, B a constant"));
        };
        let [rows, width] = shape[..] else {
            return Err(call.misshapen("two dimensions; put a Flatten before it"));
        };
        // The transpose of a single row or column is the same numbers in the same order.
        let (rows, width) = match call.int("transA", 0)? {
            0 => (rows, width),
            _ if rows == 1 || width == 1 => (width, rows),
            _ => return Err(call.misset("transA", "only a single row or column is transposed")),
        };
        let transposed = call.int("transB", 0)? != 0;
        let gain = f64::from(call.float("alpha", 1.0)?);
        let beta = f64::from(call.float("beta", 1.0)?);
        let (weights, height) = self.weights(call, width, transposed)?;
        self.reserve(rows.saturating_mul(height))?;
        let shape = vec![rows, height];
        let bias = match call.operand(2) {
            Value::Absent => vec![0.0; rows * height],
            _ => {
                let (dims, data) = call.floats(2).ok_or_else(|| {
                    call.unsupported("what is added must be a constant of float32")
                })?;
                if broadcast_shape(dims, &shape).as_ref() != Some(&shape) {
                    return Err(call.misshapen(format!("a constant that fits {shape:?}")));
                }
                broadcast_index(dims, &shape).map(|at| f64::from(data[at]) * beta).collect()
            }
        };
        let layout = Layout::Dense { width, height };
        let map = Linear { layout, weights, gain: vec![gain], bias };
        self.value(call.name(), Op::Linear { input: *input, map }, shape)
    }

    /// A B, where A is computed, with any number of leading dimensions, and B is a constant matrix.
    pub(super) fn matmul(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let Value::Computed { node: input, shape } = call.operand(0) else {
            return Err(call.unsupported("use Gemm with the constant as operand B"));
        };
        let [leading @ .., width] = &shape[..] else {
            return Err(call.misshapen("at least one dimension"));
        };
        let (rows, width) = (elements(leading), *width);
        let (weights, height) = self.weights(call, width, false)?;
        self.reserve(rows.saturating_mul(height))?;
        let shape = [leading, &[height]].concat();
        let (layout, bias) = (Layout::Dense { width, height }, vec![0.0; rows * height]);
        let map = Linear { layout, weights, gain: vec![1.0], bias };
        self.value(call.name(), Op::Linear { input: *input, map }, shape)
    }

    /// Operand B as a height × width matrix; it is width × height unless `transposed`.
    fn weights(
        &mut self,
        call: &Call<'_, '_>,
        width: usize,
        transposed: bool,
    ) -> Result<(Arc<[f32]>, usize), Error> {
        let (dims, data) = call
            .floats(1)
            .ok_or_else(|| call.unsupported("operand B must be a constant of float32"))?;
        let (inner, height) = match (dims, transposed) {
            ([inner, height], false) | ([height, inner], true) => (*inner, *height),
            _ => return Err(call.misshapen("a matrix of two dimensions as operand B")),
        };
        if inner != width || height == 0 {
            return Err(call.misshapen(format!("{width} rows of weights")));
        }
        self.reserve(data.len())?;
        if transposed {
            return Ok((data.into(), height));
        }
        let column = |row: usize| (0..width).map(move |at| data[at * height + row]);
        Ok(((0..height).flat_map(column).collect(), height))
    }
}
