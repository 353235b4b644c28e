//! How close the integer program stays to the model: measured, op by op, on samples.

use core::{fmt, str::FromStr};

use rayon::prelude::*;
use serde::Serialize;

use crate::{
    Error,
    graph::{Graph, Op},
    lower::{Lowered, power_of_two},
    manifest,
};

/// What a quantization has to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fidelity {
    /// No output may be further from the model's than this.
    MaxAbs(f64),
    /// The largest of the first output's numbers must be the same for this part of the samples.
    Top1(f64),
}

impl FromStr for Fidelity {
    type Err = String;

    /// `top1=0.998` or `max-abs=0.05`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected top1=PART, with a part from 0 to 1, or max-abs=NUMBER";
        let (kind, number) = text.split_once('=').ok_or(EXPECTED)?;
        let number: f64 = number.parse().map_err(|_| EXPECTED)?;
        match kind {
            "top1" if (0.0..=1.0).contains(&number) => Ok(Self::Top1(number)),
            "max-abs" if number >= 0.0 && number.is_finite() => Ok(Self::MaxAbs(number)),
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

impl fmt::Display for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxAbs(number) => write!(f, "max-abs={number}"),
            Self::Top1(part) => write!(f, "top1={part}"),
        }
    }
}

/// The integer program held against the model in double precision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Samples that were run.
    pub samples: usize,
    /// Part of them for which the largest of the first output's numbers stands at the same place.
    pub top1: f64,
    /// Largest and mean error of the outputs.
    pub max_abs: f64,
    /// Mean error of the outputs.
    pub mean_abs: f64,
    /// Every op in order of computation.
    pub layers: Vec<LayerError>,
}

/// Errors of one op's numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerError {
    /// Its name in the model.
    pub node: String,
    /// Largest magnitude in the model.
    pub largest: f64,
    /// Largest error.
    pub max_abs: f64,
    /// Mean error.
    pub mean_abs: f64,
}

impl Report {
    /// Whether it keeps what was asked.
    pub fn keeps(&self, fidelity: Fidelity) -> bool {
        match fidelity {
            Fidelity::MaxAbs(limit) => self.max_abs <= limit,
            Fidelity::Top1(part) => self.top1 >= part,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.layers.iter().map(|layer| layer.node.chars().count()).max();
        let width = width.unwrap_or(0).max(6);
        writeln!(
            f,
            "{:width$}  {:>11}  {:>11}  {:>11}",
            "layer", "largest", "max error", "mean error"
        )?;
        for LayerError { node, largest, max_abs, mean_abs } in &self.layers {
            writeln!(f, "{node:width$}  {largest:11.4}  {max_abs:11.6}  {mean_abs:11.6}")?;
        }
        write!(
            f,
            "outputs on {} samples: top-1 agreement {:.4}, max error {:.6}, mean error {:.6}",
            self.samples, self.top1, self.max_abs, self.mean_abs
        )
    }
}

/// The integers of a sample: rounded half to even, at the ends of the declared range what is beyond.
pub(crate) fn integers(inputs: &[manifest::Input], sample: &[Vec<f64>]) -> Vec<Vec<i64>> {
    let of = |(input, reals): (&manifest::Input, &Vec<f64>)| {
        let scale = input.kind.tensor().map_or(0, |kind| i32::from(kind.scale()));
        let unit = power_of_two(-scale).unwrap_or(0.0);
        let integer = |real: &f64| (real * unit).round_ties_even() as i64;
        reals.iter().map(|real| integer(real).clamp(input.low, input.high)).collect()
    };
    inputs.iter().zip(sample).map(of).collect()
}

/// Runs model and program on samples. `exact` holds the model's values of each.
pub(crate) fn measure(
    graph: &Graph,
    lowered: &Lowered,
    samples: &[Vec<Vec<f64>>],
    exact: &[Vec<Vec<f64>>],
) -> Result<Report, Error> {
    let nodes = graph.nodes();
    let port = &graph.outputs()[0];
    let is_index = matches!(nodes[port.node].op, Op::ArgMax { .. });
    let one = |(sample, exact): (&Vec<Vec<f64>>, &Vec<Vec<f64>>)| {
        let trace = lowered.program.trace(&integers(&lowered.manifest.inputs, sample))?;
        let mut errors = Vec::with_capacity(nodes.len());
        let mut agrees = false;
        for (id, exact) in exact.iter().enumerate() {
            let value = lowered.values[id];
            let unit = power_of_two(lowered.scales[value]).unwrap_or(0.0);
            let mut error = [0.0f64; 3];
            for (exact, integer) in exact.iter().zip(&trace[value]) {
                let difference = (exact - *integer as f64 * unit).abs();
                error =
                    [error[0].max(exact.abs()), error[1].max(difference), error[2] + difference];
            }
            if id == port.node {
                agrees = if is_index {
                    error[1] == 0.0
                } else {
                    first_largest(exact) == first_largest(&trace[value])
                };
            }
            errors.push(error);
        }
        Ok((errors, agrees))
    };
    let results: Vec<(Vec<[f64; 3]>, bool)> =
        samples.par_iter().zip(exact).map(one).collect::<Result<_, Error>>()?;
    let agree = results.iter().filter(|(_, agrees)| *agrees).count();
    let layer = |id: usize| {
        let of = |at: usize| results.iter().map(move |(errors, _)| errors[id][at]);
        let numbers = samples.len() * nodes[id].elements;
        LayerError {
            node: nodes[id].name.clone(),
            largest: of(0).fold(0.0, f64::max),
            max_abs: of(1).fold(0.0, f64::max),
            mean_abs: of(2).sum::<f64>() / numbers as f64,
        }
    };
    let layers: Vec<LayerError> = (0..nodes.len()).map(layer).collect();
    let outputs = || graph.outputs().iter().map(|port| &layers[port.node]);
    let (max_abs, mean_abs) = (
        outputs().map(|layer| layer.max_abs).fold(0.0, f64::max),
        outputs().map(|layer| layer.mean_abs).fold(0.0, f64::max),
    );
    let top1 = agree as f64 / samples.len() as f64;
    Ok(Report { samples: samples.len(), top1, max_abs, mean_abs, layers })
}

/// The place of the largest number, the first of several.
fn first_largest<T: PartialOrd>(values: &[T]) -> usize {
    let mut best = 0;
    for (at, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = at;
        }
    }
    best
}
