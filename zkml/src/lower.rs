//! From the graph of real numbers to the integer program, one choice at a time.
//!
//! Quantizing and compiling run the same code: the former with a [`Decide`] that makes each choice,
//! the latter with one that reads it from a manifest. What follows from the choices is written into
//! a manifest either way, and compiling compares the two.

mod linear;
mod number;
mod ports;

use std::collections::HashMap;

use assay_verifier::value::Dtype;

pub(crate) use self::number::{power_of_two, quantize_number};
use crate::{
    Error,
    graph::{self, Graph, NodeId},
    layout::Pick,
    manifest::{self, COMPILER, Layer, Manifest, Rounding, Visibility},
    program::{Interval, Node, Op, Program, Rescale, candidates, shift_bits},
};

/// Makes the choices that lowering leaves open.
pub(crate) trait Decide {
    /// Bits and scale exponent of weights.
    fn linear(&mut self, node: &str, weights: Weights) -> Result<(u32, i32), Error>;

    /// Bits to shift out, and the most bits of a result where that is to be limited.
    fn requantize(&mut self, site: &Site<'_>) -> Result<(u32, Option<u32>), Error>;

    /// How a value becomes the operand of a map that uses each number often.
    fn operand(&mut self, site: &Site<'_>) -> Result<Operand, Error>;

    /// Element type, bits to shift out, and whether a verifier sees it.
    fn output(&mut self, site: &Site<'_>) -> Result<(Dtype, u32, Visibility), Error>;
}

/// What is known of weights before they are integers.
#[derive(Clone, Copy)]
pub(crate) struct Weights {
    /// The largest magnitude.
    pub(crate) largest: f64,
    /// The exponent, where every weight is ± one power of two or 0, and biases lose nothing by it.
    pub(crate) exact: Option<i32>,
}

/// How a value becomes an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// As it is.
    Direct,
    /// As wires: one row each, nothing rounded.
    Materialize,
    /// Shifted right by so many bits.
    Requantize(u32),
}

/// Where something is to be chosen.
pub(crate) struct Site<'a> {
    pub(crate) name: &'a str,
    /// The node of the graph whose value the integers stand for.
    pub(crate) node: NodeId,
    /// How many integers there are.
    pub(crate) elements: usize,
    /// Most wires in the combination of one of them.
    pub(crate) terms: usize,
    /// Their worst case.
    pub(crate) bounds: Interval,
    /// Their scale exponent.
    pub(crate) scale: i32,
    pub(crate) relu: bool,
    /// Whatever uses the result treats all numbers from here on alike.
    pub(crate) cap: Option<f64>,
}

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

    /// The program's node for a value as a map takes it that uses each number often: no combination
    /// is made of combinations.
    fn operand(&mut self, id: NodeId) -> Result<usize, Error> {
        let value = self.values[id];
        if let Some(operand) = self.operands.get(&value) {
            return Ok(*operand);
        }
        let name = self.graph.nodes()[id].name.as_str();
        let choice = self.decide.operand(&self.site(name, id, value, false, None))?;
        let operand = match choice {
            Operand::Direct if self.terms[value] > 1 => {
                return Err(Error::ManifestMismatch {
                    what: format!("the sums of {name}"),
                    expected: "a layer of their own".to_owned(),
                    found: "none".to_owned(),
                });
            }
            Operand::Direct => value,
            Operand::Materialize => {
                self.manifest.layers.push(Layer::Materialize { node: name.to_owned() });
                self.materialize(name, value)?
            }
            Operand::Requantize(shift) => {
                let rescale = Rescale { relu: false, shift, clamp: None };
                self.rescale(name, value, rescale)?
            }
        };
        self.operands.insert(value, operand);
        Ok(operand)
    }

    /// The program's node for a value that is taken as it is, once or twice. Long sums that others
    /// use as well become wires: that follows from the model and is no choice.
    fn shared(&mut self, id: NodeId) -> Result<usize, Error> {
        let value = self.values[id];
        if let Some(operand) = self.operands.get(&value)
            && matches!(self.program.nodes[*operand].op, Op::Materialize { .. })
        {
            return Ok(*operand);
        }
        if self.uses[id] < 2 || self.terms[value] <= 8 {
            return Ok(value);
        }
        let name = self.graph.nodes()[id].name.clone();
        let wires = self.materialize(&name, value)?;
        self.operands.insert(value, wires);
        Ok(wires)
    }

