//! Linear maps: weights and biases as integers.

use super::{
    Lowering, MAX_SCALE, Weights,
    number::{exponent, power_of_two, quantize_number},
};
use crate::{
    Error,
    graph::{self, NodeId},
    manifest::Layer,
    program::{Hull, Interval, Linear, Op},
};

impl Lowering<'_> {
    pub(super) fn linear(
        &mut self,
        name: &str,
        input: usize,
        map: &graph::Linear,
    ) -> Result<usize, Error> {
        let count = map.weights.len();
        let largest = (0..count).fold(0.0f64, |largest, at| largest.max(map.weight(at).abs()));
        let exact = exponent(largest).filter(|exponent| {
            let unit = power_of_two(-self.scales[input] - exponent).unwrap_or(0.0);
            (0..count).all(
                |at| matches!(map.weight(at).abs(), weight if weight == largest || weight == 0.0),
            ) && map.bias.iter().all(|bias| (bias * unit).fract() == 0.0)
        });
        let (weight_scale, limit) = self.weight_scale(name, Weights { largest, exact })?;
        let scale = self.scales[input].saturating_add(weight_scale);
        if scale.abs() > MAX_SCALE {
            return refuse(name, "scale", format!("within ±{MAX_SCALE}"), scale.to_string());
        }
        let mut weights = Vec::with_capacity(count);
        for at in 0..count {
            weights.push(quantize_weight(name, map.weight(at), weight_scale, limit)?);
        }
        let mut bias = Vec::with_capacity(map.bias.len());
        for value in &map.bias {
            match quantize_number(*value, scale) {
                Some(quantized) => bias.push(quantized),
                None => {
                    let expected = format!("below 2^53 · 2^{scale}");
                    return refuse(name, "bias", expected, value.to_string());
                }
            }
        }
        let map = Linear { layout: map.layout.clone(), weights: weights.into(), bias };
        let bounds = map.bounds(name, &self.program.nodes[input].bounds)?;
        let terms = map.layout.terms();
        self.push(name, Op::Linear { input, map }, bounds, scale, terms)
    }

    /// Values times their factors, at one scale.
    pub(super) fn sum(&mut self, name: &str, inputs: &[(NodeId, f64)]) -> Result<usize, Error> {
        let factors = inputs.iter().map(|(_, factor)| factor.abs());
        let largest = factors.clone().fold(0.0, f64::max);
        let same = factors.clone().all(|factor| factor == largest || factor == 0.0);
        let exact = exponent(largest).filter(|_| same);
        let (weight_scale, limit) = self.weight_scale(name, Weights { largest, exact })?;
        let mut sources = vec![];
        for (input, factor) in inputs {
            let factor = quantize_weight(name, *factor, weight_scale, limit)?;
            sources.push((self.shared(*input)?, i64::from(factor)));
        }
        let (inputs, scale) = self.aligned(name, sources.into_iter())?;
        let sum = |at: usize| {
            let mut hull = Hull::new(0);
            for (input, factor) in &inputs {
                hull.add(self.program.nodes[*input].bounds[at].times(*factor));
            }
            hull.interval(name)
        };
        let elements = self.program.nodes[inputs[0].0].bounds.len();
        let bounds = (0..elements).map(sum).collect::<Result<Vec<Interval>, _>>()?;
        let terms = inputs.iter().map(|(input, _)| self.terms[*input]).sum();
        self.push(name, Op::Sum { inputs }, bounds, scale.saturating_add(weight_scale), terms)
    }

    /// The scale of weights, and the largest integer that they may be.
    fn weight_scale(&mut self, name: &str, weights: Weights) -> Result<(i32, i64), Error> {
        let (weight_bits, weight_scale) = self.decide.linear(name, weights)?;
        if !(2..=MAX_WEIGHT_BITS).contains(&weight_bits) {
            return refuse(name, "weight bits", "2 to 24".to_owned(), weight_bits.to_string());
        }
        if weight_scale.abs() > MAX_SCALE {
            let expected = format!("within ±{MAX_SCALE}");
            return refuse(name, "scale", expected, weight_scale.to_string());
        }
        let node = name.to_owned();
        self.manifest.layers.push(Layer::Linear { node, weight_bits, weight_scale });
        Ok((weight_scale, (1i64 << (weight_bits - 1)) - 1))
    }
}

fn quantize_weight(name: &str, weight: f64, scale: i32, limit: i64) -> Result<i32, Error> {
    let quantized = quantize_number(weight, scale)
        .filter(|quantized| quantized.abs() <= limit)
        .and_then(|quantized| i32::try_from(quantized).ok());
    match quantized {
        Some(quantized) => Ok(quantized),
        None => {
            let expected = format!("at most {limit} after quantization");
            refuse(name, "largest weight", expected, format!("{weight} / 2^{scale}"))
        }
    }
}

fn refuse<T>(name: &str, what: &str, expected: String, found: String) -> Result<T, Error> {
    Err(Error::ManifestMismatch { what: format!("{what} of {name}"), expected, found })
}

/// Most bits of a weight: what an f32 has.
const MAX_WEIGHT_BITS: u32 = 24;
