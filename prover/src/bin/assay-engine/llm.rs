//! Language models on libtorch: what [`assay_prover::llm`] knows of them, multiplied.

mod attention;
mod cache;
mod decoder;
mod encoder;
mod layer;
mod load;
mod rope;

use std::collections::BTreeMap;

use assay_prover::{
    engine::EngineError,
    llm::network::{Slot, Want},
};
use tch::TchError;

use crate::libtorch::said;
use cache::Cache;
use decoder::Decoder;
use encoder::Encoder;
pub(crate) use load::{Loaded, load};

/// A language model, on the thread that owns libtorch.
pub(crate) struct Network {
    kind: Kind,
    /// Threads that it is run on.
    pub(crate) threads: u16,
    begun: u64,
    caches: BTreeMap<Slot, Cache>,
}

enum Kind {
    Decoder(Box<Decoder>),
    Encoder(Encoder),
}

impl Network {
    fn new(kind: Kind, threads: u16) -> Self {
        Self { kind, threads, begun: 0, caches: BTreeMap::new() }
    }

    /// Begins a sequence of at most so many tokens.
    pub(crate) fn begin(&mut self, longest: u64) -> Slot {
        let slot = Slot(self.begun);
        self.begun += 1;
        self.caches.insert(slot, Cache::new(longest));
        slot
    }

    /// Appends tokens to a sequence.
    pub(crate) fn feed(
        &mut self,
        slot: Slot,
        tokens: &[u32],
        want: Want,
    ) -> Result<Vec<f32>, EngineError> {
        let failed = |error: TchError| EngineError::ModelFailed { why: said(&error) };
        let Some(cache) = self.caches.get_mut(&slot) else {
            return Err(EngineError::ModelFailed { why: "the sequence has ended".to_owned() });
        };
        match &mut self.kind {
            Kind::Decoder(decoder) => decoder.feed(cache, tokens, want).map_err(failed),
            Kind::Encoder(encoder) => encoder.sum(tokens).map_err(failed),
        }
    }

    /// Frees a sequence.
    pub(crate) fn end(&mut self, slot: Slot) {
        self.caches.remove(&slot);
    }
}

#[cfg(test)]
mod tests;
