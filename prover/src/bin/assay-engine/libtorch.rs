//! libtorch: TorchScript modules and language models, run on the one thread that owns it.
//!
//! Requests travel to that thread and answers come back; libtorch's own tensors never leave it. A module runs
//! on one core, a language model on as many as its settings say; without gradients, in evaluation mode, without the optimisations that would make a
//! module's second run differ from its first, and with the random generator reset before each run: on one
//! machine, equal inputs give equal bytes. Between kinds of processor the last bits may differ.

mod network;
mod worker;

use std::{
    sync::{Arc, mpsc},
    thread,
};

use assay_prover::{
    definition::Model,
    engine::{EngineError, TeeEngine, Tensor},
    llm::{
        self,
        folder::{Folder, Reading},
        network::{Slot, Want},
        schedule::Loaded,
        settings::Settings,
    },
};
use assay_verifier::ids::ModelDigest;

use network::Network;
pub(crate) use worker::said;

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

    fn load(
        &self,
        folder: Folder,
        settings: Settings,
        progress: Box<dyn FnMut(Reading<'_>) + Send>,
    ) -> Result<Loaded, llm::Error> {
        let (reply, answer) = mpsc::sync_channel(1);
        let requests = self.requests.as_ref().ok_or(EngineError::Stopped)?;
        let request =
            Request::LoadLanguage(Box::new(Language { folder, settings, progress, reply }));
        requests.send(request).map_err(|_| EngineError::Stopped)?;
        let about = answer.recv().map_err(|_| EngineError::Stopped)??;
        let network = Network::new(requests.clone(), &about);
        Ok(Loaded { model: Arc::new(about.model), network: Box::new(network) })
    }
}

impl Drop for Libtorch {
    fn drop(&mut self) {
        drop(self.requests.take()); // the thread's inbox closes, once no language model is left
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
    LoadLanguage(Box<Language>),
    Begin { network: usize, longest: u64, reply: Reply<Slot> },
    Feed { network: usize, slot: Slot, tokens: Vec<u32>, want: Want, reply: Reply<Vec<f32>> },
    Finish { network: usize, slot: Slot },
    Unload { network: usize },
}

/// A language model to load.
struct Language {
    folder: Folder,
    settings: Settings,
    progress: Box<dyn FnMut(Reading<'_>) + Send>,
    reply: mpsc::SyncSender<Result<About, llm::Error>>,
}

/// What is known of a language model on other threads.
struct About {
    model: llm::Model,
    network: usize,
    bytes_per_token: u64,
    in_parts: bool,
}

#[cfg(test)]
mod tests;
