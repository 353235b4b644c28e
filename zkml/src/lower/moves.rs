//! Copies and constants, and values brought to one scale.

use super::{Lowering, MAX_ALIGNMENT, number::quantize_number};
use crate::{
    Error,
    graph::NodeId,
    layout::Pick,
    program::{Interval, Op},
};

impl Lowering<'_> {
    /// Copies at one scale, the finest of the sources.
    pub(super) fn select(
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
    pub(super) fn aligned(
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
}
