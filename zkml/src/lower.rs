//! From the graph of real numbers to the integer program, one choice at a time.
//!
//! Quantizing and compiling run the same code: the former with a [`Decide`] that makes each choice,
//! the latter with one that reads it from a manifest. What follows from the choices is written into
//! a manifest either way, and compiling compares the two.

use std::collections::HashMap;

use assay_verifier::value::{Dtype, TensorType, Type};

use crate::{
    Error,
    graph::{self, Graph, NodeId},
    manifest::{self, COMPILER, Layer, Manifest, Rounding},
    program::{Input, Interval, Linear, Node, Op, Output, Program, requantize, shift_bits},
};

/// Makes the choices that lowering leaves open.
pub(crate) trait Decide {
    /// Bits and scale exponent of weights whose largest magnitude is `largest`.
    fn linear(&mut self, node: &str, largest: f64) -> Result<(u32, i32), Error>;

    /// Bits to shift out.
    fn requantize(&mut self, site: &Site<'_>) -> Result<u32, Error>;

    /// Element type, and bits to shift out.
    fn output(&mut self, site: &Site<'_>) -> Result<(Dtype, u32), Error>;
}

/// Where a shift is to be chosen.
pub(crate) struct Site<'a> {
    pub(crate) name: &'a str,
    /// The node of the graph whose value the shifted integers stand for.
    pub(crate) node: NodeId,
    /// Worst case of the integers before the shift.
    pub(crate) bounds: Interval,
    /// Their scale exponent.
    pub(crate) scale: i32,
    pub(crate) relu: bool,
}

/// The program, and the manifest with everything that follows from the choices.
pub(crate) fn lower(
    graph: &Graph,
    inputs: &[manifest::Input],
    decide: &mut dyn Decide,
) -> Result<(Program, Manifest), Error> {
    let mut lowering = Lowering {
        decide,
        program: Program { nodes: vec![], inputs: vec![], outputs: vec![] },
        scales: vec![],
        values: vec![],
        rescaled: HashMap::new(),
        manifest: Manifest {
            compiler: COMPILER.to_owned(),
            model: graph.model(),
            rounding: Rounding::HalfUp,
            inputs: inputs.to_vec(),
            layers: vec![],
            outputs: vec![],
        },
    };
    lowering.inputs(graph, inputs)?;
    for (id, node) in graph.nodes().iter().enumerate() {
        let value = lowering.node(graph, id, node)?;
        lowering.values.push(value);
    }
    for port in graph.outputs() {
        lowering.output(port)?;
    }
    Ok((lowering.program, lowering.manifest))
}

/// `value / 2^scale`, rounded half to even. Exact: a power of two moves the exponent only. `None`
/// beyond 2^53.
pub(crate) fn quantize_number(value: f64, scale: i32) -> Option<i64> {
    let rounded = (value * power_of_two(-scale)?).round_ties_even();
    // Below 2^53 an f64 that is an integer is exactly that i64.
    (rounded.abs() < 9_007_199_254_740_992.0).then_some(rounded as i64)
}

/// 2^exponent, for exponents of normal numbers.
pub(crate) fn power_of_two(exponent: i32) -> Option<f64> {
    let biased = u64::try_from(exponent + 1023).ok().filter(|biased| (1..2047).contains(biased))?;
    Some(f64::from_bits(biased << 52))
}

/// Largest scale exponent inside a program, either sign: products of two f32 (2^±298) divided by it
/// stay normal f64 numbers.
const MAX_SCALE: i32 = 512;

struct Lowering<'d> {
    decide: &'d mut dyn Decide,
    program: Program,
    /// Scale exponent of each node of the program.
    scales: Vec<i32>,
    /// The program's node for each node of the graph.
    values: Vec<usize>,
    /// The shifted node for each sum that is used as it is, without ReLU.
    rescaled: HashMap<usize, usize>,
    manifest: Manifest,
}

