//! The logits of `assay-engine` against candle's, on models of random weights: every family, 200 tokens, each time the
//! likeliest. `ASSAY` is the program that writes the models and runs ours.

use std::{path::Path, process::Command};

use candle_peer::{Peer, likeliest};
use serde_json::{Value, json};

const PROMPT: usize = 30;
const TOKENS: usize = 200;

fn config(family: &str, extra: &Value) -> Value {
    let mut config = json!({"model_type": family, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 261, "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    config
}

fn assay(args: &[&str]) -> String {
    let program = std::env::var("ASSAY").expect("ASSAY names the program assay-engine");
    let done = Command::new(program).args(args).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Compares; `again`: candle applies windows only to a prompt, so that it gets all tokens anew each time.
fn compare(family: &str, extra: &Value, again: bool) {
    let folder = std::env::temp_dir().join(format!("candle-{}-{}", std::process::id(), std::thread::current().name().unwrap()));
    std::fs::create_dir_all(&folder).unwrap();
    let (file, model, raw) = (folder.join("given.json"), folder.join("model"), folder.join("logits"));
    std::fs::write(&file, config(family, extra).to_string()).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    assay(&["llm-specimen", &path(&file), "-o", &path(&model), "--seed", "5"]);
    let prompt: Vec<u32> = (0..PROMPT as u32).map(|at| at * 37 % 251).collect();
    let words = prompt.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let line = assay(&["llm-probe", &path(&model), "--prompt", &words, "--tokens", &TOKENS.to_string(), "--chunk", "16",
        "--threads", "2", "--logits", &path(&raw)]);
    let ours: Value = serde_json::from_str(&line).unwrap();
    let chosen: Vec<u32> = serde_json::from_value(ours["tokens"].clone()).unwrap();
    let bytes = std::fs::read(&raw).unwrap();
    let logits: Vec<f32> = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    let mut peer = Peer::load(&model).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((chosen.len(), logits.len()), (TOKENS, TOKENS * 261));
    let (mut all, mut new) = (prompt.clone(), prompt);
    let mut worst = 0.0_f32;
    for (step, (token, ours)) in chosen.iter().zip(logits.chunks_exact(261)).enumerate() {
        if again {
            peer.clear().unwrap();
            new.clone_from(&all);
        }
        let theirs = peer.feed(&new).unwrap();
        let far = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-4, "{family} {extra}, token {step}: logits differ by {far}");
        assert_eq!(*token, likeliest(&theirs), "{family} {extra}, token {step}");
        worst = worst.max(far);
        new = vec![*token];
        all.push(*token);
    }
    let different = chosen.iter().collect::<std::collections::BTreeSet<_>>().len();
    println!("{family} {extra}: {TOKENS} tokens, {different} different, logits within {worst:.1e}");
    assert!(different > 3, "the answer says nothing");
}

#[test]
fn llama() {
    compare("llama", &json!({}), false);
}

#[test]
fn llama_with_one_head_of_keys() {
    compare("llama", &json!({"num_key_value_heads": 1}), false);
}

#[test]
fn llama_with_a_head_of_keys_for_each_of_queries() {
    compare("llama", &json!({"num_key_value_heads": 4}), false);
}

#[test]
fn llama3_rope_and_tied_embeddings() {
    let rope = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64});
    compare("llama", &json!({"rope_theta": 500000.0, "rope_scaling": rope, "tie_word_embeddings": true}), false);
}

#[test]
fn mistral_without_a_window() {
    compare("mistral", &json!({"sliding_window": null, "head_dim": 24}), false);
}

#[test]
fn mistral_with_a_window() {
    compare("mistral", &json!({"sliding_window": 20}), true);
}

#[test]
fn qwen2() {
    compare("qwen2", &json!({}), false);
}

#[test]
fn qwen2_with_a_window_and_tied_embeddings() {
    let extra = json!({"sliding_window": 20, "use_sliding_window": true, "max_window_layers": 0, "tie_word_embeddings": true});
    compare("qwen2", &extra, true);
}

#[test]
fn qwen3() {
    compare("qwen3", &json!({"head_dim": 16}), false);
}

#[test]
fn qwen3_with_biases_and_tied_embeddings() {
    compare("qwen3", &json!({"head_dim": 16, "attention_bias": true, "tie_word_embeddings": true}), false);
}
