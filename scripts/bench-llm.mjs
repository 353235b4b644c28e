#!/usr/bin/env node
// A Llama of random weights: ours, candle's, and a plain forward of libtorch's take turns; then the same model behind HTTP, where
// the time of receipts is told apart. Writes BENCHMARKS.md. usage: bench-llm.mjs CANDLE_PEER, as `make bench-llm` runs it

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { record } from "./bench/record.mjs";

const [peer] = process.argv.slice(2);
const folder = "target/bench-llm";
const [PROMPT, TOKENS, ROUNDS, THREADS] = [256, 64, 3, 2];
const config = {
  model_type: "llama", architectures: ["LlamaForCausalLM"], hidden_act: "silu", hidden_size: 768, intermediate_size: 2048,
  num_hidden_layers: 12, num_attention_heads: 12, num_key_value_heads: 4, vocab_size: 16384, max_position_embeddings: 1024,
  rms_norm_eps: 1e-5, rope_theta: 10000, tie_word_embeddings: false,
};

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/config.json`, JSON.stringify(config));
run("target/release/assay", ["llm-specimen", `${folder}/config.json`, "-o", `${folder}/model`]);

const prompt = Array.from({ length: PROMPT }, (_, at) => (at * 37) % 251);
const probe = ["llm-probe", `${folder}/model`, "--prompt", prompt.join(","), "--tokens", String(TOKENS), "--threads", String(THREADS)];
const [ours, theirs, plain] = [[], [], []];
for (let round = 1; round <= ROUNDS; round += 1) {
  process.stderr.write(`round ${round}/${ROUNDS}\n`);
  ours.push(json("target/release/assay", probe));
  theirs.push(json(peer, [`${folder}/model`, String(PROMPT), String(TOKENS), "1"], { RAYON_NUM_THREADS: String(THREADS) }));
  plain.push(json("target/release/time_llama", [`${folder}/config.json`, String(PROMPT), "2", String(THREADS)]));
}
if (ours[0].tokens.join() !== theirs[0].tokens.join()) throw new Error("candle chooses other tokens");
const best = (runs, field) => Math.min(...runs.map((one) => one[field]));
const served = await serve();

const date = new Date().toISOString().slice(0, 10);
const [prefill, decode] = [PROMPT, TOKENS];
const row = (name, runs, tokens) => {
  const [fill, go] = [best(runs, "prefill_s"), best(runs, "decode_s") / tokens];
  return { name, prefill: prefill / fill, decode: 1 / go, memory: runs[0].peak_rss_mb, load: runs[0].load_s };
};
const rows = [row("assay-engine", ours, decode), row("candle 0.11.1", theirs, decode), row("libtorch, a plain forward", plain, 1)];
const [us, them, torch] = rows;
const bandwidth = Math.max(...plain.map((one) => one.memory_gb_s));
const weights = plain[0].weights + config.vocab_size * config.hidden_size;
const moved = (us.decode * plain[0].weights * 4) / 1e9;
const number = (value, digits = 1) => (value === undefined ? "" : value.toFixed(digits));
record("llm", { machine: `${cpus()[0].model.trim()}, ${cpus().length} cores`, date }, `**${number(us.prefill / them.prefill, 2)} times candle's prefill, ${number(us.decode / them.decode, 2)} times its decode**, and the same ${TOKENS} tokens; ${number(us.prefill / torch.prefill, 2)} and
${number(us.decode / torch.decode, 2)} times a plain forward's. A Llama of ${number(weights / 1e6)} million random weights (hidden ${config.hidden_size}, inner ${config.intermediate_size}, ${config.num_hidden_layers} layers, ${config.num_attention_heads} heads, ${config.num_key_value_heads} of keys, vocabulary ${config.vocab_size.toLocaleString("en")}),
\`f32\`, batch 1, ${THREADS} threads, a prompt of ${PROMPT} tokens and ${TOKENS} after it; the fastest of ${ROUNDS} turns each.

| | prefill, tokens/s | decode, tokens/s | peak memory | loading |
|---|---|---|---|---|
${rows.map((one) => `| ${one.name} | ${number(one.prefill)} | ${number(one.decode)} | ${one.memory === undefined ? "" : `${number(one.memory, 0)} MB`} | ${one.load === undefined ? "" : `${number(one.load)} s`} |`).join("\n")}

The plain forward gives logits of every token and has no cache: its decode is one token with nothing before it. Memory is read at ${number(bandwidth)} GB/s (a sum over 256 MiB, ${THREADS} threads);
decoding reads all weights for each token, ${number(moved)} GB/s. Our loading takes the SHA-256 of every byte.

Behind HTTP, ${served.requests} requests of the same length: receipts (committing and signing, checking, storing) took **${number(served.share * 100, 2)} %** of the time of a request,
${number(served.receipt_ms)} ms; the first token came after ${number(served.first_ms, 0)} ms (median), ${number(served.rate)} tokens/s after it, ${number(served.memory, 0)} MB at most.`);
console.log(JSON.stringify({ decode_over_candle: us.decode / them.decode, prefill_over_candle: us.prefill / them.prefill, receipt_share: served.share, rows, served }, null, 2));

