//! Linear maps with integer weights.

use std::sync::Arc;

use super::Interval;
use crate::{Error, layout::Layout};

/// y = W x + b.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    pub(crate) layout: Layout,
    pub(crate) weights: Arc<[i32]>,
    /// One number per result.
    pub(crate) bias: Vec<i64>,
    /// For each output channel, the power of two that all its weights and biases are multiples of, as an
    /// exponent; nothing where none is said to be.
    pub(crate) zeros: Vec<u32>,
}

impl Linear {
    /// Calls `with` for each term of result `at` whose weight is not zero: index of the operand,
    /// weight.
    pub(crate) fn visit(&self, at: usize, mut with: impl FnMut(usize, i64)) {
        self.layout.visit(at, |operand, weight| {
            let weight = self.weights[weight];
            if weight != 0 {
                with(operand, weight.into());
            }
        });
    }

    /// How many of the lowest bits of result `at` are always zero.
    pub(super) fn zeros(&self, at: usize) -> u32 {
        self.zeros.get(self.layout.channel(at)).copied().unwrap_or(0)
    }

    /// Intervals of the results. Errors: one, or that of a sum on the way to it, does not fit
    /// [`super::MAX_BITS`].
    pub(crate) fn bounds(&self, name: &str, input: &[Interval]) -> Result<Vec<Interval>, Error> {
        let mut hulls: Vec<Hull> = self.bias.iter().map(|bias| Hull::new(*bias)).collect();
        self.layout.visit_all(hulls.len(), |at, operand, weight| {
            hulls[at].add(input[operand].times(self.weights[weight].into()));
        });
        hulls.iter().map(|hull| hull.interval(name)).collect()
    }

    pub(super) fn apply(&self, input: &[i64]) -> Vec<i64> {
        if let Layout::Dense { width, height } = self.layout {
            // The same sums as below, in loops that the compiler can see through.
            let sum = |(at, bias): (usize, &i64)| {
                let (block, row) = (at / height, at % height);
                let weights = &self.weights[row * width..(row + 1) * width];
                let input = &input[block * width..(block + 1) * width];
                let pairs = weights.iter().zip(input);
                pairs.fold(*bias, |sum, (weight, value)| sum + i64::from(*weight) * value)
            };
            return self.bias.iter().enumerate().map(sum).collect();
        }
        let mut sums = self.bias.clone();
        self.layout.visit_all(sums.len(), |at, operand, weight| {
            sums[at] += i64::from(self.weights[weight]) * input[operand];
        });
        sums
    }
}

/// The interval of a sum while terms are added, and of all sums on the way.
pub(crate) struct Hull {
    low: i128,
    high: i128,
    lowest: i128,
    highest: i128,
}

impl Hull {
    pub(crate) fn new(start: i64) -> Self {
        let start = i128::from(start);
        Self { low: start, high: start, lowest: start, highest: start }
    }

    pub(crate) fn add(&mut self, (low, high): (i128, i128)) {
        self.low += low;
        self.high += high;
        self.lowest = self.lowest.min(self.low);
        self.highest = self.highest.max(self.high);
    }

    /// Errors: too wide, at the end or on the way.
    pub(crate) fn interval(&self, name: &str) -> Result<Interval, Error> {
        Interval::new(name, self.lowest, self.highest)?;
        Interval::new(name, self.low, self.high)
    }
}
