//! Finds the cheapest quantization that keeps a stated fidelity.
//!
//! What a proof costs is the size of its evaluation domain, a power of two. So the search starts
//! from fine scales and, as long as the fidelity is kept, gives up the bits that lose least until
//! the rows fit the next smaller domain. In the smallest domain that was kept, rows to spare are then
//! spent on the bits that win most.

use std::cell::Cell;

use assay_verifier::value::{Dtype, TensorType};
use rayon::prelude::*;

use crate::{
    Error,
    circuit::cost,
    fidelity::{self, Fidelity, Report, measure},
    graph::Graph,
    lower::Lowered,
    manifest::Manifest,
    quantize::{InputType, Options, WeightScales, choose, declared, known_ports, largest_values},
};

/// What is asked of [`search`].
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Smallest and largest real number of every input.
    pub range: (f64, f64),
    /// Samples: a list of reals for each input. Numbers beyond the range are taken to its ends.
    pub samples: &'a [Vec<Vec<f64>>],
    /// Bits above the largest activation of the samples at which activations saturate, where that
    /// saves rows.
    pub headroom: u32,
    /// What is to be kept on the samples.
    pub fidelity: Fidelity,
    /// What is to be public: `inputs`, `outputs`, or ports by their names in the model.
    pub public: &'a [String],
    /// Bits of a weight, where they are not to be found.
    pub weight_bits: Option<u32>,
    /// Bits of an activation, where they are not to be found.
    pub activation_bits: Option<u32>,
    /// Bits of an input, where they are not to be found.
    pub input_bits: Option<u32>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The choices.
    pub manifest: Manifest,
    /// What they keep.
    pub report: Report,
    /// Bits of inputs, weights and activations.
    pub bits: Bits,
    /// Whether output channels have scales of their own.
    pub scales: WeightScales,
    /// Quantizations that were measured.
    pub tried: usize,
}

/// Bits of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Bits {
    /// Of an input's offset in its range.
    pub input: u32,
    /// Of a weight, sign included.
    pub weight: u32,
    /// Of the largest activation.
    pub activation: u32,
}

/// Finds choices for an ONNX model. Errors: no samples, or samples that the model does not take; a
/// fidelity that no choice keeps.
pub fn search(onnx: &[u8], wanted: &Wanted<'_>) -> Result<Found, Error> {
    let graph = Graph::from_onnx(onnx)?;
    known_ports(&graph, wanted.public)?;
    let (low, high) = wanted.range;
    if !(low < high && low.is_finite() && high.is_finite()) {
        let found = format!("{low},{high}");
        return Err(Error::Options { option: "the range", expected: "LOW,HIGH, ascending", found });
    }
    if wanted.samples.is_empty() {
        return Err(Error::Calibration { sample: 0, why: "there is none".to_owned() });
    }
    let clamped = |reals: &Vec<f64>| reals.iter().map(|real| real.clamp(low, high)).collect();
    let samples: Vec<Vec<Vec<f64>>> =
        wanted.samples.iter().map(|sample| sample.iter().map(clamped).collect()).collect();
    let exact = samples.par_iter().enumerate().map(|(sample, values)| {
        graph.trace(values).map_err(|error| Error::Calibration { sample, why: error.to_string() })
    });
    let exact = exact.collect::<Result<Vec<_>, _>>()?;
    let (seen, tried) = (largest_values(&exact), Cell::new(0));
    let attempts = Attempts { graph: &graph, wanted, samples, seen, exact, tried };

    let per_map = attempts.cheapest(WeightScales::PerMap);
    let best = match wanted.weight_bits {
        Some(_) => per_map?,
        // Scales of their own let channels keep the fidelity with fewer bits, where they differ in size.
        None => match (per_map, attempts.cheapest(WeightScales::PerChannel)) {
            (Ok(per_map), Ok(per_channel)) => {
                let cost = |attempt: &Attempt| (attempt.domain, attempt.report.mean_abs);
                if cost(&per_channel) < cost(&per_map) { per_channel } else { per_map }
            }
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => one,
            (Err(error), Err(_)) => return Err(error),
        },
    };
    let Attempt { lowered, report, bits, scales, .. } = best;
    let tried = attempts.tried.get();
    Ok(Found { manifest: lowered.manifest, report, bits, scales, tried })
}

