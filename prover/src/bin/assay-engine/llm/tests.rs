use std::path::Path;

use assay_prover::{
    engine::TeeEngine as _,
    llm::{
        self,
        folder::Folder,
        generation::{Generation, Piece, Sampling},
        network::Want,
        schedule::{Limits, Loaded, Turn, Turns},
        settings::{Dtype, Pooling, Settings},
        specimen,
    },
};
use serde_json::{Value, json};

use crate::libtorch::Libtorch;

/// Small models: every family, every rule that changes what is multiplied.
fn specimens() -> Vec<(&'static str, Value)> {
    let base = |family: &str, extra: Value| {
        let mut config = json!({"model_type": family, "hidden_size": 32, "intermediate_size": 48,
            "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 261,
            "max_position_embeddings": 128, "rms_norm_eps": 1e-5});
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        config
    };
    let llama3 = json!({"rope_theta": 500000.0, "tie_word_embeddings": true, "attention_bias": true, "mlp_bias": true,
        "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64}});
    vec![
        ("llama", base("llama", json!({}))),
        ("llama3", base("llama", llama3)),
        ("mistral", base("mistral", json!({"sliding_window": 9, "head_dim": 12}))),
        (
            "qwen2",
            base(
                "qwen2",
                json!({"sliding_window": 7, "use_sliding_window": true, "max_window_layers": 1}),
            ),
        ),
        ("qwen3", base("qwen3", json!({"head_dim": 16, "num_key_value_heads": 1}))),
    ]
}

fn written(config: &Value, dtype: Dtype, shards: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    specimen::write(folder.path(), config, 3, dtype, shards).unwrap();
    folder
}

fn load(engine: &Libtorch, folder: &Path, settings: Settings) -> Result<Loaded, llm::Error> {
    engine.load(Folder::open(folder)?, settings, Box::new(|_| {}))
}

/// The logits after each part of a prompt of 40 tokens that ends in `last` parts of one token.
fn fed(loaded: &mut Loaded, parts: &[usize]) -> Vec<Vec<f32>> {
    let prompt: Vec<u32> = (0..40).map(|at| at * 37 % 261).collect();
    let slot = loaded.network.begin(40).unwrap();
    let mut at = 0;
    let logits = parts.iter().map(|count| {
        at += count;
        loaded.network.feed(slot, &prompt[at - count..at], Want::Logits).unwrap()
    });
    let logits = logits.collect();
    loaded.network.end(slot);
    logits
}

fn far(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_prompt_gives_the_same_logits_however_it_is_cut() {
    let engine = Libtorch::start().unwrap();
    for (name, config) in specimens() {
        let folder = written(&config, Dtype::F32, 1);
        let mut loaded = load(&engine, folder.path(), Settings::default()).unwrap();
        let single = fed(&mut loaded, &[1; 40]);
        assert!(single.iter().flatten().all(|logit| logit.is_finite()), "{name}");
        let spread = single[39].iter().fold(0.0_f32, |most, logit| most.max(logit.abs()));
        assert!(spread > 0.5, "{name}: logits are all about 0");
        for parts in [&[40][..], &[16, 16, 8], &[1, 20, 1, 18], &[12, 27, 1]] {
            let logits = fed(&mut loaded, parts);
            let mut at = 0;
            for (count, logits) in parts.iter().zip(logits) {
                at += count;
                let far = far(&logits, &single[at - 1]);
                assert!(far < 1e-4, "{name} in {parts:?}, token {at}: {far}");
            }
        }
    }
}

#[test]
fn equal_runs_give_equal_bits_whoever_runs_between() {
    let engine = Libtorch::start().unwrap();
    for (name, config) in specimens() {
        let folder = written(&config, Dtype::F32, 1);
        let settings = Settings { threads: 2, ..Settings::default() };
        let mut loaded = load(&engine, folder.path(), settings).unwrap();
        let alone = fed(&mut loaded, &[16, 16, 8]);
        let prompt: Vec<u32> = (0..40).map(|at| at * 37 % 261).collect();
        let (slot, other) = (loaded.network.begin(40).unwrap(), loaded.network.begin(99).unwrap());
        let mut between = Vec::new();
        for part in [&prompt[..16], &prompt[16..32], &prompt[32..]] {
            loaded.network.feed(other, &prompt[..7], Want::Nothing).unwrap();
            between.push(loaded.network.feed(slot, part, Want::Logits).unwrap());
        }
        assert_eq!(alone, between, "{name}");
        let again = load(&engine, folder.path(), Settings { threads: 2, ..Settings::default() });
        assert_eq!(alone, fed(&mut again.unwrap(), &[16, 16, 8]), "{name}");
    }
}

#[test]
fn shards_and_smaller_numbers_are_the_same_model() {
    let engine = Libtorch::start().unwrap();
    let (_, config) = specimens().remove(0);
    let one = written(&config, Dtype::F32, 1);
    let three = written(&config, Dtype::F32, 3);
    let logits = |folder: &tempfile::TempDir, dtype| {
        let settings = Settings { dtype, ..Settings::default() };
        let mut loaded = load(&engine, folder.path(), settings).unwrap();
        (loaded.model.settings().dtype, fed(&mut loaded, &[40]).remove(0))
    };
    let (dtype, whole) = logits(&one, None);
    assert_eq!(dtype, Some(Dtype::F32));
    assert_eq!(logits(&three, None).1, whole);
    for (dtype, bound) in [(Dtype::Bf16, 0.5), (Dtype::F16, 0.1)] {
        let stored = written(&config, dtype, 1);
        let (as_stored, found) = logits(&stored, None);
        assert_eq!(as_stored, Some(dtype));
        assert!(far(&found, &whole) < bound, "{dtype}: {}", far(&found, &whole));
        // The same weights in wider numbers.
        let (_, widened) = logits(&stored, Some(Dtype::F32));
        assert!(far(&widened, &found) < bound, "{dtype}: {}", far(&widened, &found));
    }
}

#[test]
fn states_are_summed_or_the_last_one_is_given() {
    let engine = Libtorch::start().unwrap();
    let mut config = specimens().remove(0).1;
    config["architectures"] = json!(["LlamaModel"]);
    let folder = written(&config, Dtype::F32, 1);
    let mut loaded = load(&engine, folder.path(), Settings::default()).unwrap();
    assert!(!loaded.model.generates());
    let text: Vec<u32> = (5..25).collect();
    let network = loaded.network.as_mut();
    let each: Vec<Vec<f32>> = {
        let slot = network.begin(20).unwrap();
        text.iter().map(|token| network.feed(slot, &[*token], Want::Last).unwrap()).collect()
    };
    let slot = network.begin(20).unwrap();
    network.feed(slot, &text[..8], Want::Nothing).unwrap();
    assert!(far(&network.feed(slot, &text[8..], Want::Last).unwrap(), &each[19]) < 1e-4);
    let slot = network.begin(20).unwrap();
    let sums = [
        network.feed(slot, &text[..8], Want::Sum).unwrap(),
        network.feed(slot, &text[8..], Want::Sum).unwrap(),
    ];
    for (at, (first, second)) in sums[0].iter().zip(&sums[1]).enumerate() {
        let sum: f32 = each.iter().map(|state| state[at]).sum();
        assert!((first + second - sum).abs() < 1e-3);
    }
    let slot = network.begin(1).unwrap();
    let found = network.feed(slot, &[1], Want::Logits).unwrap_err();
    assert_eq!(found.code(), "engine-model-failed");
}

#[test]
fn what_cannot_be_followed_is_refused_and_the_engine_goes_on() {
    let engine = Libtorch::start().unwrap();
    let (_, config) = specimens().remove(0);
    let folder = written(&config, Dtype::F32, 1);
    for device in ["cuda:99", "tpu", "cuda:x", ""] {
        let settings = Settings { device: device.to_owned(), ..Settings::default() };
        assert_eq!(
            load(&engine, folder.path(), settings).err().unwrap().code(),
            "llm-setting",
            "{device}"
        );
    }
    let settings = Settings { threads: 0, ..Settings::default() };
    assert_eq!(load(&engine, folder.path(), settings).err().unwrap().code(), "llm-setting");
    let mut loaded = load(&engine, folder.path(), Settings::default()).unwrap();
    let slot = loaded.network.begin(9).unwrap();
    assert_eq!(
        loaded.network.feed(slot, &[999], Want::Logits).unwrap_err().code(),
        "engine-model-failed"
    );
    loaded.network.end(slot);
    assert_eq!(
        loaded.network.feed(slot, &[9], Want::Logits).unwrap_err().code(),
        "engine-model-failed"
    );
    assert_eq!(fed(&mut loaded, &[40]).len(), 1);
}

#[test]
fn an_encoder_is_a_module_of_tokens_and_mask() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"model_type": "bert", "hidden_size": 3, "vocab_size": 261, "max_position_embeddings": 16});
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), specimen::byte_level(&[])).unwrap();
    let examples = [
        tch::Tensor::ones([1, 4], (tch::Kind::Int64, tch::Device::Cpu)),
        tch::Tensor::ones([1, 4], (tch::Kind::Int64, tch::Device::Cpu)),
    ];
    let factors = tch::Tensor::from_slice(&[1.0_f32, 10.0, 100.0]);
    let mut function = |inputs: &[tch::Tensor]| {
        let masked = (&inputs[0] * &inputs[1]).to_kind(tch::Kind::Float);
        vec![masked.unsqueeze(-1) * &factors]
    };
    let module =
        tch::CModule::create_by_tracing("module", "forward", &examples, &mut function).unwrap();
    module.save(folder.path().join("model.pt")).unwrap();
    let engine = Libtorch::start().unwrap();
    let loaded = load(&engine, folder.path(), Settings::default()).unwrap();
    assert_eq!((loaded.model.pooling(), loaded.model.hidden()), (Pooling::Mean, 3));
    let (digest, mut turns) =
        (loaded.model.digest(), Turns::new(Limits { chunk: 2, ..Limits::default() }));
    turns.add(loaded);
    let (reply, mut answer) = tokio::sync::oneshot::channel();
    turns.embed(digest, vec![vec![1, 2, 3], vec![7]], reply);
    while turns.turn() != Turn::Idle {}
    assert_eq!(answer.try_recv().unwrap().unwrap(), [[2.0, 20.0, 200.0], [7.0, 70.0, 700.0]]);
}

