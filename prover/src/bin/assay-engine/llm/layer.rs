//! A layer of a decoder: attention, then the feed-forward part, each on the normalised sum of what was before.

use tch::{TchError, Tensor};

use super::{
    attention::{Heads, Mask},
    cache::Cache,
    rope::Angles,
};

/// A layer. What is multiplied with the same input lies in one matrix.
pub(super) struct Layer {
    pub(super) before_attention: Norm,
    /// Queries, keys and values.
    pub(super) qkv: Linear,
    /// Of each head's queries and keys.
    pub(super) qk_norm: Option<Norm>,
    pub(super) output: Linear,
    pub(super) before_inner: Norm,
    /// Gate and value of the inner layer.
    pub(super) gate_up: Linear,
    pub(super) down: Linear,
    pub(super) window: Option<u32>,
}

/// What is the same for all layers while tokens are fed.
pub(super) struct Pass<'a> {
    pub(super) heads: Heads,
    pub(super) angles: &'a Angles,
    pub(super) cache: &'a mut Cache,
    /// Which tokens' states are wanted of the last layer.
    pub(super) wanted: Wanted,
}

/// Of which tokens a layer's states are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    Last,
    /// Keys and values are enough.
    None,
}

impl Layer {
    /// States of tokens to states of those that are wanted.
    pub(super) fn run(
        &self,
        index: usize,
        mut states: Tensor,
        pass: &mut Pass<'_>,
        mask: &Mask,
    ) -> Result<Tensor, TchError> {
        let Heads { keys, group, dim } = pass.heads;
        let tokens = states.size2()?.0;
        let all = self.qkv.apply(&self.before_attention.apply(&states)?)?;
        let all = all.f_view([tokens, (group + 2) * keys, dim])?;
        let mut turned = all.f_narrow(1, 0, (group + 1) * keys)?;
        if let Some(norm) = &self.qk_norm {
            turned = norm.apply(&turned)?;
        }
        let turned = pass.angles.turn(&turned)?;
        let new_keys = turned.f_narrow(1, group * keys, keys)?.f_transpose(0, 1)?;
        let new_values = all.f_narrow(1, (group + 1) * keys, keys)?.f_transpose(0, 1)?;
        let mut seen = pass.cache.append(index, [&new_keys, &new_values], mask.from)?;
        let mut queries = turned.f_narrow(1, 0, group * keys)?;
        let (all, mut mask) = (Mask::all(), mask);
        match pass.wanted {
            Wanted::None => return Ok(states),
            Wanted::Last if tokens > 1 => {
                queries = queries.f_narrow(0, tokens - 1, 1)?;
                states = states.f_narrow(0, tokens - 1, 1)?;
                for tensor in &mut seen {
                    let there = tensor.size3()?.1;
                    let window = self.window.map_or(there, |window| there.min(window.into()));
                    *tensor = tensor.f_narrow(1, there - window, window)?;
                }
                mask = &all;
            }
            Wanted::All | Wanted::Last => {}
        }
        let taken = pass.heads.attend(&queries, &seen, mask)?;
        let states = self.output.add_to(states, &taken)?;
        let inner = self.gate_up.apply(&self.before_inner.apply(&states)?)?;
        let half = inner.size2()?.1 / 2;
        let gated =
            inner.f_narrow(1, 0, half)?.f_silu_()?.f_mul_(&inner.f_narrow(1, half, half)?)?;
        self.down.add_to(states, &gated)
    }
}

/// Division by the root of the mean square, then a factor for each number.
pub(super) struct Norm {
    pub(super) weight: Tensor,
    pub(super) epsilon: f64,
    /// Numbers that are normalised together.
    pub(super) width: i64,
    /// Factors that differ from head to head are applied apart.
    pub(super) per_head: bool,
}

impl Norm {
    pub(super) fn apply(&self, states: &Tensor) -> Result<Tensor, TchError> {
        if self.per_head {
            let normed = states.f_rms_norm([self.width], None::<Tensor>, self.epsilon)?;
            return normed.f_mul(&self.weight);
        }
        states.f_rms_norm([self.width], Some(&self.weight), self.epsilon)
    }
}

/// A matrix, and what is added to its product.
pub(super) struct Linear {
    /// Input by output: a view of the matrix as it is stored, output by input.
    pub(super) turned: Tensor,
    pub(super) bias: Option<Tensor>,
}

impl Linear {
    pub(super) fn apply(&self, states: &Tensor) -> Result<Tensor, TchError> {
        match &self.bias {
            Some(bias) => bias.f_addmm(states, &self.turned),
            None => states.f_mm(&self.turned),
        }
    }

    /// The product, added to what there is, in its place.
    fn add_to(&self, mut sum: Tensor, states: &Tensor) -> Result<Tensor, TchError> {
        if let Some(bias) = &self.bias {
            sum = sum.f_add_(bias)?;
        }
        sum.f_addmm_(states, &self.turned)
    }
}