impl Lowering<'_> {
    fn inputs(&mut self, graph: &Graph, inputs: &[manifest::Input]) -> Result<(), Error> {
        let ports = graph.inputs();
        if ports.len() != inputs.len() {
            return Err(Error::InputCount { expected: ports.len(), found: inputs.len() });
        }
        for (port, input) in ports.iter().zip(inputs) {
            let refuse = |expected: String, found: String| {
                Err(Error::InputType { input: port.name.clone(), expected, found })
            };
            if port.name != input.name {
                return refuse(format!("named {}", port.name), input.name.clone());
            }
            let Some(kind) = input.kind.tensor() else {
                return refuse("a tensor".to_owned(), input.kind.to_string());
            };
            let full = kind.dtype().slot_bits().and(kind.dtype().range());
            let Some((low, high)) = full else {
                return refuse("i8, i16 or i32".to_owned(), kind.to_string());
            };
            let shape: Vec<_> = kind.shape().iter().map(|dim| *dim as usize).collect();
            if shape != port.shape {
                return refuse(format!("of shape {:?}", port.shape), kind.to_string());
            }
            if low > input.low || input.low > input.high || input.high > high {
                let found = format!("{} to {}", input.low, input.high);
                return refuse(format!("in a range within {low} to {high}"), found);
            }
            let range = Interval::new(&port.name, input.low.into(), input.high.into())?;
            let kind = kind.clone();
            self.program.inputs.push(Input { name: port.name.clone(), kind, range });
        }
        Ok(())
    }

    fn node(&mut self, graph: &Graph, id: NodeId, node: &graph::Node) -> Result<usize, Error> {
        match &node.op {
            graph::Op::Input => {
                let at = graph.inputs().iter().position(|port| port.node == id);
                let index = at.expect("every input node has its port");
                let input = &self.program.inputs[index];
                let (bounds, scale) =
                    (vec![input.range; node.elements], i32::from(input.kind.scale()));
                self.push(&node.name, Op::Input { index }, bounds, scale)
            }
            graph::Op::Dense { input, dense } => {
                let operand = self.operand(graph, *input)?;
                self.dense(&node.name, operand, dense)
            }
            graph::Op::Relu { input } => {
                self.requantize(&node.name, *input, self.values[*input], true)
            }
        }
    }

    /// The program's node for a value as a linear layer takes it: a sum is shifted first, so that
    /// no combination is made of combinations.
    fn operand(&mut self, graph: &Graph, id: NodeId) -> Result<usize, Error> {
        let value = self.values[id];
        if !matches!(self.program.nodes[value].op, Op::Linear { .. }) {
            return Ok(value);
        }
        if let Some(shifted) = self.rescaled.get(&value) {
            return Ok(*shifted);
        }
        let shifted = self.requantize(&graph.nodes()[id].name, id, value, false)?;
        self.rescaled.insert(value, shifted);
        Ok(shifted)
    }

    fn dense(&mut self, name: &str, input: usize, dense: &graph::Dense) -> Result<usize, Error> {
        let (height, width) = (dense.height, dense.width);
        let all = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        let largest = all
            .clone()
            .fold(0.0f64, |largest, (row, column)| largest.max(dense.weight(row, column).abs()));
        let (weight_bits, weight_scale) = self.decide.linear(name, largest)?;
        let refuse = |what: &str, expected: String, found: String| {
            Err(Error::ManifestMismatch { what: format!("{what} of {name}"), expected, found })
        };
        if !(2..=MAX_WEIGHT_BITS).contains(&weight_bits) {
            return refuse("weight bits", "2 to 24".to_owned(), weight_bits.to_string());
        }
        let scale = self.scales[input].saturating_add(weight_scale);
        if weight_scale.abs() > MAX_SCALE || scale.abs() > MAX_SCALE {
            return refuse("scale", format!("within ±{MAX_SCALE}"), scale.to_string());
        }
        let limit = (1i64 << (weight_bits - 1)) - 1;
        let mut weights = Vec::with_capacity(height * width);
        for (row, column) in all {
            let quantized = quantize_number(dense.weight(row, column), weight_scale)
                .filter(|quantized| quantized.abs() <= limit)
                .and_then(|quantized| i32::try_from(quantized).ok());
            match quantized {
                Some(quantized) => weights.push(quantized),
                None => {
                    let expected = format!("at most {limit} after quantization");
                    let found = format!("{largest} / 2^{weight_scale}");
                    return refuse("largest weight", expected, found);
                }
            }
        }
        let mut bias = Vec::with_capacity(dense.bias.len());
        for value in &dense.bias {
            match quantize_number(*value, scale) {
                Some(quantized) => bias.push(quantized),
                None => {
                    return refuse("bias", format!("below 2^53 · 2^{scale}"), value.to_string());
                }
            }
        }
        self.manifest.layers.push(Layer::Linear {
            node: name.to_owned(),
            weight_bits,
            weight_scale,
        });
        let map = Linear { width, height, weights: weights.into(), bias };
        let bounds = map.bounds(name, &self.program.nodes[input].bounds)?;
        self.push(name, Op::Linear { input, map }, bounds, scale)
    }

    /// `node` is the graph's, `input` the program's.
    fn requantize(
        &mut self,
        name: &str,
        node: NodeId,
        input: usize,
        relu: bool,
    ) -> Result<usize, Error> {
        let before = &self.program.nodes[input].bounds;
        let site = Site { name, node, bounds: hull(before), scale: self.scales[input], relu };
        let shift = self.decide.requantize(&site)?;
        let mut bits = 0;
        for bound in before {
            bits = bits.max(shift_bits(name, *bound, shift)?);
        }
        let scale = site.scale + shift.cast_signed();
        let after =
            before.iter().map(|bound| bound.map(|value| requantize(value, relu, shift))).collect();
        let node = name.to_owned();
        self.manifest.layers.push(Layer::Requantize { node, relu, shift, bits, scale });
        self.push(name, Op::Requantize { input, relu, shift }, after, scale)
    }

    fn output(&mut self, port: &graph::Port) -> Result<(), Error> {
        let node = self.values[port.node];
        let before = &self.program.nodes[node].bounds;
        let (name, scale) = (port.name.as_str(), self.scales[node]);
        let site = Site { name, node: port.node, bounds: hull(before), scale, relu: false };
        let (dtype, shift) = self.decide.output(&site)?;
        shift_bits(name, site.bounds, shift)?;
        let after = site.bounds.map(|value| requantize(value, false, shift));
        let full = dtype.slot_bits().and(dtype.range());
        let Some((low, high)) = full else {
            let expected = "i8, i16 or i32";
            let found = dtype.name().to_owned();
            return Err(Error::Options { option: "the output's element type", expected, found });
        };
        if after.low() < low || after.high() > high {
            return Err(Error::ManifestMismatch {
                what: format!("output {name}"),
                expected: format!("{} to {} at most", dtype.name(), high),
                found: format!("{} to {} in the worst case", after.low(), after.high()),
            });
        }
        let scale = scale + shift.cast_signed();
        let scale = i8::try_from(scale).map_err(|_| Error::ManifestMismatch {
            what: format!("scale of output {name}"),
            expected: format!("within ±{}", TensorType::MAX_SCALE),
            found: scale.to_string(),
        })?;
        let dim = |dim: &usize| u32::try_from(*dim).unwrap_or(u32::MAX);
        let kind = TensorType::new(dtype, &port.shape.iter().map(dim).collect::<Vec<_>>(), scale)?;
        let output =
            manifest::Output { name: name.to_owned(), kind: Type::Tensor(kind.clone()), shift };
        self.manifest.outputs.push(output);
        self.program.outputs.push(Output { kind, node, shift });
        Ok(())
    }

    fn push(
        &mut self,
        name: &str,
        op: Op,
        bounds: Vec<Interval>,
        scale: i32,
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
        Ok(self.program.nodes.len() - 1)
    }
}

