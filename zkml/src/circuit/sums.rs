//! Combinations of wires, made when they are asked for: a model's weights are never all there as
//! field elements.

use ark_bls12_381::Fr;

use crate::{
    layout::Pick,
    program::{Op, Program},
    r1cs::{Lc, ONE, Wire},
};

/// The wires of a node of the program.
pub(super) enum Wires {
    /// For each window, what its maximum exceeds its last number by; `None` for windows of one.
    Above(Vec<Option<Wire>>),
    /// None: its numbers are combinations of other nodes' wires.
    None,
    /// One per number.
    Own(Vec<Wire>),
}

/// The nodes of a program whose wires are known.
pub(super) struct Sums<'p> {
    program: &'p Program,
    wires: Vec<Wires>,
}

impl<'p> Sums<'p> {
    pub(super) const fn new(program: &'p Program) -> Self {
        Self { program, wires: vec![] }
    }

    pub(super) fn push(&mut self, wires: Wires) {
        self.wires.push(wires);
    }

    /// Number `at` of a node as a combination of wires.
    pub(super) fn lc(&self, node: usize, at: usize) -> Lc {
        let mut lc = Lc::default();
        self.add(&mut lc, Fr::from(1u64), node, at);
        lc.compact();
        lc
    }

    pub(super) const fn program(&self) -> &'p Program {
        self.program
    }

    fn add(&self, into: &mut Lc, factor: Fr, node: usize, at: usize) {
        match (&self.wires[node], &self.program.nodes[node].op) {
            (Wires::Own(wires), _) => into.add(factor, wires[at]),
            (Wires::Above(wires), Op::Max { input, window }) => {
                if let Some(wire) = wires[at] {
                    into.add(factor, wire);
                }
                let last = window.operands(at).pop().expect("no window is empty");
                self.add(into, factor, *input, last);
            }
            (_, Op::Linear { input, map }) => {
                into.add(factor * Fr::from(map.bias[at]), ONE);
                map.visit(at, |operand, weight| {
                    self.add(into, factor * Fr::from(weight), *input, operand);
                });
            }
            (_, Op::Select { inputs, picks }) => match picks[at] {
                Pick::Constant(value) => into.add(factor * Fr::from(value), ONE),
                Pick::Element { source, at } => {
                    let (input, by) = inputs[source as usize];
                    self.add(into, factor * Fr::from(by), input, at as usize);
                }
            },
            (_, Op::Sum { inputs }) => {
                for (input, by) in inputs {
                    self.add(into, factor * Fr::from(*by), *input, at);
                }
            }
            _ => unreachable!("every other op has wires of its own"),
        }
    }
}
