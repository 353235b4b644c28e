//! Probabilities of tokens, in both forms.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// A token as it is told of.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct TokenView {
    #[serde(flatten)]
    token: Likely,
    /// The likeliest tokens in its place.
    top_logprobs: Vec<Likely>,
}

/// A token and its probability.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Likely {
    /// Its text, with U+FFFD for bytes that are no character by themselves.
    token: String,
    /// The natural logarithm of its probability.
    logprob: f32,
    /// Its bytes.
    bytes: Vec<u8>,
}

impl TokenView {
    /// A token with its bytes and logarithm, and those in its place.
    pub(super) fn new(token: (Vec<u8>, f32), others: Vec<(Vec<u8>, f32)>) -> Self {
        let top_logprobs = others.into_iter().map(Likely::new).collect();
        Self { token: Likely::new(token), top_logprobs }
    }
}

impl Likely {
    fn new((bytes, logprob): (Vec<u8>, f32)) -> Self {
        // JSON has no infinity; this is how OpenAI says "never".
        let logprob = if logprob.is_finite() { logprob } else { -9999.0 };
        Self { token: String::from_utf8_lossy(&bytes).into_owned(), logprob, bytes }
    }
}

/// As `/v1/chat/completions` has them.
#[derive(Serialize, ToSchema)]
pub(super) struct ChatLogprobs {
    content: Vec<TokenView>,
}

impl ChatLogprobs {
    pub(super) const fn new(content: Vec<TokenView>) -> Self {
        Self { content }
    }
}

/// As `/v1/completions` has them.
#[derive(Serialize, ToSchema)]
pub(super) struct TextLogprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<f32>,
    top_logprobs: Vec<BTreeMap<String, f32>>,
    /// Where each begins, in characters of the answer.
    text_offset: Vec<usize>,
}

impl TextLogprobs {
    /// `offset` is where the first begins, and then where the next would.
    pub(super) fn new(views: Vec<TokenView>, offset: &mut usize) -> Self {
        let mut found = Self {
            tokens: vec![],
            token_logprobs: vec![],
            top_logprobs: vec![],
            text_offset: vec![],
        };
        for TokenView { token, top_logprobs } in views {
            found.text_offset.push(*offset);
            *offset += token.token.chars().count();
            found.tokens.push(token.token);
            found.token_logprobs.push(token.logprob);
            let top = top_logprobs.into_iter().map(|likely| (likely.token, likely.logprob));
            found.top_logprobs.push(top.collect());
        }
        found
    }
}
