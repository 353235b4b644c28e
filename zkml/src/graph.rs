//! The model as a graph of few ops over real numbers: names resolved, shapes fixed, constants folded.

mod build;
mod dense;
mod shape;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use assay_verifier::ids::Sha256Digest;

use self::build::Builder;
use crate::{Error, onnx::Model};

/// Number of a node, and of the value it computes.
pub(crate) type NodeId = usize;

/// What a model computes. Nodes stand after what they use.
#[derive(Clone, Debug)]
pub struct Graph {
    model: Sha256Digest,
    nodes: Vec<Node>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// A named end of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) node: NodeId,
}

/// One op; what it computes has `elements` numbers, row-major.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) op: Op,
    pub(crate) elements: usize,
}

/// Ops that are left when names, shapes and constants are resolved. What joins them later
/// (convolution, pooling, sums of two values) is one more variant here, one in the integer program
/// and, where it is not linear, one gadget.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Dense { input: NodeId, dense: Dense },
    Input,
    Relu { input: NodeId },
}

/// y = gain · W x + b, applied to consecutive vectors x of `width` numbers, as many as `bias` has room
/// for.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// `height` × `width`, row-major.
    pub(crate) weights: Arc<[f32]>,
    pub(crate) gain: f64,
    /// One number per result: a multiple of `height` of them.
    pub(crate) bias: Vec<f64>,
}

impl Graph {
    /// Reads an ONNX model. Errors name the node, its op, the shapes and what could be used instead.
    pub fn from_onnx(bytes: &[u8]) -> Result<Self, Error> {
        let model = Model::read(bytes)?;
        let graph =
            Self { model: Sha256Digest::of(bytes), nodes: vec![], inputs: vec![], outputs: vec![] };
        Ok(Builder::new(graph).read(model)?.without_dead_nodes())
    }

    /// SHA-256 of the ONNX file.
    pub const fn model(&self) -> Sha256Digest {
        self.model
    }

    /// Shapes of the inputs, the batch dimension fixed to 1.
    pub fn input_shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.inputs.iter().map(|port| (port.name.as_str(), port.shape.as_slice()))
    }

    /// What the model computes in double precision: the float side of every comparison.
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
            match &node.op {
                Op::Dense { input, dense } => values[id] = dense.apply(&values[*input]),
                Op::Input => {}
                Op::Relu { input } => {
                    values[id] = values[*input].iter().map(|value| value.max(0.0)).collect();
                }
            }
        }
        Ok(values)
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    pub(crate) fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Drops what no output needs: folding leaves copies behind. Inputs stay, used or not.
    fn without_dead_nodes(mut self) -> Self {
        let mut live = vec![false; self.nodes.len()];
        for port in self.inputs.iter().chain(&self.outputs) {
            live[port.node] = true;
        }
        for id in (0..self.nodes.len()).rev() {
            match self.nodes[id].op {
                Op::Dense { input, .. } | Op::Relu { input } if live[id] => live[input] = true,
                Op::Dense { .. } | Op::Input | Op::Relu { .. } => {}
            }
        }
        let mut renamed = vec![0; live.len()];
        let mut kept = vec![];
        for (id, mut node) in self.nodes.into_iter().enumerate() {
            if !live[id] {
                continue;
            }
            match &mut node.op {
                Op::Dense { input, .. } | Op::Relu { input } => *input = renamed[*input],
                Op::Input => {}
            }
            renamed[id] = kept.len();
            kept.push(node);
        }
        self.nodes = kept;
        for port in self.inputs.iter_mut().chain(&mut self.outputs) {
            port.node = renamed[port.node];
        }
        self
    }
}

impl Dense {
    /// Weight `column` of output `row`: exact, both factors have 24 bits.
    pub(crate) fn weight(&self, row: usize, column: usize) -> f64 {
        f64::from(self.weights[row * self.width + column]) * self.gain
    }

    fn apply(&self, input: &[f64]) -> Vec<f64> {
        let mut out = self.bias.clone();
        for (at, sum) in out.iter_mut().enumerate() {
            let (block, row) = (at / self.height, at % self.height);
            let input = &input[block * self.width..(block + 1) * self.width];
            for (column, value) in input.iter().enumerate() {
                *sum += self.weight(row, column) * value;
            }
        }
        out
    }
}
