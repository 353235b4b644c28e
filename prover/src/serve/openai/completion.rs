//! What a request to `/v1/completions` says.

use super::{
    fault::{Code, Fault},
    fields::Fields,
    json::Json,
    parameters::Parameters,
};

/// A text that is to be gone on with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Completion {
    /// The text so far.
    pub(super) prompt: String,
    /// How to go on.
    pub(super) parameters: Parameters,
    /// How many alternatives are to be told of each token.
    pub(super) logprobs: Option<u8>,
}

impl Completion {
    /// Reads all fields but the model's and the nonce's.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let mut parameters = Parameters::take(&mut fields)?;
        parameters.max_tokens = parameters.max_tokens.or(Some(DEFAULT_TOKENS));
        let logprobs = fields.integer("logprobs", 0..=5)?;
        let prompt = prompt(&mut fields)?;
        fields.only("best_of", &[Json::Number(1.into())])?;
        fields.only("echo", &[Json::Bool(false)])?;
        fields.finish(&["suffix"])?;
        let logprobs = logprobs.and_then(|alternatives| u8::try_from(alternatives).ok());
        Ok(Self { prompt, parameters, logprobs })
    }
}

/// OpenAI's default, of this interface alone.
const DEFAULT_TOKENS: u32 = 16;

/// A text, or a list of one.
fn prompt(fields: &mut Fields) -> Result<String, Fault> {
    let json = match fields.need("prompt")? {
        Json::List(mut items) if items.len() == 1 => items.remove(0),
        Json::List(items) if items.iter().any(|item| matches!(item, Json::Text(_))) => {
            let why = format!("expected one text, found {}: ask for each", items.len());
            return Err(Code::UnsupportedValue.about("prompt", why));
        }
        other => other,
    };
    match json {
        Json::Text(text) => Ok(text),
        Json::List(_) | Json::Number(_) => {
            Err(Code::UnsupportedValue
                .about("prompt", "numbers of tokens are not taken, only text is"))
        }
        other => Err(fields.wrong("prompt", "text", &other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion(text: &str) -> Result<Completion, Fault> {
        Completion::read(Fields::of(Json::read(text.as_bytes())?, "")?)
    }

    #[test]
    fn one_text_is_taken() {
        for prompt in [r#""Once""#, r#"["Once"]"#] {
            let found = completion(&format!(r#"{{"prompt": {prompt}, "logprobs": 0}}"#)).unwrap();
            assert_eq!(found.prompt, "Once");
            assert_eq!((found.parameters.max_tokens, found.logprobs), (Some(16), Some(0)));
        }
        for (text, code) in [
            (r#"{}"#, Code::MissingRequiredParameter),
            (r#"{"prompt": ["a", "b"]}"#, Code::UnsupportedValue),
            (r#"{"prompt": [1, 2]}"#, Code::UnsupportedValue),
            (r#"{"prompt": [[1, 2]]}"#, Code::UnsupportedValue),
            (r#"{"prompt": {}}"#, Code::InvalidType),
            (r#"{"prompt": "a", "echo": true}"#, Code::UnsupportedParameter),
            (r#"{"prompt": "a", "best_of": 2}"#, Code::UnsupportedParameter),
            (r#"{"prompt": "a", "suffix": "b"}"#, Code::UnsupportedParameter),
            (r#"{"prompt": "a", "logprobs": 6}"#, Code::InvalidValue),
            (r#"{"prompt": "a", "messages": []}"#, Code::UnknownParameter),
        ] {
            assert_eq!(completion(text).map_err(|fault| fault.code), Err(code), "{text}");
        }
    }
}
