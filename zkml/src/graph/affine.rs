//! Arithmetic element by element: sums, products, normalization, rectifiers.

use super::{
    Linear, NodeId, Op,
    build::{Builder, Value, elements},
    call::{Call, broadcast_index, broadcast_shape},
};
use crate::{
    Error,
    layout::{Layout, Pick},
    onnx::Data,
};

impl Builder<'_> {
    /// Add, Sub, Mul, Div, with numpy's broadcasting.
    pub(super) fn arithmetic(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (a, b) = (call.operand(0), call.operand(1));
        let shape = broadcast_shape(a.shape(), b.shape())
            .ok_or_else(|| call.misshapen("shapes that fit each other by numpy's rule"))?;
        self.reserve(elements(&shape))?;
        if let (Value::Constant { .. }, Value::Constant { .. }) = (a, b) {
            return constants(call, shape);
        }
        let left = self.spread(call, 0, &shape)?;
        let right = self.spread(call, 1, &shape)?;
        let count = elements(&shape);
        let node = match (call.node.op, left, right) {
            ("Add", Side::Node(a), Side::Node(b)) => {
                self.push(call.name(), Op::Sum { inputs: vec![(a, 1.0), (b, 1.0)] }, count)?
            }
            ("Sub", Side::Node(a), Side::Node(b)) => {
                self.push(call.name(), Op::Sum { inputs: vec![(a, 1.0), (b, -1.0)] }, count)?
            }
            ("Mul", Side::Node(left), Side::Node(right)) => {
                self.push(call.name(), Op::Product { left, right }, count)?
            }
            ("Add", Side::Node(x), Side::Numbers(c)) | ("Add", Side::Numbers(c), Side::Node(x)) => {
                self.affine(call.name(), x, &shape, None, Some(c))?
            }
            ("Sub", Side::Node(x), Side::Numbers(c)) => {
                let c = c.into_iter().map(|c| -c).collect();
                self.affine(call.name(), x, &shape, None, Some(c))?
            }
            ("Sub", Side::Numbers(c), Side::Node(x)) => {
                self.affine(call.name(), x, &shape, Some(vec![-1.0; count]), Some(c))?
            }
            ("Mul", Side::Node(x), Side::Numbers(c)) | ("Mul", Side::Numbers(c), Side::Node(x)) => {
                self.affine(call.name(), x, &shape, Some(c), None)?
            }
            ("Div", Side::Node(x), Side::Numbers(c)) if !c.contains(&0.0) => {
                let c = c.into_iter().map(f64::recip).collect();
                self.affine(call.name(), x, &shape, Some(c), None)?
            }
            _ => return Err(call.unsupported("only division by a constant other than 0 is")),
        };
        Ok(Value::Computed { node, shape })
    }

    /// Operand `at` with one number per element of `shape`, into which it fits.
    fn spread(&mut self, call: &Call<'_, '_>, at: usize, shape: &[usize]) -> Result<Side, Error> {
        self.reserve(elements(shape))?;
        match call.operand(at) {
            Value::Computed { node, shape: own } if elements(own) == elements(shape) => {
                Ok(Side::Node(*node))
            }
            Value::Computed { node, shape: own } => {
                let pick = |at| Pick::Element { source: 0, at: at as u32 };
                let picks = broadcast_index(own, shape).map(pick).collect();
                let op = Op::Select { inputs: vec![*node], picks };
                Ok(Side::Node(self.push(call.name(), op, elements(shape))?))
            }
            value => {
                let (_, data) =
                    call.floats(at).ok_or_else(|| call.unsupported("constants must be float32"))?;
                let number = |at: usize| f64::from(data[at]);
                Ok(Side::Numbers(broadcast_index(value.shape(), shape).map(number).collect()))
            }
        }
    }

    /// scale · x + shift, element by element. Right after a linear map, and where each of its
    /// channels has one factor, it becomes part of that map: a new node, since the map may be used
    /// elsewhere; if not, it is dropped.
    pub(super) fn affine(
        &mut self,
        name: &str,
        input: NodeId,
        shape: &[usize],
        scale: Option<Vec<f64>>,
        shift: Option<Vec<f64>>,
    ) -> Result<NodeId, Error> {
        let count = elements(shape);
        let shifted = |at: usize| shift.as_ref().map_or(0.0, |shift| shift[at]);
        if let Op::Linear { input, map } = &self.graph.nodes[input].op
            && let Some(gain) = map.scaled(scale.as_deref())
        {
            let factor = |at: usize| scale.as_ref().map_or(1.0, |scale| scale[at]);
            let bias = map.bias.iter().enumerate();
            let bias = bias.map(|(at, bias)| bias * factor(at) + shifted(at)).collect();
            let (layout, weights) = (map.layout.clone(), map.weights.clone());
            let map = Linear { layout, weights, gain, bias };
            let input = *input;
            return self.push(name, Op::Linear { input, map }, count);
        }
        let (channels, inner, gain) = channels(scale, shape);
        let layout = Layout::Scale { channels, inner };
        let bias = (0..count).map(shifted).collect();
        let weights = vec![1.0; gain.len()].into();
        self.push(name, Op::Linear { input, map: Linear { layout, weights, gain, bias } }, count)
    }

    /// y = (x - mean) / √(variance + epsilon) · scale + bias, with constants: an affine map.
    pub(super) fn batch_normalization(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (input, shape) = call.computed(0)?;
        if call.int("training_mode", 0)? != 0 {
            return Err(call.misset("training_mode", "export the model for inference"));
        }
        let [_, channels, plane @ ..] = shape else {
            return Err(call.misshapen("a batch and channels"));
        };
        let constant = |at: usize| match call.floats(at) {
            Some(([length], numbers)) if length == channels => Ok(numbers),
            _ => Err(call.misshapen(format!("four constants of {channels} numbers"))),
        };
        let [scale, bias, mean, variance] =
            [constant(1)?, constant(2)?, constant(3)?, constant(4)?];
        let epsilon = f64::from(call.float("epsilon", 1e-5)?);
        let factor: Vec<f64> = (0..*channels)
            .map(|at| f64::from(scale[at]) / (f64::from(variance[at]) + epsilon).sqrt())
            .collect();
        if factor.iter().any(|factor| !factor.is_finite()) {
            return Err(call.misset("epsilon", "the variance with it is not positive"));
        }
        let inner = elements(plane);
        let channel = |at: usize| at / inner % channels;
        let count = elements(shape);
        self.reserve(2 * count)?;
        let scales = (0..count).map(|at| factor[channel(at)]).collect();
        let shift = |at: usize| {
            let at = channel(at);
            f64::from(bias[at]) - f64::from(mean[at]) * factor[at]
        };
        let shifts = (0..count).map(shift).collect();
        let node = self.affine(call.name(), input, shape, Some(scales), Some(shifts))?;
        Ok(Value::Computed { node, shape: shape.to_vec() })
    }

    pub(super) fn negate(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (input, shape) = call.computed(0)?;
        let node =
            self.affine(call.name(), input, shape, Some(vec![-1.0; elements(shape)]), None)?;
        Ok(Value::Computed { node, shape: shape.to_vec() })
    }

    pub(super) fn relu(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (input, shape) = call.computed(0)?;
        self.value(call.name(), Op::Relu { input, cap: None }, shape.to_vec())
    }

    /// alpha · x + (1 - alpha) · relu(x): x where it is positive, alpha · x elsewhere.
    pub(super) fn leaky_relu(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (input, shape) = call.computed(0)?;
        let alpha = f64::from(call.float("alpha", 0.01)?);
        let relu = self.push(call.name(), Op::Relu { input, cap: None }, elements(shape))?;
        let inputs = vec![(input, alpha), (relu, 1.0 - alpha)];
        self.value(call.name(), Op::Sum { inputs }, shape.to_vec())
    }

    /// Both bounds by rectifiers: max(x, l) = l + relu(x - l), min(x, h) = h - relu(h - x).
    pub(super) fn clip(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (input, shape) = call.computed(0)?;
        let (low, high) = (call.scalar(1)?, call.scalar(2)?);
        if low.zip(high).is_some_and(|(low, high)| low > high) {
            return Err(call.misset("max", "it is below min"));
        }
        let (name, count) = (call.name(), elements(shape));
        let mut node = input;
        if let Some(low) = low {
            if low != 0.0 {
                node = self.affine(name, node, shape, None, Some(vec![-low; count]))?;
            }
            let cap = high.map(|high| high - low);
            node = self.push(name, Op::Relu { input: node, cap }, count)?;
        }
        // From here on the value is that above `low`.
        let base = low.unwrap_or(0.0);
        if let Some(high) = high {
            let minus = || Some(vec![-1.0; count]);
            node = self.affine(name, node, shape, minus(), Some(vec![high - base; count]))?;
            node = self.push(name, Op::Relu { input: node, cap: None }, count)?;
            node = self.affine(name, node, shape, minus(), Some(vec![high; count]))?;
        } else if base != 0.0 {
            node = self.affine(name, node, shape, None, Some(vec![base; count]))?;
        }
        Ok(Value::Computed { node, shape: shape.to_vec() })
    }
}

