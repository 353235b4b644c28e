//! An answer as it is made: prompt, tokens, their text.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::mpsc::error::TrySendError;

use super::{
    super::{
        Error,
        detokenizer::Detokenizer,
        generation::{End, Finish, Generation, Piece, Token},
        model::Model,
        network::{Network, Slot, Want},
        sampling::{Sampler, logprobs},
        stop::Stop,
        tokenizer::Tokenizer,
    },
    Step, begun, tokens,
};
use crate::engine::EngineError;

/// A request to generate, on its way.
pub(super) struct Answer {
    request: Generation,
    model: Arc<Model>,
    tokenizer: Arc<Tokenizer>,
    sampler: Sampler,
    detokenizer: Detokenizer,
    stop: Stop,
    /// Tokens that the answer may have.
    most: u32,
    /// Tokens of the prompt that were fed.
    fed: usize,
    /// The token that was chosen last, which the network was not fed yet.
    next: Option<u32>,
    /// Tokens of the answer.
    chosen: u32,
    /// What nobody took yet.
    ready: VecDeque<Piece>,
    done: bool,
}

impl Answer {
    /// The prompt fits the model's context, with room for a token.
    pub(super) fn new(mut request: Generation, model: Arc<Model>) -> Self {
        let room = u64::from(model.context()).saturating_sub(tokens(&request.prompt));
        let (detokenizer, tokenizer) = model.detokenizer();
        Self {
            most: request.max_tokens.min(u32::try_from(room).unwrap_or(u32::MAX)),
            sampler: Sampler::new(request.sampling, &request.prompt),
            stop: Stop::new(std::mem::take(&mut request.stop)),
            model,
            tokenizer,
            detokenizer,
            request,
            fed: 0,
            next: None,
            chosen: 0,
            ready: VecDeque::new(),
            done: false,
        }
    }

    /// Tokens of prompt and answer, at most.
    pub(super) fn longest(&self) -> u64 {
        tokens(&self.request.prompt).saturating_add(self.most.into())
    }

    /// Whether nobody listens any more.
    pub(super) fn is_alone(&self) -> bool {
        self.request.pieces.is_closed()
    }

    /// Goes on by a token, or by a part of the prompt.
    pub(super) fn step(
        &mut self,
        slot: &mut Option<Slot>,
        network: &mut dyn Network,
        chunk: usize,
    ) -> Step {
        match self.hand_out() {
            Step::Worked if self.done => return Step::Ended,
            Step::Worked => {}
            other => return other,
        }
        if let Err(error) = self.go_on(slot, network, chunk) {
            self.ready.push_back(Piece::Failed(error));
            self.done = true;
        }
        match self.hand_out() {
            Step::Worked if self.done => Step::Ended,
            Step::Ended => Step::Ended,
            // What was made waits until there is room; that it was made is work.
            Step::Waits | Step::Worked => Step::Worked,
        }
    }

    /// Hands out what is ready, as long as there is room.
    fn hand_out(&mut self) -> Step {
        while let Some(piece) = self.ready.pop_front() {
            match self.request.pieces.try_send(piece) {
                Ok(()) => {}
                Err(TrySendError::Closed(_)) => return Step::Ended,
                Err(TrySendError::Full(piece)) => {
                    self.ready.push_front(piece);
                    return Step::Waits;
                }
            }
        }
        Step::Worked
    }

    fn go_on(
        &mut self,
        slot: &mut Option<Slot>,
        network: &mut dyn Network,
        chunk: usize,
    ) -> Result<(), EngineError> {
        if self.most == 0 {
            return self.end(Finish::Length);
        }
        let slot = begun(slot, network, self.longest())?;
        let mut logits = match self.next {
            Some(token) => network.feed(slot, &[token], Want::Logits)?,
            None => {
                let rest = self.request.prompt.get(self.fed..).unwrap_or_default();
                let part = rest.get(..chunk).unwrap_or(rest);
                let last = part.len() == rest.len();
                let logits =
                    network.feed(slot, part, if last { Want::Logits } else { Want::Nothing })?;
                self.fed += part.len();
                if !last {
                    return Ok(());
                }
                logits
            }
        };
        let plain = self.request.logprobs.map(|count| (logits.clone(), count));
        let id = self.sampler.choose(&mut logits);
        self.next = Some(id);
        self.chosen = self.chosen.saturating_add(1);
        if self.model.ends(id) {
            return self.end(Finish::Stop);
        }
        let logprob = plain.map(|(logits, count)| logprobs(&logits, id, count));
        let seen = self.stop.push(&self.detokenizer.push(id, &self.tokenizer).map_err(failed)?);
        self.ready.push_back(Piece::Token(Token { id, text: seen.text, logprob }));
        if seen.stopped {
            self.say_end(String::new(), Finish::Stop);
        } else if self.chosen >= self.most {
            self.end(Finish::Length)?;
        }
        Ok(())
    }

    /// Nothing more is chosen: what was held back is text, or becomes a stop text after all.
    fn end(&mut self, finish: Finish) -> Result<(), EngineError> {
        let seen = self.stop.push(&self.detokenizer.rest(&self.tokenizer).map_err(failed)?);
        match seen.stopped {
            true => self.say_end(seen.text, Finish::Stop),
            false => {
                let rest = self.stop.rest();
                self.say_end(seen.text + &rest, finish);
            }
        }
        Ok(())
    }

    fn say_end(&mut self, text: String, finish: Finish) {
        let prompt_tokens = u32::try_from(self.request.prompt.len()).unwrap_or(u32::MAX);
        let end = End { text, finish, prompt_tokens, completion_tokens: self.chosen };
        self.ready.push_back(Piece::End(end));
        self.done = true;
    }
}

fn failed(error: Error) -> EngineError {
    EngineError::ModelFailed { why: error.to_string() }
}
