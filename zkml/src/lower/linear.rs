//! Linear maps: weights and biases as integers.

use super::{
    Lowering, MAX_SCALE, Scales, Weights,
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
        // Weights of an output channel stand together.
        let each = (count / map.layout.channels()).max(1);
        let mut channels = vec![0.0f64; count.div_ceil(each)];
        for at in 0..count {
            channels[at / each] = channels[at / each].max(map.weight(at).abs());
        }
        let largest = channels.iter().copied().fold(0.0, f64::max);
        let exact = exponent(largest).filter(|exponent| {
            let unit = power_of_two(-self.scales[input] - exponent).unwrap_or(0.0);
            (0..count).all(
                |at| matches!(map.weight(at).abs(), weight if weight == largest || weight == 0.0),
            ) && map.bias.iter().all(|bias| (bias * unit).fract() == 0.0)
        });
        let scales = self.weight_scales(name, &Weights { largest, channels, exact })?;
        let scale = self.scales[input].saturating_add(scales.finest);
        if scale.abs() > MAX_SCALE {
            return refuse(name, "scale", format!("within ±{MAX_SCALE}"), scale.to_string());
        }
        let mut weights = Vec::with_capacity(count);
        for at in 0..count {
            weights.push(quantize_weight(name, map.weight(at), &scales, at / each)?);
        }
        let mut bias = Vec::with_capacity(map.bias.len());
        for (at, value) in map.bias.iter().enumerate() {
            let coarser = scales.coarser(map.layout.channel(at));
            match quantize_number(*value, scale + coarser.cast_signed()) {
                // Below 2^53, and a channel is at most 28 bits coarser: more than that is no interval.
                Some(quantized) => bias.push(quantized.saturating_mul(1 << coarser)),
                None => {
                    let expected = format!("below 2^53 · 2^{scale}");
                    return refuse(name, "bias", expected, value.to_string());
                }
            }
        }
        let layout = map.layout.clone();
        let map = Linear { layout, weights: weights.into(), bias, zeros: scales.coarser };
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
        let scales = self.weight_scales(name, &Weights { largest, channels: vec![], exact })?;
        let weight_scale = scales.finest;
        let mut sources = vec![];
        for (input, factor) in inputs {
            let factor = quantize_weight(name, *factor, &scales, 0)?;
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

    /// The scales of weights. Errors: out of bounds, or written otherwise than the one way to write them.
    fn weight_scales(&mut self, name: &str, weights: &Weights) -> Result<Scales, Error> {
        let scales = self.decide.linear(name, weights)?;
        let Scales { bits, finest, coarser } = &scales;
        if !(2..=MAX_WEIGHT_BITS).contains(bits) {
            return refuse(name, "weight bits", "2 to 24".to_owned(), bits.to_string());
        }
        if finest.abs() > MAX_SCALE {
            let expected = format!("within ±{MAX_SCALE}");
            return refuse(name, "scale", expected, finest.to_string());
        }
        let most = coarser.iter().max();
        let within = most.is_none_or(|most| (1..=MAX_INTEGER_BITS - bits).contains(most));
        let count = weights.channels.len();
        if !within || !(coarser.is_empty() || coarser.len() == count && coarser.contains(&0)) {
            let most = MAX_INTEGER_BITS - bits;
            let expected =
                format!("none, or {count} numbers from 0 to at most {most}, both ends apart");
            return refuse(name, "coarser channels", expected, format!("{coarser:?}"));
        }
        self.manifest.layers.push(Layer::Linear {
            node: name.to_owned(),
            weight_bits: *bits,
            weight_scale: *finest,
            coarser: coarser.clone(),
        });
        Ok(scales)
    }
}

impl Scales {
    fn coarser(&self, channel: usize) -> u32 {
        self.coarser.get(channel).copied().unwrap_or(0)
    }
}

/// A weight in units of the finest channel.
fn quantize_weight(name: &str, weight: f64, scales: &Scales, channel: usize) -> Result<i32, Error> {
    let (limit, coarser) = ((1i64 << (scales.bits - 1)) - 1, scales.coarser(channel));
    let scale = scales.finest + coarser.cast_signed();
    let quantized = quantize_number(weight, scale)
        .filter(|quantized| quantized.abs() <= limit)
        .and_then(|quantized| i32::try_from(quantized << coarser).ok());
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
/// Most bits of a weight in units of the finest channel: what a term of a row has.
const MAX_INTEGER_BITS: u32 = 30;
