//! The integer program: what a step means. The circuit proves this and nothing else.
//!
//! Every number has an interval that holds for every input in the declared ranges. The intervals
//! are computed once, from the weights; all arithmetic is checked.

mod interval;
mod linear;
mod shift;

use std::sync::Arc;

use assay_verifier::{
    card::{Port, Visibility},
    value::{TensorType, Type},
};

pub use self::interval::{Interval, MAX_BITS};
pub(crate) use self::{
    linear::{Hull, Linear},
    shift::{Rescale, half, shift_bits, shift_right},
};
use crate::{
    Error,
    layout::{Pick, Window},
    manifest,
};

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
    /// The index of the largest of `size` numbers that lie `inner` apart; the lowest of several.
    ArgMax { input: usize, size: usize, inner: usize },
    /// The integers of an input.
    Input { index: usize },
    /// A linear map with constant weights.
    Linear { input: usize, map: Linear },
    /// The same numbers, as wires: sums that are used often.
    Materialize { input: usize },
    /// The largest number of each window.
    Max { input: usize, window: Window },
    /// Element by element.
    Product { left: usize, right: usize },
    /// A right shift, with or without ReLU.
    Requantize { input: usize, rescale: Rescale },
    /// Copies, each source times its factor, and constants.
    Select { inputs: Vec<(usize, i64)>, picks: Arc<[Pick<i64>]> },
    /// Element by element, each source times its factor.
    Sum { inputs: Vec<(usize, i64)> },
}

/// An input of the step.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: TensorType,
    pub(crate) range: Interval,
    pub(crate) visibility: manifest::Visibility,
}

impl Input {
    /// How a verifier sees it. Where it is public, it is listed: what the verifier holds against the
    /// range takes no rows, while packed integers would have to be taken apart into bits again.
    pub(crate) fn port(&self) -> Port {
        let visibility = match self.visibility {
            manifest::Visibility::Committed => Visibility::Committed,
            manifest::Visibility::Public => {
                Visibility::Listed { low: self.range.low(), high: self.range.high() }
            }
        };
        Port { kind: Type::Tensor(self.kind.clone()), visibility }
    }
}

/// An output of the step: a node's results, shifted right by `shift`, rounding half up.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) kind: TensorType,
    pub(crate) node: usize,
    pub(crate) shift: u32,
    pub(crate) visibility: manifest::Visibility,
}

impl Output {
    /// How a verifier sees it. Where it is public, it is packed: a row for each field element, since
    /// the intervals of the program show already that every integer is in its slot.
    pub(crate) fn port(&self) -> Port {
        let visibility = match self.visibility {
            manifest::Visibility::Committed => Visibility::Committed,
            manifest::Visibility::Public => Visibility::Packed,
        };
        Port { kind: Type::Tensor(self.kind.clone()), visibility }
    }
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

    /// What the key card says of the inputs.
    pub fn input_ports(&self) -> impl Iterator<Item = Port> {
        self.inputs.iter().map(Input::port)
    }

    /// What the key card says of the outputs.
    pub fn output_ports(&self) -> impl Iterator<Item = Port> {
        self.outputs.iter().map(Output::port)
    }

    /// Public inputs of the circuit: `context`, and those of every port.
    pub(crate) fn public_inputs(&self) -> usize {
        let ports = self.input_ports().chain(self.output_ports());
        1 + ports.map(|port| port.public_inputs()).sum::<usize>()
    }

    /// Name, type, and smallest and largest integer of each input.
    pub fn input_ranges(&self) -> impl Iterator<Item = (&str, &TensorType, Interval)> {
        self.inputs.iter().map(|input| (input.name.as_str(), &input.kind, input.range))
    }

    /// How many of the lowest bits of a result need not be shown before it is shifted: they are zero for
    /// every input, and so is what rounding adds to them.
    pub(crate) fn zeros(&self, node: usize, at: usize, shift: u32) -> u32 {
        match &self.nodes[node].op {
            Op::Linear { map, .. } => map.zeros(at).min(shift.saturating_sub(1)),
            Op::Materialize { input } => self.zeros(*input, at, shift),
            _ => 0,
        }
    }

    /// Weights of all maps.
    pub(crate) fn weights(&self) -> usize {
        let weights = |node: &Node| match &node.op {
            Op::Linear { map, .. } => map.weights.len(),
            _ => 0,
        };
        self.nodes.iter().map(weights).sum()
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
    /// Results from the inputs and the results of earlier nodes. Sums and products cannot overflow:
    /// bounded by intervals.
    pub(crate) fn results(&self, inputs: &[Vec<i64>], earlier: &[Vec<i64>]) -> Vec<i64> {
        let all = 0..self.bounds.len();
        match &self.op {
            Op::ArgMax { input, size, inner } => {
                let largest = |at: usize| {
                    let values = candidates(at, *size, *inner).map(|at| earlier[*input][at]);
                    let best = values
                        .enumerate()
                        .reduce(|best, next| if next.1 > best.1 { next } else { best });
                    best.map_or(0, |(index, _)| index as i64)
                };
                all.map(largest).collect()
            }
            Op::Input { index } => inputs[*index].clone(),
            Op::Linear { input, map } => map.apply(&earlier[*input]),
            Op::Materialize { input } => earlier[*input].clone(),
            Op::Max { input, window } => {
                let value = |operand: usize| earlier[*input][operand];
                let largest = |at| window.operands(at).into_iter().map(value).max();
                all.map(|at| largest(at).expect("no window is empty")).collect()
            }
            Op::Product { left, right } => {
                all.map(|at| earlier[*left][at] * earlier[*right][at]).collect()
            }
            Op::Requantize { input, rescale } => {
                earlier[*input].iter().map(|sum| rescale.apply(*sum)).collect()
            }
            Op::Select { inputs, picks } => picks
                .iter()
                .map(|pick| match pick {
                    Pick::Constant(value) => *value,
                    Pick::Element { source, at } => {
                        let (input, factor) = inputs[*source as usize];
                        earlier[input][*at as usize] * factor
                    }
                })
                .collect(),
            Op::Sum { inputs } => {
                let sum = |at: usize| {
                    inputs.iter().map(|(input, factor)| earlier[*input][at] * factor).sum()
                };
                all.map(sum).collect()
            }
        }
    }
}

/// The operands of result `at` of an ArgMax, in order of their index.
pub(crate) fn candidates(at: usize, size: usize, inner: usize) -> impl Iterator<Item = usize> {
    let first = at / inner * inner * size + at % inner;
    (0..size).map(move |index| first + index * inner)
}
