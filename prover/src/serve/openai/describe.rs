//! The requests as the description of the interface shows them. What is read is in `chat`, `completion` and
//! `embedding`, which refuse by name what is not here.
#![allow(dead_code)] // described, never made

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

/// A conversation that is to be gone on with.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChatBody {
    /// The model's name.
    model: String,
    /// What was said so far.
    #[schema(min_items = 1)]
    messages: Vec<MessageBody>,
    /// How many alternatives to tell of each token, where `logprobs`.
    #[schema(maximum = 20)]
    top_logprobs: Option<u8>,
    /// Whether to tell the probability of each token.
    logprobs: Option<bool>,
    /// The newer name of `max_tokens`.
    #[schema(minimum = 1)]
    max_completion_tokens: Option<u32>,
    /// Texts for whoever reads statistics; they change nothing.
    metadata: Option<BTreeMap<String, String>>,
    #[schema(inline)]
    #[serde(flatten)]
    parameters: ParametersBody,
}

/// What somebody said.
#[derive(Deserialize, ToSchema)]
struct MessageBody {
    role: RoleBody,
    /// A text, or parts of `{"type": "text", "text": …}`, which are joined.
    #[schema(value_type = String)]
    content: (),
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RoleBody {
    Assistant,
    /// The same as `system`.
    Developer,
    System,
    User,
}

/// A text that is to be gone on with.
#[derive(Deserialize, ToSchema)]
pub(super) struct CompletionBody {
    /// The model's name.
    model: String,
    /// The text so far; a list of one is taken, too.
    prompt: String,
    /// How many alternatives to tell of each token.
    #[schema(maximum = 5)]
    logprobs: Option<u8>,
    #[schema(inline)]
    #[serde(flatten)]
    parameters: ParametersBody,
}

/// How a text is to be generated. Null is as good as absent.
#[derive(Deserialize, ToSchema)]
struct ParametersBody {
    /// The client's nonce, 16 to 64 bytes, hexadecimal; else in the header `assay-nonce`.
    #[schema(pattern = "^([0-9a-fA-F]{2}){16,64}$")]
    assay_nonce: Option<String>,
    /// -2 to 2.
    frequency_penalty: Option<f32>,
    /// Most tokens of the answer; at most what the context has room for.
    #[schema(minimum = 1)]
    max_tokens: Option<u32>,
    /// Of the tokens, those with at least this share of the likeliest one's probability.
    #[schema(minimum = 0, maximum = 1)]
    min_p: Option<f32>,
    /// -2 to 2.
    presence_penalty: Option<f32>,
    /// 0.01 to 100; 1: none.
    repetition_penalty: Option<f32>,
    /// Without one it follows from nonce and request (FORMAT.md §11.3).
    seed: Option<u64>,
    /// Up to four texts that end the answer; one may stand without a list.
    #[schema(max_items = 4)]
    stop: Option<Vec<String>>,
    /// Whether to answer with server-sent events, the last of which is the receipt.
    stream: Option<bool>,
    stream_options: Option<StreamBody>,
    /// 0: always the likeliest token.
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f32>,
    /// 0: all.
    top_k: Option<u32>,
    /// Above 0, to 1.
    top_p: Option<f32>,
    /// Who asks; it changes nothing.
    user: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct StreamBody {
    /// Whether the stream tells the number of tokens.
    include_usage: Option<bool>,
}

/// Texts that are to become vectors.
#[derive(Deserialize, ToSchema)]
pub(super) struct EmbeddingBody {
    /// The model's name.
    model: String,
    /// The texts; one may stand without a list.
    #[schema(min_items = 1, max_items = 256)]
    input: Vec<String>,
    /// The client's nonce; else in the header `assay-nonce`.
    #[schema(pattern = "^([0-9a-fA-F]{2}){16,64}$")]
    assay_nonce: Option<String>,
    /// The length that the model's embeddings have.
    dimensions: Option<u32>,
    /// `float` or `base64`: binary32, little-endian.
    encoding_format: Option<String>,
    /// Who asks; it changes nothing.
    user: Option<String>,
}
