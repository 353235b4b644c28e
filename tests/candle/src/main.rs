//! Times a decoder of candle's as `assay-engine llm-probe` times ours. Prints one JSON object.
//!
//! usage: candle-peer FOLDER PROMPT_LENGTH TOKENS RUNS, with RAYON_NUM_THREADS threads

use std::{path::Path, time::Instant};

use anyhow::{Context as _, Result};
use candle_peer::{Peer, likeliest};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let number = |at: usize| args.get(at).and_then(|arg| arg.parse::<usize>().ok()).context("usage: FOLDER PROMPT TOKENS RUNS");
    let (length, count, runs) = (number(2)?, number(3)?, number(4)?);
    let prompt: Vec<u32> = (0..length).map(|at| (at * 37 % 251) as u32).collect();
    let begun = Instant::now();
    let mut peer = Peer::load(Path::new(&args[1]))?;
    let load_s = begun.elapsed().as_secs_f64();
    let (mut prefill_s, mut decode_s, mut tokens) = (f64::MAX, f64::MAX, Vec::new());
    for _ in 0..runs.max(1) {
        peer.clear()?;
        tokens.clear();
        let begun = Instant::now();
        let mut next = peer.feed(&prompt)?;
        prefill_s = prefill_s.min(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for _ in 0..count {
            let token = likeliest(&next);
            tokens.push(token);
            next = peer.feed(&[token])?;
        }
        decode_s = decode_s.min(begun.elapsed().as_secs_f64());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let object = serde_json::json!({
        "prompt_tokens": length, "tokens": tokens, "load_s": load_s, "prefill_s": prefill_s, "decode_s": decode_s,
        "peak_rss_mb": peak.map(|kib| kib / 1024.0),
    });
    println!("{object}");
    Ok(())
}
