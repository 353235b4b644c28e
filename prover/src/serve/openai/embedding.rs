//! What a request to `/v1/embeddings` says, and its answer.

use base64ct::{Base64, Encoding as _};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    fault::{Code, Fault},
    fields::Fields,
    json::Json,
};

/// Texts that are to become vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Embedding {
    /// The texts; at least one.
    pub(super) input: Vec<String>,
    /// How numbers are to be written.
    pub(super) format: Format,
    /// How long the vectors have to be, where the client says so.
    pub(super) dimensions: Option<u64>,
}

/// How the numbers of a vector are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// In base64: binary32, little-endian.
    Base64,
    /// In decimals.
    Float,
}

impl Embedding {
    /// Reads all fields but the model's and the nonce's.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let input = input(&mut fields)?;
        let format = match fields.text("encoding_format")?.as_deref() {
            None | Some("float") => Format::Float,
            Some("base64") => Format::Base64,
            Some(other) => {
                let shown: String = other.chars().take(64).collect();
                let why = format!("expected float or base64, found {shown:?}");
                return Err(Code::InvalidValue.about("encoding_format", why));
            }
        };
        let dimensions = fields.integer("dimensions", 1..=u64::from(u32::MAX))?;
        fields.text("user")?; // who asks changes nothing
        fields.finish(&[])?;
        Ok(Self { input, format, dimensions })
    }
}

/// A text, or a list of some.
fn input(fields: &mut Fields) -> Result<Vec<String>, Fault> {
    let items = match fields.need("input")? {
        Json::List(items) => items,
        one => vec![one],
    };
    if !(1..=MAX_INPUTS).contains(&items.len()) {
        let why = format!("expected 1 to {MAX_INPUTS} texts, found {}", items.len());
        return Err(Code::InvalidValue.about("input", why));
    }
    let text =
        |item| match item {
            Json::Text(text) if text.is_empty() => {
                Err(Code::InvalidValue.about("input", "an empty text has no embedding"))
            }
            Json::Text(text) => Ok(text),
            Json::List(_) | Json::Number(_) => Err(Code::UnsupportedValue
                .about("input", "numbers of tokens are not taken, only text is")),
            other => Err(fields.wrong("input", "text, or a list of texts", &other)),
        };
    items.into_iter().map(text).collect()
}

/// Most texts of one request.
const MAX_INPUTS: usize = 256;

/// The answer.
#[derive(Serialize, ToSchema)]
pub(super) struct EmbeddingList<'a> {
    /// `list`.
    object: &'static str,
    data: Vec<EmbeddingView>,
    /// The model's name.
    model: &'a str,
    usage: EmbeddingUsage,
}

#[derive(Serialize, ToSchema)]
struct EmbeddingView {
    /// `embedding`.
    object: &'static str,
    index: usize,
    embedding: Numbers,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Numbers {
    /// Binary32, little-endian, in base64.
    Base64(String),
    Float(Vec<f32>),
}

#[derive(Serialize, ToSchema)]
struct EmbeddingUsage {
    prompt_tokens: u32,
    total_tokens: u32,
}

impl<'a> EmbeddingList<'a> {
    /// The answer with these vectors, in the order of the texts, of `tokens` tokens.
    pub(super) fn new(model: &'a str, vectors: Vec<Vec<f32>>, format: Format, tokens: u32) -> Self {
        let number = |vector: Vec<f32>| match format {
            Format::Float => Numbers::Float(vector),
            Format::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|real| real.to_le_bytes()).collect();
                Numbers::Base64(Base64::encode_string(&bytes))
            }
        };
        let data = vectors
            .into_iter()
            .map(number)
            .enumerate()
            .map(|(index, embedding)| EmbeddingView { object: "embedding", index, embedding });
        let usage = EmbeddingUsage { prompt_tokens: tokens, total_tokens: tokens };
        Self { object: "list", data: data.collect(), model, usage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_and_tokens_are_not() {
        let read = |text: &str| {
            let fields = Fields::of(Json::read(text.as_bytes()).unwrap(), "").unwrap();
            Embedding::read(fields).map(|found| found.input.len()).map_err(|fault| fault.code)
        };
        assert_eq!(read(r#"{"input": "a", "encoding_format": "base64"}"#), Ok(1));
        assert_eq!(read(r#"{"input": ["a", "b"], "user": null}"#), Ok(2));
        assert_eq!(read(r#"{"input": []}"#), Err(Code::InvalidValue));
        assert_eq!(read(r#"{"input": ["a", ""]}"#), Err(Code::InvalidValue));
        assert_eq!(read(r#"{"input": [1, 2]}"#), Err(Code::UnsupportedValue));
        assert_eq!(read(r#"{"input": [[1, 2]]}"#), Err(Code::UnsupportedValue));
        assert_eq!(read(r#"{"input": "a", "encoding_format": "hex"}"#), Err(Code::InvalidValue));
    }

    #[test]
    fn base64_is_of_little_endian_numbers() {
        let list = EmbeddingList::new("m", vec![vec![1.0, -2.5]], Format::Base64, 3);
        let json = serde_json::to_string(&list).unwrap();
        assert!(json.contains("\"AACAPwAAIMA=\""), "{json}");
    }
}