/// An operand of an arithmetic op, spread to the shape of the result.
enum Side {
    Node(NodeId),
    Numbers(Vec<f64>),
}

impl Linear {
    /// The gain after each result is multiplied by its factor; `None` where a channel would have two.
    fn scaled(&self, scale: Option<&[f64]>) -> Option<Vec<f64>> {
        let Some(scale) = scale else { return Some(self.gain.clone()) };
        let first = scale.first().copied().unwrap_or(1.0);
        if scale.iter().all(|factor| *factor == first) {
            return Some(self.gain.iter().map(|gain| gain * first).collect());
        }
        let channels = self.layout.channels();
        let mut factors = vec![None; channels];
        for (at, factor) in scale.iter().enumerate() {
            let channel = &mut factors[self.layout.channel(at)];
            if channel.is_some_and(|known| known != *factor) {
                return None;
            }
            *channel = Some(*factor);
        }
        let gain = |channel: usize| self.gain[channel % self.gain.len()];
        let factors = factors.into_iter().enumerate();
        Some(factors.map(|(at, factor)| gain(at) * factor.unwrap_or(1.0)).collect())
    }
}

/// The fewest channels that have one factor each: all numbers, the second axis, the last, or each
/// number by itself.
fn channels(scale: Option<Vec<f64>>, shape: &[usize]) -> (usize, usize, Vec<f64>) {
    let count = elements(shape);
    let Some(scale) = scale else { return (1, count, vec![1.0]) };
    let second = (shape.len() > 1).then(|| (shape[1], elements(&shape[2..])));
    let last = shape.last().map(|last| (*last, 1));
    for (channels, inner) in [Some((1, count)), second, last].into_iter().flatten() {
        let same = |at: usize| scale[at] == scale[at / inner % channels * inner];
        if (0..count).all(same) {
            return (channels, inner, (0..channels).map(|at| scale[at * inner]).collect());
        }
    }
    (count, 1, scale)
}