#[test]
fn several_answers_are_made_in_turns_and_each_is_as_if_alone() {
    let engine = Libtorch::start().unwrap();
    let (_, config) = specimens().remove(4);
    let folder = written(&config, Dtype::F32, 1);
    let loaded = load(&engine, folder.path(), Settings::default()).unwrap();
    let (model, mut turns) = (
        std::sync::Arc::clone(&loaded.model),
        Turns::new(Limits { chunk: 8, ..Limits::default() }),
    );
    turns.add(loaded);
    let sampling = |seed| Sampling {
        temperature: 0.8,
        top_p: 0.9,
        top_k: 40,
        min_p: 0.01,
        repetition_penalty: 1.1,
        frequency_penalty: 0.1,
        presence_penalty: 0.1,
        seed,
    };
    let begin = |turns: &mut Turns, seed: u64| {
        let (pieces, receiver) = tokio::sync::mpsc::channel(64);
        let prompt = model.encode(&"a receipt ".repeat(1 + seed as usize)).unwrap();
        let request = Generation {
            prompt,
            sampling: sampling(seed),
            stop: Vec::new(),
            max_tokens: 30,
            logprobs: Some(2),
            pieces,
        };
        turns.generate(model.digest(), request).unwrap();
        receiver
    };
    let came = |mut receiver: tokio::sync::mpsc::Receiver<Piece>| {
        let pieces: Vec<Piece> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
        let (mut ids, mut text) = (Vec::new(), String::new());
        for piece in &pieces {
            match piece {
                Piece::Token(token) => {
                    ids.push(token.id);
                    text += &token.text;
                    let (own, first) = token.logprob.as_ref().unwrap();
                    assert!(*own <= first[0].1 && first.len() == 2 && first[0].1 < 0.0);
                }
                Piece::End(end) => text += &end.text,
                Piece::Failed(error) => panic!("{error}"),
            }
        }
        assert!(matches!(pieces.last(), Some(Piece::End(_))));
        assert_eq!(text, model.decode(&ids).unwrap());
        (ids, text)
    };
    let together: Vec<_> = (0..4).map(|seed| begin(&mut turns, seed)).collect();
    while turns.turn() != Turn::Idle {}
    for (seed, receiver) in (0..4).zip(together) {
        let alone = begin(&mut turns, seed);
        while turns.turn() != Turn::Idle {}
        let (alone, together) = (came(alone), came(receiver));
        assert!(!alone.0.is_empty());
        assert_eq!(alone, together);
    }
}
