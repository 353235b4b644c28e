//! The model as a graph of few ops over real numbers: names resolved, shapes fixed, constants folded.

mod affine;
mod build;
mod call;
mod conv;
mod dense;
mod eval;
mod moves;
mod passes;
mod reduce;
mod shape;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use assay_verifier::ids::Sha256Digest;

use self::build::Builder;
use crate::{
    Error,
    layout::{Layout, Pick, Window},
    onnx::Model,
};

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

/// Ops that are left when names, shapes and constants are resolved. What joins them later is one more
/// variant here, one in the integer program and, where it is not linear, one gadget.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// The index of the largest of `size` numbers that lie `inner` apart; the lowest of several.
    ArgMax {
        input: NodeId,
        size: usize,
        inner: usize,
    },
    Input,
    Linear {
        input: NodeId,
        map: Linear,
    },
    /// The largest number of each window.
    Max {
        input: NodeId,
        window: Window,
    },
    /// Element by element.
    Product {
        left: NodeId,
        right: NodeId,
    },
    /// Negative numbers become 0. Whatever uses the result treats all numbers from `cap` on alike.
    Relu {
        input: NodeId,
        cap: Option<f64>,
    },
    /// Copies and constants.
    Select {
        inputs: Vec<NodeId>,
        picks: Arc<[Pick<f64>]>,
    },
    /// Element by element, each value times its factor.
    Sum {
        inputs: Vec<(NodeId, f64)>,
    },
}

/// y = gain · W x + b.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    pub(crate) layout: Layout,
    pub(crate) weights: Arc<[f32]>,
    /// One factor for all weights, or one per output channel.
    pub(crate) gain: Vec<f64>,
    /// One number per result.
    pub(crate) bias: Vec<f64>,
}

impl Graph {
    /// Reads an ONNX model. Errors name the node, its op, the shapes and what could be used instead.
    pub fn from_onnx(bytes: &[u8]) -> Result<Self, Error> {
        let model = Model::read(bytes)?;
        let graph =
            Self { model: Sha256Digest::of(bytes), nodes: vec![], inputs: vec![], outputs: vec![] };
        Ok(Builder::new(graph).read(model)?.simplified())
    }

    /// SHA-256 of the ONNX file.
    pub const fn model(&self) -> Sha256Digest {
        self.model
    }

    /// Shapes of the inputs, the batch dimension fixed to 1.
    pub fn input_shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.inputs.iter().map(|port| (port.name.as_str(), port.shape.as_slice()))
    }

    /// Multiplications of one run, at most.
    pub fn multiplications(&self) -> usize {
        let count = |node: &Node| match &node.op {
            Op::Linear { map, .. } => map.layout.terms().saturating_mul(node.elements),
            Op::Product { .. } => node.elements,
            _ => 0,
        };
        self.nodes.iter().map(count).fold(0, usize::saturating_add)
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
}

impl Op {
    /// The nodes that it uses.
    pub(crate) fn operands(&self) -> Vec<NodeId> {
        match self {
            Self::ArgMax { input, .. }
            | Self::Linear { input, .. }
            | Self::Max { input, .. }
            | Self::Relu { input, .. } => vec![*input],
            Self::Input => vec![],
            Self::Product { left, right } => vec![*left, *right],
            Self::Select { inputs, .. } => inputs.clone(),
            Self::Sum { inputs } => inputs.iter().map(|(input, _)| *input).collect(),
        }
    }

    /// The same op on other nodes.
    pub(crate) fn rename(&mut self, name: impl Fn(NodeId) -> NodeId) {
        match self {
            Self::ArgMax { input, .. }
            | Self::Linear { input, .. }
            | Self::Max { input, .. }
            | Self::Relu { input, .. } => *input = name(*input),
            Self::Input => {}
            Self::Product { left, right } => (*left, *right) = (name(*left), name(*right)),
            Self::Select { inputs, .. } => {
                inputs.iter_mut().for_each(|input| *input = name(*input));
            }
            Self::Sum { inputs } => {
                inputs.iter_mut().for_each(|(input, _)| *input = name(*input));
            }
        }
    }
}

impl Linear {
    /// A weight by its index, its gain included. Where the gain is 1 or a 24-bit number, exact;
    /// otherwise rounded to a double.
    pub(crate) fn weight(&self, index: usize) -> f64 {
        let each = (self.weights.len() / self.gain.len()).max(1);
        f64::from(self.weights[index]) * self.gain[index / each]
    }
}
