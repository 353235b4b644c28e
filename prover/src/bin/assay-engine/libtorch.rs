//! libtorch: TorchScript modules, run on the one thread that owns it.
//!
//! Requests travel to that thread and answers come back; libtorch's own tensors never leave it. It runs
//! on one core, without gradients, in evaluation mode, without the optimisations that would make a
//! module's second run differ from its first, and with the random generator reset before each run: on one
//! machine, equal inputs give equal bytes. Between kinds of processor the last bits may differ.

mod worker;

use std::{sync::mpsc, thread};

use assay_prover::{
    definition::Model,
    engine::{EngineError, TeeEngine, Tensor},
};
use assay_verifier::ids::ModelDigest;

/// A handle on libtorch's thread. Dropping it ends the thread once its last answer is given.
#[derive(Debug)]
pub(crate) struct Libtorch {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Libtorch {
    /// Starts the thread. Errors: the system gives no thread.
    pub(crate) fn start() -> Result<Self, EngineError> {
        let (requests, inbox) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("libtorch".to_owned())
            .spawn(move || worker::serve(&inbox))
            .map_err(|error| EngineError::NotStarted { why: error.to_string() })?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Loads a TorchScript archive from the very bytes that `digest` was computed over; whoever calls
    /// vouches for that. A digest that is loaded already is left as it is.
    fn load(&self, digest: ModelDigest, archive: Vec<u8>) -> Result<(), EngineError> {
        self.ask(|reply| Request::Load { digest, archive, reply })
    }

    /// Whether a model of this digest is loaded.
    fn is_loaded(&self, digest: ModelDigest) -> Result<bool, EngineError> {
        self.ask(|reply| Request::IsLoaded { digest, reply })
    }

    /// Runs a loaded model's `forward`; gives its output, or the members of the tuple that it gives.
    fn forward(&self, digest: ModelDigest, inputs: &[Tensor]) -> Result<Vec<Tensor>, EngineError> {
        self.ask(|reply| Request::Forward { digest, inputs: inputs.to_vec(), reply })
    }

    fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, EngineError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let requests = self.requests.as_ref().ok_or(EngineError::Stopped)?;
        requests.send(request(reply)).map_err(|_| EngineError::Stopped)?;
        answer.recv().map_err(|_| EngineError::Stopped)?
    }
}

impl TeeEngine for Libtorch {
    fn run(&self, model: &Model, inputs: &[Tensor]) -> Result<Vec<Tensor>, EngineError> {
        if !self.is_loaded(model.digest)? {
            self.load(model.digest, model.bytes.clone())?;
        }
        self.forward(model.digest, inputs)
    }
}

impl Drop for Libtorch {
    fn drop(&mut self) {
        drop(self.requests.take()); // the thread's inbox closes
        if let Some(thread) = self.thread.take() {
            // A panic over there has been reported as `Stopped` to whoever waited for the answer.
            let _ = thread.join();
        }
    }
}

type Reply<T> = mpsc::SyncSender<Result<T, EngineError>>;

enum Request {
    IsLoaded { digest: ModelDigest, reply: Reply<bool> },
    Load { digest: ModelDigest, archive: Vec<u8>, reply: Reply<()> },
    Forward { digest: ModelDigest, inputs: Vec<Tensor>, reply: Reply<Vec<Tensor>> },
}

#[cfg(test)]
mod tests;