#[derive(Clone)]
struct Attempt {
    lowered: Lowered,
    report: Report,
    bits: Bits,
    scales: WeightScales,
    rows: usize,
    domain: usize,
}

impl Attempt {
    /// Error added for each row saved.
    fn loss(&self, before: &Self) -> f64 {
        let saved = before.rows.saturating_sub(self.rows).max(1);
        let lost = (before.report.top1 - self.report.top1) * self.report.max_abs.max(1e-9);
        let added = (self.report.mean_abs - before.report.mean_abs).max(0.0);
        (added + lost.max(0.0)) / saved as f64
    }
}

struct Attempts<'a> {
    graph: &'a Graph,
    wanted: &'a Wanted<'a>,
    samples: Vec<Vec<Vec<f64>>>,
    exact: Vec<Vec<Vec<f64>>>,
    seen: Vec<f64>,
    /// Quantizations measured so far.
    tried: Cell<usize>,
}

impl Attempts<'_> {
    /// The cheapest choice that keeps the fidelity.
    fn cheapest(&self, scales: WeightScales) -> Result<Attempt, Error> {
        let fixed = |bits: Option<u32>, default: u32| bits.unwrap_or(default);
        let Wanted { range, fidelity, .. } = *self.wanted;
        let input = if range.0 >= 0.0 { 7 } else { 8 };
        let mut best = None;
        // Finer and finer, until it is kept.
        for finer in [0, 2, 4, 6] {
            let bits = Bits {
                input: fixed(self.wanted.input_bits, if finer > 2 { 2 * input } else { input }),
                weight: fixed(self.wanted.weight_bits, 8 + finer),
                activation: fixed(self.wanted.activation_bits, 8 + finer),
            };
            let attempt = self.at(bits, scales)?;
            let kept = attempt.report.keeps(fidelity);
            best = Some(attempt);
            if kept {
                break;
            }
        }
        let mut best = best.expect("at least one was tried");
        if !best.report.keeps(fidelity) {
            let Report { top1, max_abs, .. } = best.report;
            let found = format!("top1={top1:.4}, max-abs={max_abs:.6}");
            return Err(Error::Fidelity { expected: fidelity.to_string(), found });
        }
        // Coarser and coarser, as long as it is kept; only a smaller domain counts.
        let mut current = best.clone();
        loop {
            let coarser = self.coarser(current.bits);
            let coarser = coarser
                .into_iter()
                .map(|bits| self.at(bits, scales))
                .collect::<Result<Vec<_>, _>>()?;
            let kept = coarser.into_iter().filter(|attempt| attempt.report.keeps(fidelity));
            let Some(next) = kept.min_by(|a, b| a.loss(&current).total_cmp(&b.loss(&current)))
            else {
                break;
            };
            if next.domain < best.domain {
                best = next.clone();
            }
            current = next;
        }
        // Rows to spare in that domain buy finer numbers.
        loop {
            let finer = self.finer(best.bits, input);
            // Finer numbers may be wider than a program's can be.
            let finer = finer.into_iter().filter_map(|bits| self.at(bits, scales).ok());
            let better = finer.filter(|attempt| {
                attempt.domain == best.domain
                    && attempt.report.mean_abs < best.report.mean_abs
                    && attempt.report.keeps(fidelity)
            });
            let Some(next) = better.min_by(|a, b| a.report.mean_abs.total_cmp(&b.report.mean_abs))
            else {
                break;
            };
            best = next;
        }
        Ok(best)
    }

    fn at(&self, bits: Bits, scales: WeightScales) -> Result<Attempt, Error> {
        self.tried.set(self.tried.get() + 1);
        let kinds = self
            .graph
            .input_shapes()
            .map(|(_, shape)| input_type(shape, self.wanted.range, bits.input));
        let kinds = kinds.collect::<Result<Vec<_>, _>>()?;
        let inputs = declared(self.graph, &kinds, self.wanted.public);
        let options = Options {
            weight_bits: bits.weight,
            weight_scales: scales,
            activation_bits: bits.activation,
            headroom: Some(self.wanted.headroom),
            public: self.wanted.public,
            ..Options::new(kinds)
        };
        let lowered = choose(self.graph, &inputs, &options, Some(&self.seen))?;
        let report = measure(self.graph, &lowered, &self.samples, &self.exact)?;
        let rows = 1 + cost::rows(&lowered.program)?.iter().map(|(_, rows)| rows).sum::<usize>();
        let domain = (rows + lowered.program.public_inputs() + 1).next_power_of_two();
        Ok(Attempt { lowered, report, bits, scales, rows, domain })
    }

    /// One bit more of each that is to be found, of inputs no more than `most`.
    fn finer(&self, bits: Bits, most: u32) -> Vec<Bits> {
        let Bits { input, weight, activation } = bits;
        let mut finer = vec![];
        if self.wanted.weight_bits.is_none() && weight < 12 {
            finer.push(Bits { weight: weight + 1, ..bits });
        }
        if self.wanted.activation_bits.is_none() && activation < 12 {
            finer.push(Bits { activation: activation + 1, ..bits });
        }
        if self.wanted.input_bits.is_none() && input < most {
            finer.push(Bits { input: input + 1, ..bits });
        }
        finer
    }

    /// One bit less of each that is to be found.
    fn coarser(&self, bits: Bits) -> Vec<Bits> {
        let Bits { input, weight, activation } = bits;
        let mut coarser = vec![];
        if self.wanted.weight_bits.is_none() && weight > 3 {
            coarser.push(Bits { weight: weight - 1, ..bits });
        }
        if self.wanted.activation_bits.is_none() && activation > 3 {
            coarser.push(Bits { activation: activation - 1, ..bits });
        }
        if self.wanted.input_bits.is_none() && input > 3 {
            coarser.push(Bits { input: input - 1, ..bits });
        }
        coarser
    }
}

