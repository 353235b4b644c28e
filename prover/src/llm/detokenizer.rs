//! Text from tokens that come one by one.
//!
//! A token's text depends on those before it, and may be part of a character. So what is new is what decoding the
//! latest tokens together gives beyond what was shown of them, without what further tokens could still change.

use super::{Error, tokenizer::Tokenizer};

/// The text of an answer as it grows. All that it gives together is the text of all tokens together.
#[derive(Clone, Debug, Default)]
pub(super) struct Detokenizer {
    /// The latest tokens that have a text.
    tokens: Vec<u32>,
    /// Bytes of their text that were given.
    shown: usize,
}

impl Detokenizer {
    /// Takes a token; gives the text that is certain with it.
    pub(super) fn push(&mut self, token: u32, tokenizer: &Tokenizer) -> Result<String, Error> {
        if tokenizer.is_special(token) {
            return Ok(String::new()); // as if it were not there
        }
        self.tokens.push(token);
        // A run of bytes is text or it is not, as a whole: the next one may make U+FFFD of all of them.
        if tokenizer.is_fallback(token) {
            return Ok(String::new());
        }
        let text = tokenizer.decode(&self.tokens)?;
        // What was begun of a character shows as one U+FFFD, and becomes the character.
        let whole = text.strip_suffix('\u{fffd}');
        let new = text.get(self.shown..whole.unwrap_or(&text).len()).unwrap_or_default().to_owned();
        self.shown += new.len();
        if whole.is_none() && self.tokens.len() >= 2 * BEFORE {
            self.tokens.drain(..self.tokens.len() - BEFORE);
            self.shown = tokenizer.decode(&self.tokens)?.len();
        }
        Ok(new)
    }

    /// What is left: a character that was never completed.
    pub(super) fn rest(&mut self, tokenizer: &Tokenizer) -> Result<String, Error> {
        let text = tokenizer.decode(&self.tokens)?;
        let new = text.get(self.shown..).unwrap_or_default().to_owned();
        self.shown = text.len();
        Ok(new)
    }
}

/// Tokens that are kept before the next one, as what its text may depend on.
const BEFORE: usize = 6;

#[cfg(test)]
mod tests {
    use super::{
        super::{specimen::byte_level, tokenizer::tests::byte_fallback},
        *,
    };

    /// Texts as they are given.
    fn given(tokenizer: &Tokenizer, tokens: &[u32]) -> Vec<String> {
        let mut detokenizer = Detokenizer::default();
        let mut parts: Vec<String> =
            tokens.iter().map(|token| detokenizer.push(*token, tokenizer).unwrap()).collect();
        parts.push(detokenizer.rest(tokenizer).unwrap());
        parts
    }

    #[test]
    fn characters_come_whole() {
        let tokenizer = Tokenizer::read(&byte_level(&["<|end|>"])).unwrap();
        let tokens = tokenizer.encode("a é the<|end|>\u{1f600}!", false).unwrap();
        let parts = given(&tokenizer, &tokens);
        assert_eq!(parts, ["a", " ", "", "é", " the", "", "", "", "", "\u{1f600}", "!", ""]);
        assert_eq!(
            given(&tokenizer, &[0xf0, 0x9f, 33, 0xc3]),
            ["", "", "\u{fffd}!", "", "\u{fffd}"]
        );
    }

    #[test]
    fn all_parts_together_are_the_whole_text() {
        let byte_level = Tokenizer::read(&byte_level(&["<|end|>"])).unwrap();
        let fallback = Tokenizer::read(&byte_fallback()).unwrap();
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for (tokenizer, size) in [(&byte_level, 260), (&fallback, 262)] {
            for round in 0..300 {
                // Bytes at random, mostly no characters; and texts.
                let tokens: Vec<u32> = if round % 2 == 0 {
                    (0..next(40)).map(|_| u32::try_from(next(size)).unwrap()).collect()
                } else {
                    let letters: Vec<char> = " abcéß\u{4e2d}\u{1f600}\u{fffd}".chars().collect();
                    let text: String = (0..next(40)).map(|_| letters[next(9) as usize]).collect();
                    tokenizer.encode(&text, false).unwrap()
                };
                let parts = given(tokenizer, &tokens);
                assert_eq!(parts.concat(), tokenizer.decode(&tokens).unwrap(), "{tokens:?}");
            }
        }
    }
}