    fn materialize(&mut self, name: &str, input: usize) -> Result<usize, Error> {
        let bounds = self.program.nodes[input].bounds.clone();
        self.push(name, Op::Materialize { input }, bounds, self.scales[input], 1)
    }

    fn site<'a>(
        &self,
        name: &'a str,
        node: NodeId,
        value: usize,
        relu: bool,
        cap: Option<f64>,
    ) -> Site<'a> {
        let bounds = &self.program.nodes[value].bounds;
        let (terms, scale) = (self.terms[value], self.scales[value]);
        Site { name, node, elements: bounds.len(), terms, bounds: hull(bounds), scale, relu, cap }
    }

    /// `node` is the graph's, `input` the program's.
    fn requantize(
        &mut self,
        name: &str,
        node: NodeId,
        input: usize,
        relu: bool,
        cap: Option<f64>,
    ) -> Result<usize, Error> {
        let (shift, clamp) = self.decide.requantize(&self.site(name, node, input, relu, cap))?;
        self.rescale(name, input, Rescale { relu, shift, clamp })
    }

    fn rescale(&mut self, name: &str, input: usize, rescale: Rescale) -> Result<usize, Error> {
        let Rescale { relu, shift, clamp } = rescale;
        if clamp.is_some_and(|bits| !relu || !(1..=32).contains(&bits)) {
            return Err(Error::ManifestMismatch {
                what: format!("clamp of {name}"),
                expected: "1 to 32 bits after a ReLU".to_owned(),
                found: format!("{clamp:?}"),
            });
        }
        let before = &self.program.nodes[input].bounds;
        let mut bits = 0;
        for bound in before {
            bits = bits.max(shift_bits(name, *bound, shift)?);
        }
        let scale = self.scales[input] + shift.cast_signed();
        let after = before.iter().map(|bound| bound.map(|value| rescale.apply(value))).collect();
        let node = name.to_owned();
        self.manifest.layers.push(Layer::Requantize { node, relu, shift, clamp, bits, scale });
        self.push(name, Op::Requantize { input, rescale }, after, scale, 1)
    }

    /// Copies at one scale, the finest of the sources.
    fn select(
        &mut self,
        name: &str,
        inputs: &[NodeId],
        picks: &[Pick<f64>],
    ) -> Result<usize, Error> {
        let sources =
            inputs.iter().map(|input| self.shared(*input)).collect::<Result<Vec<_>, _>>()?;
        let (inputs, scale) = self.aligned(name, sources.iter().map(|source| (*source, 1)))?;
        let mut bounds = Vec::with_capacity(picks.len());
        let mut integers = Vec::with_capacity(picks.len());
        for pick in picks {
            let (pick, (low, high)) = match pick {
                Pick::Constant(value) => {
                    let integer = quantize_number(*value, scale).ok_or_else(|| {
                        let what = format!("a constant of {name}");
                        let expected = format!("below 2^53 · 2^{scale}");
                        Error::ManifestMismatch { what, expected, found: value.to_string() }
                    })?;
                    (Pick::Constant(integer), (integer.into(), integer.into()))
                }
                Pick::Element { source, at } => {
                    let (input, factor) = inputs[*source as usize];
                    let bound = self.program.nodes[input].bounds[*at as usize];
                    (Pick::Element { source: *source, at: *at }, bound.times(factor))
                }
            };
            integers.push(pick);
            bounds.push(Interval::new(name, low, high)?);
        }
        let terms = inputs.iter().map(|(input, _)| self.terms[*input]).max().unwrap_or(1);
        self.push(name, Op::Select { inputs, picks: integers.into() }, bounds, scale, terms)
    }

    /// Nodes with the factors that bring them to one scale, the finest of all.
    fn aligned(
        &self,
        name: &str,
        inputs: impl Iterator<Item = (usize, i64)> + Clone,
    ) -> Result<(Vec<(usize, i64)>, i32), Error> {
        let scale = inputs.clone().map(|(input, _)| self.scales[input]).min().unwrap_or(0);
        let align = |(input, factor): (usize, i64)| {
            let shift = self.scales[input] - scale;
            let factor = (shift <= MAX_ALIGNMENT).then(|| i128::from(factor) << shift);
            let factor = factor.and_then(|factor| i64::try_from(factor).ok());
            factor.map(|factor| (input, factor)).ok_or_else(|| Error::ManifestMismatch {
                what: format!("scales of the operands of {name}"),
                expected: format!("at most 2^{MAX_ALIGNMENT} apart"),
                found: format!("2^{shift}"),
            })
        };
        Ok((inputs.map(align).collect::<Result<_, _>>()?, scale))
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
