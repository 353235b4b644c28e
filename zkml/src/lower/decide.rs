//! The choices that lowering leaves open, and what is known where each is made.

use assay_verifier::value::Dtype;

use crate::{Error, graph::NodeId, manifest::Visibility, program::Interval};

/// Makes the choices that lowering leaves open.
pub(crate) trait Decide {
    /// Bits and scales of weights.
    fn linear(&mut self, node: &str, weights: &Weights) -> Result<Scales, Error>;

    /// Bits to shift out, and the most bits of a result where that is to be limited.
    fn requantize(&mut self, site: &Site<'_>) -> Result<(u32, Option<u32>), Error>;

    /// How a value becomes the operand of a map that uses each number often.
    fn operand(&mut self, site: &Site<'_>) -> Result<Operand, Error>;

    /// Element type, bits to shift out, and whether a verifier sees it.
    fn output(&mut self, site: &Site<'_>) -> Result<(Dtype, u32, Visibility), Error>;
}

/// What is known of weights before they are integers.
pub(crate) struct Weights {
    /// The largest magnitude.
    pub(crate) largest: f64,
    /// The largest magnitude of each output channel; none where they have no scales of their own.
    pub(crate) channels: Vec<f64>,
    /// The exponent, where every weight is ± one power of two or 0, and biases lose nothing by it.
    pub(crate) exact: Option<i32>,
}

/// Bits and scales of weights.
pub(crate) struct Scales {
    /// Bits of a weight in units of its channel, sign included.
    pub(crate) bits: u32,
    /// Scale exponent of the finest channel.
    pub(crate) finest: i32,
    /// For each channel, by how many bits it is coarser; nothing where none is.
    pub(crate) coarser: Vec<u32>,
}

/// How a value becomes an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// As it is.
    Direct,
    /// As wires: one row each, nothing rounded.
    Materialize,
    /// Shifted right by so many bits.
    Requantize(u32),
}

/// Where something is to be chosen.
pub(crate) struct Site<'a> {
    pub(crate) name: &'a str,
    /// The node of the graph whose value the integers stand for.
    pub(crate) node: NodeId,
    /// How many integers there are.
    pub(crate) elements: usize,
    /// Most wires in the combination of one of them.
    pub(crate) terms: usize,
    /// Their worst case.
    pub(crate) bounds: Interval,
    /// Their scale exponent.
    pub(crate) scale: i32,
    pub(crate) relu: bool,
    /// Whatever uses the result treats all numbers from here on alike.
    pub(crate) cap: Option<f64>,
}
