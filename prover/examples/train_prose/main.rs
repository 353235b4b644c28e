//! Trains the small language model of `models/prose` from nothing (`make train-prose`): the documents of this
//! repository, and conversations that a grammar makes. A Llama of some 800,000 weights, in a few minutes on two cores.
//!
//! usage: `train_prose FOLDER DOCUMENT...`, with `STEPS` in the environment for fewer steps

mod grammar;
mod network;
mod sentences;
mod tokens;
mod topics;

use std::{env, fs, path::Path, time::Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tch::{
    Device, Kind, Tensor,
    nn::{self, OptimizerConfig as _},
};

use grammar::Grammar;
use network::{Network, Shape};
use tokens::{END, Tokens};

const SHAPE: Shape =
    Shape { vocabulary: 1024, hidden: 128, inner: 320, layers: 4, heads: 4, kv_heads: 2 };
/// Tokens of a sequence; the model's context.
const CONTEXT: i64 = 256;
const BATCH: i64 = 16;
const STEPS: i64 = 800;
const LEARNING_RATE: f64 = 3e-3;
const SEED: i64 = 20_261_121;
/// One sequence in so many is of the documents, the others are conversations.
const DOCUMENTS: i64 = 4;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [folder, documents @ ..] = args.as_slice() else {
        bail!("usage: train_prose FOLDER DOCUMENT...");
    };
    let steps = match env::var("STEPS") {
        Ok(steps) => steps.parse().context("STEPS is a whole number")?,
        Err(_) => STEPS,
    };
    tch::set_num_threads(2);
    tch::manual_seed(SEED);
    let mut grammar = Grammar::new(SEED.unsigned_abs());

    let prose = documents
        .iter()
        .map(|path| fs::read_to_string(path).with_context(|| path.clone()))
        .collect::<Result<Vec<_>>>()?;
    let talk: Vec<String> = (0..4000).map(|_| grammar.conversation()).collect();
    let tokens = Tokens::train(SHAPE.vocabulary, prose.iter().chain(&talk))?;
    let prose = tokens.stream(&prose)?;
    println!("{} tokens of documents", prose.len());

    let store = nn::VarStore::new(Device::Cpu);
    let network = Network::new(&store.root(), SHAPE, CONTEXT);
    let weights: usize = store.trainable_variables().iter().map(Tensor::numel).sum();
    println!("{weights} weights");
    let mut adam =
        nn::AdamW { wd: 0.05, beta2: 0.98, ..nn::AdamW::default() }.build(&store, LEARNING_RATE)?;
    let (begun, mut sum) = (Instant::now(), 0.0);
    let mut loss_at_end = 0.0;
    for step in 0..steps {
        adam.set_lr(LEARNING_RATE * rate(step, steps));
        let mut batch = Vec::new();
        for row in 0..BATCH {
            let sequence = if row % DOCUMENTS == 0 {
                let most = i64::try_from(prose.len())? - CONTEXT - 1;
                let at = usize::try_from(
                    Tensor::randint(most, [1], (Kind::Int64, Device::Cpu)).int64_value(&[0]),
                )?;
                prose[at..=at + usize::try_from(CONTEXT)?].to_vec()
            } else {
                conversations(&tokens, &mut grammar)?
            };
            batch.push(Tensor::from_slice(&sequence));
        }
        let batch = Tensor::stack(&batch, 0);
        let logits = network.forward(&batch.narrow(1, 0, CONTEXT));
        let wanted = batch.narrow(1, 1, CONTEXT).reshape([-1]);
        let loss = logits.view([-1, SHAPE.vocabulary]).cross_entropy_for_logits(&wanted);
        adam.backward_step_clip_norm(&loss, 1.0);
        sum += loss.double_value(&[]);
        if (step + 1) % 50 == 0 {
            loss_at_end = sum / 50.0;
            sum = 0.0;
            let left =
                begun.elapsed().as_secs_f64() / (step + 1) as f64 * (steps - step - 1) as f64;
            println!("step {:5}/{steps}: loss {loss_at_end:.3}, {left:.0} s left", step + 1);
        }
    }
    save(folder.as_ref(), &store, &tokens)?;
    let report = json!({"weights": weights, "steps": steps, "seed": SEED, "loss": (loss_at_end * 1000.0).round() / 1000.0,
        "seconds": begun.elapsed().as_secs()});
    println!("{report}");
    Ok(())
}

/// One sequence full of conversations, cut where it is full.
fn conversations(tokens: &Tokens, grammar: &mut Grammar) -> Result<Vec<i64>> {
    let most = usize::try_from(CONTEXT + 1)?;
    let mut sequence = Vec::new();
    while sequence.len() < most {
        sequence.extend(tokens.encode(&grammar.conversation())?);
    }
    sequence.truncate(most);
    Ok(sequence)
}

/// Up for a twentieth of the steps, then down a cosine to a twentieth.
fn rate(step: i64, steps: i64) -> f64 {
    let (step, steps) = (step as f64, steps as f64);
    let warm = steps / 20.0;
    if step < warm {
        return (step + 1.0) / (warm + 1.0);
    }
    let done = (step - warm) / (steps - warm);
    0.05 + 0.95 * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

/// Writes the folder as Hugging Face lays it out.
fn save(folder: &Path, store: &nn::VarStore, tokens: &Tokens) -> Result<()> {
    fs::create_dir_all(folder)?;
    let write = |name: &str, text: String| {
        fs::write(folder.join(name), text).with_context(|| name.to_owned())
    };
    let end = tokens.id(END).context("the vocabulary has its end")?;
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": SHAPE.hidden, "intermediate_size": SHAPE.inner, "num_hidden_layers": SHAPE.layers,
        "num_attention_heads": SHAPE.heads, "num_key_value_heads": SHAPE.kv_heads,
        "vocab_size": SHAPE.vocabulary, "max_position_embeddings": CONTEXT, "rms_norm_eps": network::EPSILON,
        "rope_theta": network::THETA, "tie_word_embeddings": true, "eos_token_id": end, "torch_dtype": "bfloat16",
    });
    write("config.json", format!("{config:#}\n"))?;
    let special = json!({"eos_token": END, "chat_template": tokens::TEMPLATE});
    write("tokenizer_config.json", format!("{special:#}\n"))?;
    tokens.save(&folder.join("tokenizer.json"))?;
    let mut tensors: Vec<_> = store.variables().into_iter().collect();
    tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
    let stored = tensors
        .iter()
        .map(|(name, tensor)| (name.replace('|', "."), tensor.detach().to_kind(Kind::BFloat16)));
    let stored: Vec<_> = stored.collect();
    Tensor::write_safetensors(&stored, folder.join("model.safetensors"))?;
    Ok(())
}
