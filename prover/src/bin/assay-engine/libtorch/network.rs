//! A language model on libtorch's thread, as it is reached from the engine's.

use std::sync::mpsc;

use assay_prover::{
    engine::EngineError,
    llm::network::{self, Slot, Want},
};

use super::{About, Reply, Request};

/// The way to a language model. Dropping it frees the model.
pub(super) struct Network {
    requests: mpsc::Sender<Request>,
    network: usize,
    bytes_per_token: u64,
    in_parts: bool,
}

impl Network {
    pub(super) const fn new(requests: mpsc::Sender<Request>, about: &About) -> Self {
        let About { network, bytes_per_token, in_parts, model: _ } = *about;
        Self { requests, network, bytes_per_token, in_parts }
    }

    fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, EngineError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.requests.send(request(reply)).map_err(|_| EngineError::Stopped)?;
        answer.recv().map_err(|_| EngineError::Stopped)?
    }
}

impl network::Network for Network {
    fn begin(&mut self, longest: u64) -> Result<Slot, EngineError> {
        self.ask(|reply| Request::Begin { network: self.network, longest, reply })
    }

    fn feed(&mut self, slot: Slot, tokens: &[u32], want: Want) -> Result<Vec<f32>, EngineError> {
        let (network, tokens) = (self.network, tokens.to_vec());
        self.ask(|reply| Request::Feed { network, slot, tokens, want, reply })
    }

    fn end(&mut self, slot: Slot) {
        // A thread that has ended keeps nothing.
        let _ = self.requests.send(Request::Finish { network: self.network, slot });
    }

    fn bytes_per_token(&self) -> u64 {
        self.bytes_per_token
    }

    fn in_parts(&self) -> bool {
        self.in_parts
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.requests.send(Request::Unload { network: self.network });
    }
}
