//! The circuit of a program: the same meaning, as rows.
//!
//! Wires, in this order: the constant; `context`; per input a commitment or its integers, per output
//! a commitment or its packed elements; then privately the square of `context`; per input its salt, its
//! integers with their bits, and the sponge, or the sum of public integers; per node of the program
//! what its gadgets need; per output its salt, its packed elements or bits, and the sponge, or the
//! bits of a public one. [`crate::Witness`] fills them in the same order. Linear maps, sums and copies have no
//! wires and no rows: their combinations are written where they are used, one at a time.

#[cfg(test)]
mod attacks;
mod bits;
pub(crate) mod cost;
mod gadgets;
mod ports;
mod poseidon;
#[cfg(test)]
pub(crate) mod specimens;
mod sums;
#[cfg(test)]
mod tests;

use assay_verifier::groth16::MAX_PUBLIC_INPUTS;

use self::sums::{Sums, Wires};
pub(crate) use self::{
    bits::assign as assign_bits,
    gadgets::excess_bits,
    ports::{input_bits, output_bits, slot},
    poseidon::assign as assign_sponge,
};
use crate::{
    Error,
    program::{Op, Program, candidates},
    r1cs::{Builder, Kind, Lc, R1cs, Wire},
};

/// The public input `context`.
pub(crate) const CONTEXT: Wire = 1;

/// Writes the rows of a program.
pub(crate) fn build(program: &Program) -> Result<R1cs, Error> {
    let public_inputs = program.public_inputs();
    if public_inputs > MAX_PUBLIC_INPUTS {
        return Err(Error::PublicInputs { limit: MAX_PUBLIC_INPUTS, found: public_inputs });
    }
    let mut builder = Builder::new(public_inputs);
    context(&mut builder);
    let mut public = CONTEXT + 1..=public_inputs;

    let mut inputs = Vec::with_capacity(program.inputs.len());
    for value in &program.inputs {
        inputs.push(ports::input(&mut builder, value, &mut public)?);
    }
    let mut sums = Sums::new(program);
    for node in &program.nodes {
        let all = 0..node.bounds.len();
        let bounds = |input: usize| &program.nodes[input].bounds;
        let wires = match &node.op {
            Op::ArgMax { input, size, inner } => {
                let largest = |at| {
                    let operands: Vec<_> = candidates(at, *size, *inner).collect();
                    gadgets::arg_max(&mut builder, &node.name, &sums, *input, &operands)
                };
                Wires::Own(all.map(largest).collect::<Result<_, _>>()?)
            }
            Op::Input { index } => Wires::Own(core::mem::take(&mut inputs[*index])),
            Op::Linear { .. } | Op::Select { .. } | Op::Sum { .. } => Wires::None,
            Op::Materialize { input } => {
                let wire = |at| gadgets::materialize(&mut builder, sums.lc(*input, at));
                Wires::Own(all.map(wire).collect())
            }
            Op::Max { input, window } => {
                let largest = |at| {
                    let operands = window.operands(at);
                    gadgets::max(&mut builder, &node.name, &sums, *input, &operands)
                };
                Wires::Above(all.map(largest).collect::<Result<_, _>>()?)
            }
            Op::Product { left, right } => {
                let product = |at| {
                    let wire = builder.wire();
                    let (left, right) = (sums.lc(*left, at), sums.lc(*right, at));
                    builder.enforce(Kind::Product, left, right, Lc::wire(wire));
                    wire
                };
                Wires::Own(all.map(product).collect())
            }
            Op::Requantize { input, rescale } => {
                let shifted = |at| {
                    let (sum, bound) = (sums.lc(*input, at), bounds(*input)[at]);
                    let zeros = program.zeros(*input, at, rescale.shift);
                    gadgets::requantize(&mut builder, &node.name, sum, bound, *rescale, zeros)
                };
                Wires::Own(all.map(shifted).collect::<Result<_, _>>()?)
            }
        };
        sums.push(wires);
    }
    for value in &program.outputs {
        ports::output(&mut builder, value, &sums, &mut public)?;
    }
    Ok(builder.finish())
}

/// `context` takes part in a row of its own; without one, a proof for one context could be changed
/// into a proof for another.
fn context(builder: &mut Builder) {
    let square = builder.wire();
    builder.enforce(Kind::Context, Lc::wire(CONTEXT), Lc::wire(CONTEXT), Lc::wire(square));
}
