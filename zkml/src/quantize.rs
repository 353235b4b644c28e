//! Chooses the quantization of a model, from the worst case or from calibration data.

use assay_verifier::value::{Dtype, TensorType, Type};

use crate::{
    Error,
    graph::Graph,
    lower::{Decide, Site, lower, power_of_two},
    manifest::{self, Layer, Manifest},
    program::{Interval, Program, requantize},
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
    /// Bits of the largest activation that calibration shows, or of the worst case: 1 to 32. The
    /// worst case may need more than what calibration shows; nothing saturates.
    pub activation_bits: u32,
    /// Element type of the outputs: i8, i16 or i32.
    pub output: Dtype,
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
        Self { inputs, calibration: None, weight_bits: 8, activation_bits: 12, output: Dtype::I32 }
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
    let inputs: Vec<_> = graph
        .inputs()
        .iter()
        .zip(&options.inputs)
        .map(|(port, InputType { kind, range })| manifest::Input {
            name: port.name.clone(),
            kind: Type::Tensor(kind.clone()),
            low: range.0,
            high: range.1,
        })
        .collect();
    let seen = match options.calibration {
        None => None,
        Some(samples) => Some(largest_values(&graph, &options.inputs, samples)?),
    };
    let mut choose = Choose { options, seen };
    let (_, manifest) = lower(&graph, &inputs, &mut choose)?;
    Ok(manifest)
}

/// The program that a model and a manifest mean. Errors: a choice that does not fit the model, or
/// something in the manifest that does not follow from the choices.
pub(crate) fn replay(graph: &Graph, manifest: &Manifest) -> Result<Program, Error> {
    let mut replay = Replay { layers: manifest.layers.iter(), outputs: manifest.outputs.iter() };
    let (program, again) = lower(graph, &manifest.inputs, &mut replay)?;
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
    seen: Option<Vec<f64>>,
}

impl Decide for Choose<'_> {
    /// The finest scale at which the largest weight fits.
    fn linear(&mut self, _: &str, largest: f64) -> Result<(u32, i32), Error> {
        let bits = self.options.weight_bits;
        let limit = f64::from((1i32 << (bits - 1)) - 1);
        let fits = |scale: &i32| {
            power_of_two(-scale).is_some_and(|factor| (largest * factor).round_ties_even() <= limit)
        };
        // Finer than the input could use is pointless, and zero weights fit every scale.
        let scale = if largest == 0.0 { 0 } else { (-300..=300).find(fits).unwrap_or(300) };
        Ok((bits, scale))
    }

    /// The most bits that leave the largest activation its `activation_bits`.
    fn requantize(&mut self, site: &Site<'_>) -> Result<u32, Error> {
        let after = |value: i64| requantize(value, site.relu, 0);
        let bound =
            after(site.bounds.high()).unsigned_abs().max(after(site.bounds.low()).unsigned_abs());
        let largest = match &self.seen {
            None => bound,
            Some(seen) => {
                let integer = seen[site.node] * power_of_two(-site.scale).unwrap_or(0.0);
                // Saturates; calibration that contradicts the worst case is bounded by it.
                (integer.ceil() as u64).min(bound)
            }
        };
        let bits = u64::BITS - largest.leading_zeros();
        Ok(bits.saturating_sub(self.options.activation_bits))
    }

    /// Exact where the worst case fits, otherwise the fewest bits shifted out.
    fn output(&mut self, site: &Site<'_>) -> Result<(Dtype, u32), Error> {
        let dtype = self.options.output;
        let (low, high) = dtype.range().unwrap_or_default();
        let fits = |shift: &u32| {
            let after: Interval = site.bounds.map(|value| requantize(value, false, *shift));
            low <= after.low() && after.high() <= high
        };
        Ok((dtype, (0..=60).find(fits).unwrap_or(60)))
    }
}

/// Largest magnitude of every node's value over the samples, in double precision.
fn largest_values(
    graph: &Graph,
    inputs: &[InputType],
    samples: &[Vec<Vec<i64>>],
) -> Result<Vec<f64>, Error> {
    let mut largest = vec![0.0f64; graph.nodes().len()];
    for (sample, values) in samples.iter().enumerate() {
        let real = values
            .iter()
            .zip(inputs)
            .map(|(values, input)| {
                let unit = power_of_two(i32::from(input.kind.scale())).expect("at most 64");
                values.iter().map(|value| *value as f64 * unit).collect()
            })
            .collect::<Vec<_>>();
        let trace = graph
            .trace(&real)
            .map_err(|error| Error::Calibration { sample, why: error.to_string() })?;
        for (largest, values) in largest.iter_mut().zip(trace) {
            *largest = values.iter().fold(*largest, |largest, value| largest.max(value.abs()));
        }
    }
    Ok(largest)
}

/// Reads the choices back.
struct Replay<'m> {
    layers: core::slice::Iter<'m, Layer>,
    outputs: core::slice::Iter<'m, manifest::Output>,
}

impl Decide for Replay<'_> {
    fn linear(&mut self, node: &str, _: f64) -> Result<(u32, i32), Error> {
        match self.layers.next() {
            Some(Layer::Linear { node: found, weight_bits, weight_scale }) if found == node => {
                Ok((*weight_bits, *weight_scale))
            }
            other => Err(mismatch(format!("linear {node}"), other)),
        }
    }

    fn requantize(&mut self, site: &Site<'_>) -> Result<u32, Error> {
        match self.layers.next() {
            Some(Layer::Requantize { node: found, shift, .. }) if found == site.name => Ok(*shift),
            other => Err(mismatch(format!("requantize {}", site.name), other)),
        }
    }

    fn output(&mut self, site: &Site<'_>) -> Result<(Dtype, u32), Error> {
        match self.outputs.next() {
            Some(output) if output.name == site.name => match output.kind.tensor() {
                Some(tensor) => Ok((tensor.dtype(), output.shift)),
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
