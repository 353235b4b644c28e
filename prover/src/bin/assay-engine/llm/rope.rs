//! Positions, as angles by which pairs of a head's numbers are turned.

use assay_prover::llm::config::Rope as Rule;
use tch::{Device, Kind, TchError, Tensor};

/// Cosines and sines for every position that was needed so far.
pub(super) struct Rope {
    frequencies: Vec<f32>,
    kind: Kind,
    device: Device,
    /// Position by number of a head, twice the cosines.
    cosines: Tensor,
    /// The sines, negative for the first half.
    sines: Tensor,
    length: i64,
}

/// The angles of some tokens, ready to be applied to all heads.
pub(super) struct Angles {
    cosines: Tensor,
    sines: Tensor,
    half: i64,
}

impl Rope {
    pub(super) fn new(rule: &Rule, head_dim: usize, kind: Kind, device: Device) -> Self {
        let frequencies = rule.frequencies(head_dim);
        Self { frequencies, kind, device, cosines: Tensor::new(), sines: Tensor::new(), length: 0 }
    }

    /// The angles of `count` tokens from position `first` on.
    pub(super) fn at(&mut self, first: i64, count: i64) -> Result<Angles, TchError> {
        if first + count > self.length {
            self.grow((first + count).max(2 * self.length).max(1024))?;
        }
        Ok(Angles {
            cosines: self.cosines.f_narrow(0, first, count)?,
            sines: self.sines.f_narrow(0, first, count)?,
            half: i64::try_from(self.frequencies.len()).unwrap_or(0),
        })
    }

    fn grow(&mut self, length: i64) -> Result<(), TchError> {
        // In `f32`, whatever the model is made of: positions in thousands have no room in less.
        let positions = Tensor::f_arange(length, (Kind::Float, Device::Cpu))?.f_unsqueeze(1)?;
        let angles = positions.f_mul(&Tensor::f_from_slice(&self.frequencies)?.f_unsqueeze(0)?)?;
        let (cosines, sines) = (angles.f_cos()?, angles.f_sin()?);
        let ready = |halves: [&Tensor; 2]| {
            let whole = Tensor::f_cat(&halves, 1)?.f_unsqueeze(1)?;
            whole.f_to_kind(self.kind)?.f_to_device(self.device)
        };
        self.cosines = ready([&cosines, &cosines])?;
        self.sines = ready([&sines.f_neg()?, &sines])?;
        self.length = length;
        Ok(())
    }
}

impl Angles {
    /// Turns heads: token by head by number.
    pub(super) fn turn(&self, heads: &Tensor) -> Result<Tensor, TchError> {
        // A pair is a number and its like in the other half.
        let others = heads.f_roll([self.half], [-1])?;
        heads.f_mul(&self.cosines)?.f_addcmul_(&others, &self.sines)
    }
}
