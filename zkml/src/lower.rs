//! From the graph of real numbers to the integer program, one choice at a time.
//!
//! Quantizing and compiling run the same code: the former with a [`Decide`] that makes each choice,
//! the latter with one that reads it from a manifest. What follows from the choices is written into
//! a manifest either way, and compiling compares the two.

mod decide;
mod linear;
mod moves;
mod number;
mod operands;
mod ports;

use std::collections::HashMap;

pub(crate) use self::{
    decide::{Decide, Operand, Scales, Site, Weights},
    number::power_of_two,
};
use crate::{
    Error,
    graph::{self, Graph, NodeId},
    manifest::{self, COMPILER, Manifest, Rounding},
    program::{Interval, Node, Op, Program, candidates, shift_bits},
};

/// What lowering makes.
#[derive(Clone)]
pub(crate) struct Lowered {
    pub(crate) program: Program,
    /// The choices, with everything that follows from them.
    pub(crate) manifest: Manifest,
    /// The program's node for each node of the graph.
    pub(crate) values: Vec<usize>,
    /// Scale exponent of each node of the program.
    pub(crate) scales: Vec<i32>,
}

/// The program, and the manifest with everything that follows from the choices.
pub(crate) fn lower(
    graph: &Graph,
    inputs: &[manifest::Input],
    decide: &mut dyn Decide,
) -> Result<Lowered, Error> {
    let mut uses = vec![0usize; graph.nodes().len()];
    for node in graph.nodes() {
        node.op.operands().into_iter().for_each(|operand| uses[operand] += 1);
    }
    graph.outputs().iter().for_each(|port| uses[port.node] += 1);
    let mut lowering = Lowering {
        graph,
        decide,
        uses,
        program: Program { nodes: vec![], inputs: vec![], outputs: vec![] },
        scales: vec![],
        terms: vec![],
        values: vec![],
        operands: HashMap::new(),
        manifest: Manifest {
            compiler: COMPILER.to_owned(),
            model: graph.model(),
            rounding: Rounding::HalfUp,
            inputs: inputs.to_vec(),
            layers: vec![],
            outputs: vec![],
        },
    };
    lowering.inputs(inputs)?;
    for (id, node) in graph.nodes().iter().enumerate() {
        let value = lowering.node(id, node)?;
        lowering.values.push(value);
    }
    for port in graph.outputs() {
        lowering.output(port)?;
    }
    let Lowering { program, manifest, values, scales, .. } = lowering;
    Ok(Lowered { program, manifest, values, scales })
}

/// Largest scale exponent inside a program, either sign: products of two f32 (2^±298) divided by it
/// stay normal f64 numbers.
const MAX_SCALE: i32 = 512;
/// Widest integer that a shift between scales may make.
const MAX_ALIGNMENT: i32 = 60;

struct Lowering<'d> {
    graph: &'d Graph,
    decide: &'d mut dyn Decide,
    /// How often each node of the graph is used.
    uses: Vec<usize>,
    program: Program,
    /// Scale exponent of each node of the program.
    scales: Vec<i32>,
    /// Most wires in the combination of a number of each node of the program.
    terms: Vec<usize>,
    /// The program's node for each node of the graph.
    values: Vec<usize>,
    /// The node that stands for a node of the program as an operand, where it is not itself.
    operands: HashMap<usize, usize>,
    manifest: Manifest,
}

impl Lowering<'_> {
    fn node(&mut self, id: NodeId, node: &graph::Node) -> Result<usize, Error> {
        let name = &node.name;
        match &node.op {
            graph::Op::ArgMax { input, size, inner } => {
                let input = self.shared(*input)?;
                for at in 0..node.elements {
                    let bounds = &self.program.nodes[input].bounds;
                    let of = candidates(at, *size, *inner).map(|at| bounds[at]);
                    running_max(name, of)?;
                }
                let all = Interval::new(name, 0, *size as i128 - 1)?;
                let op = Op::ArgMax { input, size: *size, inner: *inner };
                self.push(name, op, vec![all; node.elements], 0, 1)
            }
            graph::Op::Input => {
                let at = self.graph.inputs().iter().position(|port| port.node == id);
                let index = at.expect("every input node has its port");
                let input = &self.program.inputs[index];
                let (bounds, scale) = (vec![input.range; node.elements], input.kind.scale().into());
                self.push(name, Op::Input { index }, bounds, scale, 1)
            }
            graph::Op::Linear { input, map } => {
                let operand = self.operand(*input)?;
                self.linear(name, operand, map)
            }
            graph::Op::Max { input, window } => {
                let input = self.shared(*input)?;
                let before = &self.program.nodes[input].bounds;
                let bound =
                    |at| running_max(name, window.operands(at).into_iter().map(|at| before[at]));
                let bounds = (0..node.elements).map(bound).collect::<Result<_, _>>()?;
                let (scale, terms) = (self.scales[input], self.terms[input] + 1);
                self.push(name, Op::Max { input, window: window.clone() }, bounds, scale, terms)
            }
            graph::Op::Product { left, right } => {
                let (left, right) = (self.operand(*left)?, self.operand(*right)?);
                let (a, b) = (&self.program.nodes[left].bounds, &self.program.nodes[right].bounds);
                let product = |(a, b): (&Interval, &Interval)| {
                    let (low, high) = a.product(*b);
                    Interval::new(name, low, high)
                };
                let bounds = a.iter().zip(b).map(product).collect::<Result<_, _>>()?;
                let scale = self.scales[left].saturating_add(self.scales[right]);
                self.push(name, Op::Product { left, right }, bounds, scale, 1)
            }
            graph::Op::Relu { input, cap } => {
                let value = self.shared(*input)?;
                self.requantize(name, *input, value, true, *cap)
            }
            graph::Op::Select { inputs, picks } => self.select(name, inputs, picks),
            graph::Op::Sum { inputs } => self.sum(name, inputs),
        }
    }

    fn push(
        &mut self,
        name: &str,
        op: Op,
        bounds: Vec<Interval>,
        scale: i32,
        terms: usize,
    ) -> Result<usize, Error> {
        if scale.abs() > MAX_SCALE {
            return Err(Error::ManifestMismatch {
                what: format!("scale of {name}"),
                expected: format!("within ±{MAX_SCALE}"),
                found: scale.to_string(),
            });
        }
        self.program.nodes.push(Node { name: name.to_owned(), op, bounds });
        self.scales.push(scale);
        self.terms.push(terms);
        Ok(self.program.nodes.len() - 1)
    }
}

/// The interval of the largest number. Errors: a difference on the way that is too wide.
fn running_max(
    name: &str,
    mut candidates: impl Iterator<Item = Interval>,
) -> Result<Interval, Error> {
    let first = candidates.next().expect("no window is empty");
    candidates.try_fold(first, |largest, next| {
        let (low, high) = largest.minus(next);
        shift_bits(name, Interval::new(name, low, high)?, 0)?;
        Ok(largest.larger(next))
    })
}

/// The interval of all.
fn hull(bounds: &[Interval]) -> Interval {
    let all = bounds.iter().copied().reduce(Interval::union);
    all.expect("a value has at least one element")
}
