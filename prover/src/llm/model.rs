//! A language model that was loaded, as those see it who make requests to it.

use std::{collections::BTreeSet, sync::Arc};

use assay_verifier::ids::ModelDigest;
use minijinja::Value;

use super::{
    Error,
    config::Head,
    detokenizer::Detokenizer,
    folder::Kind,
    settings::{Pooling, Settings},
    template::{Filling, Template},
    tokenizer::Tokenizer,
};

/// A language model that was loaded: all of it but what multiplies.
pub struct Model {
    pub(super) name: String,
    pub(super) digest: ModelDigest,
    pub(super) kind: Kind,
    pub(super) settings: Settings,
    pub(super) tokenizer: Arc<Tokenizer>,
    pub(super) template: Option<Template>,
    pub(super) special: Vec<(String, String)>,
    pub(super) ends: BTreeSet<u32>,
}

impl Model {
    /// The name of its folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of every file that was read. FORMAT.md §3.3.
    pub const fn digest(&self) -> ModelDigest {
        self.digest
    }

    /// How it is run, in effect.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Most tokens of a sequence, prompt and answer together.
    pub const fn context(&self) -> u32 {
        match &self.kind {
            Kind::Decoder(config) => config.context,
            Kind::Encoder(encoder) => encoder.context,
        }
    }

    /// Tokens that have an embedding, and a logit.
    pub const fn vocabulary(&self) -> u32 {
        match &self.kind {
            Kind::Decoder(config) => config.vocabulary,
            Kind::Encoder(encoder) => encoder.vocabulary,
        }
    }

    /// Numbers of an embedding.
    pub const fn hidden(&self) -> usize {
        match &self.kind {
            Kind::Decoder(config) => config.hidden,
            Kind::Encoder(encoder) => encoder.hidden as usize,
        }
    }

    /// Whether it answers: it has logits. Embeddings every model has.
    pub fn generates(&self) -> bool {
        matches!(&self.kind, Kind::Decoder(config) if config.head != Head::None)
    }

    /// What its embeddings are made of.
    pub const fn pooling(&self) -> Pooling {
        match &self.kind {
            Kind::Decoder(_) => self.settings.pooling,
            Kind::Encoder(_) => Pooling::Mean,
        }
    }

    /// The tokens of a text, with those that the tokenizer puts around one. Errors: what the tokenizer
    /// does not take; a token that the model does not know.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        self.known(self.tokenizer.encode(text, true)?)
    }

    /// The tokens of a conversation: a list of messages, as the chat template takes it, and after it what begins
    /// an answer. `tools` as the template takes them. Errors: no template; what it refuses, in its own words.
    pub fn chat(&self, messages: &Value, tools: Option<&Value>) -> Result<Vec<u32>, Error> {
        let text = self.chat_text(messages, tools)?;
        self.known(self.tokenizer.encode(&text, false)?)
    }

    /// The text that a conversation is for the model.
    pub fn chat_text(&self, messages: &Value, tools: Option<&Value>) -> Result<String, Error> {
        let template = self.template.as_ref();
        let template =
            template.ok_or_else(|| Error::TemplateMissing { model: self.name.clone() })?;
        template.fill(&Filling { messages, tools, begin: true, tokens: &self.special })
    }

    /// Whether there is a chat template.
    pub const fn chats(&self) -> bool {
        self.template.is_some()
    }

    /// The bytes that a token stands for where it stands alone; of a special one, as it is written. Tokens
    /// may be parts of a character.
    pub fn token_bytes(&self, token: u32) -> Vec<u8> {
        self.tokenizer.bytes(token)
    }

    /// The text of tokens; special ones have none.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, Error> {
        self.tokenizer.decode(tokens)
    }

    /// Whether a token ends an answer.
    pub fn ends(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// The text of an answer as it grows.
    pub(super) fn detokenizer(&self) -> (Detokenizer, Arc<Tokenizer>) {
        (Detokenizer::default(), Arc::clone(&self.tokenizer))
    }

    fn known(&self, tokens: Vec<u32>) -> Result<Vec<u32>, Error> {
        let vocabulary = self.vocabulary();
        match tokens.iter().find(|token| **token >= vocabulary) {
            Some(found) => Err(Error::TokenOutside { found: *found, vocabulary }),
            None => Ok(tokens),
        }
    }
}
