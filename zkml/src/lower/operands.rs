//! How a value is taken by what follows: as it is, as wires, or shifted.

use super::{Lowering, Operand, Site, hull};
use crate::{
    Error,
    graph::NodeId,
    manifest::Layer,
    program::{Op, Rescale, shift_bits},
};

impl Lowering<'_> {
    /// The program's node for a value as a map takes it that uses each number often: no combination
    /// is made of combinations.
    pub(super) fn operand(&mut self, id: NodeId) -> Result<usize, Error> {
        let value = self.values[id];
        if let Some(operand) = self.operands.get(&value) {
            return Ok(*operand);
        }
        let name = self.graph.nodes()[id].name.as_str();
        let choice = self.decide.operand(&self.site(name, id, value, false, None))?;
        let operand = match choice {
            Operand::Direct if self.terms[value] > 1 => {
                return Err(Error::ManifestMismatch {
                    what: format!("the sums of {name}"),
                    expected: "a layer of their own".to_owned(),
                    found: "none".to_owned(),
                });
            }
            Operand::Direct => value,
            Operand::Materialize => {
                self.manifest.layers.push(Layer::Materialize { node: name.to_owned() });
                self.materialize(name, value)?
            }
            Operand::Requantize(shift) => {
                let rescale = Rescale { relu: false, shift, clamp: None };
                self.rescale(name, value, rescale)?
            }
        };
        self.operands.insert(value, operand);
        Ok(operand)
    }

    /// The program's node for a value that is taken as it is, once or twice. Long sums that others
    /// use as well become wires: that follows from the model and is no choice.
    pub(super) fn shared(&mut self, id: NodeId) -> Result<usize, Error> {
        let value = self.values[id];
        if let Some(operand) = self.operands.get(&value)
            && matches!(self.program.nodes[*operand].op, Op::Materialize { .. })
        {
            return Ok(*operand);
        }
        if self.uses[id] < 2 || self.terms[value] <= 8 {
            return Ok(value);
        }
        let name = self.graph.nodes()[id].name.clone();
        let wires = self.materialize(&name, value)?;
        self.operands.insert(value, wires);
        Ok(wires)
    }

    pub(super) fn materialize(&mut self, name: &str, input: usize) -> Result<usize, Error> {
        let bounds = self.program.nodes[input].bounds.clone();
        self.push(name, Op::Materialize { input }, bounds, self.scales[input], 1)
    }

    pub(super) fn site<'a>(
        &self,
        name: &'a str,
        node: NodeId,
        value: usize,
        relu: bool,
        cap: Option<f64>,
    ) -> Site<'a> {
        let bounds = &self.program.nodes[value].bounds;
        let (terms, scale) = (self.terms[value], self.scales[value]);
        Site { name, node, elements: bounds.len(), terms, bounds: hull(bounds), scale, relu, cap }
    }

    /// `node` is the graph's, `input` the program's.
    pub(super) fn requantize(
        &mut self,
        name: &str,
        node: NodeId,
        input: usize,
        relu: bool,
        cap: Option<f64>,
    ) -> Result<usize, Error> {
        let (shift, clamp) = self.decide.requantize(&self.site(name, node, input, relu, cap))?;
        self.rescale(name, input, Rescale { relu, shift, clamp })
    }

    pub(super) fn rescale(
        &mut self,
        name: &str,
        input: usize,
        rescale: Rescale,
    ) -> Result<usize, Error> {
        let Rescale { relu, shift, clamp } = rescale;
        if clamp.is_some_and(|bits| !relu || !(1..=32).contains(&bits)) {
            return Err(Error::ManifestMismatch {
                what: format!("clamp of {name}"),
                expected: "1 to 32 bits after a ReLU".to_owned(),
                found: format!("{clamp:?}"),
            });
        }
        let before = &self.program.nodes[input].bounds;
        let mut bits = 0;
        for (at, bound) in before.iter().enumerate() {
            let shown = shift_bits(name, *bound, shift)? - self.program.zeros(input, at, shift);
            bits = bits.max(shown);
        }
        let scale = self.scales[input] + shift.cast_signed();
        let after = before.iter().map(|bound| bound.map(|value| rescale.apply(value))).collect();
        let node = name.to_owned();
        self.manifest.layers.push(Layer::Requantize { node, relu, shift, clamp, bits, scale });
        self.push(name, Op::Requantize { input, rescale }, after, scale, 1)
    }
}
