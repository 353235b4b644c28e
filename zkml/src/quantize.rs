//! Chooses the quantization of a model, from the worst case or from calibration data.

use assay_verifier::value::{Dtype, TensorType, Type};

use crate::{
    Error,
    graph::{Graph, Op, Port},
    lower::{Decide, Lowered, Operand, Scales, Site, Weights, lower, power_of_two},
    manifest::{self, Layer, Manifest, Visibility},
    program::{Interval, Program, Rescale, shift_right},
};

/// What [`quantize`] is to choose by.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Types of the step's inputs, with the ranges that the circuit is to enforce.
    pub inputs: Vec<InputType>,
    /// Samples of the inputs. With them, activation scales fit what occurs; without, the worst case.
    pub calibration: Option<&'a [Vec<Vec<i64>>]>,
    /// Bits of a weight, sign included: 2 to 24.
    pub weight_bits: u32,
    /// Whether the output channels of a map share a scale.
    pub weight_scales: WeightScales,
    /// Bits of the largest activation that calibration shows, or of the worst case: 1 to 32. The
    /// worst case may need more than what calibration shows; nothing saturates.
    pub activation_bits: u32,
    /// Bits above what calibration shows at which activations saturate, where that saves rows: what
    /// exceeds them becomes the largest number, in the program as in the circuit. `None`: never.
    pub headroom: Option<u32>,
    /// Element type of the outputs: i8, i16 or i32.
    pub output: Dtype,
    /// What is to be public: `inputs`, `outputs`, or ports by their names in the model.
    pub public: &'a [String],
}

/// Whether the output channels of a linear map share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightScales {
    /// Each channel has the finest scale at which its largest weight fits its bits. A sum of a coarse
    /// channel is a multiple of a power of two, and its decomposition shorter by so many bits.
    PerChannel,
    /// One scale, at which the largest weight of all fits.
    PerMap,
}

/// An input's type, and the range of its integers.
#[derive(Clone, Debug)]
pub struct InputType {
    /// Type of the value.
    pub kind: TensorType,
    /// Smallest and largest integer.
    pub range: (i64, i64),
}

impl InputType {
    /// All integers that the element type has.
    pub fn full(kind: TensorType) -> Self {
        let range = kind.dtype().range().unwrap_or_default();
        Self { kind, range }
    }
}

impl Options<'_> {
    /// 8-bit weights, 12-bit activations, exact 32-bit outputs, no calibration.
    pub fn new(inputs: Vec<InputType>) -> Self {
        Self {
            inputs,
            calibration: None,
            weight_bits: 8,
            weight_scales: WeightScales::PerMap,
            activation_bits: 12,
            headroom: None,
            output: Dtype::I32,
            public: &[],
        }
    }
}

/// Chooses scales and shifts for an ONNX model. The result is what [`crate::compile`] takes; where
/// the numbers came from is not kept.
pub fn quantize(onnx: &[u8], options: &Options<'_>) -> Result<Manifest, Error> {
    let graph = Graph::from_onnx(onnx)?;
    if !(2..=24).contains(&options.weight_bits) {
        let (expected, found) = ("2 to 24", options.weight_bits.to_string());
        return Err(Error::Options { option: "weight bits", expected, found });
    }
    if !(1..=32).contains(&options.activation_bits) {
        let (expected, found) = ("1 to 32", options.activation_bits.to_string());
        return Err(Error::Options { option: "activation bits", expected, found });
    }
    if graph.inputs().len() != options.inputs.len() {
        let (expected, found) = (graph.inputs().len(), options.inputs.len());
        return Err(Error::InputCount { expected, found });
    }
    known_ports(&graph, options.public)?;
    let inputs = declared(&graph, &options.inputs, options.public);
    let seen = match options.calibration {
        None => None,
        Some(samples) => Some(largest_values(&traces(&graph, &options.inputs, samples)?)),
    };
    choose(&graph, &inputs, options, seen.as_deref()).map(|lowered| lowered.manifest)
}

/// The model's inputs as the manifest states them.
pub(crate) fn declared(
    graph: &Graph,
    inputs: &[InputType],
    public: &[String],
) -> Vec<manifest::Input> {
    let declare = |(port, InputType { kind, range }): (&Port, &InputType)| manifest::Input {
        name: port.name.clone(),
        kind: Type::Tensor(kind.clone()),
        low: range.0,
        high: range.1,
        visibility: visibility(public, &port.name, INPUTS),
    };
    graph.inputs().iter().zip(inputs).map(declare).collect()
}

