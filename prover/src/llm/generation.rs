//! A request to generate text, and the pieces of its answer.

use crate::engine::EngineError;

/// A request to generate, as it waits for its turns on the engine's thread.
///
/// Its pieces go into a channel. Where that is full, the request waits while others go on; where nobody
/// listens any more, it ends: whoever asked has gone.
#[derive(Debug)]
pub struct Generation {
    /// Tokens of the prompt; at least one, and fewer than the model's context.
    pub prompt: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// How many alternatives are told of each token, with their probabilities; `None`: not even its own.
    pub logprobs: Option<u8>,
    /// Where the answer goes.
    pub pieces: tokio::sync::mpsc::Sender<Piece>,
}

/// How tokens are chosen, in effect: after defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token; else logits are divided by it. 0 to 2.
    pub temperature: f32,
    /// Of the likeliest tokens, as many as have this probability together. Above 0, to 1.
    pub top_p: f32,
    /// Of the likeliest tokens, this many; 0: all.
    pub top_k: u32,
    /// Of the tokens, those with at least this share of the likeliest one's probability. 0 to 1.
    pub min_p: f32,
    /// Logits of tokens that occurred are divided by it where positive, multiplied where negative. 1: none.
    pub repetition_penalty: f32,
    /// Taken from a token's logit for each time that the answer has it. -2 to 2.
    pub frequency_penalty: f32,
    /// Taken from a token's logit once the answer has it. -2 to 2.
    pub presence_penalty: f32,
    /// Seed of the generator (ChaCha20, one draw a token).
    pub seed: u64,
}

/// A piece of an answer.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A token was chosen.
    Token(Token),
    /// The answer is whole; nothing follows.
    End(End),
    /// The engine failed; nothing follows.
    Failed(EngineError),
}

/// A token of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its number in the vocabulary.
    pub id: u32,
    /// Text that can be shown now. Empty while characters are incomplete or may become a stop text;
    /// what was held back comes with a later token or the end.
    pub text: String,
    /// Its natural logarithm of probability, before temperature and cuts, and the likeliest
    /// alternatives, where asked for.
    pub logprob: Option<(f32, Vec<(u32, f32)>)>,
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Text that was held back.
    pub text: String,
    /// Why.
    pub finish: Finish,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer, an end token included.
    pub completion_tokens: u32,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// As many tokens as were asked for, or as fit.
    Length,
    /// An end token, or a stop text.
    Stop,
}
