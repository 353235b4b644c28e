//! `config.json`: what a model's numbers mean. What is not known here is refused by name.

mod raw;
mod rope;

use std::collections::BTreeSet;

use raw::Raw;
pub use rope::{Llama3, Rope};

use super::Error;

/// A decoder of one of the families that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which family's rules hold.
    pub family: Family,
    /// Width of a token's state.
    pub hidden: usize,
    /// Width of the inner layer of the feed-forward part.
    pub inner: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Tokens that have an embedding.
    pub vocabulary: u32,
    /// Most tokens of a sequence.
    pub context: u32,
    /// Added to the mean square under the root.
    pub epsilon: f64,
    /// How positions turn queries and keys.
    pub rope: Rope,
    /// For each layer, how many tokens a token sees, itself included; `None`: all before it.
    pub windows: Vec<Option<u32>>,
    /// Whether queries, keys and values have a bias.
    pub qkv_bias: bool,
    /// Whether the attention's output has one.
    pub output_bias: bool,
    /// Whether the feed-forward part has.
    pub inner_bias: bool,
    /// Whether each head's queries and keys are normalised.
    pub qk_norm: bool,
    /// Where logits come from.
    pub head: Head,
    /// Tokens that end an answer, by this file.
    pub ends: BTreeSet<u32>,
}

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Llama 1 to 3.
    Llama,
    /// Mistral.
    Mistral,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3, dense.
    Qwen3,
}

/// Where a decoder's logits come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Nowhere: the model gives states, for embeddings.
    None,
    /// A matrix of its own.
    Own,
    /// The embedding's matrix.
    Tied,
}

impl Family {
    fn named(name: &str) -> Option<Self> {
        match name {
            "llama" => Some(Self::Llama),
            "mistral" => Some(Self::Mistral),
            "qwen2" => Some(Self::Qwen2),
            "qwen3" => Some(Self::Qwen3),
            _ => None,
        }
    }
}

impl Config {
    /// Reads `config.json`. Errors: a family, rope, activation or quantization that is not known here; a
    /// dimension that is missing or cannot be.
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        let raw: Raw = raw::parse("config.json", json)?;
        let family = Family::named(&raw.model_type)
            .ok_or_else(|| Error::FamilyUnsupported { found: raw.model_type.clone() })?;
        raw.refuse_what_is_not_done()?;
        let heads = size("num_attention_heads", raw.num_attention_heads)?;
        let hidden = size("hidden_size", raw.hidden_size)?;
        let kv_heads =
            raw.num_key_value_heads.map_or(Ok(heads), |n| size("num_key_value_heads", n))?;
        let head_dim = match (raw.head_dim, family) {
            (Some(dim), _) => size("head_dim", dim)?,
            (None, Family::Qwen3) => 128,
            (None, _) => hidden / heads,
        };
        if !heads.is_multiple_of(kv_heads) {
            return Err(invalid(format!(
                "{kv_heads} heads of keys do not divide {heads} of queries"
            )));
        }
        if head_dim == 0 || !head_dim.is_multiple_of(2) {
            return Err(invalid(format!("head_dim is {head_dim}, expected an even number")));
        }
        let layers = size("num_hidden_layers", raw.num_hidden_layers)?;
        let epsilon = raw.rms_norm_eps.unwrap_or(1e-6);
        if !(epsilon > 0.0 && epsilon < 1.0) {
            return Err(invalid(format!("rms_norm_eps is {epsilon}")));
        }
        let bias = raw.attention_bias.unwrap_or(false);
        let (qkv_bias, output_bias) = match family {
            Family::Llama | Family::Qwen3 => (bias, bias),
            Family::Mistral => (false, false),
            Family::Qwen2 => (true, false),
        };
        let head = match (raw.has_head(), raw.tie_word_embeddings.unwrap_or(false)) {
            (false, _) => Head::None,
            (true, false) => Head::Own,
            (true, true) => Head::Tied,
        };
        Ok(Self {
            family,
            hidden,
            inner: size("intermediate_size", raw.intermediate_size)?,
            heads,
            kv_heads,
            head_dim,
            vocabulary: dimension("vocab_size", raw.vocab_size)?,
            context: dimension("max_position_embeddings", raw.max_position_embeddings)?,
            epsilon,
            rope: Rope::read(&raw)?,
            windows: windows(family, layers, &raw)?,
            qkv_bias,
            output_bias,
            inner_bias: family == Family::Llama && raw.mlp_bias.unwrap_or(false),
            qk_norm: family == Family::Qwen3,
            head,
            ends: raw.eos_token_id.map_or_else(BTreeSet::new, raw::Ends::into_set),
        })
    }

    /// Layers.
    pub const fn layers(&self) -> usize {
        self.windows.len()
    }
}

/// Tokens that end an answer, by `generation_config.json`.
pub(super) fn read_ends(json: &[u8]) -> Result<BTreeSet<u32>, Error> {
    let raw: raw::Generation = raw::parse("generation_config.json", json)?;
    Ok(raw.eos_token_id.map_or_else(BTreeSet::new, raw::Ends::into_set))
}

/// Which layers see a window only: the rules of each family's own configuration class.
fn windows(family: Family, layers: usize, raw: &Raw) -> Result<Vec<Option<u32>>, Error> {
    let window = match (family, raw.sliding_window) {
        (Family::Llama, _) => None,
        (Family::Qwen2 | Family::Qwen3, _) if raw.use_sliding_window != Some(true) => None,
        (_, Some(None)) => None,
        (_, Some(Some(window))) => Some(window),
        (_, None) => Some(4096),
    };
    let window = window.map(|window| dimension("sliding_window", window)).transpose()?;
    if let Some(kinds) = &raw.layer_types {
        if kinds.len() != layers {
            return Err(invalid(format!(
                "layer_types has {} entries for {layers} layers",
                kinds.len()
            )));
        }
        let of = |kind: &String| match (kind.as_str(), window) {
            ("full_attention", _) => Ok(None),
            ("sliding_attention", Some(window)) => Ok(Some(window)),
            ("sliding_attention", None) => {
                Err(invalid("a layer slides, but there is no window".into()))
            }
            _ => Err(Error::FeatureUnsupported {
                field: "layer_types",
                found: format!("{kind:?}"),
                expected: "full_attention or sliding_attention",
            }),
        };
        return kinds.iter().map(of).collect();
    }
    let first = match family {
        Family::Llama | Family::Mistral => 0,
        Family::Qwen2 | Family::Qwen3 => raw.max_window_layers.unwrap_or(28),
    };
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    Ok((0..layers).map(|layer| window.filter(|_| layer >= first)).collect())
}

fn size(field: &'static str, found: u32) -> Result<usize, Error> {
    usize::try_from(dimension(field, found)?).map_err(|_| invalid(format!("{field} is {found}")))
}

fn dimension(field: &'static str, found: u32) -> Result<u32, Error> {
    if found == 0 || found > MOST {
        return Err(invalid(format!("{field} is {found}, expected 1 to {MOST}")));
    }
    Ok(found)
}

fn invalid(why: String) -> Error {
    Error::ConfigInvalid { file: "config.json".to_owned(), why }
}

/// No dimension of a model that exists is greater, and products of two of them fit everywhere.
const MOST: u32 = 1 << 24;

#[cfg(test)]
mod tests;