/// The type whose integers cover a range with so many bits: the finest scale whose 2^bits steps
/// reach across. The largest real number may be one step beyond the largest integer, as 1 is of
/// 0 to 127 / 128: it is taken to that.
fn input_type(shape: &[usize], range: (f64, f64), bits: u32) -> Result<InputType, Error> {
    let refuse = |found: String| Error::Options {
        option: "the input's bits and range",
        expected: "what a signed integer of 8, 16 or 32 bits holds at a scale from -64 to 64",
        found,
    };
    let (low, high) = range;
    let found = || refuse(format!("{bits} bits from {low} to {high}"));
    if !(1..=32).contains(&bits) {
        return Err(found());
    }
    let steps = f64::from(bits).exp2();
    let scale = (-64..=64).find(|scale| (high - low) / 2f64.powi(*scale) <= steps);
    let scale = scale.ok_or_else(found)?;
    let unit = 2f64.powi(scale);
    let least = (low / unit).round_ties_even() as i64;
    let most = ((high / unit).round_ties_even() as i64).min(least + (1i64 << bits) - 1);
    let fits = |dtype: &Dtype| dtype.range().is_some_and(|(a, b)| a <= least && most <= b);
    let dtype = [Dtype::I8, Dtype::I16, Dtype::I32].into_iter().find(fits).ok_or_else(found)?;
    let shape: Vec<u32> = shape.iter().map(|dim| u32::try_from(*dim).unwrap_or(u32::MAX)).collect();
    let scale = i8::try_from(scale).map_err(|_| found())?;
    Ok(InputType { kind: TensorType::new(dtype, &shape, scale)?, range: (least, most) })
}

/// The integers of reals for a compiled model's inputs, as calibration makes them: rounded half to
/// even; up to one step beyond the declared range, its end. Errors: more than a step beyond, another
/// number of inputs or elements.
pub fn quantize_inputs(manifest: &Manifest, reals: &[Vec<f64>]) -> Result<Vec<Vec<i64>>, Error> {
    if reals.len() != manifest.inputs.len() {
        let (expected, found) = (manifest.inputs.len(), reals.len());
        return Err(Error::InputCount { expected, found });
    }
    for (input, reals) in manifest.inputs.iter().zip(reals) {
        let unit = input.kind.tensor().map_or(1.0, |kind| 2f64.powi(kind.scale().into()));
        let beyond = |real: &f64| {
            let steps = real / unit;
            !(steps >= input.low as f64 - 1.0 && steps <= input.high as f64 + 1.0)
        };
        if let Some(index) = reals.iter().position(beyond) {
            return Err(Error::InputReal {
                input: input.name.clone(),
                index,
                range: format!("{} to {}", input.low as f64 * unit, (input.high + 1) as f64 * unit),
                found: reals[index].to_string(),
            });
        }
    }
    Ok(fidelity::integers(&manifest.inputs, reals))
}

#[cfg(test)]
mod tests;
