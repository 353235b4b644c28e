//! Turns: sequences of several requests go on one after the other, on the engine's one thread.
//!
//! A turn is a token of an answer, or a part of a prompt, so that a long prompt holds nobody up. A sequence whose
//! answer nobody takes waits, and one that nobody asks for any more ends. A sequence is begun when there is room for
//! the longest answer that it may get: then it never has to give way.

mod answer;
mod embedding;

use std::{collections::VecDeque, sync::Arc};

use assay_verifier::ids::ModelDigest;
use tokio::sync::oneshot;

use self::{answer::Answer, embedding::Embedding};
use super::{
    generation::Generation,
    model::Model,
    network::{Network, Slot},
};
use crate::{engine::EngineError, error::Error};

/// A language model that was loaded, and what multiplies for it.
pub struct Loaded {
    /// All but what multiplies.
    pub model: Arc<Model>,
    /// What multiplies.
    pub network: Box<dyn Network>,
}

/// How much may go on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sequences that take turns.
    pub sequences: usize,
    /// Requests that wait to begin.
    pub waiting: usize,
    /// Bytes that all sequences together may keep of their tokens.
    pub cache_bytes: u64,
    /// Tokens of a prompt that are one turn.
    pub chunk: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { sequences: 64, waiting: 256, cache_bytes: 4 << 30, chunk: 256 }
    }
}

/// Who answers texts to embed: one embedding for each.
pub type Embeddings = oneshot::Sender<Result<Vec<Vec<f32>>, Error>>;

/// The language models, and who takes turns.
pub struct Turns {
    models: Vec<Loaded>,
    limits: Limits,
    active: VecDeque<Sequence>,
    line: VecDeque<Sequence>,
    reserved: u64,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nobody has anything to do.
    Idle,
    /// Everybody waits for somebody to take what is ready.
    Waiting,
    /// Somebody went on.
    Worked,
}

/// A request on its way.
struct Sequence {
    model: usize,
    /// Of the network, once it began.
    slot: Option<Slot>,
    /// Memory that it may come to take.
    bytes: u64,
    task: Task,
}

enum Task {
    Answer(Box<Answer>),
    Embedding(Embedding),
}

/// What a step of a sequence came to.
enum Step {
    Ended,
    Waits,
    Worked,
}

impl Turns {
    /// For no model yet.
    pub const fn new(limits: Limits) -> Self {
        Self {
            models: Vec::new(),
            limits,
            active: VecDeque::new(),
            line: VecDeque::new(),
            reserved: 0,
        }
    }

    /// Takes a model in.
    pub fn add(&mut self, loaded: Loaded) {
        self.models.push(loaded);
    }

    /// Takes a request to generate in. Errors: a model that is not loaded; a prompt that the model's context
    /// has no room for; too many who wait; more memory than all may take.
    pub fn generate(
        &mut self,
        model: ModelDigest,
        generation: Generation,
    ) -> Result<(), EngineError> {
        let (index, loaded) = self.model(model)?;
        let most = loaded.model.context().saturating_sub(1);
        check_length(generation.prompt.len(), most)?;
        let answer = Answer::new(generation, Arc::clone(&loaded.model));
        let bytes = self.reserve(index, answer.longest())?;
        let task = Task::Answer(Box::new(answer));
        self.line.push_back(Sequence { model: index, slot: None, bytes, task });
        Ok(())
    }

    /// Takes texts to embed in, or says there why not: as above.
    pub fn embed(&mut self, model: ModelDigest, texts: Vec<Vec<u32>>, reply: Embeddings) {
        let longest = texts.iter().map(|text| tokens(text)).max().unwrap_or(0);
        let checked = self.model(model).and_then(|(index, loaded)| {
            let fits = |text: &Vec<u32>| check_length(text.len(), loaded.model.context());
            texts.iter().try_for_each(fits)?;
            self.reserve(index, longest).map(|bytes| (index, bytes, loaded.model.pooling()))
        });
        match checked {
            Ok((model, bytes, pooling)) => {
                let task = Task::Embedding(Embedding::new(texts, reply, pooling));
                self.line.push_back(Sequence { model, slot: None, bytes, task });
            }
            Err(error) => {
                let _ = reply.send(Err(error.into())); // whoever asked may have gone
            }
        }
    }