/// Most bits of a weight: what an f32 has.
const MAX_WEIGHT_BITS: u32 = 24;

/// The interval of all.
fn hull(bounds: &[Interval]) -> Interval {
    let all = bounds.iter().copied().reduce(Interval::union);
    all.expect("a value has at least one element")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_quantized_half_to_even_and_exactly() {
        let cases = [
            (0.5, 0, 0),
            (1.5, 0, 2),
            (2.5, 0, 2),
            (-0.5, 0, 0),
            (-1.5, 0, -2),
            (0.75, -1, 2),
            (1.0, -7, 128),
            (-3.0, 1, -2),
            (f64::from(f32::MIN_POSITIVE), -130, 16),
        ];
        for (value, scale, expected) in cases {
            assert_eq!(quantize_number(value, scale), Some(expected), "{value} / 2^{scale}");
        }
        assert_eq!(quantize_number(1.0, -53), None);
        assert_eq!(quantize_number(1.0, 2000), None);
        assert_eq!(quantize_number(f64::MAX, 0), None);
    }

    #[test]
    fn powers_of_two_are_exact() {
        for exponent in [-1022, -149, -1, 0, 1, 127, 1023] {
            assert_eq!(power_of_two(exponent).unwrap().log2(), f64::from(exponent));
        }
        assert_eq!(power_of_two(-1023), None);
        assert_eq!(power_of_two(1024), None);
    }
}