const INPUTS: &str = "inputs";
const OUTPUTS: &str = "outputs";

fn visibility(public: &[String], name: &str, all: &str) -> Visibility {
    match public.iter().any(|word| word == name || word == all) {
        true => Visibility::Public,
        false => Visibility::Committed,
    }
}

/// Errors: a word that is neither a port of the model nor stands for all of them.
pub(crate) fn known_ports(graph: &Graph, public: &[String]) -> Result<(), Error> {
    let ports = graph.inputs().iter().chain(graph.outputs()).map(|port| port.name.as_str());
    let known: Vec<&str> = [INPUTS, OUTPUTS].into_iter().chain(ports).collect();
    match public.iter().find(|word| !known.contains(&word.as_str())) {
        None => Ok(()),
        Some(word) => Err(Error::Options {
            option: "what is public",
            expected: "inputs, outputs, or a port of the model",
            found: word.clone(),
        }),
    }
}

/// The same, from what has been read and seen already.
pub(crate) fn choose(
    graph: &Graph,
    inputs: &[manifest::Input],
    options: &Options<'_>,
    seen: Option<&[f64]>,
) -> Result<Lowered, Error> {
    let fan = decomposed_after(graph);
    lower(graph, inputs, &mut Choose { options, seen, fan })
}

/// The program that a model and a manifest mean. Errors: a choice that does not fit the model, or
/// something in the manifest that does not follow from the choices.
pub(crate) fn replay(graph: &Graph, manifest: &Manifest) -> Result<Program, Error> {
    let mut replay = Replay { layers: manifest.layers.iter(), outputs: manifest.outputs.iter() };
    let Lowered { program, manifest: again, .. } = lower(graph, &manifest.inputs, &mut replay)?;
    if again != *manifest {
        let lines = |manifest: &Manifest| {
            let text = String::from_utf8(manifest.to_bytes()).expect("a manifest is text");
            text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        };
        let (expected, found) = (lines(&again), lines(manifest));
        let pairs = expected.into_iter().zip(found).find(|(expected, found)| expected != found);
        let (expected, found) = pairs.unwrap_or_default();
        let what = "a line that follows from the model and the choices".to_owned();
        return Err(Error::ManifestMismatch { what, expected, found });
    }
    Ok(program)
}

struct Choose<'a> {
    options: &'a Options<'a>,
    /// Largest magnitude of each node of the graph over the calibration data, before ReLU and after.
    seen: Option<&'a [f64]>,
    /// How many decompositions become shorter by a bit if a node's numbers do.
    fan: Vec<usize>,
}

impl Choose<'_> {
    /// Bits of the largest integer that is to be told apart: the largest seen, or the worst case,
    /// but no more than the cap.
    fn bits(&self, site: &Site<'_>) -> u32 {
        let positive = |value: i64| if site.relu { value.max(0) } else { value };
        let magnitude = |value: i64| positive(value).unsigned_abs();
        let bound = magnitude(site.bounds.high()).max(magnitude(site.bounds.low()));
        let unit = power_of_two(-site.scale).unwrap_or(0.0);
        // Conversions saturate; calibration that contradicts the worst case is bounded by it.
        let integer = |real: f64| ((real * unit).ceil() as u64).min(bound);
        let seen = self.seen.map_or(bound, |seen| integer(seen[site.node]));
        let largest = site.cap.map_or(seen, |cap| seen.min(integer(cap)));
        u64::BITS - largest.leading_zeros()
    }
}

