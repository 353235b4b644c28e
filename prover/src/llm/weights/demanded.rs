//! The tensors of a decoder, by the names that `transformers` gives them.

use std::collections::BTreeMap;

use super::super::config::{Config, Head};

/// Every tensor that the configuration demands, with its shape.
pub(in super::super) fn demanded(config: &Config) -> BTreeMap<String, Vec<usize>> {
    let Config { hidden, inner, heads, kv_heads, head_dim, .. } = *config;
    let vocabulary = usize::try_from(config.vocabulary).unwrap_or(usize::MAX);
    let mut all = BTreeMap::new();
    let mut add = |name: String, shape: &[usize]| {
        all.insert(name, shape.to_vec());
    };
    add("model.embed_tokens.weight".to_owned(), &[vocabulary, hidden]);
    add("model.norm.weight".to_owned(), &[hidden]);
    if config.head == Head::Own {
        add(HEAD.to_owned(), &[vocabulary, hidden]);
    }
    for layer in 0..config.layers() {
        let mut add =
            |name: &str, shape: &[usize]| add(format!("model.layers.{layer}.{name}"), shape);
        add("input_layernorm.weight", &[hidden]);
        add("post_attention_layernorm.weight", &[hidden]);
        let (queries, keys) = (heads * head_dim, kv_heads * head_dim);
        for (name, rows, columns, bias) in [
            ("self_attn.q_proj", queries, hidden, config.qkv_bias),
            ("self_attn.k_proj", keys, hidden, config.qkv_bias),
            ("self_attn.v_proj", keys, hidden, config.qkv_bias),
            ("self_attn.o_proj", hidden, queries, config.output_bias),
            ("mlp.gate_proj", inner, hidden, config.inner_bias),
            ("mlp.up_proj", inner, hidden, config.inner_bias),
            ("mlp.down_proj", hidden, inner, config.inner_bias),
        ] {
            add(&format!("{name}.weight"), &[rows, columns]);
            if bias {
                add(&format!("{name}.bias"), &[rows]);
            }
        }
        if config.qk_norm {
            add("self_attn.q_norm.weight", &[head_dim]);
            add("self_attn.k_norm.weight", &[head_dim]);
        }
    }
    all
}

/// What older files have beside the weights, and what a tied model's file may have twice. All else that is not
/// demanded would make another model.
pub(super) fn can_be_left_out(name: &str, tied: bool) -> bool {
    name.ends_with(".self_attn.rotary_emb.inv_freq") || (tied && name == HEAD)
}

/// The head's matrix.
pub(super) const HEAD: &str = "lm_head.weight";