    /// One sequence goes on: the first in turn that can.
    pub fn turn(&mut self) -> Turn {
        self.let_in();
        for _ in 0..self.active.len() {
            let Some(mut sequence) = self.active.pop_front() else { break };
            match self.step(&mut sequence) {
                Step::Worked => {
                    self.active.push_back(sequence);
                    return Turn::Worked;
                }
                Step::Waits => self.active.push_back(sequence),
                Step::Ended => {
                    self.free(&sequence);
                    return Turn::Worked;
                }
            }
        }
        if self.active.is_empty() { Turn::Idle } else { Turn::Waiting }
    }

    /// How many have begun, and how many wait to.
    pub fn count(&self) -> (usize, usize) {
        (self.active.len(), self.line.len())
    }

    fn model(&self, digest: ModelDigest) -> Result<(usize, &Loaded), EngineError> {
        let mut models = self.models.iter().enumerate();
        let found = models.find(|(_, loaded)| loaded.model.digest() == digest);
        found.ok_or(EngineError::NotLoaded { digest })
    }

    /// Bytes that a sequence of so many tokens may come to take. Errors: more than there are; too many who wait.
    fn reserve(&self, model: usize, tokens: u64) -> Result<u64, EngineError> {
        let each = self.models.get(model).map_or(0, |loaded| loaded.network.bytes_per_token());
        let (bytes, most) = (each.saturating_mul(tokens), self.limits.cache_bytes);
        if bytes > most {
            return Err(EngineError::CacheTooSmall { tokens, bytes, most });
        }
        let waiting = self.line.iter().filter(|sequence| !sequence.is_alone()).count();
        if waiting >= self.limits.waiting {
            return Err(EngineError::Busy { most: self.limits.waiting });
        }
        Ok(bytes)
    }

    /// Those who wait begin, first come, first served, as far as there is room.
    fn let_in(&mut self) {
        self.line.retain(|sequence| !sequence.is_alone());
        while let Some(first) = self.line.front() {
            let room = self.limits.cache_bytes.saturating_sub(self.reserved);
            if self.active.len() >= self.limits.sequences || first.bytes > room {
                return;
            }
            let Some(first) = self.line.pop_front() else { return };
            self.reserved = self.reserved.saturating_add(first.bytes);
            self.active.push_back(first);
        }
    }

    fn step(&mut self, sequence: &mut Sequence) -> Step {
        let Some(loaded) = self.models.get_mut(sequence.model) else { return Step::Ended };
        if sequence.is_alone() {
            return Step::Ended;
        }
        let network = loaded.network.as_mut();
        let chunk = if network.in_parts() { self.limits.chunk.max(1) } else { usize::MAX };
        match &mut sequence.task {
            Task::Answer(answer) => answer.step(&mut sequence.slot, network, chunk),
            Task::Embedding(embedding) => embedding.step(&mut sequence.slot, network, chunk),
        }
    }

    fn free(&mut self, sequence: &Sequence) {
        self.reserved = self.reserved.saturating_sub(sequence.bytes);
        if let (Some(slot), Some(loaded)) = (sequence.slot, self.models.get_mut(sequence.model)) {
            loaded.network.end(slot);
        }
    }
}

impl Sequence {
    /// Whether nobody asks for it any more.
    fn is_alone(&self) -> bool {
        match &self.task {
            Task::Answer(answer) => answer.is_alone(),
            Task::Embedding(embedding) => embedding.is_alone(),
        }
    }
}

fn check_length(found: usize, most: u32) -> Result<(), EngineError> {
    if found == 0 || u32::try_from(found).map_or(true, |found| found > most) {
        return Err(EngineError::PromptLength { found, most });
    }
    Ok(())
}

fn tokens(text: &[u32]) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// The network's sequence, begun where there is none yet.
fn begun(
    slot: &mut Option<Slot>,
    network: &mut dyn Network,
    longest: u64,
) -> Result<Slot, EngineError> {
    match *slot {
        Some(slot) => Ok(slot),
        None => Ok(*slot.insert(network.begin(longest)?)),
    }
}

#[cfg(test)]
mod tests;
