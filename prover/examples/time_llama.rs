//! How long libtorch takes for a Llama of random weights and a given configuration, written plainly: what `assay-engine` is
//! compared with. Beside it the bandwidth of the memory, which is what a token at a time is bound by. Prints one JSON object.
//!
//! usage: `time_llama CONFIG_JSON PROMPT_LENGTH RUNS THREADS`

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use tch::{Device, Kind, Tensor, nn};

#[path = "train_prose/network.rs"]
mod network;

use network::{Network, Shape};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [config, length, runs, threads] = args.as_slice() else {
        bail!("usage: time_llama CONFIG_JSON PROMPT_LENGTH RUNS THREADS");
    };
    let (length, runs): (i64, usize) = (length.parse()?, runs.parse()?);
    tch::set_num_threads(threads.parse()?);
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(config)?)?;
    let field = |name: &str| config[name].as_i64().with_context(|| name.to_owned());
    let shape = Shape {
        vocabulary: field("vocab_size")?,
        hidden: field("hidden_size")?,
        inner: field("intermediate_size")?,
        layers: field("num_hidden_layers")?,
        heads: field("num_attention_heads")?,
        kv_heads: field("num_key_value_heads")?,
    };
    let store = nn::VarStore::new(Device::Cpu);
    let network = Network::new(&store.root(), shape, length);
    let whole = Tensor::randint(shape.vocabulary, [1, length], (Kind::Int64, Device::Cpu));
    let one = whole.narrow(1, 0, 1);
    let big = Tensor::rand([64 << 20], (Kind::Float, Device::Cpu));
    let prefill_s = best(runs, || drop(network.forward(&whole)));
    // A token by itself: all weights, and nothing that came before.
    let decode_s = best(4 * runs, || drop(network.forward(&one)));
    let read_s = best(4 * runs, || drop(big.sum(Kind::Float)));
    let object = serde_json::json!({
        "prefill_s": prefill_s, "decode_s": decode_s, "memory_gb_s": (4 << 26) as f64 / read_s / 1e9,
        "weights": store.trainable_variables().iter().map(Tensor::numel).sum::<usize>(),
    });
    println!("{object}");
    Ok(())
}

/// The fastest run, after one that allocates.
fn best(runs: usize, forward: impl Fn()) -> f64 {
    let time = || {
        let begun = Instant::now();
        tch::no_grad(&forward);
        begun.elapsed().as_secs_f64()
    };
    time();
    (0..runs.max(1)).map(|_| time()).fold(f64::MAX, f64::min)
}
