//! Who sees whom: causal attention over the cache, in a window or not, with several heads of queries to one of keys.

use tch::{Device, Kind, TchError, Tensor};

/// The masks of the tokens that are being fed; layers with the same window share one.
pub(super) struct Masks {
    /// Position of the first new token.
    first: i64,
    /// New tokens.
    count: i64,
    kind: Kind,
    device: Device,
    made: Vec<(i64, Mask)>,
}

/// Which keys new tokens see.
pub(super) struct Mask {
    /// The first key that any of them sees.
    pub(super) from: i64,
    rule: Rule,
}

enum Rule {
    /// All of them: there is one new token.
    All,
    /// Those that are not after it: there is nothing before the new ones.
    Causal,
    /// What is added to each score, token by key: 0 or minus infinity.
    Scores(Tensor),
}

impl Mask {
    /// Everything is seen.
    pub(super) const fn all() -> Self {
        Self { from: 0, rule: Rule::All }
    }
}

impl Masks {
    pub(super) const fn new(first: i64, count: i64, kind: Kind, device: Device) -> Self {
        Self { first, count, kind, device, made: Vec::new() }
    }

    /// The mask for a window of so many tokens.
    pub(super) fn of(&mut self, window: Option<u32>) -> Result<&Mask, TchError> {
        let window = window.map_or(i64::MAX, i64::from);
        let at = match self.made.iter().position(|(made, _)| *made == window) {
            Some(at) => at,
            None => {
                self.made.push((window, self.make(window)?));
                self.made.len() - 1
            }
        };
        self.made.get(at).map(|(_, mask)| mask).ok_or_else(|| TchError::Kind("no mask".to_owned()))
    }

    fn make(&self, window: i64) -> Result<Mask, TchError> {
        let from = (self.first + 1).saturating_sub(window).max(0);
        let end = self.first + self.count;
        let rule = if self.count == 1 {
            Rule::All
        } else if from == 0 && self.first == 0 && window >= end {
            Rule::Causal
        } else {
            let options = (Kind::Int64, self.device);
            let keys = Tensor::f_arange_start(from, end, options)?.f_unsqueeze(0)?;
            let tokens = Tensor::f_arange_start(self.first, end, options)?.f_unsqueeze(1)?;
            let ahead = keys.f_gt_tensor(&tokens)?;
            let behind = keys.f_le_tensor(&tokens.f_sub_scalar(window.min(end))?)?;
            let hidden = ahead.f_logical_or(&behind)?;
            let zeros = Tensor::f_zeros([self.count, end - from], (self.kind, self.device))?;
            Rule::Scores(zeros.f_masked_fill(&hidden, f64::NEG_INFINITY)?)
        };
        Ok(Mask { from, rule })
    }
}

/// Heads that attend.
#[derive(Clone, Copy)]
pub(super) struct Heads {
    /// Of keys and values.
    pub(super) keys: i64,
    /// Of queries to each of those.
    pub(super) group: i64,
    pub(super) dim: i64,
}

impl Heads {
    /// What the tokens take from those they see. Queries are token by head by number, keys and values head by token by
    /// number, from the mask's first key on. Gives token by all heads' numbers.
    pub(super) fn attend(
        self,
        queries: &Tensor,
        [keys, values]: &[Tensor; 2],
        mask: &Mask,
    ) -> Result<Tensor, TchError> {
        let Self { keys: heads, group, dim } = self;
        let tokens = queries.size3()?.0;
        let none = None::<Tensor>;
        let (keys, values) = (keys.f_unsqueeze(0)?, values.f_unsqueeze(0)?);
        if let Rule::All = mask.rule {
            // The queries of a group are like several tokens that all see the same: no key is repeated.
            let queries = queries.f_reshape([1, heads, group, dim])?;
            let taken = Tensor::f_scaled_dot_product_attention(
                &queries, &keys, &values, none, 0.0, false, None, false,
            )?;
            return taken.f_reshape([tokens, heads * group * dim]);
        }
        // A group's queries lie along the batch, and along it keys and values are the same memory.
        let queries = queries.f_view([tokens, heads, group, dim])?.f_permute([2, 1, 0, 3])?;
        let spread = |tensor: &Tensor| tensor.f_expand([group, -1, -1, -1], false);
        let (keys, values) = (spread(&keys)?, spread(&values)?);
        let (scores, causal) = match &mask.rule {
            Rule::Scores(scores) => (Some(scores), false),
            Rule::All | Rule::Causal => (None, true),
        };
        let taken = Tensor::f_scaled_dot_product_attention(
            &queries, &keys, &values, scores, 0.0, causal, None, false,
        )?;
        taken.f_permute([2, 1, 0, 3])?.f_reshape([tokens, heads * group * dim])
    }
}
