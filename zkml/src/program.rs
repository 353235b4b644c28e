//! The integer program: what a step means. The circuit proves this and nothing else.
//!
//! Every number has an interval that holds for every input in the declared ranges. The intervals
//! are computed once, from the weights; all arithmetic is checked.

mod interval;

use std::sync::Arc;

use assay_verifier::value::TensorType;

pub use self::interval::{Interval, MAX_BITS};
use crate::Error;

/// A straight line of integer operations over vectors.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) nodes: Vec<Node>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<Output>,
}

/// One operation; `bounds` holds an interval for each of its results.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) op: Op,
    pub(crate) bounds: Vec<Interval>,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// The integers of an input.
    Input { index: usize },
    /// A linear map with constant weights.
    Linear { input: usize, map: Linear },
    /// `x >> shift`, rounding half up; with `relu`, negative results become 0.
    Requantize { input: usize, relu: bool, shift: u32 },
}

/// y = W x + b, applied to consecutive vectors x of `width` integers.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) weights: Arc<[i32]>,
    pub(crate) bias: Vec<i64>,
}

/// An input of the step.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: TensorType,
    pub(crate) range: Interval,
}

/// An output of the step: a node's results, shifted right by `shift`, rounding half up.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) kind: TensorType,
    pub(crate) node: usize,
    pub(crate) shift: u32,
}

impl Program {
    /// The step's outputs for these inputs. Errors: another number of inputs or elements; an integer
    /// outside its declared range.
    pub fn run(&self, inputs: &[Vec<i64>]) -> Result<Vec<Vec<i64>>, Error> {
        let trace = self.trace(inputs)?;
        let give = |output: &Output| {
            trace[output.node].iter().map(|value| shift_right(*value, output.shift)).collect()
        };
        Ok(self.outputs.iter().map(give).collect())
    }

    /// Types of the inputs.
    pub fn input_types(&self) -> impl Iterator<Item = &TensorType> {
        self.inputs.iter().map(|input| &input.kind)
    }

    /// Types of the outputs.
    pub fn output_types(&self) -> impl Iterator<Item = &TensorType> {
        self.outputs.iter().map(|output| &output.kind)
    }

    /// The results of all nodes; the first are the inputs, in order.
    pub(crate) fn trace(&self, inputs: &[Vec<i64>]) -> Result<Vec<Vec<i64>>, Error> {
        self.check(inputs)?;
        let mut trace: Vec<Vec<i64>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let results = node.results(inputs, &trace);
            debug_assert!(
                results.iter().zip(&node.bounds).all(|(result, bound)| bound.contains(*result)),
                "{} leaves its interval",
                node.name
            );
            trace.push(results);
        }
        Ok(trace)
    }

    fn check(&self, inputs: &[Vec<i64>]) -> Result<(), Error> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::InputCount { expected: self.inputs.len(), found: inputs.len() });
        }
        for (input, values) in self.inputs.iter().zip(inputs) {
            let (expected, found) = (input.kind.elements(), values.len());
            if expected != found {
                return Err(Error::InputLength { input: input.name.clone(), expected, found });
            }
            if let Some(index) = values.iter().position(|value| !input.range.contains(*value)) {
                return Err(Error::InputRange {
                    input: input.name.clone(),
                    index,
                    low: input.range.low(),
                    high: input.range.high(),
                    found: values[index],
                });
            }
        }
        Ok(())
    }
}

impl Node {
    /// Results from the inputs and the results of earlier nodes.
    pub(crate) fn results(&self, inputs: &[Vec<i64>], earlier: &[Vec<i64>]) -> Vec<i64> {
        match &self.op {
            Op::Input { index } => inputs[*index].clone(),
            Op::Linear { input, map } => map.apply(&earlier[*input]),
            Op::Requantize { input, relu, shift } => {
                earlier[*input].iter().map(|sum| requantize(*sum, *relu, *shift)).collect()
            }
        }
    }
}

impl Linear {
    /// Index and weight of each operand of result `at`; zero weights are left out.
    pub(crate) fn terms(&self, at: usize) -> impl Iterator<Item = (usize, i64)> {
        let (block, row) = (at / self.height, at % self.height);
        let weights = &self.weights[row * self.width..(row + 1) * self.width];
        let from = block * self.width;
        weights
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight != 0)
            .map(move |(column, weight)| (from + column, i64::from(*weight)))
    }

    /// Intervals of the results. Errors: one, or that of a sum on the way to it, does not fit
    /// [`MAX_BITS`].
    pub(crate) fn bounds(&self, name: &str, input: &[Interval]) -> Result<Vec<Interval>, Error> {
        let bound = |at: usize| {
            let bias = i128::from(self.bias[at]);
            let (mut low, mut high) = (bias, bias);
            let (mut lowest, mut highest) = (bias, bias);
            for (operand, weight) in self.terms(at) {
                let (a, b) = input[operand].times(weight);
                low += a;
                high += b;
                lowest = lowest.min(low);
                highest = highest.max(high);
            }
            Interval::new(name, lowest, highest)?;
            Interval::new(name, low, high)
        };
        (0..self.bias.len()).map(bound).collect()
    }

    fn apply(&self, input: &[i64]) -> Vec<i64> {
        let sum = |at: usize| {
            self.terms(at).fold(self.bias[at], |sum, (operand, weight)| {
                let product = weight.checked_mul(input[operand]);
                product.and_then(|product| sum.checked_add(product)).expect("bounded by intervals")
            })
        };
        (0..self.bias.len()).map(sum).collect()
    }
}

/// Bits of the decomposition that a shift of numbers in `interval` needs: the rounded sum with its
/// sign, and at least one bit that is kept. Errors: more than [`MAX_BITS`].
pub(crate) fn shift_bits(name: &str, interval: Interval, shift: u32) -> Result<u32, Error> {
    if shift > MAX_BITS - 2 {
        return Err(Error::DecompositionWidth { limit: MAX_BITS, found: shift.saturating_add(2) });
    }
    let round = |x: i64| i128::from(x) + i128::from(half(shift));
    let rounded = Interval::new(name, round(interval.low()), round(interval.high()))?;
    Ok(rounded.signed_bits().max(shift + 2))
}

/// `value / 2^shift`, rounded to the nearest integer, a half up (to +∞).
pub(crate) fn shift_right(value: i64, shift: u32) -> i64 {
    value.checked_add(half(shift)).expect("bounded by intervals") >> shift
}

pub(crate) fn requantize(value: i64, relu: bool, shift: u32) -> i64 {
    let shifted = shift_right(value, shift);
    if relu { shifted.max(0) } else { shifted }
}

/// What is added before a right shift so that it rounds half up.
pub(crate) const fn half(shift: u32) -> i64 {
    if shift == 0 { 0 } else { 1 << (shift - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_round_half_up() {
        let cases = [
            (0, 0, 0),
            (-7, 0, -7),
            (1, 1, 1),
            (-1, 1, 0),
            (-2, 1, -1),
            (-3, 1, -1),
            (3, 2, 1),
            (2, 2, 1),
            (1, 2, 0),
            (-2, 2, 0),
            (-3, 2, -1),
            (-6, 2, -1),
            (-7, 2, -2),
        ];
        for (value, shift, expected) in cases {
            assert_eq!(shift_right(value, shift), expected, "{value} >> {shift}");
            assert_eq!(requantize(value, true, shift), expected.max(0), "{value} >> {shift}");
        }
    }
}
