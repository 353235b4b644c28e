//! The graph in double precision: the float side of every comparison.

use super::{Graph, Linear, Node, Op};
use crate::{
    Error,
    layout::{Layout, Pick},
};

impl Graph {
    /// What the model computes in double precision.
    pub fn run(&self, inputs: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, Error> {
        let values = self.trace(inputs)?;
        Ok(self.outputs.iter().map(|port| values[port.node].clone()).collect())
    }

    /// The values of all nodes.
    pub(crate) fn trace(&self, inputs: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, Error> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::InputCount { expected: self.inputs.len(), found: inputs.len() });
        }
        let mut values: Vec<Vec<f64>> = vec![vec![]; self.nodes.len()];
        for (port, input) in self.inputs.iter().zip(inputs) {
            let expected = self.nodes[port.node].elements;
            if input.len() != expected {
                let (input, found) = (port.name.clone(), input.len());
                return Err(Error::InputLength { input, expected, found });
            }
            values[port.node].clone_from(input);
        }
        for (id, node) in self.nodes.iter().enumerate() {
            if !matches!(node.op, Op::Input) {
                values[id] = node.value(&values);
            }
        }
        Ok(values)
    }
}

impl Node {
    fn value(&self, values: &[Vec<f64>]) -> Vec<f64> {
        let all = 0..self.elements;
        match &self.op {
            Op::ArgMax { input, size, inner } => {
                let largest = |at: usize| {
                    let first = at / inner * inner * size + at % inner;
                    let mut best = 0;
                    for index in 1..*size {
                        let at = |index: usize| values[*input][first + index * inner];
                        best = if at(index) > at(best) { index } else { best };
                    }
                    best as f64
                };
                all.map(largest).collect()
            }
            Op::Input => vec![],
            Op::Linear { input, map } => map.apply(&values[*input]),
            Op::Max { input, window } => {
                let value = |operand: &usize| values[*input][*operand];
                let largest =
                    |at| window.operands(at).iter().map(value).fold(f64::NEG_INFINITY, f64::max);
                all.map(largest).collect()
            }
            Op::Product { left, right } => {
                all.map(|at| values[*left][at] * values[*right][at]).collect()
            }
            Op::Relu { input, .. } => values[*input].iter().map(|value| value.max(0.0)).collect(),
            Op::Select { inputs, picks } => picks
                .iter()
                .map(|pick| match pick {
                    Pick::Constant(value) => *value,
                    Pick::Element { source, at } => values[inputs[*source as usize]][*at as usize],
                })
                .collect(),
            Op::Sum { inputs } => {
                let sum = |at: usize| {
                    inputs.iter().map(|(input, factor)| factor * values[*input][at]).sum()
                };
                all.map(sum).collect()
            }
        }
    }
}

impl Linear {
    fn apply(&self, input: &[f64]) -> Vec<f64> {
        let mut out = self.bias.clone();
        if let Layout::Dense { width, height } = self.layout {
            // The same sums as below, in loops that the compiler can see through.
            for (at, sum) in out.iter_mut().enumerate() {
                let (block, row) = (at / height, at % height);
                let gain = self.gain[row % self.gain.len()];
                let weights = &self.weights[row * width..(row + 1) * width];
                let input = &input[block * width..(block + 1) * width];
                for (weight, value) in weights.iter().zip(input) {
                    *sum += f64::from(*weight) * gain * value;
                }
            }
            return out;
        }
        self.layout.visit_all(self.bias.len(), |at, operand, weight| {
            out[at] += self.weight(weight) * input[operand];
        });
        out
    }
}
