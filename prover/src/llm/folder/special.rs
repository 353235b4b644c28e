//! `tokenizer_config.json`: the chat template, and how special tokens are written.

use serde::Deserialize;
use serde_json::Value;

use super::{Error, parse};

/// What is read of `tokenizer_config.json`.
#[derive(Default, Deserialize)]
pub(super) struct Special {
    bos_token: Option<Token>,
    eos_token: Option<Token>,
    pad_token: Option<Token>,
    unk_token: Option<Token>,
    #[serde(default, rename = "chat_template", deserialize_with = "template")]
    pub(super) template: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Token {
    Text(String),
    Added { content: String },
}

impl Token {
    fn text(&self) -> &str {
        let (Self::Text(text) | Self::Added { content: text }) = self;
        text
    }
}

impl Special {
    pub(super) fn read(json: &[u8]) -> Result<Self, Error> {
        parse("tokenizer_config.json", json)
    }

    /// The token that ends a text.
    pub(super) fn end(&self) -> Option<&str> {
        self.eos_token.as_ref().map(Token::text)
    }

    /// Names and texts, as templates know them.
    pub(super) fn texts(&self) -> Vec<(String, String)> {
        let all = [
            ("bos_token", &self.bos_token),
            ("eos_token", &self.eos_token),
            ("pad_token", &self.pad_token),
            ("unk_token", &self.unk_token),
        ];
        let there = all.into_iter().filter_map(|(name, token)| Some((name, token.as_ref()?)));
        there.map(|(name, token)| (name.to_owned(), token.text().to_owned())).collect()
    }
}

/// One template, or several by name, of which `default` is meant.
fn template<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let found = Value::deserialize(from)?;
    let refuse =
        || serde::de::Error::custom("chat_template is no text, and no list with one named default");
    match found {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Array(named) => {
            let default =
                named.iter().find(|one| one.get("name").is_some_and(|name| name == "default"));
            let text = default.and_then(|one| one.get("template")?.as_str());
            text.map(|text| Some(text.to_owned())).ok_or_else(refuse)
        }
        _ => Err(refuse()),
    }
}
