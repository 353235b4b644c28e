//! Rotary positions: `default`, and `llama3`, which stretches the slow turns.

use std::f32::consts::PI;

use super::{
    Error, invalid,
    raw::{Raw, RawRope},
};

/// How positions turn queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f32,
    /// How they are stretched.
    pub scaling: Option<Llama3>,
}

/// The rule of `llama3`: wavelengths above `original / low` are stretched by `factor`, those below `original / high`
/// stay, and those between go smoothly from the one to the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Llama3 {
    /// How far the slow turns are stretched.
    pub factor: f32,
    /// `low_freq_factor`.
    pub low: f32,
    /// `high_freq_factor`, above `low`.
    pub high: f32,
    /// The context before stretching.
    pub original: f32,
}

impl Rope {
    pub(super) fn read(raw: &Raw) -> Result<Self, Error> {
        let nested = raw.rope_parameters.as_ref().or(raw.rope_scaling.as_ref());
        let theta = nested.and_then(|rope| rope.rope_theta).or(raw.rope_theta).unwrap_or(10_000.0);
        if !(1.0..1e12).contains(&theta) {
            return Err(invalid(format!("rope_theta is {theta}")));
        }
        let kind = nested.and_then(|rope| rope.rope_type.as_deref()).unwrap_or("default");
        let scaling = match (kind, nested) {
            ("default", _) => None,
            ("llama3", Some(nested)) => Some(Llama3::read(nested)?),
            _ => {
                return Err(Error::FeatureUnsupported {
                    field: "rope_type",
                    found: format!("{kind:?}"),
                    expected: "default or llama3",
                });
            }
        };
        Ok(Self { theta: theta as f32, scaling })
    }

    /// The angle by which one position turns each pair of a head's numbers.
    pub fn frequencies(&self, head_dim: usize) -> Vec<f32> {
        let plain = |pair: usize| 1.0 / self.theta.powf((2 * pair) as f32 / head_dim as f32);
        let pairs = (0..head_dim / 2).map(plain);
        match &self.scaling {
            None => pairs.collect(),
            Some(scaling) => pairs.map(|frequency| scaling.stretch(frequency)).collect(),
        }
    }
}

impl Llama3 {
    fn read(raw: &RawRope) -> Result<Self, Error> {
        let number = |name, found: Option<f64>| match found {
            Some(found) if (1e-6..1e9).contains(&found) => Ok(found as f32),
            Some(found) => Err(invalid(format!("{name} of rope is {found}"))),
            None => Err(invalid(format!("rope of type llama3 has no {name}"))),
        };
        let read = Self {
            factor: number("factor", raw.factor)?,
            low: number("low_freq_factor", raw.low_freq_factor)?,
            high: number("high_freq_factor", raw.high_freq_factor)?,
            original: number(
                "original_max_position_embeddings",
                raw.original_max_position_embeddings.map(f64::from),
            )?,
        };
        if read.low >= read.high {
            return Err(invalid(format!(
                "low_freq_factor {} is not below {}",
                read.low, read.high
            )));
        }
        Ok(read)
    }

    fn stretch(&self, frequency: f32) -> f32 {
        let wavelength = 2.0 * PI / frequency;
        if wavelength < self.original / self.high {
            return frequency;
        }
        if wavelength > self.original / self.low {
            return frequency / self.factor;
        }
        let smooth = (self.original / wavelength - self.low) / (self.high - self.low);
        (1.0 - smooth) * frequency / self.factor + smooth * frequency
    }
}
