//! Texts to embed, one after the other.

use super::{
    super::{
        network::{Network, Slot, Want},
        settings::Pooling,
    },
    Embeddings, Step, begun, tokens,
};
use crate::engine::EngineError;

/// A request to embed, on its way.
pub(super) struct Embedding {
    texts: Vec<Vec<u32>>,
    reply: Option<Embeddings>,
    pooling: Pooling,
    /// Of the text at hand, the tokens that were fed, and their sum.
    fed: usize,
    sum: Vec<f32>,
    done: Vec<Vec<f32>>,
}

impl Embedding {
    pub(super) const fn new(texts: Vec<Vec<u32>>, reply: Embeddings, pooling: Pooling) -> Self {
        Self { texts, reply: Some(reply), pooling, fed: 0, sum: Vec::new(), done: Vec::new() }
    }

    /// Whether nobody listens any more.
    pub(super) fn is_alone(&self) -> bool {
        self.reply.as_ref().is_none_or(Embeddings::is_closed)
    }

    /// Goes on by a part of a text.
    pub(super) fn step(
        &mut self,
        slot: &mut Option<Slot>,
        network: &mut dyn Network,
        chunk: usize,
    ) -> Step {
        let answer = match self.go_on(slot, network, chunk) {
            Ok(()) if self.done.len() < self.texts.len() => return Step::Worked,
            Ok(()) => Ok(std::mem::take(&mut self.done)),
            Err(error) => Err(error.into()),
        };
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(answer); // whoever asked may have gone
        }
        Step::Ended
    }

    fn go_on(
        &mut self,
        slot: &mut Option<Slot>,
        network: &mut dyn Network,
        chunk: usize,
    ) -> Result<(), EngineError> {
        let Some(text) = self.texts.get(self.done.len()) else { return Ok(()) };
        let rest = text.get(self.fed..).unwrap_or_default();
        let part = rest.get(..chunk).unwrap_or(rest);
        let last = part.len() == rest.len();
        let want = match (self.pooling, last) {
            (Pooling::Mean, _) => Want::Sum,
            (Pooling::Last, true) => Want::Last,
            (Pooling::Last, false) => Want::Nothing,
        };
        let own = begun(slot, network, tokens(text))?;
        let states = network.feed(own, part, want)?;
        self.fed += part.len();
        if self.sum.is_empty() {
            self.sum = states;
        } else {
            self.sum.iter_mut().zip(states).for_each(|(sum, state)| *sum += state);
        }
        if last {
            let length = text.len() as f32;
            let mut pooled = std::mem::take(&mut self.sum);
            if self.pooling == Pooling::Mean {
                pooled.iter_mut().for_each(|sum| *sum /= length);
            }
            self.done.push(pooled);
            self.fed = 0;
            if let Some(slot) = slot.take() {
                network.end(slot);
            }
        }
        Ok(())
    }
}