/// Arithmetic on two constants, as exporters leave it in computed shapes.
fn constants(call: &Call<'_, '_>, shape: Vec<usize>) -> Result<Value, Error> {
    let (Value::Constant { dims: a, data: left }, Value::Constant { dims: b, data: right }) =
        (call.operand(0), call.operand(1))
    else {
        return Err(call.unsupported("both must be constants"));
    };
    let pairs = broadcast_index(a, &shape).zip(broadcast_index(b, &shape));
    let data = match (&**left, &**right) {
        (Data::F32(left), Data::F32(right)) => {
            let result = |(a, b): (usize, usize)| match call.node.op {
                "Add" => left[a] + right[b],
                "Sub" => left[a] - right[b],
                "Mul" => left[a] * right[b],
                _ => left[a] / right[b],
            };
            let results: Vec<f32> = pairs.map(result).collect();
            if let Some(index) = results.iter().position(|result| !result.is_finite()) {
                return Err(Error::ModelNotFinite { tensor: call.name().to_owned(), index });
            }
            Data::F32(results)
        }
        (Data::I64(left), Data::I64(right)) => {
            let result = |(a, b): (usize, usize)| match call.node.op {
                "Add" => left[a].checked_add(right[b]),
                "Sub" => left[a].checked_sub(right[b]),
                "Mul" => left[a].checked_mul(right[b]),
                _ => left[a].checked_div(right[b]),
            };
            let results: Option<Vec<i64>> = pairs.map(result).collect();
            Data::I64(results.ok_or_else(|| call.unsupported("the constants overflow"))?)
        }
        _ => return Err(call.unsupported("both constants must have one type")),
    };
    Ok(Value::Constant { dims: shape, data: data.into() })
}
