//! `llm-probe`, `llm-specimen` and `llm-text`: language models without the service, for tests and measurements.

use std::{
    io::{self, BufRead as _},
    path::Path,
    time::Instant,
};

use serde::Deserialize;
use serde_json::json;

use super::{
    Outcome, Start,
    args::{LlmProbeArgs, LlmSpecimenArgs},
    memory, read, write,
};
use crate::{
    error::Error,
    llm::{
        self, Value,
        folder::Folder,
        network::{Network, Want},
        settings::{Dtype, Pooling, Settings},
        specimen as specimens,
    },
};

/// Feeds a prompt, then the likeliest token again and again; prints one JSON object.
pub(super) fn probe(args: &LlmProbeArgs, start: Start<'_>) -> Result<Outcome, Error> {
    let begun = Instant::now();
    let settings = Settings {
        device: args.device.clone(),
        dtype: args.dtype.as_deref().map(dtype).transpose()?,
        threads: args.threads,
        pooling: Pooling::Mean,
    };
    let engine = start()?;
    let mut loaded = engine.load(Folder::open(&args.folder)?, settings, Box::new(|_| {}))?;
    let load_s = begun.elapsed().as_secs_f64();
    let loaded_mb = memory::peak_mb();
    let mut runs = (0..args.runs.max(1)).map(|_| run(args, loaded.network.as_mut()));
    let mut best = runs.next().ok_or_else(|| Error::Usage { why: "no run".to_owned() })??;
    for run in runs {
        let run = run?;
        best.prefill_s = best.prefill_s.min(run.prefill_s);
        best.decode_s = best.decode_s.min(run.decode_s);
    }
    if let Some(path) = &args.logits {
        let bytes: Vec<u8> =
            best.logits.iter().flatten().flat_map(|logit| logit.to_le_bytes()).collect();
        write(path, &bytes)?;
    }
    let object = json!({
        "model": loaded.model.digest(),
        "dtype": loaded.model.settings().dtype.map(Dtype::name),
        "threads": args.threads,
        "prompt_tokens": args.prompt.len(),
        "tokens": best.tokens,
        "load_s": load_s,
        "prefill_s": best.prefill_s,
        "decode_s": best.decode_s,
        "loaded_peak_rss_mb": loaded_mb,
        "peak_rss_mb": memory::peak_mb(),
    });
    say!("{object}");
    Ok(Outcome::Accepted)
}

/// A model of random weights.
pub(super) fn specimen(args: &LlmSpecimenArgs) -> Result<Outcome, Error> {
    let refuse = |why: String| Error::Usage { why };
    let config = read(&args.config)?;
    let config = serde_json::from_slice(&config).map_err(|error| refuse(error.to_string()))?;
    let unwritable = |error: std::io::Error| Error::Unwritable {
        path: args.output.clone(),
        why: error.to_string(),
    };
    specimens::write(&args.output, &config, args.seed, dtype(&args.dtype)?, args.shards)
        .map_err(unwritable)?;
    Ok(Outcome::Accepted)
}

/// A line that `llm-text` reads.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Text { text: String },
    Chat { messages: Value, tools: Option<Value> },
}

/// Tokens of texts and what these decode to; texts of conversations and their tokens; or why there are none.
pub(super) fn text(folder: &Path) -> Result<Outcome, Error> {
    let settings =
        Settings { device: "cpu".to_owned(), dtype: None, threads: 1, pooling: Pooling::Mean };
    // Nobody multiplies: the weights are read, and forgotten.
    let model = Folder::open(folder)?.load(settings, &mut |_| {}, &mut |_| Ok(()))?;
    let refuse = |why: String| Error::Usage { why };
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| refuse(error.to_string()))?;
        let line = serde_json::from_str(&line).map_err(|error| refuse(error.to_string()))?;
        let answer: Result<_, llm::Error> = match line {
            Line::Text { text } => model.encode(&text).and_then(|tokens| {
                model.decode(&tokens).map(|text| json!({"tokens": tokens, "text": text}))
            }),
            Line::Chat { messages, tools } => {
                model.chat_text(&messages, tools.as_ref()).and_then(|text| {
                    let tokens = model.chat(&messages, tools.as_ref())?;
                    Ok(json!({"text": text, "tokens": tokens}))
                })
            }
        };
        let answer =
            answer.unwrap_or_else(|error| json!({"error": error.code(), "why": error.to_string()}));
        say!("{answer}");
    }
    Ok(Outcome::Accepted)
}

struct Run {
    tokens: Vec<u32>,
    logits: Vec<Vec<f32>>,
    prefill_s: f64,
    decode_s: f64,
}

fn run(args: &LlmProbeArgs, network: &mut dyn Network) -> Result<Run, Error> {
    let longest = args.prompt.len().saturating_add(args.tokens);
    let slot = network.begin(u64::try_from(longest).unwrap_or(u64::MAX))?;
    let begun = Instant::now();
    let mut chunks = args.prompt.chunks(args.chunk.max(1)).peekable();
    let mut next = Vec::new();
    while let Some(chunk) = chunks.next() {
        let want = if chunks.peek().is_some() { Want::Nothing } else { Want::Logits };
        next = network.feed(slot, chunk, want)?;
    }
    let prefill_s = begun.elapsed().as_secs_f64();
    let (mut tokens, mut logits) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    for _ in 0..args.tokens {
        let likeliest =
            (0..).zip(&next).max_by(|(a, x), (b, y)| f32::total_cmp(x, y).then(u32::cmp(b, a)));
        let Some((token, _)) = likeliest else { break };
        tokens.push(token);
        if args.logits.is_some() {
            logits.push(std::mem::take(&mut next));
        }
        next = network.feed(slot, &[token], Want::Logits)?;
    }
    network.end(slot);
    Ok(Run { tokens, logits, prefill_s, decode_s: begun.elapsed().as_secs_f64() })
}

fn dtype(name: &str) -> Result<Dtype, Error> {
    Dtype::named(name)
        .ok_or_else(|| Error::Usage { why: format!("{name:?} is none of f32, f16, bf16") })
}
