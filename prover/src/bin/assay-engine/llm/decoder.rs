//! A decoder: tokens to states, layer by layer, and states to logits.

use assay_prover::llm::network::Want;
use tch::{Kind, TchError, Tensor};

use super::{
    attention::{Heads, Masks},
    cache::{Cache, Form},
    layer::{Layer, Linear, Norm, Pass, Wanted},
    rope::Rope,
};

/// A decoder, as it lies in memory.
pub(super) struct Decoder {
    /// Token by number.
    pub(super) embedding: Tensor,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: Norm,
    /// Without one there are no logits.
    pub(super) head: Option<Linear>,
    pub(super) rope: Rope,
    pub(super) heads: Heads,
    pub(super) form: Form,
}

impl Decoder {
    /// Appends tokens to a sequence; what is wanted of them, in `f32`.
    pub(super) fn feed(
        &mut self,
        cache: &mut Cache,
        tokens: &[u32],
        want: Want,
    ) -> Result<Vec<f32>, TchError> {
        let ids: Vec<i64> = tokens.iter().copied().map(i64::from).collect();
        let (first, count) = (cache.length(), i64::try_from(ids.len()).unwrap_or(i64::MAX));
        cache.reserve(count, self.form)?;
        let ids = Tensor::f_from_slice(&ids)?.f_to_device(self.form.device)?;
        let mut states = self.embedding.f_index_select(0, &ids)?;
        let angles = self.rope.at(first, count)?;
        let mut masks = Masks::new(first, count, self.form.kind, self.form.device);
        let mut pass = Pass { heads: self.heads, angles: &angles, cache, wanted: Wanted::All };
        for (index, layer) in self.layers.iter().enumerate() {
            if index + 1 == self.layers.len() {
                pass.wanted = match want {
                    Want::Sum => Wanted::All,
                    Want::Last | Want::Logits => Wanted::Last,
                    Want::Nothing => Wanted::None,
                };
            }
            states = layer.run(index, states, &mut pass, masks.of(layer.window)?)?;
        }
        cache.advance(count);
        match want {
            Want::Nothing => Ok(Vec::new()),
            Want::Last => reals(&self.norm.apply(&states)?),
            Want::Sum => {
                reals(&self.norm.apply(&states)?.f_sum_dim_intlist(0, false, Kind::Float)?)
            }
            Want::Logits => {
                let head = self.head.as_ref();
                let head =
                    head.ok_or_else(|| TchError::Kind("the model has no head".to_owned()))?;
                reals(&head.apply(&self.norm.apply(&states)?)?)
            }
        }
    }
}

/// Copies numbers out of libtorch.
pub(super) fn reals(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let mut reals = vec![0.0; tensor.numel()];
    let plain = tensor.f_to_kind(Kind::Float)?.f_contiguous()?;
    plain.f_copy_data(&mut reals, tensor.numel())?;
    Ok(reals)
}
