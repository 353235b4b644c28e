//! The fields of `config.json` and its like, as they stand there.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::super::Error;

/// `config.json`: the fields that a decoder is read from. Others say nothing about its numbers.
#[derive(Deserialize)]
pub(super) struct Raw {
    pub(super) model_type: String,
    pub(super) architectures: Option<Vec<String>>,
    pub(super) hidden_size: u32,
    pub(super) intermediate_size: u32,
    pub(super) num_hidden_layers: u32,
    pub(super) num_attention_heads: u32,
    pub(super) num_key_value_heads: Option<u32>,
    pub(super) head_dim: Option<u32>,
    pub(super) vocab_size: u32,
    pub(super) max_position_embeddings: u32,
    pub(super) rms_norm_eps: Option<f64>,
    pub(super) rope_theta: Option<f64>,
    pub(super) rope_scaling: Option<RawRope>,
    pub(super) rope_parameters: Option<RawRope>,
    pub(super) tie_word_embeddings: Option<bool>,
    pub(super) attention_bias: Option<bool>,
    pub(super) mlp_bias: Option<bool>,
    /// Missing is not the same as null here.
    #[serde(default, deserialize_with = "there")]
    pub(super) sliding_window: Option<Option<u32>>,
    pub(super) use_sliding_window: Option<bool>,
    pub(super) max_window_layers: Option<u32>,
    pub(super) layer_types: Option<Vec<String>>,
    pub(super) eos_token_id: Option<Ends>,
    hidden_act: Option<String>,
    partial_rotary_factor: Option<f64>,
    quantization_config: Option<Value>,
}

/// `rope_scaling`, or `rope_parameters` as newer files have it.
#[derive(Deserialize)]
pub(super) struct RawRope {
    #[serde(alias = "type")]
    pub(super) rope_type: Option<String>,
    pub(super) rope_theta: Option<f64>,
    pub(super) factor: Option<f64>,
    pub(super) low_freq_factor: Option<f64>,
    pub(super) high_freq_factor: Option<f64>,
    pub(super) original_max_position_embeddings: Option<u32>,
    partial_rotary_factor: Option<f64>,
}

/// `generation_config.json`.
#[derive(Deserialize)]
pub(super) struct Generation {
    pub(super) eos_token_id: Option<Ends>,
}

/// One token or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Ends {
    One(u32),
    Many(Vec<u32>),
}

impl Ends {
    pub(super) fn into_set(self) -> BTreeSet<u32> {
        match self {
            Self::One(token) => BTreeSet::from([token]),
            Self::Many(tokens) => tokens.into_iter().collect(),
        }
    }
}

impl Raw {
    /// What would make other numbers of the same weights.
    pub(super) fn refuse_what_is_not_done(&self) -> Result<(), Error> {
        let refuse = |field, found: String, expected| {
            Err(Error::FeatureUnsupported { field, found, expected })
        };
        if let Some(found) =
            self.hidden_act.as_ref().filter(|act| *act != "silu" && *act != "swish")
        {
            return refuse("hidden_act", format!("{found:?}"), "silu");
        }
        if let Some(found) = &self.quantization_config {
            return refuse("quantization_config", found.to_string(), "none");
        }
        let nested = self.rope_parameters.as_ref().or(self.rope_scaling.as_ref());
        let partial =
            self.partial_rotary_factor.or(nested.and_then(|rope| rope.partial_rotary_factor));
        if let Some(found) = partial.filter(|factor| *factor != 1.0) {
            return refuse("partial_rotary_factor", found.to_string(), "1");
        }
        Ok(())
    }

    /// Whether there is a head over the decoder. `…Model` is the decoder alone.
    pub(super) fn has_head(&self) -> bool {
        let names = self.architectures.as_deref().unwrap_or_default();
        !names.iter().any(|name| name.ends_with("Model"))
    }
}

/// A JSON file of the folder. Errors: none of this form.
pub(in super::super) fn parse<T: DeserializeOwned>(file: &str, json: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(json)
        .map_err(|error| Error::ConfigInvalid { file: file.to_owned(), why: error.to_string() })
}

fn there<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::<u32>::deserialize(from).map(Some)
}