impl Decide for Choose<'_> {
    /// The finest scale at which the largest weight fits; a coarser one where it loses nothing.
    fn linear(&mut self, _: &str, weights: &Weights) -> Result<Scales, Error> {
        if let Some(finest) = weights.exact {
            return Ok(Scales { bits: 2, finest, coarser: vec![] });
        }
        let bits = self.options.weight_bits;
        let coarsest = finest_scale(weights.largest, bits);
        if self.options.weight_scales == WeightScales::PerMap {
            return Ok(Scales { bits, finest: coarsest, coarser: vec![] });
        }
        // Channels without weights, or with the smallest ones, would make all sums wide.
        let least = coarsest - SPREAD;
        let own = |largest: &f64| match *largest {
            0.0 => coarsest,
            largest => finest_scale(largest, bits).max(least),
        };
        let scales: Vec<i32> = weights.channels.iter().map(own).collect();
        let finest = scales.iter().copied().min().unwrap_or(coarsest);
        let coarser = scales.iter().map(|scale| scale.abs_diff(finest)).collect();
        match finest == coarsest {
            true => Ok(Scales { bits, finest, coarser: vec![] }),
            false => Ok(Scales { bits, finest, coarser }),
        }
    }

    /// The most bits that leave the largest activation its `activation_bits`.
    fn requantize(&mut self, site: &Site<'_>) -> Result<(u32, Option<u32>), Error> {
        let bits = self.bits(site);
        let shift = bits.saturating_sub(self.options.activation_bits);
        if !site.relu {
            return Ok((shift, None));
        }
        let after = shift_right(site.bounds.high(), shift).max(1);
        let worst = i64::BITS - after.leading_zeros();
        // Above its cap a value may saturate; above what was seen it may as far as options say.
        let limit = match (site.cap, self.options.headroom) {
            (Some(cap), _) => {
                let unit = power_of_two(-(site.scale + shift.cast_signed())).unwrap_or(0.0);
                let integer = (cap * unit).ceil().max(1.0) as u64;
                Some(u64::BITS - integer.leading_zeros())
            }
            (None, Some(headroom)) if self.seen.is_some() => {
                Some((bits.saturating_sub(shift) + headroom).max(1))
            }
            (None, _) => None,
        };
        // Three rows more for each number, one less for each bit of each sum that they go into.
        let saves = |limit: &u32| {
            let saved = worst.saturating_sub(*limit) as usize;
            *limit <= 32 && saved.saturating_mul(self.fan[site.node]) > 3 * site.elements
        };
        Ok((shift, limit.filter(saves)))
    }

    /// What costs the fewest rows: a row for each sum or a shift, and a row for each bit of what
    /// the operand goes into.
    fn operand(&mut self, site: &Site<'_>) -> Result<Operand, Error> {
        let bits = self.bits(site);
        let shift = bits.saturating_sub(self.options.activation_bits);
        let width = site.bounds.signed_bits();
        let rows = (width as usize + 2) * site.elements;
        let keeping = (shift as usize).saturating_mul(self.fan[site.node]);
        let keeping = keeping.saturating_add(if site.terms > 1 { site.elements } else { 0 });
        Ok(if (shift > 0 && keeping > rows) || width > WIDEST_OPERAND {
            Operand::Requantize(shift)
        } else if site.terms > 1 {
            Operand::Materialize
        } else {
            Operand::Direct
        })
    }

    /// Exact where the worst case fits, otherwise the fewest bits shifted out.
    fn output(&mut self, site: &Site<'_>) -> Result<(Dtype, u32, Visibility), Error> {
        let dtype = self.options.output;
        let (low, high) = dtype.range().unwrap_or_default();
        let fits = |shift: &u32| {
            let shifted = Rescale { relu: false, shift: *shift, clamp: None };
            let after: Interval = site.bounds.map(|value| shifted.apply(value));
            low <= after.low() && after.high() <= high
        };
        let visibility = visibility(self.options.public, site.name, OUTPUTS);
        Ok((dtype, (0..=60).find(fits).unwrap_or(60), visibility))
    }
}

/// The finest scale at which a weight fits its bits.
fn finest_scale(largest: f64, bits: u32) -> i32 {
    let limit = f64::from((1i32 << (bits - 1)) - 1);
    let fits = |scale: &i32| {
        power_of_two(-scale).is_some_and(|factor| (largest * factor).round_ties_even() <= limit)
    };
    // Finer than the input could use is pointless, and zero weights fit every scale.
    if largest == 0.0 { 0 } else { (-300..=300).find(fits).unwrap_or(300) }
}

/// Most bits by which a channel is finer than the coarsest: smaller weights change sums by less than a
/// unit of the coarsest channel's.
const SPREAD: i32 = 6;

/// Wider numbers are not multiplied as they are: what follows might not fit [`crate::MAX_BITS`].
const WIDEST_OPERAND: u32 = 32;

