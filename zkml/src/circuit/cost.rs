//! How many rows a program needs, without writing them.

use assay_verifier::{poseidon as core_poseidon, value::TensorType};

use super::{excess_bits, input_bits, output_bits, poseidon, slot};
use crate::{
    Error,
    manifest::Visibility,
    program::{Interval, Node, Op, Program, candidates, shift_bits},
};

/// Rows by what they are for: inputs, nodes and outputs in order, the row of `context` left out.
pub(crate) fn rows(program: &Program) -> Result<Vec<(String, usize)>, Error> {
    let mut rows = vec![];
    for input in &program.inputs {
        let (bits, exact) = input_bits(input.range);
        let each = (bits as usize + 1) * if exact { 1 } else { 2 };
        let count = match input.visibility {
            Visibility::Committed => each * input.kind.elements() + commitment(&input.kind),
            Visibility::Public => 1,
        };
        rows.push((format!("input {}", input.name), count));
    }
    for node in &program.nodes {
        let count = gadgets(program, node)?;
        if count > 0 {
            rows.push((node.name.clone(), count));
        }
    }
    for output in &program.outputs {
        let bounds = &program.nodes[output.node].bounds;
        let bits = |bound: &Interval| output_bits(*bound, output.shift).1 as usize + 1;
        let shifted = if output.shift == 0 { 0 } else { bounds.iter().map(bits).sum() };
        let packed = packed(&output.kind);
        let count = match output.visibility {
            Visibility::Committed if output.shift == 0 => packed + commitment(&output.kind),
            Visibility::Committed => shifted + commitment(&output.kind),
            Visibility::Public => shifted + packed,
        };
        rows.push((format!("output {}", output.name), count));
    }
    Ok(rows)
}

fn gadgets(program: &Program, node: &Node) -> Result<usize, Error> {
    let name = &node.name;
    let compare = |input: &usize, operands: Vec<usize>, each: usize| {
        let bounds = &program.nodes[*input].bounds;
        let mut bound = bounds[operands[0]];
        operands[1..].iter().try_fold(0, |rows, operand| {
            let (low, high) = bound.minus(bounds[*operand]);
            let bits = shift_bits(name, Interval::new(name, low, high)?, 0)?;
            bound = bound.larger(bounds[*operand]);
            Ok(rows + bits as usize + each)
        })
    };
    let all = 0..node.bounds.len();
    match &node.op {
        Op::ArgMax { size: 1, .. } | Op::Materialize { .. } | Op::Product { .. } => {
            Ok(node.bounds.len())
        }
        Op::ArgMax { input, size, inner } => {
            all.map(|at| compare(input, candidates(at, *size, *inner).collect(), 3)).sum()
        }
        Op::Input { .. } | Op::Linear { .. } | Op::Select { .. } | Op::Sum { .. } => Ok(0),
        Op::Max { input, window } => all.map(|at| compare(input, window.operands(at), 2)).sum(),
        Op::Requantize { input, rescale } => {
            let rows = |(at, bound): (usize, &Interval)| {
                let bits = shift_bits(name, *bound, rescale.shift)?;
                let kept = bits - 1 - rescale.shift;
                let clamp = if excess_bits(kept, *bound, *rescale) > 0 { 3 } else { 0 };
                let shown = bits - program.zeros(*input, at, rescale.shift);
                Ok(shown as usize + 2 + clamp)
            };
            program.nodes[*input].bounds.iter().enumerate().map(rows).sum()
        }
    }
}

/// Field elements that a value is packed into.
fn packed(kind: &TensorType) -> usize {
    kind.elements().div_ceil(core_poseidon::slots_per_element(slot(kind).0))
}

fn commitment(kind: &TensorType) -> usize {
    poseidon::rows(packed(kind) + 1) + 1
}