function run(program, args, env = {}) {
  return execFileSync(program, args, { encoding: "utf8", env: { ...process.env, ...env }, maxBuffer: 1 << 26 });
}

function json(program, args, env) {
  return JSON.parse(run(program, args, env).trim().split("\n").at(-1));
}

/** The model as clients meet it: streams of as many tokens, one after another. */
async function serve() {
  const address = "127.0.0.1:8991";
  writeFileSync(`${folder}/assay.toml`, `listen = '${address}'\nstate = 'state'\n[admin]\nlisten = '127.0.0.1:0'\n[log]\nformat = 'json'\n[[llm]]\npath = 'model'\nname = 'bench'\nthreads = ${THREADS}\n`);
  const log = openSync(`${folder}/serve.log`, "w");
  const child = spawn("target/release/assay", ["serve", "--config", `${folder}/assay.toml`], { stdio: ["ignore", "ignore", log] });
  try {
    for (let wait = 0; !(await fetch(`http://${address}/readyz`).catch(() => ({}))).ok; wait += 1) {
      if (wait > 300 || child.exitCode !== null) throw new Error(readFileSync(`${folder}/serve.log`, "utf8"));
      await sleep(200);
    }
    // A token is a byte there, but for blanks, which this text has none of. Most tokens that come are none of the tokenizer's and have no
    // text: with their probabilities each has an event all the same.
    const body = { model: "bench", prompt: "a".repeat(PROMPT), max_tokens: TOKENS, temperature: 0, stream: true, logprobs: 0 };
    const [first, rate] = [[], []];
    const requests = 8;
    for (let request = 0; request < requests; request += 1) {
      const begun = performance.now();
      const answer = await fetch(`http://${address}/v1/completions`, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
      });
      let [began, text] = [undefined, ""];
      const decoder = new TextDecoder();
      for await (const piece of answer.body) {
        text += decoder.decode(piece, { stream: true });
        if (began === undefined && text.includes("data: {")) began = performance.now();
      }
      if (!text.includes("event: assay.receipt")) throw new Error(text);
      first.push(began - begun);
      rate.push((TOKENS - 1) / ((performance.now() - began) / 1000));
    }
    const lines = readFileSync(`${folder}/serve.log`, "utf8").split("\n").filter((line) => line.includes('"exchanged"'));
    const times = lines.map((line) => JSON.parse(line)).map((line) => line.fields ?? line).slice(1);
    const receipt = times.map((one) => one.sign_ms + one.check_ms + one.store_ms);
    const share = times.map((one, at) => receipt[at] / one.elapsed_ms);
    // `assay` became `assay-engine`: the same process.
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    return {
      requests, share: median(share), receipt_ms: median(receipt), first_ms: median(first.slice(1)), rate: median(rate.slice(1)),
      memory: Number(/VmHWM:\s+(\d+) kB/.exec(status)[1]) / 1024,
    };
  } finally {
    child.kill("SIGTERM");
  }
}

function median(values) {
  return values.toSorted((one, other) => one - other)[values.length >> 1];
}
