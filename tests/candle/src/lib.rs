//! candle's decoders, behind one face: tokens in, logits of the last one out.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{llama, mistral, qwen2, qwen3};
use serde_json::Value;

/// A decoder, and what it has seen.
pub struct Peer {
    model: Model,
    seen: usize,
}

enum Model {
    Llama { model: llama::Llama, config: Box<llama::Config>, cache: llama::Cache },
    Mistral(mistral::Model),
    Qwen2(qwen2::ModelForCausalLM),
    Qwen3(qwen3::ModelForCausalLM),
}

impl Peer {
    /// Reads `config.json` and `model.safetensors` of a folder.
    pub fn load(folder: &Path) -> Result<Self> {
        let mut config: Value = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
        let family = config["model_type"].as_str().context("model_type")?.to_owned();
        complete(&mut config);
        let weights = std::fs::read(folder.join("model.safetensors"))?;
        let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        let model = match family.as_str() {
            "llama" => {
                let config: llama::LlamaConfig = serde_json::from_value(config)?;
                let config = config.into_config(false);
                let cache = llama::Cache::new(true, DType::F32, &config, &Device::Cpu)?;
                let model = llama::Llama::load(weights, &config)?;
                Model::Llama { model, config: Box::new(config), cache }
            }
            "mistral" => Model::Mistral(mistral::Model::new(&serde_json::from_value(config)?, weights)?),
            "qwen2" => Model::Qwen2(qwen2::ModelForCausalLM::new(&serde_json::from_value(config)?, weights)?),
            "qwen3" => Model::Qwen3(qwen3::ModelForCausalLM::new(&serde_json::from_value(config)?, weights)?),
            other => bail!("{other} is none of the families"),
        };
        Ok(Self { model, seen: 0 })
    }

    /// Appends tokens; gives the last one's logits.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let input = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = match &mut self.model {
            Model::Llama { model, cache, .. } => model.forward(&input, self.seen, cache)?,
            Model::Mistral(model) => model.forward(&input, self.seen)?,
            Model::Qwen2(model) => model.forward(&input, self.seen)?,
            Model::Qwen3(model) => model.forward(&input, self.seen)?,
        };
        self.seen += tokens.len();
        Ok(logits.flatten_all()?.to_vec1()?)
    }

    /// Forgets what it has seen.
    pub fn clear(&mut self) -> Result<()> {
        match &mut self.model {
            Model::Llama { config, cache, .. } => {
                *cache = llama::Cache::new(true, DType::F32, config, &Device::Cpu)?;
            }
            Model::Mistral(model) => model.clear_kv_cache(),
            Model::Qwen2(model) => model.clear_kv_cache(),
            Model::Qwen3(model) => model.clear_kv_cache(),
        }
        self.seen = 0;
        Ok(())
    }
}

/// The likeliest token, the lower one of equals.
pub fn likeliest(logits: &[f32]) -> u32 {
    let pairs = (0..).zip(logits);
    pairs.max_by(|(a, x), (b, y)| x.total_cmp(y).then(u32::cmp(b, a))).map_or(0, |(token, _)| token)
}

/// candle demands fields that others leave out; and with a window of w, a token of candle's sees w others and itself,
/// where `transformers` counts itself among the w.
fn complete(config: &mut Value) {
    let defaults = serde_json::json!({
        "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": false, "attention_bias": false,
        "use_sliding_window": false, "max_window_layers": 0, "bos_token_id": null, "eos_token_id": null,
    });
    let Some((fields, defaults)) = config.as_object_mut().zip(defaults.as_object()) else { return };
    for (name, value) in defaults {
        fields.entry(name).or_insert_with(|| value.clone());
    }
    let family = fields["model_type"].clone();
    let window = fields.get("sliding_window").and_then(Value::as_u64);
    let used = family == "mistral" || fields["use_sliding_window"] == true;
    let window = match window.filter(|_| used) {
        Some(window) => Value::from(window - 1),
        None if family == "qwen2" => Value::from(u32::MAX), // no null there
        None => Value::Null,
    };
    fields.insert("sliding_window".to_owned(), window);
}
