//! `tokenizer.json`: text to tokens and back.

use std::collections::BTreeMap;

use tokenizers::DecoderWrapper;

use super::Error;

/// A tokenizer, as its file says, but that it neither cuts nor fills.
pub(super) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    bytes: Bytes,
    /// Tokens that were added to the model's own, and whether they are special.
    added: BTreeMap<u32, bool>,
    /// Tokens that are bytes, where a tokenizer has none for a character.
    fallback: BTreeMap<u32, u8>,
}

/// How a single token says which bytes it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bytes {
    /// Every character of a token stands for a byte, by GPT-2's table.
    Alphabet,
    /// By what it decodes to.
    Text,
}

impl Tokenizer {
    /// Reads `tokenizer.json`.
    pub(super) fn read(json: &[u8]) -> Result<Self, Error> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(refuse)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(refuse)?;
        let bytes = match inner.get_decoder() {
            Some(DecoderWrapper::ByteLevel(_)) => Bytes::Alphabet,
            _ => Bytes::Text,
        };
        let added = inner.get_added_tokens_decoder().into_iter();
        let added = added.map(|(token, added)| (token, added.special)).collect();
        let fallback = (0..=u8::MAX)
            .filter_map(|byte| Some((inner.token_to_id(&format!("<0x{byte:02X}>"))?, byte)));
        let fallback = fallback.collect();
        Ok(Self { inner, bytes, added, fallback })
    }

    /// The tokens of a text. Special tokens that stand in it are those tokens. `begin`: with those that the
    /// tokenizer puts around a text.
    pub(super) fn encode(&self, text: &str, begin: bool) -> Result<Vec<u32>, Error> {
        Ok(self.inner.encode_fast(text, begin).map_err(refuse)?.get_ids().to_vec())
    }

    /// The text of tokens; special ones have none.
    pub(super) fn decode(&self, tokens: &[u32]) -> Result<String, Error> {
        self.inner.decode(tokens, true).map_err(refuse)
    }

    /// The number of a token that is written so.
    pub(super) fn token(&self, text: &str) -> Option<u32> {
        self.inner.token_to_id(text)
    }

    /// The bytes that a token stands for where it stands alone; of a special one, as it is written.
    pub(super) fn bytes(&self, token: u32) -> Vec<u8> {
        let written = self.inner.id_to_token(token).unwrap_or_default();
        if self.added.contains_key(&token) {
            return written.into_bytes();
        }
        if let Some(byte) = self.fallback.get(&token) {
            return vec![*byte];
        }
        match self.bytes {
            Bytes::Alphabet => written.chars().flat_map(from_alphabet).collect(),
            // SentencePiece writes a blank so, and decoding takes the first one of a text away.
            Bytes::Text => written.replace('\u{2581}', " ").into_bytes(),
        }
    }

    /// Whether a token has no text.
    pub(super) fn is_special(&self, token: u32) -> bool {
        self.added.get(&token) == Some(&true)
    }

    /// Whether a token is a byte of a character that has no token.
    pub(super) fn is_fallback(&self, token: u32) -> bool {
        self.fallback.contains_key(&token)
    }
}

/// GPT-2's table, back: letters that are not in it stand for themselves.
fn from_alphabet(letter: char) -> Vec<u8> {
    match (0..=u8::MAX).find(|byte| to_alphabet(*byte) == letter) {
        Some(byte) => vec![byte],
        None => letter.to_string().into_bytes(),
    }
}

/// GPT-2's table: printable bytes are letters of their own, the others follow from U+0100 on.
pub(super) fn to_alphabet(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|byte| !printable(*byte)).count();
    u32::try_from(before)
        .ok()
        .and_then(|before| char::from_u32(0x100 + before))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn refuse(error: tokenizers::Error) -> Error {
    Error::Tokenizer { why: error.to_string() }
}

#[cfg(test)]
pub(super) mod tests;
