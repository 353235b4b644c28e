// `assay serve` with a small language model of random weights, for tests of what its clients see.

import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ASSAY } from "./cli.mjs";
import { ROOT } from "./vectors.mjs";

export const MODEL = "tiny";

const CONFIG = {
  model_type: "llama", architectures: ["LlamaForCausalLM"], hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2,
  num_attention_heads: 4, num_key_value_heads: 2, vocab_size: 264, max_position_embeddings: 2048, rms_norm_eps: 1e-5,
  rope_theta: 10000, hidden_act: "silu", tie_word_embeddings: false,
};

/** Starts it in a folder of target/tmp; gives its address, the policies that it suggests for a path, reviewed, and its end. */
export async function serveModel(name) {
  const folder = join(ROOT, "target/tmp", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify(CONFIG));
  const made = spawnSync(ASSAY, ["llm-specimen", "config.json", "-o", MODEL, "--seed", "7"], { cwd: folder, encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr);
  const address = `127.0.0.1:${await freePort()}`;
  const log = openSync(join(folder, "serve.log"), "w");
  const words = ["serve", "--llm", MODEL, "--listen", address, "--state", "state"];
  const env = { ...process.env, ASSAY_ADMIN_LISTEN: "127.0.0.1:0" };
  const child = spawn(ASSAY, words, { cwd: folder, env, stdio: ["ignore", "ignore", log] });
  closeSync(log);
  const url = `http://${address}`;
  for (let wait = 0; !(await fetch(`${url}/readyz`).catch(() => ({}))).ok; wait += 1) {
    if (wait > 600 || child.exitCode !== null) throw new Error(readFileSync(join(folder, "serve.log"), "utf8"));
    await sleep(100);
  }
  /** For the nonce of the caller, or for this one. */
  const policy = async (path, nonce) => {
    const suggested = await (await fetch(`${url}/v1/policy${nonce === undefined ? "" : `?nonce=${nonce}`}`)).json();
    const { unreviewed, ...reviewed } = suggested.policies[`llm-${MODEL}`].find((one) => one.path === path).policy;
    return JSON.stringify(reviewed);
  };
  return { url, policy, stop: () => child.kill("SIGTERM") };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