/// For each node, how many decompositions lie after it before the next shift.
fn decomposed_after(graph: &Graph) -> Vec<usize> {
    let mut fan = vec![0usize; graph.nodes().len()];
    for (id, node) in graph.nodes().iter().enumerate().rev() {
        let after = match &node.op {
            Op::ArgMax { input, .. } => graph.nodes()[*input].elements,
            Op::Max { window, .. } => {
                let cells = window.kernel[0] * window.kernel[1];
                fan[id].saturating_add(node.elements.saturating_mul(cells - 1))
            }
            Op::Relu { .. } => node.elements,
            Op::Input
            | Op::Linear { .. }
            | Op::Product { .. }
            | Op::Select { .. }
            | Op::Sum { .. } => fan[id],
        };
        for operand in node.op.operands() {
            fan[operand] = fan[operand].saturating_add(after);
        }
    }
    fan
}

/// Largest magnitude of every node's value over the samples, from the values of each.
pub(crate) fn largest_values(traces: &[Vec<Vec<f64>>]) -> Vec<f64> {
    let mut largest = vec![0.0f64; traces.first().map_or(0, Vec::len)];
    for trace in traces {
        for (largest, values) in largest.iter_mut().zip(trace) {
            *largest = values.iter().fold(*largest, |largest, value| largest.max(value.abs()));
        }
    }
    largest
}

/// The model's values for samples of integers.
fn traces(
    graph: &Graph,
    inputs: &[InputType],
    samples: &[Vec<Vec<i64>>],
) -> Result<Vec<Vec<Vec<f64>>>, Error> {
    let one = |(sample, values): (usize, &Vec<Vec<i64>>)| {
        let real = |(values, input): (&Vec<i64>, &InputType)| {
            let unit = power_of_two(i32::from(input.kind.scale())).expect("at most 64");
            values.iter().map(|value| *value as f64 * unit).collect()
        };
        let reals: Vec<Vec<f64>> = values.iter().zip(inputs).map(real).collect();
        graph.trace(&reals).map_err(|error| Error::Calibration { sample, why: error.to_string() })
    };
    samples.iter().enumerate().map(one).collect()
}

/// Reads the choices back.
struct Replay<'m> {
    layers: core::slice::Iter<'m, Layer>,
    outputs: core::slice::Iter<'m, manifest::Output>,
}

impl Decide for Replay<'_> {
    fn linear(&mut self, node: &str, _: &Weights) -> Result<Scales, Error> {
        match self.layers.next() {
            Some(Layer::Linear { node: found, weight_bits, weight_scale, coarser })
                if found == node =>
            {
                let (bits, finest, coarser) = (*weight_bits, *weight_scale, coarser.clone());
                Ok(Scales { bits, finest, coarser })
            }
            other => Err(mismatch(format!("linear {node}"), other)),
        }
    }

    fn requantize(&mut self, site: &Site<'_>) -> Result<(u32, Option<u32>), Error> {
        match self.layers.next() {
            Some(Layer::Requantize { node, shift, clamp, .. }) if node == site.name => {
                Ok((*shift, *clamp))
            }
            other => Err(mismatch(format!("requantize {}", site.name), other)),
        }
    }

    fn operand(&mut self, site: &Site<'_>) -> Result<Operand, Error> {
        let operand = match self.layers.as_slice().first() {
            Some(Layer::Materialize { node }) if node == site.name => Operand::Materialize,
            Some(Layer::Requantize { node, relu: false, shift, .. }) if node == site.name => {
                Operand::Requantize(*shift)
            }
            _ => return Ok(Operand::Direct),
        };
        self.layers.next();
        Ok(operand)
    }

    fn output(&mut self, site: &Site<'_>) -> Result<(Dtype, u32, Visibility), Error> {
        match self.outputs.next() {
            Some(output) if output.name == site.name => match output.kind.tensor() {
                Some(tensor) => Ok((tensor.dtype(), output.shift, output.visibility)),
                None => Err(mismatch(format!("output {}", site.name), Some(output))),
            },
            other => Err(mismatch(format!("output {}", site.name), other)),
        }
    }
}

fn mismatch(expected: String, found: Option<&impl serde::Serialize>) -> Error {
    let found = match found {
        None => "nothing".to_owned(),
        Some(found) => serde_json::to_string(found).unwrap_or_default(),
    };
    Error::ManifestMismatch { what: "the next layer".to_owned(), expected, found }
}

#[cfg(test)]
mod tests;
