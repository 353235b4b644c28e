//! Models of random weights, laid out as Hugging Face does: what tests and measurements run.

use std::{fs, io, path::Path};

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use super::{config::Config, settings::Dtype, tokenizer::to_alphabet, weights::demanded};

/// Writes a folder: `config.json` as given, weights from `seed`, stored as `dtype` in so many files, a byte-level
/// tokenizer, and a chat template. Errors: a configuration that cannot be run; a file that cannot be written.
pub fn write(
    folder: &Path,
    config: &Value,
    seed: u64,
    dtype: Dtype,
    shards: usize,
) -> io::Result<()> {
    let json = config.to_string();
    let read = Config::read(json.as_bytes()).map_err(io::Error::other)?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("config.json"), json)?;
    fs::write(folder.join("tokenizer.json"), byte_level(&["<|begin|>", "<|end|>"]))?;
    let special =
        json!({"bos_token": "<|begin|>", "eos_token": "<|end|>", "chat_template": TEMPLATE});
    fs::write(folder.join("tokenizer_config.json"), special.to_string())?;
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    let tensors: Vec<(String, Vec<usize>)> = demanded(&read).into_iter().collect();
    let each = tensors.len().div_ceil(shards.max(1)).max(1);
    let mut map = serde_json::Map::new();
    for (index, part) in tensors.chunks(each).enumerate() {
        let file = match shards {
            0 | 1 => "model.safetensors".to_owned(),
            _ => format!("model-{:05}-of-{shards:05}.safetensors", index + 1),
        };
        write_shard(&folder.join(&file), part, dtype, &mut random)?;
        map.extend(part.iter().map(|(name, _)| (name.clone(), file.clone().into())));
    }
    if shards > 1 {
        let index = json!({"metadata": {}, "weight_map": map});
        fs::write(folder.join("model.safetensors.index.json"), index.to_string())?;
    }
    Ok(())
}

fn write_shard(
    path: &Path,
    tensors: &[(String, Vec<usize>)],
    dtype: Dtype,
    random: &mut ChaCha20Rng,
) -> io::Result<()> {
    let stored = match dtype {
        Dtype::Bf16 => safetensors::Dtype::BF16,
        Dtype::F16 => safetensors::Dtype::F16,
        Dtype::F32 => safetensors::Dtype::F32,
    };
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(name, shape)| elements(name, shape, dtype, random)).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape), bytes)| {
        TensorView::new(stored, shape.clone(), bytes).map(|view| (name.clone(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>();
    safetensors::serialize_to_file(views.map_err(io::Error::other)?, None, path)
        .map_err(io::Error::other)
}

/// Weights of about the size that training begins with, norms about 1, biases small.
fn elements(name: &str, shape: &[usize], dtype: Dtype, random: &mut ChaCha20Rng) -> Vec<u8> {
    let (middle, width) = match shape {
        [_] if name.ends_with("norm.weight") => (1.0, 0.2),
        [_] => (0.0, 0.1),
        [.., columns] if name.starts_with("model.layers") => (0.0, 1.5 / (*columns as f32).sqrt()),
        [.., columns] => (0.0, 4.0 / (*columns as f32).sqrt()),
        [] => (0.0, 1.0),
    };
    let count = shape.iter().product();
    let mut bytes = Vec::with_capacity(dtype.bytes() * count);
    for _ in 0..count {
        // Four of 16 bits together are nearly normal, of variance 1/3 by 4.
        let draw = random.next_u64();
        let sum: u32 = (0..4).map(|part| (draw >> (16 * part) & 0xffff) as u32).sum();
        let real = middle + width * (sum as f32 / 32_768.0 - 4.0) * 0.866;
        match dtype {
            Dtype::F32 => bytes.extend(real.to_le_bytes()),
            Dtype::Bf16 => bytes.extend(((real.to_bits() >> 16) as u16).to_le_bytes()),
            Dtype::F16 => bytes.extend(half(real).to_le_bytes()),
        }
    }
    bytes
}

/// IEEE 754 binary16, rounded towards zero; what is too small becomes zero.
const fn half(real: f32) -> u16 {
    let bits = real.to_bits();
    let (sign, exponent, fraction) = (bits >> 16 & 0x8000, bits >> 23 & 0xff, bits >> 13 & 0x3ff);
    let half = match exponent {
        ..=112 => sign,
        113..=142 => sign | (exponent - 112) << 10 | fraction,
        _ => sign | 0x7bff,
    };
    half as u16
}

/// A byte-level `tokenizer.json`: tokens 0 to 255 are the bytes; ` t`, `he` and ` the` are merged; the texts of
/// `special` follow from 259 on.
pub fn byte_level(special: &[&str]) -> Vec<u8> {
    let letters = (0..=u8::MAX).map(|byte| (to_alphabet(byte).to_string(), json!(byte)));
    let merged = ["\u{120}t", "he", "\u{120}the"].into_iter().zip(256_u32..);
    let vocabulary: serde_json::Map<_, _> =
        letters.chain(merged.map(|(text, id)| (text.to_owned(), json!(id)))).collect();
    let added = special.iter().zip(259_u32..).map(|(text, id)| {
        json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    });
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let model = json!({"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": vocabulary, "merges": [["\u{120}", "t"], ["h", "e"], ["\u{120}t", "he"]]});
    let tokenizer = json!({"version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added.collect::<Vec<_>>(), "normalizer": null, "pre_tokenizer": level,
        "post_processor": null, "decoder": level, "model": model});
    tokenizer.to_string().into_bytes()
}

const TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}
[{{ message.role }}] {{ message.content | trim }}
{% endfor %}
{% if add_generation_prompt %}[assistant] {% endif %}";
